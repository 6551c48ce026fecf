"""What is timed. A case is source text that runs unchanged with either library as `torch`."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

__all__ = ["CASES", "GROUPS", "ON_DEMAND", "Case"]

GROUPS = ("overhead", "autograd", "medium", "large", "arrays", "process")
#: Groups of cases that run only where they are named.
ON_DEMAND = ("linalg", "networks")


@dataclass(frozen=True)
class Case:
    group: str
    name: str
    statement: str  # timed
    setup: str = ""  # runs once, before
    target: float | None = None  # the ratio (PyTorch time / rushlight time) that must be reached
    threads: int = 1
    headline: bool = False  # stands in README's short table

    @property
    def label(self) -> str:
        return self.name if self.threads == 1 else f"{self.name}, {self.threads} threads"


CASES: list[Case] = []


def _add(
    group: str,
    name: str,
    statement: str,
    setup: str = "",
    target: float | None = None,
    threads: tuple[int, ...] = (1,),
    headline: bool = False,
) -> None:
    for count in threads:
        CASES.append(Case(group, name, dedent(statement).strip(), dedent(setup).strip(), target, count, headline))


def _overhead() -> None:
    leaf = "x = torch.ones(2, 2, requires_grad=True)"
    pair = "x = torch.ones(2, 2); y = torch.full((2, 2), 3.0)"
    square = "x = torch.arange(16.0).reshape(4, 4); y = torch.ones(4, 4)"
    _add(
        "overhead",
        "tutorial step, forward and backward",
        """
        y = x + 2
        z = y * y * 3
        z.mean().backward()
        """,
        leaf,
        target=40,
        headline=True,
    )
    _add(
        "overhead",
        "chain of 100 multiplications, forward and backward",
        """
        y = x
        for _ in range(100):
            y = y * x
        y.backward()
        """,
        "x = torch.tensor(1.001, requires_grad=True)",
        target=50,
        headline=True,
    )
    _add("overhead", "x + y, 2x2", "x + y", pair, target=15, headline=True)
    _add("overhead", "x + y, 2x2, recorded", "x + y", f"{leaf}; y = torch.ones(2, 2)", target=15, headline=True)
    _add("overhead", "x[0]", "x[0]", square, target=8, headline=True)
    _add("overhead", "x[:, 1]", "x[:, 1]", square, target=8)
    _add("overhead", "x.view(16)", "x.view(16)", square, target=8)
    _add("overhead", "x.transpose(0, 1)", "x.transpose(0, 1)", square, target=8)
    _add("overhead", "x.sum(), 4x4", "x.sum()", square, target=8)
    _add("overhead", "x @ y, 4x4", "x @ y", square, target=8, headline=True)
    _add("overhead", "torch.ones(2, 2)", "torch.ones(2, 2)", target=8)
    _add("overhead", "x.item()", "x.item()", "x = torch.tensor(2.5)", target=3)
    _add("overhead", "x.tolist(), 16 elements", "x.tolist()", "x = torch.arange(16.0)", target=3)
    _add("overhead", "with no_grad", "with torch.no_grad():\n    pass", target=5)
    _add("overhead", "x.detach()", "x.detach()", leaf, target=5)
    _add("overhead", "x * 2.0, 2x2", "x * 2.0", pair)
    _add("overhead", "x.add_(y), 2x2", "x.add_(y)", pair)
    _add("overhead", "x.exp(), 2x2", "x.exp()", pair)
    _add("overhead", "torch.tensor([1.0, 2.0])", "torch.tensor([1.0, 2.0])")
    _add(
        "overhead",
        "max_pool2d, 1x1x4x4",
        "pool(x, 2)",
        "x = torch.rand(1, 1, 4, 4); pool = torch.nn.functional.max_pool2d",
        target=5,
    )
    _add(
        "overhead",
        "avg_pool2d, 1x1x4x4",
        "pool(x, 2)",
        "x = torch.rand(1, 1, 4, 4); pool = torch.nn.functional.avg_pool2d",
        target=5,
    )
    _add("overhead", "autograd.grad of x * x", "torch.autograd.grad((x * x).sum(), x)", leaf)


def _autograd() -> None:
    """What programs build around the tape, on small tensors."""
    leaf = "x = torch.ones(2, 2, requires_grad=True)"
    function = """
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, t):
            ctx.save_for_backward(t)
            return t * t
        @staticmethod
        def backward(ctx, g):
            t, = ctx.saved_tensors
            return g * t * 2
    x = torch.ones(2, 2, requires_grad=True); g = torch.ones(2, 2)
    """
    _add("autograd", "custom Function, forward and backward", "Square.apply(x).backward(g)", function, target=5)
    _add("autograd", "register_hook and remove", "h = x.register_hook(f); h.remove()", f"{leaf}\ndef f(g): return g")
    _add(
        "autograd",
        "tensor hook, registered and run",
        """
        y = x * 2
        y.register_hook(f)
        y.backward(g)
        """,
        f"{leaf}; g = torch.ones(2, 2)\ndef f(g): return g",
        target=10,
    )
    _add(
        "autograd",
        "saved_tensors_hooks",
        """
        with hooks(pack, unpack):
            y = x.sin() * x
        y.backward(g)
        """,
        f"""{leaf}; g = torch.ones(2, 2); hooks = torch.autograd.graph.saved_tensors_hooks
def pack(t): return t
def unpack(t): return t""",
        target=10,
    )
    _add("autograd", "autograd.grad of (x * x).sum()", "torch.autograd.grad((x * x).sum(), x)", leaf, target=10)
    _add(
        "autograd",
        "autograd.grad of a graph that stays",
        "torch.autograd.grad(y, x, retain_graph=True)",
        f"{leaf}; y = (x * x).sum()",
        target=10,
    )
    _add(
        "autograd",
        "gradcheck of sin(x) * y",
        "gradcheck(f, (x, y))",
        """
        x = torch.rand(2, 2, dtype=torch.float64, requires_grad=True)
        y = torch.rand(2, 2, dtype=torch.float64, requires_grad=True)
        gradcheck = torch.autograd.gradcheck
        def f(a, b): return a.sin() * b
        """,
        target=5,
    )
    rosenbrock = """
    x = torch.linspace(-1, 1, 10)
    def f(t): return (100 * (t[1:] - t[:-1] ** 2) ** 2 + (1 - t[:-1]) ** 2).sum()
    F = torch.autograd.functional
    """
    _add("autograd", "hessian of Rosenbrock, 10 dimensions", "F.hessian(f, x)", rosenbrock, target=10)
    _add("autograd", "jacobian of exp, 10 numbers", "F.jacobian(torch.exp, x)", rosenbrock)
    _add("autograd", "vjp", "F.vjp(torch.exp, x, x)", rosenbrock)
    _add(
        "autograd",
        "checkpoint, forward and backward",
        "checkpoint(f, x, use_reentrant=False).sum().backward()",
        f"{leaf}\nfrom importlib import import_module\ncheckpoint = import_module(torch.__name__ + '.utils.checkpoint').checkpoint\n"
        "def f(t): return (t.sin() * t).exp()",
    )


def _medium() -> None:
    vector = "x = torch.randn(10_000); y = torch.randn(10_000)"
    for name, statement in {
        "x + y": "x + y",
        "exp": "x.exp()",
        "tanh": "x.tanh()",
        "sum": "x.sum()",
        "where": "torch.where(x > 0, x, y)",
        "cumsum": "x.cumsum(0)",
        "sort": "x.sort()",
    }.items():
        _add("medium", f"{name}, 10,000", statement, vector)
    _add("medium", "x[index], 10,000", "x[index]", vector + "; index = torch.randperm(10_000)")
    _add("medium", "broadcast (300, 1) + (300)", "x + y", "x = torch.randn(300, 1); y = torch.randn(300)")
    _add("medium", "transposed copy, 256x256", "x.t().contiguous()", "x = torch.randn(256, 256)")
    _add("medium", "softmax, 128x10", "torch.softmax(x, 1)", "x = torch.randn(128, 10)")
    for size in (32, 64, 128):
        _add("medium", f"matmul {size}", "x @ y", f"x = torch.randn({size}, {size}); y = torch.randn({size}, {size})")
    _add("medium", "bmm, 64 of 16x16", "torch.bmm(x, y)", "x = torch.randn(64, 16, 16); y = torch.randn(64, 16, 16)")
    _add(
        "medium",
        "training step, 64-64-10 network, batch 32",
        """
        log_p = torch.log_softmax(torch.relu(images @ w1 + b1) @ w2 + b2, 1)
        loss = -log_p.gather(1, labels).mean()
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p.sub_(p.grad, alpha=0.01)
                p.grad = None
        """,
        """
        images = torch.rand(32, 64); labels = torch.randint(10, (32, 1))
        w1 = (torch.randn(64, 64) * 0.17).requires_grad_(); b1 = torch.zeros(64, requires_grad=True)
        w2 = (torch.randn(64, 10) * 0.17).requires_grad_(); b2 = torch.zeros(10, requires_grad=True)
        parameters = [w1, b1, w2, b2]
        """,
        headline=True,
    )


def _large() -> None:
    four = "x = torch.rand(4_000_000, requires_grad=True); y = torch.rand(4_000_000); g = torch.ones(4_000_000)"
    for name, statement in {
        "add": "x + y",
        "mul": "x * y",
        "exp": "torch.exp(x)",
        "tanh": "torch.tanh(x)",
        "sigmoid": "torch.sigmoid(x)",
    }.items():
        headline = name in ("mul", "tanh")
        _add("large", f"{name}, 4 million", statement, four, 1.0, (1, 2), headline)
        backward = "torch.autograd.grad(z, x, g, retain_graph=True)"
        _add("large", f"{name} backward, 4 million", backward, f"{four}; z = {statement}", 1.0, (1, 2))
    sixteen = "x = torch.rand(256, 256, 256)"
    for name in ("sum", "mean"):
        _add("large", f"{name}, 16 million", f"x.{name}()", sixteen, 1.0, (1, 2), headline=name == "sum")
    for name in ("sum", "mean", "softmax"):
        for dim in range(3):
            _add("large", f"{name} over dim {dim}, 256x256x256", f"x.{name}({dim})", sixteen, 1.0, (1, 2))
    for dtype in ("float32", "float64"):
        for size in (256, 512, 1024, 2048):
            setup = f"x = torch.rand({size}, {size}, dtype=torch.{dtype}); y = torch.rand({size}, {size}, dtype=torch.{dtype})"
            headline = dtype == "float32" and size == 1024
            _add("large", f"matmul {dtype} {size}", "x @ y", setup, 0.95, (1, 2), headline)


def _arrays() -> None:
    """Large arrays beyond the stated figures of `large`: more operators, layouts and dtypes, their backward, indexing, sorting."""
    both = (1, 2)

    def case(name: str, statement: str, setup: str, target: float = 1.0) -> None:
        _add("arrays", name, statement, setup, target, both)

    def backward(name: str, statement: str, setup: str, target: float = 1.0) -> None:
        after = f"{setup}\nz = {statement}\ng = torch.ones_like(z)"
        _add("arrays", f"{name} backward", "torch.autograd.grad(z, x, g, retain_graph=True)", after, target, both)

    leaf = "x = torch.rand(4_000_000, requires_grad=True); y = torch.rand(4_000_000) + 0.5"
    for name, statement in {
        "sub": "x - y",
        "div": "x / y",
        "neg": "-x",
        "relu": "torch.relu(x)",
        "gelu": "torch.nn.functional.gelu(x)",
        "log": "torch.log(x)",
        "sqrt": "torch.sqrt(x)",
        "square": "x ** 2",
        "pow": "x ** y",
        "where": "torch.where(y > 1, x, y)",
        "clamp": "x.clamp(0.2, 0.8)",
    }.items():
        case(f"{name}, 4 million", statement, leaf)
        backward(f"{name}, 4 million", statement, leaf)
    plain = "x = torch.rand(4_000_000); y = torch.rand(4_000_000) + 0.5; i = torch.arange(4_000_000) % 100"
    for name, statement in {
        "less": "x < y",
        "equal": "x == y",
        "sin": "torch.sin(x)",
        "add_": "x.add_(y)",
        "mul_ by number": "x.mul_(1.0)",
        "add number": "x + 1.5",
        "int + float": "i + x",
        "int64 add": "i + i",
        "to float64": "x.to(torch.float64)",
        "to bfloat16": "x.to(torch.bfloat16)",
        "to float16": "x.to(torch.float16)",
        "to int64": "x.to(torch.int64)",
        "clone": "x.clone()",
        "zeros_like": "torch.zeros_like(x)",
    }.items():
        case(f"{name}, 4 million", statement, plain)
    for dtype in ("float64", "bfloat16", "float16"):
        typed = f"x = torch.rand(4_000_000).to(torch.{dtype}); y = torch.rand(4_000_000).to(torch.{dtype})"
        for name, statement in {
            "add": "x + y",
            "exp": "torch.exp(x)",
            "tanh": "torch.tanh(x)",
            "sum": "x.sum()",
        }.items():
            case(f"{name} {dtype}, 4 million", statement, typed)
    square = (
        "x = torch.rand(2000, 2000); y = torch.rand(2000, 2000); row = torch.rand(2000); column = torch.rand(2000, 1)"
    )
    for name, statement in {
        "add row": "x + row",
        "add column": "x + column",
        "add outer": "row + column",
        "add transposed": "x + y.t()",
        "exp of transposed": "torch.exp(x.t())",
        "copy transposed": "x.t().contiguous()",
        "add every second": "x[:, ::2] + y[:, ::2]",
    }.items():
        case(f"{name}, 2000x2000", statement, square)
    backward("add row, 2000x2000", "y + x", "x = torch.rand(2000, requires_grad=True); y = torch.rand(2000, 2000)")
    backward(
        "mul column, 2000x2000", "y * x", "x = torch.rand(2000, 1, requires_grad=True); y = torch.rand(2000, 2000)"
    )

    line, plane, cube = "16_000_000", "4096, 4096", "256, 256, 256"
    places = [(line, 0), (plane, 0), (plane, 1), (cube, 0), (cube, 1), (cube, 2)]
    for shape, dim in places:
        label = f"dim {dim} of ({shape.replace('_', '')})"
        x = f"x = torch.rand({shape}, requires_grad=True)"
        for name in ("sum", "mean", "softmax", "log_softmax"):
            if name in ("softmax", "log_softmax") or shape != cube:
                case(f"{name} over {label}", f"x.{name}({dim})", x)
            backward(f"{name} over {label}", f"x.{name}({dim})", x)
        detached = f"x = torch.rand({shape})"
        for name in ("var", "std", "norm", "amax", "argmax", "cumsum", "logsumexp", "prod", "any", "all"):
            statement = f"x.norm(dim={dim})" if name == "norm" else f"x.{name}({dim})"
            case(
                f"{name} over {label}",
                statement,
                detached if name not in ("any", "all") else f"{detached} {'<' if name == 'any' else '>='} 0",
            )
    for name in ("sum", "mean", "var", "norm", "max", "argmax"):
        case(f"{name} of (4096, 4096)", f"x.{name}()", "x = torch.rand(4096, 4096)")

    for dtype in ("float32", "float64"):
        for size in (10, 17, 33, 50, 64, 100):
            case(
                f"matmul {dtype} {size}",
                "x @ y",
                f"x = torch.rand({size}, {size}, dtype=torch.{dtype}); y = torch.rand({size}, {size}, dtype=torch.{dtype})",
                0.95,
            )
        pair = f"x = torch.rand(700, 700, dtype=torch.{dtype}); y = torch.rand(700, 700, dtype=torch.{dtype})"
        for name, statement in {"a.T b": "x.t() @ y", "a b.T": "x @ y.t()", "a.T b.T": "x.t() @ y.t()"}.items():
            case(f"matmul {dtype} 700, {name}", statement, pair, 0.95)
        tall = f"x = torch.rand(2000, 2000, dtype=torch.{dtype}); v = torch.rand(2000, dtype=torch.{dtype})"
        for name, statement in {
            "matrix-vector": "x @ v",
            "vector-matrix": "v @ x",
            "transposed matrix-vector": "x.t() @ v",
        }.items():
            case(f"{name} {dtype} 2000", statement, tall, 0.95)
        for count, size in ((512, 16), (128, 64), (16, 256)):
            case(
                f"bmm {dtype}, {count} of {size}",
                "torch.bmm(x, y)",
                f"x = torch.rand({count}, {size}, {size}, dtype=torch.{dtype}); y = torch.rand({count}, {size}, {size}, dtype=torch.{dtype})",
                0.95,
            )
        backward(
            f"matmul {dtype} 512",
            "x @ y",
            f"x = torch.rand(512, 512, dtype=torch.{dtype}, requires_grad=True); y = torch.rand(512, 512, dtype=torch.{dtype})",
            0.95,
        )
        case(
            f"matmul {dtype} 2000x64 by 64x2000",
            "x @ y",
            f"x = torch.rand(2000, 64, dtype=torch.{dtype}); y = torch.rand(64, 2000, dtype=torch.{dtype})",
            0.95,
        )
        case(
            f"matmul {dtype} 64x2000 by 2000x64",
            "x @ y",
            f"x = torch.rand(64, 2000, dtype=torch.{dtype}); y = torch.rand(2000, 64, dtype=torch.{dtype})",
            0.95,
        )

    for length, heads, depth in ((64, 8, 32), (256, 4, 64), (512, 4, 64)):
        heads_of = f"torch.randn(8, {heads}, {length}, {depth})"
        case(
            f"attention, {length} of 8x{heads}x{depth}, forward and backward",
            "torch.autograd.grad(attention(q, k, v, is_causal=True), (q, k, v), g)",
            f"""
            q = {heads_of}.requires_grad_(); k = {heads_of}.requires_grad_(); v = {heads_of}.requires_grad_(); g = {heads_of}
            attention = torch.nn.functional.scaled_dot_product_attention
            """,
            0.9,
        )

    million = """
    x = torch.rand(1_000_000, requires_grad=True); d = x.detach(); i = torch.randperm(1_000_000); mask = torch.rand(1_000_000) < 0.5
    small = torch.randint(1000, (1_000_000,)); bins = torch.zeros(1000); zero = torch.zeros(1_000_000)
    m = torch.rand(1000, 1000, requires_grad=True); j = torch.randint(1000, (1000, 1000)); r = torch.randperm(1000)
    """
    for name, statement in {
        "sort": "d.sort()",
        "sort rows": "m.detach().sort(1)",
        "argsort ints": "small.argsort()",
        "topk": "d.topk(100)",
        "topk rows": "m.detach().topk(10, 1)",
        "unique": "torch.unique(small)",
        "cumsum": "d.cumsum(0)",
        "gather": "d.gather(0, i)",
        "gather rows": "m.detach().gather(1, j)",
        "gather columns": "m.detach().gather(0, j)",
        "scatter_add permutation": "zero.scatter_add(0, i, d)",
        "scatter_add bins": "bins.scatter_add(0, small, d)",
        "scatter_add rows": "m.detach().scatter_add(1, j, m.detach())",
        "scatter": "zero.scatter(0, i, d)",
        "index_add": "zero.index_add(0, i, d)",
        "index_add rows": "m.detach().index_add(0, r, m.detach())",
        "index_add columns": "m.detach().index_add(1, r, m.detach())",
        "index_select": "d.index_select(0, i)",
        "index_select rows": "m.detach().index_select(0, r)",
        "index_select columns": "m.detach().index_select(1, r)",
        "take_along_dim": "torch.take_along_dim(m.detach(), j, 1)",
        "x[index]": "d[i]",
        "x[rows]": "m.detach()[r]",
        "x[:, columns]": "m.detach()[:, r]",
        "x[rows, columns]": "m.detach()[j, r]",
        "x[mask]": "d[mask]",
        "x[index] = y": "zero[i] = d",
        "x[mask] = 0": "zero[mask] = 0.0",
        "index_put accumulate": "zero.index_put_((i,), d, accumulate=True)",
        "masked_fill": "d.masked_fill(mask, 0.0)",
        "nonzero": "mask.nonzero()",
        "cat": "torch.cat([d, d, d])",
        "stack": "torch.stack([d, d], 1)",
        "flip": "d.flip(0)",
    }.items():
        case(f"{name}, 1 million", statement, million)
    for name, statement in {
        "gather": "x.gather(0, i)",
        "x[index]": "x[i]",
        "x[mask]": "x[mask]",
        "sort": "x.sort()[0]",
        "cumsum": "x.cumsum(0)",
    }.items():
        backward(f"{name}, 1 million", statement, dedent(million).strip())
    for name, image, weight, options in (
        ("conv2d 3x3, 64 to 64 channels at 32x32, batch 16", "16, 64, 32, 32", "64, 64, 3, 3", "padding=1"),
        ("conv2d 1x1, 64 to 64 channels at 32x32, batch 16", "16, 64, 32, 32", "64, 64, 1, 1", ""),
        (
            "conv2d 3x3, depthwise, 64 channels at 32x32, batch 16",
            "16, 64, 32, 32",
            "64, 1, 3, 3",
            "padding=1, groups=64",
        ),
    ):
        setup = f"x = torch.rand({image}, requires_grad=True); w = torch.rand({weight}, requires_grad=True)"
        statement = f"torch.nn.functional.conv2d(x, w, {options})"
        case(name, statement, setup, 0.9)
        after = f"{setup}\nz = {statement}\ng = torch.ones_like(z)"
        case(f"{name} backward", "torch.autograd.grad(z, (x, w), g, retain_graph=True)", after, 0.9)
    images = "x = torch.rand(16, 64, 32, 32, requires_grad=True); f = torch.nn.functional"
    for name, statement in {
        "max_pool2d 2x2": "f.max_pool2d(x, 2)",
        "max_pool2d 3x3, stride 1": "f.max_pool2d(x, 3, 1, 1)",
        "max_pool2d 3x3, stride 2": "f.max_pool2d(x, 3, 2, 1)",
        "avg_pool2d 2x2": "f.avg_pool2d(x, 2)",
        "avg_pool2d 3x3, stride 1": "f.avg_pool2d(x, 3, 1, 1)",
        "adaptive_avg_pool2d to 7x7": "f.adaptive_avg_pool2d(x, 7)",
        "pad by reflection": "f.pad(x, (1, 1, 1, 1), 'reflect')",
    }.items():
        case(f"{name}, 16x64x32x32", statement, images, 0.9)
        backward(f"{name}, 16x64x32x32", statement, images, 0.9)


def _layers() -> None:
    """Normalisations and tables of vectors, forward and backward, at the sizes of networks."""
    image = "x = torch.rand(16, 64, 32, 32, requires_grad=True); w = torch.rand(64, requires_grad=True); b = torch.rand(64, requires_grad=True)"
    rows = "x = torch.rand(512, 1024, requires_grad=True); w = torch.rand(1024, requires_grad=True); b = torch.rand(1024, requires_grad=True)"
    table = "x = torch.rand(10_000, 256, requires_grad=True); i = torch.randint(10_000, (4096,))"
    small = "x = torch.rand(4, 8, requires_grad=True); w = torch.rand(8, requires_grad=True); b = torch.rand(8, requires_grad=True)"
    running = "m = torch.zeros(64); v = torch.ones(64)"
    for name, statement, inputs, setup in (
        ("layer_norm, 512x1024", "F.layer_norm(x, (1024,), w, b)", "x, w, b", rows),
        ("rms_norm, 512x1024", "F.rms_norm(x, (1024,), w)", "x, w", rows),
        ("batch_norm, 16x64x32x32", "F.batch_norm(x, m, v, w, b, True)", "x, w, b", f"{image}; {running}"),
        ("group_norm of 8, 16x64x32x32", "F.group_norm(x, 8, w, b)", "x, w, b", image),
        ("embedding, 4096 of 10000x256", "F.embedding(i, x)", "x,", table),
    ):
        setup = f"F = torch.nn.functional\n{setup}"
        _add("arrays", name, statement, setup, 0.9, (1, 2))
        after = f"{setup}\nz = {statement}\ng = torch.ones_like(z)"
        _add(
            "arrays",
            f"{name} backward",
            f"torch.autograd.grad(z, ({inputs}), g, retain_graph=True)",
            after,
            0.9,
            (1, 2),
        )
    sequence = "x = torch.rand(50, 16, 128); p = list(f.parameters())"
    for name, layer in {"LSTM": "torch.nn.LSTM(128, 128)", "GRU": "torch.nn.GRU(128, 128)"}.items():
        setup = f"f = {layer}\n{sequence}"
        label = f"{name} of 50 steps, 128 wide, batch 16, forward and backward"
        _add("arrays", label, "torch.autograd.grad(f(x)[0].sum(), p)", setup, 2, (1, 2))
    cell = "f = torch.nn.LSTMCell(32, 32); x = torch.rand(1, 32); s = (torch.rand(1, 32), torch.rand(1, 32))"
    _add("overhead", "LSTM cell, 32 wide", "f(x, s)", cell, 10)
    _add("overhead", "LSTM cell, 32 wide, forward and backward", "f(x, s)[0].sum().backward()", cell, 10)
    for name, statement in {
        "layer_norm, 4x8": "F.layer_norm(x, (8,), w, b)",
        "batch_norm, 4x8": "F.batch_norm(x, None, None, w, b, True)",
        "embedding, 4 of 4x8": "F.embedding(i, x)",
    }.items():
        setup = f"F = torch.nn.functional\n{small}; i = torch.tensor([0, 2, 1, 1])"
        _add("overhead", f"{name}, forward and backward", f"{statement}.sum().backward()", setup, 5)


def _linalg() -> None:
    calls = {
        "solve": "torch.linalg.solve(a, b)",
        "inv": "torch.linalg.inv(a)",
        "det": "torch.linalg.det(a)",
        "slogdet": "torch.linalg.slogdet(a)",
        "lu_factor": "torch.linalg.lu_factor(a)",
        "solve_triangular": "torch.linalg.solve_triangular(a, b, upper=True)",
        "cholesky": "torch.linalg.cholesky(s)",
        "qr": "torch.linalg.qr(a)",
        "svd": "torch.linalg.svd(a, full_matrices=False)",
        "svdvals": "torch.linalg.svdvals(a)",
        "eigh": "torch.linalg.eigh(s)",
        "eigvalsh": "torch.linalg.eigvalsh(s)",
        "eig": "torch.linalg.eig(a)",
        "pinv": "torch.linalg.pinv(a)",
        "matrix_exp": "torch.linalg.matrix_exp(a)",
    }
    for shape, title, target in (
        ("2, 2", "2x2", 1.0),
        ("10, 10", "10x10", 1.0),
        ("100, 100", "100x100", 0.9),
        ("500, 500", "500x500", 0.9),
        ("1000, 4, 4", "1000 of 4x4", 1.0),
    ):
        setup = f"""
        torch.manual_seed(0)
        n = {shape.split(", ")[-1]}
        a = (torch.randn({shape}) / n ** 0.5 + 2 * torch.eye(n)).requires_grad_()
        s = (a @ a.mT).detach().requires_grad_()
        b = torch.randn({shape})
        """
        for name, statement in calls.items():
            wanted = 3.0 if title == "10x10" and name in ("solve", "cholesky", "qr", "svd", "eigh") else target
            if name in ("eig", "pinv", "matrix_exp", "svdvals") and title == "500x500":
                continue  # seconds each
            _add("linalg", f"{name}, {title}", statement, f"{dedent(setup)}\na, s = a.detach(), s.detach()", wanted)
            if name == "eig":  # of the vectors only what does not depend on their phase has a derivative
                statement = "torch.linalg.eigvals(a)"
            results = f"""
            r = {statement}
            r = [r] if isinstance(r, torch.Tensor) else [t for t in r if t.requires_grad]
            """
            after = f"{dedent(results)}g = [torch.ones_like(t) for t in r]; w = {'s' if '(s)' in statement else 'a'}"
            both = f"{dedent(results)}torch.autograd.grad(r, w, g)"
            _add("linalg", f"{name} and derivative, {title}", both, f"{dedent(setup)}{dedent(after)}", wanted)


def _networks() -> None:
    """Training steps of whole networks, optimiser included where one is named."""
    step = """
    optimizer.zero_grad()
    F.{loss}(model(x), y).backward()
    optimizer.step()
    """
    start = "nn, F = torch.nn, torch.nn.functional; torch.manual_seed(0)\n"
    small = """
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01); x = torch.rand(1, 4); y = torch.rand(1, 1)
    """
    _add("networks", "MLP 4-16-16-1, batch 1, SGD step", step.format(loss="mse_loss"), start + dedent(small), 15)
    adam = """
    p = [torch.rand(16, requires_grad=True) for _ in range(100)]; optimizer = torch.optim.Adam(p)
    for q in p:
        q.grad = torch.rand(16)
    """
    _add("networks", "Adam step, 100 parameters of 16", "optimizer.step()", adam, 15)
    wide = """
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)); optimizer = torch.optim.Adam(model.parameters())
    x = torch.rand(64, 784); y = torch.randint(10, (64,))
    """
    label = "MLP 784-256-10, batch 64, Adam step"
    _add("networks", label, step.format(loss="cross_entropy"), start + dedent(wide), 2, (1, 2))
    images = """
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )
    x = torch.rand(32, 1, 28, 28); y = torch.randint(10, (32,))
    """
    both = "F.cross_entropy(model(x), y).backward()"
    _add("networks", "LeNet, batch 32, forward and backward", both, start + dedent(images), 1.2, (1, 2))
    block = """
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.LayerNorm(128), nn.LayerNorm(128)
            self.qkv, self.out = nn.Linear(128, 384), nn.Linear(128, 128)
            self.mlp = nn.Sequential(nn.Linear(128, 512), nn.GELU(), nn.Linear(512, 128))
        def forward(self, x):
            q, k, v = (t.view(8, 64, 4, 32).transpose(1, 2) for t in self.qkv(self.first(x)).chunk(3, -1))
            x = x + self.out(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(8, 64, 128))
            return x + self.mlp(self.second(x))
    model = Block(); x = torch.rand(8, 64, 128)
    """
    label = "GPT block, 128 wide, 64 places, batch 8, forward and backward"
    _add("networks", label, "model(x).sum().backward()", start + dedent(block), 1.2, (1, 2))


_overhead()
_autograd()
_medium()
_large()
_arrays()
_layers()
_linalg()
_networks()

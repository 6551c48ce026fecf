"""What is timed. A case is source text that runs unchanged with either library as `torch`."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

__all__ = ["CASES", "GROUPS", "Case"]

GROUPS = ("overhead", "medium", "large", "process")


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
    _add("overhead", "autograd.grad of x * x", "torch.autograd.grad((x * x).sum(), x)", leaf)


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


_overhead()
_medium()
_large()

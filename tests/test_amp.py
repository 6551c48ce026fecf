"""Mixed precision: which operator computes in which dtype, what is kept, how gradients are scaled; all against PyTorch."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import pytest
import rushlight as rl
import torch
from rushlight.utils.checkpoint import checkpoint

F32, BF16 = "float32", "bfloat16"

# (an expression in t, and f for nn.functional; a and b are matrices, the dtype of a)
CASES = [
    (code.strip(), dtype)
    for dtype in (F32, BF16)
    for code in """
        a @ b; t.matmul(a, b); t.mm(a, b); a.mm(b); t.addmm(b, a, a); t.bmm(a[None], a[None]); f.linear(a, a); t.mv(a, a[0])
        t.dot(a[0], a[0]); t.einsum("ij,jk->ik", a, a); t.baddbmm(a[None], a[None], a[None]); a.clone().addmm_(a, a); a + b
        t.tensordot(a, a, 1); t.linalg.vecdot(a, a); t.linalg.multi_dot([a, a, a]); t.cov(a); a * 2; t.outer(a[0], a[0])
        f.conv1d(a[None], a[None]); f.conv2d(a[None, None], a[None, None]); f.conv_transpose1d(a[None], a[None])
        f.mse_loss(a, b); f.l1_loss(a, b); f.kl_div(a, a.abs()); f.cross_entropy(a, t.zeros(3).long()); f.huber_loss(a, b)
        f.nll_loss(a, t.zeros(3).long()); f.binary_cross_entropy_with_logits(a, a.abs()); f.smooth_l1_loss(a, b)
        f.soft_margin_loss(a, a.sign()); f.poisson_nll_loss(a, a.abs()); f.hinge_embedding_loss(a, a.sign())
        f.margin_ranking_loss(a, a, a.sign()); f.triplet_margin_loss(a, b, -a); f.cosine_embedding_loss(a, b, a[0].sign())
        a.prod(); a.trace(); a.sum(); a.softmax(0); f.gelu(a); f.relu(a); a.exp(); a.sqrt(); a.std(); a.cumsum(0)
        t.cat([a, b]); t.stack([a, b]); t.cat([a.bfloat16(), b]); t.cat([a.double(), b]); a.double() @ b.double()
        t.hstack([a, a.bfloat16()]); a.index_copy(0, t.tensor([0]), b[:1].to(a.dtype)); t.full((2,), 3) * 2; a.sigmoid().log()
        """.replace("\n", ";").split(";")
    if code.strip()
]


def evaluated(lib: Any, code: str, dtype: str, mode: Any) -> Any:
    names = {"t": lib, "f": lib.nn.functional}
    names["a"] = lib.tensor([[1.0, 2.0, -1.0], [0.5, 1.5, 2.5], [-2.0, 1.0, 0.25]], dtype=getattr(lib, dtype))
    names["b"] = names["a"] + 1
    with mode, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return eval(code, names)
        except RuntimeError as error:
            return str(error)


@pytest.mark.parametrize("fast", ["bfloat16", "float16"])
@pytest.mark.parametrize(("code", "dtype"), CASES)
def test_operators_compute_in_pytorchs_dtypes(code: str, dtype: str, fast: str) -> None:
    ours = evaluated(rl, code, dtype, rl.autocast("cpu", getattr(rl, fast)))
    theirs = evaluated(torch, code, dtype, torch.autocast("cpu", getattr(torch, fast)))
    if isinstance(theirs, str):
        assert isinstance(ours, str)
        return
    assert str(ours.dtype) == str(theirs.dtype)
    assert ours.double().flatten().tolist() == pytest.approx(theirs.double().flatten().tolist(), rel=2e-2, nan_ok=True)


def trained(lib: Any) -> tuple[list[float], list[list[float]]]:
    lib.manual_seed(0)
    model = lib.nn.Sequential(lib.nn.Linear(4, 16), lib.nn.Tanh(), lib.nn.Linear(16, 2))
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)
    scaler = lib.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=3)
    x, y = lib.randn(8, 4), lib.randint(0, 2, (8,))
    losses = []
    for step in range(12):
        optimizer.zero_grad()
        with lib.autocast("cpu"):
            loss = lib.nn.functional.cross_entropy(model(x), y)
        scaled = scaler.scale(loss)
        if step == 5:
            scaled = scaled * float("inf")
        scaled.backward()
        if step % 2:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        losses += [loss.item(), scaler.get_scale()]
    return losses, [p.flatten().tolist() for p in model.parameters()]


def test_a_training_in_16_bits_takes_pytorchs_steps() -> None:
    (losses, weights), (their_losses, their_weights) = trained(rl), trained(torch)
    assert losses == pytest.approx(their_losses, rel=2e-2)
    for ours, theirs in zip(weights, their_weights, strict=True):
        assert ours == pytest.approx(theirs, rel=5e-2, abs=5e-3)


def outcome(lib: Any, code: str) -> Any:
    """What the code leaves in `r`, or the error, and the warnings."""
    names: dict[str, Any] = {"t": lib, "p": lib.nn.Parameter(lib.ones(2))}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            exec(code, names)
            result = names.get("r")
        except Exception as error:
            result = type(error).__name__, str(error).partition(", got: `")[0]
    text = [(w.category.__name__, str(w.message).partition(" (Triggered")[0]) for w in seen]
    return str(result), text


@pytest.mark.parametrize(
    "code",
    """
    t.autocast("cpu", t.float32)
    t.autocast("cpu", t.int32)
    r = t.autocast("cpu", t.float32)._enabled, t.autocast("cuda")._enabled, t.autocast("cpu").fast_dtype
    t.autocast("nothing")
    t.autocast(3)
    r = t.autocast("xpu").fast_dtype, t.get_autocast_dtype("cuda"), t.get_autocast_dtype("cpu"), t.get_autocast_dtype("xla")
    r = t.amp.is_autocast_available("cpu"), t.amp.is_autocast_available("cuda")
    r = t.is_autocast_enabled(), t.is_autocast_enabled("cpu"), t.is_autocast_cache_enabled()
    with t.autocast("cpu"): r = t.is_autocast_enabled(), t.is_autocast_enabled("cpu"), t.get_autocast_cpu_dtype()
    with t.autocast("cpu", t.float16, cache_enabled=False): r = t.get_autocast_dtype("cpu"), t.is_autocast_cache_enabled()
    t.cpu.amp.autocast()
    t.cuda.amp.autocast(enabled=False)
    t.cuda.amp.GradScaler(enabled=False)
    t.cuda.amp.custom_fwd(lambda ctx, x: x)
    r = t.is_autocast_cpu_enabled()
    r = t.get_autocast_gpu_dtype()
    t.amp.GradScaler()
    r = t.amp.GradScaler("cpu").state_dict()
    r = t.amp.GradScaler("cpu", enabled=False).state_dict(), t.amp.GradScaler("cpu", enabled=False).get_scale()
    t.amp.GradScaler("cpu", growth_factor=0.5)
    t.amp.GradScaler("cpu", backoff_factor=2.0)
    t.amp.GradScaler("cpu").step(t.optim.SGD([p], 0.1))
    t.amp.GradScaler("cpu").update()
    t.amp.GradScaler("cpu").unscale_(t.optim.SGD([p], 0.1))
    t.amp.GradScaler("cpu").load_state_dict({})
    s = t.amp.GradScaler("cpu"); s.scale(p.sum()); s.step(t.optim.SGD([p], 0.1))
    s = t.amp.GradScaler("cpu"); o = t.optim.SGD([p], 0.1); s.scale(p.sum()).backward(); s.unscale_(o); s.unscale_(o)
    s = t.amp.GradScaler("cpu"); o = t.optim.SGD([p], 0.1); s.scale(p.sum()).backward(); s.step(o); s.step(o)
    s = t.amp.GradScaler("cpu"); o = t.optim.SGD([p], 0.1); s.scale(p.sum()).backward(); s.step(o); s.unscale_(o)
    s = t.amp.GradScaler("cpu"); s.scale(p.sum()); s.update(3.0); r = s.get_scale()
    s = t.amp.GradScaler("cpu"); s.scale(p.sum()); s.update(p)
    s = t.amp.GradScaler("cpu"); r = [x.item() for x in s.scale([p.sum(), p.sum()])]
    s = t.amp.GradScaler("cpu"); s.scale(3)
    """.strip().split("\n"),
)  # fmt: skip
def test_questions_warnings_and_errors(code: str) -> None:
    assert outcome(rl, code.strip()) == outcome(torch, code.strip())


def test_a_parameter_is_converted_once_in_a_block() -> None:
    def copies(lib: Any, **options: Any) -> int:
        p, x = lib.ones(2, 2).requires_grad_(), lib.ones(2, 2)
        with lib.autocast("cpu", **options):
            first, second = (lib.mm(p, x).grad_fn.next_functions[0][0] for _ in range(2))
        return len({first, second})

    for options in ({}, {"cache_enabled": False}):
        assert copies(rl, **options) == copies(torch, **options)
    p, x = rl.ones(2, 2).requires_grad_(), rl.ones(2, 2)
    with rl.autocast("cpu"):
        with rl.no_grad():
            rl.mm(p, x)
        y = rl.mm(p, x).sum() + rl.mm(p, x).sum()
    y.backward()
    assert p.grad is not None and p.grad.dtype is rl.float32 and p.grad.tolist() == [[4, 4], [4, 4]]


def test_blocks_nest_decorate_and_belong_to_a_thread() -> None:
    a = rl.ones(2, 2)
    seen = []
    with rl.autocast("cpu"):
        with rl.autocast("cpu", enabled=False):
            assert (a @ a).dtype is rl.float32
        assert (a @ a).dtype is rl.bfloat16
        thread = threading.Thread(target=lambda: seen.append((a @ a).dtype))
        thread.start()
        thread.join()
    assert seen == [rl.float32]
    assert (a @ a).dtype is rl.float32

    @rl.autocast("cpu")
    def product() -> rl.Tensor:
        return a @ a

    assert product().dtype is rl.bfloat16
    with pytest.raises(ZeroDivisionError), rl.autocast("cpu"):
        raise ZeroDivisionError
    assert not rl.is_autocast_enabled("cpu")
    assert rl.mm(a, a, out=rl.empty(2, 2)).dtype is rl.float32


def test_functions_say_what_they_are_given() -> None:
    def run(lib: Any, cast: Any) -> list[str]:
        seen = []

        class Product(lib.autograd.Function):
            @staticmethod
            @lib.amp.custom_fwd(device_type="cpu", cast_inputs=cast)
            def forward(ctx: Any, a: Any, b: Any) -> Any:
                ctx.save_for_backward(a, b)
                seen.append(f"{a.dtype} {lib.is_autocast_enabled('cpu')}")
                return a.mm(b)

            @staticmethod
            @lib.amp.custom_bwd(device_type="cpu")
            def backward(ctx: Any, g: Any) -> Any:
                a, b = ctx.saved_tensors
                seen.append(f"{lib.is_autocast_enabled('cpu')} {g.mm(b.t()).dtype}")
                return g.to(a.dtype).mm(b.t()), a.t().mm(g.to(a.dtype))

        a = lib.ones(2, 2).requires_grad_()
        with lib.autocast("cpu"):
            y = Product.apply(a, a)
        seen.append(str(y.dtype))
        y.float().sum().backward()
        return seen

    for cast in (None, "float32"):
        assert run(rl, cast and rl.float32) == run(torch, cast and torch.float32)


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoints_compute_again_as_before(reentrant: bool) -> None:
    seen = []

    def part(x: rl.Tensor) -> rl.Tensor:
        y = x @ x
        seen.append(y.dtype)
        return y.float().exp()

    x = rl.eye(2).requires_grad_()
    with rl.autocast("cpu"):
        y = checkpoint(part, x, use_reentrant=reentrant)
    y.sum().backward()
    assert seen == [rl.bfloat16, rl.bfloat16]

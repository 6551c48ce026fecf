"""vmap beside PyTorch's: rules of operators, dimensions, nesting with derivatives, random numbers, messages."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from both import agree


def func(m: Any) -> Any:
    return importlib.import_module(f"{m.__name__}.func")


def data(m: Any) -> tuple[Any, Any, Any]:
    """Batches of four: matrices 3x3, vectors of 3, numbers."""
    x = (m.arange(36, dtype=m.float64) * 0.7).sin().reshape(4, 3, 3)
    y = (m.arange(12, dtype=m.float64) * 1.3).cos().reshape(4, 3)
    return x, y, m.tensor([0.5, -1.0, 2.0, 0.25], dtype=m.float64)


# Of one sample: a matrix, a vector, a number. w is the same for all.
SAMPLES: dict[str, Callable[..., Any]] = {
    "ranks": lambda m, x, y, s, w: [x * y, x * s, s * x, y - s, w * x, 2 - x, 1 / (s + 3), s**2, 2**s],
    "promotion": lambda m, x, y, s, w: [x.float() * s, s * x.long(), s.float() + y, (x > 0) * s, x.half() + s],
    "comparisons": lambda m, x, y, s, w: [x > y, s < 1, x == x, 0 < y, m.isclose(x, x), ~(x > 0)],
    "functions": lambda m, x, y, s, w: [x.sin(), m.where(x > 0, x, s), x.clamp(min=0.1), m.maximum(x, y), m.atan2(x, s)],
    "reductions": lambda m, x, y, s, w: [
        x.sum(), x.sum(0), x.mean(-1, keepdim=True), y.max(), x.max(1), x.amax(), x.argmax(), x.argmin(1), y.prod(),
        x.prod(0), x.var(), x.std(1), x.var(0, False), x.norm(), x.norm(2, 1), x.logsumexp(0), x.median(), x.median(1),
        (x > 0).any(), (x > 0).all(1), m.count_nonzero(x > 0), s.sum(), s.mean(0), s.max(), m.var_mean(x, 1), x.nansum(),
        m.aminmax(y), x.sum((0, 1), keepdim=True), y.std(unbiased=False), (x * 4).long().sum(dtype=m.float64), m.dist(x, x * 2),
    ],
    "scans": lambda m, x, y, s, w: [x.cumsum(0), y.cumprod(-1), x.cummax(1), y.logcumsumexp(0), s.cumsum(0)],
    "sorting": lambda m, x, y, s, w: [x.sort(), x.sort(0, descending=True), y.argsort(), y.topk(2), x.kthvalue(2), m.msort(x)],
    "softmax": lambda m, x, y, s, w: [m.softmax(x, 0), m.log_softmax(y, -1), s.softmax(0)],
    "shapes": lambda m, x, y, s, w: [
        x.reshape(-1), x.view(9, 1), x.T, x.mT, x.t(), x.permute(1, 0), x.transpose(0, -1), x.unsqueeze(0), y.unsqueeze(-1),
        x.unsqueeze(1).squeeze(), x[None].squeeze(0), y.expand(2, 3), s.expand(2), x.flatten(), s.flatten(), x.unflatten(0, (3, 1)),
        y.repeat(2, 2), y.tile(2), x.movedim(0, 1), x.diagonal(), x.diagonal(1), x.narrow(0, 1, 2), x.select(1, 0), x.unbind(1),
        y.split(2), x.chunk(2, 1), y.unfold(0, 2, 1), x.flip(0), x.roll(1), x.roll(1, 0), x.tril(), x.triu(1), x.view_as(x), s.view(1),
        m.broadcast_to(y, (3, 3)), x.rot90(), m.diag(y), m.diag_embed(y), x.trace(), m.atleast_2d(s), *x, x.fliplr(), x.ravel(),
    ],
    "joining": lambda m, x, y, s, w: [
        m.cat([x, x]), m.cat([y, w], -1), m.stack([y, w]), m.stack([s, s * 2]), m.hstack([y, y]), m.vstack([y, x]), m.dstack([y, y]),
        m.block_diag(x, x), m.meshgrid(y, y, indexing="ij"), m.cartesian_prod(y, y), m.outer(y, w),
    ],
    "products": lambda m, x, y, s, w: [
        x @ x, x @ y, y @ x, y @ y, x @ w, w @ x, w @ y, w.outer(w) @ x, x @ w.outer(w), w.outer(w) @ y, y @ w.outer(w), m.mm(x, x),
        m.mv(x, y), m.dot(y, w), m.inner(x, y), m.outer(y, y), m.addmm(x, x, x, alpha=2), m.addmv(y, x, y, beta=0.5), m.addr(x, y, w),
        m.bmm(x[None], x[None]), m.baddbmm(x[None], x[None], x[None]), x[None, None] @ x, x @ x[None], y @ x[None], m.kron(y, y),
        m.einsum("ij,j->i", x, y), m.tensordot(x, x, 1), m.nn.functional.linear(x, w.outer(w), w), m.nn.functional.linear(w, x, y),
        m.linalg.multi_dot([x, x, y]), m.vdot(y, w), w.expand(2, 2, 3) @ y, w.expand(2, 2, 3) @ x,
    ],
    "indices": lambda m, x, y, s, w: [
        x[0], x[1:], x[:, 1], x[..., 0], x[None], x[0, 1], x[m.tensor([0, 2])], x[:, m.tensor([0, 2])], x[[0, 1], [1, 2]],
        x[m.tensor([[0], [1]]), m.tensor([0, 2])], x[m.tensor([True, False, True])], y[-1], x[0, m.tensor([0, 1])], y[::2],
        x.view(3, 3, 1)[m.tensor([0, 1]), :, 0], x.view(3, 1, 3)[m.tensor([0, 1]), :, m.tensor([1, 2])],
        m.gather(x, 1, m.tensor([[0], [1], [2]])), m.index_select(x, 0, m.tensor([1, 1])), m.take_along_dim(x, x.argsort(1), 1),
        x.scatter(0, m.tensor([[0, 1, 2]]), x), x.index_add(0, m.tensor([0]), y[None]), x.index_fill(1, m.tensor([0]), 3.0),
        x.masked_fill(x > 0, 0), m.take(x, m.tensor([0, 4])), x.index_copy(0, m.tensor([2]), y[None]),
    ],
    "batched indices": lambda m, x, y, s, w: [
        x[y.argmax()], x[:, y.argmax()], y[y.argsort()], x[y.argsort()], x[:, y.argsort()], x[y.argsort(), y.argsort()],
        w[y.argmax()], w[y.argsort()], x[y.argsort()[:, None], m.tensor([0, 2])], x.gather(1, x.argsort(1)),
        x.index_select(1, y.argsort()), w.outer(w)[y.argsort(), 0], x[0, y.argsort()],
    ],
    "in place": lambda m, x, y, s, w: [
        (z := x * 1, z.add_(y), z[0].mul_(s), z[:, 1].fill_(3.0), z.t()[2].exp_(), z)[-1],
        (z := y * 1, z.copy_(w), z.clamp_(0, 1), z.zero_(), z)[-1],
        (z := x * 1, z.tril_(), z.masked_fill_(z > 0, 1), z.sqrt_(), z)[-1],
    ],
    "assignment": lambda m, x, y, s, w: [
        (z := x * 1, z.__setitem__(0, y), z.__setitem__((1, 2), s), z.__setitem__((slice(None), 0), 5.0), z)[-1],
        (z := x * 1, z.__setitem__(m.tensor([0, 2]), y), z.__setitem__(y.argmax(), w), z)[-1],
        (z := x * 1, z.__setitem__((slice(None), m.tensor([0, 2])), 1.0), z)[-1],
    ],
    "losses": lambda m, x, y, s, w: [
        m.nn.functional.mse_loss(x, x * 2), m.nn.functional.l1_loss(y, w, reduction="sum"),
        m.nn.functional.huber_loss(y, w, reduction="none"), m.nn.functional.cross_entropy(x, m.tensor([0, 2, 1])),
        m.nn.functional.cross_entropy(x, y.argsort()), m.nn.functional.cross_entropy(y, y.argmax()),
        m.nn.functional.nll_loss(x, m.tensor([0, 2, 1]), weight=w.abs()), m.nn.functional.cross_entropy(x, y.argsort(), ignore_index=1),
        m.nn.functional.binary_cross_entropy_with_logits(y, w.sigmoid()), m.nn.functional.cross_entropy(x, y.argsort(), label_smoothing=0.1),
    ],
    "convolutions": lambda m, x, y, s, w: [
        m.nn.functional.conv1d(x, w.view(1, 3, 1)), m.nn.functional.conv1d(x[None], x[:, :, None]),
        m.nn.functional.conv1d(w.view(1, 1, 3), y.view(1, 1, 3), padding=1), m.nn.functional.conv2d(x[None, None], x[None, None, :2, :2]),
        m.nn.functional.conv_transpose1d(x[None], x[:, :, None]), m.nn.functional.conv1d(x[None], x[:, :1, None], y, groups=3),
    ],
    "linear algebra": lambda m, x, y, s, w: [
        m.linalg.det(x), m.linalg.solve(x + 3 * m.eye(3, dtype=x.dtype), y), m.linalg.inv(x + 3 * m.eye(3, dtype=x.dtype)),
        m.linalg.svdvals(x), m.linalg.eigvalsh(x @ x.T), m.linalg.cholesky(x @ x.T + m.eye(3, dtype=x.dtype)), m.linalg.norm(x),
        m.linalg.solve(w.outer(w) + m.eye(3, dtype=x.dtype), y), m.linalg.matrix_exp(x), m.logdet(x @ x.T + m.eye(3, dtype=x.dtype)),
    ],
    "transforms": lambda m, x, y, s, w: [m.fft.fft(y).abs(), m.fft.irfft(m.fft.rfft(y), 3), m.fft.fft2(x).real],
    "new tensors": lambda m, x, y, s, w: [
        m.zeros_like(x) + x, x.new_ones(2) * s, m.full_like(y, 2.0) * y, m.ones(3, dtype=y.dtype) * y, m.eye(3, dtype=x.dtype) * x,
    ],
    "the same for all": lambda m, x, y, s, w: [w * 2, m.ones(2)],
    "dtypes": lambda m, x, y, s, w: [x.float(), x.to(m.float32), x.long(), m.complex(y, y).abs(), m.complex(y, w).real, x.type_as(y.float())],
    "attributes": lambda m, x, y, s, w: [
        list(x.shape), x.ndim, x.dim(), x.size(0), x.numel(), len(x), x.is_floating_point(), x.requires_grad, x.is_contiguous(),
    ] and x,
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_operators(name: str) -> None:
    def scenario(m: Any) -> Any:
        w = m.tensor([0.5, -0.25, 2.0], dtype=m.float64)
        return func(m).vmap(lambda x, y, s: SAMPLES[name](m, x, y, s, w))(*data(m))

    agree(scenario, 1e-9)


# What PyTorch refuses.
OWN: dict[str, Callable[..., Any]] = {
    "out": lambda m, x, y, s, w: [m.add(x, y, out=x * 0)],
    "histories": lambda m, x, y, s, w: [
        (z := x.detach().requires_grad_(), m.autograd.grad((z * y).sin().sum(), z))[1],
        (z := x.detach().requires_grad_(), m.autograd.grad((z * y).sin(), z, x))[1],
    ],
    "masks": lambda m, x, y, s, w: [(z := x * 1, z.__setitem__(z > 0, 0.0), z)[-1], (z := x * 1, z.__setitem__(z > 0, s), z)[-1]],
    "chains": lambda m, x, y, s, w: [m.chain_matmul(x, x)],
    "the same numbers": lambda m, x, y, s, w: [m.tensor([s, 1.0], dtype=s.dtype), x.new_tensor([s, s])],
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_more_operators(name: str) -> None:
    import rushlight as m

    w = m.tensor([0.5, -0.25, 2.0], dtype=m.float64)
    got = m.func.vmap(lambda x, y, s: OWN[name](m, x, y, s, w))(*data(m))
    samples = [OWN[name](m, x, y, s, w) for x, y, s in zip(*data(m), strict=True)]
    p = m.utils._pytree
    for g, *expected in zip(p.tree_leaves(got), *map(p.tree_leaves, samples), strict=True):
        assert m.allclose(g, m.stack(expected))


def matrix(m: Any, x: Any) -> Any:
    return (x.sin() @ x).cumsum(0)[1:].exp()


NESTED: dict[str, Callable[[Any, Any, Any, Any, Any], Any]] = {
    "in_dims": lambda m, F, x, y, s: [
        F.vmap(lambda a: a.sum(0), in_dims=1)(x),
        F.vmap(lambda a: a.sum(0), in_dims=-1)(x),
        F.vmap(lambda a, b: a @ b, in_dims=(0, None))(x, y[0]),
        F.vmap(lambda d, c: d["a"] * d["b"] + c, in_dims=({"a": 0, "b": None}, 0))({"a": y, "b": y[0]}, s),
        F.vmap(lambda a, k: a * k, in_dims=(0, None))(y, 3),
    ],
    "out_dims": lambda m, F, x, y, s: [
        F.vmap(lambda a: a, out_dims=1)(x),
        F.vmap(lambda a: a, out_dims=-1)(x),
        F.vmap(lambda a: (a, {"b": a[0]}), out_dims=(1, {"b": 0}))(x),
        F.vmap(lambda a: (a, 3), out_dims=(0, None))(x),
    ],
    "chunks": lambda m, F, x, y, s: F.vmap(lambda a, b: (a @ b, b), chunk_size=3, out_dims=(1, 0))(x, y),
    "vmap of vmap": lambda m, F, x, y, s: [
        F.vmap(F.vmap(lambda a, b: a * b, in_dims=(0, None)))(x, s),
        F.vmap(F.vmap(m.dot, in_dims=(None, 0)), in_dims=(0, None))(y, y),
        F.vmap(lambda a: F.vmap(lambda b: (a @ b, b.sum(), a[0] * b))(a))(x),
        F.vmap(F.vmap(lambda a: a[a.argmax()].sin()))(x),
        F.vmap(lambda a: F.vmap(lambda b: (z := b * 1, z[0].mul_(a[0, 0]), z)[-1])(a))(x),
    ],
    "vmap of grad": lambda m, F, x, y, s: [
        F.vmap(F.grad(lambda a: matrix(m, a).sum()))(x),
        F.vmap(F.grad(lambda w, a: (a @ w).tanh().sum()), in_dims=(None, 0))(y[0], x),
        F.vmap(F.grad_and_value(lambda a: (a * y[0]).sin().sum()))(y),
        F.vmap(F.grad(F.grad(lambda a: a.sin())))(s),
    ],
    "vmap of jvp": lambda m, F, x, y, s: [
        F.vmap(lambda a, t: F.jvp(lambda z: matrix(m, z), (a,), (t,)))(x, x * 2),
        F.vmap(lambda t: F.jvp(lambda z: matrix(m, z), (x[0],), (t,)))(x),
    ],
    "vmap of vjp": lambda m, F, x, y, s: [
        F.vmap(lambda a, c: F.vjp(lambda z: matrix(m, z), a)[1](c))(x, x[:, 1:]),
        F.vmap(F.vjp(lambda z: matrix(m, z), x[0])[1])(x[:, 1:]),
        F.vmap(lambda c: F.vjp(lambda z: matrix(m, z), x[0])[1](c))(x[:, 1:]),
    ],
    "grad of vmap": lambda m, F, x, y, s: [
        F.grad(lambda w: F.vmap(lambda a: (a @ w).sin())(x).sum())(y[0]),
        F.grad(lambda a: F.vmap(lambda b: matrix(m, b).sum())(a).sum())(x),
        F.grad(lambda a: F.vmap(F.grad(lambda b: (b**3).sum()))(a).sin().sum())(y),
    ],
    "jvp of vmap": lambda m, F, x, y, s: [
        F.jvp(lambda a: F.vmap(lambda b: matrix(m, b))(a), (x,), (x * 2,)),
        F.jvp(lambda w: F.vmap(lambda b: b @ w)(x), (y[0],), (y[1],)),
    ],
    "vmap of jacobians": lambda m, F, x, y, s: [
        F.vmap(F.jacrev(lambda a: a.sin() * a[0]))(y),
        F.vmap(F.jacfwd(lambda a: a.sin() * a[0]))(y),
        F.vmap(F.hessian(lambda a: (a.sin() * a[0]).sum()))(y),
        F.vmap(F.jacfwd(lambda a, b: a * b, argnums=1), in_dims=(0, None))(y, y[0]),
    ],
    "jvp of vmap of grad": lambda m, F, x, y, s: F.jvp(F.vmap(F.grad(lambda a: (a**3).sum())), (y,), (y * 2,)),
    "vmap of jvp of grad": lambda m, F, x, y, s: F.vmap(
        lambda a, t: F.jvp(F.grad(lambda b: (b.sin() * b[0]).sum()), (a,), (t,))
    )(y, y * 2),
    "grad of vmap of jvp": lambda m, F, x, y, s: F.grad(
        lambda a: F.vmap(lambda b: F.jvp(lambda c: c.sin() * c[0], (b,), (b,))[1])(a).sum()
    )(y),
    "vmap of vmap of grad": lambda m, F, x, y, s: F.vmap(F.vmap(F.grad(lambda a: (a.sin() * a[0]).sum())))(x),
    "ensemble": lambda m, F, x, y, s: ensemble(m, F, y),
    "Jacobian of a batch": lambda m, F, x, y, s: F.jacrev(lambda a: F.vmap(lambda b: b.sin().sum())(a))(y),
    "no samples": lambda m, F, x, y, s: [
        F.vmap(lambda a: a.sin().sum(0))(x[:0]),
        F.vmap(lambda a: a @ y[0])(x[:0]),
    ],
    "captured batches": lambda m, F, x, y, s: F.vmap(lambda a: F.vmap(lambda b: a + b)(y[0]))(s),
}


def ensemble(m: Any, F: Any, y: Any) -> Any:
    models = []
    for seed in range(3):
        m.manual_seed(seed)
        models.append(m.nn.Sequential(m.nn.Linear(3, 2), m.nn.Tanh(), m.nn.Linear(2, 1)).double())
    params, buffers = F.stack_module_state(models)
    return F.vmap(lambda p, b, z: F.functional_call(models[0], (p, b), (z,)), in_dims=(0, 0, None))(params, buffers, y)


@pytest.mark.parametrize("name", NESTED)
def test_nesting(name: str) -> None:
    agree(lambda m: NESTED[name](m, func(m), *data(m)), 1e-9)


ERRORS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "number": lambda m, v, x: v(lambda a: a)(3),
    "nothing": lambda m, v, x: v(lambda a: a)(),
    "in_dims too long": lambda m, v, x: v(lambda a: a, in_dims=(0, 0))(x),
    "in_dims list": lambda m, v, x: v(lambda a: a, in_dims=[0])(x),
    "in_dims None": lambda m, v, x: v(lambda a: a, in_dims=None)(x),
    "in_dims text": lambda m, v, x: v(lambda a: a, in_dims=("a",))(x),
    "nothing to map": lambda m, v, x: v(lambda a: a, in_dims=(None,))(x),
    "in_dims too large": lambda m, v, x: v(lambda a: a, in_dims=3)(x),
    "in_dims too small": lambda m, v, x: v(lambda a: a, in_dims=-4)(x),
    "0-dim": lambda m, v, x: v(lambda a: a)(x.sum()),
    "sizes": lambda m, v, x: v(lambda a, b: a)(x, x[:2]),
    "tree": lambda m, v, x: v(lambda a: a)([x, 3]),
    "in_dims dict": lambda m, v, x: v(lambda a: a, in_dims=({"a": 0},))(x),
    "out_dims too large": lambda m, v, x: v(lambda a: a, out_dims=3)(x),
    "out_dims text": lambda m, v, x: v(lambda a: a, out_dims="a")(x),
    "out_dims too long": lambda m, v, x: v(lambda a: a, out_dims=(0, 0))(x),
    "out_dims None": lambda m, v, x: v(lambda a: a, out_dims=None)(x),
    "no tensor": lambda m, v, x: v(lambda a: 3)(x),
    "None": lambda m, v, x: v(lambda a: None)(x),
    "randomness": lambda m, v, x: v(lambda a: a, randomness="a")(x),
    "random": lambda m, v, x: v(lambda a: m.randn(3))(x),
    "random of samples": lambda m, v, x: v(lambda a: m.rand_like(a))(x),
    "dropout": lambda m, v, x: v(lambda a: m.nn.functional.dropout(a))(x),
    "chunk_size": lambda m, v, x: v(lambda a: a, chunk_size=0)(x),
    "dimension": lambda m, v, x: v(lambda a: a.sum(2))(x),
    "too many indices": lambda m, v, x: v(lambda a: a[0, 0, 0])(x),
}


@pytest.mark.parametrize("name", ERRORS)
def test_messages(name: str) -> None:
    agree(lambda m: ERRORS[name](m, func(m).vmap, data(m)[0]))


REFUSED: dict[str, Callable[[Any, Any], Any]] = {
    "item": lambda m, a: a * a.sum().item(),
    "if": lambda m, a: a if a.sum() > 0 else -a,
    "float": lambda m, a: a * float(a[0]),
    "nonzero": lambda m, a: m.nonzero(a),
    "mask": lambda m, a: a[a > -9],
    "tolist": lambda m, a: m.tensor(a.tolist()),
}


@pytest.mark.parametrize("name", REFUSED)
def test_sample_by_sample(name: str) -> None:
    """What PyTorch refuses runs sample by sample, with a warning; fallback="error" refuses in PyTorch's words."""
    import rushlight as m

    torch = pytest.importorskip("torch")
    y = data(m)[1]
    with pytest.warns(UserWarning, match="sample by sample: 4 calls"):
        got = m.func.vmap(lambda a: REFUSED[name](m, a))(y)
    expected = m.stack([REFUSED[name](m, a) for a in y])
    assert m.equal(got, expected)
    with pytest.raises(RuntimeError) as refused:
        m.func.vmap(lambda a: REFUSED[name](m, a), fallback="error")(y)
    with pytest.raises(RuntimeError) as reference:
        torch.func.vmap(lambda a: REFUSED[name](torch, a))(data(torch)[1])
    assert str(refused.value).startswith(str(reference.value))


def test_the_warning_names_the_line() -> None:
    import rushlight as m

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        m.func.vmap(lambda a: a.item())(m.ones(3)) if False else m.func.vmap(lambda a: a * a.item())(m.ones(3))
    (warning,) = caught
    assert warning.filename == __file__
    assert "item() needs the values" in str(warning.message)


def test_random_numbers() -> None:
    def scenario(m: Any) -> Any:
        x = data(m)[0]

        def draw(a: Any) -> Any:
            return [m.randn(3), a.new_empty(2).uniform_(), m.randint(9, (2,)), m.normal(0.0, 1.0, (3,)), m.randperm(5)]

        same = func(m).vmap(draw, randomness="same")(x)
        m.manual_seed(0)
        different = func(m).vmap(draw, randomness="different")(x)
        same_for_all = [bool((r[0] == r[1]).all()) for r in same]
        drawn = func(m).vmap(
            lambda a: [m.rand_like(a), m.nn.functional.dropout(a), m.bernoulli(a * 0)], randomness="different"
        )(x)
        return [
            same_for_all,
            bool((different[0][0] == different[0][1]).any()),
            [list(r.shape) for r in [*different, *drawn]],
        ]

    agree(scenario)


def test_the_same_numbers_for_batched_arguments() -> None:
    """PyTorch refuses these."""
    import rushlight as m

    x = m.full((4, 100), 0.5)
    for draw in (m.bernoulli, m.rand_like, m.nn.functional.dropout, lambda a: (a * 1).normal_()):
        out = m.func.vmap(draw, randomness="same")(x)
        assert bool((out == out[0]).all()) and bool((out[0] != out[0, 0]).any())


def test_random_streams_after_a_rerun() -> None:
    import rushlight as m

    def noisy(a: Any) -> Any:
        return m.randn(2) + (a if a.sum() > 0 else -a)

    m.manual_seed(3)
    with pytest.warns(UserWarning, match="sample by sample"):
        got = m.func.vmap(noisy, randomness="different")(m.ones(3, 2))
    m.manual_seed(3)
    assert m.equal(got, m.stack([noisy(a) for a in m.ones(3, 2)]))
    with pytest.raises(RuntimeError, match="randomness error mode"), pytest.warns(UserWarning):
        m.func.vmap(lambda a: m.randn(2) if a.sum() > 0 else a)(m.ones(3, 2))


def test_writing_into_plain_tensors() -> None:
    import rushlight as m

    def filled(a: Any) -> Any:
        buffer = m.zeros(3, dtype=a.dtype)
        view = buffer[1:]
        buffer[0] = a[2]
        view.add_(a[:2])
        return buffer, view, m.zeros((), dtype=a.dtype).add_(a.sum()), m.tensor([a[0], 1.0], dtype=a.dtype)

    y = data(m)[1]
    for got, expected in zip(m.func.vmap(filled)(y), zip(*map(filled, y), strict=True), strict=True):
        assert m.equal(got, m.stack(list(expected)))


def test_gradients_of_what_is_the_same_for_all() -> None:
    import rushlight as m

    y = data(m)[1]
    w = y[0].clone().requires_grad_()
    got = m.func.vmap(lambda a: m.autograd.grad((a * w).sin().sum(), w)[0])(y)
    expected = m.stack([m.autograd.grad((a * w).sin().sum(), w)[0] for a in y])
    assert m.allclose(got, expected)


def test_backward_inside() -> None:
    import rushlight as m

    def gradient(a: Any) -> Any:
        leaf = a.detach().requires_grad_()
        (leaf**3).sum().backward()
        assert leaf.is_leaf and leaf.requires_grad and leaf.grad_fn is None
        return leaf.grad

    y = data(m)[1]
    assert m.allclose(m.func.vmap(gradient)(y), 3 * y**2)


class Cube:
    """Functions with each way to be batched."""

    @staticmethod
    def of(m: Any, how: str) -> Any:
        def forward(x: Any, scale: Any) -> Any:
            return x**3 * scale

        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        def backward(ctx: Any, g: Any) -> Any:
            x, scale = ctx.saved_tensors
            return 3 * x * x * g * scale, (g * x**3).sum()

        def jvp(ctx: Any, t: Any, s: Any) -> Any:
            x, scale = ctx.saved_tensors
            return 3 * x * x * t * scale + x**3 * s

        members = {n: staticmethod(f) for n, f in locals().items() if callable(f)}
        if how == "generated":
            members["generate_vmap_rule"] = True  # type: ignore[assignment]
        made: Any = type("Cubed", (m.autograd.Function,), members)
        if how == "rule":

            def vmap(info: Any, in_dims: Any, x: Any, scale: Any) -> Any:
                assert info.batch_size == 4 and info.randomness == "error" and in_dims[0] == 0
                scale = scale if in_dims[1] is None else scale.reshape(-1, *(1,) * (x.ndim - 1))
                return x**3 * scale, 0

            made.vmap = staticmethod(vmap)
        return made


@pytest.mark.parametrize("how", ["generated", "rule", "loop"])
def test_custom_functions(how: str) -> None:
    def scenario(m: Any) -> Any:
        F = func(m)
        y = data(m)[1]
        two = m.tensor(2.0, dtype=y.dtype)
        f = Cube.of(m, "generated" if m.__name__ == "torch" else how).apply
        result = [
            F.vmap(f, in_dims=(0, None))(y, two),
            F.grad(lambda a: f(a, two).sum())(y[0]),
            F.grad(lambda a: F.vmap(f, in_dims=(0, None))(a, two).sum())(y),
            F.jvp(lambda a: f(a, two), (y[0],), (y[1],)),
            F.hessian(lambda a: f(a, two).sum())(y[0]),
        ]
        if how != "rule" or m.__name__ == "torch":
            result.append(F.vmap(F.grad(lambda a: f(a, two).sum()))(y))
        else:
            result.append(m.stack([F.grad(lambda a: f(a, two).sum())(a) for a in y]))
        return result

    agree(scenario, 1e-9)


def test_printed() -> None:
    def scenario(m: Any) -> Any:
        shown: list[str] = []
        func(m).vmap(lambda a: (shown.append(repr(a)), func(m).vmap(lambda b: (shown.append(repr(b)), b)[1])(a))[1])(
            m.ones(2, 2)
        )
        return shown

    agree(scenario)


def written(m: Any, how: str, w: Any, x: Any) -> Any:
    """`w`, of three elements, after a write of values of the vector `x`."""
    places = m.tensor([2, 0])
    match how:
        case "element":
            w[0] = x[1]
        case "slice":
            w[1:] = x[:2]
        case "places":
            w[places] = x[:2]
        case "batched places":
            w[x.argsort()] = 1.0
        case "mask":
            w[x > 0.5] = 2.0
        case "mul_":
            w.mul_(x)
        case "add_ to a view":
            w[1:].mul_(x[:2])
        case "copy_":
            w.copy_(x)
        case "fill_":
            w.fill_(x[0])
        case "index_add_":
            w.index_add_(0, places, x[:2])
        case "scatter_":
            w.scatter_(0, places, x[:2])
        case "masked_fill_":
            w.masked_fill_(x > 0.5, 1.0)
        case "addcmul_":
            w.addcmul_(x, x)
        case "alias":
            w.detach().mul_(x)
        case "data":
            w.data = x
    return w


WRITES = (
    "element,slice,places,batched places,mask,mul_,add_ to a view,copy_,fill_,index_add_,scatter_,masked_fill_,addcmul_,alias,data"
).split(",")


@pytest.mark.parametrize("how", WRITES)
def test_a_write_promotes_what_was_made_inside(how: str) -> None:
    m = importlib.import_module("rushlight")
    y = data(m)[1]
    f = m.func.vmap(lambda x: written(m, how, m.ones(3, dtype=x.dtype) * 2, x) * 1)
    if how == "alias":
        with pytest.raises(
            RuntimeError, match="vmap: inplace arithmetic"
        ):  # the other tensor on the memory would not see it
            f(y)
        return
    assert m.equal(f(y), m.stack([written(m, how, m.ones(3, dtype=x.dtype) * 2, x) for x in y]))


@pytest.mark.parametrize("how", WRITES)
@pytest.mark.parametrize("library", ["rushlight", "torch"])
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_a_write_to_what_outlives_vmap_is_refused(library: str, how: str) -> None:
    """It would be lost."""
    m = importlib.import_module(library)
    y = data(m)[1]
    w = m.ones(3, dtype=y.dtype)
    with pytest.raises(RuntimeError, match="vmap|doesn't match the broadcast shape"):
        m.func.vmap(lambda x: written(m, how, w, x))(y)
    assert m.equal(w, m.ones(3, dtype=y.dtype))


@pytest.mark.parametrize("library", ["rushlight", "torch"])
def test_writes_and_levels(library: str) -> None:
    m = importlib.import_module(library)
    y = data(m)[1]
    with pytest.raises(
        RuntimeError, match="vmap: inplace arithmetic"
    ):  # made in the outer level, lost after the inner one

        def outer(x: Any) -> Any:
            w = x * 2
            m.func.vmap(lambda z: w.mul_(z))(y)
            return w

        m.func.vmap(outer)(y)
    w = m.zeros(3)
    with pytest.raises(RuntimeError, match="Cannot ask for different inplace randomness on an unbatched tensor"):
        m.func.vmap(lambda x: x + w.uniform_(), randomness="different")(y)
    m.func.vmap(lambda x: (x, w.add_(1))[0])(y)  # what all samples share is written once
    assert w.tolist() == [1.0, 1.0, 1.0]
    m.func.vmap(lambda x: x.mul_(2))(y)  # the argument's own memory is that of all samples
    assert m.equal(y, 2 * data(m)[1])


def test_backward_inside_adds_up_in_shared_leaves() -> None:
    """As a loop over the samples would; PyTorch refuses."""
    m = importlib.import_module("rushlight")
    y = data(m)[1]
    grads = []
    for run in (m.func.vmap, lambda f: lambda batch: [f(x) for x in batch]):
        w = m.ones(3, dtype=y.dtype, requires_grad=True)

        def f(x: Any, w: Any = w) -> Any:
            (w.exp() * x).sum().backward()
            return x

        run(f)(y)
        grads.append(w.grad)
    assert m.allclose(*grads)

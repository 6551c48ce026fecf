"""Taylor mode and sparse derivatives, which PyTorch does not have: against nested `jvp` and dense matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rushlight as m
from rushlight import func as F

X = (m.arange(3, dtype=m.float64) + 1) * 0.3
V = m.tensor([0.5, -0.2, 0.7], dtype=m.float64)
W = m.arange(9, dtype=m.float64).reshape(3, 3).sin()
G = m.nn.functional

CURVES: dict[str, Callable[[Any], Any]] = {
    "tanh": lambda x: (W @ x).tanh() @ W,
    "exponentials": lambda x: x.exp() * x + 2**x + m.exp2(x) + x.expm1(),
    "logarithms": lambda x: x.log() + x.log1p() + x.log2() + x.log10(),
    "trigonometric": lambda x: x.sin() * x.cos() + x.tan(),
    "hyperbolic": lambda x: x.sinh() - x.cosh() * 2,
    "powers": lambda x: x**3 + x**2.5 + x**-1 + x.square() + x**x,
    "quotients": lambda x: 1 / x + x / (x + 1) + 3 / (x * x) + x.reciprocal(),
    "roots": lambda x: x.sqrt() + x.rsqrt(),
    "softmax": lambda x: m.softmax(x, 0) + m.log_softmax(x, 0) + x.logsumexp(0),
    "activations": lambda x: x.sigmoid() * G.silu(x) + G.softplus(x) + G.logsigmoid(x),
    "inverses": lambda x: (
        (x / 2).asin() + x.atan() + (x / 2).acos() + x.asinh() + (x + 1).acosh() + (x / 2).atanh() + x.erf() + x.erfc()
    ),
    "any function": lambda x: x.lgamma() + x.sinc() + G.gelu(x),
    "places": lambda x: m.cat([x[1:] * x[:1], x.flip(0)]).reshape(1, -1).T.sum(1),
    "pieces": lambda x: m.where(x > 0.5, x * x, x.exp()) + m.relu(x - 0.5) ** 3 + x.abs() + m.maximum(x, x * x),
    "moments": lambda x: x.var() + x.norm() + x.std() + G.mse_loss(x, x * x),
    "layers": lambda x: G.linear(x, W, x) * x,
    "products": lambda x: x.outer(x) @ W @ x,
    "in place": lambda x: (x * 1).mul_(x).add_(x).exp_(),
    "in place under a view": lambda x: [(y := x * 1), (v := y[1:]), y.mul_(x), v * y[:1]][3],
    "in place through a view": lambda x: [(y := x.exp().T), y[:1].mul_(x[1]), y.view(1, 3)[0, 2:].copy_(x[:1]), y * x][
        3
    ],
    "into a constant": lambda x: [(y := m.zeros(2, 3, dtype=x.dtype)), y[0].copy_(x * x), y.diagonal().exp_(), y @ x][
        3
    ],
    "items": lambda x: [
        (y := x * 1),
        y.__setitem__(0, y[1] * x[2]),
        y.__setitem__(slice(1, 2), 3.0),
        y[2:].zero_(),
        y * x,
    ][4],
    "diagonals": lambda x: m.diag(x * x) @ W @ x.diag_embed(1)[:3, :3] @ x,
    "gradient inside": lambda x: F.grad(lambda y: (y.sin() * y[0]).sum())(x),
    "jvp inside": lambda x: F.jvp(lambda y: y**4, (x,), (x,))[1],
}


def nested(f: Callable[[Any], Any], k: int) -> list[Any]:
    def along(t: Any) -> Any:
        return f(X + t * V)

    found = []
    g = along
    for _ in range(k):
        g = (lambda h: lambda t: F.jvp(h, (t,), (m.ones_like(t),))[1])(g)
        found.append(g(m.zeros((), dtype=m.float64)))
    return found


@pytest.mark.parametrize("name", CURVES)
def test_jet(name: str) -> None:
    f = CURVES[name]
    value, terms = F.jet(f, (X,), ([V, *[m.zeros_like(V)] * 3],))
    assert m.allclose(value, f(X))
    for got, expected in zip(terms, nested(f, 4), strict=True):
        assert m.allclose(got, expected, rtol=1e-7, atol=1e-9)


def test_jet_along_curves() -> None:
    """Derivatives of several arguments' curves; of sin(t^2) exp(3 t) at 0.5."""
    t = m.tensor(0.5, dtype=m.float64)
    zero = t * 0
    two, three = zero + 2, zero + 3
    output, terms = F.jet(
        lambda a, b: {"y": a.sin() * b.exp()}, (t * t, 3 * t), ([2 * t, two, zero], [three, zero, zero])
    )
    f = lambda s: (s * s).sin() * (3 * s).exp()  # noqa: E731
    expected = [f(t), F.grad(f)(t), F.grad(F.grad(f))(t), F.grad(F.grad(F.grad(f)))(t)]
    assert m.allclose(m.stack([output["y"], *(term["y"] for term in terms)]), m.stack(expected))


def test_jet_is_recorded_and_nests() -> None:
    x = X.clone().requires_grad_()
    _, (_, second) = F.jet(lambda y: y**3, (x,), ([V, m.zeros_like(V)],))
    second.sum().backward()
    assert m.allclose(x.grad, 6 * V * V)
    batch = m.stack([X, 2 * X])
    got = F.vmap(lambda y: F.jet(lambda z: z**3, (y,), ([V, V * 0],))[1][1])(batch)
    assert m.allclose(got, 6 * batch * V * V)


class Cubed(m.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_forward(x)
        return x**3

    @staticmethod
    def jvp(ctx: Any, t: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x * x * t


# Operators that have no rule of their own, and rules that do not know these arguments.
WITHOUT_RULE: dict[str, Callable[[Any], Any]] = {
    "sort": lambda x: (x * W[0]).sort()[0] ** 2,
    "decomposition": lambda x: m.linalg.eigvalsh(m.outer(x, x) + m.diag(x * x)),
    "determinant": lambda x: m.linalg.det(x.outer(x) + W),
    "solve": lambda x: m.linalg.solve(m.outer(x, x) + 2 * m.eye(3, dtype=m.float64), x.exp()),
    "norm": lambda x: x.norm(3) + x.exp().prod(),
    "two on curves": lambda x: m.atan2(x, x * x + 1) + m.logaddexp(x, x.sin()),
    "arguments by name": lambda x: m.mul(x, other=x) + m.div(x, x + 1, rounding_mode=None),
    "scan": lambda x: x.cumprod(0) * x.logcumsumexp(0),
    "of one a constant": lambda x: m.cdist(x[None], W) @ x,
    "inside of jvp": lambda x: F.jvp(lambda y: y.cumprod(0), (x,), (x * x,))[1],
    "around a batch": lambda x: F.vmap(lambda w: (w * x).cumprod(0))(W),
}


@pytest.mark.parametrize("name", WITHOUT_RULE)
def test_jet_without_a_rule(name: str) -> None:
    f = WITHOUT_RULE[name]
    value, terms = F.jet(f, (X,), ([V, *[m.zeros_like(V)] * 2],))
    assert m.allclose(value, f(X))
    for got, expected in zip(terms, nested(f, 3), strict=True):
        assert m.allclose(got, expected, rtol=1e-7, atol=1e-9)


def test_jet_of_a_function_of_the_users() -> None:
    _, terms = F.jet(lambda x: Cubed.apply(x.exp()), (X,), ([V, m.zeros_like(V)],))
    assert m.allclose(m.stack(terms), m.stack([3 * V * (3 * X).exp(), 9 * V * V * (3 * X).exp()]))


def test_jet_without_a_rule_is_recorded() -> None:
    x = X.clone().requires_grad_()
    _, (_, second) = F.jet(lambda y: y.cumprod(0)[1], (x,), ([V, m.zeros_like(V)],))
    assert m.allclose(second, 2 * V[0] * V[1])
    _, (first, _) = F.jet(lambda y: y.cumprod(0)[1], (x,), ([V, m.zeros_like(V)],))
    first.backward()
    assert m.allclose(x.grad, m.stack([V[1], V[0], V[2] * 0]))


def test_jet_refuses() -> None:
    zero = m.zeros_like(V)
    with pytest.raises(NotImplementedError, match="no rule for __setitem__ at places that tensors name"):
        F.jet(lambda x: (x * 1).__setitem__(x > 0, 2.0), (X,), ([V, zero],))
    with pytest.raises(NotImplementedError, match="no rule for sin with out="):
        F.jet(lambda x: m.sin(x, out=m.zeros_like(x)), (X,), ([V, zero],))
    with pytest.raises(NotImplementedError, match="no rule for mul_ on a view of an argument"):
        F.jet(lambda x: x.mul_(x), (X,), ([V, zero],))
    with pytest.raises(ValueError, match="series of one length"):
        F.jet(m.sin, (X,), ([],))
    with pytest.raises(ValueError, match="primals' shapes"):
        F.jet(m.sin, (X,), ([V[:2]],))


MAPS: dict[str, Callable[[Any], Any]] = {
    "band": lambda x: x[1:-1] * x[:-2] + x[2:].sin(),
    "reductions": lambda x: m.cat([x[:4].sum()[None], x.view(3, 4).mean(0), x.view(3, 4).logsumexp(1), x[:2].prod()[None]]),
    "products": lambda x: m.cat([W @ x[:3], x.view(4, 3) @ x[:3], (x.view(4, 3) @ W).reshape(-1), W[0].outer(x[:2]).reshape(-1)]),
    "batches": lambda x: (x.view(2, 2, 3) @ x.view(2, 3, 2)).reshape(-1),
    "layout": lambda x: m.stack([x.view(3, 4).T.flip(0), x.roll(2).reshape(4, 3)], 1)[:, 0].tril().reshape(-1),
    "scans": lambda x: m.cat([x[:5].cumsum(0), x[5:].softmax(0)]),
    "in place": lambda x: (
        z := m.zeros(6, dtype=x.dtype), z[:3].copy_(x[:3]), z[3:].add_(x[5:8]), z.__setitem__(0, x[9]), z.mul_(x[:6]), z
    )[-1],
    "in place under a view": lambda x: [(y := x * 1), (v := y[1:]), y.mul_(x.flip(0)), v * 1][3],
    "in place through a view": lambda x: [
        (y := x.sin()), (v := y.view(3, 4).T[1:]), v.mul_(x[:3, None]), v[0].copy_(x[3:6]), m.cat([y, v.reshape(-1)])
    ][4],
    "decompositions": lambda x: m.linalg.inv(x[:4].view(2, 2)).reshape(-1),
    "constant": lambda x: m.ones(3, dtype=x.dtype),
    "pieces": lambda x: m.where(x > 0.5, x, x.flip(0)).clamp(min=0.1),
}  # fmt: skip
POINT = (m.arange(12, dtype=m.float64) * 0.37).sin() + 1.2


def as_dense(matrix: Any) -> Any:
    return m.from_numpy(matrix.toarray())


@pytest.mark.parametrize("name", MAPS)
def test_sparse_jacobian(name: str) -> None:
    pytest.importorskip("scipy")
    f = MAPS[name]
    matrix = F.sparse_jacobian(f)(POINT)
    assert m.allclose(as_dense(matrix), F.jacrev(f)(POINT).reshape(matrix.shape))


@pytest.mark.parametrize("name", MAPS)
def test_sparse_hessian(name: str) -> None:
    pytest.importorskip("scipy")
    f = lambda x: (MAPS[name](x) * m.arange(1, 1 + len(MAPS[name](x)))).sum()  # noqa: E731
    expected = F.hessian(f)(POINT)
    assert m.allclose(as_dense(F.sparse_hessian(f)(POINT)), expected)
    assert m.allclose(F.hessian_diagonal(f)(POINT), expected.diagonal())
    assert m.allclose(F.laplacian(f)(POINT), expected.trace())


def test_patterns() -> None:
    pytest.importorskip("scipy")
    import numpy as np

    band = lambda x: x * 2 + m.cat([x[1:] ** 2, x[:1] * 0]) + m.cat([x[:1] * 0, x[:-1].sin()])  # noqa: E731
    x = m.linspace(0, 1, 50, dtype=m.float64)
    pattern = F.jacobian_sparsity(band)(x)
    assert pattern.count <= 4 and pattern.shape == (50, 50) and "colors=" in repr(pattern)
    for given in (pattern, np.eye(50) + np.eye(50, k=1) + np.eye(50, k=-1) + np.eye(50)[::-1] * 0, m.ones(50, 50)):
        matrix = F.sparse_jacobian(band, pattern=given)(x)
        dense = F.jacrev(band)(x)
        if not isinstance(given, np.ndarray):
            assert m.allclose(as_dense(matrix), dense)
    # The pattern of the second argument, of a function with others.
    second = F.sparse_jacobian(lambda a, b, scale: a * b * scale, 1)(x, x, scale=3)
    assert m.allclose(as_dense(second), (3 * x).diag())
    # Nonlinear in one of two variables: no pair.
    assert F.hessian_sparsity(lambda y: (y[:25] ** 2).sum() + y[25:].sum())(x).indices.tolist() == list(range(25))


def test_derivatives_of_a_laplacian() -> None:
    pytest.importorskip("scipy")
    w = m.tensor(2.0, dtype=m.float64, requires_grad=True)
    value = F.laplacian(lambda x: (w * x**3).sum())(POINT)
    (slope,) = m.autograd.grad(value, w)
    assert m.allclose(slope, (6 * POINT).sum())


def test_sparse_refuses() -> None:
    pytest.importorskip("scipy")
    with pytest.raises(ValueError, match="pattern has 3 columns"):
        F.sparse_jacobian(m.sin, pattern=m.eye(3))(POINT)
    with pytest.raises(NotImplementedError, match="give its pattern"):
        F.sparse_jacobian(F.grad(lambda x: (x**3).sum()))(POINT)
    with pytest.raises(RuntimeError, match="single number"):
        F.sparse_hessian(m.sin)(POINT)
    matrix = F.sparse_jacobian(F.grad(lambda x: (x**3).sum()), pattern=m.eye(12))(POINT)
    assert m.allclose(as_dense(matrix), (6 * POINT).diag())

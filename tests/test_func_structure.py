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


def test_jet_refuses() -> None:
    zero = m.zeros_like(V)
    with pytest.raises(NotImplementedError, match="no rule for sort"):
        F.jet(lambda x: x.sort()[0], (X,), ([V, zero],))
    with pytest.raises(ValueError, match="series of one length"):
        F.jet(m.sin, (X,), ([],))
    with pytest.raises(ValueError, match="primals' shapes"):
        F.jet(m.sin, (X,), ([V[:2]],))

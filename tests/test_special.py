"""Special functions: values at the edges, accuracy, derivatives of any order."""

from __future__ import annotations

import math

import pytest

import rushlight as torch

EDGES = [math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, -2.5, 1e300, 1e-300]


def at(function: object, *values: float) -> list[float]:
    return function(torch.tensor(values, dtype=torch.float64)).tolist()  # type: ignore[operator, no-any-return]


def same(found: list[float], expected: list[float]) -> None:
    torch_like = [
        f == e or (f != f and e != e) or abs(f - e) <= 1e-12 * abs(e) for f, e in zip(found, expected, strict=True)
    ]
    assert all(torch_like), (found, expected)


def test_gamma_functions_at_edges() -> None:
    inf, nan = math.inf, math.nan
    same(
        at(torch.lgamma, *EDGES),
        [nan, inf, inf, inf, inf, inf, -0.05624371649767405, 6.897755278982137e302, 690.7755278982137],
    )
    same(at(torch.digamma, *EDGES), [nan, inf, nan, -inf, inf, nan, 1.103156640645243, 690.7755278982137, -1e300])
    same(at(lambda x: torch.polygamma(1, x), *EDGES), [nan, 0, nan, inf, inf, inf, 9.539246644989124, 1e-300, inf])


def test_digamma_is_accurate_near_its_root() -> None:
    # The root is 1.4616321449683623412626595…; the slope there 0.9676720454.
    (y,) = at(torch.digamma, 1.4616321449683623)
    assert y == pytest.approx(-0.9676720454 * 9.5484e-17, rel=1e-3)


def test_modified_bessel_functions_at_edges() -> None:
    same(at(torch.i0, 0.0, math.inf, -math.inf, 1.0), [1, math.inf, math.inf, 1.2660658777520084])
    same(at(torch.special.i1, 0.0, math.inf, -math.inf, -1.0), [0, math.inf, -math.inf, -0.565159103992485])
    same(at(torch.special.i0e, 0.0, math.inf, 1e6), [1, 0, 0.00039894233026924577])
    same(at(torch.special.i1e, 0.0, -math.inf), [0, 0])


def test_zeta() -> None:
    zeta = torch.special.zeta
    same(at(lambda q: zeta(2.0, q), 1.0, 0.5, 0.0, -1.0), [math.pi**2 / 6, math.pi**2 / 2, math.inf, math.inf])
    # Far below zero: the sum has some 10^15 terms.
    same(at(lambda q: zeta(2.0, q), -1e15 - 0.5), [math.pi**2])
    assert all(map(math.isnan, at(lambda s: zeta(s, 2.0), 0.5, math.nan)))


def test_methods_and_their_forms() -> None:
    x = torch.tensor([2.5, 4.0], dtype=torch.float64)
    assert x.polygamma(1).tolist() == torch.polygamma(1, x).tolist()
    y = x.clone()
    assert y.mvlgamma_(2) is y
    assert y.tolist() == torch.special.multigammaln(x, 2).tolist()
    with pytest.raises(RuntimeError, match="does not support negative n"):
        torch.polygamma(-1, x)
    with pytest.raises(RuntimeError, match="greater than or equal to 1"):
        torch.mvlgamma(x, 0)


@pytest.mark.parametrize(
    "name",
    "lgamma digamma i0 special.i1 special.i0e special.i1e special.entr special.ndtr special.log_ndtr special.erfcx".split(),
)
def test_derivatives(name: str) -> None:
    pytest.importorskip("scipy")
    function = torch
    for part in name.split("."):
        function = getattr(function, part)
    x = torch.tensor([0.3, 1.4, 2.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (x,))
    assert torch.autograd.gradgradcheck(function, (x,))


def test_slope_of_i1_at_0() -> None:
    for function in (torch.special.i1, torch.special.i1e):
        x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        (g,) = torch.autograd.grad(function(x), x)
        assert g.item() == 0.5


def test_incomplete_gamma_functions() -> None:
    pytest.importorskip("scipy")
    a = torch.tensor([0.5, 2.0, 7.0], dtype=torch.float64)
    x = torch.tensor([0.3, 2.5, 6.0], dtype=torch.float64, requires_grad=True)
    assert torch.allclose(torch.igamma(a, x) + torch.igammac(a, x), torch.ones(3, dtype=torch.float64))
    assert torch.autograd.gradgradcheck(lambda x: torch.igamma(a, x), (x,))
    a.requires_grad_()
    with pytest.raises(NotImplementedError, match="igamma: input"):
        torch.igamma(a, x).sum().backward()


def test_polynomials() -> None:
    special = torch.special
    x = torch.tensor([-1.0, -0.3, 0.0, 0.7, 1.0, 1.5, math.nan], dtype=torch.float64)
    same(special.legendre_polynomial_p(x, 2)[:6].tolist(), ((3 * x * x - 1) / 2)[:6].tolist())
    same(special.hermite_polynomial_h(x, 3).tolist(), (8 * x**3 - 12 * x).tolist())
    n = torch.tensor([-1, 0, 1, 2, 2, 3, 3])
    same(special.chebyshev_polynomial_t(x, n).tolist(), [0, 1, 0, 2 * 0.49 - 1, 1, 4 * 1.5**3 - 4.5, math.nan])
    # Far degrees within [-1, 1] have a closed form, and what overflows ends the recurrence.
    same(
        special.chebyshev_polynomial_u(x[:1] * 0.5, 10**9).tolist(),
        [math.sin((10**9 + 1) * math.acos(-0.5)) / math.sin(math.acos(-0.5))],
    )
    assert math.isnan(special.laguerre_polynomial_l(torch.tensor(1e5), 10**9).item())

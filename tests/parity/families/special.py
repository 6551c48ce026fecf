"""torch.special, and the gamma functions of the main namespace."""

from __future__ import annotations

from collections.abc import Iterator

from ..rows import FLOAT, Row, own, several
from ..samples import Maker, Sample, call


def _orders(make: Maker) -> Iterator[Sample]:
    for n in range(4):
        yield call(n, make(2, 3, low=0.2, high=4))
        yield call(n, make(5, low=-4, high=4))
    yield call(1, make())
    yield call(2, make(0, 2))
    yield call(-1, make(2))
    yield call(1.5, make(2))


NO_DERIVATIVE = (
    "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_i0 modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 "
    "scaled_modified_bessel_k0 scaled_modified_bessel_k1 spherical_bessel_j0 "
    "chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w "
    "shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w "
    "hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p"
)

# Where PyTorch's own values are no better: Airy's function by sums that cancel, polynomials by recurrences in float.
_TOLERANCES = {
    "airy_ai": {"float32": (1e-4, 1e-5), "float64": (1e-4, 1e-5)},
    # Near 5, where its approximations meet, PyTorch's are off by 4e-7 and 1e-6; rushlight's agree with mpmath to the last digits.
    **dict.fromkeys(("bessel_j0", "bessel_y1"), {"float64": (1e-5, 1e-6)}),
    "hermite_polynomial_he": {"float32": (1e-4, 1e-3)},
}

TABLE: tuple[Row, ...] = (
    *several("digamma lgamma i0", "fmio"),
    *(own(name, forms, _orders, dtypes=FLOAT, tolerance={"float32": (1e-5, 1e-5)},
        reason="computed in double precision here, in the tensor's own by PyTorch",
        unlike={"errors": "an order of 10**13 at negative input, where all that is summed overflows, is nan; PyTorch's sum is cut off at inf"})
      for name, forms in (("polygamma", "f"), ("special.polygamma", "fo"))),
    *several("igamma igammac mvlgamma", "fmio"),
    *(Row(f"special.{name}", "fo", core=(f"special_{name}",)) for name in "i0e i1 i1e zeta xlog1py entr ndtri log_ndtr".split()),
    Row("special.erfcx", "fo", tolerance={"float32": (1e-5, 1e-5)}, reason="PyTorch rounds the square to a float before it takes the exponential"),
    Row("special.ndtr", "fo", tolerance={"float16": (1e-3, 1e-3), "bfloat16": (2e-2, 1e-2), "float32": (1e-5, 1e-6)},
        reason="computed by erfc, where PyTorch's 1 + erf loses small results", unlike={"node": "PyTorch multiplies by a number of C++"}),
    *(Row(f"special.{name}", "fo", tolerance=_TOLERANCES.get(name, {}), reason="computed in double precision here") for name in NO_DERIVATIVE.split()),
    *(Row(f"special.{name}", "fo", source) for name, source in (
        ("erf", "erf"), ("erfc", "erfc"), ("erfinv", "erfinv"), ("exp2", "exp2"), ("expm1", "expm1"), ("expit", "sigmoid"), ("i0", "i0"), ("log1p", "log1p"),
        ("digamma", "digamma"), ("psi", "digamma"), ("gammaln", "lgamma"), ("round", "round"), ("xlogy", "xlogy"), ("gammainc", "igamma"),
        ("gammaincc", "igammac"), ("multigammaln", "mvlgamma"))),
    *(Row(f"special.{name}", "fo", name, tolerance={"float16": (5e-2, 1e-3), "bfloat16": (2e-1, 1e-2)},
          reason="PyTorch rounds to 16 bits in between; rushlight rounds once") for name in ("sinc", "logit")),
    Row("special.softmax", "f", "softmax"),
    Row("special.log_softmax", "f", "log_softmax", tolerance={"float16": (2e-3, 1e-3), "bfloat16": (2e-2, 4e-3)},
        reason="as log_softmax: PyTorch rounds the logarithm of the sum to 16 bits before it subtracts"),
    Row("special.logsumexp", "fo", "logsumexp", accepts="dim=[] means all dimensions, as elsewhere; PyTorch fails on a shape of its own making"),
)  # fmt: skip

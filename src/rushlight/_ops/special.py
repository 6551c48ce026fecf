"""Special functions: what has no kernel of its own, by way of SciPy or recurrences over NumPy's arrays.

A function with a derivative is an `autograd.Function` whose backward is written with operators, so that it can be
differentiated again. The family loads when one of its names is first used.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core as core
from .._core import Tensor
from ..autograd.function import Function
from . import METHOD, namespaces, operator
from .reduce import scalar_name

__all__: list[str] = []


def _scipy(name: str) -> Any:
    """A function of scipy.special."""
    try:
        import scipy.special
    except ImportError:
        raise RuntimeError(f"{name} needs SciPy: install it (pip install scipy)") from None
    return scipy.special


def _compute(name: str, function: Any, *operands: Any, half: bool = False, integers: bool = True) -> Tensor:
    """function(arrays) on the operands' common floating-point type. `half`: 16-bit floats compute in 32 bits."""
    dtype = core.result_type(operands[0], operands[-1])
    if integers and not (dtype.is_floating_point or dtype.is_complex):
        dtype = core.get_default_dtype()
    inner = core.float32 if half and dtype in (core.float16, core.bfloat16) else dtype
    if inner not in (core.float32, core.float64):
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_name(dtype)}'")
    given = [o.detach() if isinstance(o, Tensor) else core.tensor(o, dtype=inner) for o in operands]
    shaped = given[0] if len(given) == 1 else given[0] == given[1]  # broadcast, in the layout of pointwise results
    result = core.empty_like(shaped, dtype=dtype)
    with np.errstate(all="ignore"):
        values = function(*(t.to(inner).numpy() for t in given))
    return result.copy_(core.from_numpy(np.asarray(values, dtype=str(inner).rpartition(".")[2])))


# --- functions that have a kernel, under their names here -------------------------------------------------------------


def _again(name: str, native: Any, doc: str = "") -> None:
    def form(input: Tensor) -> Tensor:
        return native(input)

    form.__doc__ = doc or native.__doc__
    operator("Pointwise", namespace="special", out=True, name=name)(form)


for _name in "erf erfc erfinv exp2 expm1 i0 log1p sinc digamma".split():
    _again(_name, getattr(core, _name))
for _name in "i0e i1 i1e xlog1py zeta".split():
    namespaces.setdefault("special", {})[_name] = getattr(core, f"special_{_name}")
_again("expit", core.sigmoid)
_again("psi", core.digamma)
_again("gammaln", core.lgamma)


@operator("Pointwise", namespace="special", out="found")
def round(input: Tensor, *, decimals: int = 0) -> Tensor:
    """The nearest number with so many decimals; halves to even."""
    return core.round(input, decimals=decimals)


@operator("Pointwise", namespace="special", out=True)
def logit(input: Tensor, eps: float | None = None) -> Tensor:
    """log(input / (1 - input)), with input first cut to [eps, 1 - eps]."""
    return core.logit(input, eps)


@operator("Reduction", namespace="special", out="cast")
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) along dimensions, without overflow."""
    return core.logsumexp(input, dim, keepdim)


@operator("Other", namespace="special")
def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(input) / sum(exp(input)) along a dimension, computed in `dtype` where given."""
    return core.softmax(input, dim, dtype)


@operator("Other", namespace="special")
def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """log(softmax(input)) along a dimension, without overflow."""
    return core.log_softmax(input, dim, dtype)


@operator("Pointwise", namespace="special", out=True)
def polygamma(n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma."""
    return core.polygamma(n, input)


def _needs_tensor(name: str, a: Any, b: Any) -> None:
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        raise TypeError(
            f"special_{name}() received an invalid combination of arguments - got ({type(a).__name__}, "
            f"{type(b).__name__}), but expected one of:\n * (Tensor, Tensor)\n * (Tensor, Number)\n * (Number, Tensor)"
        )
    for o in (a, b):
        if not isinstance(o, (Tensor, int, float, complex)):
            raise TypeError(f"special_{name}(): arguments must be Tensors or numbers, not {type(o).__name__}")


@operator("Pointwise", namespace="special", out=True)
def xlogy(self: Any, other: Any) -> Tensor:
    """self * log(other), 0 where self is 0 (nan where other is)."""
    _needs_tensor("xlogy", self, other)
    return core.xlogy(self, other)


# --- differentiable functions -----------------------------------------------------------------------------------------


class _Entr(Function):
    _node_name = "SpecialEntrBackward0"

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        y = -x * x.log()
        y = core.where(x == 0, core.zeros_like(y), y)
        return core.where(x < 0, core.full_like(y, -math.inf), y)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return g * -(1 + x.log())


class _Erfcx(Function):
    _node_name = "SpecialErfcxBackward0"

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = _compute("erfcx", _scipy("special.erfcx").erfcx, x)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        return (2 * x * y - 2 / math.sqrt(math.pi)) * g


class _LogNdtr(Function):
    _node_name = "SpecialLogNdtrBackward0"

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _compute("log_ndtr", _scipy("special.log_ndtr").log_ndtr, x)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        # The density over the distribution, both without their common factor exp(-x^2 / 2).
        return g / _Erfcx.apply(-x / math.sqrt(2)) * math.sqrt(2 / math.pi)


class _Ndtri(Function):
    _node_name = "SpecialNdtriBackward0"

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = _compute("ndtri", _scipy("special.ndtri").ndtri, x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return g * math.sqrt(2 * math.pi) * (y.square() / 2).exp()


def _real(name: str, x: Tensor) -> None:
    if x.is_complex():
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_name(x.dtype)}'")


@operator("Pointwise", namespace="special", out=True)
def entr(input: Tensor) -> Tensor:
    """-input * log(input); 0 at 0 and -inf below."""
    _real("entr", input)
    x = input if input.is_floating_point() else input.to(core.get_default_dtype())
    return _Entr.apply(x)


@operator("Pointwise", namespace="special", out=True)
def erfcx(input: Tensor) -> Tensor:
    """exp(input^2) erfc(input), without overflow for positive input."""
    return _Erfcx.apply(input)


@operator("Pointwise", namespace="special", out=True)
def ndtr(input: Tensor) -> Tensor:
    """The distribution function of the normal distribution."""
    _real("erf", input)
    x = input if input.is_floating_point() else input.to(core.get_default_dtype())
    return (x * -math.sqrt(0.5)).erfc() * 0.5


@operator("Pointwise", namespace="special", out=True)
def ndtri(input: Tensor) -> Tensor:
    """The inverse of ndtr."""
    return _Ndtri.apply(input)


@operator("Pointwise", namespace="special", out=True)
def log_ndtr(input: Tensor) -> Tensor:
    """log(ndtr(input)), accurate far below 0."""
    return _LogNdtr.apply(input)


def _changing(function: Any, name: str) -> Any:
    """The in-place form of a function whose derivative needs the input as it was."""

    def form(self: Tensor, other: Any) -> Tensor:
        return core._assign(self, function(self.clone(), other))

    form.__doc__ = f"In-place {name}."
    form.__wrapped__ = function  # type: ignore[attr-defined]
    return form


def _incomplete(name: str, scipys: str, sign: int, doc: str) -> None:
    """igamma or igammac: the Function and its operators."""

    class Incomplete(Function):
        _node_name = f"{name.capitalize()}Backward0"

        @staticmethod
        def forward(ctx: Any, a: Tensor, x: Tensor) -> Tensor:
            ctx.save_for_backward(a, x)
            return _compute(name, getattr(_scipy(f"torch.{name}"), scipys), a, x, half=True, integers=False)

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> tuple[None, Tensor]:
            if ctx.needs_input_grad[0]:
                raise NotImplementedError(f"the derivative for '{name}: input' is not implemented.")
            a, x = ctx.saved_tensors
            slope = ((a - 1) * x.log() - x - a.lgamma()).exp()
            return None, (g * slope * sign).sum_to_size(x.shape)

    def form(input: Tensor, other: Tensor) -> Tensor:
        return Incomplete.apply(input, other)

    form.__doc__ = doc
    operator("Pointwise", out=True, name=name)(form)
    operator("Pointwise", where=METHOD, name=f"{name}_")(_changing(form, name))
    operator("Pointwise", out=True, namespace="special", name=scipys)(form)


_incomplete("igamma", "gammainc", 1, "The regularized lower incomplete gamma function of (input, other).")
_incomplete("igammac", "gammaincc", -1, "The regularized upper incomplete gamma function of (input, other).")


class _Mvlgamma(Function):
    _node_name = "MvlgammaBackward0"

    @staticmethod
    def forward(ctx: Any, x: Tensor, p: int) -> Tensor:
        ctx.save_for_backward(x)
        ctx.p = p
        return _shifted(x, p).lgamma().sum(-1) + p * (p - 1) / 4 * math.log(math.pi)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return g * _shifted(x, ctx.p).digamma().sum(-1), None


def _shifted(x: Tensor, p: int) -> Tensor:
    """x - j / 2 for j = 0, …, p - 1 along a new last dimension."""
    dtype = x.dtype if x.is_floating_point() else core.get_default_dtype()
    return x.unsqueeze(-1) + core.arange(-p / 2 + 0.5, 0.25, 0.5, dtype=dtype)


def mvlgamma(input: Tensor, p: int) -> Tensor:
    """log of the multivariate gamma function of dimension p."""
    if input.dtype == core.bool:
        raise RuntimeError("The input tensor may not be a boolean tensor.")
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    if input.is_complex():
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{scalar_name(input.dtype)}'")
    return _Mvlgamma.apply(input, p)


operator("Pointwise", namespace="special", out=True, name="multigammaln")(mvlgamma)
operator("Pointwise", out=True)(mvlgamma)
operator("Pointwise", where=METHOD, name="mvlgamma_")(_changing(mvlgamma, "mvlgamma"))


# --- functions without derivatives ------------------------------------------------------------------------------------


def _from_scipy(name: str, doc: str, function: Any) -> None:
    def form(input: Tensor) -> Tensor:
        return _compute(name, lambda x: function(_scipy(f"special.{name}"), x), input)

    form.__doc__ = doc + " It has no derivative."
    operator("Pointwise", namespace="special", out=True, name=name)(form)


_FIRST, _SECOND = "The Bessel function of the first kind", "The Bessel function of the second kind"
_MODIFIED = "The modified Bessel function of the {} kind, of order {}{}."
# Airy's function falls below every number where SciPy gives up.
_from_scipy(
    "airy_ai",
    "Airy's function Ai.",
    lambda s, x: np.where((x > 105) & (x < math.inf), 0, s.airy(x)[0]),
)
_from_scipy("bessel_j0", f"{_FIRST}, of order 0.", lambda s, x: s.j0(x))
_from_scipy("bessel_j1", f"{_FIRST}, of order 1.", lambda s, x: s.j1(x))
_from_scipy("bessel_y0", f"{_SECOND}, of order 0.", lambda s, x: s.y0(x))
_from_scipy("bessel_y1", f"{_SECOND}, of order 1.", lambda s, x: s.y1(x))
_from_scipy("modified_bessel_i0", _MODIFIED.format("first", 0, ""), lambda s, x: s.i0(x))
_from_scipy("modified_bessel_i1", _MODIFIED.format("first", 1, ""), lambda s, x: s.i1(x))
_from_scipy("modified_bessel_k0", _MODIFIED.format("second", 0, ""), lambda s, x: s.k0(x))
_from_scipy("modified_bessel_k1", _MODIFIED.format("second", 1, ""), lambda s, x: s.k1(x))
_from_scipy("scaled_modified_bessel_k0", _MODIFIED.format("second", 0, ", times exp(input)"), lambda s, x: s.k0e(x))
_from_scipy("scaled_modified_bessel_k1", _MODIFIED.format("second", 1, ", times exp(input)"), lambda s, x: s.k1e(x))
_from_scipy(
    "spherical_bessel_j0",
    "The spherical Bessel function of the first kind, of order 0: sin(input) / input.",
    lambda s, x: s.spherical_jn(0, x),
)


# --- orthogonal polynomials -------------------------------------------------------------------------------------------


def _polynomial(name: str, first: Any, step: Any, shift: Any = None, closed: Any = None) -> None:
    """The polynomials with P_0 = 1, P_1 = first(x), P_k = step(k, x, P_{k-1}, P_{k-2}); 0 below degree 0.

    shift: x is replaced by this first; closed: the value for |x| <= 1 and a high degree, which saves the recurrence.
    """

    def values(x: Any, n: Any) -> Any:
        t = (x.dtype.type)(1) * (x if shift is None else shift(x))
        t, degree = np.broadcast_arrays(t, np.trunc(n))
        result = np.where(degree == 0, 1, np.where(degree == 1, first(t), 0)).astype(t.dtype)
        rest = degree >= 2
        if closed is not None:
            direct = (degree > 6) & (np.abs(t) < 1)
            result = np.where(direct, closed(degree, np.where(direct, t, 0)), result)
            rest = rest & ~direct
        t, degree = t[rest], degree[rest]
        found = np.full_like(t, math.nan)
        before, now, k = np.ones_like(t), first(t), 2
        left = np.ones(t.shape, bool)
        while left.any():
            before, now = now, step(k, t, now, before)
            found = np.where(left & (degree == k), now, found)
            left &= (degree > k) & ~np.isnan(now)  # what is no number stays so
            k += 1
        result[rest] = found
        return result

    def form(input: Any, n: Any) -> Tensor:
        _needs_tensor(name, input, n)
        return _compute(name, values, input, n)

    form.__doc__ = f"The {name.replace('_polynomial_', ' polynomial ').replace('_', ' ')} of degree n at input. It has no derivative."
    operator("Pointwise", namespace="special", out=True, name=name)(form)


def _chebyshev_step(k: int, x: Any, now: Any, before: Any) -> Any:
    return (x + x) * now - before


for _letter, _first, _closed in (
    ("t", lambda x: x, lambda n, x: np.cos(n * np.arccos(x))),
    ("u", lambda x: x + x, lambda n, x: np.sin((n + 1) * np.arccos(x)) / np.sin(np.arccos(x))),
    ("v", lambda x: x + x - 1, lambda n, x: np.cos((n + 0.5) * np.arccos(x)) / np.cos(0.5 * np.arccos(x))),
    ("w", lambda x: x + x + 1, lambda n, x: np.sin((n + 0.5) * np.arccos(x)) / np.sin(0.5 * np.arccos(x))),
):
    _polynomial(f"chebyshev_polynomial_{_letter}", _first, _chebyshev_step, closed=_closed)
    _polynomial(
        f"shifted_chebyshev_polynomial_{_letter}", _first, _chebyshev_step, shift=lambda x: x + x - 1, closed=_closed
    )
_polynomial("hermite_polynomial_h", lambda x: x + x, lambda k, x, now, before: (x + x) * now - 2 * (k - 1) * before)
_polynomial("hermite_polynomial_he", lambda x: x, lambda k, x, now, before: x * now - (k - 1) * before)
_polynomial(
    "laguerre_polynomial_l", lambda x: 1 - x, lambda k, x, now, before: ((2 * k - 1 - x) * now - (k - 1) * before) / k
)
_polynomial(
    "legendre_polynomial_p", lambda x: x, lambda k, x, now, before: ((2 * k - 1) * x * now - (k - 1) * before) / k
)

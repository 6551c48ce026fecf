"""Fourier transforms: pocketfft through SciPy or NumPy, derivatives out of transforms.

There are three primitives: complex to complex, real to (half or whole) complex, and half complex to real. Each is an
`autograd.Function` whose backward is made of the others, so that it can be differentiated again.

The family loads when one of its names is first used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _core as core
from .._core import Tensor
from ..autograd.function import Function
from . import operator
from .reduce import scalar_name

# --- the transforms themselves --------------------------------------------------------------------------------------

#: Factors of a transform of n points: 1, 1/sqrt(n), 1/n.
PLAIN, BY_ROOT, BY_N = 0, 1, 2
_NUMPY_NORM: dict[tuple[int, bool], Any] = {
    (PLAIN, True): "backward",
    (BY_ROOT, True): "ortho",
    (BY_N, True): "forward",
}
_NUMPY_NORM |= {(PLAIN, False): "forward", (BY_ROOT, False): "ortho", (BY_N, False): "backward"}

#: Transforms of at least so many elements use threads.
_LARGE = 1 << 16


def _workers(size: int) -> int:
    return core.get_num_threads() if size >= _LARGE else 1


try:
    # The functions beneath scipy.fft: on few points its own checks take several times as long as the transform.
    from scipy.fft._pocketfft.pypocketfft import c2c as _scipy_c2c
    from scipy.fft._pocketfft.pypocketfft import c2r as _scipy_c2r
    from scipy.fft._pocketfft.pypocketfft import r2c as _scipy_r2c

    def _c2c(a: Any, axes: Sequence[int], norm: int, forward: bool) -> Any:
        return _scipy_c2c(a, axes, forward, norm, None, _workers(a.size))

    def _r2c(a: Any, axes: Sequence[int], norm: int) -> Any:
        return _scipy_r2c(a, axes, True, norm, None, _workers(a.size))

    def _c2r(a: Any, axes: Sequence[int], norm: int, last: int) -> Any:
        return _scipy_c2r(a, axes, last, False, norm, None, _workers(a.size))

except ImportError:

    def _same_precision(result: Any, a: Any) -> Any:
        """NumPy before 2.0 computes in double precision."""
        kind = "c" if result.dtype.kind == "c" else "f"
        size = a.dtype.itemsize // (2 if a.dtype.kind == "c" else 1) * (2 if kind == "c" else 1)
        return result.astype(f"{kind}{size}", copy=False)

    def _c2c(a: Any, axes: Sequence[int], norm: int, forward: bool) -> Any:
        transform = np.fft.fftn if forward else np.fft.ifftn
        return _same_precision(transform(a, axes=axes, norm=_NUMPY_NORM[norm, forward]), a)

    def _r2c(a: Any, axes: Sequence[int], norm: int) -> Any:
        return _same_precision(np.fft.rfftn(a, axes=axes, norm=_NUMPY_NORM[norm, True]), a)

    def _c2r(a: Any, axes: Sequence[int], norm: int, last: int) -> Any:
        sizes = [a.shape[d] for d in axes[:-1]] + [last]
        return _same_precision(np.fft.irfftn(a, sizes, axes=axes, norm=_NUMPY_NORM[norm, False]), a)


def _laid_out(array: Any, source: Tensor, dims: Sequence[int]) -> Tensor:
    """A result with PyTorch's layout: what was transformed innermost, the other dimensions in the order of memory."""
    n = array.ndim
    if n < 2 or (dims == (n - 1,) and source.is_contiguous() and array.flags.c_contiguous):
        return core.from_numpy(array)
    strides = source.stride()
    others = sorted((d for d in range(n) if d not in dims), key=lambda d: -strides[d])
    order = (*others, *dims)
    back = [0] * n
    for i, d in enumerate(order):
        back[d] = i
    # Turned as an array: a tensor that is a view could not be changed in place with history.
    return core.from_numpy(np.ascontiguousarray(array.transpose(order)).transpose(back))


def _by_memory(x: Tensor, dims: tuple[int, ...]) -> tuple[int, ...]:
    """Dimensions in the order of memory, outer ones first."""
    if len(dims) < 2:
        return dims
    strides = x.stride()
    return tuple(sorted(dims, key=lambda d: -strides[d]))


def _raw(x: Tensor) -> Any:
    return np.asarray(x.detach() if x.requires_grad else x)


def _run_c2c(x: Tensor, dims: tuple[int, ...], norm: int, forward: bool) -> Tensor:
    if x.numel() == 0:
        return core.empty(x.shape, dtype=x.dtype)
    return _laid_out(_c2c(_raw(x), dims, norm, forward), x, _by_memory(x, dims))


def _run_r2c(x: Tensor, dims: tuple[int, ...], norm: int, onesided: bool) -> Tensor:
    order = (*_by_memory(x, dims[:-1]), dims[-1])
    if x.numel() == 0:
        sizes = list(x.shape)
        if onesided:
            sizes[dims[-1]] = sizes[dims[-1]] // 2 + 1
        return core.empty(sizes, dtype=_COMPLEX[x.dtype])
    a = _raw(x)
    if onesided:
        return _laid_out(_r2c(a, dims, norm), x, order)
    return _laid_out(_c2c(a, dims, norm, True), x, order)


def _run_c2r(x: Tensor, dims: tuple[int, ...], norm: int, last: int) -> Tensor:
    if x.numel() == 0:
        sizes = list(x.shape)
        sizes[dims[-1]] = last
        return core.empty(sizes, dtype=_REAL[x.dtype])
    return _laid_out(_c2r(_raw(x), dims, norm, last), x, (*_by_memory(x, dims[:-1]), dims[-1]))


class _C2C(Function):
    _node_name = "FftC2CBackward0"

    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: tuple[int, ...], norm: int, forward: bool) -> Tensor:
        ctx.how = dims, norm, forward
        return _run_c2c(x, dims, norm, forward)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        dims, norm, forward = ctx.how
        return c2c(g, dims, norm, not forward), None, None, None


class _R2C(Function):
    _node_name = "FftR2CBackward0"

    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: tuple[int, ...], norm: int, onesided: bool) -> Tensor:
        ctx.how = dims, norm, onesided, x.shape[dims[-1]]
        return _run_r2c(x, dims, norm, onesided)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        dims, norm, onesided, last = ctx.how
        if onesided:
            g = _resize(g, dims[-1], last)
        return c2c(g, dims, norm, False).real, None, None, None


class _C2R(Function):
    _node_name = "FftC2RBackward0"

    @staticmethod
    def forward(ctx: Any, x: Tensor, dims: tuple[int, ...], norm: int, last: int) -> Tensor:
        ctx.how = dims, norm
        return _run_c2r(x, dims, norm, last)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        dims, norm = ctx.how
        last = dims[-1]
        half = r2c(g, dims, norm, True)
        twice = g.shape[last] - half.shape[last]  # all but the first and, of an even number, the last stand for two
        if twice > 0:
            half.narrow(last, 1, twice).mul_(2)
        return half, None, None, None


def _tracked(x: Tensor) -> bool:
    """Whether a derivative is asked for, of either mode."""
    return (x.requires_grad and core.is_grad_enabled()) or core._dual_level(x) >= 0


def c2c(x: Tensor, dims: tuple[int, ...], norm: int, forward: bool) -> Tensor:
    """The transform of complex x along `dims`, which are not negative."""
    return _C2C.apply(x, dims, norm, forward) if _tracked(x) else _run_c2c(x, dims, norm, forward)


def r2c(x: Tensor, dims: tuple[int, ...], norm: int, onesided: bool) -> Tensor:
    """The forward transform of real x; `onesided`: of the last of `dims` only the first half, n // 2 + 1."""
    return _R2C.apply(x, dims, norm, onesided) if _tracked(x) else _run_r2c(x, dims, norm, onesided)


def c2r(x: Tensor, dims: tuple[int, ...], norm: int, last: int) -> Tensor:
    """The inverse of a onesided r2c to `last` points in the last of `dims`."""
    return _C2R.apply(x, dims, norm, last) if _tracked(x) else _run_c2r(x, dims, norm, last)


# --- arguments ------------------------------------------------------------------------------------------------------

_COMPLEX = {core.float32: core.complex64, core.float64: core.complex128}
_REAL = {core.complex64: core.float32, core.complex128: core.float64}


def _promoted(x: Tensor, to_complex: bool = False) -> Tensor:
    """Integers become the default dtype; real numbers become complex if so wished."""
    d = x.dtype
    if d in _REAL:
        return x
    if d not in _COMPLEX:
        if not d.is_floating_point:  # nor complex: see above
            d = core.get_default_dtype()
        if d not in _COMPLEX:
            raise RuntimeError(f"Unsupported dtype {scalar_name(d)}")
    if to_complex:
        d = _COMPLEX[d]
    return x if x.dtype is d else x.to(d)


def _norm(mode: str | None, forward: bool) -> int:
    if mode is None or mode == "backward":
        return PLAIN if forward else BY_N
    if mode == "forward":
        return BY_N if forward else PLAIN
    if mode == "ortho":
        return BY_ROOT
    raise RuntimeError(f'Invalid normalization mode: "{mode}"')


def _wrap(dim: int, ndim: int) -> int:
    if not ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if not -ndim <= dim < ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")
    return dim % ndim


def _check_points(n: int) -> None:
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")


def _resize(x: Tensor, dim: int, n: int) -> Tensor:
    """Cut off or continued with zeros along a dimension."""
    have = x.shape[dim]
    if n == have:
        return x
    if n < have:
        return x.narrow(dim, 0, n)
    sizes = list(x.shape)
    sizes[dim] = n - have
    return core.cat([x, core.zeros(sizes, dtype=x.dtype)], dim)


def _one_dim(x: Tensor, n: int | None, dim: int) -> tuple[Tensor, int]:
    dim = _wrap(dim, x.ndim)
    _check_points(x.shape[dim] if n is None else n)
    return (x if n is None else _resize(x, dim, n)), dim


def _many_dims(x: Tensor, s: Any, dim: Any) -> tuple[list[int], tuple[int, ...]]:
    """The number of points for each dimension to be transformed, and those dimensions."""
    ndim = x.ndim
    if isinstance(s, int):
        s = (s,)
    if isinstance(dim, int):
        dim = (dim,)
    if dim is not None:
        dims = tuple(_wrap(d, ndim) if ndim else d for d in dim)
        if len(set(dims)) != len(dims):
            raise RuntimeError("FFT dims must be unique")
        if dims and not ndim:
            _wrap(dims[0], ndim)
    if s is not None:
        if dim is not None and len(dims) != len(s):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
        if len(s) > ndim:
            raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {ndim} dimensions.")
        if dim is None:
            dims = tuple(range(ndim - len(s), ndim))
        sizes = [x.shape[d] if n == -1 else n for n, d in zip(s, dims, strict=True)]
    else:
        if dim is None:
            dims = tuple(range(ndim))
        sizes = [x.shape[d] for d in dims]
    for n in sizes:
        _check_points(n)
    return sizes, dims


def _resized(x: Tensor, sizes: Sequence[int], dims: Sequence[int]) -> Tensor:
    for n, d in zip(sizes, dims, strict=True):
        x = _resize(x, d, n)
    return x


def _half(sizes: list[int], x: Tensor, s: Any, dims: tuple[int, ...]) -> int:
    """The points of the last dimension of a c2r transform; its size becomes that of the half that is read."""
    given = (s,) if isinstance(s, int) else s
    last = 2 * (x.shape[dims[-1]] - 1) if given is None or given[-1] == -1 else given[-1]
    _check_points(last)
    sizes[-1] = last // 2 + 1
    return last


def _need_real(x: Tensor, name: str, what: str = "real input tensor") -> None:
    if x.dtype in _REAL:
        raise RuntimeError(f"{name} expects a {what}, but got {scalar_name(x.dtype)}")


# --- one dimension --------------------------------------------------------------------------------------------------


def _transform(x: Tensor, n: int | None, dim: int, norm: str | None, forward: bool) -> Tensor:
    x = _promoted(x)
    x, dim = _one_dim(x, n, dim)
    factor = _norm(norm, forward)
    if x.dtype in _REAL:
        return c2c(x, (dim,), factor, forward)
    result = r2c(x, (dim,), factor, False)
    return result if forward else result.conj()


@operator("Linear", namespace="fft", out="complex")
def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """X[k] = sum_j x[j] exp(-2 pi i jk/n) along a dimension, which is cut off or continued with zeros to n points.

    norm: "backward" (also None) for no factor here and 1/n in the inverse, "forward" for the reverse, "ortho" for
    1/sqrt(n) in both."""
    return _transform(input, n, dim, norm, True)


@operator("Linear", namespace="fft", out="complex")
def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of fft."""
    return _transform(input, n, dim, norm, False)


def _to_half(name: str, x: Tensor, n: int | None, dim: int, norm: str | None, forward: bool) -> Tensor:
    _need_real(x, name)
    x, dim = _one_dim(_promoted(x), n, dim)
    result = r2c(x, (dim,), _norm(norm, forward), True)
    return result if forward else result.conj()


def _from_half(x: Tensor, n: int | None, dim: int, norm: str | None, forward: bool) -> Tensor:
    x = _promoted(x, to_complex=True)
    dim = _wrap(dim, x.ndim)
    if n is None:
        n = 2 * (x.shape[dim] - 1)
        _check_points(n)
    else:
        _check_points(n)
        x = _resize(x, dim, n // 2 + 1)
    return c2r(x.conj() if forward else x, (dim,), _norm(norm, forward), n)


@operator("Linear", namespace="fft", out="complex")
def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """fft of real input: the first n // 2 + 1 elements, which determine the others."""
    return _to_half("rfft", input, n, dim, norm, True)


@operator("Linear", namespace="fft", out="complex")
def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of rfft to n points, by default 2 (m - 1) of m."""
    return _from_half(input, n, dim, norm, False)


@operator("Linear", namespace="fft", out="complex")
def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """fft of a signal with x[-j] = conj(x[j]), given by its first n // 2 + 1 elements: real."""
    return _from_half(input, n, dim, norm, True)


@operator("Linear", namespace="fft", out="complex")
def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of hfft: the first n // 2 + 1 elements of ifft of real input."""
    return _to_half("ihfft", input, n, dim, norm, False)


# --- several dimensions ---------------------------------------------------------------------------------------------


def _transform_n(x: Tensor, s: Any, dim: Any, norm: str | None, forward: bool) -> Tensor:
    sizes, dims = _many_dims(x, s, dim)
    x = _resized(_promoted(x, to_complex=True), sizes, dims)
    factor = _norm(norm, forward)
    return c2c(x, dims, factor, forward) if dims else x.clone()


def _need_axis(name: str, dims: tuple[int, ...]) -> None:
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")


@operator("Linear", namespace="fft", out="complex")
def fftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """fft along several dimensions, by default all; s: the number of points of each, -1 for its size."""
    return _transform_n(input, s, dim, norm, True)


@operator("Linear", namespace="fft", out="complex")
def ifftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of fftn."""
    return _transform_n(input, s, dim, norm, False)


@operator("Linear", namespace="fft", out="complex")
def fft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """fft along two dimensions, by default the last."""
    return _transform_n(input, s, dim, norm, True)


@operator("Linear", namespace="fft", out="complex")
def ifft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """The inverse of fft2."""
    return _transform_n(input, s, dim, norm, False)


def _rfftn(name: str, x: Tensor, s: Any, dim: Any, norm: str | None) -> Tensor:
    _need_real(x, name, "real-valued input tensor")
    sizes, dims = _many_dims(x, s, dim)
    _need_axis(name, dims)
    return r2c(_resized(_promoted(x), sizes, dims), dims, _norm(norm, True), True)


def _irfftn(name: str, x: Tensor, s: Any, dim: Any, norm: str | None) -> Tensor:
    sizes, dims = _many_dims(x, s, dim)
    _need_axis(name, dims)
    last = _half(sizes, x, s, dims)
    return c2r(_resized(_promoted(x, to_complex=True), sizes, dims), dims, _norm(norm, False), last)


@operator("Linear", namespace="fft", out="complex")
def rfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """fftn of real input: of the last dimension the first n // 2 + 1 elements."""
    return _rfftn("rfftn", input, s, dim, norm)


@operator("Linear", namespace="fft", out="complex")
def irfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of rfftn."""
    return _irfftn("irfftn", input, s, dim, norm)


@operator("Linear", namespace="fft", out="complex")
def rfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """rfftn along two dimensions, by default the last."""
    return _rfftn("rfftn", input, s, dim, norm)


@operator("Linear", namespace="fft", out="complex")
def irfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """The inverse of rfft2."""
    return _irfftn("irfftn", input, s, dim, norm)


def _hfftn(x: Tensor, s: Any, dim: Any, norm: str | None) -> Tensor:
    sizes, dims = _many_dims(x, s, dim)
    _need_axis("hfftn", dims)
    last = _half(sizes, x, s, dims)
    x = _resized(_promoted(x, to_complex=True), sizes, dims)
    factor = _norm(norm, True)
    if len(dims) > 1:
        x = c2c(x, dims[:-1], factor, True)
    return c2r(x.conj(), dims[-1:], factor, last)


def _ihfftn(x: Tensor, s: Any, dim: Any, norm: str | None) -> Tensor:
    sizes, dims = _many_dims(x, s, dim)
    if x.dtype in _REAL:
        raise RuntimeError(f"Only supports floating-point dtypes, but found: {scalar_name(x.dtype)}")
    _need_axis("ihfftn", dims)
    x = _resized(_promoted(x), sizes, dims)
    factor = _norm(norm, False)
    half = r2c(x, dims[-1:], factor, True)
    if len(dims) == 1:
        return half.conj()
    return c2c(half.conj_physical(), dims[:-1], factor, False)


@operator("Linear", namespace="fft", out="complex")
def hfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """fftn of a Hermitian signal, given by the first n // 2 + 1 elements of its last dimension: real."""
    return _hfftn(input, s, dim, norm)


@operator("Linear", namespace="fft", out="complex")
def ihfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of hfftn."""
    return _ihfftn(input, s, dim, norm)


@operator("Linear", namespace="fft", out="complex")
def hfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """hfftn along two dimensions, by default the last."""
    return _hfftn(input, s, dim, norm)


@operator("Linear", namespace="fft", out="complex")
def ihfft2(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
    """The inverse of hfft2."""
    return _ihfftn(input, s, dim, norm)


# --- helpers --------------------------------------------------------------------------------------------------------


def _shifted(x: Tensor, dim: Any, up: bool) -> Tensor:
    dims = range(x.ndim) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    for d in dims:
        _wrap(d, x.ndim)
    shifts = [(x.shape[d] + up) // 2 for d in dims]
    return x.roll(shifts, list(dims))


@operator("Movement", namespace="fft")
def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The frequency 0 moved from the start to the middle of dimensions, by default of all."""
    return _shifted(input, dim, False)


@operator("Movement", namespace="fft")
def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of fftshift."""
    return _shifted(input, dim, True)


def _frequencies(name: str, n: int, d: float, half: bool, out: Tensor | None, settings: dict[str, Any]) -> Tensor:
    dtype = settings.get("dtype")
    if dtype is None and out is not None:
        dtype = out.dtype
    if dtype is None:
        dtype = core.get_default_dtype()
    if not dtype.is_floating_point and not dtype.is_complex:
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    settings["dtype"] = dtype
    if half:
        result = core.arange(n // 2 + 1, out=out, **settings)
    else:
        result = core.arange(n, out=out, **settings)
        middle = n // 2 + n % 2
        with core.no_grad():
            result[middle:] -= n
    with core.no_grad():
        return result.mul_(1.0 / (n * d)) if n * d else result.div_(n * d)


@operator("Creation", namespace="fft")
def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of fft's n results, [0, 1, ..., -2, -1] / (n d), for points d apart."""
    settings = {"dtype": dtype, "layout": layout, "device": device, "requires_grad": requires_grad}
    return _frequencies("fftfreq", n, d, False, out, settings)


@operator("Creation", namespace="fft")
def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of rfft's results, [0, 1, ..., n // 2] / (n d), for points d apart."""
    settings = {"dtype": dtype, "layout": layout, "device": device, "requires_grad": requires_grad}
    return _frequencies("rfftfreq", n, d, True, out, settings)

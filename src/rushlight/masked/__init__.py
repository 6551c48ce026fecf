"""Reductions, scans and normalisations of the elements that a mask lets through.

Where `mask` (of bool, broadcast to the input) is false, an element counts as if it were not there: as what the operation
starts with (0 for a sum, -inf for a maximum). What is left of a slice that is masked out as a whole is that start, or nan
where there is none. `dim` is a dimension, several, or None for all; `dtype` is what the input is converted to before.
Derivatives of masked elements are 0. There is no MaskedTensor.
"""

from __future__ import annotations

import math
from typing import Any

import rushlight as torch

from .._core import Tensor
from .._types import iinfo

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]


def _dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """The dimensions meant, from 0 on and in order; None and () mean all."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(ndim))
    given = (dim,) if isinstance(dim, int) else dim
    n, found = max(ndim, 1), []
    for d in given:
        if d >= n or d < -n:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})")
        if d % n in found:
            raise RuntimeError(f"dim={d % n} appears multiple times in the list of dims")
        found.append(d % n)
    return tuple(sorted(found))


def _mask(input: Tensor, mask: Tensor) -> Tensor:
    """The mask in the input's shape."""
    if len(mask.shape) > input.ndim:
        raise IndexError("_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)")
    return torch.broadcast_to(mask, input.shape).to(torch.bool)


def _masked(input: Tensor, mask: Tensor | None, value: Any) -> Tensor:
    """The input with `value` where the mask is false."""
    return input if mask is None else torch.where(_mask(input, mask), input, torch.tensor(value, dtype=input.dtype))


def _losing(name: str, input: Tensor, mask: Tensor | None, sign: int) -> Tensor:
    """The input with what loses against all other elements where the mask is false: -inf or the like for sign -1."""
    if mask is None:
        return input
    if input.dtype.is_floating_point or (input.dtype.is_complex and name == "logsumexp"):
        return _masked(input, mask, sign * math.inf)
    if input.dtype == torch.bool:
        raise NotImplementedError(f"identity of {name} on {input.dtype} input")
    limits = iinfo(input.dtype)
    return _masked(input, mask, limits.min if sign < 0 else limits.max)


def _wide(input: Tensor, dtype: Any) -> Any:
    """The dtype of a sum or product: integers add up in int64."""
    if dtype is not None:
        return dtype
    return input.dtype if input.dtype.is_floating_point or input.dtype.is_complex else torch.int64


def sum(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The sum of the elements that the mask lets through; 0 where there are none."""
    dims = _dims(dim, input.ndim)
    return torch.sum(_masked(input, mask, 0), dims, keepdim=bool(keepdim), dtype=_wide(input, dtype))


def prod(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The product of the elements that the mask lets through; 1 where there are none."""
    dims = _dims(dim, input.ndim)
    dtype = _wide(input, dtype)
    result = _masked(input, mask, 1)
    for d in reversed(dims):
        result = torch.prod(result, d, keepdim=bool(keepdim), dtype=dtype)
    return result.to(dtype)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The sums of all elements up to each, of those that the mask lets through."""
    d = _dims(dim, input.ndim)[0]
    dtype = input.dtype if dtype is None else dtype
    return torch.cumsum(_masked(input, mask, 0), d, dtype=dtype)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The products of all elements up to each, of those that the mask lets through."""
    d = _dims(dim, input.ndim)[0]
    dtype = input.dtype if dtype is None else dtype
    return torch.cumprod(_masked(input, mask, 1), d, dtype=dtype)


def amax(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The largest of the elements that the mask lets through; -inf, or the least number, where there are none."""
    dims = _dims(dim, input.ndim)
    filled = _losing("amax", input, mask, -1)
    return torch.amax(filled, dims, bool(keepdim)).to(dtype or input.dtype)


def amin(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The smallest of the elements that the mask lets through; inf, or the largest number, where there are none."""
    dims = _dims(dim, input.ndim)
    filled = _losing("amin", input, mask, 1)
    return torch.amin(filled, dims, bool(keepdim)).to(dtype or input.dtype)


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The place of the largest element that the mask lets through, in the input's dtype unless `dtype` is given."""
    filled = _losing("argmax", input, mask, -1)
    return torch.argmax(filled, dim, bool(keepdim)).to(dtype or input.dtype)


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The place of the smallest element that the mask lets through, in the input's dtype unless `dtype` is given."""
    filled = _losing("argmin", input, mask, 1)
    return torch.argmin(filled, dim, bool(keepdim)).to(dtype or input.dtype)


def _count(input: Tensor, dim: Any, keepdim: bool | None, mask: Tensor | None) -> Tensor:
    """How many elements the mask lets through."""
    return sum(torch.ones(input.shape, dtype=torch.int64), dim, keepdim=keepdim, mask=mask)


def mean(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The mean of the elements that the mask lets through; nan where there are none.

    Raises:
        ValueError: neither the input's dtype nor `dtype` is one of real or complex floating-point numbers.
    """
    wanted = dtype or input.dtype
    if not (wanted.is_floating_point or wanted.is_complex):
        raise ValueError(
            "mean(): Could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {wanted}"
        )
    return sum(input, dim, keepdim=keepdim, dtype=dtype, mask=mask) / _count(input, dim, keepdim, mask)


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The median (the lower of two) of the elements that the mask lets through; nan where there are none.

    Raises:
        ValueError: integers of which a slice is masked out as a whole.
    """
    dtype = input.dtype if dtype is None else dtype
    d = _dims(dim, input.ndim)[0]
    real = input if input.is_floating_point() else input.to(torch.float)
    result: Tensor = torch.nanmedian(_masked(real, mask, math.nan), d, keepdim).values
    if input.is_floating_point():
        return result
    if bool(result.isnan().any()):
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return result.to(dtype)


def logsumexp(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """log(sum(exp(input))) over the elements that the mask lets through; -inf where there are none."""
    dims = _dims(dim, input.ndim)
    filled = _losing("logsumexp", input, mask, -1)
    return torch.logsumexp(filled, dims, bool(keepdim)).to(dtype or input.dtype)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Any = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """log(exp(input) + exp(other)), where a masked element of either counts as -inf."""
    a = _losing("logaddexp", input, input_mask, -1)
    b = _losing("logaddexp", other, other_mask, -1)
    return torch.logaddexp(a, b).to(dtype or input.dtype)


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The vector norm of order `ord` of the elements that the mask lets through."""
    dims = _dims(dim, input.ndim)
    filled = _masked(input, mask, math.inf if ord == -math.inf else 0)
    linalg: Any = torch.linalg  # whose functions are there once it is loaded
    return linalg.vector_norm(filled, ord, dims, bool(keepdim), dtype=dtype)


def _spread(
    input: Tensor, dim: Any, unbiased: bool | None, correction: Any, keepdim: Any, dtype: Any, mask: Tensor | None
) -> Tensor:
    """The variance of the elements that the mask lets through."""
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    less = 1 if correction is None else correction
    if unbiased is not None:
        less = int(unbiased)
    dtype = input.dtype if dtype is None else dtype
    if not (dtype.is_floating_point or dtype.is_complex):
        dtype = torch.float32
    given = None if mask is None else _mask(input, mask)
    count = _count(input, dim, True, given)
    x = input - sum(input, dim, keepdim=True, dtype=dtype, mask=given) / count
    total = sum(x * x.conj(), dim, keepdim=keepdim, dtype=dtype, mask=given)
    if not keepdim:
        count = count.reshape(total.shape)
    if less:
        count = torch.maximum(count - less, count.new_zeros(()))
    return (total / count).to(dtype)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: int | float | None = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance of the elements that the mask lets through: their count less `correction` (1) is the divisor."""
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: int | None = None,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The square root of `var`."""
    return torch.sqrt(_spread(input, dim, unbiased, correction, keepdim, dtype, mask))


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """softmax over the elements that the mask lets through, 0 for the others; nan where there are none."""
    d = _dims(dim, input.ndim)[0]
    return torch.softmax(_losing("softmax", input, mask, -1), d, dtype=dtype or input.dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """log(softmax) over the elements that the mask lets through, -inf for the others; nan where there are none."""
    d = _dims(dim, input.ndim)[0]
    return torch.log_softmax(_losing("log_softmax", input, mask, -1), d, dtype=dtype or input.dtype)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """softmax(-input) over the elements that the mask lets through, 0 for the others; nan where there are none."""
    d = _dims(dim, input.ndim)[0]
    filled = _losing("softmin", input, mask, 1)
    return torch.nn.functional.softmin(filled, d, dtype=dtype or input.dtype)


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """input / max(norm, eps) along a dimension; masked elements count as 0 and stay so."""
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    least = torch.full_like(length, eps)
    return _masked(input, mask, 0) / torch.maximum(length, least)

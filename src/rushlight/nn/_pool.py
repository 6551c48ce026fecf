"""Pooling and its inverse as functions: what the native operators do not do by themselves."""

from __future__ import annotations

from typing import Any

from .. import _core as core
from .._core import (
    Tensor,
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool1d_with_indices,
    max_pool2d,
    max_pool2d_with_indices,
    max_pool3d,
    max_pool3d_with_indices,
    pad,
)
from ._losses import _check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Ints = int | Sequence[int]
    Pair = tuple[Tensor, Tensor]

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "pad",
]


# --- adaptive maxima


def adaptive_max_pool1d_with_indices(input: Tensor, output_size: Ints, return_indices: bool = False) -> Pair:
    """adaptive_max_pool1d, and the places of its elements in their lines."""
    return core.adaptive_max_pool1d(input, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Ints, return_indices: bool = False) -> Any:
    """[N, C, n] or [C, n] to `output_size` maxima of a line: result i is the largest element from floor(i n / size) on to
    ceil((i + 1) n / size). With `return_indices` also their places."""
    found = core.adaptive_max_pool1d(input, output_size)
    return found if return_indices else found[0]


def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Pair:
    """adaptive_max_pool2d, and the places of its elements in their planes."""
    found: Pair = core.adaptive_max_pool2d(input, output_size, True)
    return found


def adaptive_max_pool3d_with_indices(input: Tensor, output_size: Any, return_indices: bool = False) -> Pair:
    """adaptive_max_pool3d, and the places of its elements in their volumes."""
    found: Pair = core.adaptive_max_pool3d(input, output_size, True)
    return found


# --- windows at random places


def _fractional(
    name: str, dims: int, input: Tensor, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Tensor | None
) -> Pair:
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    _check(name, input=input)
    if output_size is None:
        output_size = [int(input.size(d - dims) * output_ratio[d]) for d in range(dims)]
    if samples is None:
        batch = 1 if input.dim() == dims + 1 else input.size(0)
        samples = core.empty(batch, input.size(-dims - 1), dims, dtype=input.dtype).uniform_()
    found: Pair = getattr(core, name)(input, kernel_size, output_size, samples)
    return found


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Pair:
    """The largest elements of windows at random places (B. Graham, arXiv:1412.6071) of images [N, C, H, W] or [C, H, W], and
    their places in their planes. The result has `output_size`, or `output_ratio` of the image's. `_random_samples`:
    [N, C, 2] numbers in [0, 1); else they are drawn."""
    return _fractional("fractional_max_pool2d", 2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """fractional_max_pool2d_with_indices; the places only with `return_indices`."""
    found = _fractional("fractional_max_pool2d", 2, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Pair:
    """The same as in two dimensions for volumes [N, C, D, H, W] or [C, D, H, W]."""
    return _fractional("fractional_max_pool3d", 3, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Ints,
    output_size: Ints | None = None,
    output_ratio: Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """fractional_max_pool3d_with_indices; the places only with `return_indices`."""
    found = _fractional("fractional_max_pool3d", 3, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


# --- norms


def _lp_pool(
    name: str, dims: int, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    """(the sum of x^p under the window)^(1/p); 0 where the sum is negative."""
    _check(name, input=input)
    if norm_type == float("inf"):
        largest = (core.max_pool1d, core.max_pool2d, core.max_pool3d)[dims - 1]
        return largest(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
    if norm_type == 0:
        raise ZeroDivisionError("float division by zero")
    sizes = [kernel_size] * dims if isinstance(kernel_size, int) or dims == 1 else list(kernel_size)
    if len(sizes) != dims:
        many = "too many values" if len(sizes) > dims else "not enough values"
        raise ValueError(f"{many} to unpack (expected {dims}{'' if len(sizes) > dims else f', got {len(sizes)}'})")
    average = (core.avg_pool1d, core.avg_pool2d, core.avg_pool3d)[dims - 1]
    mean = average(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    count = 1
    for k in sizes:
        count *= k[0] if isinstance(k, (tuple, list)) else k
    return (mean.sign() * core.relu(mean.abs())).mul(count).pow(1.0 / norm_type)


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm, without absolute values, under each place of a sliding window: (sum of x^p)^(1/p), of [N, C, L] or
    [C, L]. With p = inf the largest absolute value."""
    return _lp_pool("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
) -> Tensor:
    """lp_pool1d of images [N, C, H, W] or [C, H, W]."""
    return _lp_pool("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: Ints, stride: Ints | None = None, ceil_mode: bool = False
) -> Tensor:
    """lp_pool1d of volumes [N, C, D, H, W] or [C, D, H, W]."""
    return _lp_pool("lp_pool3d", 3, input, norm_type, kernel_size, stride, ceil_mode)


# --- the inverse of a maximum


def _numbers(value: Any, dims: int) -> list[int]:
    """A number for each dimension; what more there is, is not looked at."""
    if not isinstance(value, (tuple, list)):
        return [value] * dims
    if len(value) < dims:
        raise IndexError("tuple index out of range")
    return list(value)


def _unpooled(
    dims: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, size: Sequence[int] | None
) -> tuple[list[int], list[int]]:
    """The sizes of the planes that were pooled, and the strides."""
    kernels = _numbers(kernel_size, dims)
    strides = kernels if stride is None else _numbers(stride, dims)
    pads = _numbers(padding, dims)
    shape = input.shape
    if len(shape) < dims:
        raise IndexError("tuple index out of range")
    usual = [(shape[d - dims] - 1) * strides[d] + kernels[d] - 2 * pads[d] for d in range(dims)]
    if size is None:
        for d, n in enumerate(usual):
            if n < 0:
                raise ValueError(
                    "max_unpooling: output_size must contain non-negative spatial dimensions, "
                    f"but got output_size[{d}]={n}"
                )
        return usual, strides
    if len(size) == dims + 2:
        size = size[2:]
    if len(size) != dims:
        raise ValueError(
            f"output_size should be a sequence containing {dims} or {dims + 2} elements, "
            f"but it has a length of '{len(size)}'"
        )
    for d, n in enumerate(size):
        low, high = usual[d] - strides[d], usual[d] + strides[d]
        if not low < n < high:
            raise ValueError(f'invalid output_size "{size}" (dim {d} must be between {low} and {high})')
    return list(size), strides


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The elements of max_pool1d back at their places in lines, zeros between. Where sizes of several inputs give the same
    pooled one, `output_size` says which is meant."""
    _check("max_unpool1d", input=input, indices=indices)
    size, _ = _unpooled(1, input, kernel_size, stride, padding, output_size)
    return core.max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), [*size, 1]).squeeze(-1)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The elements of max_pool2d back at their places in planes, zeros between. See max_unpool1d."""
    _check("max_unpool2d", input=input, indices=indices)
    size, _ = _unpooled(2, input, kernel_size, stride, padding, output_size)
    return core.max_unpool2d(input, indices, size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """The elements of max_pool3d back at their places in volumes, zeros between. See max_unpool1d."""
    _check("max_unpool3d", input=input, indices=indices)
    size, strides = _unpooled(3, input, kernel_size, stride, padding, output_size)
    return core.max_unpool3d(input, indices, size, strides)


core._internal(globals())

"""Tensors of random numbers for tests."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from .. import _core
from .._core import Tensor
from .._types import finfo, iinfo

__all__ = ["make_tensor"]


def _bounds(
    low: Any, high: Any, dtype: Any, least: float, beyond: float, defaults: tuple[float, float]
) -> tuple[Any, Any]:
    """The interval to draw from: what is given or the default, within what the dtype holds."""
    low = defaults[0] if low is None else low
    high = defaults[1] if high is None else high
    inexact = dtype.is_floating_point or dtype.is_complex
    if any(isinstance(v, float) and math.isnan(v) for v in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low == high and inexact:
        warnings.warn(
            "Passing `low==high` to `torch.testing.make_tensor` for floating or complex types is deprecated since 2.1 and "
            "will be removed in 2.3. Use `torch.full(...)` instead.",
            FutureWarning,
            stacklevel=3,
        )
    elif low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    elif high < least or low >= beyond:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} only supports "
            f"[{least}, {beyond})"
        )
    low, high = (min(max(v, least), beyond) for v in (low, high))
    return (low, high) if inexact else (math.ceil(low), math.ceil(high))


def make_tensor(
    *shape: int | Sequence[int],
    dtype: Any,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of numbers uniform in [low, high), by default [-9, 9]; for a seed the same as PyTorch's.

    Args:
        noncontiguous: every second element of a larger tensor.
        exclude_zero: zeros become 1 or the smallest positive number.
    """
    sizes: Any = shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    sizes = tuple(sizes)
    inexact = dtype.is_floating_point or dtype.is_complex
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, "
            f"but got {noncontiguous=} and {memory_format=}"
        )
    if requires_grad and not inexact:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    noncontiguous = noncontiguous and math.prod(sizes) > 1
    if noncontiguous:
        sizes = (*sizes[:-1], 2 * sizes[-1])
    if inexact:
        real = dtype.to_real() if dtype.is_complex else dtype
        lowest, highest = finfo(real).min, finfo(real).max
        low, high = _bounds(low, high, dtype, lowest, highest, (-9, 9))
        result = _core.empty(sizes, dtype=dtype, device=device)
        parts = _core.view_as_real(result) if dtype.is_complex else result
        # uniform_ refuses intervals longer than the dtype's largest number.
        if high - low >= highest:
            parts.uniform_(low / 2, high / 2).mul_(2)
        elif low != high:
            parts.uniform_(low, high)
        else:
            parts.fill_(low)
    elif dtype == _core.bool:
        low, high = _bounds(low, high, dtype, 0, 2, (0, 2))
        result = _core.randint(int(low), int(high), sizes, device=device, dtype=dtype)
    else:
        info = iinfo(dtype)
        beyond = info.max + (0 if dtype == _core.int64 else 1)
        low, high = _bounds(low, high, dtype, info.min, beyond, (-9, 10))
        result = _core.randint(int(low), int(high), sizes, device=device, dtype=dtype)
    if noncontiguous:
        result = result[..., 1::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        result[result == 0] = finfo(dtype).tiny if inexact else 1
    if inexact:
        result.requires_grad_(requires_grad)
    return result


_core._internal(globals())

"""Rules of vmap: losses, element by element and then the mean or the sum of each sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import _core
from ..._core import Tensor
from .common import _again, _loop
from .pointwise import _pointwise

if TYPE_CHECKING:
    from .._batch import Batch


def _loss(b: Batch, func: Any, input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Pointwise losses: element by element, then the mean or the sum of each sample."""
    places = {
        "huber_loss": ("reduction", "delta", "weight"),
        "smooth_l1_loss": ("size_average", "reduce", "reduction", "beta"),
        "binary_cross_entropy": ("weight", "size_average", "reduce", "reduction"),
        "binary_cross_entropy_with_logits": ("weight", "size_average", "reduce", "reduction", "pos_weight"),
    }.get(func.__name__, ("size_average", "reduce", "reduction", "weight"))
    given = {**dict(zip(places, args, strict=False)), **kwargs}
    if given.get("size_average") is not None or given.get("reduce") is not None or input.shape != target.shape:
        return _loop(b, func, input, target, *args, **kwargs)
    reduction = given.get("reduction", "mean")
    if given.get("weight") is not None and func.__name__ in ("mse_loss", "l1_loss", "huber_loss"):
        return _loop(b, func, input, target, *args, **kwargs)
    given["reduction"] = "none"
    out = _pointwise(b, func, b.wrap(b.all_of(input)), b.wrap(b.all_of(target)), **given)
    if reduction == "none":
        return out
    return _again(b, lambda: out.mean() if reduction == "mean" else out.sum())


def _cross_entropy(b: Batch, func: Any, input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Any:
    """The samples' rows as rows of one batch, then the mean or the sum of each sample."""
    smooth = func.__name__ == "cross_entropy"
    places = ("weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing")
    given = {**dict(zip(places, args, strict=False)), **kwargs}
    weight = given.get("weight")
    classes = target.dtype in (_core.int64, _core.uint8, _core.int32)
    if (
        given.get("size_average") is not None
        or given.get("reduce") is not None
        or (weight is not None and (b.get(weight) is not None or given.get("label_smoothing")))
        or not classes
        or (input.ndim == 1) != (target.ndim == 0)
    ):
        return _loop(b, func, input, target, *args, **kwargs)
    reduction = given.get("reduction", "mean")
    ignore = given.get("ignore_index", -100)
    options = {
        k: given[k] for k in ("weight", "ignore_index", "label_smoothing") if k in given and (smooth or k[0] != "l")
    }
    x, t = b.all_of(input), b.all_of(target)
    if input.ndim > 1:
        x, t = x.reshape((-1, *input.shape[1:])), t.reshape((-1, *target.shape[1:]))
    rows = func(x, t, reduction="none", **options)
    rows = rows.reshape((b.size, *target.shape))
    if reduction == "none":
        return b.wrap(rows)
    rows = rows.reshape((b.size, -1)).sum(1)
    if reduction == "mean":
        counted = b.all_of(target) != ignore
        if weight is None:
            count = counted.reshape((b.size, -1)).sum(1).to(rows.dtype)
        else:
            count = (weight[b.all_of(target) * counted] * counted).reshape((b.size, -1)).sum(1)
        rows = rows / count
    return b.wrap(rows)


_core._internal(globals())

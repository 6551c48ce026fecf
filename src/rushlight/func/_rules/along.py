"""Rules of vmap: along dimensions, which are one further behind than a sample's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import _core
from ..._core import Tensor
from .common import Rule, _again, _batched, _dim, _loop, _mapped_results, _wrapped
from .pointwise import _pointwise

if TYPE_CHECKING:
    from .._batch import Batch


def _along(place: int, default: Any, word: str = "dim") -> Rule:
    """Operators along one dimension or several, given at a place after the tensor; the result keeps or drops them."""

    def rule(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
        full = b.get(input)
        if full is None or _batched(b, args, kwargs):
            return _loop(b, func, input, *args, **kwargs)
        rank = input.ndim
        given = word in kwargs or len(args) > place
        dim = kwargs.get(word, args[place] if len(args) > place else default)
        if rank == 0:
            full = full.unsqueeze(1)
        if dim is None or (dim == () and default in (None, ())):
            return _over_all(b, func, input, full, place, word, given, args, kwargs)
        moved = [_dim(d, rank) for d in dim] if isinstance(dim, (tuple, list)) else _dim(dim, rank)
        if len(args) > place:
            args = (*args[:place], moved, *args[place + 1 :])
        else:
            kwargs = {**kwargs, word: moved}
        out = func(full, *args, **kwargs)
        return _mapped_results(
            b, out, (lambda t: t.squeeze(1) if t.ndim == 2 and rank == 0 else t) if rank == 0 else None
        )

    return rule


_SINGLE = frozenset("argmax argmin prod median nanmedian all any count_nonzero aminmax norm".split())


def _over_all(
    b: Batch, func: Any, input: Tensor, full: Tensor, place: int, word: str, given: bool, args: Any, kwargs: Any
) -> Any:
    """A reduction over all of a sample."""
    name = func.__name__
    keep = kwargs.get("keepdim", False)
    if name in ("max", "min"):
        return b.wrap((_core.amax if name == "max" else _core.amin)(full, list(range(1, full.ndim))))
    rest = list(args[place + 1 :])
    if args[place + 1 :] and isinstance(args[place + 1], bool) and name not in ("var", "std", "var_mean", "std_mean"):
        keep = args[place + 1]
    flat = full.reshape((b.size, -1)) if full.numel() or full.ndim != 2 else full
    if full.ndim != 2 and not full.numel():
        flat = full.reshape((b.size, input.numel()))
    target: Any = 1 if name in _SINGLE or name in ("cumsum",) else [1]
    kwargs = {k: v for k, v in kwargs.items() if k != word}
    if name in ("var", "std", "var_mean", "std_mean") and args and isinstance(args[0], bool):
        out = func(flat, target, *args)
    elif name == "norm":
        out = func(flat, *args[:1], dim=target, **kwargs) if args else func(flat, dim=target, **kwargs)
    elif given and len(args) > place:
        out = func(flat, *args[:place], target, *rest, **kwargs)
    else:
        out = func(flat, *args[:place], **{**kwargs, word: target})
    if name in ("median", "nanmedian") and not isinstance(out, Tensor):
        out = out[0]
    shape = (b.size, *(1,) * input.ndim)
    return _mapped_results(b, out, (lambda t: t.reshape(shape)) if keep else None)


def _max(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    other = kwargs.get("other", args[0] if args else None)
    if isinstance(other, Tensor):
        return _pointwise(b, func, input, other)
    return _REDUCE(b, func, input, *args, **kwargs)


def _var(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    if args and isinstance(args[0], bool):
        full = b.all_of(input).reshape((b.size, -1))
        return _wrapped(b, func(full, [1], *args, **kwargs))
    if "unbiased" in kwargs and "dim" not in kwargs and not args:
        full = b.all_of(input).reshape((b.size, -1))
        return _wrapped(b, func(full, [1], **kwargs))
    return _REDUCE(b, func, input, *args, **kwargs)


_REDUCE = _along(0, None)


def _dist(b: Batch, func: Any, input: Tensor, other: Tensor, p: Any = 2) -> Any:
    return _again(b, lambda: _core.norm((input - other).flatten(), p, 0))


_core._internal(globals())

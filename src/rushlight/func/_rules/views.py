"""Rules of vmap: views and layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import _core
from ..._core import Tensor
from .common import Rule, _again, _dim, _loop, _sizes

if TYPE_CHECKING:
    from .._batch import Batch


def _with_sizes(word: str) -> Rule:
    def rule(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
        full = b.all_of(input)
        if word in kwargs:
            args = (kwargs[word],)
        elif kwargs:
            return _loop(b, func, input, *args, **kwargs)
        if len(args) == 1 and isinstance(args[0], _core.dtype):
            if input.ndim == 0:
                return b.wrap(func(full.unsqueeze(1), *args).squeeze(1))
            return b.wrap(func(full, *args))
        sizes = _sizes(args)
        if -1 in sizes and not full.numel():
            known = 1
            for n in sizes:
                known *= n if n != -1 else 1
            sizes = tuple(input.numel() // max(known, 1) if n == -1 else n for n in sizes)
        return b.wrap(func(full, (b.size, *sizes)))

    return rule


def _expand(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    sizes = _sizes((kwargs["size"],) if "size" in kwargs else args)
    full = b.all_of(input)
    lead = len(sizes) - input.ndim
    if lead > 0:
        full = full.reshape((b.size, *(1,) * lead, *input.shape))
    return b.wrap(full.expand((b.size, *sizes)))


def _repeat(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    sizes = _sizes(tuple(kwargs.values()) or args)
    if func.__name__ == "tile":
        sizes = (1,) * (input.ndim - len(sizes)) + tuple(sizes)
    full = b.all_of(input)
    lead = len(sizes) - input.ndim
    if lead > 0:
        full = full.reshape((b.size, *(1,) * lead, *input.shape))
    return b.wrap(full.repeat((1, *sizes)))


def _like(b: Batch, func: Any, self: Tensor, other: Tensor) -> Any:
    names = {"view_as": "view", "reshape_as": "reshape", "expand_as": "expand"}
    return _again(b, lambda: getattr(self, names[func.__name__])(tuple(other.shape)))


def _permute(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    dims = _sizes((kwargs["dims"],) if "dims" in kwargs else args)
    if input.ndim == 0:
        return b.wrap(b.all_of(input).view_as(b.all_of(input)))
    return b.wrap(b.all_of(input).permute((0, *(_dim(d, input.ndim) for d in dims))))


def _transpose(b: Batch, func: Any, input: Tensor, a: int = 0, c: int = 1, **kwargs: Any) -> Any:
    given = list(kwargs.values())
    if len(given) == 2:
        a, c = given
    elif given:
        c = given[0]
    full = b.all_of(input)
    if input.ndim == 0:
        return b.wrap(full.view_as(full))
    return b.wrap(full.transpose(_dim(a, input.ndim), _dim(c, input.ndim)))


def _t(b: Batch, func: Any, input: Tensor) -> Any:
    full = b.all_of(input)
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return b.wrap(full.transpose(1, 2) if input.ndim == 2 else full.view_as(full))


def _squeeze(b: Batch, func: Any, input: Tensor, dim: Any = None) -> Any:
    full = b.all_of(input)
    if dim is None:
        dims = [i + 1 for i, n in enumerate(input.shape) if n == 1]
        return b.wrap(full.squeeze(dims) if dims else full.view_as(full))
    if input.ndim == 0:
        return b.wrap(full.view_as(full))
    several = dim if isinstance(dim, (tuple, list)) else [dim]
    return b.wrap(full.squeeze([_dim(d, input.ndim) for d in several]))


def _unsqueeze(b: Batch, func: Any, input: Tensor, dim: int) -> Any:
    return b.wrap(b.all_of(input).unsqueeze(_dim(dim, input.ndim + 1)))


def _diagonal(b: Batch, func: Any, input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    return b.wrap(func(b.all_of(input), offset, _dim(dim1, input.ndim), _dim(dim2, input.ndim)))


def _as_strided(b: Batch, func: Any, input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    full = b.all_of(input)
    start = full.storage_offset()
    if storage_offset is not None:
        start += storage_offset - input.storage_offset()
    return b.wrap(full.as_strided((b.size, *size), (full.stride(0), *stride), start))


def _flatten(b: Batch, func: Any, input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Any:
    full = b.all_of(input)
    if input.ndim == 0:
        return b.wrap(full.unsqueeze(1))
    return b.wrap(full.flatten(_dim(start_dim, input.ndim), _dim(end_dim, input.ndim)))


def _unflatten(b: Batch, func: Any, input: Tensor, dim: int, sizes: Any) -> Any:
    return b.wrap(b.all_of(input).unflatten(_dim(dim, input.ndim), sizes))


def _unbind(b: Batch, func: Any, input: Tensor, dim: int = 0) -> Any:
    if input.ndim == 0:
        raise RuntimeError("Dimension specified as 0 but tensor has no dimensions")
    return tuple(b.wrap(part) for part in b.all_of(input).unbind(_dim(dim, input.ndim)))


def _movedim(b: Batch, func: Any, input: Tensor, source: Any, destination: Any) -> Any:
    def moved(d: Any) -> Any:
        return [_dim(x, input.ndim) for x in d] if isinstance(d, (tuple, list)) else _dim(d, input.ndim)

    return b.wrap(b.all_of(input).movedim(moved(source), moved(destination)))


def _flip(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    dims = _sizes((kwargs["dims"],) if "dims" in kwargs else args)
    return b.wrap(b.all_of(input).flip([_dim(d, input.ndim) for d in dims]))


def _flip_named(place: int) -> Rule:
    return lambda b, func, input: b.wrap(b.all_of(input).flip([place + 1]))


def _roll(b: Batch, func: Any, input: Tensor, shifts: Any, dims: Any = None) -> Any:
    full = b.all_of(input)
    if dims is None or dims == ():
        return b.wrap(full.reshape((b.size, -1)).roll(shifts, 1).reshape(full.shape))
    several = dims if isinstance(dims, (tuple, list)) else [dims]
    return b.wrap(full.roll(shifts, [_dim(d, input.ndim) for d in several]))


def _triangle(b: Batch, func: Any, input: Tensor, diagonal: int = 0) -> Any:
    return b.wrap(func(b.all_of(input), diagonal))


def _cat(b: Batch, func: Any, tensors: Any, dim: int = 0) -> Any:
    tensors = list(tensors)
    if func.__name__ == "stack":
        rank = tensors[0].ndim + 1
    else:
        several = [t for t in tensors if not (t.ndim == 1 and t.numel() == 0)] or tensors
        if len(several) != len(tensors) and several[0].ndim != 1:
            tensors = several  # as ever, empty vectors fit everywhere
        rank = tensors[0].ndim
        if rank == 0:
            raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    return b.wrap(func([b.all_of(t) for t in tensors], _dim(dim, rank)))


def _joined(b: Batch, func: Any, tensors: Any) -> Any:
    """hstack, vstack, dstack by what they are made of."""
    name = func.__name__

    def join() -> Any:
        if name == "hstack":
            ones = [t.reshape(1) if t.ndim == 0 else t for t in tensors]
            return _core.cat(ones, 0 if ones[0].ndim == 1 else 1)
        if name == "vstack":
            return _core.cat([t.reshape(1, -1) if t.ndim < 2 else t for t in tensors], 0)
        threes = [t.reshape(1, -1, 1) if t.ndim < 2 else t.unsqueeze(2) if t.ndim == 2 else t for t in tensors]
        return _core.cat(threes, 2)

    return _again(b, join)


def _triangle_inplace(b: Batch, func: Any, input: Tensor, diagonal: int = 0) -> Any:
    func(b.promote(input, func.__name__), diagonal)
    return input


_core._internal(globals())

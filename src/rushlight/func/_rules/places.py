"""Rules of vmap: elements at places, by index, mask or name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import _core
from ..._core import Tensor
from .common import NeedsSamples, _again, _dim, _loop, _loop_inplace, _refusal, _users_line

if TYPE_CHECKING:
    from .._batch import Batch


def _gather(b: Batch, func: Any, input: Tensor, dim: int, index: Tensor, *args: Any, **kwargs: Any) -> Any:
    """gather, scatter and their like: along a dimension of tensors of one rank."""
    rank = input.ndim
    others = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
    tensors = [b.all_of(t).unsqueeze(1) if t.ndim == 0 else b.all_of(t) for t in (input, index, *others)]
    fresh = dict(zip(map(id, (input, index, *others)), tensors, strict=True))

    def given(a: Any) -> Any:
        return fresh.get(id(a), a)

    out = func(tensors[0], _dim(dim, rank), tensors[1], *map(given, args), **{k: given(v) for k, v in kwargs.items()})
    squeeze = index.ndim == 0 if func.__name__ == "gather" else rank == 0
    return b.wrap(out.squeeze(1) if squeeze else out)


def _scatter_inplace(b: Batch, func: Any, input: Tensor, dim: int, index: Tensor, *args: Any, **kwargs: Any) -> Any:
    if input.ndim == 0 or index.ndim == 0:
        return _loop_inplace(b, func, input, dim, index, *args, **kwargs)
    full = b.promote(input, func.__name__)

    def given(a: Any) -> Any:
        return b.all_of(a) if isinstance(a, Tensor) else a

    func(full, _dim(dim, input.ndim), b.all_of(index), *map(given, args), **{k: given(v) for k, v in kwargs.items()})
    return input


def _index_along(b: Batch, func: Any, input: Tensor, dim: int, index: Tensor, *args: Any, **kwargs: Any) -> Any:
    """index_select, index_add and their like: a vector of places, the same for all samples."""
    name = func.__name__
    inplace = name.endswith("_")
    if (
        b.get(index) is not None
        or input.ndim == 0
        or any(isinstance(v, Tensor) and v.ndim == 0 and b.get(v) is not None for v in args)
    ):
        if name == "index_select" and input.ndim and index.ndim == 1:
            key = (slice(None),) * (_dim(dim, input.ndim) - 1) + (index,)
            return _get_item(b, func, input, key)
        return (_loop_inplace if inplace else _loop)(b, func, input, dim, index, *args, **kwargs)
    full = b.promote(input, name) if inplace else b.all_of(input)

    def given(a: Any) -> Any:
        return b.all_of(a) if isinstance(a, Tensor) and a.ndim else a

    out = func(full, _dim(dim, input.ndim), index, *map(given, args), **{k: given(v) for k, v in kwargs.items()})
    return input if inplace else b.wrap(out)


def _take_along(b: Batch, func: Any, input: Tensor, indices: Tensor, dim: int | None = None) -> Any:
    if dim is None:
        return b.wrap(func(b.all_of(input).reshape((b.size, -1)), b.all_of(indices).reshape((b.size, -1)), 1))
    return b.wrap(func(b.all_of(input), b.all_of(indices), _dim(dim, input.ndim)))


def _is_index(k: Any) -> bool:
    return isinstance(k, (Tensor, list, range)) or hasattr(k, "__array__")


def _split_key(b: Batch, input: Tensor, key: Any) -> tuple[tuple[Any, ...], list[tuple[int, Tensor]]]:
    """A key's part that makes a view, and the tensors of places with the view's dimensions that they are for."""
    keys = list(key) if isinstance(key, tuple) else [key]
    tensors = [k if isinstance(k, Tensor) else _core.as_tensor(k) if _is_index(k) else None for k in keys]
    consumed = sum(
        0
        if k is None or k is Ellipsis or isinstance(k, bool)
        else (t.ndim if t is not None and t.dtype in (_core.bool, _core.uint8) else 1)
        for k, t in zip(keys, tensors, strict=True)
    )
    basic: list[Any] = []
    found: list[tuple[int, Tensor]] = []
    at = 0
    for k, t in zip(keys, tensors, strict=True):
        if k is Ellipsis:
            fill = max(input.ndim - consumed, 0)
            basic += [slice(None)] * fill
            at += fill
        elif t is not None:
            if t.ndim == 0 and t.dtype not in (_core.bool, _core.uint8) and b.get(t) is None:
                basic.append(int(t))
                continue
            masked = t.dtype in (_core.bool, _core.uint8)
            if masked and t.ndim == 0:
                basic.append(None)
                found.append((at, t.reshape(1)))
                at += 1
                continue
            found.append((at, t))
            width = t.ndim if masked else 1
            basic += [slice(None)] * width
            at += width
        else:
            basic.append(k)
            if k is None or isinstance(k, (slice, bool)):
                at += 1
    return tuple(basic), found


def _get_item(b: Batch, func: Any, input: Tensor, key: Any) -> Any:
    simple = not _is_index(key) and (not isinstance(key, tuple) or not any(map(_is_index, key)))
    if simple:
        key = key if isinstance(key, tuple) else (key,)
        if any(isinstance(k, slice) and any(isinstance(x, Tensor) for x in (k.start, k.stop, k.step)) for k in key):
            return _loop(b, func, input, key)
        full = b.all_of(input)
        _check_key(input, key)
        return b.wrap(full[(slice(None), *key)])
    basic, places = _split_key(b, input, key)
    view = b.all_of(input)[(slice(None), *basic)]
    if not places:
        return b.wrap(view)
    if any(t.dtype in (_core.bool, _core.uint8) and b.get(t) is not None for _, t in places):
        raise NeedsSamples("mask", _refusal("mask"), _users_line())
    return b.wrap(_advanced(b, view, places))


def _check_key(input: Tensor, key: tuple[Any, ...]) -> None:
    """Refuses too many indices with the numbers of a sample."""
    used = sum(1 for k in key if not (k is None or k is Ellipsis or isinstance(k, bool)))
    if used > input.ndim:
        if input.ndim == 0:
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
                "0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {input.ndim}")


def _place_tensors(b: Batch, places: list[tuple[int, Tensor]]) -> tuple[list[tuple[int, Tensor]], int]:
    """Masks as places; all tensors with the batch in front, of one rank. The rank of a sample's."""
    plain: list[tuple[int, Tensor, bool]] = []
    for at, t in places:
        if t.dtype in (_core.bool, _core.uint8):
            for k, part in enumerate(t.bool().nonzero().unbind(1)):
                plain.append((at + k, part, False))
        else:
            full = b.get(t)
            plain.append((at, t if full is None else full, full is not None))
    rank = max(t.ndim - batched for _, t, batched in plain)
    found = []
    for at, t, batched in plain:
        if batched:
            t = t.reshape((b.size, *(1,) * (rank + 1 - t.ndim), *t.shape[1:]))
        found.append((at, t))
    return found, rank


def _front_key(b: Batch, view: Tensor, places: list[tuple[int, Tensor]]) -> tuple[tuple[Any, ...], int]:
    """The key with the batch as the first place, for `view` of all samples."""
    tensors, rank = _place_tensors(b, places)
    by_dim = dict(tensors)
    arange = _core.arange(b.size).reshape((b.size, *(1,) * rank))
    return (arange, *(by_dim.get(d, slice(None)) for d in range(view.ndim - 1))), rank


def _adjacent(places: list[tuple[int, Tensor]]) -> bool:
    at = places[0][0]
    for d, t in places:
        if d != at:
            return False
        at += t.ndim if t.dtype in (_core.bool, _core.uint8) else 1
    return True


def _advanced(b: Batch, view: Tensor, places: list[tuple[int, Tensor]]) -> Tensor:
    if all(b.get(t) is None for _, t in places) and _adjacent(places):
        by_dim = {d: t for d, t in places}
        key: list[Any] = [slice(None)]
        d = 0
        while d < view.ndim - 1:
            t = by_dim.get(d)
            key.append(slice(None) if t is None else t)
            d += t.ndim if t is not None and t.dtype in (_core.bool, _core.uint8) else 1
        return view[tuple(key)]
    front, rank = _front_key(b, view, places)
    out = view[front]
    # The places came out behind the batch wherever they stood; beside each other they belong where the first was.
    first = places[0][0]
    contiguous = all(isinstance(k, slice) for k in front[1 : first + 1])
    if not (rank and first and contiguous and _adjacent(places)):
        return out
    # [B, places, before, after] -> [B, before, places, after]
    order = [0, *range(1 + rank, 1 + rank + first), *range(1, 1 + rank), *range(1 + rank + first, out.ndim)]
    return out.permute(order)


def _set_item(b: Batch, func: Any, input: Tensor, key: Any, value: Any) -> None:
    simple = not _is_index(key) and (not isinstance(key, tuple) or not any(map(_is_index, key)))
    full = b.promote(input, "inplace arithmetic" if simple else "index_put_")
    masks = [k for k in (key if isinstance(key, tuple) else (key,)) if isinstance(k, Tensor) and k.dtype == _core.bool]
    if any(b.get(k) is not None for k in masks):
        if len(masks) == 1 and key is masks[0] and (not isinstance(value, Tensor) or value.ndim == 0):
            mask = b.all_of(key)
            mask = mask.reshape((*mask.shape, *(1,) * (full.ndim - mask.ndim)))
            given = value if isinstance(value, Tensor) else _core.tensor(value, dtype=full.dtype)
            many = b.get(given)
            if many is not None:
                given = many.reshape((b.size, *(1,) * input.ndim))
            full.copy_(_core.where(mask, given.to(full.dtype), full))
            return
        raise NeedsSamples("mask", _refusal("mask"), _users_line())
    places: list[tuple[int, Tensor]] = []
    if simple:
        basic = key if isinstance(key, tuple) else (key,)
        _check_key(input, basic)
    else:
        basic, places = _split_key(b, input, key)
    view = full[(slice(None), *basic)]
    many = b.get(value) if isinstance(value, Tensor) else None
    if not places:
        rank = view.ndim - 1
        if many is not None:
            lead = value.ndim - rank
            shape = value.shape[lead:] if lead > 0 else (*(1,) * -lead, *value.shape)
            value = many.reshape((b.size, *shape))
        full[(slice(None), *basic)] = value
        return
    first = places[0][0]
    if first and _adjacent(places):
        _loop_inplace(b, func, input, key, value)
        return
    front, rank = _front_key(b, view, places)
    if many is not None:
        used = sum(isinstance(k, Tensor) for k in front[1:])
        target = rank + view.ndim - 1 - used
        value = many.reshape((b.size, *(1,) * (target - value.ndim), *value.shape))
    view[front] = value


def _index_put(b: Batch, func: Any, input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Any:
    if accumulate:
        return _loop(b, func, input, indices, values, accumulate)

    def put() -> Any:
        out = input.clone()
        out[tuple(slice(None) if i is None else i for i in indices)] = values
        return out

    return _again(b, put)


_core._internal(globals())

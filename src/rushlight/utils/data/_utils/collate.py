"""Samples to batches."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from copy import copy
from typing import Any

from .... import _core
from ...._core import Tensor

__all__ = ["collate", "default_collate", "default_collate_err_msg_format", "default_convert"]

default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _numpy_kind(value: Any) -> str:
    """ "array", "scalar" or "" for what is of NumPy, without importing it."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return ""
    return "array" if isinstance(value, numpy.ndarray) else "scalar" if isinstance(value, numpy.generic) else ""


def _is_text(array: Any) -> bool:
    return re.search("[SaUO]", array.dtype.str) is not None


def default_convert(data: Any) -> Any:
    """NumPy arrays in a nest of containers as tensors; the rest as it is."""
    if isinstance(data, Tensor):
        return data
    kind = _numpy_kind(data)
    if kind:
        return data if _is_text(data) else _core.as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuilt_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuilt_sequence(data, [default_convert(d) for d in data])
    return data


def _rebuilt_mapping(like: Any, items: dict[Any, Any]) -> Any:
    try:
        if isinstance(like, MutableMapping):
            clone = copy(like)
            clone.update(items)
            return clone
        return type(like)(items)
    except TypeError:
        return items


def _rebuilt_sequence(like: Any, items: list[Any]) -> Any:
    try:
        if isinstance(like, MutableSequence):
            clone: Any = copy(like)
            for i, item in enumerate(items):
                clone[i] = item
            return clone
        return type(like)(items)
    except TypeError:
        return items


def collate(batch: Any, *, collate_fn_map: dict[Any, Callable[..., Any]] | None = None) -> Any:
    """A list of samples as a batch, with functions of one's own by type."""
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        if kind in collate_fn_map:
            return collate_fn_map[kind](batch, collate_fn_map=collate_fn_map)
        for wanted, function in collate_fn_map.items():
            if isinstance(first, wanted):
                return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        return _rebuilt_mapping(
            first, {key: collate([d[key] for d in batch], collate_fn_map=collate_fn_map) for key in first}
        )
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(collate(samples, collate_fn_map=collate_fn_map) for samples in zip(*batch)))
    if isinstance(first, Sequence):
        if not all(len(sample) == len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [collate(samples, collate_fn_map=collate_fn_map) for samples in zip(*batch)]
        return columns if isinstance(first, tuple) else _rebuilt_sequence(first, columns)
    raise TypeError(default_collate_err_msg_format.format(kind))


def _collate_tensor(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return _core.stack(list(batch), 0)


def _collate_float(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return _core.tensor(list(batch), dtype=_core.float64)


def _collate_int(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return _core.tensor(list(batch))


def _collate_as_it_is(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return batch


default_collate_fn_map: dict[Any, Callable[..., Any]] = {
    Tensor: _collate_tensor,
    float: _collate_float,
    int: _collate_int,
    str: _collate_as_it_is,
    bytes: _collate_as_it_is,
}


def _collate_array(batch: Any, *, collate_fn_map: Any = None) -> Any:
    if _is_text(batch[0]):
        raise TypeError(default_collate_err_msg_format.format(batch[0].dtype))
    return collate([_core.as_tensor(b) for b in batch], collate_fn_map=collate_fn_map)


def _collate_numpy_scalar(batch: Any, *, collate_fn_map: Any = None) -> Any:
    return _core.as_tensor(batch)


def default_collate(batch: Any) -> Any:
    """A list of samples as a batch: tensors are stacked, numbers become tensors, containers keep their form."""
    numpy = sys.modules.get("numpy")
    if numpy is not None and numpy.ndarray not in default_collate_fn_map:
        default_collate_fn_map[numpy.ndarray] = _collate_array
        for scalar in (numpy.bool_, numpy.number, numpy.object_):
            default_collate_fn_map[scalar] = _collate_numpy_scalar
    return collate(batch, collate_fn_map=default_collate_fn_map)

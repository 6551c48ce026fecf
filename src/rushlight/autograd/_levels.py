"""What the transforms know of levels: fresh arguments, and the plain tensors under a tensor.

A tensor may be dual or batched in several levels at once (NOTE [Duals] and [Batched] in native/tensor/dual.h). Here it
is taken apart from the highest level down to what no level knows, where the tape records.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import _core
from .._core import Tensor

_limit = _core._dual_limit
_count = _core._dual_count
_get = _core._dual_get
_set = _core._dual_set


def tangent_of(t: Any, level: int) -> Tensor | None:
    """The tangent of `t` at a level; that of a view of a dual tensor is a view of its base's tangent."""
    if not isinstance(t, Tensor):
        return None
    found = _get(t, level)
    if found is False:
        base = t._base
        found = None if base is None else _get(base, level)
        if not isinstance(found, Tensor):
            return None
        assert base is not None
        found = _view_like(t, base, found)
        _set(t, level, found)
    return found


def _view_like(view: Tensor, base: Tensor, tangent: Tensor) -> Tensor:
    """The view of the base's tangent that `view` is of the base."""
    if tangent.stride() != base.stride():
        fresh = _core.empty_strided(base.shape, base.stride(), dtype=tangent.dtype)
        tangent = fresh.copy_(tangent)
    shape, strides, offset = tuple(view.shape), view.stride(), view.storage_offset()
    if base.is_complex() and not view.is_complex():
        base, tangent = _core.view_as_real(base), _core.view_as_real(tangent)
    pairs = view.is_complex() and not base.is_complex()
    if pairs:
        shape, strides, offset = (*shape, 2), (*(2 * s for s in strides), 1), 2 * offset
    part = tangent.as_strided(shape, strides, offset - base.storage_offset() + tangent.storage_offset())
    return _core.view_as_complex(part) if pairs else part


def check_shape(t: Tensor, tangent: Tensor) -> None:
    """A tangent has its tensor's sizes."""
    if t.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(t.shape)} while the given forward gradient is of size {list(tangent.shape)}."
        )


def own(x: Any) -> Tensor:
    """A fresh tensor of the same value that requires grad: a leaf, or an alias of what is recorded already.

    In levels of vmap it is expanded over the batch first, so that its gradient is that of each sample.
    """
    if not isinstance(x, Tensor):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
    level = _count()
    if level:
        return _own_in(x, level)
    if x.requires_grad and _core.is_grad_enabled():
        return x.view_as(x)
    return x.detach().requires_grad_()


def _own_in(x: Tensor, levels: int) -> Tensor:
    for level in range(levels - 1, -1, -1):
        handler = _core._level_handler(level)
        if handler is None:
            tangent = tangent_of(x, level)
            if tangent is None:
                continue
        elif not handler.open:
            if handler.get(x) is None:
                continue
            return handler.own(x)
        was = _limit(level)
        try:
            if handler is None:
                fresh = own(x)
                _core._dual_set(fresh, level, tangent)
                return fresh
            return handler.wrap(own(handler.all_of(x)))
        finally:
            _limit(was)
    was = _limit(0)
    try:
        return own(x)
    finally:
        _limit(was)


def parts(x: Any) -> Iterator[Tensor]:
    """The plain tensors under a tensor: of all samples, values and tangents."""
    levels = _count()
    if not levels:
        if isinstance(x, Tensor):
            yield x
        return
    for level in range(levels - 1, -1, -1):
        handler = _core._level_handler(level)
        inner = [] if not isinstance(x, Tensor) else [tangent_of(x, level)] if handler is None else [handler.get(x)]
        if inner == [] or inner[0] is None:
            continue
        was = _limit(level)
        try:
            if handler is None or not handler.open:
                inner.insert(0, x)
            found = [p for t in inner for p in parts(t)]
        finally:
            _limit(was)
        yield from found
        return
    if isinstance(x, Tensor):
        yield x


def stripped(x: Tensor) -> Tensor:
    """The tensor without history, in all levels."""
    for level in range(_count() - 1, -1, -1):
        handler = _core._level_handler(level)
        inner = tangent_of(x, level) if handler is None else handler.get(x)
        if inner is None:
            continue
        was = _limit(level)
        try:
            if handler is not None and handler.open:
                return handler.wrap(stripped(inner))
            value = stripped(x)
            _set(value, level, stripped(inner))
            return value
        finally:
            _limit(was)
    was = _limit(0)
    try:
        return x.detach()
    finally:
        _limit(was)


def tracked(tensors: list[Any]) -> bool:
    """Whether something under these is recorded by a tape outside of the transform."""
    if not _count():
        return any(t.requires_grad for t in tensors)
    plain = [p for t in tensors for p in parts(t)]
    was = _limit(0)
    try:
        return any(p.requires_grad for p in plain)
    finally:
        _limit(was)


def reaches_others(outputs: list[Any], inputs: list[Any]) -> bool:
    """Whether the history of outputs leads to leaves other than the inputs: what the function captured."""
    if not _count():
        return bool(_core._reaches_others(outputs, inputs))
    outs, ins = [p for t in outputs for p in parts(t)], [p for t in inputs for p in parts(t)]
    was = _limit(0)
    try:
        return bool(_core._reaches_others(outs, ins))
    finally:
        _limit(was)


class forward_level:
    """A level of forward mode, for ``with``: its number."""

    __slots__ = ("level", "was")

    def __enter__(self) -> int:
        self.level: int = _core._dual_open()
        self.was: int = _limit(self.level + 1)
        return self.level

    def __exit__(self, *error: object) -> None:
        _limit(self.was)
        _core._dual_close()


def make_dual(x: Tensor, tangent: Tensor, level: int) -> Tensor:
    """An alias of `x` with a tangent at the level."""
    if not (x.is_floating_point() or x.is_complex()):
        raise ValueError(f"Expected primal to be floating point or complex, but got: {x.dtype}")
    if not (tangent.is_floating_point() or tangent.is_complex()):
        raise ValueError(f"Expected tangent to be floating point or complex, but got: {tangent.dtype}")
    check_shape(x, tangent)
    was = _limit(level)
    try:
        dual = x.view_as(x)
        _core._dual_set(dual, level, tangent)
        return dual
    finally:
        _limit(was)


def unpack(x: Tensor, level: int) -> tuple[Tensor, Tensor | None]:
    """Value and tangent at the level."""
    was = _limit(level)
    try:
        return x, tangent_of(x, level)
    finally:
        _limit(was)

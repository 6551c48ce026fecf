"""Forward mode: tensors that carry a tangent, so that results carry theirs.

Inside a `dual_level`, ``make_dual(x, v)`` is `x` with the tangent `v`; what is computed from it has the derivative along
`v` as its tangent, which `unpack_dual` shows. When the level ends all tangents are gone.
"""

from __future__ import annotations

from _thread import _local
from collections import namedtuple
from typing import Any

from .. import _core
from .._core import Tensor
from .._modes import decorate
from ._levels import check_shape, tangent_of

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class _Mine(_local):
    """What each thread has of its own."""

    level = -1  # the innermost open level, -1 outside


_mine = _Mine()


def enter_dual_level() -> int:
    """Opens a level of this thread and gives its number. There is one at most."""
    if _mine.level >= 0:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _mine.level = _core._dual_open()
    return _mine.level


def exit_dual_level(*, level: int | None = None) -> None:
    """Closes the level: its tangents are gone."""
    if level is None:
        level = _mine.level
    if level < 0:
        raise RuntimeError("Dual level must be a positive number.")
    if level != _mine.level:
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    _core._dual_close()
    _mine.level = -1


class dual_level:
    """Forward mode inside: a context manager and a decorator."""

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *error: object) -> None:
        exit_dual_level()

    def __call__(self, function: Any) -> Any:
        return decorate(self, function)

    def clone(self) -> Any:
        """Another one like this."""
        return type(self)()


class UnpackedDualTensor(namedtuple("UnpackedDualTensor", ["primal", "tangent"])):
    """The two parts of a dual tensor; the tangent is None where there is none."""

    __slots__ = ()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """A view of `tensor` that carries `tangent`, of the same shape and dtype, at the level (default: the open one)."""
    if level is None:
        level = _mine.level
    if level < 0:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for what, t in (("primal", tensor), ("tangent", tangent)):
        if not (t.is_floating_point() or t.is_complex()):
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {t.dtype}")
    if level > _mine.level:
        raise RuntimeError("Invalid level given to _make_dual")
    was = _core._dual_limit(level + 1)
    try:
        if tangent_of(tensor, level) is not None:
            raise RuntimeError(
                "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level "
                f"{level} is not supported."
            )
        if tangent_of(tangent, level) is not None:
            raise RuntimeError(
                f"Setting a forward grad that itself has a forward gradient at the same level{level} is not supported."
            )
        check_shape(tensor, tangent)
        _core._dual_limit(level)
        dual = tensor.view_as(tensor)
        _core._dual_set(dual, level, tangent)
        return dual
    finally:
        _core._dual_limit(was)


def unpack_dual(tensor: Any, *, level: int | None = None) -> Any:
    """The plain tensor under a dual one, as a view of it, and its tangent."""
    if level is None:
        level = _mine.level
    if level < 0:
        return UnpackedDualTensor(tensor, None)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"_unpack_dual(): argument 'dual' (position 1) must be Tensor, not {type(tensor).__name__}")
    was = _core._dual_limit(level)
    try:
        tangent = tangent_of(tensor, level)
        primal = tensor.view_as(tensor)
        _core._dual_set(primal, level, None)
        return UnpackedDualTensor(primal, tangent)
    finally:
        _core._dual_limit(was)

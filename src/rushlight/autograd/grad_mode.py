"""Switches of recording, as context managers and decorators."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = [
    "enable_grad",
    "enforce_grad_layout_policy",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
    "set_multithreading_enabled",
]


class set_multithreading_enabled:
    """Accepted as in PyTorch, where it lets backward run in several threads; here one thread runs a backward pass."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass

    def clone(self) -> Any:
        """Another one like this."""
        return type(self)(self.mode)


class enforce_grad_layout_policy:
    """Whether the first gradient of a leaf is copied where it is not laid out in memory as the leaf (default: it is).

    With ``enable=False`` a gradient that nobody else holds is taken over as it is. Holds for the thread, from the call on;
    as a context manager until its end.
    """

    def __init__(self, enable: bool = True) -> None:
        self.mode = enable
        self.prev = _core._set_grad_layout(enable)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        _core._set_grad_layout(self.prev)

    def clone(self) -> Any:
        """Another one like this."""
        return type(self)(self.mode)


_core._internal(globals())

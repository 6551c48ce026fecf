"""Switches of recording, as context managers and decorators."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled", "set_multithreading_enabled"]


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


_core._internal(globals())

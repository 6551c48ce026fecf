"""`torch.compiler` as pass-throughs: there is nothing to compile for."""

from __future__ import annotations

from typing import Any

from ._missing import missing
from ._settings import compile

__all__ = ["compile", "disable", "is_compiling", "is_dynamo_compiling", "reset"]


def is_compiling() -> bool:
    """False."""
    return False


def is_dynamo_compiling() -> bool:
    """False."""
    return False


def disable(fn: Any = None, recursive: bool = True, **options: Any) -> Any:
    """Gives back `fn`."""
    return (lambda function: function) if fn is None else fn


def reset() -> None:
    """Nothing."""


def __getattr__(name: str) -> Any:
    raise AttributeError(missing(f"compiler.{name}"))

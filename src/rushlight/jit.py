"""`torch.jit` as pass-throughs: programs run as they are written."""

from __future__ import annotations

from typing import Any

from ._missing import missing
from ._settings import warn_once

__all__ = ["export", "ignore", "is_scripting", "is_tracing", "script", "trace", "unused"]


def script(obj: Any, *args: Any, **options: Any) -> Any:
    """Gives back `obj` as it is, with a warning once."""
    warn_once("jit.script")
    return obj


def trace(func: Any, *args: Any, **options: Any) -> Any:
    """Gives back `func` as it is, with a warning once."""
    warn_once("jit.trace")
    return func


def export(fn: Any) -> Any:
    """Gives back `fn`."""
    return fn


def unused(fn: Any) -> Any:
    """Gives back `fn`."""
    return fn


def ignore(drop: Any = False, **options: Any) -> Any:
    """A decorator that gives back the function."""
    return drop if callable(drop) else lambda fn: fn


def is_scripting() -> bool:
    """False."""
    return False


def is_tracing() -> bool:
    """False."""
    return False


def __getattr__(name: str) -> Any:
    raise AttributeError(missing(f"jit.{name}"))

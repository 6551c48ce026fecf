"""Helpers around tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._missing import missing
from . import hooks

if TYPE_CHECKING:
    from . import _pytree as _pytree
    from . import checkpoint, data, dlpack

__all__ = ["checkpoint", "data", "dlpack", "hooks"]


def __getattr__(name: str) -> Any:
    if name in ("_pytree", "checkpoint", "data", "dlpack"):  # import what is not needed at every start
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(missing(f"utils.{name}"))

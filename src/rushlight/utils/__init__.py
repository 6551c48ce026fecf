"""Helpers around tensors."""

from __future__ import annotations

from typing import Any

from .._missing import missing
from . import hooks

__all__ = ["dlpack", "hooks"]


def __getattr__(name: str) -> Any:
    if name == "dlpack":  # imports enum, which is not needed at every start
        import importlib

        return importlib.import_module(f"{__name__}.dlpack")
    raise AttributeError(missing(f"utils.{name}"))

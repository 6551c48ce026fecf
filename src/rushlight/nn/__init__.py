"""Functions of networks (``rushlight.nn.functional``)."""

from __future__ import annotations

from typing import Any

from .._missing import missing

__all__ = ["functional"]


def __getattr__(name: str) -> Any:
    if name == "functional":
        import importlib

        return importlib.import_module(f"{__name__}.functional")
    raise AttributeError(missing(f"nn.{name}"))

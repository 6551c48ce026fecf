"""Networks (``rushlight.nn``): modules, parameters, functions; each part is imported when it is first used."""

from __future__ import annotations

from typing import Any

from . import modules

_PARTS = ("functional", "init", "parameter", "utils")
_PARAMETERS = ("Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter")

__all__ = [*modules.__all__, *_PARAMETERS, "functional", "init", "modules", "parameter", "utils"]


def __getattr__(name: str) -> Any:
    if name in _PARTS:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    if name in _PARAMETERS:
        from . import parameter

        found = getattr(parameter, name)
    else:
        found = getattr(modules, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__

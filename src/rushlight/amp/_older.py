"""What `torch.cpu.amp` and `torch.cuda.amp` are made of: the older names, which say what to use instead."""

from __future__ import annotations

import warnings
from typing import Any

from .. import _core
from .._core import dtype
from . import autocast_mode, grad_scaler

__all__ = ["autocast_of", "say", "scaler_of"]


def say(device: str, name: str, instead: str) -> None:
    """Warns, in the name of the caller's caller, that a name has another now."""
    warnings.warn(
        f"`torch.{device}.amp.{name}(args...)` is deprecated. Please use `torch.amp.{name}({instead})` instead.",
        FutureWarning,
        stacklevel=3,
    )


def autocast_of(device: str) -> Any:
    """The class `torch.DEVICE.amp.autocast`."""
    to = _core.bfloat16 if device == "cpu" else _core.float16

    class autocast(autocast_mode.autocast):
        __doc__ = f"`torch.amp.autocast({device!r}, ...)`, by its older name."

        def __init__(self, enabled: bool = True, dtype: dtype = to, cache_enabled: bool = True) -> None:
            say(device, "autocast", f"{device!r}, args...")
            super().__init__(device, enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)

    return autocast


def scaler_of(device: str) -> Any:
    """The class `torch.DEVICE.amp.GradScaler`."""

    class GradScaler(grad_scaler.GradScaler):
        __doc__ = f"`torch.amp.GradScaler({device!r}, ...)`, by its older name."

        def __init__(
            self,
            init_scale: float = 2.0**16,
            growth_factor: float = 2.0,
            backoff_factor: float = 0.5,
            growth_interval: int = 2000,
            enabled: bool = True,
        ) -> None:
            say(device, "GradScaler", f"{device!r}, args...")
            super().__init__(device, init_scale, growth_factor, backoff_factor, growth_interval, enabled)

    return GradScaler

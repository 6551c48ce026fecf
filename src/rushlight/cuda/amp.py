"""Mixed precision by its older names: `torch.amp` is the newer one."""

from __future__ import annotations

from typing import Any

from .._core import dtype
from ..amp import autocast_mode
from ..amp._older import autocast_of, say, scaler_of

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]

autocast = autocast_of("cuda")
GradScaler = scaler_of("cuda")


def custom_fwd(fwd: Any = None, *, cast_inputs: dtype | None = None) -> Any:
    """`torch.amp.custom_fwd(..., device_type="cuda")`, by its older name."""
    say("cuda", "custom_fwd", "args..., device_type='cuda'")
    return autocast_mode.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Any = None) -> Any:
    """`torch.amp.custom_bwd(..., device_type="cuda")`, by its older name."""
    say("cuda", "custom_bwd", "args..., device_type='cuda'")
    return autocast_mode.custom_bwd(bwd, device_type="cuda")

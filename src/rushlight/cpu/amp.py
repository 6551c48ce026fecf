"""Mixed precision by its older names: `torch.amp` is the newer one."""

from __future__ import annotations

from ..amp._older import autocast_of, scaler_of

__all__ = ["GradScaler", "autocast"]

autocast = autocast_of("cpu")
GradScaler = scaler_of("cpu")

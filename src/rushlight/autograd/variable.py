"""The old name of tensors with history."""

from __future__ import annotations

from . import Variable

__all__ = ["Variable"]

"""Signals: `windows` has the windows of digital signal processing."""

from __future__ import annotations

from . import windows

__all__ = ["windows"]

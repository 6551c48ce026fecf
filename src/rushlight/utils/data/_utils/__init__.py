"""Parts of the loader."""

from __future__ import annotations

from . import collate, worker

__all__ = ["collate", "worker"]

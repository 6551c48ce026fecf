"""Helpers around tensors."""

from . import hooks

__all__ = ["hooks"]

"""Fourier transforms of one or more dimensions, real and complex, with derivatives of any order."""

from __future__ import annotations

from .._ops import load_family

globals().update(load_family("fft"))

__all__ = list(load_family("fft"))

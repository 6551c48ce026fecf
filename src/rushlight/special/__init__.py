"""Special functions: gamma, zeta, Bessel, error functions and their like, orthogonal polynomials."""

from __future__ import annotations

from .._ops import load_family

globals().update(load_family("special"))

__all__ = [*load_family("special")]

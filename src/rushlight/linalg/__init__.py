"""Linear algebra: decompositions, solvers, norms, with derivatives of any order; batched, real and complex."""

from __future__ import annotations

from .._errors import LinAlgError
from .._ops import load_family

globals().update(load_family("linalg"))

__all__ = ["LinAlgError", *load_family("linalg")]

"""Exceptions of PyTorch's that are no built-in ones."""

from __future__ import annotations

__all__ = ["LinAlgError"]


class LinAlgError(RuntimeError):
    """A matrix that a function of torch.linalg cannot work on: singular, not positive-definite, without convergence."""


# As PyTorch prints it.
LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"
LinAlgError.__module__ = "torch._C"

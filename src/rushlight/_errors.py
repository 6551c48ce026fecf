"""Exceptions of PyTorch's that are no built-in ones."""

from __future__ import annotations

__all__ = ["LinAlgError"]


class LinAlgError(RuntimeError):
    """A matrix that a function of torch.linalg cannot work on: singular, not positive-definite, without convergence."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        # By a name of our own: the one that is printed may be another library's.
        return _remake, self.args


def _remake(*args: object) -> LinAlgError:
    return LinAlgError(*args)


# As PyTorch prints it.
LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"
LinAlgError.__module__ = "torch._C"

"""The views of PyTorch as copies: the same elements in memory of their own."""

from __future__ import annotations

from .. import _core as core
from .._types import contiguous_format
from ..autograd.function import Function
from . import FUNCTION, operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._core import Tensor, dtype


def _copy(view: Tensor) -> Tensor:
    return view.clone(memory_format=contiguous_format)


class _DetachCopy(Function):
    _node_name = "NotImplemented"

    @staticmethod
    def forward(ctx: Any, input: Tensor) -> Tensor:
        return _copy(input)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        raise RuntimeError("derivative for aten::detach_copy is not implemented")


def _into(views: Sequence[Tensor], out: Any) -> Any:
    """Copies of several views, or the views' elements in the tensors of `out`."""
    if out is None:
        return tuple(_copy(v) for v in views)
    if len(out) != len(views):
        raise RuntimeError(f"Expected {len(views)} tensors in out, but got {len(out)}")
    for target, view in zip(out, views, strict=True):
        core.add(view, 0, out=target)
    return None


@operator("Movement", where=FUNCTION, out=True)
def alias_copy(input: Tensor) -> Tensor:
    """All elements."""
    return _copy(input)


@operator("Movement", where=FUNCTION, out=True)
def as_strided_copy(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """The elements of `input.as_strided(...)`."""
    return _copy(input.as_strided(size, stride, storage_offset))


@operator("Movement", where=FUNCTION, out=True)
def detach_copy(input: Tensor) -> Tensor:
    """All elements. The result has a history, as PyTorch's has, which has no derivative."""
    return _DetachCopy.apply(input)


@operator("Movement", where=FUNCTION, out=True)
def diagonal_copy(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements of a diagonal, in the last dimension."""
    return _copy(input.diagonal(offset, dim1, dim2))


@operator("Movement", where=FUNCTION, out=True)
def expand_copy(input: Tensor, size: Sequence[int], *, implicit: bool = False) -> Tensor:
    """The elements repeated to this size."""
    return _copy(input.expand(size))


@operator("Movement", where=FUNCTION, out=True)
def permute_copy(input: Tensor, dims: Sequence[int]) -> Tensor:
    """The dimensions in this order."""
    return _copy(input.permute(dims))


@operator("Movement", where=FUNCTION, out=True)
def select_copy(input: Tensor, dim: int, index: int) -> Tensor:
    """The elements at an index of a dimension, which goes."""
    return _copy(input.select(dim, index))


@operator("Movement", where=FUNCTION, out=True)
def slice_copy(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """The elements of a slice of a dimension."""
    n = input.ndim
    if n == 0:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    return _copy(input[(slice(None),) * (dim % n) + (slice(start, end, step),)])


@operator("Movement", where=FUNCTION)
def split_copy(input: Tensor, split_size: int, dim: int = 0, *, out: Any = None) -> Any:
    """The pieces of this size along a dimension."""
    if split_size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={split_size}")
    return _into(input.split(split_size, dim), out)


@operator("Movement", where=FUNCTION)
def split_with_sizes_copy(input: Tensor, split_sizes: Sequence[int], dim: int = 0, *, out: Any = None) -> Any:
    """The pieces of these sizes along a dimension."""
    return _into(input.split_with_sizes(split_sizes, dim), out)


@operator("Movement", where=FUNCTION, out=True)
def squeeze_copy(input: Tensor, dim: Any = None) -> Tensor:
    """The elements without dimensions of size 1: all, or those of `dim`."""
    return _copy(input.squeeze() if dim is None else input.squeeze(dim))


@operator("Movement", where=FUNCTION, out=True)
def t_copy(input: Tensor) -> Tensor:
    """The transposed matrix."""
    return _copy(input.t())


@operator("Movement", where=FUNCTION, out=True)
def transpose_copy(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged."""
    return _copy(input.transpose(dim0, dim1))


@operator("Movement", where=FUNCTION)
def unbind_copy(input: Tensor, dim: int = 0, *, out: Any = None) -> Any:
    """The pieces along a dimension, which goes."""
    return _into(input.unbind(dim), out)


@operator("Movement", where=FUNCTION, out=True)
def unfold_copy(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """The windows of a dimension, as a new last dimension."""
    return _copy(input.unfold(dimension, size, step))


@operator("Movement", where=FUNCTION, out=True)
def unsqueeze_copy(input: Tensor, dim: int) -> Tensor:
    """The elements with a new dimension of size 1."""
    return _copy(input.unsqueeze(dim))


@operator("Movement", where=FUNCTION, out=True)
def view_copy(input: Tensor, size: Any = None, dtype: dtype | None = None) -> Tensor:
    """The elements in another shape, or their bytes as another dtype."""
    return _copy(input.reshape(size) if dtype is None else input.view(dtype))


@operator("Movement", where=FUNCTION, out=True)
def view_as_real_copy(input: Tensor) -> Tensor:
    """Real and imaginary parts as a last dimension of size 2."""
    return _copy(core.view_as_real(input))


@operator("Movement", where=FUNCTION, out=True)
def view_as_complex_copy(input: Tensor) -> Tensor:
    """The pairs of the last dimension as complex numbers."""
    return _copy(core.view_as_complex(input))

"""Operators that move elements, or look at them in another shape, out of others."""

from __future__ import annotations

import itertools

from .. import _core as core
from .._types import contiguous_format
from . import BOTH, FUNCTION, METHOD, functions, operator
from .reduce import scalar_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._core import Size, Tensor


def _wrap(dim: int, ndim: int) -> int:
    n = ndim or 1
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n


# --- diagonals and triangles ----------------------------------------------------------------------------------------


@operator("Linear", out="same")
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A vector as a matrix's diagonal, or a matrix's diagonal as a vector."""
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim == 2:
        return input.diagonal(diagonal).clone()
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")


@operator("Linear")
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The last dimension as the diagonal of two, zeros elsewhere."""
    ndim = input.ndim + 1
    first, second = _wrap(dim1, ndim), _wrap(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n = input.shape[-1] + abs(offset)
    sizes = [*input.shape[:-1], n, n]
    del sizes[-2:]
    for dim in sorted((first, second)):
        sizes.insert(dim, n)
    whole = core.zeros(sizes, dtype=input.dtype)
    whole.diagonal(offset, first, second).copy_(input)
    return whole


@operator("Linear")
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """All elements as a matrix's diagonal."""
    return diag_embed(input.reshape(-1), offset)


def _copied(input: Tensor) -> Tensor:
    """A copy with the input's strides and what lies between its elements."""
    if input.is_contiguous() or not input.numel():
        return input.clone()
    sizes, strides = input.shape, input.stride()
    # Strides that grow by at least the size before them leave no element in two places.
    reach = 1
    for stride, size in sorted((s, n) for s, n in zip(strides, sizes, strict=True) if n > 1):
        if stride < reach:
            return input.clone()
        reach = stride * (size - 1) + reach
    return input.as_strided((reach,), (1,)).clone().as_strided(sizes, strides, 0)


@operator("Linear")
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of input with `src` written to a diagonal."""
    result = _copied(input)
    _write(result.diagonal(offset, dim1, dim2), src)
    return result


def _write(part: Tensor, src: Tensor) -> None:
    if part.shape != src.shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. "
            f"src size = {list(src.shape)}, slice size = {list(part.shape)}"
        )
    part.copy_(src)


@operator("Linear")
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of input with `src` written at an index of a dimension."""
    result = _copied(input)
    _write(result.select(dim, index), src)
    return result


@operator("Linear", out="same")
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy of input with `src` written to a slice of a dimension."""
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    result = _copied(input)
    _write(result[(slice(None),) * _wrap(dim, input.ndim) + (slice(start, end, step),)], src)
    return result


@operator("Linear")
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A copy of input with `src` written to a strided part."""
    result = _copied(input)
    _write(result.as_strided(size, stride, storage_offset or 0), src)
    return result


@operator("Reduction")
def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    return input.diagonal().sum()


# --- joining and cutting ------------------------------------------------------------------------------------------------


def _tensors(tensors: tuple[Any, ...]) -> Sequence[Tensor]:
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    for i, t in enumerate(given):
        if not isinstance(t, core.Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    return given


def _each(function: Any, tensors: tuple[Any, ...]) -> Any:
    given = _tensors(tensors)
    if len(tensors) == 1 and given is not tensors[0]:
        return function(given[0])
    return tuple(function(t) for t in given)


@operator("View", where=FUNCTION)
def atleast_1d(*tensors: Any) -> Any:
    """Each tensor with at least one dimension."""
    return _each(lambda t: t.reshape(1) if t.ndim == 0 else t, tensors)


@operator("View", where=FUNCTION)
def atleast_2d(*tensors: Any) -> Any:
    """Each tensor with at least two dimensions, new ones in front."""
    return _each(lambda t: t.reshape(1, 1) if t.ndim == 0 else t.unsqueeze(0) if t.ndim == 1 else t, tensors)


@operator("View", where=FUNCTION)
def atleast_3d(*tensors: Any) -> Any:
    """Each tensor with at least three dimensions: [n] as [1, n, 1], [m, n] as [m, n, 1]."""

    def three(t: Tensor) -> Tensor:
        if t.ndim == 0:
            return t.reshape(1, 1, 1)
        if t.ndim == 1:
            return t.unsqueeze(0).unsqueeze(-1)
        return t.unsqueeze(-1) if t.ndim == 2 else t

    return _each(three, tensors)


@operator("Movement", where=FUNCTION)
def block_diag(*tensors: Tensor) -> Tensor:
    """Matrices along the diagonal of one, zeros elsewhere."""
    blocks = []
    for i, t in enumerate(_tensors(tensors)):
        if t.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {t.ndim} dimensions"
            )
        blocks.append(t if t.ndim == 2 else t.reshape(1, -1))
    if not blocks:
        return core.zeros(1, 0)
    d = blocks[0].dtype
    for b in blocks[1:]:
        d = core.promote_types(d, b.dtype)
    whole = core.zeros(sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks), dtype=d)
    row = column = 0
    for b in blocks:
        whole[row : row + b.shape[0], column : column + b.shape[1]] = b
        row, column = row + b.shape[0], column + b.shape[1]
    return whole


@operator("View", where=FUNCTION)
def broadcast_tensors(*tensors: Any) -> Any:
    """The tensors expanded to their common shape."""
    return _broadcast(_tensors(tensors))


def _broadcast(given: Sequence[Tensor]) -> tuple[Tensor, ...]:
    if not given:
        return ()
    shape: Any = given[0].shape
    if any(t.shape != shape for t in given):
        shape = _common(given)
    return tuple([t.expand(shape) for t in given])


def _common(tensors: Sequence[Tensor]) -> Any:
    shape: list[int] = []
    for t in tensors:
        sizes = list(t.shape)
        longer, shorter = (shape, sizes) if len(shape) >= len(sizes) else (sizes, shape)
        shorter = [1] * (len(longer) - len(shorter)) + shorter
        shape = []
        for i, (a, b) in enumerate(zip(longer, shorter, strict=True)):
            if a != b and a != 1 and b != 1:
                raise RuntimeError(
                    f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {i}"
                )
            shape.append(b if a == 1 else a)
    return shape


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape to which tensors of these shapes broadcast; an int stands for a vector's."""
    given = []
    for shape in shapes:
        if isinstance(shape, str):
            raise TypeError("'<' not supported between instances of 'str' and 'int'")
        if not isinstance(shape, (int, tuple, list)):
            raise RuntimeError(f"Input shapes should be of type ints, a tuple of ints, or a list of ints, got {shape}")
        sizes = [shape] if isinstance(shape, int) else shape
        if any(n < 0 for n in sizes):
            raise ValueError("Attempting to broadcast a dimension with negative length!")
        given.append(core.Size(sizes))
    found = [1] * max(map(len, given), default=0)
    for place, shape in enumerate(given):
        for d in range(-1, -1 - len(shape), -1):
            if shape[d] != 1 and found[d] not in (1, shape[d]):
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {shape[d]} at {d}! Mismatching argument at index "
                    f"{place} had {tuple(shape)}; but expected shape should be broadcastable to {found}"
                )
            if shape[d] != 1:
                found[d] = shape[d]
    return core.Size(found)


functions["broadcast_shapes"] = broadcast_shapes


@operator("View", where=FUNCTION)
def meshgrid(*tensors: Any, indexing: str | None = None) -> Any:
    """Coordinate grids of vectors: one tensor each, expanded along the others' dimensions."""
    given = list(_tensors(tensors))
    if not given:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing is None:
        import warnings

        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
            UserWarning,
            stacklevel=2,
        )
        indexing = "ij"
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for t in given:
        if t.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t}")
    swap = indexing == "xy" and len(given) > 1
    if swap:
        given[0], given[1] = given[1], given[0]
    shape = [t.numel() for t in given]
    grids = [t.reshape([-1 if i == k else 1 for k in range(len(given))]).expand(shape) for i, t in enumerate(given)]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@operator("Movement", where=FUNCTION)
def cartesian_prod(*tensors: Any) -> Tensor:
    """All tuples of elements, one from each vector, as rows."""
    given = _tensors(tensors)
    for t in given:
        if t.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(t.shape)}")
    if len(given) == 1:
        return given[0]
    return core.stack([g.reshape(-1) for g in meshgrid(*given, indexing="ij")], 1)


@operator("Movement", where=FUNCTION)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All combinations of r elements of a vector, as rows, in the order of their places."""
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input.numel()), r))
    if r == 0:
        return core.empty(0, dtype=input.dtype)
    return input[core.tensor(rows, dtype=core.int64).reshape(len(rows), r)]


@operator("View")
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Cuts a dimension into sections of nearly equal size, or before the given places."""
    return _cut(input, indices_or_sections, dim)


def _cut(input: Tensor, indices_or_sections: Any, dim: int) -> tuple[Tensor, ...]:
    if input.ndim == 0:
        raise RuntimeError(
            f"tensor_split expected at least a 1-dimensional tensor, but got a tensor with {input.ndim} dims"
        )
    dim = _wrap(dim, input.ndim)
    n = input.shape[dim]
    if isinstance(indices_or_sections, core.Tensor):
        if indices_or_sections.ndim > 1:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a "
                f"tensor with {indices_or_sections.ndim} dims"
            )
        if indices_or_sections.dtype != core.int64:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
                + scalar_name(indices_or_sections.dtype)
            )
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        sections = indices_or_sections
        if sections > 2**31:  # each would be a tensor
            raise RuntimeError(f"not enough memory for {sections} sections")
        if sections <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
        small, more = divmod(n, sections)
        return tuple([input.narrow(dim, i * small + min(i, more), small + (i < more)) for i in range(sections)])
    cuts = list(indices_or_sections)
    _need_ints("tensor_split", input, cuts)
    parts = (slice(a, b).indices(n)[:2] for a, b in itertools.pairwise([None, *cuts, None]))
    return tuple(input.narrow(dim, a, max(b - a, 0)) for a, b in parts)


def _need_ints(name: str, input: Tensor, cuts: Any) -> None:
    """What stands for the places to cut must be integers."""
    if not isinstance(cuts, (list, tuple)) or not all(hasattr(c, "__index__") for c in cuts):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got (Tensor, {type(cuts).__name__}), but expected one of:"
        )


def _split_along(name: str, dim: int, least: int, input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    if input.ndim < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with "
            f"{input.ndim} dimensions!"
        )
    if isinstance(indices_or_sections, int):
        n = indices_or_sections
        if n == 0 or input.shape[dim] % n:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {input.shape[dim]} is not "
                f"divisible by the split_size {n}!"
            )
    elif not isinstance(indices_or_sections, core.Tensor):
        _need_ints(name, input, indices_or_sections)
    return _cut(input, indices_or_sections, dim)


@operator("View")
def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split along the second dimension (the first of a vector)."""
    return _split_along("hsplit", 0 if input.ndim == 1 else 1, 1, input, indices_or_sections)


@operator("View")
def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split along the first dimension."""
    return _split_along("vsplit", 0, 2, input, indices_or_sections)


@operator("View")
def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """tensor_split along the third dimension."""
    return _split_along("dsplit", 2, 3, input, indices_or_sections)


@operator("View")
def unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """chunk."""
    return tuple(input.chunk(chunks, dim))


@operator("View")
def unsafe_split(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """split."""
    return tuple(input.split(split_size, dim))


@operator("Movement")
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element (or slice along `dim`) repeated in place; with one argument, the indices that do it."""
    if repeats is None:
        counts = input
        if counts.ndim != 1:
            raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
        if counts.dtype not in (core.int64, core.int32):
            raise RuntimeError("repeats has to be Long or Int tensor")
        if counts.numel() and bool((counts < 0).any()):
            raise RuntimeError("repeats can not be negative")
        ends = counts.cumsum(0)
        n = int(ends[-1]) if counts.numel() else 0
        return core.searchsorted(ends, core.arange(n), right=True)
    if dim is not None and input.ndim == 0 and not isinstance(repeats, int):
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    x = input
    if dim is None:
        x, dim = input.reshape(-1), 0
    dim = _wrap(dim, x.ndim)
    if x.ndim == 0:
        x = x.reshape(1)
    if isinstance(repeats, int):
        if repeats < 0:
            raise RuntimeError("Repeats must be non-negative")
        sizes = list(x.shape)
        sizes[dim] *= repeats
        wide = x.unsqueeze(dim + 1).expand([*x.shape[: dim + 1], repeats, *x.shape[dim + 1 :]])
        return wide.clone(memory_format=contiguous_format).flatten(dim, dim + 1)
    counts = repeats if isinstance(repeats, core.Tensor) else core.tensor(repeats)
    if counts.ndim == 0 or (counts.ndim == 1 and counts.numel() == 1):
        counts = counts.reshape(1).expand(x.shape[dim])
    elif counts.ndim != 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    elif counts.numel() != x.shape[dim]:
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.numel()} and input.size({dim}) = "
            f"{x.shape[dim]}"
        )
    places = repeat_interleave(counts)
    if output_size is not None and counts.numel() and places.numel() != output_size:
        raise RuntimeError("allocated size does not match required size")
    return x.index_select(dim, places)


@operator("Movement")
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turns the plane of two dimensions by k quarters, from the first towards the second."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    a, b = dims
    if _wrap(a, input.ndim) == _wrap(b, input.ndim):
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}")
    k %= 4
    if k == 1:
        return input.flip(b).transpose(a, b)
    if k == 2:
        return input.flip(a, b)
    return input.flip(a).transpose(a, b) if k == 3 else input.clone(memory_format=contiguous_format)


# --- reading and writing by index ----------------------------------------------------------------------------------------


@operator("Movement", out=True)
def take(input: Tensor, index: Tensor) -> Tensor:
    """Elements of the flattened input at these places."""
    if index.dtype != core.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {scalar_name(index.dtype)}")
    n = input.numel()
    if index.numel() and (n == 0 or int(index.max()) >= n or int(index.min()) < -n):
        if n == 0:
            raise IndexError("take(): tried to take from an empty tensor")
        raise IndexError("out of range: tried to access an index out of range")
    return input.reshape(-1)[index.reshape(-1)].reshape(index.shape)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, one tensor for each dimension of `shape`, of places in a row-major array of that shape."""
    if not isinstance(indices, core.Tensor):
        raise AttributeError(f"'{type(indices).__name__}' object has no attribute 'is_complex'")
    if indices.is_floating_point() or indices.is_complex() or indices.dtype == core.bool:
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = [shape] if isinstance(shape, int) and not isinstance(shape, bool) else shape
    for wrong in [sizes] if not isinstance(sizes, (list, tuple)) else [n for n in sizes if not isinstance(n, int)]:
        raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(wrong)}")
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    if indices.numel() and 0 in sizes:
        raise RuntimeError("ZeroDivisionError")
    if not sizes:
        return ()
    steps = [1]
    for n in sizes[:0:-1]:
        steps.append(max(n, 1) * steps[-1])
    return ((indices.unsqueeze(-1) // core.tensor(steps[::-1])) % core.tensor(sizes)).unbind(-1)


functions["unravel_index"] = unravel_index


@operator("Query", out="same")
def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor:
    """The first `size` places of nonzero elements as rows, as many as that: rows of `fill_value` follow."""
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = core.full((size, input.ndim), fill_value, dtype=core.int64)
    places = input.nonzero()[:size]
    found[: places.shape[0]] = places
    return found


@operator("Movement", inplace=True)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of input with `source` written (or added) at places of the flattened tensor."""
    if index.dtype != core.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {scalar_name(index.dtype)}")
    if index.numel() != source.numel():
        raise IndexError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = {source.numel()}, "
            f"index.numel() = {index.numel()}"
        )
    flat = input.clone().reshape(-1)
    flat.index_put_((index.reshape(-1),), source.reshape(-1), accumulate=accumulate)
    result = flat.reshape(input.shape)
    if result.is_contiguous() == input.is_contiguous():
        return result
    # The input's layout.
    return core.empty_like(input).copy_(result)


@operator("Movement", inplace=True)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy of input whose elements under the mask are the first ones of `source`, in order."""
    if mask.dtype != core.bool:
        raise RuntimeError(
            "masked_scatter_ only supports boolean masks, but got mask with dtype " + scalar_name(mask.dtype)
        )
    if input.dtype != source.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {scalar_name(input.dtype)} and {scalar_name(source.dtype)}"
        )
    x, m = _broadcast((input, mask))
    wanted = int(m.sum())
    if source.numel() < wanted:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same number of elements; source has {source.numel()}, mask {wanted}"
        )
    result = x.clone(memory_format=contiguous_format)
    result[m] = source.reshape(-1)[:wanted]
    return result


# --- copies of one kind or another --------------------------------------------------------------------------------------


@operator("Movement", out=True)
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """A copy of narrow(dim, start, length)."""
    return input.narrow(dim, start, length).clone(memory_format=contiguous_format)


@operator("Movement", where=FUNCTION)
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like input, all of whose elements are `value`: a number or a 0-dim tensor."""
    if not isinstance(value, (core.Tensor, int, float, complex)):
        raise TypeError(
            f"fill() received an invalid combination of arguments - got (Tensor, {type(value).__name__}), but expected one of:"
        )
    return input.clone().fill_(value)


@operator("Other")
def resize_as_(input: Tensor, the_template: Tensor, *, memory_format: Any = None) -> Tensor:
    """resize_ to another tensor's sizes."""
    return input.resize_(the_template.shape)


@operator("Movement", where=METHOD)
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype of `other`."""
    return self.to(other.dtype)


@operator("Reduction", where=METHOD)
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """Sums broadcast dimensions so that the result has this size, to which it must be broadcastable."""
    sizes = list(size[0]) if len(size) == 1 and isinstance(size[0], (list, tuple)) else list(size)
    for s in sizes:
        if not hasattr(s, "__index__"):
            raise TypeError(
                f"sum_to_size(): argument 'size' (position 1) must be tuple of ints, not {type(s).__name__}"
            )
    lead = self.ndim - len(sizes)
    if lead < 0 or any(s not in (1, n) for s, n in zip(sizes, self.shape[lead:], strict=True)):
        raise RuntimeError(f"size {{{sizes}}} is not expandable to size {{{list(self.shape)}}}.")
    if not sizes:
        return self.sum()
    dims = list(range(lead)) + [lead + i for i, s in enumerate(sizes) if s == 1 and self.shape[lead + i] != 1]
    result = self.sum(dims, keepdim=True) if dims else self
    return result.reshape(sizes) if lead else result


@operator("View", where=BOTH)
def adjoint(input: Tensor) -> Tensor:
    """The conjugate transpose of the last two dimensions."""
    return input.mH


# --- products ----------------------------------------------------------------------------------------------------------


@operator("Contraction", out="cast")
def kron(input: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product."""
    n = max(input.ndim, other.ndim)
    a = input.reshape([1] * (n - input.ndim) + list(input.shape))
    b = other.reshape([1] * (n - other.ndim) + list(other.shape))
    shape_a = [s for pair in zip(a.shape, [1] * n, strict=True) for s in pair]
    shape_b = [s for pair in zip([1] * n, b.shape, strict=True) for s in pair]
    product = a.reshape(shape_a) * b.reshape(shape_b)
    return product.reshape([x * y for x, y in zip(a.shape, b.shape, strict=True)])


@operator("Contraction", where=FUNCTION, out=True)
def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sums products over the last `dims` dimensions of a and the first of b, or over two lists of dimensions."""
    if isinstance(dims, core.Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        over_a, over_b = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        over_a, over_b = ([_wrap(d, t.ndim) for d in ds] for ds, t in zip(dims, (a, b), strict=True))
    if len(over_a) != len(over_b):
        raise RuntimeError("both dimension lists should have same length")
    for i, j in zip(over_a, over_b, strict=True):
        # A dimension of size 1 is stretched; then the other one is just summed.
        if a.shape[i] == 1 and b.shape[j] != 1:
            b = b.sum(j, keepdim=True, dtype=b.dtype)
        elif b.shape[j] == 1 and a.shape[i] != 1:
            a = a.sum(i, keepdim=True, dtype=a.dtype)
        elif a.shape[i] != b.shape[j]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and second has size {b.shape[j]} in dim {j}"
            )
    left = [d for d in range(a.ndim) if d not in over_a]
    right = [d for d in range(b.ndim) if d not in over_b]
    size = 1
    for d in over_a:
        size *= a.shape[d]
    shape = [a.shape[d] for d in left] + [b.shape[d] for d in right]
    if a.dtype == core.bool and b.dtype == core.bool:  # products of what has no kernel of its own
        return tensordot(a.to(core.uint8), b.to(core.uint8), (over_a, over_b)).to(core.bool)
    rows = (
        a.permute(left + over_a).reshape(-1 if size else a.numel(), size)
        if size
        else core.zeros(_count(a, left), 0, dtype=a.dtype)
    )
    columns = b.permute(over_b + right).reshape(size, -1) if size else core.zeros(0, _count(b, right), dtype=b.dtype)
    return (rows @ columns).reshape(shape)


def _count(t: Tensor, dims: Sequence[int]) -> int:
    n = 1
    for d in dims:
        n *= t.shape[d]
    return n


@operator("Contraction", out=True)
def vdot(input: Tensor, other: Tensor) -> Tensor:
    """The dot product of two vectors, the first conjugated."""
    return core.dot(input.conj(), other)


@operator("Contraction", where=FUNCTION, out=True)
def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of matrices."""
    result = matrices[0]
    for m in matrices[1:]:
        result = result @ m
    return result


@operator("Other", out=True)
def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product along a dimension of size 3 (the first such one by default)."""
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    if input.ndim == 0 and other.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if input.dtype == core.bool:
        raise NotImplementedError("\"cross\" not implemented for 'Bool'")
    return core._cross(input, other, dim)


@operator("Other", where=FUNCTION)
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The Vandermonde matrix: powers of x as columns, descending unless `increasing`."""
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.numel() if N is None else N
    d = core.promote_types(x.dtype, core.int64) if not (x.is_floating_point() or x.is_complex()) else x.dtype
    powers = core.ones(x.numel(), n, dtype=d)
    if n > 1:
        powers = core.cat([powers[:, :1], x.to(d).unsqueeze(1).expand(x.numel(), n - 1).cumprod(1)], 1)
    return powers if increasing else powers.flip(1)

"""Sums of rows of a table, rows whose norm is bounded, and numbers of classes as vectors, out of other operators."""

from __future__ import annotations

from .. import _core
from . import FUNCTION, operator
from .reduce import scalar_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._core import Tensor

_MODES = ("sum", "mean", "max")


def _type_name(t: Tensor) -> str:
    return f"torch.{scalar_name(t.dtype)}Tensor"


def _check_type(t: Tensor, place: int, name: str, function: str, words: str) -> None:
    if scalar_name(t.dtype) not in words.split(", "):
        raise RuntimeError(
            f"Expected tensor for argument #{place} '{name}' to have one of the following scalar types: {words}; but got "
            f"{_type_name(t)} instead (while checking arguments for {function})"
        )


@operator("Other", where=FUNCTION)
def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Scales the rows of input [V, D] that are among the indices so that their norm is at most max_norm, in place."""
    if input.ndim != 2:
        raise RuntimeError(
            f"Expected 2-dimensional tensor, but got {input.ndim}-dimensional tensor for argument #1 'self' (while "
            "checking arguments for embedding_renorm_)"
        )
    _check_type(indices, 2, "indices", "embedding_renorm_", "Long, Int")
    rows = indices.flatten().long().unique()
    if input.requires_grad and input.is_leaf and _core.is_grad_enabled():
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(
            f"norm(): input dtype should be either floating point or complex. Got {scalar_name(input.dtype)} instead."
        )
    for end in rows[[0, -1]].tolist() if rows.numel() else ():
        if not 0 <= end < input.shape[0]:
            raise IndexError(
                f"select(): index {end} out of range for tensor of size {list(input.shape)} at dimension 0"
            )
    if rows.numel():
        old = input[rows]
        length = old.norm(norm_type, 1, True)
        input[rows] = _core.where(length > max_norm, old * (max_norm / (length + 1e-7)), old)
    return input


@operator("Other", where=FUNCTION)
def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """Class numbers [*] as vectors [*, num_classes] of a 1 among zeros (int64); -1: as many classes as there are."""
    if input.dtype is not _core.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if input.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return _core.zeros((*input.shape, num_classes), dtype=_core.int64)
    low, high = input.min().item(), input.max().item()
    if low < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = high + 1
    elif high >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return _core.zeros((*input.shape, num_classes), dtype=_core.int64).scatter_(-1, input.unsqueeze(-1), 1)


def _check_bags(
    weight: Tensor, indices: Tensor, offsets: Tensor, mode: int, weights: Tensor | None, last: bool
) -> None:
    _check_type(indices, 1, "indices", "embedding_bag", "Long, Int")
    _check_type(offsets, 1, "offsets", "embedding_bag", "Long, Int")
    _check_type(weight, 1, "weight", "embedding_bag", "Half, BFloat16, Float, Double")
    if indices.ndim not in (1, 2):
        raise RuntimeError(f"input has to be a 1D or 2D Tensor, but got Tensor of dimension {indices.ndim}")
    for name, t, n in (("offsets", offsets, 1), ("weight", weight, 2)):
        if t.ndim != n:
            raise RuntimeError(f"{name} has to be a {n}D Tensor, but got Tensor of dimension {t.ndim}")
    if mode not in (0, 1, 2):
        raise RuntimeError("`mode` must be sum, mean, or max.")
    if weights is not None:
        if mode != 0:
            raise RuntimeError("embedding_bag: per_sample_weights only supported with mode='sum'")
        if weights.dtype is not weight.dtype:
            raise RuntimeError(
                "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 "
                f"'per_sample_weights'; but type {_type_name(weight)} does not equal {_type_name(weights)} (while checking "
                "arguments for embedding_bag)"
            )
        if weights.ndim != 1:
            raise RuntimeError(f"per_sample_weights has to be a 1D Tensor, but got Tensor of dimension {weights.ndim}")
        if weights.numel() != indices.numel():
            raise RuntimeError(
                "Expected per_sample_weights.value().numel() == indices.numel() to be true, but got false.  (Could this "
                "error message be improved?  If so, please report an enhancement request to PyTorch.)"
            )
    if last and offsets.numel() < 1:
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    if offsets.numel() > 0:
        first, end = offsets[0].item(), offsets[-1].item()
        if first != 0:
            raise RuntimeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
                f"However, got {first}"
            )
        if end > indices.numel():
            raise RuntimeError(
                f"offsets[-1] can not be greater than input's length {indices.numel()} but got offsets[-1] of {end}"
            )
        if bool((offsets[1:] < offsets[:-1]).any()):
            raise RuntimeError("embedding_bag: offsets must not decrease")
    indices = indices.flatten()
    bad = ((indices < 0) | (indices >= weight.shape[0])).nonzero()
    if bad.numel() and (offsets.numel() > last or not last):
        at = bad[0, 0].item()
        raise RuntimeError(
            f"Index {at} of input takes value {indices[at].item()} which is not in the valid range [0, {weight.shape[0]})"
        )


@operator("Other", where=FUNCTION)
def embedding_bag(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, ...]:
    """Sums (mode 0), means (1) or maxima (2) of rows of weight [V, D] over bags: [B, D].

    Bag i has the indices from offsets[i] to offsets[i + 1]; the last one ends with the indices, or with the last offset
    where that is included. Rows are multiplied by per_sample_weights; padding_idx does not count. Three more results are
    the bag of each index, the sizes of the bags and (for maxima) which rows were the largest, where a mode needs them.
    """
    mode = 0 if mode is None else mode
    if padding_idx is not None and weight.ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    _check_bags(weight, indices, offsets, mode, per_sample_weights, include_last_offset)
    indices = indices.flatten()
    rows, width = weight.shape
    padding = -1
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise RuntimeError(
                f"padding_idx must be within the number of embeddings, {-rows} through {rows - 1}, but got {padding_idx}"
            )
        padding = padding_idx % rows
    kind = _core.promote_types(indices.dtype, offsets.dtype)
    ids, starts = indices.long(), offsets.long()
    n, bags = ids.numel(), starts.numel() - include_last_offset
    if include_last_offset:
        starts, ends = starts[:-1], starts[1:]
    else:
        ends = _core.cat([starts[1:], starts.new_full((min(bags, 1),), n)])
    # Which bag an index is in: as many bags as begin at or before its place, less one.
    bag = _core.zeros(n + 1, dtype=_core.int64).index_add_(0, starts, _core.ones_like(starts)).cumsum(0)[:n] - 1
    taken = (ends[-1].item() if bags else 0) if include_last_offset else n if bags else 0
    ids, bag = ids[:taken], bag[:taken]
    keep = ids != padding
    sizes = _core.zeros(bags, dtype=_core.int64).index_add_(0, bag, keep.long())
    # PyTorch's faster way for sums does not say which bag an index is in.
    fast = mode == 0 and padding < 0 and weight.dtype is not _core.float64 and weight.stride(1) == 1
    if per_sample_weights is not None and per_sample_weights.stride(0) != 1:
        fast = False
    told = _core.zeros(0, dtype=kind) if fast else bag.to(kind)
    found = _core.embedding(weight, ids, padding, scale_grad_by_freq)
    wide = _core.float32 if weight.dtype in (_core.float16, _core.bfloat16) else weight.dtype
    if mode == 2:
        most = int(sizes.max().item()) if bags and taken else 0
        if most == 0:
            out = found.new_zeros((bags, width)) + found.sum() * 0
            picked = _core.zeros((bags, width), dtype=_core.int64)
        else:
            # Bags side by side [B, most], filled up with places that count nothing.
            places = keep.nonzero().squeeze(-1)
            own = bag[places]
            first = sizes.cumsum(0) - sizes
            table = _core.zeros((bags, most), dtype=_core.int64)
            table[own, _core.arange(places.numel()) - first[own]] = places
            real = _core.arange(most) < sizes.unsqueeze(1)
            values = found[table].masked_fill(~real.unsqueeze(-1), float("-inf"))
            at = values.detach().argmax(1)
            place = table.gather(1, at)
            full = (sizes > 0).unsqueeze(1)
            out = found.gather(0, place).masked_fill(~full, 0)
            picked = ids[place].masked_fill(~full, 0)
        return out, told, sizes.to(kind), picked.to(kind)
    found = found.to(wide)
    if per_sample_weights is not None:
        found = found * per_sample_weights[:taken].to(wide).unsqueeze(-1)
    if padding >= 0:
        found = found.masked_fill(~keep.unsqueeze(-1), 0)
    out = _core.zeros((bags, width), dtype=wide).index_add(0, bag, found)
    if mode == 1:
        out = out / sizes.clamp_min(1).unsqueeze(-1)
    lengths = (_core.zeros_like(sizes) if mode == 0 else sizes).to(kind)
    if include_last_offset and mode == 0:
        lengths = lengths.new_zeros(bags + 1)
    return out.to(weight.dtype), told, lengths, lengths.clone()

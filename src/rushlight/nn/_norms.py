"""Normalisations and embeddings as functions."""

from __future__ import annotations

from .. import _core as core
from .._core import Tensor, layer_norm, rms_norm
from .._ops import embedding as _rows
from .._ops.embedding import one_hot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "batch_norm",
    "embedding",
    "embedding_bag",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "one_hot",
    "rms_norm",
]


def _check_count(sizes: Sequence[int], count: int, what: str) -> None:
    """Refuses a single value, whose variance says nothing: of `count` and the sizes of the places."""
    for n in sizes[2:]:
        count *= n
    if count == 1:
        raise ValueError(f"Expected more than 1 {what} when training, got input size {sizes}")


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """(input - mean) / sqrt(var + eps) * weight + bias for each channel of [N, C, *].

    In training the statistics are the batch's, and the running ones move towards them by `momentum`.
    """
    if training:
        _check_count(input.shape, input.shape[0], "value per channel")
    return core.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, False)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """batch_norm of each member of the batch [N, C, *] by itself."""
    if use_input_stats:
        _check_count(input.shape, 1, "spatial element")
    return core.instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, False)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """(input - mean) / sqrt(var + eps) over groups of C / num_groups channels of [N, C, *], then weight and bias [C]."""
    if input.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    n, channels, *places = input.shape
    _check_count([n * channels // num_groups, num_groups, *places], n * channels // num_groups, "value per channel")
    return core.group_norm(input, num_groups, weight, bias, eps)


def _window_sum(t: Tensor, before: int, after: int) -> Tensor:
    """The sums of t [N, C, *] over the channels from `before` before to `after` behind each."""
    channels = t.shape[1]
    room = [t.new_zeros((t.shape[0], n, *t.shape[2:])) for n in (before, after)]
    padded = core.cat([room[0], t, room[1]], 1)
    total = padded.narrow(1, 0, channels)
    for i in range(1, before + after + 1):
        total = total + padded.narrow(1, i, channels)
    return total


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """input / (k + alpha mean(input^2))^beta, the mean over `size` channels around each of [N, C, *].

    Channels outside count as zeros (Krizhevsky et al. 2012).
    """
    dims = input.dim()
    if dims < 3:
        raise ValueError(f"Expected 3D or higher dimensionality                          input (got {dims} dimensions)")
    if input.numel() == 0:
        return input
    if size <= 0:
        raise RuntimeError(f"kernel size should be greater than zero, but got kH: {size} kW: 1")
    square = input * input
    kind = square.dtype
    if kind in (core.float16, core.bfloat16):
        square = square.float()
    total = _window_sum(square, size // 2, (size - 1) // 2)
    floating = kind.is_floating_point or kind.is_complex
    mean = total / size if floating else total.div(size, rounding_mode="trunc")
    return input / (mean.to(kind) * alpha + k).pow(beta)


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of weight [V, D] by their numbers: [*] to [*, D].

    The row padding_idx gets no gradient. With max_norm, rows that are asked for and longer are shortened in place first.
    scale_grad_by_freq divides the gradient of a row by how often it occurs. The gradient is dense, also where `sparse`.
    """
    if padding_idx is None:
        padding_idx = -1
    elif padding_idx != 0:
        rows = weight.size(0)
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        if padding_idx < 0:
            padding_idx += rows
    if max_norm is not None:
        input = input.contiguous()
        with core.no_grad():
            _rows.embedding_renorm_(weight, input, max_norm, norm_type)
    return core.embedding(weight, input, padding_idx, scale_grad_by_freq, sparse)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Sums, means or maxima ("sum", "mean", "max") of rows of weight [V, D] over bags of numbers: [B, D].

    `input` is [B, n], or [n] with the places `offsets` at which bags begin (and where the last one ends, if
    include_last_offset). per_sample_weights multiply the rows of a sum; padding_idx does not count.
    """
    if weight.dtype is core.int64 and input.is_floating_point():
        import warnings

        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. "
            "Usage `embedding_bag(weight, input, ...)` is deprecated, "
            "and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    if per_sample_weights is not None and input.shape != per_sample_weights.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the same "
            f"shape as the input ({input.shape})"
        )
    if not weight.dim() == 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
        offsets = core.arange(0, input.numel(), input.shape[1], dtype=input.dtype)
        input = input.reshape(-1)
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    elif input.dim() == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.dim() != 1:
            raise ValueError("offsets has to be a 1D Tensor")
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if mode not in _rows._MODES:
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if mode == "max" and sparse:
        raise ValueError("max mode does not support sparse weights")
    if max_norm is not None:
        with core.no_grad():
            _rows.embedding_renorm_(weight, input, max_norm, norm_type)
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}'). Please open a feature request on GitHub."
        )
    number = _rows._MODES.index(mode)
    result: Tensor = _rows.embedding_bag(
        weight, input, offsets, scale_grad_by_freq, number, sparse, per_sample_weights, include_last_offset, padding_idx
    )[0]
    return result


core._internal(vars(_rows))
core._internal(globals())

"""Losses and distances, out of other operators."""

from __future__ import annotations

import functools
from typing import Any

from .. import _core as core
from .._core import Tensor, multi_margin_loss, multilabel_margin_loss
from .._ops.reduce import scalar_name
from .._ops.shape import broadcast_tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "cosine_embedding_loss",
    "cosine_similarity",
    "ctc_loss",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "kl_div",
    "linear_cross_entropy",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "normalize",
    "pairwise_distance",
    "poisson_nll_loss",
    "soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def _reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """What the two old arguments mean, with PyTorch's warning; otherwise `reduction`, which must be a known word."""
    if size_average is None and reduce is None:
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(f"{reduction} is not a valid value for reduction")
        return reduction
    import warnings

    if reduce is False:
        meant = "none"
    else:
        meant = "sum" if size_average is False else "mean"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{meant}' instead.", stacklevel=3
    )
    return meant


def _in_float32(loss: Any) -> Any:
    """The loss function, which converts 16-bit tensors to float32 while autocast is on."""

    @functools.wraps(loss)
    def autocast(*args: Any, **kwargs: Any) -> Tensor:
        if core._autocasting():
            from ..amp.autocast_mode import run

            return run("float32", loss, args, kwargs)
        return loss(*args, **kwargs)

    return autocast


def _check(function: str, **tensors: Any) -> None:
    """Refuses what is no tensor, in the words of an operator; the names are those of the first parameters."""
    for i, (name, value) in enumerate(tensors.items()):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"{function}(): argument '{name}' (position {i + 1}) must be Tensor, not {type(value).__name__}"
            )


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return loss.mean()
    return loss.sum() if reduction == "sum" else loss


@_in_float32
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target * (log(target) - input), or exp(target) * (target - input) if `log_target`; 0 where the target is 0.

    "batchmean" divides the sum by the size of the first dimension, which is the divergence itself.
    """
    _check("kl_div", input=input, target=target)
    by_batch = reduction == "batchmean" and size_average is None and reduce is None
    reduction = "sum" if by_batch else _reduction(size_average, reduce, reduction)
    if input.is_complex() or target.is_complex():
        raise RuntimeError("kl_div: Complex inputs not supported.")
    if not (input.is_floating_point() and target.is_floating_point()):
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if log_target:
        loss = target.exp() * (target - input)
    else:
        loss = core.xlogy(target, target) - target * input
    loss = _reduced(loss, reduction)
    return loss / input.size(0) if by_batch and input.dim() else loss


@_in_float32
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """exp(input) - target * input, or input - target * log(input + eps); `full` adds Stirling's term for targets > 1."""
    _check("poisson_nll_loss", input=input, target=target)
    reduction = _reduction(size_average, reduce, reduction)
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * 3.141592653589793 * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return _reduced(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """(log(v) + (input - target)^2 / v) / 2 with v = max(var, eps), whose bound is no part of the derivative.

    `var` has the shape of `input`, or lacks its last dimension, or has 1 there.
    """
    if not isinstance(var, Tensor):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * core.ones_like(input)
    elif bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif not (input.size()[:-1] == var.size()[:-1] and var.size(-1) == 1):
            # Sizes that differ by a 1 somewhere are broadcast, others are not.
            if input.ndim != var.ndim or sum(a != b and b != 1 for a, b in zip(input.shape, var.shape, strict=True)):
                raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    var = var.clone()
    with _no_grad():
        var.clamp_(min=eps)
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.9189385332046727  # log(2 pi) / 2
    return _reduced(loss, reduction)


def _no_grad() -> Any:
    from .. import no_grad

    return no_grad()


@_in_float32
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`input` where the target is 1, max(0, margin - input) where it is -1."""
    _check("hinge_embedding_loss", input=input, target=target)
    reduction = _reduction(size_average, reduce, reduction)
    zero = core.zeros_like(input)
    # The margin is a number of the input's own dtype.
    apart = core.where(target != 1, core.full_like(input, margin).sub(input).clamp_min(0), zero)
    return _reduced(apart + core.where(target != -1, input, zero), reduction)


@_in_float32
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, margin - target * (input1 - input2))."""
    _check("margin_ranking_loss", input1=input1, input2=input2, target=target)
    reduction = _reduction(size_average, reduce, reduction)
    if input1.dim() != input2.dim() or input1.dim() != target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return _reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


@_in_float32
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """log(1 + exp(-target * input))."""
    _check("soft_margin_loss", input=input, target=target)
    reduction = _reduction(size_average, reduce, reduction)
    product = input * -target
    if product.shape != input.shape:
        raise RuntimeError(
            f"output with shape {list(input.shape)} doesn't match the broadcast shape {list(product.shape)}"
        )
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(f"result type Float can't be cast to the desired output type {scalar_name(input.dtype)}")
    return _reduced(product.exp().log1p(), reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the last dimension of the cross entropy of each class by itself."""
    if size_average is not None or reduce is not None:
        reduction = _reduction(size_average, reduce, reduction)
    _check("log_sigmoid", input=input)
    if input.dtype == core.bool:
        raise NotImplementedError("\"log_sigmoid_cpu\" not implemented for 'Bool'")
    loss = -(target * core.log_sigmoid(input) + (1 - target) * core.log_sigmoid(-input))
    if weight is not None:
        loss = loss * weight
    classes = input.size(input.dim() - 1)
    loss = loss.sum(dim=input.dim() - 1) / classes
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    return _reduced(loss, reduction)


@_in_float32
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1."""
    _check("cosine_embedding_loss", input1=input1, input2=input2, target=target)
    reduction = _reduction(size_average, reduce, reduction)
    if target.dim() not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dim() + 1 != input1.dim() or target.dim() + 1 != input2.dim():
        if target.dim() == 1:
            raise RuntimeError(
                "1D target tensor expects 2D input tensors, but found inputs with sizes "
                f"{list(input1.size())} and {list(input2.size())}."
            )
        raise RuntimeError(
            "0D target tensor expects 1D input tensors, but found inputs with sizes "
            f"{list(input1.size())} and {list(input2.size())}."
        )
    small = 1e-12
    cos = (input1 * input2).sum(-1) / (((input1 * input1).sum(-1) + small) * ((input2 * input2).sum(-1) + small)).sqrt()
    loss = core.where(target == 1, 1 - cos, 0) + core.where(target == -1, (cos - margin).clamp_min(0), 0)
    return _reduced(loss, reduction)


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension."""
    _check("pairwise_distance", x1=x1, x2=x2)
    dim = max(x1.dim(), x2.dim())
    return core.norm(x1 - x2 + eps, p, dim - 1 if dim else -1, keepdim)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along a dimension; the bounds are no part of the derivative."""
    _check("cosine_similarity", x1=x1, x2=x2)
    kind = core.result_type(x1, x2)
    if not kind.is_floating_point:
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {scalar_name(kind)}")
    x1, x2 = broadcast_tensors(x1.to(kind), x2.to(kind))
    parts = []
    for x in (x1, x2):
        length = core.norm(x, 2, dim, True).clone()  # the norm's derivative needs the norm as it was
        with _no_grad():
            length.clamp_(min=eps)
        parts.append(x / length)
    return (parts[0] * parts[1]).sum(dim)


def normalize(
    input: Tensor, p: float = 2.0, dim: int | tuple[int, ...] = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """input / max(|input|_p, eps) along a dimension."""
    length = core.norm(input, p, dim, True).clamp_min(eps).expand_as(input)
    return input / length if out is None else core.div(input, length, out=out)


@_in_float32
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin); `swap`: the negative may be nearer to the positive."""
    _check("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    reduction = _reduction(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, "
            f"but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = core.minimum(far, pairwise_distance(positive, negative, p, eps))
    return _reduced((margin + near - far).clamp_min(0), reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Any = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """triplet_margin_loss with any distance, pairwise_distance where none is given."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, "
            f"but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    distance = distance_function or pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = core.minimum(far, distance(positive, negative))
    return _reduced((margin + near - far).clamp_min(0), reduction)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log of the probability of label sequences under class probabilities, summed over all alignments.

    log_probs [T, N, C] (or [T, C]) are logarithms of probabilities that sum to 1, which the gradient takes for granted;
    targets [N, S], or all labels one after another. "mean" divides each loss by the number of its labels first.
    From Graves et al., "Connectionist Temporal Classification", 2006.
    """
    _check("ctc_loss", log_probs=log_probs, targets=targets)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    batched = log_probs.dim() == 3
    if not batched:
        log_probs = log_probs.unsqueeze(1)
    loss = core._ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity)[0]
    if zero_infinity:
        loss = core.where(loss == float("inf"), 0.0, loss)
    if reduction == "sum":
        return loss.sum()
    if reduction == "mean":
        lengths = target_lengths if isinstance(target_lengths, Tensor) else core.tensor(target_lengths)
        return (loss / lengths.clamp_min(1).to(loss.dtype)).mean()
    return loss if batched else loss.squeeze(0)


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """cross_entropy(linear(input, linear_weight, linear_bias), target, …): input [N, E] or [E], linear_weight [C, *, E].

    `options`, which set how much memory PyTorch spends on it, change nothing here: all scores are held at once.
    """
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    if linear_weight.dim() < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}")
    if input.shape[-1] != linear_weight.shape[-1]:
        raise RuntimeError(
            "expected equal input and linear_weight last dimensions (in_features), got "
            f"{input.shape[-1]} and {linear_weight.shape[-1]}, respectively"
        )
    classes = linear_weight.shape[:-1]
    if len(classes) > 1 and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {input.shape[-1]}), got unbatched input with shape {tuple(input.shape)}"
        )
    if linear_bias is not None and linear_bias.shape != classes:
        raise RuntimeError(f"expected linear_bias shape {tuple(classes)}, got {tuple(linear_bias.shape)}")
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    scores = core.linear(input, linear_weight if len(classes) == 1 else linear_weight.flatten(0, -2), bias)
    if len(classes) > 1:
        scores = scores.unflatten(-1, tuple(classes))
    return core.cross_entropy(
        scores,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


core._internal(globals())

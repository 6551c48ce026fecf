"""The losses that the main namespace has besides nn.functional, where a reduction is a number: 0 none, 1 mean, 2 sum."""

from __future__ import annotations

from ..nn import _losses as losses
from . import FUNCTION, operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._core import Tensor


def _word(reduction: int) -> str:
    return {1: "mean", 2: "sum"}.get(reduction, "none")


@operator(where=FUNCTION)
def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 0,
    zero_infinity: bool = False,
) -> Tensor:
    """nn.functional.ctc_loss."""
    return losses.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, _word(reduction), zero_infinity)


@operator(where=FUNCTION)
def kl_div(input: Tensor, target: Tensor, reduction: int = 0, *, log_target: bool = False) -> Tensor:
    """nn.functional.kl_div."""
    return losses.kl_div(input, target, reduction=_word(reduction), log_target=log_target)


@operator(where=FUNCTION)
def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int) -> Tensor:
    """nn.functional.poisson_nll_loss."""
    return losses.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=_word(reduction))


@operator(where=FUNCTION)
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 0) -> Tensor:
    """nn.functional.hinge_embedding_loss."""
    return losses.hinge_embedding_loss(input, target, margin, reduction=_word(reduction))


@operator(where=FUNCTION)
def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """nn.functional.margin_ranking_loss."""
    return losses.margin_ranking_loss(input1, input2, target, margin, reduction=_word(reduction))


@operator(where=FUNCTION)
def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 0
) -> Tensor:
    """nn.functional.cosine_embedding_loss."""
    return losses.cosine_embedding_loss(input1, input2, target, margin, reduction=_word(reduction))


@operator(where=FUNCTION)
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 0,
) -> Tensor:
    """nn.functional.triplet_margin_loss."""
    return losses.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=_word(reduction))


@operator(where=FUNCTION)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """nn.functional.cosine_similarity."""
    return losses.cosine_similarity(x1, x2, dim, eps)


@operator(where=FUNCTION)
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """nn.functional.pairwise_distance."""
    return losses.pairwise_distance(x1, x2, p, eps, keepdim)

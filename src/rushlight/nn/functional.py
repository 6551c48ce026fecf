"""Activations and losses as functions."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import (
    Tensor,
    celu,
    dropout,
    elu,
    gelu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softshrink,
    tanh,
    threshold,
)
from .._missing import missing

__all__ = [
    "celu",
    "cross_entropy",
    "dropout",
    "elu",
    "gelu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mish",
    "mse_loss",
    "nll_loss",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softshrink",
    "tanh",
    "threshold",
]

logsigmoid = log_sigmoid


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(f"{reduction} is not a valid value for reduction")


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """The squared differences (input - target)^2, reduced by 'mean', 'sum' or 'none'."""
    return _reduced((input - target) ** 2, reduction)


def nll_loss(input: Tensor, target: Tensor, *, ignore_index: int = -100, reduction: str = "mean") -> Tensor:
    """-input[n, target[n]] for log-probabilities [N, C] (or [C]); targets equal to `ignore_index` do not count."""
    if input.dim() == 1:
        input, target = input.unsqueeze(0), target.reshape(1)
        if reduction == "none":
            return nll_loss(input, target, ignore_index=ignore_index, reduction="none").squeeze(0)
    keep = target != ignore_index
    chosen = -input.gather(1, target.masked_fill(keep.logical_not(), 0).unsqueeze(1)).squeeze(1)
    chosen = _core.where(keep, chosen, _core.zeros_like(chosen))
    if reduction == "mean":
        return chosen.sum() / keep.sum()
    return _reduced(chosen, reduction)


def cross_entropy(input: Tensor, target: Tensor, *, ignore_index: int = -100, reduction: str = "mean") -> Tensor:
    """nll_loss of log_softmax(input): class scores [N, C] (or [C]) against class numbers [N] (or none)."""
    if target.is_floating_point():
        loss = -(log_softmax(input, -1) * target).sum(-1)
        return _reduced(loss, reduction)
    return nll_loss(log_softmax(input, -1), target, ignore_index=ignore_index, reduction=reduction)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input @ weight.T + bias."""
    out = input @ weight.t()
    return out if bias is None else out + bias


def __getattr__(name: str) -> Any:
    raise AttributeError(missing(f"nn.functional.{name}"))

"""Activations as functions: those with `inplace=`, which the core has as two operators, and those with random numbers."""

from __future__ import annotations

from .. import _core as core
from .._core import (
    Tensor,
    celu_,
    elu_,
    glu,
    hardtanh_,
    leaky_relu_,
    prelu,
    relu_,
    rrelu_,
    selu_,
    threshold_,
)
from .._types import contiguous_format

__all__ = [
    "celu_",
    "elu_",
    "glu",
    "gumbel_softmax",
    "hardsigmoid",
    "hardswish",
    "hardtanh_",
    "leaky_relu_",
    "mish",
    "prelu",
    "relu",
    "relu_",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "silu",
    "threshold_",
]


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(0, input)."""
    return core.relu_(input) if inplace else core.relu(input)


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """scale * elu(input, alpha) with the two numbers that keep mean 0 and variance 1."""
    return core.selu_(input) if inplace else core.selu(input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input * sigmoid(input)."""
    return core.silu_(input) if inplace else core.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * tanh(softplus(input))."""
    return core.mish_(input) if inplace else core.mish(input)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input * min(max(0, input + 3), 6) / 6."""
    return core.hardswish_(input) if inplace else core.hardswish(input)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(0, input + 3), 6) / 6."""
    return core.hardsigmoid_(input) if inplace else core.hardsigmoid(input)


def rrelu(
    input: Tensor, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """input where it is positive, else times a slope: drawn from [lower, upper) in training, their mean otherwise."""
    function = core.rrelu_ if inplace else core.rrelu
    return function(input, lower, upper, training)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of a categorical distribution, relaxed: softmax((logits + g) / tau) with g of Gumbel's distribution.

    `hard`: the result is one-hot, the gradient that of the relaxed sample. `eps` has no effect any more. From Jang et al.,
    "Categorical Reparameterization with Gumbel-Softmax", 2017.
    """
    if eps != 1e-10:
        import warnings

        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -core.empty_like(logits, memory_format=contiguous_format).exponential_().log()
    soft = core.softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    place = soft.max(dim, keepdim=True)[1]
    one_hot = core.zeros_like(logits, memory_format=contiguous_format).scatter_(dim, place, 1.0)
    return one_hot - soft.detach() + soft


core._internal(globals())

"""Derivatives: `backward` and `grad`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _core
from .._core import Tensor, enable_grad, inference_mode, no_grad, set_grad_enabled
from .._missing import missing
from . import function as function
from .function import Function

__all__ = ["Function", "Variable", "backward", "enable_grad", "grad", "inference_mode", "no_grad", "set_grad_enabled"]

Variable = Tensor


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds to `.grad` of the leaves the gradients of the sum of ``tensors[i] . grad_tensors[i]``.

    A scalar tensor's cotangent may be left out (None); it is 1. `inputs` limits the leaves.
    """
    _core._autograd_backward(tensors, grad_tensors, retain_graph, create_graph, inputs)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of the sum of ``outputs[i] . grad_outputs[i]`` with respect to `inputs`, as a tuple."""
    if is_grads_batched:
        raise NotImplementedError(missing("autograd.grad(is_grads_batched=True)"))
    return _core._autograd_grad(
        outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads
    )


def __getattr__(name: str) -> Any:
    raise AttributeError(missing(f"autograd.{name}"))

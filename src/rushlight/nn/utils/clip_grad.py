"""Gradients kept within bounds."""

from __future__ import annotations

from collections.abc import Iterable

from ... import _core
from ..._core import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _list(tensors: Tensor | Iterable[Tensor]) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors together, as if they were one vector."""
    kept = _list(tensors)
    norm_type = float(norm_type)
    if not kept:
        return _core.tensor(0.0)
    with _core.no_grad():
        total = _core.norm(_core.stack([_core.norm(t, norm_type) for t in kept]), norm_type)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from "
            "`parameters` is non-finite, so it cannot be clipped. To disable "
            "this error and scale the gradients by the non-finite norm anyway, "
            "set `error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scales the gradients by max_norm / (total_norm + 1e-6) where that is below 1."""
    grads = [p.grad for p in _list(parameters) if p.grad is not None]
    if not grads:
        return
    with _core.no_grad():
        scale = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for g in grads:
            g.mul_(scale)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales the gradients so that their norm together is at most max_norm; gives the norm before."""
    kept = _list(parameters)
    if not kept and not isinstance(parameters, (Tensor, list, tuple)):
        import warnings

        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.",
            stacklevel=2,
        )
    total = get_total_norm([p.grad for p in kept if p.grad is not None], norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(kept, max_norm, total, foreach)
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Keeps each element of the gradients within ±clip_value."""
    bound = float(clip_value)
    with _core.no_grad():
        for p in _list(parameters):
            if p.grad is not None:
                p.grad.clamp_(min=-bound, max=bound)


_core._internal(globals())

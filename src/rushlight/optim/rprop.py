"""Resilient backpropagation."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor
from .optimizer import ParamsT, _check_lr, _Elementwise, _to_scalar

__all__ = ["Rprop"]


class Rprop(_Elementwise):
    """Steps of a length of each element's own, which grows while the gradient keeps its sign and shrinks when it turns."""

    _LATER = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}
    _SPARSE = "Rprop does not support sparse gradients"

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _start(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        lr = _to_scalar(group["lr"])
        state["step"] = self._counter(group)
        state["prev"] = _core.zeros_like(p)
        start = complex(lr, lr) if p.is_complex() else float(lr)
        state["step_size"] = _core.full_like(p.detach(), start)

    def _single(self, group: dict[str, Any], p: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        shrink, grow = group["etas"]
        before, size = state["prev"], state["step_size"]
        state["step"] += 1
        turned = grad.mul(before.clone() if group["differentiable"] else before).sign()
        factor = _core.ones_like(turned).masked_fill_(turned > 0, grow).masked_fill_(turned < 0, shrink)
        size.mul_(factor).clamp_(*group["step_sizes"])
        # Where the sign has turned this step waits.
        grad = grad.masked_fill(turned < 0, 0)
        p.addcmul_(grad.sign(), size, value=-1)
        before.copy_(grad)

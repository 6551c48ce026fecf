"""Adadelta."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor, _optim_step
from .optimizer import ADADELTA as KERNEL
from .optimizer import ParamsT, _check, _check_lr, _decay_flags, _Elementwise, _to_scalar

__all__ = ["Adadelta"]

_NAMES = ("step", "", "square_avg", "acc_delta")


class Adadelta(_Elementwise):
    """p = p - lr d with d = sqrt(mean of d^2 + eps) / sqrt(mean of g^2 + eps) g, means running with rho."""

    _LATER = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}
    _DEVICES = ["cuda", "xpu", "hpu", "privateuseone"]
    _SPARSE = "Adadelta does not support sparse gradients"

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check(0.0 <= rho <= 1.0, "rho value", rho)
        _check(0.0 <= eps, "epsilon value", eps)
        _check(0.0 <= weight_decay, "weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": capturable,
                "foreach": foreach,
                "differentiable": differentiable,
            },
        )

    def _start(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["step"] = self._counter(group)
        state["square_avg"] = _core.zeros_like(p)
        state["acc_delta"] = _core.zeros_like(p)

    def _whole(self, group: dict[str, Any]) -> Any:
        decay = group["weight_decay"]
        flags, _ = _decay_flags(group)
        options = (decay, group["rho"], group["eps"], group["lr"])
        return _optim_step(KERNEL, group["params"], self.state, _NAMES, options, flags)

    def _single(self, group: dict[str, Any], p: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        rho, eps = group["rho"], group["eps"]
        square, changes = state["square_avg"], state["acc_delta"]
        state["step"] += 1
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        square.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        change = changes.add(eps).sqrt().div(square.add(eps).sqrt()).mul(grad)
        changes.mul_(rho).addcmul_(change, change, value=1 - rho)
        p.add_(change, alpha=-_to_scalar(group["lr"]))

"""Rectified Adam."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor, _optim_step
from .optimizer import RADAM as KERNEL
from .optimizer import ParamsT, _check_moments, _decay_flags, _Elementwise, _to_scalar

__all__ = ["RAdam"]

_NAMES = ("step", "", "exp_avg", "exp_avg_sq")


class RAdam(_Elementwise):
    """Adam that divides by the second moment, rectified, only once its variance can be told (rho_t > 5)."""

    _LATER = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }
    _SPARSE = "RAdam does not support sparse gradients"

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_moments(lr, betas, eps, weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": differentiable,
            },
        )

    def _start(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["step"] = self._counter(group)
        state["exp_avg"] = _core.zeros_like(p)
        state["exp_avg_sq"] = _core.zeros_like(p)

    def _whole(self, group: dict[str, Any]) -> Any:
        decay = group["weight_decay"]
        beta1, beta2 = group["betas"]
        flags, decoupled = _decay_flags(group)
        options = (decay, beta1, beta2, group["eps"], group["lr"], decoupled)
        return _optim_step(KERNEL, group["params"], self.state, _NAMES, options, flags)

    def _single(self, group: dict[str, Any], p: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        lr, decay = _to_scalar(group["lr"]), group["weight_decay"]
        beta1, beta2 = group["betas"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        state["step"] += 1
        step = state["step"].item()
        if decay != 0:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            else:
                grad = grad.add(p, alpha=decay)
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        second = 1 - beta2**step
        change = mean / (1 - beta1**step) * lr
        limit = 2 / (1 - beta2) - 1
        length = limit - 2 * step * beta2**step / second
        if length > 5.0:
            rectified = ((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)) ** 0.5
            change = change * (second**0.5 / square.sqrt().add(group["eps"])) * rectified
        p.add_(change, alpha=-1.0)

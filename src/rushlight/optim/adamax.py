"""Adam with the infinity norm."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor, _optim_step
from .optimizer import ADAMAX as KERNEL
from .optimizer import ParamsT, _check_moments, _decay_flags, _Elementwise, _to_scalar

__all__ = ["Adamax"]

_NAMES = ("step", "", "exp_avg", "exp_inf")


class Adamax(_Elementwise):
    """p = p - lr m' / u with u = max(beta2 u, |g| + eps)."""

    _LATER = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}
    _SPARSE = "Adamax does not support sparse gradients"

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _check_moments(lr, betas, eps, weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def _start(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["step"] = self._counter(group)
        state["exp_avg"] = _core.zeros_like(p)
        state["exp_inf"] = _core.zeros_like(p)

    def _whole(self, group: dict[str, Any]) -> Any:
        decay = group["weight_decay"]
        beta1, beta2 = group["betas"]
        flags, _ = _decay_flags(group)
        options = (decay, beta1, beta2, group["eps"], group["lr"])
        return _optim_step(KERNEL, group["params"], self.state, _NAMES, options, flags)

    def _single(self, group: dict[str, Any], p: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        lr = _to_scalar(group["lr"])
        beta1, beta2 = group["betas"]
        mean, greatest = state["exp_avg"], state["exp_inf"]
        state["step"] += 1
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        mean.lerp_(grad, 1 - beta1)
        faded, now = greatest.mul_(beta2), grad.abs().add_(group["eps"])
        greatest.copy_(_core.maximum(faded.clone() if group["differentiable"] else faded, now))
        p.addcdiv_(mean, greatest, value=-(lr / (1 - beta1 ** state["step"].item())))

"""RMSprop."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor, _optim_step
from .optimizer import EXTRA, MOMENTUM, ParamsT, _check, _check_lr, _decay_flags, _Elementwise, _to_scalar
from .optimizer import RMSPROP as KERNEL

__all__ = ["RMSprop"]


class RMSprop(_Elementwise):
    """p = p - lr g / (sqrt(v) + eps), v the running mean of g^2; centered: less the squared mean of g."""

    _LATER = {
        "momentum": 0,
        "centered": False,
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }
    _SPARSE = "RMSprop does not support sparse gradients"

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check(0.0 <= eps, "epsilon value", eps)
        _check(0.0 <= momentum, "momentum value", momentum)
        _check(0.0 <= weight_decay, "weight_decay value", weight_decay)
        _check(0.0 <= alpha, "alpha value", alpha)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": capturable,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
            },
        )

    def _start(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["step"] = self._counter(group)
        state["square_avg"] = _core.zeros_like(p)
        if group["momentum"] > 0:
            state["momentum_buffer"] = _core.zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = _core.zeros_like(p)

    def _whole(self, group: dict[str, Any]) -> Any:
        decay = group["weight_decay"]
        flags, _ = _decay_flags(group)
        names: tuple[str, ...] = ("step", "", "square_avg")
        if group["centered"]:
            flags |= EXTRA
            names = (*names, "grad_avg")
        if group["momentum"] > 0:
            flags |= MOMENTUM
            names = (*names, "momentum_buffer")
        options = (decay, group["alpha"], group["eps"], group["lr"], group["momentum"])
        return _optim_step(KERNEL, group["params"], self.state, names, options, flags)

    def _single(self, group: dict[str, Any], p: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        lr, alpha = _to_scalar(group["lr"]), group["alpha"]
        square = state["square_avg"]
        state["step"] += 1
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            mean = state["grad_avg"].lerp_(grad, 1 - alpha)
            square = square.addcmul(mean, mean, value=-1)
        root = square.sqrt().add(group["eps"])
        if group["momentum"] > 0:
            p.add_(state["momentum_buffer"].mul_(group["momentum"]).addcdiv_(grad, root), alpha=-lr)
        else:
            p.addcdiv_(grad, root, value=-lr)

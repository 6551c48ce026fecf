"""Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor, _optim_step
from .optimizer import NADAM as KERNEL
from .optimizer import (
    ParamsT,
    _check,
    _check_moments,
    _decay_flags,
    _Elementwise,
    _get_scalar_dtype,
    _to_scalar,
)

__all__ = ["NAdam"]

_NAMES = ("step", "mu_product", "exp_avg", "exp_avg_sq")


class NAdam(_Elementwise):
    """Adam whose mean looks one step ahead: mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2) weighs gradient and mean."""

    _LATER = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "capturable": False,
    }
    _CAPTURED = "params, mu_products and state_steps"
    _SPARSE = "NAdam does not support sparse gradients"

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        _check_moments(lr, betas, eps, weight_decay)
        _check(0.0 <= momentum_decay, "momentum_decay value", momentum_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
            },
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for own in self.state.values():
            if own and not isinstance(own["mu_product"], Tensor):
                own["mu_product"] = _core.tensor(own["mu_product"], dtype=_get_scalar_dtype())

    def _start(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["step"] = self._counter(group)
        state["mu_product"] = _core.ones((), dtype=_get_scalar_dtype())
        state["exp_avg"] = _core.zeros_like(p)
        state["exp_avg_sq"] = _core.zeros_like(p)

    def _whole(self, group: dict[str, Any]) -> Any:
        decay = group["weight_decay"]
        beta1, beta2 = group["betas"]
        flags, decoupled = _decay_flags(group)
        options = (decay, beta1, beta2, group["eps"], group["lr"], decoupled, group["momentum_decay"])
        return _optim_step(KERNEL, group["params"], self.state, _NAMES, options, flags)

    def _single(self, group: dict[str, Any], p: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        lr, decay, eps = _to_scalar(group["lr"]), group["weight_decay"], group["eps"]
        beta1, beta2 = group["betas"]
        mean, square, product = state["exp_avg"], state["exp_avg_sq"], state["mu_product"]
        state["step"] += 1
        step = state["step"].item()
        if decay != 0:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            else:
                grad = grad.add(p, alpha=decay)
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * group["momentum_decay"]))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * group["momentum_decay"]))
        product *= mu
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = square.div(1 - beta2**step).sqrt()
        if group["differentiable"]:
            root = root.add(eps)
            p.addcdiv_(grad * (-lr * (1.0 - mu) / (1.0 - product)), root)
            p.addcdiv_(mean * (-lr * mu_next / (1.0 - product * mu_next)), root)
        else:
            root.add_(eps)
            all_mu = product.item()
            p.addcdiv_(grad, root, value=-lr * (1.0 - mu) / (1.0 - all_mu))
            p.addcdiv_(mean, root, value=-lr * mu_next / (1.0 - all_mu * mu_next))

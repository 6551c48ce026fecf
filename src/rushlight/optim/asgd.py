"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor
from .optimizer import ParamsT, _check, _check_lr, _Elementwise, _get_scalar_dtype, _to_scalar

__all__ = ["ASGD"]


class ASGD(_Elementwise):
    """Gradient descent with a shrinking step; the state's "ax" is the mean of the parameter from step t0 on."""

    _LATER = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}
    _CAPTURED = "params, mus, etas, and state_steps"
    _SPARSE = "ASGD does not support sparse gradients"

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        _check_lr(lr)
        _check(0.0 <= weight_decay, "weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "capturable": capturable,
            },
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for own in self.state.values():
            for name in ("eta", "mu"):
                if own and not isinstance(own[name], Tensor):
                    own[name] = _core.tensor(own[name], dtype=_get_scalar_dtype())

    def _start(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        dtype = _get_scalar_dtype()
        state["step"] = self._counter(group)
        state["eta"] = _core.tensor(float(_to_scalar(group["lr"])), dtype=dtype)
        state["mu"] = _core.ones((), dtype=dtype)
        state["ax"] = _core.zeros_like(p)

    def _single(self, group: dict[str, Any], p: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        lr, lambd = _to_scalar(group["lr"]), group["lambd"]
        mean, mu = state["ax"], state["mu"]
        state["step"] += 1
        step, eta = state["step"].item(), state["eta"].item()
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        p.mul_(1 - lambd * eta)
        p.add_(grad, alpha=-eta)
        if mu.item() != 1:
            mean.add_(p.sub(mean).mul_(mu))
        else:
            mean.copy_(p)
        state["eta"].copy_(_core.as_tensor(lr / (1 + lambd * lr * step) ** group["alpha"]))
        mu.copy_(_core.as_tensor(1 / max(1, step - group["t0"])))

"""Adagrad."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor, _optim_step
from .optimizer import ADAGRAD as KERNEL
from .optimizer import ParamsT, _check, _check_lr, _decay_flags, _Elementwise, _to_scalar

__all__ = ["Adagrad"]

_NAMES = ("step", "", "sum")


class Adagrad(_Elementwise):
    """p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(sum of all g^2) + eps)."""

    _LATER = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        _check_lr(lr)
        _check(0.0 <= lr_decay, "lr_decay value", lr_decay)
        _check(0.0 <= weight_decay, "weight_decay value", weight_decay)
        _check(0.0 <= initial_accumulator_value, "initial_accumulator_value value", initial_accumulator_value)
        _check(0.0 <= eps, "epsilon value", eps)
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": foreach,
                "maximize": maximize,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        self._choose(fused, foreach, differentiable)
        for group in self.param_groups:
            for p in group["params"]:
                self._start(group, p, self.state[p])

    def share_memory(self) -> None:
        """Puts the sums where other processes see them; it is there for programs that call it before a fork."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _start(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["step"] = self._counter(group)
        start = self.defaults["initial_accumulator_value"]
        state["sum"] = _core.full_like(p, complex(start, start) if p.is_complex() else start)

    def _whole(self, group: dict[str, Any]) -> Any:
        decay = group["weight_decay"]
        flags, _ = _decay_flags(group)
        options = (decay, group["eps"], group["lr"], group["lr_decay"])
        return _optim_step(KERNEL, group["params"], self.state, _NAMES, options, flags)

    def _single(self, group: dict[str, Any], p: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        state["step"] += 1
        if group["weight_decay"] != 0:
            grad = grad.add(p, alpha=group["weight_decay"])
        lr = _to_scalar(group["lr"]) / (1 + (state["step"].item() - 1) * group["lr_decay"])
        total = state["sum"].addcmul_(grad, grad, value=1)
        p.addcdiv_(grad, total.sqrt().add(group["eps"]), value=-lr)

"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from .._core import Tensor, _optim_step
from .optimizer import MOMENTUM, NESTEROV, ParamsT, _decay_flags, _Elementwise, _to_scalar
from .optimizer import SGD as KERNEL

__all__ = ["SGD"]

_PLAIN: tuple[str, ...] = ("", "")
_WITH_MOMENTUM = ("", "", "momentum_buffer")


class SGD(_Elementwise):
    """b = momentum b + (1 - dampening) g, p = p - lr b, with g + weight_decay p as g; Nesterov's form takes g + momentum b."""

    _LATER = {"nesterov": False, "maximize": False, "foreach": None, "differentiable": False, "fused": False}

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )
        self._choose(fused, foreach, differentiable)

    def _start(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        """Nothing: the first gradient is the first momentum."""

    def _whole(self, group: dict[str, Any]) -> Any:
        momentum, decay = group["momentum"], group["weight_decay"]
        flags, _ = _decay_flags(group)
        names = _PLAIN
        if momentum != 0:
            names = _WITH_MOMENTUM
            flags |= MOMENTUM | NESTEROV if group["nesterov"] else MOMENTUM
        options = (decay, momentum, group["dampening"], group["lr"])
        return _optim_step(KERNEL, group["params"], self.state, names, options, flags)

    def _own_state(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        return self.state[p] if group["momentum"] != 0 else {}

    def _single(self, group: dict[str, Any], p: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        decay, momentum, lr = group["weight_decay"], group["momentum"], _to_scalar(group["lr"])
        if decay != 0:
            if isinstance(decay, Tensor) and decay.requires_grad:
                grad = grad.addcmul(p.clone(), decay)
            else:
                grad = grad.add(p, alpha=decay)
        if momentum != 0:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = state["momentum_buffer"] = grad.detach().clone()
            else:
                buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(buffer, alpha=momentum) if group["nesterov"] else buffer
        if isinstance(lr, Tensor) and lr.requires_grad:
            p.addcmul_(grad, lr, value=-1)
        else:
            p.add_(grad, alpha=-lr)

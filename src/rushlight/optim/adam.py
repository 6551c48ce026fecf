"""Adam."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor, _optim_step
from .optimizer import ADAM, EXTRA, ParamsT, _check_moments, _decay_flags, _Elementwise, _to_scalar

__all__ = ["Adam"]

_NAMES: tuple[str, ...] = ("step", "", "exp_avg", "exp_avg_sq")
_NAMES_AMSGRAD = (*_NAMES, "max_exp_avg_sq")


class Adam(_Elementwise):
    """m and v are running means of g and g^2; p = p - lr m' / (sqrt(v') + eps) with both corrected for their start at 0.

    amsgrad: with the greatest v so far; decoupled_weight_decay: p shrinks by lr weight_decay, g stays as it is (AdamW).
    """

    _LATER = {
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "decoupled_weight_decay": False,
        "fused": None,
    }
    _SPARSE = "Adam does not support sparse gradients, please consider SparseAdam instead"

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        _check_moments(lr, betas, eps, weight_decay)
        tensors = [isinstance(b, Tensor) for b in betas]
        if any(tensors) and not all(tensors) or not all(isinstance(b, (float, Tensor)) for b in betas):
            raise ValueError("betas must be either both floats or both Tensors")
        for i, beta in enumerate(betas):
            if isinstance(beta, Tensor):
                if foreach and not capturable:
                    raise ValueError(f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True")
                if beta.numel() != 1:
                    raise ValueError(f"Tensor betas[{i}] must be 1-element")
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": tuple(map(_to_scalar, betas)),
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )
        self._choose(fused, foreach, differentiable)

    def _start(self, group: dict[str, Any], p: Tensor, state: dict[str, Any]) -> None:
        state["step"] = self._counter(group)
        state["exp_avg"] = _core.zeros_like(p)
        state["exp_avg_sq"] = _core.zeros_like(p)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = _core.zeros_like(p)

    def _whole(self, group: dict[str, Any]) -> Any:
        decay = group["weight_decay"]
        beta1, beta2 = group["betas"]
        flags, decoupled = _decay_flags(group)
        names = _NAMES
        if group["amsgrad"]:
            flags |= EXTRA
            names = _NAMES_AMSGRAD
        options = (decay, beta1, beta2, group["eps"], group["lr"], decoupled)
        return _optim_step(ADAM, group["params"], self.state, names, options, flags)

    def _single(self, group: dict[str, Any], p: Tensor, grad: Tensor, state: dict[str, Any]) -> None:
        lr, decay, differentiable = _to_scalar(group["lr"]), group["weight_decay"], group["differentiable"]
        beta1, beta2 = map(_to_scalar, group["betas"])
        mean, square, step = state["exp_avg"], state["exp_avg_sq"], state["step"]
        if differentiable and step.requires_grad:
            raise RuntimeError("`requires_grad` is not supported for `step` in differentiable mode")
        step += 1
        if decay != 0:
            if group["decoupled_weight_decay"]:
                p.mul_(1 - lr * decay)
            elif isinstance(decay, Tensor) and decay.requires_grad:
                grad = grad.addcmul(p.clone(), decay)
            else:
                grad = grad.add(p, alpha=decay)
        mean.lerp_(grad, 1 - beta1)
        if isinstance(beta2, Tensor) and beta2.requires_grad:
            square.lerp_(grad.square(), 1 - beta2)
        else:
            square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        if differentiable:
            # With the step as a tensor, which later steps change in place.
            count = step.clone()
            size = -(lr / (1 - beta1**count))
            root = (1 - beta2**count).sqrt()
            if group["amsgrad"]:
                greatest = state["max_exp_avg_sq"]
                greatest.copy_(_core.maximum(greatest.clone(), square))
                square = greatest
            p.addcdiv_(mean.clone(), (square.sqrt() / (root * size)).add_(group["eps"] / size))
            return
        count = step.item()
        size = lr / (1 - beta1**count)
        root = (1 - beta2**count) ** 0.5
        if group["amsgrad"]:
            greatest = state["max_exp_avg_sq"]
            square = greatest.copy_(_core.maximum(greatest, square))
        p.addcdiv_(mean, (square.sqrt() / root).add_(group["eps"]), value=-size)

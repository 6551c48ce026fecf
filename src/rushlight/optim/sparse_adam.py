"""Adam for sparse gradients."""

from __future__ import annotations

from typing import Any

from .._core import Tensor, enable_grad, no_grad
from .optimizer import Optimizer, ParamsT, _check, _check_betas

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam that changes only what a sparse gradient names. Dense gradients are refused, as in PyTorch."""

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        _check(0.0 < lr, "learning rate", lr)
        _check(0.0 < eps, "epsilon value", eps)
        _check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        complex_params = [
            [i, k] for i, group in enumerate(self.param_groups) for k, p in enumerate(group["params"]) if p.is_complex()
        ]
        if complex_params:
            raise ValueError(
                f"Complex params at indices {complex_params}: SparseAdam does not support complex parameters"
            )

    @no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step. `closure` computes the loss again and gives it."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        # There are no sparse tensors, so that every gradient is a dense one.
        if any(p.grad is not None for group in self.param_groups for p in group["params"]):
            raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
        return loss

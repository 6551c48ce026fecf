"""Averages of a model's weights over a training: equal weights (SWA) or exponentially falling ones (EMA)."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

from .. import _core
from .._core import Tensor
from ..nn.modules.module import Module
from .lr_scheduler import LRScheduler, _warn_get_lr_called_within_step
from .optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]

AverageFunction = Callable[[Tensor, Tensor, Any], Tensor]
AverageLists = Callable[[Any, Any, Any], None]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_avg_fn(decay: float = 0.999) -> AverageFunction:
    """A function (average, current, count) that gives decay * average + (1 - decay) * current."""
    _check_decay(decay)

    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with _core.no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> AverageFunction:
    """A function (average, current, count) that gives average + (current - average) / (count + 1)."""

    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        with _core.no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> AverageLists:
    """The same as `get_ema_avg_fn` for lists of tensors, in place."""
    _check_decay(decay)

    def ema_update(ema_param_list: Any, current_param_list: Any, _: Any) -> None:
        with _core.no_grad():
            for ema, current in zip(ema_param_list, current_param_list, strict=True):
                if ema.is_floating_point() or ema.is_complex():
                    ema.lerp_(current, 1 - decay)
                else:
                    ema.copy_(ema * decay + current * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> AverageLists:
    """The same as `get_swa_avg_fn` for lists of tensors, in place."""

    def swa_update(averaged_param_list: Any, current_param_list: Any, num_averaged: Any) -> None:
        weight = 1 / (num_averaged + 1)
        with _core.no_grad():
            for averaged, current in zip(averaged_param_list, current_param_list, strict=True):
                if averaged.is_floating_point() or averaged.is_complex():
                    averaged.lerp_(current, weight)
                else:
                    averaged.add_(((current - averaged) * weight).to(averaged.dtype))

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of those that `update_parameters` has seen.

    Args:
        model: the model; it is copied.
        device: where the copy is to be.
        avg_fn: (average, current, count so far) to the new average; default: equal weights.
        multi_avg_fn: the same for lists, in place; instead of `avg_fn`.
        use_buffers: average the buffers too; else they are copied from the model at each update.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: AverageFunction | None = None,
        multi_avg_fn: AverageLists | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", _core.tensor(0, dtype=_core.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Takes the model's present parameters into the averages; the first time they are copied."""

        def averaged(m: Module) -> Iterable[Tensor]:
            return itertools.chain(m.parameters(), m.buffers()) if self.use_buffers else m.parameters()

        own = [p.detach() for p in averaged(self.module)]
        current = [p.detach().to(o.device) for p, o in zip(averaged(model), own, strict=False)]
        if self.n_averaged == 0:
            for o, p in zip(own, current, strict=True):
                o.copy_(p)
        elif self.avg_fn is not None:
            for o, p in zip(own, current, strict=True):
                o.copy_(self.avg_fn(o, p, self.n_averaged.to(o.device)))
        else:
            (self.multi_avg_fn or get_swa_multi_avg_fn())(own, current, self.n_averaged)
        if not self.use_buffers:
            for b, m in zip(self.module.buffers(), model.buffers(), strict=False):
                b.detach().copy_(m.detach().to(b.device))
        self.n_averaged += 1


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Computes the running statistics of all batch normalisations anew, in one pass over the data of `loader`.

    A batch is a tensor, or a list or tuple that begins with one.
    """
    from ..nn.modules.batchnorm import _BatchNorm

    layers = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # equal weights
    training = model.training
    model.train()
    try:
        with _core.no_grad():
            for batch in loader:
                x = batch[0] if isinstance(batch, (list, tuple)) else batch
                model(x if device is None else x.to(device))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """From the group's lr to `swa_lr` within `anneal_epochs` epochs, along a cosine or a line; then constant."""

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        groups = optimizer.param_groups
        rates = list(swa_lr) if isinstance(swa_lr, (list, tuple)) else [swa_lr] * len(groups)
        if len(rates) != len(groups):
            raise ValueError(
                "swa_lr must have the same length as optimizer.param_groups. "
                f"swa_lr has {len(rates)} values, param_groups has {len(groups)}."
            )
        for group, rate in zip(groups, rates, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """How far the lr has gone to its end after `step` steps, between 0 and 1."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Any]:
        _warn_get_lr_called_within_step(self)
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            lr, end = group["lr"], group["swa_lr"]
            # The group's lr is already a mixture of the one at the start and the end.
            start = end if before == 1 else (lr - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates

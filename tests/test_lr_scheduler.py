"""Schedules of the learning rate against PyTorch: values, momenta, state dicts, errors."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from both import agree


def optimizer(library: Any, lr: Any = 0.1, kind: str = "SGD", groups: int = 2) -> Any:
    params = [{"params": [library.ones(2, requires_grad=True)], "lr": lr * (1 + i)} for i in range(groups)]
    options = {"momentum": 0.9} if kind == "SGD" else {}
    return getattr(library.optim, kind)(params, lr=lr, **options)


SCHEDULES: dict[str, Any] = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda e: 0.95**e),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda e: 0.95**e, lambda e: 1 / (e + 1)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda e: 0.9),
    "step": lambda s, o: s.StepLR(o, 3, gamma=0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 9], gamma=0.5),
    "constant": lambda s, o: s.ConstantLR(o, factor=0.25, total_iters=4),
    "linear": lambda s, o: s.LinearLR(o, start_factor=0.5, end_factor=0.9, total_iters=7),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, total_iters=8, power=1.5),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=5, eta_min=0.01),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2, eta_min=0.01),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.1, step_size_up=3, step_size_down=4),
    "cyclic2": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.1, 0.3], step_size_up=3, mode="triangular2"),
    "cyclic range": lambda s, o: s.CyclicLR(o, 0.01, 0.1, step_size_up=3, mode="exp_range", gamma=0.95),
    "one cycle": lambda s, o: s.OneCycleLR(o, [0.1, 0.2], total_steps=25),
    "one cycle of three": lambda s, o: s.OneCycleLR(
        o, 0.1, epochs=5, steps_per_epoch=5, three_phase=True, anneal_strategy="linear"
    ),
    "sequential": lambda s, o: s.SequentialLR(o, [s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9)], [4]),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 2), s.ExponentialLR(o, 0.9)], o),
}


def steps(o: Any, scheduler: Any, count: int) -> list[Any]:
    seen = []
    for _ in range(count):
        o.step()
        scheduler.step()
        seen.append([[g["lr"], g.get("momentum"), g.get("betas")] for g in o.param_groups])
    return [seen, scheduler.get_last_lr()]


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", list(SCHEDULES))
def test_values(name: str, kind: str) -> None:
    def scenario(library: Any) -> Any:
        o = optimizer(library, kind=kind)
        return steps(o, SCHEDULES[name](library.optim.lr_scheduler, o), 20)

    agree(scenario, tolerance=1e-12)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_state_dicts(name: str) -> None:
    def scenario(library: Any) -> Any:
        o = optimizer(library)
        scheduler = SCHEDULES[name](library.optim.lr_scheduler, o)
        steps(o, scheduler, 6)
        state = scheduler.state_dict()
        keys = sorted(state)  # PyTorch's loading takes some away
        other = optimizer(library)
        second = SCHEDULES[name](library.optim.lr_scheduler, other)
        second.load_state_dict(state)
        other.load_state_dict(o.state_dict())
        return keys, steps(other, second, 5), steps(o, scheduler, 5)

    agree(scenario, tolerance=1e-12)


@pytest.mark.parametrize(
    "name", ["step", "multistep", "constant", "linear", "exponential", "polynomial", "cosine", "restarts"]
)
def test_epochs_given(name: str) -> None:
    def scenario(library: Any) -> Any:
        o = optimizer(library)
        scheduler = SCHEDULES[name](library.optim.lr_scheduler, o)
        seen = []
        for epoch in (3, 1, 7, 12):
            scheduler.step(epoch)
            seen.append(scheduler.get_last_lr())
        return seen

    agree(scenario, tolerance=1e-12)


def test_tensor_learning_rates_are_filled() -> None:
    def scenario(library: Any) -> Any:
        o = optimizer(library, lr=library.tensor(0.1), kind="Adam", groups=1)
        lr = o.param_groups[0]["lr"]
        scheduler = library.optim.lr_scheduler.ExponentialLR(o, 0.5)
        o.step()
        scheduler.step()
        return lr, o.param_groups[0]["lr"] is lr, scheduler.get_last_lr()

    agree(scenario)


@pytest.mark.parametrize(
    "options",
    [{}, {"mode": "max"}, {"threshold_mode": "abs", "threshold": 0.3}, {"cooldown": 2, "min_lr": [0.02, 0.001]}],
)
def test_plateau(options: dict[str, Any]) -> None:
    def scenario(library: Any) -> Any:
        o = optimizer(library)
        scheduler = library.optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=1, **options)
        seen = []
        for metric in (5, 4, 4.5, 4.2, 4.4, 3, 3, 3, 3, 3, 2, library.tensor(2.5), 2, 2, 2):
            scheduler.step(metric)
            seen.append(list(scheduler.get_last_lr()))
        return seen, sorted(scheduler.state_dict())

    agree(scenario)


@pytest.mark.parametrize(
    "make",
    [
        lambda s, o: s.StepLR(3, 1),
        lambda s, o: s.StepLR(o, 1, last_epoch=3),
        lambda s, o: s.LambdaLR(o, [abs]),
        lambda s, o: s.MultiplicativeLR(o, 3),
        lambda s, o: s.ConstantLR(o, 2),
        lambda s, o: s.LinearLR(o, 0),
        lambda s, o: s.LinearLR(o, 0.5, 2),
        lambda s, o: s.SequentialLR(o, [], []),
        lambda s, o: s.SequentialLR(o, [s.ExponentialLR(o, 0.9)], [1]),
        lambda s, o: s.ChainedScheduler([s.ExponentialLR(o, 0.9), s.ReduceLROnPlateau(o)]),
        lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
        lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1]),
        lambda s, o: s.ReduceLROnPlateau(o, mode="up"),
        lambda s, o: s.CyclicLR(o, [0.1], 0.2),
        lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="x"),
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
        lambda s, o: s.OneCycleLR(o, 0.1),
        lambda s, o: s.OneCycleLR(o, 0.1, total_steps=10, pct_start=2),
        lambda s, o: steps(o, s.OneCycleLR(o, 0.1, total_steps=3), 5),
    ],
)
def test_errors(make: Any) -> None:
    agree(lambda library: make(library.optim.lr_scheduler, optimizer(library)) and None)


def test_wrong_order_warns() -> None:
    def scenario(library: Any) -> Any:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            o = optimizer(library)
            scheduler = library.optim.lr_scheduler.ExponentialLR(o, 0.5)
            scheduler.step()
            scheduler.get_lr()
        return [str(w.message) for w in seen]

    agree(scenario)

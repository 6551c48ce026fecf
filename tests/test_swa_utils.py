"""Averages of weights, against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

from both import agree


def model_of(lib: Any) -> Any:
    lib.manual_seed(0)
    return lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4), lib.nn.ReLU(), lib.nn.Linear(4, 2))


def trajectory(lib: Any, **options: Any) -> list[Any]:
    """What a model, its average and the learning rate are after some steps."""
    swa = lib.optim.swa_utils
    made = {name: make(swa) for name, make in options.items()}
    model = model_of(lib)
    average = swa.AveragedModel(model, **made)
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)
    scheduler = swa.SWALR(optimizer, swa_lr=0.02, anneal_epochs=4)
    x = lib.linspace(-1, 1, 24).reshape(8, 3)
    rates = []
    for _ in range(7):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
        average.update_parameters(model)
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    swa.update_bn([x, x * 2], average)
    values = {name: v.tolist() for name, v in average.state_dict().items()}
    return [rates, scheduler.state_dict(), average.training, [m.momentum for m in average.modules() if hasattr(m, "momentum")],
            list(values), [v for v in values.values()], average(x).tolist(), repr(average)]  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_buffers": lambda swa: True},
        {"avg_fn": lambda swa: swa.get_ema_avg_fn(0.9)},
        {"avg_fn": lambda swa: swa.get_swa_avg_fn()},
        {"multi_avg_fn": lambda swa: swa.get_ema_multi_avg_fn(0.9), "use_buffers": lambda swa: True},
        {"multi_avg_fn": lambda swa: swa.get_swa_multi_avg_fn()},
    ],
)
def test_averages(options: dict[str, Any]) -> None:
    agree(lambda lib: trajectory(lib, **options))


@pytest.mark.parametrize(
    "options", [{"anneal_epochs": 0}, {"anneal_strategy": "linear"}, {"anneal_epochs": 1}, {"swa_lr": [0.3, 0.2]}]
)
def test_rates(options: dict[str, Any]) -> None:
    def rates(lib: Any) -> list[float]:
        groups = [{"params": [lib.ones(1)], "lr": lr} for lr in (0.5, 0.1)]
        optimizer = lib.optim.SGD(groups)
        scheduler = lib.optim.swa_utils.SWALR(optimizer, **{"swa_lr": 0.05, **options})
        seen = []
        for _ in range(12):
            optimizer.step()
            scheduler.step()
            seen += scheduler.get_last_lr()
        return seen

    agree(rates)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda lib, o: lib.optim.swa_utils.SWALR(o, 0.1, anneal_strategy="x"),
        lambda lib, o: lib.optim.swa_utils.SWALR(o, 0.1, anneal_epochs=-1),
        lambda lib, o: lib.optim.swa_utils.SWALR(o, [0.1, 0.2]),
        lambda lib, o: lib.optim.swa_utils.get_ema_avg_fn(1.5),
        lambda lib, o: lib.optim.swa_utils.AveragedModel(lib.nn.Identity(), avg_fn=print, multi_avg_fn=print),
    ],
)
def test_errors(wrong: Any) -> None:
    agree(lambda lib: wrong(lib, lib.optim.SGD([lib.ones(1)], 0.1)))

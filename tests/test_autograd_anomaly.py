"""Anomaly mode: what fails or gives nan in backward is found, with its line, its cause and the cure."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import rushlight
from both import outcome

Program = Callable[[Any, Any], Any]

# A function whose gradient is nan, the values it is tried at, and what the explanation must say.
TRAPS: dict[str, tuple[Program, list[float], str]] = {
    "sqrt under where": (lambda m, x: m.where(x > 0, x.sqrt(), m.zeros(2)), [0.0, 1.0], "derivative of sqrt at 0"),
    "log under where": (lambda m, x: m.where(x > 0, x.log(), x * 0), [0.0, 1.0], "derivative of log is infinite"),
    "pow under where": (lambda m, x: m.where(x > 0, x**0.5, x), [0.0, 1.0], r"derivative of x \*\* p at x = 0"),
    "pow of negative": (lambda m, x: m.where(x > 0, x**x, x), [-1.5, 1.0], "already holds nan|negative x"),
    "division under where": (lambda m, x: m.where(x > 0, x / x, x), [0.0, 1.0], "Division by 0"),
    "factor of zero": (lambda m, x: (x * x * 0).sqrt(), [1.0, 2.0], "trap of where"),
    "nan from forward": (lambda m, x: (x.log() * x).exp(), [-1.0, 2.0], "The nan comes from forward"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_traps_are_named(name: str) -> None:
    torch = pytest.importorskip("torch")
    function, values, cause = TRAPS[name]

    def scenario(m: Any) -> Any:
        x = m.tensor(values, requires_grad=True)
        with m.autograd.detect_anomaly():
            function(m, x).sum().backward()

    expected, got = outcome(scenario, torch), outcome(scenario, rushlight)
    assert expected[0] == got[0] == "RuntimeError"
    assert got[1].startswith(expected[1])
    assert f"was called in forward at {__file__}:{function.__code__.co_firstlineno}" in got[1]
    with pytest.raises(RuntimeError, match=cause):
        raise RuntimeError(got[1])


def test_norm_at_zero() -> None:
    x = rushlight.zeros(3, requires_grad=True)
    with warnings.catch_warnings(), rushlight.autograd.set_detect_anomaly(True):
        warnings.simplefilter("ignore")
        y = (x * x).sum().sqrt()
        with pytest.raises(RuntimeError, match="returned nan values"):
            y.backward()


def test_failing_backward_shows_the_forward_call() -> None:
    class Fails(rushlight.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise ValueError("no")

    with rushlight.autograd.set_detect_anomaly(True):
        y = Fails.apply(rushlight.ones(2, requires_grad=True))
        with (
            pytest.warns(UserWarning, match="Error detected in FailsBackward. Traceback of forward call") as caught,
            pytest.raises(ValueError, match="no"),
        ):
            y.sum().backward()
    assert "y = Fails.apply(rushlight.ones(2, requires_grad=True))" in str(caught[0].message)


def test_node_recorded_before_shows_its_line() -> None:
    y = rushlight.zeros(2, requires_grad=True).sqrt() * 0
    with (
        rushlight.autograd.set_detect_anomaly(True),
        pytest.warns(UserWarning, match="No forward pass information available"),
        pytest.raises(RuntimeError, match=f"called in forward at {__file__}"),
    ):
        y.sum().backward()


def test_second_derivative_names_what_induced_it() -> None:
    with rushlight.autograd.set_detect_anomaly(True):
        x = rushlight.zeros(2, requires_grad=True)
        (g,) = rushlight.autograd.grad((x**1.5).sum(), x, create_graph=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with pytest.raises(RuntimeError, match="returned nan values"):
                (g * 0).sum().backward()
    assert any("Previous calculation was induced by PowBackward0" in str(w.message) for w in caught)


def test_check_nan_off() -> None:
    x = rushlight.zeros(2, requires_grad=True)
    with rushlight.autograd.set_detect_anomaly(True, check_nan=False):
        (x.sqrt() * 0).sum().backward()
    assert bool(x.grad.isnan().all())


def test_mode_nests_and_is_restored() -> None:
    core = rushlight.autograd.anomaly_mode._core
    before = core._get_anomaly()
    with rushlight.autograd.set_detect_anomaly(True, False):
        assert core._get_anomaly() == (1, 0)
        with rushlight.autograd.set_detect_anomaly(False):
            assert core._get_anomaly() == (0, 1)
        assert core._get_anomaly() == (1, 0)
    assert core._get_anomaly() == before
    with pytest.warns(UserWarning, match="Anomaly Detection has been enabled"), rushlight.autograd.detect_anomaly():
        assert core._get_anomaly() == (1, 1)
    assert core._get_anomaly() == before


def test_metadata_holds_the_stack() -> None:
    with rushlight.autograd.set_detect_anomaly(True):
        y = rushlight.ones(2, requires_grad=True) * 2
    assert "y = rushlight.ones(2, requires_grad=True) * 2" in y.grad_fn.metadata["traceback_"][-1]


def test_right_gradients_pass() -> None:
    x = rushlight.tensor([1.0, 2.0], requires_grad=True)
    with rushlight.autograd.set_detect_anomaly(True):
        (x.log() * x.sqrt() / x).sum().backward()
        first = x.grad.tolist()
    x.grad = None
    (x.log() * x.sqrt() / x).sum().backward()
    assert x.grad.tolist() == first

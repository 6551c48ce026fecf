"""Questions and settings that programs have: devices that are not there, determinism, pass-throughs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import rushlight
from both import agree


@pytest.mark.parametrize(
    "ask",
    [
        lambda t: [t.cuda.is_available(), t.cuda.device_count(), t.cuda.is_initialized(), t.cuda.memory_allocated()],
        lambda t: [t.cuda.manual_seed(1), t.cuda.manual_seed_all(1), t.cuda.empty_cache()],
        lambda t: t.cuda.current_device(),
        lambda t: [t.backends.mps.is_available(), t.backends.mps.is_built(), t.backends.cudnn.is_available()],
        lambda t: [t.mps.device_count(), t.xpu.is_available(), t.xpu.device_count()],
        lambda t: [t.version.cuda, t.version.hip],
        lambda t: [t.are_deterministic_algorithms_enabled(), t.get_deterministic_debug_mode()],
        lambda t: t.set_deterministic_debug_mode("no"),
        lambda t: t.set_deterministic_debug_mode(1.5),
        lambda t: [t.get_float32_matmul_precision(), str(t.get_default_device())],
        lambda t: [t.typename(t.ones(1)), t.typename(1), t.typename(int)],
        lambda t: [t.jit.is_scripting(), t.jit.is_tracing(), t.compiler.is_compiling()],
        lambda t: t.asarray([1.0, 2]),
        lambda t: [t.asarray(3, dtype=t.float64), t.asarray(t.ones(2), dtype=t.int64)],
        lambda t: t.asarray([1.0], copy=False),
        lambda t: t.asarray(t.ones(1), dtype=t.int64, copy=False),
        lambda t: t.asarray([1.0], requires_grad=True).requires_grad,
    ],
)
def test_answers(ask: Any) -> None:
    agree(ask)


def test_asarray_shares_or_copies() -> None:
    def scenario(t: Any) -> Any:
        a, b = np.zeros(2), t.zeros(2)
        kept = t.asarray(a), t.asarray(b), t.asarray(b, copy=True)
        a[0] = 1
        b[0] = 2
        return kept, t.asarray(b) is b

    agree(scenario)


def test_determinism_is_remembered() -> None:
    def scenario(t: Any) -> Any:
        try:
            t.use_deterministic_algorithms(True, warn_only=True)
            seen = [t.are_deterministic_algorithms_enabled(), t.is_deterministic_algorithms_warn_only_enabled()]
            seen.append(t.get_deterministic_debug_mode())
            t.set_deterministic_debug_mode("error")
            return [*seen, t.get_deterministic_debug_mode()]
        finally:
            t.use_deterministic_algorithms(False)

    agree(scenario)


def test_switches_can_be_set() -> None:
    import rushlight.backends.cudnn as cudnn

    cudnn.benchmark = True
    assert rushlight.backends.cudnn.benchmark is True
    rushlight.backends.cuda.matmul.allow_tf32 = True
    cudnn.benchmark = False


def test_fork_rng() -> None:
    def scenario(t: Any) -> Any:
        t.manual_seed(1)
        with t.random.fork_rng():
            inside = t.rand(2)
        with t.random.fork_rng(enabled=False):
            t.rand(1)
        return inside, t.rand(2), t.random.initial_seed()

    agree(scenario)


def test_pass_throughs_warn_once(python: Any) -> None:
    done = python(
        """
        import warnings
        import rushlight as torch
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            f = lambda x: x
            assert torch.compile(f) is f and torch.compile(mode="max-autotune")(f) is f
            assert torch.jit.script(f) is f and torch.jit.trace(f, (1,)) is f and torch.jit.script(f) is f
        print(len(seen))
        """
    )
    assert done.stdout.strip() == "3"


def test_unknown_names_say_so() -> None:
    with pytest.raises(AttributeError, match="rushlight has no torch.cuda.Graph"):
        rushlight.cuda.Graph
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rushlight.set_default_device("cpu")
    with pytest.raises(RuntimeError, match="there is no device cuda"):
        rushlight.set_default_device("cuda")

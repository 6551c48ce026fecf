"""Random numbers beyond the samples of the parity table: every dtype, size and layout, bounds, states, histories."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import rushlight as rl

torch = pytest.importorskip("torch")

DTYPES = "float16 bfloat16 float32 float64 int8 int16 int32 int64 uint8 bool complex64".split()
FILLS: list[tuple[str, tuple[Any, ...]]] = [
    ("uniform_", ()), ("uniform_", (-1e39, 1e39)), ("uniform_", (-2e38, 2e38)), ("normal_", ()), ("exponential_", ()), ("cauchy_", ()), ("log_normal_", ()), ("geometric_", (0.3,)),
    ("bernoulli_", (0.3,)), ("random_", ()), ("random_", (100,)), ("random_", (10**9,)), ("random_", (-(10**6), 10**6)), ("random_", (-(10**18), 10**18)), ("random_", (5, None)),
    ("random_", (-(2**63), None)), ("random_", (10**18, None)),
]  # fmt: skip

Call = Callable[[Any], Any]


def outcome(lib: Any, call: Call) -> Any:
    """Result and history, and the generator's state after it; or the error."""
    lib.manual_seed(7)
    try:
        t = call(lib)
    except Exception as error:  # any error is an observation here
        return type(error).__name__, str(error).splitlines()[0]
    wide = t.detach().to(lib.complex128 if t.is_complex() else lib.float64)
    node = None if t.grad_fn is None else t.grad_fn.name()
    return tuple(t.shape), str(t.dtype), node, np.asarray(wide).tolist(), lib.get_rng_state().tolist()


def same(call: Call) -> None:
    assert repr(outcome(rl, call)) == repr(outcome(torch, call))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("method", "args"), FILLS)
def test_fills(method: str, args: tuple[Any, ...], dtype: str) -> None:
    for shape in ((3,), (40,), (3, 17)):
        same(lambda lib, shape=shape: getattr(lib.ones(shape, dtype=getattr(lib, dtype)), method)(*args))
    same(lambda lib: getattr(lib.ones(5, 4, dtype=getattr(lib, dtype)).t(), method)(*args))
    same(lambda lib: getattr(lib.ones(6, 8, dtype=getattr(lib, dtype))[::2, ::3], method)(*args))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
def test_permutations_and_integers(dtype: str) -> None:
    for n in (5, 200, 3000):
        same(lambda lib, n=n: lib.randperm(n, dtype=getattr(lib, dtype)))
    same(lambda lib: lib.randint(2**40, (3,), dtype=getattr(lib, dtype)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [-1.0, 0.0, 1.0, 10.0, 40.0, 1000.0])
def test_binomial(dtype: str, count: float) -> None:
    for p in (0.0, 0.1, 0.5, 0.7, 1.0, 1.5):
        same(
            lambda lib, p=p: lib.binomial(
                lib.full((60,), count, dtype=getattr(lib, dtype)), lib.full((60,), p, dtype=getattr(lib, dtype))
            )
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("method", "args"), FILLS)
def test_history_of_fills(method: str, args: tuple[Any, ...]) -> None:
    same(lambda lib: getattr(lib.ones(4, requires_grad=True) * 1, method)(*args))


@pytest.mark.parametrize(
    "call",
    [
        lambda lib, x: lib.bernoulli(x), lambda lib, x: lib.poisson(x), lambda lib, x: lib.normal(x, 1.0), lambda lib, x: lib.normal(1.0, x), lambda lib, x: lib.normal(x, x),
        lambda lib, x: (x * 1).bernoulli_(lib.full((4,), 0.5)),
    ],
)  # fmt: skip
def test_history_of_draws(call: Callable[[Any, Any], Any]) -> None:
    same(lambda lib: call(lib, lib.ones(4, requires_grad=True) * 0.5))


def test_gradient_of_what_is_drawn_over_is_zero() -> None:
    x = rl.ones(3, requires_grad=True)
    (x * 1).uniform_().sum().backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_failed_draw_leaves_the_tensor() -> None:
    t = rl.full((3,), 5.0)
    with pytest.raises(RuntimeError, match="p_in >= 0 && p_in <= 1"):
        t.bernoulli_(rl.tensor([0.5, 0.5, 2.0]))
    assert t.tolist() == [5, 5, 5]


def test_generator_copies_and_pickles() -> None:
    g = rl.Generator(device="cpu").manual_seed(2**40 + 5)
    others = [g.clone_state(), pickle.loads(pickle.dumps(g))]
    assert all(o.initial_seed() == 2**40 + 5 for o in others) and g.device == rl.device("cpu")
    drawn = rl.rand(20, generator=g).tolist()
    assert all(rl.rand(20, generator=o).tolist() == drawn for o in others)
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        rl.Generator(device="cuda")
    with pytest.raises(RuntimeError, match="does not use offset"):
        g.get_offset()

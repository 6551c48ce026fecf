"""torch.utils.checkpoint, compared with PyTorch; how often functions run, and what memory is kept."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import importlib
from collections.abc import Callable
from typing import Any

import pytest

import rushlight
from both import agree

Scenario = Callable[[Any], Any]


def utils(m: Any) -> Any:
    return importlib.import_module(m.__name__ + ".utils.checkpoint")


def leaf(m: Any) -> Any:
    return m.tensor([1.0, 2.0], requires_grad=True)


class Counted:
    """sin(a) * a, exponentiated; counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, a: Any) -> Any:
        self.runs += 1
        return (a.sin() * a).exp()


def plain(reentrant: bool) -> Scenario:
    def scenario(m: Any) -> Any:
        x, f = leaf(m), Counted()
        y = utils(m).checkpoint(f, x, use_reentrant=reentrant)
        y.sum().backward(retain_graph=True)
        y.sum().backward()
        return y, x.grad, f.runs

    return scenario


def second_derivative(m: Any) -> Any:
    x = leaf(m)
    y = utils(m).checkpoint(Counted(), x, use_reentrant=False)
    (g,) = m.autograd.grad(y.sum(), x, create_graph=True)
    return m.autograd.grad(g.sum(), x)


def reentrant_with_grad(m: Any) -> Any:
    x = leaf(m)
    y = utils(m).checkpoint(Counted(), x, use_reentrant=True)
    return m.autograd.grad(y.sum(), x)


def nested(m: Any) -> Any:
    x, f, c = leaf(m), Counted(), utils(m).checkpoint

    def outer(a: Any) -> Any:
        return a + 1 + c(f, c(f, a.cos(), use_reentrant=False), use_reentrant=False) * a

    c(outer, x, use_reentrant=False).sum().backward()
    return x.grad, f.runs


def nested_three_deep(m: Any) -> Any:
    x, f, c = leaf(m), Counted(), utils(m).checkpoint

    def deep(a: Any, depth: int) -> Any:
        return f(a.tanh()) if depth == 0 else c(deep, a * 1.5, depth - 1, use_reentrant=False).sin()

    c(deep, x, 3, use_reentrant=False).sum().backward()
    return x.grad, f.runs


def random_numbers(preserve: bool) -> Scenario:
    def scenario(m: Any) -> Any:
        m.manual_seed(0)
        x = leaf(m)
        y = utils(m).checkpoint(
            lambda a: a * m.rand(2) * m.rand(2), x, use_reentrant=False, preserve_rng_state=preserve
        )
        between = m.rand(1)
        y.sum().backward()
        return y, x.grad, between, m.rand(1)

    return scenario


def contexts(m: Any) -> Any:
    seen: list[Any] = []

    class Context:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            seen.append(("in", self.name))

        def __exit__(self, *error: object) -> None:
            seen.append(("out", self.name))

    x = leaf(m)
    both = lambda: (Context("forward"), Context("again"))  # noqa: E731
    utils(m).checkpoint(Counted(), x, use_reentrant=False, context_fn=both).sum().backward()
    return seen


def keywords_and_closures(m: Any) -> Any:
    x, w = leaf(m), m.ones(2, requires_grad=True)
    y = utils(m).checkpoint(lambda a, b, *, k: (a * w * k).sin() + b[0], x, [3.0], use_reentrant=False, k=2.0)
    y.sum().backward()
    return y, x.grad, w.grad


def sequential(segments: int, reentrant: bool) -> Scenario:
    def scenario(m: Any) -> Any:
        x = leaf(m)
        steps = [m.sin, m.cos, m.exp, m.tanh, m.sigmoid]
        y = utils(m).checkpoint_sequential(steps, segments, x, use_reentrant=reentrant)
        y.sum().backward()
        return y, x.grad

    return scenario


def stopping(early: bool) -> Scenario:
    def scenario(m: Any) -> Any:
        x, seen = leaf(m), []

        def f(a: Any) -> Any:
            b = a.sin()
            seen.append("between")
            c = b.exp()
            seen.append("end")
            return c + 1

        with utils(m).set_checkpoint_early_stop(early):
            y = utils(m).checkpoint(f, x, use_reentrant=False)
        y.sum().backward()
        return seen, x.grad

    return scenario


def without_gradients(m: Any) -> Any:
    f = Counted()
    y = utils(m).checkpoint(f, m.ones(2), use_reentrant=False)
    with m.no_grad():
        z = utils(m).checkpoint(f, leaf(m), use_reentrant=False)
    return y.requires_grad, z.requires_grad, f.runs


def several_outputs(reentrant: bool) -> Scenario:
    def scenario(m: Any) -> Any:
        x = leaf(m)
        a, b, k = utils(m).checkpoint(lambda t: (t.sin(), t.exp(), 3), x, use_reentrant=reentrant)
        (a * b).sum().backward()
        return a, b, k, x.grad

    return scenario


def same_output_used_twice(m: Any) -> Any:
    x = leaf(m)
    y = utils(m).checkpoint(Counted(), x, use_reentrant=False)
    return m.autograd.grad((y * y + y.sin()).sum(), x)


def group(m: Any) -> Any:
    """Two passes over separate parts of one checkpointed call, which runs again once."""
    f = Counted()
    x = leaf(m)

    def two(t: Any) -> Any:
        return f(t), f(t * 2)

    a, b = utils(m).checkpoint(two, x, use_reentrant=False)
    with utils(m).GraphExecGroup():
        a.sum().backward()
        b.sum().backward()
    once = f.runs
    a, b = utils(m).checkpoint(two, x, use_reentrant=False)
    a.sum().backward()
    b.sum().backward()
    return once, f.runs, x.grad


def group_in_group(m: Any) -> Any:
    with utils(m).GraphExecGroup() as outer:
        try:
            with utils(m).GraphExecGroup():
                pass
        except RuntimeError as error:
            return str(error).partition("<")[0], outer is not None


SCENARIOS: dict[str, Scenario] = {
    "group of passes": group,
    "group in a group": group_in_group,
    "without reentry": plain(False),
    "with reentry": plain(True),
    "second derivative": second_derivative,
    "nested": nested,
    "nested three deep": nested_three_deep,
    "random numbers": random_numbers(True),
    "random numbers not kept": random_numbers(False),
    "contexts": contexts,
    "keywords and closures": keywords_and_closures,
    "sequential": sequential(2, False),
    "sequential in three": sequential(3, False),
    "sequential in one": sequential(1, False),
    "sequential with reentry": sequential(2, True),
    "early stop": stopping(True),
    "no early stop": stopping(False),
    "without gradients": without_gradients,
    "several outputs": several_outputs(False),
    "several outputs with reentry": several_outputs(True),
    "output used twice": same_output_used_twice,
    "detach_variable": lambda m: utils(m).detach_variable((leaf(m), 3, m.ones(1))),
    "default device": lambda m: utils(m).DefaultDeviceType.get_device_type(),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_pytorch(name: str) -> None:
    agree(SCENARIOS[name])


def changing(*bodies: Callable[[Any, Any], Any], **options: Any) -> Scenario:
    """A function that does something else in its second run."""

    def scenario(m: Any) -> Any:
        runs = iter(bodies)
        x = leaf(m)
        y = utils(m).checkpoint(lambda a: next(runs)(m, a), x, use_reentrant=False, **options)
        y.sum().backward()
        return x.grad

    return scenario


ERRORS: dict[str, Scenario] = {
    "fewer": changing(lambda m, a: a.sin().cos(), lambda m, a: a.sin()),
    "other shape": changing(lambda m, a: m.cat([a, a]).sin(), lambda m, a: a.sin()),
    "other dtype": changing(lambda m, a: a.double().sin(), lambda m, a: a.sin()),
    "more, stopping early": changing(lambda m, a: a.sin(), lambda m, a: a.sin().cos()),
    "raises": changing(lambda m, a: 1 / 0),
    "raises again": changing(lambda m, a: a.sin(), lambda m, a: 1 / 0),
    "unknown check": changing(lambda m, a: a.sin(), determinism_check="some"),
    "debug with contexts": changing(lambda m, a: a.sin(), debug=True, context_fn=lambda: (None, None)),
    "reentrant with keywords": lambda m: utils(m).checkpoint(Counted(), leaf(m), use_reentrant=True, k=3),
    "reentrant with debug": lambda m: utils(m).checkpoint(Counted(), leaf(m), use_reentrant=True, debug=True),
    "reentrant with grad": reentrant_with_grad,
    "reentrant without history": lambda m: (
        utils(m).checkpoint(lambda a: a.detach() + 0, leaf(m), use_reentrant=True).sum().backward()
    ),
    "unknown keyword": lambda m: utils(m).checkpoint_sequential([m.sin], 1, leaf(m), use_reentrant=False, k=3),
    "detach_variable": lambda m: utils(m).detach_variable([leaf(m)]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    torch = pytest.importorskip("torch")

    def until_the_tip(m: Any) -> Any:
        try:
            return ERRORS[name](m)
        except RuntimeError as error:
            # PyTorch adds advice about torch.compile, which there is none of here.
            raise type(error)(str(error).partition("If this error occurs under torch.compile")[0].strip()) from None

    del torch
    agree(until_the_tip)


@pytest.mark.parametrize("call", ["checkpoint", "checkpoint_sequential"])
def test_use_reentrant_is_to_be_said(call: str) -> None:
    arguments: Any = (rushlight.sin, leaf(rushlight)) if call == "checkpoint" else ([rushlight.sin], 1, leaf(rushlight))
    with pytest.warns(UserWarning, match="the use_reentrant parameter should be passed explicitly"):
        getattr(utils(rushlight), call)(*arguments)


def test_debug_shows_where_the_runs_part() -> None:
    with pytest.raises(RuntimeError) as error:
        changing(lambda m, a: a.sin().cos(), lambda m, a: a.sin(), debug=True)(rushlight)
    assert "The two runs differ from saved tensor 1 on" in str(error.value)
    assert __file__ in str(error.value)


def test_what_is_between_is_not_kept() -> None:
    x = rushlight.ones(1000, requires_grad=True)

    def f(a: Any) -> Any:
        for _ in range(10):
            a = a.sin()
        return a

    kept = rushlight.autograd.graph.saved_memory(f(x)).bytes
    y = utils(rushlight).checkpoint(f, x, use_reentrant=False)
    assert kept == 40000
    assert rushlight.autograd.graph.saved_memory(y).bytes == 0
    y.sum().backward()
    gc.collect()
    assert x.grad is not None


def test_no_node_is_left_behind_by_stopping() -> None:
    import weakref

    gone: list[Any] = []

    def f(a: Any) -> Any:
        b = a * 2
        gone.append(weakref.ref(b))
        return b.sin().cos()

    x = leaf(rushlight)
    utils(rushlight).checkpoint(f, x, use_reentrant=False).sum().backward()
    gc.collect()
    assert [r() for r in gone] == [None, None]


DEEP = """
import sys
import rushlight as torch
from rushlight.utils.checkpoint import checkpoint

layers, per_segment = int(sys.argv[1]), int(sys.argv[2])
torch.manual_seed(0)
weights = [(torch.randn(64, 64) / 8).requires_grad_() for _ in range(layers)]
x = torch.randn(16384, 64)  # 4 MB, as is each layer's result

def segment(first):
    def run(t):
        for w in weights[first : first + (per_segment or layers)]:
            t = (t @ w).tanh()
        return t
    return run

def step():
    t = x
    for first in range(0, layers, per_segment or layers):
        t = checkpoint(segment(first), t, use_reentrant=False) if per_segment else segment(first)(t)
    t.sum().backward()

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024

(torch.randn(64, 64) @ torch.randn(64, 64)).tanh()
before = peak()
step()
print(peak() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the peak is read from Linux's /proc")
def test_peak_memory_of_a_deep_network_is_what_its_checkpoints_predict() -> None:
    """n layers in √n segments: √n inputs of segments and √n layers that run again, and what one layer's pass needs."""

    def peak(layers: int, per_segment: int) -> float:
        command = [sys.executable, "-c", DEEP, str(layers), str(per_segment)]
        environment = os.environ | {"RUSHLIGHT_CACHE_MB": "0"}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return float(done.stdout)

    result = 4.0  # MB of a layer
    small, large = peak(4, 0), peak(10, 0)
    assert large - small == pytest.approx(6 * result, rel=0.1), "without checkpoints each layer keeps its result"
    beside = small - 4 * result  # what the pass itself needs
    n, root = 36, 6
    predicted = (root + root) * result + beside
    assert peak(n, root) == pytest.approx(predicted, rel=0.1)

"""gradcheck and gradgradcheck: right rules pass, rules that are wrong on purpose fail, with PyTorch's words."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

import rushlight
from both import agree, outcome

Scenario = Callable[[Any], Any]


def pair(m: Any) -> Any:
    x = m.tensor([[1.0, 2.0]], dtype=m.float64, requires_grad=True)
    y = m.tensor([[3.0, 5.0]], dtype=m.float64, requires_grad=True)
    return x, y


def complex_input(m: Any) -> Any:
    return m.tensor([1 + 2j, 3 - 1j], dtype=m.complex128, requires_grad=True)


def function(m: Any, forward: Callable[..., Any], backward: Callable[..., Any], **members: Any) -> Any:
    """A Function whose backward gets the inputs and the gradient."""

    def keep(ctx: Any, *inputs: Any) -> Any:
        ctx.save_for_backward(*inputs)
        return forward(*inputs)

    def back(ctx: Any, *grads: Any) -> Any:
        return backward(*ctx.saved_tensors, *grads)

    return type(
        "Custom", (m.autograd.Function,), {"forward": staticmethod(keep), "backward": staticmethod(back), **members}
    )


# --- right --------------------------------------------------------------------------------------------------------------

RIGHT: dict[str, Scenario] = {
    "product": lambda m: m.autograd.gradcheck(lambda a, b: (a * b).sin(), pair(m)),
    "one tensor": lambda m: m.autograd.gradcheck(m.exp, pair(m)[0]),
    "several outputs": lambda m: m.autograd.gradcheck(
        lambda a, b: (a * b, a + b, a.sum()), pair(m), check_batched_grad=True
    ),
    "unused input": lambda m: m.autograd.gradcheck(lambda a, b: b * 1.0, pair(m)),
    "constant": lambda m: m.autograd.gradcheck(lambda a, b: m.ones(2), pair(m)),
    "identity": lambda m: m.autograd.gradcheck(lambda a, b: a, pair(m)),
    "integers beside": lambda m: m.autograd.gradcheck(lambda a, k: a[:, k], (pair(m)[0], 1)),
    "transposed input": lambda m: m.autograd.gradcheck(
        lambda a: a.exp(), (m.rand(3, 2, dtype=m.float64).t().requires_grad_(),)
    ),
    "complex": lambda m: m.autograd.gradcheck(lambda z: z * z.conj() * z, complex_input(m)),
    "complex to real": lambda m: m.autograd.gradcheck(lambda z: z.abs(), complex_input(m)),
    "real to complex": lambda m: m.autograd.gradcheck(lambda a: a.to(m.complex128) * (1 + 2j), pair(m)[0]),
    "fast": lambda m: m.autograd.gradcheck(lambda a, b: (a * b, a.exp()), pair(m), fast_mode=True),
    "fast complex": lambda m: m.autograd.gradcheck(lambda z: z * z.conj() * z, complex_input(m), fast_mode=True),
    "second": lambda m: m.autograd.gradgradcheck(lambda a, b: a**3 * b, pair(m)),
    "second fast": lambda m: m.autograd.gradgradcheck(lambda a, b: a**3 * b, pair(m), fast_mode=True),
    "second with gaps": lambda m: m.autograd.gradgradcheck(
        lambda a, b: a**3 * b, pair(m), gen_non_contig_grad_outputs=True
    ),
    "second complex": lambda m: m.autograd.gradgradcheck(lambda z: z * z * z, complex_input(m)),
    "second, given cotangents": lambda m: m.autograd.gradgradcheck(
        lambda a, b: a * b * b, pair(m), m.ones(1, 2).double().requires_grad_()
    ),
    "nondeterministic within tolerance": lambda m: m.autograd.gradcheck(
        function(m, lambda x: x * 2, lambda x, g: g * 2).apply, pair(m)[0], nondet_tol=1e-3
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_derivatives_pass(name: str) -> None:
    assert agree(RIGHT[name]) is True


# --- wrong on purpose ---------------------------------------------------------------------------------------------------


def custom(forward: Callable[..., Any], backward: Callable[..., Any], n: int = 2, **options: Any) -> Scenario:
    return lambda m: m.autograd.gradcheck(function(m, forward, backward).apply, pair(m)[:n], **options)


WRONG: dict[str, Scenario] = {
    "factor": custom(lambda x, y: x * y, lambda x, y, g: (g * y, g * x * 1.01)),
    "sign": custom(lambda x: x.cos(), lambda x, g: g * x.sin(), 1),
    "forgotten product rule": custom(lambda x: x * x, lambda x, g: g * x, 1),
    "swapped": custom(lambda x, y: x * y, lambda x, y, g: (g * x, g * y)),
    "zero": custom(lambda x: x * 3, lambda x, g: g * 0, 1),
    "transposed": custom(lambda x: x.flip(1) * 2, lambda x, g: g * 2, 1),
    "mean for sum": custom(lambda x: x.sum(), lambda x, g: g.expand(1, 2) / 2, 1),
    "absolute value of the gradient": custom(lambda x: x * 2, lambda x, g: g.abs() * 3, 1),
    "complex without conjugate": lambda m: m.autograd.gradcheck(
        function(m, lambda z: z * z, lambda z, g: g * 2 * z).apply, complex_input(m)
    ),
    "missing history": lambda m: m.autograd.gradgradcheck(
        function(m, lambda x: x**3, lambda x, g: g * 3 * x.detach() ** 2).apply, pair(m)[0], m.ones(1, 2).double()
    ),
    "float32": lambda m: m.autograd.gradcheck(lambda a: a.float(), pair(m)[0]),
    "no tensor requires grad": lambda m: m.autograd.gradcheck(lambda a: a, m.ones(2)),
    "overlapping input": lambda m: m.autograd.gradcheck(
        lambda a: a * 1, m.ones(1, dtype=m.float64).expand(3).requires_grad_()
    ),
    "no tensor": lambda m: m.autograd.gradcheck(lambda a: 3, pair(m)[0]),
    "nothing to check": lambda m: m.autograd.gradcheck(lambda a: a, pair(m)[0], check_backward_ad=False),
    "not multiplied by the cotangent": lambda m: m.autograd.gradcheck(
        function(m, lambda x: x * 2, lambda x, g: g * 2 + (g == 0).all() * 1.0).apply, pair(m)[0]
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_derivatives_fail(name: str) -> None:
    result = agree(WRONG[name])
    assert isinstance(result, tuple), "it was to raise"


@pytest.mark.parametrize("name", ["factor", "sign", "forgotten product rule", "transposed"])
@pytest.mark.parametrize("fast", [False, True])
def test_wrong_derivatives_give_false(name: str, fast: bool) -> None:
    bodies: dict[str, Any] = {
        "factor": (lambda x: x * 2, lambda x, g: g * 2.02),
        "sign": (lambda x: x.cos(), lambda x, g: g * x.sin()),
        "forgotten product rule": (lambda x: x * x, lambda x, g: g * x),
        "transposed": (lambda x: x.flip(1) * 2, lambda x, g: g * 2),
    }
    scenario = custom(*bodies[name], 1, fast_mode=fast, raise_exception=False)
    assert agree(scenario) is False


def reentrancy(m: Any) -> Any:
    calls = [0]

    def backward(x: Any, g: Any) -> Any:
        calls[0] += 1
        return g * 2 + g * 1e-8 * calls[0]

    return m.autograd.gradcheck(function(m, lambda x: x * 2, backward).apply, pair(m)[0])


def test_backward_that_differs_from_run_to_run() -> None:
    kind, text = outcome(reentrancy, rushlight)
    assert kind == "GradcheckError"
    assert text.startswith("Backward is not reentrant")
    assert outcome(reentrancy, pytest.importorskip("torch"))[1].splitlines()[0] == text.splitlines()[0]


def test_undefined_gradients_must_be_handled() -> None:
    class Two(rushlight.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, a: Any, b: Any) -> Any:
            if a is None or b is None:
                raise RuntimeError("a gradient is missing")
            return a * 2 + b * 3

    x = pair(rushlight)[0]
    check = rushlight.autograd.gradcheck
    with pytest.raises(RuntimeError, match="a gradient is missing"):
        check(Two.apply, x)  # one output at a time
    y = Two.apply(x)
    assert check(lambda t: sum(Two.apply(t)), x)
    assert len(y) == 2


def test_message_names_entry_and_suspect() -> None:
    Bad = function(rushlight, lambda x: x * x, lambda x, g: g * x)
    x = pair(rushlight)[0]

    def program(t: Any) -> Any:
        return (Bad.apply(t.exp()) * 3).sin()

    with pytest.raises(rushlight.autograd.gradcheck.__globals__["GradcheckError"]) as error:
        rushlight.autograd.gradcheck(program, x)
    text = str(error.value)
    assert "Worst entry: the derivative of the output at [0, 1] by input 0 at [0, 1]: numerical" in text
    line = program.__code__.co_firstlineno + 1
    assert f"Suspect: Custom, called at {__file__}:{line}." in text


@pytest.mark.parametrize("fast", [False, True])
def test_second_derivatives_forward_over_reverse(fast: bool) -> None:
    x = rushlight.ones(2, dtype=rushlight.float64, requires_grad=True)
    y = rushlight.full((2,), 0.5, dtype=rushlight.float64, requires_grad=True)
    for reverse in (False, True):
        assert rushlight.autograd.gradgradcheck(
            lambda a, b: a.sin() * b.exp(),
            (x, y),
            check_fwd_over_rev=True,
            check_rev_over_rev=reverse,
            check_undefined_grad=reverse,
            fast_mode=fast,
        )


def test_check_grad_dtypes() -> None:
    x = rushlight.ones(2, dtype=rushlight.float64).requires_grad_()
    assert rushlight.autograd.gradcheck(lambda t: t * 2, x, check_grad_dtypes=True)


def test_the_inputs_are_as_they_were() -> None:
    x, y = pair(rushlight)
    before = x.tolist(), y.tolist(), x._version
    with pytest.raises(RuntimeError):
        rushlight.autograd.gradcheck(function(rushlight, lambda a, b: a * b, lambda a, b, g: (g, g)).apply, (x, y))
    assert (x.tolist(), y.tolist(), x._version) == before
    assert x.grad is None


def test_faster_than_pytorch() -> None:
    torch = pytest.importorskip("torch")

    def best(m: Any) -> float:
        inputs = pair(m)
        times = []
        for _ in range(5):
            start = time.perf_counter()
            m.autograd.gradcheck(lambda a, b: (a * b).sin(), inputs)
            times.append(time.perf_counter() - start)
        return min(times)

    # It is more than ten times faster; the machine may be busy.
    assert best(rushlight) * 3 < best(torch)

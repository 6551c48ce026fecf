"""torch.autograd.functional, compared with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import rushlight
from both import agree

Scenario = Callable[[Any], Any]


def point(m: Any) -> Any:
    return m.tensor([[0.5, 1.5], [2.0, -1.0]], dtype=m.float64)


def pair(m: Any) -> Any:
    return m.tensor([0.5, 1.5], dtype=m.float64), m.tensor([2.0, -1.0, 3.0], dtype=m.float64)


def outer(m: Any) -> Callable[..., Any]:
    return lambda a, b: (a[:, None] * b.exp(), a.sum())


def bilinear(m: Any) -> Callable[..., Any]:
    return lambda a, b: (a**2).sum() * b.exp().sum() + (b**3).sum()


def rosenbrock(m: Any) -> Callable[[Any], Any]:
    return lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


SCENARIOS: dict[str, Scenario] = {
    "jacobian": lambda m: m.autograd.functional.jacobian(lambda x: x.exp().sum(1), point(m)),
    "jacobian of a pair": lambda m: m.autograd.functional.jacobian(outer(m), pair(m)),
    "jacobian with graph": lambda m: m.autograd.grad(
        m.autograd.functional.jacobian(lambda x: x**3, (x := point(m).requires_grad_()), create_graph=True).sum(), x
    ),
    "jacobian has no history": lambda m: m.autograd.functional.jacobian(lambda x: x**3, point(m)).requires_grad,
    "jacobian vectorized": lambda m: m.autograd.functional.jacobian(lambda x: x**3, point(m), vectorize=True),
    "jacobian forward": lambda m: m.autograd.functional.jacobian(
        lambda x: x**3, point(m), vectorize=True, strategy="forward-mode"
    ),
    "jacobian forward, not vectorized": lambda m: m.autograd.functional.jacobian(
        lambda x: x**3, point(m), strategy="forward-mode"
    ),
    "jacobian forward, strict": lambda m: m.autograd.functional.jacobian(
        lambda x: x**3, point(m), strict=True, vectorize=True, strategy="forward-mode"
    ),
    "jacobian forward with graph": lambda m: m.autograd.functional.jacobian(
        lambda x: x**3, point(m), create_graph=True, vectorize=True, strategy="forward-mode"
    ),
    "jacobian vectorized, strict": lambda m: m.autograd.functional.jacobian(
        lambda x: x**3, point(m), strict=True, vectorize=True
    ),
    "jacobian of independent": lambda m: m.autograd.functional.jacobian(lambda a, b: a * 2, pair(m)),
    "jacobian of independent, strict": lambda m: m.autograd.functional.jacobian(
        lambda a, b: a * 2, pair(m), strict=True
    ),
    "jacobian of constant, strict": lambda m: m.autograd.functional.jacobian(
        lambda a, b: m.ones(2), pair(m), strict=True
    ),
    "jacobian of linear, strict": lambda m: m.autograd.functional.jacobian(
        lambda x: x * 2, point(m), strict=True, create_graph=True
    ),
    "jacobian of a scalar": lambda m: m.autograd.functional.jacobian(lambda x: x.sin(), m.tensor(0.5)),
    "jacobian by no tensor": lambda m: m.autograd.functional.jacobian(lambda x: x, 3.0),
    "jacobian of no tensor": lambda m: m.autograd.functional.jacobian(lambda x: (x, 1), m.ones(1)),
    "hessian": lambda m: m.autograd.functional.hessian(lambda x: (x**3).sum() * x.sum(), point(m)),
    "hessian of a pair": lambda m: m.autograd.functional.hessian(bilinear(m), pair(m)),
    "hessian of Rosenbrock": lambda m: m.autograd.functional.hessian(
        rosenbrock(m), m.linspace(0.1, 1.0, 10, dtype=m.float64)
    ),
    "hessian of linear": lambda m: m.autograd.functional.hessian(lambda x: x.sum(), point(m)),
    "hessian of linear, strict": lambda m: m.autograd.functional.hessian(lambda x: x.sum() * 2, point(m), strict=True),
    "hessian of constant": lambda m: m.autograd.functional.hessian(lambda x: m.ones(()), point(m)),
    "hessian of unused": lambda m: m.autograd.functional.hessian(lambda a, b: (a**3).sum(), pair(m)),
    "hessian with graph": lambda m: m.autograd.grad(
        m.autograd.functional.hessian(
            lambda x: (x**4).sum(), (x := point(m).requires_grad_()), create_graph=True
        ).sum(),
        x,
    ),
    "hessian vectorized": lambda m: m.autograd.functional.hessian(lambda x: (x**3).sum(), point(m), vectorize=True),
    "hessian forward": lambda m: m.autograd.functional.hessian(
        lambda x: (x**3).sum(), point(m), vectorize=True, outer_jacobian_strategy="forward-mode"
    ),
    "hessian of several numbers": lambda m: m.autograd.functional.hessian(lambda x: x**3, point(m)),
    "hessian of several outputs": lambda m: m.autograd.functional.hessian(lambda x: (x.sum(), x.sum()), point(m)),
    "vjp": lambda m: m.autograd.functional.vjp(
        lambda x: x.exp().sum(1), point(m), m.tensor([1.0, 2.0], dtype=m.float64)
    ),
    "vjp of a number": lambda m: m.autograd.functional.vjp(lambda x: x.exp().sum(), point(m)),
    "vjp of a pair": lambda m: m.autograd.functional.vjp(
        outer(m), pair(m), (m.ones(2, 3).double(), m.tensor(2.0).double())
    ),
    "vjp without v": lambda m: m.autograd.functional.vjp(lambda x: x.exp(), point(m)),
    "vjp with wrong v": lambda m: m.autograd.functional.vjp(lambda x: x.exp(), point(m), m.ones(3)),
    "vjp with too many v": lambda m: m.autograd.functional.vjp(lambda x: x.exp(), point(m), (m.ones(3), m.ones(3))),
    "vjp strict": lambda m: m.autograd.functional.vjp(lambda a, b: a.sum(), pair(m), strict=True),
    "vjp of constant, strict": lambda m: m.autograd.functional.vjp(lambda a, b: m.ones(()), pair(m), strict=True),
    "jvp": lambda m: m.autograd.functional.jvp(lambda x: x.exp().sum(1), point(m), point(m)),
    "jvp of a pair": lambda m: m.autograd.functional.jvp(outer(m), pair(m), pair(m)),
    "jvp without v": lambda m: m.autograd.functional.jvp(lambda x: x.exp(), point(m)),
    "jvp of a number": lambda m: m.autograd.functional.jvp(lambda x: x.exp(), m.tensor(0.5)),
    "jvp with wrong v": lambda m: m.autograd.functional.jvp(lambda x: x.exp(), point(m), m.ones(3)),
    "jvp of constant": lambda m: m.autograd.functional.jvp(lambda x: m.ones(2), point(m), point(m)),
    "jvp strict": lambda m: m.autograd.functional.jvp(lambda a, b: a, pair(m), pair(m), strict=True),
    "jvp with graph": lambda m: m.autograd.grad(
        m.autograd.functional.jvp(lambda x: x**3, (x := point(m).requires_grad_()), point(m), create_graph=True)[
            1
        ].sum(),
        x,
    ),
    "vhp": lambda m: m.autograd.functional.vhp(lambda x: (x**3).sum() * x.sum(), point(m), point(m)),
    "vhp of a pair": lambda m: m.autograd.functional.vhp(bilinear(m), pair(m), pair(m)),
    "vhp of linear": lambda m: m.autograd.functional.vhp(lambda x: x.sum(), point(m), point(m)),
    "vhp of linear, strict": lambda m: m.autograd.functional.vhp(
        lambda x: x.sum() * 1, point(m), point(m), strict=True
    ),
    "vhp of several numbers": lambda m: m.autograd.functional.vhp(lambda x: x, point(m), point(m)),
    "hvp": lambda m: m.autograd.functional.hvp(lambda x: (x**3).sum() * x.sum(), point(m), point(m)),
    "hvp of a pair": lambda m: m.autograd.functional.hvp(bilinear(m), pair(m), pair(m)),
    "hvp of linear": lambda m: m.autograd.functional.hvp(lambda x: x.sum(), point(m), point(m)),
    "hvp of linear, strict": lambda m: m.autograd.functional.hvp(
        lambda x: x.sum() * 1, point(m), point(m), strict=True
    ),
    "hvp of several outputs": lambda m: m.autograd.functional.hvp(lambda x: (x.sum(), x), point(m), point(m)),
    "hvp with graph": lambda m: m.autograd.grad(
        m.autograd.functional.hvp(
            lambda x: (x**4).sum(), (x := point(m).requires_grad_()), point(m), create_graph=True
        )[1].sum(),
        x,
    ),
}


FORWARD: dict[str, dict[str, Any]] = {
    "jacobian": {"vectorize": True, "strategy": "forward-mode"},
    "hessian": {"vectorize": True, "outer_jacobian_strategy": "forward-mode"},
}


def forward(kind: str, make: Callable[[Any], Any], inputs: Callable[[Any], Any], **options: Any) -> Any:
    def scenario(m: Any) -> Any:
        given = inputs(m)
        result = getattr(m.autograd.functional, kind)(make(m), given, **{**FORWARD[kind], **options})
        flat = [t for row in result for t in row] if isinstance(result, (tuple, list)) else [result]
        # A Hessian of plain inputs has no history here.
        return result, [t.requires_grad for t in flat] if kind == "jacobian" else None

    return scenario


SCENARIOS |= {
    "forward jacobian": forward("jacobian", lambda m: lambda x: x.exp().sum(1), point),
    "forward jacobian with history": forward("jacobian", lambda m: lambda x: x**3, lambda m: point(m).requires_grad_()),
    "forward jacobian of a pair": forward("jacobian", lambda m: lambda a, b: (a.sin(), a.sum() * b.sum()), pair),
    "forward jacobian of a number": forward("jacobian", lambda m: lambda x: x.exp(), lambda m: m.tensor(0.5)),
    "forward jacobian of nothing": forward("jacobian", lambda m: lambda x: x.exp(), lambda m: m.zeros(0)),
    "forward jacobian of a constant": forward("jacobian", lambda m: lambda x: x.detach(), point),
    "forward jacobian of integers": forward("jacobian", lambda m: lambda x: x.long(), point),
    "forward jacobian by integers": forward("jacobian", lambda m: lambda x: x * x, lambda m: m.arange(3)),
    "forward jacobian of complex numbers": forward("jacobian", lambda m: lambda x: x * x, lambda m: point(m) + 1j),
    "forward jacobian of a Function without jvp": forward("jacobian", lambda m: without_jvp(m).apply, point),
    "forward hessian": forward("hessian", lambda m: lambda x: (x**3).sum() * x.sum(), point),
    "forward hessian of a pair": forward("hessian", bilinear, pair),
    "forward hessian of linear": forward("hessian", lambda m: lambda x: x.sum(), point),
    "forward hessian of several numbers": forward("hessian", lambda m: lambda x: x, point),
    "forward with create_graph": forward("jacobian", lambda m: lambda x: x, point, create_graph=True),
    "forward, strict": forward("hessian", lambda m: lambda x: x.sum(), point, strict=True),
    "forward, one by one": forward("jacobian", lambda m: lambda x: x, point, vectorize=False),
    "sideways": forward("jacobian", lambda m: lambda x: x, point, strategy="sideways"),
}


def without_jvp(m: Any) -> Any:
    class Double(m.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 2

    return Double


@pytest.mark.parametrize("name", SCENARIOS)
def test_as_pytorch(name: str) -> None:
    agree(SCENARIOS[name])


def test_forward_mode_runs_the_function_once_for_each_input() -> None:
    runs = []

    def function(x: Any) -> Any:
        runs.append(1)
        return x.repeat(4)

    rushlight.autograd.functional.jacobian(function, rushlight.ones(2), **FORWARD["jacobian"])
    assert len(runs) == 2


def test_forward_hessian_leaves_its_inputs_as_they_were() -> None:
    x = rushlight.ones(2)
    rushlight.autograd.functional.hessian(lambda x: (x * x).sum(), x, **FORWARD["hessian"])
    assert not x.requires_grad and x.grad is None


def test_works_without_recording_around_it() -> None:
    with rushlight.no_grad():
        jacobian = rushlight.autograd.functional.jacobian(lambda x: x**2, rushlight.tensor([1.0, 2.0]))
    assert jacobian.tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_jacobian_of_nothing_is_empty() -> None:
    # PyTorch raises, as it stacks no rows.
    jacobian = rushlight.autograd.functional.jacobian(lambda x: x.sin(), rushlight.zeros(0, 3))
    assert jacobian.shape == (0, 3, 0, 3)


def test_complex_jacobian() -> None:
    agree(lambda m: m.autograd.functional.jacobian(lambda z: z * z, m.tensor([1 + 2j, 3 - 1j])))

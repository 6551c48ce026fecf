"""Derivatives of functions (`torch.func`), beside PyTorch's: values, structures, nesting, history, messages."""

from __future__ import annotations

import concurrent.futures
import importlib
from collections import OrderedDict, defaultdict, namedtuple
from collections.abc import Callable
from typing import Any

import pytest

from both import agree

Point = namedtuple("Point", "x y")


def func(m: Any) -> Any:
    return importlib.import_module(f"{m.__name__}.func")


def vec(m: Any, **options: Any) -> Any:
    return m.tensor([0.3, -0.7, 1.1], dtype=m.float64, **options)


Case = Callable[[Any, Any, Any], Any]


def f(m: Any) -> Callable[[Any], Any]:
    return lambda x: (x.sin() * x.exp()).sum() * x[0]


def g(m: Any) -> Callable[[Any], Any]:
    return lambda x: m.stack([x[0] * x[1], (x**3).sum(), x[2].tanh(), x.prod()])


NESTED: dict[str, Case] = {
    "grad": lambda m, F, x: F.grad(f(m))(x),
    "grad of grad": lambda m, F, x: F.grad(lambda y: (F.grad(f(m))(y) ** 2).sum())(x),
    "third derivative": lambda m, F, x: F.grad(F.grad(F.grad(m.sin)))(x[0]),
    "perturbations": lambda m, F, x: F.grad(lambda a: a * F.grad(lambda b: a + b)(x[1]))(x[0]),
    "forward perturbations": lambda m, F, x: F.jvp(
        lambda a: a * F.jvp(lambda b: a + b, (x[1],), (m.ones_like(a),))[1], (x[0],), (m.ones_like(x[0]),)
    ),
    "mixed perturbations": lambda m, F, x: F.jvp(lambda a: a * F.grad(lambda b: a * b * b)(a), (x[0],), (x[1],)),
    "captured": lambda m, F, x: F.grad(lambda a: (a * F.grad(lambda b: (a * b.sin() * x).sum())(a)).sum())(x),
    "vjp": lambda m, F, x: [(r := F.vjp(g(m), x))[0], r[1](r[0])],
    "vjp twice": lambda m, F, x: F.vjp(lambda y: F.vjp(g(m), y)[1](m.ones(4, dtype=y.dtype))[0], x)[1](x),
    "jvp": lambda m, F, x: F.jvp(g(m), (x,), (x,)),
    "jvp of jvp": lambda m, F, x: F.jvp(lambda y: F.jvp(g(m), (y,), (y,))[1], (x,), (x * 2,)),
    "jvp of jvp of jvp": lambda m, F, x: F.jvp(
        lambda z: F.jvp(lambda y: F.jvp(g(m), (y,), (x,))[1], (z,), (x,))[1], (x,), (x * 2,)
    ),
    "Hessian-vector, forward over reverse": lambda m, F, x: F.jvp(F.grad(f(m)), (x,), (x * 2,)),
    "Hessian-vector, reverse over forward": lambda m, F, x: F.grad(lambda y: F.jvp(f(m), (y,), (x,))[1])(x),
    "Hessian-vector, reverse over reverse": lambda m, F, x: F.vjp(F.grad(f(m)), x)[1](x),
    "forward over reverse over forward": lambda m, F, x: F.jvp(
        F.grad(lambda y: F.jvp(f(m), (y,), (x,))[1]), (x,), (x * 2,)
    ),
    "reverse over forward over reverse": lambda m, F, x: F.grad(
        lambda y: (F.jvp(F.grad(f(m)), (y,), (x,))[1] ** 2).sum()
    )(x),
    "jacrev": lambda m, F, x: F.jacrev(g(m))(x),
    "jacfwd": lambda m, F, x: F.jacfwd(g(m))(x),
    "hessian": lambda m, F, x: F.hessian(f(m))(x),
    "Jacobians of Jacobians": lambda m, F, x: [
        F.jacrev(F.jacrev(g(m)))(x),
        F.jacrev(F.jacfwd(g(m)))(x),
        F.jacfwd(F.jacfwd(g(m)))(x),
        F.jacfwd(F.jacrev(g(m)))(x),
    ],
    "third derivatives": lambda m, F, x: F.jacfwd(F.hessian(f(m)))(x),
    "linearize": lambda m, F, x: [(r := F.linearize(g(m), x))[0], r[1](x), r[1](x * 2)],
    "argnums": lambda m, F, x: [
        F.grad(lambda a, b: (a * b).sum(), 1)(x, x * 2),
        F.grad(lambda a, b: (a * b).sum(), (1, 0))(x, x * 2),
        F.grad(lambda a, b: (a * b).sum(), -1)(x, x * 2),
        F.jacrev(lambda a, b: a * b, (0, 1))(x, x * 2),
        F.jacfwd(lambda a, b: a * b, (0, 1))(x, x * 2),
        F.hessian(lambda a, b: (a * b * b).sum(), (0, 1))(x, x * 2),
    ],
    "trees": lambda m, F, x: [
        F.grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": x, "b": (x * 2, x)}),
        F.jacrev(lambda d: {"s": d["a"].sum(), "t": [d["a"]]})({"a": x}),
        F.jacfwd(lambda d: {"s": d["a"].sum(), "t": [d["a"]]})({"a": x}),
        F.vjp(lambda d: {"s": d["a"].sum(), "t": [d["a"]]}, {"a": x})[1]({"s": x[0], "t": [x]}),
        F.jvp(lambda p: Point(p.x * p.y, p.x), (Point(x, x * 2),), (Point(x, x),)),
    ],
    "aux": lambda m, F, x: [
        F.grad(lambda y: (y.sum(), y * 2), has_aux=True)(x),
        F.grad_and_value(lambda y: (y.sum(), {"a": y * 2}), has_aux=True)(x),
        F.grad_and_value(f(m))(x),
        F.jacrev(lambda y: (y * y, y), has_aux=True)(x),
        F.jacfwd(lambda y: (y * y, y), has_aux=True)(x),
        F.jvp(lambda y: (y * y, y), (x,), (x,), has_aux=True),
        (r := F.vjp(lambda y: (y * y, y), x, has_aux=True))[0],
        r[2],
    ],
    "keywords": lambda m, F, x: F.grad(lambda y, scale: (y * scale).sum())(x, scale=3),
    "no_grad outside": lambda m, F, x: m.no_grad()(lambda: F.grad(f(m))(x))(),
    "no_grad inside": lambda m, F, x: F.grad(lambda y: (y * m.no_grad()(lambda: y * y)()).sum())(x),
    "independent": lambda m, F, x: [
        F.grad(lambda y: m.ones(()))(x),
        F.jvp(lambda y: m.ones(2), (x,), (x,)),
        F.jacrev(lambda y: m.ones(2))(x),
        F.jacfwd(lambda y: m.ones(2))(x),
        F.vjp(lambda y: m.ones(2), x)[1](m.ones(2)),
    ],
    "in place": lambda m, F, x: F.grad(lambda y: (z := y * 2, z[0].mul_(3), z.exp_().sum())[2])(x),
    "complex": lambda m, F, x: F.grad(lambda y: (m.complex(y, y * y) ** 2).abs().sum())(x),
    "decompositions": lambda m, F, x: [
        F.hessian(lambda y: m.linalg.det(y.outer(y) + m.diag(y.exp())))(x),
        F.jacfwd(lambda y: m.linalg.svdvals(y.outer(y) + m.diag(y)))(x),
    ],
    "chunks": lambda m, F, x: F.jacrev(g(m), chunk_size=2)(x),
}

ERRORS: dict[str, Case] = {
    "no scalar": lambda m, F, x: F.grad(lambda y: y)(x),
    "no tensor": lambda m, F, x: F.grad(lambda y: 3.0)(x),
    "pair": lambda m, F, x: F.grad(lambda y: (y.sum(), y))(x),
    "argnum": lambda m, F, x: F.grad(f(m), argnums=3)(x),
    "argnum's type": lambda m, F, x: F.grad(f(m), argnums="a")(x),  # type: ignore[arg-type]
    "no argnums": lambda m, F, x: F.grad(f(m), argnums=())(x),
    "argnums twice": lambda m, F, x: F.grad(f(m), argnums=(0, 0))(x, x),
    "no aux": lambda m, F, x: F.grad(f(m), has_aux=True)(x),
    "no tensor as aux": lambda m, F, x: F.grad(lambda y: (y.sum(), 3), has_aux=True)(x),
    "integers": lambda m, F, x: F.grad(f(m))(x.long()),
    "complex result": lambda m, F, x: F.grad(lambda y: y.sum() + 0j)(x),
    "number": lambda m, F, x: F.grad(f(m))(3.0),
    "vjp of numbers": lambda m, F, x: F.vjp(lambda y: 3, x),
    "cotangent's shape": lambda m, F, x: F.vjp(lambda y: y, x)[1](x[:2]),
    "cotangent's structure": lambda m, F, x: F.vjp(lambda y: (y, y), x)[1](x),
    "primals": lambda m, F, x: F.jvp(lambda y: y, x, x),
    "tangents": lambda m, F, x: F.jvp(lambda y: y, (x,), (x, x)),
    "tangent's type": lambda m, F, x: F.jvp(lambda y: y, (x,), (3,)),
    "tangent's shape": lambda m, F, x: F.jvp(lambda y: y, (x,), (x[:2],)),
    "no primals": lambda m, F, x: F.jvp(lambda y: y, (), ()),
    "strict": lambda m, F, x: F.jvp(lambda y: m.ones(2), (x,), (x,), strict=True),
    "integers forward": lambda m, F, x: F.jacfwd(lambda y: y.exp())(x.long()),
    "chunk": lambda m, F, x: F.jacrev(lambda y: y, chunk_size=0)(x),
    "tangent of linearize": lambda m, F, x: F.linearize(g(m), x)[1](x[:2]),
    "functionalize": lambda m, F, x: F.functionalize(g(m), remove="a"),
}


@pytest.mark.parametrize("name", [*NESTED, *ERRORS])
def test_transforms(name: str) -> None:
    agree(lambda m: (NESTED | ERRORS)[name](m, func(m), vec(m)), 1e-9)


@pytest.mark.parametrize("name", ["grad", "vjp", "jacrev", "Hessian-vector, forward over reverse"])
def test_the_tape_goes_on(name: str) -> None:
    """Results are derived again by the ordinary tape where the arguments, or what was captured, require grad."""

    def scenario(m: Any) -> Any:
        x = vec(m, requires_grad=True)
        out = NESTED[name](m, func(m), x)
        total = sum(t.sum() for t in (out if isinstance(out, (list, tuple)) else [out]) if isinstance(t, m.Tensor))
        return [total.requires_grad, m.autograd.grad(total, x)]

    agree(scenario, 1e-9)


def test_linearized_functions_are_derived_again() -> None:
    """PyTorch takes the point for a constant there."""
    import rushlight as m

    F, x = func(m), vec(m)
    through = F.grad(lambda y: F.linearize(g(m), y)[1](x).sum())(x)
    expected = F.grad(lambda y: F.jvp(g(m), (y,), (x,))[1].sum())(x)
    assert m.allclose(through, expected)


def test_history() -> None:
    def scenario(m: Any) -> Any:
        F, x, w = func(m), vec(m), vec(m, requires_grad=True)
        captured = F.grad(lambda y: (w * y * y).sum())(x)
        captured.sum().backward()
        return [
            F.grad(f(m))(x).requires_grad,
            F.grad_and_value(f(m))(x)[1].requires_grad,
            F.vjp(f(m), x)[0].requires_grad,
            F.jacrev(g(m))(x).requires_grad,
            captured.requires_grad,
            w.grad,
            m.no_grad()(lambda: F.grad(f(m))(w).requires_grad)(),
        ]

    agree(scenario)


def net(m: Any) -> Any:
    m.manual_seed(0)
    return m.nn.Sequential(m.nn.Linear(3, 2), m.nn.Tanh(), m.nn.Linear(2, 1)).double()


MODULES: dict[str, Case] = {
    "call": lambda m, F, x: [
        F.functional_call(n := net(m), {"0.weight": m.ones(2, 3, dtype=x.dtype)}, x),
        F.functional_call(n, {}, (x,)),
    ],
    "grad": lambda m, F, x: F.grad(lambda p, n=net(m): F.functional_call(n, p, (x,)).sum())(
        {k: v.detach() for k, v in net(m).named_parameters()}
    ),
    "several dicts": lambda m, F, x: F.functional_call(net(m), ({"0.bias": x[:2]}, {"2.bias": x[:1]}), x),
    "twice": lambda m, F, x: F.functional_call(net(m), ({"0.bias": x[:2]}, {"0.bias": x[:2]}), x),
    "strict": lambda m, F, x: F.functional_call(net(m), {"0.bias": x[:2], "q": x}, x, strict=True),
    "no dict": lambda m, F, x: F.functional_call(net(m), 3, x),
    "stacked": lambda m, F, x: F.stack_module_state([net(m), net(m)]),
    "no models": lambda m, F, x: F.stack_module_state([]),
    "other models": lambda m, F, x: F.stack_module_state([m.nn.Linear(1, 1), m.nn.ReLU()]),
    "other modes": lambda m, F, x: F.stack_module_state([m.nn.Linear(1, 1), m.nn.Linear(1, 1).eval()]),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name: str) -> None:
    agree(lambda m: MODULES[name](m, func(m), vec(m)), 1e-9)


class Box:
    def __init__(self, value: Any) -> None:
        self.value = value


TREE = {"a": (1, [2, 3]), "b": Point(4, OrderedDict(x=5)), "c": None}
TREES: dict[str, Callable[[Any, Any], Any]] = {
    "flat": lambda m, p: (r := p.tree_flatten(TREE))[0] + [repr(r[1]), p.tree_unflatten(r[0], r[1]) == TREE],
    "map": lambda m, p: p.tree_map(lambda a, b: (a, b), {"x": [1, 2]}, {"x": [(3, 4), 5]}),
    "map only": lambda m, p: p.tree_map_only(int, lambda a: a * 2, [1, "a", (2.5, 3)]),
    "leaves": lambda m, p: [p.tree_leaves(TREE), p.tree_leaves(3), p.tree_all(bool, [1, 2]), p.tree_any(bool, [0, 0])],
    "paths": lambda m, p: [p.keystr(k) for k, _ in p.tree_leaves_with_path(TREE)],
    "is_leaf": lambda m, p: p.tree_leaves([(1, 2), [3]], is_leaf=lambda t: isinstance(t, tuple)),
    "text": lambda m, p: p.treespec_dumps(p.tree_structure({"a": (1, [2])})),
    "text and back": lambda m, p: repr(p.treespec_loads(p.treespec_dumps(p.tree_structure({"a": (1, [2])})))),
    "arity": lambda m, p: p.tree_map(lambda a, b: a, (1, 2), (1, 2, 3)),
    "type": lambda m, p: p.tree_map(lambda a, b: a, (1, 2), [1, 2]),
    "keys": lambda m, p: p.tree_map(lambda a, b: a, {"a": 1}, {"b": 1}),
    "count": lambda m, p: p.tree_unflatten([1], p.tree_structure([1, 2])),
    "text of a factory": lambda m, p: p.tree_unflatten(
        [2], p.treespec_loads(p.treespec_dumps(p.tree_structure(defaultdict(concurrent.futures.Future, a=1))))
    ),
    "constant": lambda m, p: p.register_constant(type("Unlike", (), {})),
    "constant without hash": lambda m, p: p.register_constant(type("Alike", (), {"__eq__": lambda a, b: True})),
    "twice": lambda m, p: p.register_pytree_node(dict, 1, 2),
    "no description": lambda m, p: p.tree_unflatten([1], 3),
}


@pytest.mark.parametrize("name", TREES)
def test_trees(name: str) -> None:
    agree(lambda m: TREES[name](m, importlib.import_module(f"{m.__name__}.utils._pytree")))


def test_own_containers() -> None:
    def scenario(m: Any) -> Any:
        p = importlib.import_module(f"{m.__name__}.utils._pytree")
        own = type("Box", (Box,), {})
        p.register_pytree_node(own, lambda b: ([b.value], None), lambda v, _: own(*v))
        gradient = func(m).grad(lambda b: (b.value**2).sum())(own(vec(m)))
        return [type(gradient) is own, gradient.value]

    agree(scenario)


def test_parameters_in_arithmetic() -> None:
    """Subclasses have copies of the type's slots, through which Python calls operators with a Parameter on the right."""
    import rushlight as m

    F, x, y = func(m), vec(m), vec(m) * 2

    def outcomes(kind: Any) -> list[Any]:
        w, square = kind(y), kind(y.outer(y))
        f = lambda a: m.stack([a + w, w - a, a * w, w / a, a @ square, w @ a * a, (a > w) * a])  # noqa: E731
        late = type("Late", (m.nn.Parameter,), {})

        def inside(a: Any) -> Any:
            return a * (late(y, requires_grad=False) if kind is not m.Tensor.clone else y)

        return [
            F.jvp(f, (x,), (x,))[1],
            F.vmap(f)(m.stack([x, y])),
            F.jvp(inside, (x,), (x,))[1],
            F.vmap(F.grad(lambda a: (a * w).sum()))(m.stack([x, y])),
            x * late(y, requires_grad=False),
        ]

    for got, expected in zip(
        outcomes(lambda t: m.nn.Parameter(t, requires_grad=False)), outcomes(m.Tensor.clone), strict=True
    ):
        assert m.allclose(got, expected)

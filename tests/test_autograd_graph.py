"""torch.autograd.graph, and backward and grad with all their arguments: compared with PyTorch."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import rushlight
from both import agree, compare, plain

Scenario = Callable[[Any], Any]


def leaf(m: Any, *values: float) -> Any:
    return m.tensor(values or (1.0, 2.0), requires_grad=True)


# --- backward and grad ------------------------------------------------------------------------------------------------


def cotangents(m: Any) -> Any:
    x = leaf(m)
    y = x.sin()
    return m.autograd.grad([y, y * 2], x, [m.ones(2), None and 0 or m.tensor([1.0, 0.5])])


def unused(m: Any) -> Any:
    x, z = leaf(m), leaf(m)
    return m.autograd.grad(x.sum(), [x, z], allow_unused=True)


def materialized(m: Any) -> Any:
    x, z = leaf(m), leaf(m)
    return m.autograd.grad(x.sum(), [x, z], materialize_grads=True)


def batched(m: Any) -> Any:
    x = leaf(m)
    return m.autograd.grad(x.exp(), x, m.eye(2), is_grads_batched=True)


def batched_of_wrong_shape(m: Any) -> Any:
    x = leaf(m)
    return m.autograd.grad(x.exp(), x, m.ones(3, 3), is_grads_batched=True)


def named_inputs(m: Any) -> Any:
    x, z = leaf(m), leaf(m)
    return m.autograd.grad((x * z).sum(), {"x": x, "z": z})


def backward_into_some(m: Any) -> Any:
    x, z = leaf(m), leaf(m)
    m.autograd.backward((x * z).sum(), inputs=[x])
    return x.grad, z.grad


def backward_of_several(m: Any) -> Any:
    x = leaf(m)
    m.autograd.backward([x.sum(), x * x], [None, m.tensor([1.0, -1.0])])
    return x.grad


def old_name_of_cotangents(m: Any) -> Any:
    x = leaf(m)
    m.autograd.backward([x * x], grad_variables=[m.tensor([1.0, -1.0])])
    return x.grad


def both_names_of_cotangents(m: Any) -> Any:
    x = leaf(m)
    g = [m.ones(2)]
    m.autograd.backward([x * x], g, grad_variables=g)


def variable(m: Any) -> Any:
    t = m.autograd.Variable(m.ones(2), requires_grad=True)
    return t, t.requires_grad, isinstance(t, m.autograd.Variable), m.autograd.variable.Variable is m.autograd.Variable


GRADS: list[Scenario] = [
    cotangents, unused, materialized, batched, named_inputs, backward_into_some,
    backward_of_several, old_name_of_cotangents, both_names_of_cotangents, variable,
]  # fmt: skip


@pytest.mark.parametrize("scenario", GRADS, ids=lambda f: f.__name__)
def test_backward_and_grad(scenario: Scenario) -> None:
    agree(scenario)


def test_batched_of_wrong_shape_names_both_shapes() -> None:
    # PyTorch's text says torch.Size([]) for the cotangent, whatever its shape.
    with pytest.raises(RuntimeError, match=r"grad_output\[0\] has a shape of torch.Size\(\[3, 3\]\) and output"):
        batched_of_wrong_shape(rushlight)


# --- edges --------------------------------------------------------------------------------------------------------------


def edge_as_output(m: Any) -> Any:
    x = leaf(m)
    return m.autograd.grad(m.autograd.graph.get_gradient_edge(x * 3), x, grad_outputs=m.ones(2))


def edge_of_a_scalar(m: Any) -> Any:
    x = leaf(m)
    return m.autograd.grad(m.autograd.graph.GradientEdge((x * 3).sum().grad_fn, 0), x)


def edge_needs_a_scalar(m: Any) -> Any:
    x = leaf(m)
    return m.autograd.grad(m.autograd.graph.get_gradient_edge(x * 3), x)


def edges_as_inputs(m: Any) -> Any:
    x = leaf(m)
    y = x * 3
    edges = [m.autograd.graph.get_gradient_edge(x), m.autograd.graph.get_gradient_edge(y)]
    return m.autograd.grad((y * y).sum(), edges)


def edge_outlives_its_tensor(m: Any) -> Any:
    x = leaf(m)
    y = x * 3
    edge = m.autograd.graph.get_gradient_edge(y)
    z = (y * y).sum()
    del y
    return m.autograd.grad(z, [edge])


def edge_in_backward(m: Any) -> Any:
    x = leaf(m)
    m.autograd.backward(m.autograd.graph.get_gradient_edge(x * 3), m.ones(2))
    return x.grad


def edge_of_nothing(m: Any) -> Any:
    return m.autograd.graph.get_gradient_edge(m.ones(2))


def edge_of_one_of_several_outputs(m: Any) -> Any:
    x = leaf(m, 1.0, 2.0, 3.0)
    _, b, _ = x.unbind()
    edge = m.autograd.graph.get_gradient_edge(b)
    return edge.output_nr, edge.node.name(), m.autograd.grad(edge, x)


def edge_cannot_be_materialized(m: Any) -> Any:
    x, z = leaf(m), leaf(m)
    return m.autograd.grad(z.sum(), [m.autograd.graph.get_gradient_edge(x)], materialize_grads=True)


def edge_as_an_input_of_the_method(m: Any) -> Any:
    x, z = leaf(m), leaf(m)
    edge = m.autograd.graph.get_gradient_edge(x)
    (x * z).sum().backward(inputs=edge)
    (x * z).sum().backward(inputs=[edge, z])
    return x.grad, z.grad


EDGES: list[Scenario] = [
    edge_as_an_input_of_the_method,
    edge_as_output, edge_of_a_scalar, edge_needs_a_scalar, edges_as_inputs, edge_outlives_its_tensor, edge_in_backward,
    edge_of_nothing, edge_of_one_of_several_outputs, edge_cannot_be_materialized,
]  # fmt: skip


@pytest.mark.parametrize("scenario", EDGES, ids=lambda f: f.__name__)
def test_edges(scenario: Scenario) -> None:
    agree(scenario)


# --- hooks on saved tensors ---------------------------------------------------------------------------------------------


def what_is_packed(m: Any) -> Any:
    seen: list[Any] = []

    def pack(t: Any) -> Any:
        seen.append(("pack", t.detach().clone(), t.requires_grad, t.grad_fn is None))
        return t.detach() * 1

    def unpack(t: Any) -> Any:
        seen.append(("unpack", t))
        return t

    x = leaf(m)
    y = x * 2
    with m.autograd.graph.saved_tensors_hooks(pack, unpack):
        z = (x * y).exp()
    z.sum().backward()
    return sorted(map(str, plain(seen))), x.grad


def inner_pair_counts(m: Any) -> Any:
    seen: list[str] = []
    x = leaf(m)
    hooks = m.autograd.graph.saved_tensors_hooks
    with hooks(lambda t: seen.append("outer") or t.detach(), lambda t: t):
        x.sin()
        with hooks(lambda t: seen.append("inner") or t.detach(), lambda t: t):
            x.sin()
        x.sin()
    x.sin()
    return seen


def hooks_in_a_second_derivative(m: Any) -> Any:
    x = leaf(m)
    with m.autograd.graph.saved_tensors_hooks(lambda t: t.detach().tolist(), lambda p: m.tensor(p)):
        y = (x**3).exp()
        (g,) = m.autograd.grad(y.sum(), x, create_graph=True)
        return m.autograd.grad(g.sum(), x)


def unpack_gives_no_tensor(m: Any) -> Any:
    x = leaf(m)
    with m.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: 3):
        y = x.sin()
    y.sum().backward()


def pack_changes_its_input(m: Any) -> Any:
    x = leaf(m)
    with m.autograd.graph.saved_tensors_hooks(lambda t: t.add_(1), lambda t: t):
        (x * 2).sin()


def pack_raises(m: Any) -> Any:
    def pack(t: Any) -> Any:
        raise ValueError("no")

    x = leaf(m)
    with m.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        x.sin()


def unpack_raises(m: Any) -> Any:
    def unpack(t: Any) -> Any:
        raise ValueError("no")

    x = leaf(m)
    with m.autograd.graph.saved_tensors_hooks(lambda t: t.detach(), unpack):
        y = x.sin()
    y.sum().backward()


def disabled(m: Any) -> Any:
    with m.autograd.graph.disable_saved_tensors_hooks("not here"):
        with m.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            pass


def disabled_inside(m: Any) -> Any:
    with m.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        with m.autograd.graph.disable_saved_tensors_hooks("not here"):
            pass


def on_cpu(m: Any) -> Any:
    x = leaf(m)
    y = x * 1
    with m.autograd.graph.save_on_cpu():
        z = y.sin()
    y.detach().add_(1)  # what was saved is a copy
    return m.autograd.grad(z.sum(), x)


def version_is_not_checked_behind_hooks(m: Any) -> Any:
    x = leaf(m)
    y = x * 1
    with m.autograd.graph.saved_tensors_hooks(lambda t: t.detach(), lambda t: t):
        z = y.sin()
    with m.no_grad():
        y.zero_()
    return m.autograd.grad(z.sum(), x)


SAVED: list[Scenario] = [
    what_is_packed, inner_pair_counts, hooks_in_a_second_derivative, unpack_gives_no_tensor, pack_changes_its_input,
    pack_raises, unpack_raises, disabled, disabled_inside, version_is_not_checked_behind_hooks,
]  # fmt: skip


@pytest.mark.parametrize("scenario", SAVED, ids=lambda f: f.__name__)
def test_saved_tensor_hooks(scenario: Scenario) -> None:
    agree(scenario)


def test_save_on_cpu_keeps_a_copy() -> None:
    (g,) = on_cpu(rushlight)
    assert g.tolist() == leaf(rushlight).cos().tolist()


def test_output_that_its_pack_hook_gives_back_does_not_keep_the_graph() -> None:
    x = leaf(rushlight)
    with rushlight.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        y = x.exp()
    gone = weakref.ref(y)
    y.sum().backward()
    del y
    gc.collect()
    assert gone() is None


# --- saved values of nodes ----------------------------------------------------------------------------------------------

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "mul": lambda m, x: x * x.detach(),
    "mul of two": lambda m, x: x * (x * 1),
    "div": lambda m, x: x / x.detach(),
    "pow": lambda m, x: x**3,
    "pow of two": lambda m, x: x**x,
    "sin": lambda m, x: x.sin(),
    "cos": lambda m, x: x.cos(),
    "exp": lambda m, x: x.exp(),
    "log": lambda m, x: x.log(),
    "sqrt": lambda m, x: x.sqrt(),
    "tanh": lambda m, x: x.tanh(),
    "sigmoid": lambda m, x: x.sigmoid(),
    "relu": lambda m, x: x.relu(),
    "abs": lambda m, x: x.abs(),
    "reciprocal": lambda m, x: x.reciprocal(),
    "where": lambda m, x: m.where(x > 1, x, x * 2),
    "mm": lambda m, x: m.mm(x.expand(2, 2), x.expand(2, 2)),
    "mv": lambda m, x: m.mv(x.expand(2, 2), x),
    "dot": lambda m, x: m.dot(x, x),
    "max of a dimension": lambda m, x: m.max(x, 0)[0],
    "index_select": lambda m, x: x.index_select(0, m.tensor([1])),
    "gather": lambda m, x: x.gather(0, m.tensor([1])),
    "masked_fill": lambda m, x: x.masked_fill(x > 1, 0.0),
    "softmax": lambda m, x: m.softmax(x, 0),
    "log_softmax": lambda m, x: m.log_softmax(x, 0),
    "prod": lambda m, x: x.prod(),
    "maximum": lambda m, x: m.maximum(x, x.flip(0)),
    "clamp": lambda m, x: x.clamp(1.5, 3.0),
    "atan2": lambda m, x: m.atan2(x, x.detach()),
}
WAITING: dict[str, str] = {}


@pytest.mark.parametrize("name", OPERATORS)
def test_saved_tensors_have_pytorch_names(name: str) -> None:
    torch = pytest.importorskip("torch")
    make = OPERATORS[name]
    fns = [make(m, leaf(m)).grad_fn for m in (torch, rushlight)]

    def saved(fn: Any, library: Any) -> dict[str, Any]:
        names = [n for n in dir(fn) if n.startswith("_saved_")]
        values = {n: getattr(fn, n) for n in names}
        return {n: v.tolist() for n, v in values.items() if isinstance(v, library.Tensor)}

    expected, got = saved(fns[0], torch), saved(fns[1], rushlight)
    assert set(got) <= set(expected), "every saved tensor has PyTorch's name"
    for key, value in got.items():
        compare(value, expected[key], 1e-6)
    for key in got:
        assert getattr(fns[1], key.replace("_saved_", "_raw_saved_")).unpack().tolist() == got[key]


def raw_hooks(m: Any) -> Any:
    x = leaf(m)
    y = (x * 1).sin()
    y.grad_fn._raw_saved_self.register_hooks(lambda t: t.detach() * 10, lambda t: t / 10)
    return m.autograd.grad(y.sum(), x)


def raw_hooks_twice(m: Any) -> Any:
    y = leaf(m).sin()
    saved = y.grad_fn._raw_saved_self
    for _ in range(2):
        saved.register_hooks(lambda t: t, lambda t: t)


def raw_hooks_on_nothing(m: Any) -> Any:
    y = m.ones(2) * leaf(m)
    y.grad_fn._raw_saved_other.register_hooks(lambda t: t, lambda t: t)


def raw_hooks_after_backward(m: Any) -> Any:
    y = leaf(m).sin()
    saved = y.grad_fn._raw_saved_self
    y.sum().backward()
    saved.register_hooks(lambda t: t, lambda t: t)


def saved_after_backward(m: Any) -> Any:
    y = leaf(m).sin()
    y.sum().backward()
    return y.grad_fn._saved_self


def saved_output(m: Any) -> Any:
    y = leaf(m).exp()
    return y.grad_fn._saved_result, y.grad_fn._saved_result.grad_fn is y.grad_fn


@pytest.mark.parametrize(
    "scenario",
    [raw_hooks, raw_hooks_twice, raw_hooks_on_nothing, raw_hooks_after_backward, saved_after_backward, saved_output],
    ids=lambda f: f.__name__,
)
def test_raw_saved_tensors(scenario: Scenario) -> None:
    agree(scenario)


# --- nodes --------------------------------------------------------------------------------------------------------------


def node(m: Any) -> Any:
    x = leaf(m)
    y = (x * x).sin()
    fn = y.grad_fn
    fn.metadata["key"] = 3
    seen: list[Any] = []
    fn.register_hook(lambda gi, go: seen.append(("post", gi, go)))
    fn.register_prehook(lambda go: seen.append(("pre", go)))
    y.sum().backward()
    next_name = fn.next_functions[0][0].name()
    return fn.name(), next_name, fn.metadata, isinstance(fn, m.autograd.graph.Node), fn.requires_grad, seen


def hook_replaces(m: Any) -> Any:
    x = leaf(m)
    y = x.sin()
    y.grad_fn.register_prehook(lambda go: (go[0] * 2,))
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 10,))
    return m.autograd.grad(y.sum(), x)


def all_gradients(m: Any) -> Any:
    seen: list[Any] = []
    a, b, c = leaf(m), leaf(m), leaf(m)
    handle = m.autograd.graph.register_multi_grad_hook([a, b, c], lambda grads: seen.append(list(grads)))
    (a * b).sum().backward()
    (a * b * c).sum().backward()
    handle.remove()
    (a * b).sum().backward()
    return seen


def any_gradient(m: Any) -> Any:
    seen: list[Any] = []
    a, b = leaf(m), leaf(m)
    x, y = a * 2, b * 3
    m.autograd.graph.register_multi_grad_hook([x, y], lambda g: seen.append(g), mode="any")
    (x.sum() + y.sum()).backward(retain_graph=True)
    y.sum().backward()
    return seen


def callback(m: Any) -> Any:
    seen: list[str] = []
    x = leaf(m)
    queue = m.autograd.Variable._execution_engine.queue_callback
    x.register_hook(lambda g: (seen.append("hook"), queue(lambda: seen.append("end")))[:0] or None)
    (x * x).sum().backward()
    return seen


def unknown_mode(m: Any) -> Any:
    m.autograd.graph.register_multi_grad_hook([leaf(m)], print, mode="some")


def versions(m: Any) -> Any:
    x = m.ones(2)
    m.autograd.graph.increment_version(x)
    m.autograd.graph.increment_version([x, x])
    return x._version


def versions_of_a_number(m: Any) -> Any:
    m.autograd.graph.increment_version(3)


def version_is_seen_by_backward(m: Any) -> Any:
    x = leaf(m)
    y = x * 1
    z = y.sin()
    m.autograd.graph.increment_version(y)
    z.sum().backward()


@pytest.mark.parametrize(
    "scenario",
    [
        node,
        hook_replaces,
        all_gradients,
        any_gradient,
        callback,
        unknown_mode,
        versions,
        versions_of_a_number,
        version_is_seen_by_backward,
    ],
    ids=lambda f: f.__name__,
)
def test_nodes_and_their_hooks(scenario: Scenario) -> None:
    agree(scenario)


# --- changes of saved tensors ---------------------------------------------------------------------------------------------


def mutation(m: Any) -> Any:
    x = leaf(m)
    with m.autograd.graph.allow_mutation_on_saved_tensors() as context:
        y = x.sin()
        z = y * y
        y.mul_(3)
        y[0] = 5.0
        kept = len(context.original), len(context.cloned)
        return m.autograd.grad((z + y).sum(), x), kept


def mutation_of_a_view(m: Any) -> Any:
    x = leaf(m)
    with m.autograd.graph.allow_mutation_on_saved_tensors():
        y = x * 1
        z = (y[:1] * y[1:]).sum()
        y[1].zero_()
        return m.autograd.grad(z, x)


def mutation_ends_with_the_context(m: Any) -> Any:
    x = leaf(m)
    with m.autograd.graph.allow_mutation_on_saved_tensors():
        y = x.sin()
        z = y * y
        y.mul_(3)
    z.sum().backward()


def mutation_does_not_nest(m: Any) -> Any:
    with m.autograd.graph.allow_mutation_on_saved_tensors():
        with m.autograd.graph.allow_mutation_on_saved_tensors():
            pass


@pytest.mark.parametrize("scenario", [mutation, mutation_of_a_view, mutation_does_not_nest], ids=lambda f: f.__name__)
def test_mutation_of_saved_tensors(scenario: Scenario) -> None:
    agree(scenario)


def test_mutation_context_forgets() -> None:
    with pytest.raises(AssertionError, match="Trying to backward outside of the"):
        mutation_ends_with_the_context(rushlight)
    x = leaf(rushlight)
    y = x.sin()
    z = y * y
    y.mul_(3)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_hooks_belong_to_their_thread() -> None:
    import threading

    seen: list[Any] = []
    with rushlight.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t) or t, lambda t: t):
        thread = threading.Thread(target=lambda: leaf(rushlight).sin())
        thread.start()
        thread.join()
    assert not seen

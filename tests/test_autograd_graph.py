"""torch.autograd.graph, and backward and grad with all their arguments: compared with PyTorch."""

from __future__ import annotations

import gc
import importlib
import math
import re
import warnings
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


# What nodes keep that is no tensor. Left out: sizes and strides of what only one of two saved factors tells.
VALUES: list[Callable[[Any, Any], Any]] = [
    lambda m, d: m.add(d.x, d.y, alpha=2),
    lambda m, d: d.x + 1,
    lambda m, d: m.sub(d.x, d.y, alpha=3),
    lambda m, d: m.rsub(d.x, d.y, alpha=2),
    lambda m, d: 1 - d.x,
    lambda m, d: d.x * 2,
    lambda m, d: d.x * d.y,
    lambda m, d: d.x / 2,
    lambda m, d: m.div(d.x, d.y, rounding_mode="floor"),
    lambda m, d: m.div(d.x, 2, rounding_mode="trunc"),
    lambda m, d: d.x**3,
    lambda m, d: 2**d.x,
    lambda m, d: m.xlogy(2, d.x),
    lambda m, d: m.xlogy(d.x, 2),
    lambda m, d: m.special.zeta(2.0, d.x),
    lambda m, d: m.addmm(d.sq, d.sq, d.sq, beta=2, alpha=3),
    lambda m, d: m.addmv(d.v[:3], d.sq, d.v[:3]),
    lambda m, d: m.addr(d.sq, d.v[:3], d.v[:3]),
    lambda m, d: m.baddbmm(d.sq[None], d.sq[None], d.sq[None]),
    lambda m, d: m.addbmm(d.sq, d.sq[None], d.sq[None]),
    lambda m, d: m.addcmul(d.x, d.x, d.y, value=2),
    lambda m, d: m.addcdiv(d.x, d.x, d.y),
    lambda m, d: m.lerp(d.x, d.y, 0.5),
    lambda m, d: d.x.clamp(0.2, 0.8),
    lambda m, d: d.x.clamp(min=0.2),
    lambda m, d: m.clamp_min(d.x, 0.3),
    lambda m, d: m.clamp_max(d.x, 0.3),
    lambda m, d: d.x.clamp(max=1),
    lambda m, d: d.x.sum(),
    lambda m, d: d.x.sum(1),
    lambda m, d: d.x.sum((0, 1), keepdim=True),
    lambda m, d: d.x.mean(),
    lambda m, d: d.x.mean(0),
    lambda m, d: d.x.nansum(),
    lambda m, d: d.x.nansum(1),
    lambda m, d: d.x.prod(),
    lambda m, d: d.x.prod(1, keepdim=True),
    lambda m, d: d.x.var(1, correction=0),
    lambda m, d: d.x.std((0, 1)),
    lambda m, d: m.var_mean(d.x, 1)[0],
    lambda m, d: d.x.amax(),
    lambda m, d: d.x.amax(1),
    lambda m, d: d.x.max(),
    lambda m, d: d.x.max(1)[0],
    lambda m, d: d.x.min(0, keepdim=True)[0],
    lambda m, d: m.aminmax(d.x, dim=1)[0],
    lambda m, d: m.aminmax(d.x)[0],
    lambda m, d: d.x.logsumexp(1),
    lambda m, d: m.linalg.vector_norm(d.x, 3, 1),
    lambda m, d: d.x.norm(),
    lambda m, d: d.x.norm(3, 1),
    lambda m, d: m.dist(d.x, d.y),
    lambda m, d: d.x.median(1)[0],
    lambda m, d: d.x.mode(1)[0],
    lambda m, d: d.x.kthvalue(2, 1)[0],
    lambda m, d: d.x.topk(2, 1)[0],
    lambda m, d: d.x.sort(1)[0],
    lambda m, d: m.sort(d.x, dim=0, stable=True)[0],
    lambda m, d: d.x.cummax(1)[0],
    lambda m, d: d.x.cumsum(1),
    lambda m, d: d.x.cumprod(0),
    lambda m, d: d.x.logcumsumexp(1),
    lambda m, d: d.x.softmax(1),
    lambda m, d: d.x.log_softmax(0),
    lambda m, d: m.cat([d.x, d.y], 1),
    lambda m, d: m.stack([d.x, d.y], 1),
    lambda m, d: d.x.flip(0),
    lambda m, d: d.x.repeat(2, 1),
    lambda m, d: d.x.roll(1, 1),
    lambda m, d: d.x.roll(1),
    lambda m, d: d.x.view(12),
    lambda m, d: d.x.t().reshape(12),
    lambda m, d: d.v.expand(3, 4),
    lambda m, d: d.x.permute(1, 0),
    lambda m, d: d.x.transpose(0, 1),
    lambda m, d: d.x.unsqueeze(1),
    lambda m, d: d.c.squeeze(0),
    lambda m, d: d.x[1],
    lambda m, d: d.x.select(1, 2),
    lambda m, d: d.x[0:2],
    lambda m, d: d.x[:, 1:3:2],
    lambda m, d: d.sq.diagonal(),
    lambda m, d: d.sq.diagonal(1),
    lambda m, d: d.x.as_strided((2, 2), (4, 1), 1),
    lambda m, d: d.x.unfold(1, 2, 1),
    lambda m, d: d.x.unbind(1)[0],
    lambda m, d: d.x.split(2, 1)[0],
    lambda m, d: d.x.chunk(2, 1)[0],
    lambda m, d: d.x.split([1, 3], 1)[0],
    lambda m, d: d.x.gather(1, m.tensor([[0], [1], [2]])),
    lambda m, d: d.x.scatter(1, m.tensor([[0], [1], [2]]), d.y),
    lambda m, d: d.x.scatter(1, m.tensor([[0], [1], [2]]), 1.0),
    lambda m, d: d.x.scatter_add(1, m.tensor([[0], [1], [2]]), d.y),
    lambda m, d: d.x.index_copy(0, d.i, d.y[:2]),
    lambda m, d: d.x.index_fill(0, d.i, 1.0),
    lambda m, d: d.x.index_add(0, d.i, d.y[:2], alpha=2),
    lambda m, d: d.x.index_select(1, d.i),
    lambda m, d: d.x[d.i],
    lambda m, d: d.x.index_put((d.i,), d.v[:1]),
    lambda m, d: d.x.index_put((d.i,), d.v, accumulate=True),
    lambda m, d: d.sq.tril(1),
    lambda m, d: d.sq.triu(),
    lambda m, d: m.nn.functional.celu(d.x),
    lambda m, d: m.nn.functional.elu(d.x, 0.5),
    lambda m, d: m.nn.functional.gelu(d.x),
    lambda m, d: m.nn.functional.gelu(d.x, approximate="tanh"),
    lambda m, d: m.nn.functional.hardshrink(d.x),
    lambda m, d: m.nn.functional.softshrink(d.x),
    lambda m, d: m.nn.functional.hardtanh(d.x),
    lambda m, d: m.nn.functional.leaky_relu(d.x),
    lambda m, d: m.nn.functional.softplus(d.x),
    lambda m, d: m.nn.functional.threshold(d.x, 0.5, 1.0),
    lambda m, d: m.logit(d.x, 0.1),
    lambda m, d: m.logit(d.x),
    lambda m, d: m.polygamma(1, d.x),
    lambda m, d: m.nan_to_num(d.x),
    lambda m, d: m.round(d.x, decimals=2),
    lambda m, d: m.nn.functional.mse_loss(d.x, d.y),
    lambda m, d: m.nn.functional.smooth_l1_loss(d.x, d.y, reduction="sum"),
    lambda m, d: m.nn.functional.huber_loss(d.x, d.y, reduction="none", delta=2.0),
    lambda m, d: m.nn.functional.binary_cross_entropy(d.x / 3, d.y.detach() / 3),
    lambda m, d: m.nn.functional.binary_cross_entropy_with_logits(d.x, d.y),
    lambda m, d: m.nn.functional.conv2d(d.c, d.w, padding=1),
    lambda m, d: m.nn.functional.conv2d(d.c, d.w, d.v[:2], stride=2),
    lambda m, d: m.nn.functional.conv_transpose2d(d.c, d.w, output_padding=1, stride=2),
    lambda m, d: m.nn.functional.unfold(d.c, 2),
    lambda m, d: m.nn.functional.fold(d.c.reshape(1, 2, 25)[:, :, :4].repeat(1, 2, 1), 3, 2),
]
_NOT_SHOWN = re.compile(r"_saved_(\w+_sym_(sizes_opt|strides|argsize_\w+)|mat\d_sym_sizes|self)$")


class Data:
    """The tensors that VALUES derive."""

    def __init__(self, m: Any) -> None:
        def some(*shape: int) -> Any:
            count = math.prod(shape)
            return (m.arange(1.0, count + 1) / (count + 1)).reshape(shape).requires_grad_()

        self.x, self.y, self.v, self.c = some(3, 4), some(3, 4), some(4), some(1, 2, 5, 5)
        self.w, self.sq, self.i = some(2, 2, 3, 3), some(3, 3), m.tensor([0, 2])


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_saved_values_are_pytorchs(number: int) -> None:
    torch = pytest.importorskip("torch")
    make = VALUES[number]
    expected, got = (shown_values(make(m, Data(m)), m) for m in (torch, rushlight))
    for name in expected:
        assert name in got or _NOT_SHOWN.search(name), name
    for name, value in got.items():
        assert value == pytest.approx(expected[name]), name


def shown_values(result: Any, library: Any) -> dict[str, Any]:
    """The `_saved_` attributes of a result's node that are no tensors."""
    node = result.grad_fn
    values = {name: getattr(node, name) for name in dir(node) if name.startswith("_saved_")}
    tensors = (library.Tensor, tuple, list)
    return {
        name: v
        for name, v in values.items()
        if not (isinstance(v, tensors) and (not isinstance(v, (tuple, list)) or any(hasattr(t, "dtype") for t in v)))
    }


def test_saved_dimensions_are_counted_from_the_first() -> None:
    x = rushlight.ones(2, 3, requires_grad=True)
    assert x.sum(-1).grad_fn._saved_dim == (1,)
    part = x[:, -2:].grad_fn
    assert (part._saved_dim, part._saved_start, part._saved_end, part._saved_step) == (1, 1, 3, 1)
    with pytest.raises(AttributeError):
        _ = part._saved_nothing
    with pytest.raises(AttributeError):
        _ = part._raw_saved_dim


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


def picklable_hooks(m: Any) -> Any:
    """Hooks that pickling leaves out, and those that are marked as meant to be."""
    hooks = importlib.import_module(f"{m.__name__}.utils.hooks")
    x, y = leaf(m), leaf(m)
    x.register_hook(lambda g: g)
    y.register_hook(hooks.unserializable_hook(lambda g: g))
    counts = []
    for t in (x, y, leaf(m)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            hooks.warn_if_has_hooks(t)
        counts.append((len(caught), None if t._backward_hooks is None else len(t._backward_hooks)))
    z = x * 2
    z.register_hook(lambda g: g)
    return counts, len(z._backward_hooks), (x * 3)._backward_hooks


def gradients_that_do_not_fit(m: Any) -> Any:
    errors = []
    for wrong in (m.ones(3), m.ones(2, 1), m.ones(2, dtype=m.float64)):
        try:
            leaf(m).grad = wrong
        except RuntimeError as error:
            errors.append(str(error).partition(" (defaults")[0].removesuffix("'s grad_dtype"))
    return errors


def version_of_an_inference_tensor(m: Any) -> Any:
    with m.inference_mode():
        t = m.ones(2)
    return t._version


def anomaly_questions(m: Any) -> Any:
    before = m.is_anomaly_enabled(), m.is_anomaly_check_nan_enabled()
    with m.autograd.set_detect_anomaly(True, check_nan=False):
        inside = m.is_anomaly_enabled(), m.is_anomaly_check_nan_enabled()
    return before, inside


def order_of_hooks(m: Any) -> Any:
    log: list[str] = []
    x = leaf(m)
    y = x * 2
    y.register_hook(lambda g: log.append("first"))
    y.retain_grad()
    y.register_hook(lambda g: [log.append("second"), g * 2][1])
    y.grad_fn.register_prehook(lambda g: log.append("before the node"))
    y.grad_fn.register_hook(lambda a, b: log.append("after the node"))
    x.register_post_accumulate_grad_hook(lambda p: log.append("accumulated"))
    x.register_hook(lambda g: log.append("leaf"))
    y.sum().backward()
    return log, y.grad, x.grad


def memory_budget(m: Any) -> Any:
    with m.autograd.graph.region_activation_memory_budget(0.5):
        pass


def memory_budget_beyond(m: Any) -> Any:
    m.autograd.graph.region_activation_memory_budget(2.0)


def switches_of_devices(m: Any) -> Any:
    m.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(True)
    m.autograd.graph.set_override_stale_capture_stream(False)


def layout_of_gradients(m: Any) -> Any:
    """A gradient is laid out as its leaf, unless that policy is off."""
    p = m.zeros(2, 3, 4).permute(2, 0, 1).requires_grad_()
    strides = []
    policy = importlib.import_module(f"{m.__name__}.autograd.grad_mode").enforce_grad_layout_policy

    def run() -> None:
        p.grad = None
        (p * 2).backward(m.ones(4, 2, 3))
        strides.append(p.grad.stride())

    run()
    with policy(False):
        run()
        with policy(True):
            run()
        run()
    run()
    policy(False)
    run()
    policy(enable=True)
    run()
    return strides


@pytest.mark.parametrize(
    "scenario",
    [
        picklable_hooks,
        memory_budget,
        memory_budget_beyond,
        switches_of_devices,
        layout_of_gradients,
        gradients_that_do_not_fit,
        version_of_an_inference_tensor,
        anomaly_questions,
        order_of_hooks,
    ],  # fmt: skip
    ids=lambda f: f.__name__,
)
def test_other_settings(scenario: Scenario) -> None:
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

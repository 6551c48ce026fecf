"""The tape: backward, grad, modes, hooks, higher derivatives, nodes and what they keep alive."""

from __future__ import annotations

import gc
import math
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import rushlight as rl


def leaf(*values: float) -> Any:
    return rl.tensor(values if len(values) != 1 else values[0], dtype=rl.float64, requires_grad=True)


# backward and grad


def test_backward_accumulates_where_a_leaf_is_used_twice() -> None:
    x = leaf(3)
    (x * x + x).backward()
    assert x.grad.item() == 7


def test_grad_returns_and_does_not_accumulate() -> None:
    x, y = leaf(2), leaf(5)
    gx, gy = rl.autograd.grad(x * x * y, [x, y])
    assert (gx.item(), gy.item()) == (20, 4)
    assert x.grad is None and y.grad is None


def test_grad_of_an_intermediate_tensor() -> None:
    x = leaf(2)
    y = x * x
    z = y * 3
    assert [g.item() for g in rl.autograd.grad(z, [y, x])] == [3, 12]


def test_grad_of_an_unused_input() -> None:
    x, unused = leaf(2), leaf(1)
    assert rl.autograd.grad(x * x, [x, unused], allow_unused=True)[1] is None
    with pytest.raises(
        RuntimeError, match="The differentiated Tensor at index 1 appears to not have been used in the graph"
    ):
        rl.autograd.grad(x * x, [x, unused])
    zero = rl.autograd.grad(x * x, [unused], materialize_grads=True)[0]
    assert zero.item() == 0


def test_grad_of_an_input_that_needs_none() -> None:
    with pytest.raises(RuntimeError, match="One of the differentiated Tensors does not require grad"):
        rl.autograd.grad(leaf(1) * 2, rl.ones(()))


def test_backward_into_some_inputs_only() -> None:
    x, y = leaf(2), leaf(3)
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 3 and y.grad is None


def test_several_outputs() -> None:
    x = leaf(2)
    rl.autograd.backward([x * 2, x * 3], [rl.tensor(1.0, dtype=rl.float64), rl.tensor(10.0, dtype=rl.float64)])
    assert x.grad.item() == 32


def test_retain_graph_allows_a_second_pass() -> None:
    x = leaf(3)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12


def test_graph_without_saved_tensors_may_run_twice() -> None:
    x = leaf(3)
    y = x + 1
    y.backward()
    y.backward()
    assert x.grad.item() == 2


def test_shared_part_is_freed_with_the_first_pass() -> None:
    x = leaf(3)
    shared = x * x
    (shared + 1).backward()
    with pytest.raises(RuntimeError, match="a second time"):
        (shared + 2).backward()


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_derivatives_of_any_order(order: int) -> None:
    x = leaf(2)
    y = x**5
    for _ in range(order):
        (y,) = rl.autograd.grad(y, x, create_graph=True)
    assert y.item() == math.perm(5, order) * 2.0 ** (5 - order)


def test_derivatives_of_sine_repeat() -> None:
    x = leaf(0.3)
    y = x.sin()
    found = []
    for _ in range(8):
        (y,) = rl.autograd.grad(y, x, create_graph=True)
        found.append(y.item())
    s, c = math.sin(0.3), math.cos(0.3)
    assert found == pytest.approx([c, -s, -c, s] * 2)


def test_gradient_has_history_only_with_create_graph() -> None:
    for create in (False, True):
        x = leaf(3)
        (g,) = rl.autograd.grad(x * x, x, create_graph=create)
        assert g.requires_grad is create


def test_double_backward_through_the_gradient_argument() -> None:
    x, v = leaf(3), leaf(1)
    (g,) = rl.autograd.grad(x * x, x, v, create_graph=True)
    assert [t.item() for t in rl.autograd.grad(g, [v, x])] == [6, 2]


def test_matches_finite_differences() -> None:
    def f(t: Any) -> Any:
        return ((t.exp() * t.roll(1)).tanh() / (t * t + 1)).sum()

    x = leaf(0.1, -0.7, 1.3)
    (g,) = rl.autograd.grad(f(x), x)
    step = 1e-6
    for i in range(3):
        shift = rl.zeros(3, dtype=rl.float64)
        shift[i] = step
        with rl.no_grad():
            slope = (f(x + shift) - f(x - shift)).item() / (2 * step)
        assert g[i].item() == pytest.approx(slope, abs=1e-8)


# .grad


def test_grad_may_be_set_and_cleared() -> None:
    x = leaf(1, 2)
    x.grad = rl.tensor([1.0, 1.0], dtype=rl.float64)
    (x * 3).sum().backward()
    assert x.grad.tolist() == [4, 4]
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: rl.ones(3, dtype=rl.float64), RuntimeError),
        (lambda: rl.ones(2, dtype=rl.float32), RuntimeError),
        (lambda: 1.0, TypeError),
    ],
)
def test_wrong_grad_is_refused(wrong: Callable[[], Any], error: type[Exception]) -> None:
    x = leaf(1, 2)
    with pytest.raises(error):
        x.grad = wrong()
    assert x.grad is None


def test_accumulation_keeps_the_tensor_in_grad() -> None:
    """Without create_graph .grad is added to in place: who holds it sees the new value."""
    x = leaf(1)
    (x * 2).backward()
    held = x.grad
    (x * 2).backward()
    assert x.grad is held and held.item() == 4


def test_gradient_of_one_backward_is_not_shared_with_its_argument() -> None:
    x = leaf(1, 2)
    v = rl.ones(2, dtype=rl.float64)
    (x + 0).backward(v)
    x.grad.add_(5)
    assert v.tolist() == [1, 1]


def test_two_leaves_do_not_share_one_gradient() -> None:
    x, y = leaf(1, 2), leaf(3, 4)
    (x + y).sum().backward()
    x.grad.mul_(10)
    assert y.grad.tolist() == [1, 1]


def test_retain_grad() -> None:
    x = leaf(3)
    y = x * 2
    y.retain_grad()
    assert y.retains_grad
    (y * y).backward()
    assert y.grad.item() == 12


# Modes


def test_modes_nest_and_restore() -> None:
    x = leaf(1)
    with rl.no_grad():
        assert not (x * 2).requires_grad
        with rl.enable_grad():
            assert (x * 2).requires_grad
            with rl.set_grad_enabled(False):
                assert not (x * 2).requires_grad
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


@pytest.mark.parametrize("mode", ["no_grad", "enable_grad", "inference_mode"])
def test_mode_is_restored_after_an_exception(mode: str) -> None:
    with pytest.raises(ValueError), getattr(rl, mode)():
        raise ValueError
    assert rl.is_grad_enabled() and not rl.is_inference_mode_enabled()


def test_modes_as_decorators() -> None:
    x = leaf(1)

    @rl.no_grad()
    def plain(t: Any) -> Any:
        """Twice."""
        return t * 2

    @rl.enable_grad()
    def recorded(t: Any) -> Any:
        return t * 2

    assert not plain(x).requires_grad and plain.__name__ == "plain" and plain.__doc__ == "Twice."
    with rl.no_grad():
        assert recorded(x).requires_grad
    assert rl.is_grad_enabled()


def test_mode_around_a_generator_holds_only_inside() -> None:
    x = leaf(1)

    @rl.no_grad()
    def products() -> Any:
        for factor in (2, 3):
            yield (x * factor).requires_grad

    found = []
    for inside in products():
        found.append((inside, rl.is_grad_enabled()))
    assert found == [(False, True), (False, True)]


def test_set_grad_enabled_as_a_function() -> None:
    rl.set_grad_enabled(False)
    try:
        assert not rl.is_grad_enabled()
    finally:
        rl.set_grad_enabled(True)


def test_inference_tensors_stay_out_of_the_tape() -> None:
    x = leaf(1)
    with rl.inference_mode():
        y = x * 2
        assert rl.is_inference_mode_enabled() and not y.requires_grad
    assert y.is_inference()
    with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
        _ = x * y
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside InferenceMode is not allowed"):
        y.add_(1)


# Hooks


def test_hook_sees_and_replaces_the_gradient() -> None:
    x = leaf(3)
    y = x * 2
    seen = []

    def tenfold(g: Any) -> Any:
        seen.append(g.item())
        return g * 10

    handle = y.register_hook(tenfold)
    (y * y).backward(retain_graph=True)
    assert seen == [12] and x.grad.item() == 240
    handle.remove()
    x.grad = None
    (y * y).backward()
    assert seen == [12] and x.grad.item() == 24


def test_hooks_run_in_the_order_of_their_registration() -> None:
    x = leaf(1)
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 10)
    (x * 1).backward()
    assert x.grad.item() == 20


def test_hook_on_a_leaf_runs_on_the_whole_gradient() -> None:
    x = leaf(2)
    calls = []
    x.register_hook(lambda g: calls.append(g.item()))
    (x * x * x).backward()
    assert calls == [12]


def test_hook_that_raises_ends_backward() -> None:
    x = leaf(2)

    def stop(g: Any) -> None:
        raise KeyError("stop")

    y = x * 2
    y.register_hook(stop)
    with pytest.raises(KeyError, match="stop"):
        (y * 3).backward()
    assert x.grad is None


def test_hook_must_return_a_tensor_or_nothing() -> None:
    x = leaf(2)
    x.register_hook(lambda g: "gradient")
    with pytest.raises(TypeError):
        (x * 2).backward()


def test_hook_needs_a_tensor_that_requires_grad() -> None:
    with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't require gradient"):
        rl.ones(2).register_hook(lambda g: g)


def test_backward_inside_a_hook() -> None:
    outer, inner = leaf(2), leaf(3)

    def nested(g: Any) -> None:
        with rl.enable_grad():
            (inner * inner).backward()

    outer.register_hook(nested)
    (outer * outer).backward()
    assert (outer.grad.item(), inner.grad.item()) == (4, 6)


# Nodes


def test_next_functions_lead_to_the_leaves() -> None:
    x = leaf(1, 2)
    node = (x * 2).sum().grad_fn
    ((product, index),) = node.next_functions
    assert (node.name(), product.name(), index) == ("SumBackward0", "MulBackward0", 0)
    assert product.next_functions[1] == (None, 0)
    assert product.next_functions[0][0].variable is x


def test_node_is_the_same_object_each_time() -> None:
    y = leaf(1) * 2
    assert y.grad_fn is y.grad_fn
    y.grad_fn.metadata["note"] = 1
    assert y.grad_fn.metadata == {"note": 1}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("AddBackward0", lambda x: x + 1), ("SubBackward0", lambda x: x - 1), ("RsubBackward1", lambda x: 1 - x),
        ("MulBackward0", lambda x: x * 2), ("DivBackward0", lambda x: x / 2), ("PowBackward0", lambda x: x**2),
        ("PowBackward1", lambda x: x**x), ("NegBackward0", lambda x: -x), ("ExpBackward0", lambda x: x.exp()),
        ("SumBackward0", lambda x: x.sum()), ("SumBackward1", lambda x: x.sum(0)), ("MeanBackward0", lambda x: x.mean()),
        ("MeanBackward1", lambda x: x.mean(0)), ("MmBackward0", lambda x: x @ x), ("TBackward0", lambda x: x.t()),
        ("TransposeBackward0", lambda x: x.transpose(0, 1)), ("ViewBackward0", lambda x: x.view(4)), ("SelectBackward0", lambda x: x[0]),
        ("SliceBackward0", lambda x: x[:1]), ("IndexBackward0", lambda x: x[[0, 1]]), ("UnsqueezeBackward0", lambda x: x[None]),
        ("CloneBackward0", lambda x: x.clone()), ("ToCopyBackward0", lambda x: x.float()), ("CopySlices", lambda x: set_first(x.clone())),
        ("SoftmaxBackward0", lambda x: x.softmax(0)), ("LogSoftmaxBackward0", lambda x: x.log_softmax(0)), ("CatBackward0", lambda x: rl.cat([x, x])),
        ("StackBackward0", lambda x: rl.stack([x, x])), ("ReluBackward0", lambda x: x.relu()), ("WhereBackward0", lambda x: rl.where(x > 0, x, 0.0)),
        ("MaxBackward0", lambda x: x.max(0).values), ("MaxBackward1", lambda x: x.max()), ("SortBackward0", lambda x: x.sort().values),
        ("UnbindBackward0", lambda x: x.unbind()[1]), ("SplitBackward0", lambda x: x.split(1)[0]), ("StdBackward0", lambda x: x.std()),
        ("LinalgVectorNormBackward0", lambda x: x.norm()), ("AddmmBackward0", lambda x: rl.addmm(x, x, x)), ("CumsumBackward0", lambda x: x.cumsum(0)),
    ],
)  # fmt: skip
def test_names_of_nodes(name: str, make: Callable[[Any], Any]) -> None:
    x = leaf(1, 2, 3, 4).detach().reshape(2, 2).requires_grad_()
    y = make(x)
    assert y.grad_fn.name().removeprefix("torch::autograd::") == name and type(y.grad_fn).__name__ == name
    assert f"grad_fn=<{name}>" in repr(y)


def set_first(t: Any) -> Any:
    t[0] = 1
    return t


def test_views_of_one_split_share_a_node() -> None:
    a, b = leaf(1, 2).unbind()
    assert a.grad_fn is b.grad_fn and (a.output_nr, b.output_nr) == (0, 1)


# What the graph keeps alive


def test_backward_frees_what_the_graph_saved() -> None:
    x = leaf(1, 2)
    saved = x * 2
    gone = weakref.ref(saved)
    out = saved.exp() * saved
    total = out.sum()
    del saved, out
    assert gone() is not None
    total.backward()
    gc.collect()
    assert gone() is None


def test_dropping_the_result_frees_the_graph() -> None:
    x = leaf(1, 2)
    y = x * 2
    gone = weakref.ref(y)
    z = y * y
    del y
    assert gone() is not None
    del z
    assert gone() is None


def test_leaf_lives_as_long_as_the_graph_needs_it() -> None:
    x = leaf(1, 2)
    gone = weakref.ref(x)
    y = x * x
    del x
    assert gone() is not None
    del y
    assert gone() is None


# Leaves, flags


def test_is_leaf() -> None:
    x = leaf(1)
    assert x.is_leaf and rl.ones(1).is_leaf and not (x * 2).is_leaf
    assert (x * 2).detach().is_leaf and (rl.ones(1) * 2).is_leaf


def test_integers_never_require_grad() -> None:
    with pytest.raises(RuntimeError, match="only Tensors of floating point dtype can require gradients"):
        rl.arange(3).requires_grad_()
    assert not (leaf(1, 2) > 1).requires_grad
    assert not leaf(1, 2).long().requires_grad
    assert not leaf(1, 2).argmax().requires_grad


def test_flag_of_a_result_cannot_be_cleared() -> None:
    y = leaf(1) * 2
    with pytest.raises(RuntimeError, match="you can only change requires_grad flags of leaf variables"):
        y.requires_grad_(False)


def test_detached_in_place() -> None:
    x = leaf(1)
    y = x * 2
    assert y.detach_() is y
    assert y.is_leaf and not y.requires_grad and y.grad_fn is None


def test_numpy_of_a_recorded_tensor_is_refused() -> None:
    with pytest.raises(
        RuntimeError,
        match=r"Can't call numpy\(\) on Tensor that requires grad. Use tensor.detach\(\).numpy\(\) instead.",
    ):
        leaf(1).numpy()


def test_data_shares_memory_but_no_history_and_no_version() -> None:
    x = leaf(1, 2)
    y = x.exp()
    y.data.mul_(1)
    assert y._version == 0 and not y.data.requires_grad and y.data.data_ptr() == y.data_ptr()
    y.sum().backward()
    assert x.grad.tolist() == pytest.approx([math.e, math.e**2])


def test_complex_gradient_is_conjugate_wirtinger() -> None:
    z = rl.tensor(3 + 4j, dtype=rl.complex128, requires_grad=True)
    (z * z.conj()).real.backward()
    assert z.grad.item() == 6 + 8j


def test_gradient_of_a_complex_loss_is_refused() -> None:
    z = rl.tensor(3 + 4j, requires_grad=True)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for real scalar outputs"):
        (z * 2).backward()


def test_reading_grad_of_a_result_warns_once_per_line_and_of_a_leaf_never() -> None:
    x = leaf(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert x.grad is None
    with pytest.warns(UserWarning, match="not a leaf Tensor is being accessed"):
        _ = (x * 2).grad


# Subclasses and the interception protocol


def test_subclass_intercepts_operators() -> None:
    seen = []

    class Logged(rl.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    x = rl.ones(2).as_subclass(Logged)
    y = rl.exp(x)
    assert "exp" in seen and isinstance(y, Logged)
    assert isinstance(x + 1, Logged) and isinstance(1 + x, Logged)


def test_foreign_class_intercepts_functions() -> None:
    class Other:
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            return func.__name__, len(args)

    assert rl.add(rl.ones(2), Other()) == ("add", 2)
    assert rl.sum(Other()) == ("sum", 1)

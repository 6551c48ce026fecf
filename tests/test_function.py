"""autograd.Function: what forward and backward in Python do, each program run by both libraries."""

from __future__ import annotations

import contextlib
import gc
import io
import re
import weakref
from typing import Any

import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

PROGRAMS = {
    "square": """
        class Square(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x
            @staticmethod
            def backward(ctx, g):
                x, = ctx.saved_tensors
                return 2 * x * g
        x = T.tensor([1., 2.], requires_grad=True)
        y = Square.apply(x)
        print(y, y.grad_fn, type(y.grad_fn).__name__, y.grad_fn.name(), y.grad_fn.next_functions[0][0].variable is x)
        g, = T.autograd.grad(y.sum(), x, create_graph=True)
        print(g)
        print(T.autograd.grad(g.sum(), x))
    """,
    "context": """
        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x, k, y=None):
                ctx.k = k
                ctx.set_materialize_grads(False)
                print(ctx.needs_input_grad)
                return x * k, x + 1, 'text'
            @staticmethod
            def backward(ctx, g1, g2, g3):
                print(g1, g2, g3, ctx.needs_input_grad)
                return g1 * ctx.k, None, None
        x = T.ones(2, requires_grad=True)
        a, b, c = F.apply(x, 3, None)
        print(a, b, c)
        a.sum().backward()
        print(x.grad)
    """,
    "arguments by name": """
        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x, a=1, b=2):
                print(a, b, ctx.needs_input_grad)
                return x * a * b
            @staticmethod
            def backward(ctx, *g):
                return g + (None,) * (len(ctx.needs_input_grad) - 1)
        class G(T.autograd.Function):
            @staticmethod
            def forward(x, a=1):
                return x * a
            @staticmethod
            def setup_context(ctx, inputs, output):
                print(inputs[1:])
            @staticmethod
            def backward(ctx, g):
                return g, None
        x = T.ones(2, requires_grad=True)
        for call in (
            lambda: F.apply(x=x), lambda: F.apply(b=3, x=x, a=2), lambda: F.apply(x, 4, b=5), lambda: G.apply(x, a=7),
            lambda: F.apply(x, b=5), lambda: F.apply(x, z=5), lambda: F.apply(x, x=x), lambda: F.apply(a=1),
        ):
            try:
                y = call()
                y.sum().backward()
                print(y, x.grad)
            except TypeError as e:
                print(e)
    """,
    "saved tensors once": """
        class F(T.autograd.Function):
            clear_saved_tensors_on_access = True
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x, None)
                return x * 2
            @staticmethod
            def backward(ctx, g):
                print(ctx.saved_tensors)
                try:
                    ctx.saved_tensors
                except RuntimeError as e:
                    print(e)
                return g * 2
        x = T.ones(2, requires_grad=True)
        y = F.apply(x)
        y.sum().backward(retain_graph=True)
        y.grad_fn.maybe_clear_saved_tensors()
        try:
            y.sum().backward()
        except RuntimeError as e:
            print(e)
        print(x.grad)
    """,
    "boxed gradients": """
        import weakref
        class F(T.autograd.Function):
            boxed_grads_call = True
            @staticmethod
            def forward(ctx, x, y):
                return x * 2, y * 3
            @staticmethod
            def backward(ctx, grads):
                print(type(grads).__name__, len(grads), grads)
                a = grads[0]
                kept = weakref.ref(grads.pop())
                print(kept() is None)
                return a * 2, a
        x = T.ones(2, requires_grad=True)
        a, b = F.apply(x, x)
        a.sum().backward()
        print(x.grad, a.grad_fn.apply(T.ones(2), T.ones(2)), a.grad_fn.apply_boxed([T.ones(2), T.ones(2)]))
    """,
    "names of old": """
        import warnings
        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * 2
            @staticmethod
            def backward(ctx, g):
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter('always')
                    ctx.saved_variables
                    ctx.mark_shared_storage((g, g))
                print([(w.category.__name__, str(w.message)) for w in caught])
                return g
        F.apply(T.ones(2, requires_grad=True)).sum().backward()
        print(issubclass(T.autograd.Function, T.autograd.function.FunctionCtx))
    """,
    "setup_context": """
        class F(T.autograd.Function):
            @staticmethod
            def forward(x, y):
                return x * y
            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(*inputs, output)
            @staticmethod
            def backward(ctx, g):
                x, y, out = ctx.saved_tensors
                print(out)
                return g * y, g * x
        x = T.tensor(2., requires_grad=True); y = T.tensor(3., requires_grad=True)
        F.apply(x, y).backward()
        print(x.grad, y.grad)
    """,
    "materialized": """
        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 2, x * 3
            @staticmethod
            def backward(ctx, a, b):
                print(a, b)
                return a * 2 + b * 3
        x = T.ones(2, requires_grad=True)
        F.apply(x)[0].sum().backward()
        print(x.grad)
    """,
    "dirty": """
        class Double(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                x.mul_(2)
                ctx.mark_dirty(x)
                return x
            @staticmethod
            def backward(ctx, g):
                return g * 2
        x = T.ones(2, requires_grad=True)
        y = x * 1
        z = Double.apply(y)
        print(z is y, y, y._version)
        z.sum().backward()
        print(x.grad)
        try:
            Double.apply(x)
        except RuntimeError as e:
            print(e)
    """,
    "non_differentiable": """
        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                index = x.argmax()
                small = x * 0.5
                ctx.mark_non_differentiable(index, small)
                return x.max(), index, small
            @staticmethod
            def backward(ctx, g, gi, gs):
                print(gs)
                return g * T.tensor([0., 1.])
        x = T.tensor([1., 2.], requires_grad=True)
        v, i, s = F.apply(x)
        print(v, i, s, i.requires_grad, s.requires_grad)
        v.backward()
        print(x.grad)
    """,
    "identity": """
        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x
            @staticmethod
            def backward(ctx, g):
                return g * 10
        x = T.ones(2, requires_grad=True)
        y = F.apply(x)
        print(y is x, y.requires_grad, type(y.grad_fn).__name__)
        y.sum().backward()
        print(x.grad)
    """,
    "vjp": """
        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 3
            @staticmethod
            def vjp(ctx, g):
                return g * 3
        x = T.ones(2, requires_grad=True)
        F.apply(x).sum().backward()
        print(x.grad)
    """,
    "once": """
        from {T}.autograd.function import once_differentiable
        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 3
            @staticmethod
            @once_differentiable
            def backward(ctx, g):
                return g * 3
        x = T.ones(2, requires_grad=True)
        g, = T.autograd.grad(F.apply(x).sum(), x, create_graph=True)
        print(g.tolist())
        try:
            (g * x).sum().backward()
        except RuntimeError as e:
            print(e)
    """,
    "hooks": """
        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 3
            @staticmethod
            def backward(ctx, g):
                return g * 3
        x = T.ones(2, requires_grad=True)
        y = F.apply(x)
        y.register_hook(lambda g: g * 2)
        y.grad_fn.register_hook(lambda gi, go: print(gi, go))
        y.retain_grad()
        y.sum().backward()
        print(x.grad, y.grad)
    """,
    "views": """
        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x.view(-1)
            @staticmethod
            def backward(ctx, g):
                return g.view(2, 2)
        x = T.ones(2, 2, requires_grad=True)
        y = F.apply(x * 2)
        (y * y).sum().backward()
        print(y, x.grad)
    """,
    "no_grad": """
        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                print(T.is_grad_enabled(), ctx.needs_input_grad)
                ctx.save_for_backward(x)
                return x * 3
        x = T.ones(2, requires_grad=True)
        with T.no_grad():
            print(F.apply(x))
        print(F.apply(T.ones(1)))
    """,
}

ERRORS = {
    "count": "return g, g",
    "none_for_number": "return 1.0",
    "shape": "return T.ones(5)",
    "raises": "raise KeyError('mine')",
    "second": "ctx.saved_tensors; return g",
}


def both(program: str) -> tuple[str, str]:
    import textwrap

    shown = []
    for name, lib in (("torch", torch), ("rushlight", rl)):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            exec(textwrap.dedent(program).replace("{T}", name), {"T": lib})
        shown.append(re.sub(r"0x[0-9a-f]+", "0x", text.getvalue()))
    return shown[0], shown[1]


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name: str) -> None:
    theirs, ours = both(PROGRAMS[name])
    assert ours == theirs


@pytest.mark.parametrize("name", ERRORS)
def test_error(name: str) -> None:
    program = f"""
        class F(T.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * 3
            @staticmethod
            def backward(ctx, g):
                {ERRORS[name]}
        x = T.ones(2, requires_grad=True)
        y = F.apply(x)
        try:
            y.sum().backward()
            y.sum().backward()
        except Exception as e:
            print(type(e).__name__, str(e).splitlines()[0][:100])
    """
    theirs, ours = both(program)
    assert ours == theirs


def test_saved_tensor_changed_in_place() -> None:
    class F(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: rl.Tensor) -> rl.Tensor:
            ctx.save_for_backward(x)
            return x * 3

        @staticmethod
        def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
            (x,) = ctx.saved_tensors
            return g * x

    x = rl.ones(2, requires_grad=True)
    y = x * 1
    z = F.apply(y)
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


class Keeper(rl.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: rl.Tensor) -> rl.Tensor:
        ctx.own = x * 2
        return ctx.own

    @staticmethod
    def backward(ctx: Any, g: rl.Tensor) -> rl.Tensor:
        return g * 2


class Mark:
    """Something that a weak reference can watch."""


def collected(make: Any) -> bool:
    """Whether the collector frees what `make` leaves behind in a cycle."""
    mark = Mark()
    watch = weakref.ref(mark)
    make(mark)
    del mark
    gc.collect()
    return watch() is None


def context_keeps_output(mark: Mark) -> None:
    y = Keeper.apply(rl.ones(2, requires_grad=True))
    y.grad_fn.mark, y.grad_fn.out = mark, y


def attribute(mark: Mark) -> None:
    x = rl.ones(2)
    x.me, x.mark = x, mark


def hook_captures_its_tensor(mark: Mark) -> None:
    x = rl.ones(2, requires_grad=True)
    x.register_hook(lambda g: (x, mark) and None)


def hook_captures_its_non_leaf(mark: Mark) -> None:
    y = rl.ones(2, requires_grad=True) * 2
    y.register_hook(lambda g: (y, mark) and None)


def gradient_with_a_graph(mark: Mark) -> None:
    x = rl.ones(2, requires_grad=True)
    x.mark = mark
    (x**3).sum().backward(create_graph=True)


@pytest.mark.parametrize(
    "make",
    [context_keeps_output, attribute, hook_captures_its_tensor, hook_captures_its_non_leaf, gradient_with_a_graph],
)
def test_cycles_are_collected(make: Any) -> None:
    assert collected(make)


def test_what_is_in_use_is_not_collected() -> None:
    x = rl.ones(2, requires_grad=True)
    y = Keeper.apply(x)
    y.grad_fn.out = y
    z = (y * y).sum()
    fn = y.grad_fn
    del y
    gc.collect()
    z.backward()
    assert x.grad is not None and x.grad.tolist() == [8.0, 8.0]
    assert fn.out.tolist() == [2.0, 2.0]

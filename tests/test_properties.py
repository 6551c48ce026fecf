"""Broadcasting, views, indexing and whole programs of views and in-place operators: what Hypothesis finds must agree with PyTorch."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

torch = pytest.importorskip("torch")
hypothesis = pytest.importorskip("hypothesis")

import rushlight as rl  # noqa: E402
from hypothesis import example, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

SIZES = st.sampled_from([0, 1, 1, 2, 3])
SHAPES = st.lists(SIZES, max_size=4).map(tuple)


def run(call: Any) -> tuple[Any, type | None]:
    """A call's result and the type of its error."""
    try:
        return call(), None
    except Exception as error:
        return None, type(error)


def numbers(lib: Any, shape: tuple[int, ...], dtype: str = "float64") -> Any:
    count = 1
    for n in shape:
        count *= n
    return lib.arange(1, count + 1, dtype=lib.float64).reshape(shape).to(getattr(lib, dtype))


def seen(t: Any) -> tuple[Any, ...]:
    """Everything about a tensor that must agree."""
    return str(t.dtype).rpartition(".")[2], tuple(t.shape), t.tolist()


def laid_out(t: Any) -> tuple[Any, ...]:
    strides = tuple(s for n, s in zip(t.shape, t.stride(), strict=True) if n > 1) if t.numel() else ()
    return (*seen(t), strides, t.storage_offset(), t.is_contiguous(), t._is_view())


# Broadcasting


@given(SHAPES, SHAPES)
@example((2, 1), (3,))
@example((0,), (1,))
@example((2,), (3,))
@example((0,), (2,))
def test_broadcasting(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    results = [run(lambda lib=lib: numbers(lib, a) + numbers(lib, b) * 2) for lib in (rl, torch)]
    assert results[0][1] is results[1][1]
    if results[1][1] is None:
        assert seen(results[0][0]) == seen(results[1][0])


@given(SHAPES, SHAPES)
def test_gradient_of_a_broadcast_has_the_shape_of_the_input(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    grads = []
    for lib in (rl, torch):
        x, y = numbers(lib, a).requires_grad_(), numbers(lib, b).requires_grad_()
        product, error = run(lambda x=x, y=y: x * y)
        if error is None:
            product.sum().backward()
        grads.append((error, [None if t.grad is None else seen(t.grad) for t in (x, y)]))
    assert grads[0] == grads[1]


@given(SHAPES, SHAPES)
def test_expand(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    results = [run(lambda lib=lib: numbers(lib, a).expand(b)) for lib in (rl, torch)]
    assert results[0][1] is results[1][1]
    if results[1][1] is None:
        assert laid_out(results[0][0]) == laid_out(results[1][0])


@given(SHAPES, SHAPES)
def test_in_place_broadcasts_the_other_only(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    results = []
    for lib in (rl, torch):
        x = numbers(lib, a)
        _, error = run(lambda x=x, lib=lib: x.add_(numbers(lib, b)))
        results.append((error, seen(x)))
    assert results[0] == results[1]


# Views

DIM = st.integers(-4, 3)
INDEX = st.integers(-4, 4)
BOUND = st.one_of(st.none(), st.integers(-5, 5))
SLICE = st.builds(slice, BOUND, BOUND, st.one_of(st.none(), st.integers(1, 3)))
BASIC_ITEM = st.one_of(INDEX, SLICE, st.none(), st.just(...))
BASIC = st.one_of(BASIC_ITEM, st.lists(BASIC_ITEM, max_size=4).map(tuple))

VIEW_STEPS = st.one_of(
    st.tuples(st.just("transpose"), DIM, DIM),
    st.tuples(st.just("unsqueeze"), DIM),
    st.tuples(st.just("squeeze"), DIM),
    st.tuples(st.just("select"), DIM, INDEX),
    st.tuples(st.just("narrow"), DIM, st.integers(-3, 3), st.integers(0, 3)),
    st.tuples(st.just("diagonal"), st.integers(-2, 2), DIM, DIM),
    st.tuples(st.just("unfold"), DIM, st.integers(0, 3), st.integers(1, 2)),
    st.tuples(st.just("flatten"), DIM, DIM),
    st.tuples(st.just("view"), st.just(-1)),
    st.tuples(st.just("reshape"), st.just(-1)),
    st.tuples(st.just("movedim"), DIM, DIM),
    st.tuples(st.just("__getitem__"), BASIC),
)


@given(SHAPES, st.lists(VIEW_STEPS, min_size=1, max_size=5))
@settings(max_examples=150)
def test_chain_of_views(shape: tuple[int, ...], steps: list[tuple[Any, ...]]) -> None:
    ours, theirs = numbers(rl, shape), numbers(torch, shape)
    for name, *args in steps:
        (ours, our_error), (theirs, their_error) = (
            run(lambda t=t, name=name, args=args: getattr(t, name)(*args)) for t in (ours, theirs)
        )
        assert our_error is their_error, (name, args)
        if their_error is not None:
            return
        assert laid_out(ours) == laid_out(theirs), (name, args)


# Indexing

LIST = st.lists(st.integers(-3, 2), max_size=3)
GRID = st.tuples(LIST, LIST).map(list)
MASK = st.lists(st.booleans(), min_size=1, max_size=3)
ADVANCED_ITEM = st.one_of(
    BASIC_ITEM,
    st.tuples(st.just("list"), LIST),
    st.tuples(st.just("long"), GRID),
    st.tuples(st.just("mask"), MASK),
    st.booleans(),
)
ADVANCED = st.one_of(ADVANCED_ITEM.map(lambda item: (item,)), st.lists(ADVANCED_ITEM, max_size=4).map(tuple))


def index_for(lib: Any, items: tuple[Any, ...]) -> Any:
    def made(item: Any) -> Any:
        if not isinstance(item, tuple):
            return item
        kind, data = item
        if kind == "list":
            return list(data)
        if kind == "mask":
            return lib.tensor(data)
        width = min(map(len, data))
        return lib.tensor([row[:width] for row in data], dtype=lib.int64)

    return tuple(made(item) for item in items)


@given(st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple), ADVANCED)
@settings(max_examples=200)
@example((3, 3), (("list", [0, 2]), slice(None)))
@example((3, 3, 3), (("list", [0, 2]), slice(None), ("list", [1, 0])))
@example((3, 3), (True,))
@example((3, 3), (None, ("mask", [True, False, True])))
def test_get_item(shape: tuple[int, ...], items: tuple[Any, ...]) -> None:
    results = [run(lambda lib=lib: numbers(lib, shape)[index_for(lib, items)]) for lib in (rl, torch)]
    assert results[0][1] is results[1][1]
    if results[1][1] is None:
        assert seen(results[0][0]) == seen(results[1][0])
        assert results[0][0]._is_view() == results[1][0]._is_view()


@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple),
    ADVANCED,
    st.sampled_from([(), (1,), (2,), (3,), (2, 1)]),
)
@settings(max_examples=150)
def test_set_item(shape: tuple[int, ...], items: tuple[Any, ...], value: tuple[int, ...]) -> None:
    results = []
    for lib in (rl, torch):
        x = numbers(lib, shape)
        before = seen(x)
        # One value for all: which of several writes to one place is last is nobody's promise.
        _, error = run(
            lambda x=x, lib=lib: x.__setitem__(index_for(lib, items), lib.full(value, -7.0, dtype=lib.float64))
        )
        if error is not None and lib is rl:
            assert seen(x) == before
        # PyTorch may have written a part when it meets an index that does not fit.
        results.append((error, None if error is not None else seen(x)))
    assert results[0] == results[1]


@given(st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple), ADVANCED)
def test_gradient_of_get_item_counts_the_reads(shape: tuple[int, ...], items: tuple[Any, ...]) -> None:
    grads = []
    for lib in (rl, torch):
        x = numbers(lib, shape).requires_grad_()
        picked, error = run(lambda x=x, lib=lib: x[index_for(lib, items)])
        if error is None:
            (picked * picked).sum().backward()
        grads.append((error, None if x.grad is None else seen(x.grad)))
    assert grads[0] == grads[1]


# Programs


PLACE = st.integers(0, 7)
FACTOR = st.sampled_from([0.5, -1.0, 2.0])
PROGRAM = st.lists(
    st.one_of(
        st.tuples(st.just("view"), PLACE, VIEW_STEPS),
        st.tuples(st.just("scale_"), PLACE, FACTOR),
        st.tuples(st.just("add_"), PLACE, PLACE),
        st.tuples(st.just("mul_"), PLACE, PLACE),
        st.tuples(st.just("copy_"), PLACE, PLACE),
        st.tuples(st.just("sin_"), PLACE),
        st.tuples(st.just("set"), PLACE, BASIC, FACTOR),
        st.tuples(st.just("mul"), PLACE, PLACE),
        st.tuples(st.just("exp"), PLACE),
        st.tuples(st.just("detach"), PLACE),
    ),
    min_size=2,
    max_size=8,
)


def execute(lib: Any, program: list[tuple[Any, ...]]) -> list[Any]:
    """Runs a program over a growing list of tensors; notes every result and error, then the gradients."""
    leaf = (numbers(lib, (3, 2)) / 8).requires_grad_()
    constant = (numbers(lib, (3, 2)) / 4).detach()
    pool = [leaf * 1, constant]
    notes: list[Any] = []
    for name, at, *rest in program:
        t = pool[at % len(pool)]
        other = pool[rest[0] % len(pool)] if name in ("add_", "mul_", "copy_", "mul") else None
        steps: dict[str, Any] = {
            "view": lambda t=t, rest=rest: getattr(t, rest[0][0])(*rest[0][1:]),
            "scale_": lambda t=t, rest=rest: t.mul_(rest[0]),
            "add_": lambda t=t, other=other: t.add_(other),
            "mul_": lambda t=t, other=other: t.mul_(other),
            "copy_": lambda t=t, other=other: t.copy_(other),
            "sin_": lambda t=t: t.sin_(),
            "set": lambda t=t, rest=rest: t.__setitem__(rest[0], rest[1]),
            "mul": lambda t=t, other=other: t * other,
            "exp": lambda t=t: t.exp(),
            "detach": lambda t=t: t.detach(),
        }
        result, error = run(steps[name])
        notes.append((name, error))
        if result is not None and error is None and not any(result is known for known in pool):
            pool.append(result)
    for t in pool:
        notes.append((tuple(t.shape), t.requires_grad, t._is_view(), t._version, [round(v, 9) for v in flat(t)]))
    total = sum((t.sum() for t in pool), lib.zeros((), dtype=lib.float64))
    if total.requires_grad:
        _, error = run(lambda: total.backward())
        notes.append(("backward", error, None if leaf.grad is None else [round(v, 7) for v in flat(leaf.grad)]))
    return notes


def flat(t: Any) -> list[float]:
    return t.detach().reshape(-1).tolist()


@given(PROGRAM)
@settings(max_examples=400)
@example([("view", 0, ("select", 0, 1)), ("scale_", 2, 2.0), ("exp", 0)])
@example([("exp", 0), ("scale_", 2, 2.0)])
@example([("view", 1, ("select", 0, 1)), ("copy_", 2, 0), ("mul_", 2, 0)])
@example([("view", 0, ("transpose", 0, 1)), ("view", 2, ("select", 0, 0)), ("sin_", 3), ("sin_", 0)])
@example([("detach", 0), ("scale_", 2, 2.0), ("exp", 0)])
def test_program_of_views_and_in_place_operators(program: list[tuple[Any, ...]]) -> None:
    ours, theirs = execute(rl, program), execute(torch, program)
    for mine, oracle in itertools.zip_longest(ours, theirs):
        assert same(mine, oracle), (mine, oracle)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (a != a and b != b) or abs(a - b) <= 1e-7 * max(abs(a), abs(b))
    return bool(a == b)


# The same programs, rewritten without views and without changes in place


WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("view"), PLACE, VIEW_STEPS),
        st.tuples(st.just("mul_"), PLACE, PLACE),
        st.tuples(st.just("add_"), PLACE, PLACE),
        st.tuples(st.just("copy_"), PLACE, PLACE),
        st.tuples(st.just("sin_"), PLACE, PLACE),
        st.tuples(st.just("read"), PLACE, PLACE),
    ),
    min_size=3,
    max_size=10,
)
NEW_VALUES = {
    "mul_": lambda t, other: t * other,
    "add_": lambda t, other: t + other,
    "copy_": lambda t, other: other.expand(t.shape) * 1,
    "sin_": lambda t, other: t.sin(),
}


class Rewritten:
    """One buffer as a chain of new tensors; a view is the places of its elements in it."""

    def __init__(self, buffer: Any) -> None:
        self.flat = buffer.reshape(-1)

    def read(self, places: Any) -> Any:
        return self.flat[places.reshape(-1)].reshape(places.shape)

    def write(self, places: Any, new: Any) -> None:
        self.flat = self.flat.index_put((places.reshape(-1),), new.reshape(-1))


@given(WRITES)
@settings(max_examples=100)
def test_changes_in_place_are_their_rewriting(program: list[tuple[Any, ...]]) -> None:
    """Values, gradients and second gradients of views and changes in place are those of new tensors."""
    leaves = [(numbers(rl, (3, 2)) / 8).requires_grad_() for _ in range(2)]
    buffer = leaves[0] * 1
    rewritten = Rewritten(leaves[1] * 1)
    views, places = [buffer], [rl.arange(6).reshape(3, 2)]
    reads: tuple[list[Any], list[Any]] = ([], [])
    for name, at, what in program:
        i = at % len(views)
        if name == "view":
            made, error = run(lambda i=i, what=what: getattr(views[i], what[0])(*what[1:]))
            # Views of several results refuse changes; memory that elements share does as well.
            if error is None and isinstance(made, rl.Tensor) and 0 < made.numel() <= views[i].numel():
                views.append(made)
                places.append(getattr(places[i], what[0])(*what[1:]))
            continue
        if name == "read":
            reads[0].append((views[i] * 1.5).exp())
            reads[1].append((rewritten.read(places[i]) * 1.5).exp())
            continue
        k = what % len(views)
        source, source_places = views[k], places[k]
        try:
            fits = rl.broadcast_shapes(source.shape, views[i].shape) == views[i].shape
        except RuntimeError:
            fits = False
        if not fits:
            continue
        # The source is a copy, as it may be the very memory that changes.
        new = NEW_VALUES[name](rewritten.read(places[i]), rewritten.read(source_places) * 0.5)
        rewritten.write(places[i], new)
        getattr(views[i], name)(*((source * 0.5,) if name != "sin_" else ()))
    assert buffer.tolist() == rewritten.flat.reshape(3, 2).tolist()
    results = []
    for leaf, last, seen in ((leaves[0], buffer, reads[0]), (leaves[1], rewritten.flat, reads[1])):
        loss = (last * last).sum() + sum((t.sum() for t in seen), rl.zeros((), dtype=rl.float64))
        (first,) = rl.autograd.grad(loss, leaf, create_graph=True)
        (second,) = rl.autograd.grad((first * first).sum(), leaf)
        results.append((flat(first), flat(second)))
    assert same(results[0], results[1]), results

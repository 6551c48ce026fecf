"""In-place operators, views, the history that both rewrite, and the version checks that guard saved tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy
import pytest
import rushlight as rl


def grid(*, requires_grad: bool = False) -> Any:
    return rl.arange(6, dtype=rl.float64).reshape(2, 3).detach().requires_grad_(requires_grad)


# Views share memory and version


VIEWS: list[tuple[str, Callable[[Any], Any]]] = [
    ("view", lambda t: t.view(3, 2)), ("reshape", lambda t: t.reshape(6)), ("transpose", lambda t: t.transpose(0, 1)), ("T", lambda t: t.T), ("mT", lambda t: t.mT),
    ("permute", lambda t: t.permute(1, 0)), ("expand", lambda t: t.expand(4, 2, 3)), ("squeeze", lambda t: t[:1].squeeze(0)), ("unsqueeze", lambda t: t.unsqueeze(1)),
    ("narrow", lambda t: t.narrow(1, 0, 2)), ("select", lambda t: t.select(0, 0)), ("slice", lambda t: t[:, ::2]), ("diagonal", lambda t: t.diagonal()),
    ("as_strided", lambda t: t.as_strided((2, 2), (1, 1))), ("unbind", lambda t: t.unbind()[0]), ("split", lambda t: t.split(1)[0]), ("chunk", lambda t: t.chunk(2)[0]),
    ("unfold", lambda t: t.unfold(1, 2, 1)), ("getitem", lambda t: t[0]), ("detach", lambda t: t.detach()), ("flatten", lambda t: t.flatten()), ("view_as", lambda t: t.view_as(t)),
    ("iteration", lambda t: next(iter(t))), ("newaxis", lambda t: t[None]), ("ellipsis", lambda t: t[...]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "view"), VIEWS, ids=[name for name, _ in VIEWS])
def test_view_shares_memory_and_version(name: str, view: Callable[[Any], Any]) -> None:
    base = grid()
    part = view(base)
    assert part.data_ptr() == base.data_ptr()
    if name != "detach":
        assert part._is_view() and part._base is base
    base.add_(100)
    assert part._version == base._version == 1
    assert (part >= 100).all()
    assert view(base).sum() == part.sum()


@pytest.mark.parametrize("view", [pytest.param(view, id=name) for name, view in VIEWS if name != "expand"])
def test_writing_through_a_view_changes_the_base(view: Callable[[Any], Any]) -> None:
    base = grid()
    view(base).fill_(-1)
    assert base.reshape(-1)[0] == -1 and base._version == 1


@pytest.mark.parametrize(("name", "view"), VIEWS, ids=[name for name, _ in VIEWS])
def test_view_of_a_recorded_base_is_recorded(name: str, view: Callable[[Any], Any]) -> None:
    x = grid(requires_grad=True)
    part = view(x * 1)
    assert part.requires_grad is (name != "detach")
    if part.requires_grad:
        part.sum().backward()
        expected = rl.zeros(2, 3, dtype=rl.float64)
        for i in range(6):  # how often the view holds each element
            marked = rl.zeros(6, dtype=rl.float64)
            marked[i] = 1
            expected.view(6)[i] = view(marked.view(2, 3)).sum()
        assert rl.equal(x.grad, expected)


def test_view_needs_compatible_strides() -> None:
    with pytest.raises(RuntimeError, match="view size is not compatible with input tensor's size and stride"):
        grid().t().view(6)
    with pytest.raises(RuntimeError, match=r"shape '\[4\]' is invalid for input of size 6"):
        grid().view(4)
    assert grid().t().reshape(6).tolist() == [0, 3, 1, 4, 2, 5]


# History through views


def test_in_place_on_a_base_changes_the_history_of_its_views() -> None:
    x = grid(requires_grad=True)
    base = x * 1
    part = base[0]
    base.mul_(3)
    part.sum().backward()
    assert x.grad.tolist() == [[3, 3, 3], [0, 0, 0]]


def test_in_place_on_a_view_changes_the_history_of_its_base() -> None:
    x = grid(requires_grad=True)
    base = x * 1
    base[0].mul_(3)
    assert type(base.grad_fn).__name__ == "CopySlices"
    base.sum().backward()
    assert x.grad.tolist() == [[3, 3, 3], [1, 1, 1]]


def test_in_place_on_a_view_of_a_view() -> None:
    x = grid(requires_grad=True)
    base = x * 1
    row = base[1]
    row[1:].mul_(5)
    (base.sum() + row.sum()).backward()
    assert x.grad.tolist() == [[1, 1, 1], [2, 10, 10]]


def test_in_place_on_one_view_seen_by_another() -> None:
    x = grid(requires_grad=True)
    base = x * 1
    column = base[:, 0]
    base[0].mul_(4)
    column.sum().backward()
    assert x.grad.tolist() == [[4, 0, 0], [1, 0, 0]]


def test_recorded_value_written_into_a_plain_buffer() -> None:
    buffer = rl.zeros(2, 3, dtype=rl.float64)
    x = grid(requires_grad=True)
    for i in range(2):
        buffer[i] = x[i] * (i + 2)
    assert buffer.requires_grad and not buffer.is_leaf
    buffer.sum().backward()
    assert x.grad.tolist() == [[2, 2, 2], [3, 3, 3]]


def test_copy_into_a_view_ends_the_old_history_there_only() -> None:
    x, y = grid(requires_grad=True), rl.ones(3, dtype=rl.float64, requires_grad=True)
    base = x * 2
    base[0].copy_(y * 7)
    base.sum().backward()
    assert x.grad.tolist() == [[0, 0, 0], [2, 2, 2]] and y.grad.tolist() == [7, 7, 7]


def test_in_place_chain() -> None:
    x = rl.tensor(0.5, dtype=rl.float64, requires_grad=True)
    y = x.clone()
    y.mul_(2).add_(1).exp_()
    y.backward()
    assert x.grad.item() == pytest.approx(2 * rl.tensor(2.0, dtype=rl.float64).exp().item())


def test_set_item_gradient_reaches_the_value() -> None:
    base, value = rl.zeros(3), rl.tensor(2.0, requires_grad=True)
    base[1] = value
    (base * rl.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert value.grad.item() == 10


@pytest.mark.parametrize("operator", ["+=", "-=", "*=", "/=", "**="])
def test_augmented_assignment_is_in_place(operator: str) -> None:
    names = {"x": rl.tensor([2.0, 3.0])}
    before = names["x"]
    exec(f"x {operator} 2", names)
    assert names["x"] is before and before._version == 1


# Versions


def test_version_counts_changes() -> None:
    x = rl.ones(2)
    assert x._version == 0
    x.add_(1)
    x[0] = 5
    x.view(2).mul_(2)
    assert x._version == 3
    _ = x + 1
    assert x._version == 3


MODIFIED = "has been modified by an inplace operation"

SAVES: list[tuple[str, Callable[[Any], Any], bool]] = [
    # (name, operator, whether its derivative reads the input)
    ("exp reads its result", lambda t: t.exp(), False),
    ("sin reads its input", lambda t: t.sin(), True),
    ("square", lambda t: t * t, True),
    ("add reads nothing", lambda t: t + 1, False),
    ("sum reads nothing", lambda t: t.sum(), False),
    ("pow", lambda t: t**3, True),
    ("log", lambda t: t.log(), True),
    ("matmul", lambda t: t @ t.mT, True),
    ("relu reads its result", lambda t: t.relu(), False),
    ("tanh reads its result", lambda t: t.tanh(), False),
]


@pytest.mark.parametrize(("name", "operator", "reads"), SAVES, ids=[name for name, _, _ in SAVES])
def test_change_of_what_a_derivative_reads_is_an_error(name: str, operator: Callable[[Any], Any], reads: bool) -> None:
    x = (grid() + 1).requires_grad_()
    t = x * 1
    y = operator(t)
    t.add_(1)
    if reads:
        with pytest.raises(RuntimeError, match=MODIFIED):
            y.sum().backward()
        assert x.grad is None
    else:
        y.sum().backward()
        assert x.grad is not None


@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid", "sqrt", "relu", "softmax", "reciprocal", "rsqrt"])
def test_change_of_a_saved_result_is_an_error(name: str) -> None:
    x = (grid() + 1).requires_grad_()
    y = x.softmax(0) if name == "softmax" else getattr(x, name)()
    y.mul_(2)
    with pytest.raises(RuntimeError, match=MODIFIED):
        y.sum().backward()


def test_change_through_a_view_is_noticed() -> None:
    x = grid(requires_grad=True)
    t = x * 1
    y = t.sin()
    t[0, 0] = 9
    with pytest.raises(
        RuntimeError,
        match=r"\[torch.DoubleTensor \[2, 3\]\], which is output 0 of .*, is at version 1; expected version 0 instead",
    ):
        y.sum().backward()


def test_change_of_a_plain_factor_is_noticed() -> None:
    x, factor = grid(requires_grad=True), rl.ones(3, dtype=rl.float64)
    y = x * factor
    factor.add_(1)
    with pytest.raises(RuntimeError, match=r"\[torch.DoubleTensor \[3\]\] is at version 1; expected version 0 instead"):
        y.sum().backward()


def test_change_of_an_index_is_noticed() -> None:
    x, index = grid(requires_grad=True), rl.tensor([0, 1])
    y = x.index_select(0, index)
    index.zero_()
    with pytest.raises(RuntimeError, match=r"\[torch.LongTensor \[2\]\] is at version 1"):
        y.sum().backward()


def test_change_under_no_grad_counts_as_well() -> None:
    w = rl.ones(2, requires_grad=True)
    y = w * w
    with rl.no_grad():
        w.sub_(0.1)
    with pytest.raises(RuntimeError, match=MODIFIED):
        y.sum().backward()


def test_detached_tensor_shares_the_version() -> None:
    x = rl.ones(2, requires_grad=True)
    t = x * 1
    y = t.sin()
    t.detach().add_(1)
    with pytest.raises(RuntimeError, match=MODIFIED):
        y.sum().backward()


# Refused


def split_part(x: Any) -> Any:
    return (x * 1).unbind()[0].add_(1)


def unrecorded_view(x: Any) -> Any:
    base = x * 1
    with rl.no_grad():
        part = base[0]
    return part.mul_(2)


REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: x.add_(1), "a leaf Variable that requires grad is being used in an in-place operation."),
    (
        lambda x: x.__setitem__(0, 1.0),
        "a view of a leaf Variable that requires grad is being used in an in-place operation.",
    ),
    (lambda x: x[0].add_(1), "a view of a leaf Variable that requires grad is being used in an in-place operation."),
    (lambda x: x.fill_(0), "a leaf Variable that requires grad is being used in an in-place operation."),
    (
        lambda x: x.data.expand(4, 2, 3).add_(1),
        "unsupported operation: more than one element of the written-to tensor refers to a single memory location.",
    ),
    (
        split_part,
        "Output 0 of Unbind is a view and is being modified inplace. This view is the output of a function that returns multiple views.",
    ),
    (unrecorded_view, "A view was created in no_grad mode and is being modified inplace with grad mode enabled."),
]


@pytest.mark.parametrize(
    ("change", "text"),
    REFUSED,
    ids=["leaf", "set item", "view of leaf", "fill", "expanded", "unbind", "view under no_grad"],
)
def test_refused_in_place(change: Callable[[Any], Any], text: str) -> None:
    x = grid(requires_grad=True)
    before = x.tolist()
    with pytest.raises(RuntimeError) as caught:
        change(x)
    assert str(caught.value).startswith(text)
    assert x.tolist() == before and x._version == 0


def test_leaf_changes_under_no_grad() -> None:
    x = grid(requires_grad=True)
    with rl.no_grad():
        x.sub_(1)
    assert x.requires_grad and x.is_leaf and x._version == 1


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda t: t[:1].expand(2, 3).add_(1), id="expanded"),
        pytest.param(lambda t: t[0, 0].expand(4).mul_(2), id="expanded scalar"),
        pytest.param(lambda t: t.view(6)[1:].add_(t.view(6)[:-1]), id="partial overlap"),
        pytest.param(lambda t: rl.exp(t.view(6)[:-1], out=t.view(6)[1:]), id="out overlaps"),
    ],
)
def test_overlapping_memory_is_refused(write: Callable[[Any], Any]) -> None:
    t = grid()
    with pytest.raises(RuntimeError, match="unsupported operation"):
        write(t)
    assert t.tolist() == grid().tolist()


def test_in_place_on_itself_is_fine() -> None:
    t = grid()
    t.add_(t)
    assert t.tolist() == (grid() * 2).tolist()


def test_in_place_result_must_fit_the_dtype() -> None:
    t = rl.ones(2, dtype=rl.int64)
    with pytest.raises(RuntimeError, match="result type Float can't be cast to the desired output type Long"):
        t.mul_(1.5)
    assert t.tolist() == [1, 1] and t._version == 0


def test_in_place_result_must_fit_the_shape() -> None:
    t = rl.ones(3)
    with pytest.raises(RuntimeError, match=r"output with shape \[3\] doesn't match the broadcast shape \[2, 3\]"):
        t.add_(rl.ones(2, 3))
    assert t.shape == (3,) and t._version == 0


@pytest.mark.parametrize("part", ["real", "imag"])
@pytest.mark.parametrize(
    "take",
    [lambda v: v, lambda v: v[1:], lambda v: v.t(), lambda v: v[:, ::2]],
    ids=["whole", "rows", "turned", "columns"],
)
def test_in_place_through_a_part_of_a_complex_tensor(part, take):
    """Gradients, and gradients of them, of a history that goes through real numbers in complex memory."""
    torch = pytest.importorskip("torch")
    found = []
    for lib in (rl, torch):
        x = lib.tensor([[1 + 2j, 3 - 1j, 2j], [0.5 + 1j, -1 + 1j, 4.0]], dtype=lib.complex128, requires_grad=True)
        w = lib.tensor(3.0, dtype=lib.float64, requires_grad=True)
        y = x * x
        seen = take(getattr(y, part))
        take(getattr(y, part)).mul_(w)
        loss = (y.abs() ** 2).sum() + (seen * seen).sum()
        grads = lib.autograd.grad(loss, (x, w), create_graph=True)
        again = lib.autograd.grad(grads[1] + (grads[0].abs() ** 2).sum(), (x, w))
        found.append([t.detach().numpy() for t in (y, *grads, *again)])
    for ours, theirs in zip(*found, strict=True):
        numpy.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_bytes_seen_as_another_dtype_have_no_history():
    x = rl.ones(4, requires_grad=True)
    y = x * 2
    v = y.view(rl.complex64)
    assert not v.requires_grad and v.grad_fn is None
    v.mul_(3j)
    assert y.tolist() == [-6, 6, -6, 6] and type(y.grad_fn).__name__ == "MulBackward0"


def _restricted(lib: Any, case: str, indirect: bool, through_slice: bool) -> str:
    """What happens when a view of restricted history is changed in place, by itself or behind its back."""

    def forward(ctx: Any, x: Any) -> Any:
        return {
            "view": lambda: x.view(-1),
            "views": lambda: (x.view(-1), x.view(4)),
            "part of a result": lambda: (x * 2)[0],
            "part, and another": lambda: ((x * 2)[0], x * 3),
            "input": lambda: x,
        }[case]()

    def backward(ctx: Any, *grads: Any) -> Any:
        return lib.ones(2, 2)

    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    y = lib.ones(2, 2, requires_grad=True).clone()
    if case == "unbind":
        view = y.unbind(0)[0]
    elif case == "no_grad":
        with lib.no_grad():
            view = y[0]
    else:
        made = type("Custom", (lib.autograd.Function,), members).apply(y)
        view = made[0] if isinstance(made, tuple) else made
    with lib.set_grad_enabled(not indirect):
        (view[:1] if through_slice else view).mul_(3)
    return type(view.grad_fn).__name__


@pytest.mark.parametrize("through_slice", [False, True])
@pytest.mark.parametrize("indirect", [False, True])
@pytest.mark.parametrize(
    "case", ["view", "views", "part of a result", "part, and another", "input", "unbind", "no_grad"]
)
def test_views_whose_history_would_be_wrong_are_refused(case: str, indirect: bool, through_slice: bool) -> None:
    texts = []
    for lib in (pytest.importorskip("torch"), rl):
        try:
            texts.append(_restricted(lib, case, indirect, through_slice))
        except RuntimeError as error:
            texts.append(str(error).splitlines()[0])
    assert texts[0] == texts[1]


def _twice(lib: Any, change: Callable[[Any, Any, Any, Any], Any]) -> list[Any]:
    """A value, its gradient and a gradient of that, through changes in place of views of another dtype."""
    draw = numpy.random.RandomState(0)
    a = lib.tensor(draw.randn(4, 3, 2).tolist(), dtype=lib.float64, requires_grad=True)
    w = lib.tensor(draw.randn(4, 3, 2).tolist(), dtype=lib.float64)
    out = change(lib, a, a * 1.0, w)
    (g,) = lib.autograd.grad(out, a, create_graph=True)
    (h,) = lib.autograd.grad((g * g).sum(), a)
    return [t.detach().numpy() for t in (out, g, h)]


def _in_pairs(change: Callable[[Any, Any, Any, Any], Any]) -> Callable[[Any, Any, Any, Any], Any]:
    """A change of the complex view of a real tensor."""

    def run(lib: Any, a: Any, x: Any, w: Any) -> Any:
        change(lib, a, lib.view_as_complex(x), w)
        return (x * x * w).sum()

    return run


def _in_parts(change: Callable[[Any, Any, Any, Any], Any]) -> Callable[[Any, Any, Any, Any], Any]:
    """A change of the real view of a complex tensor."""

    def run(lib: Any, a: Any, x: Any, w: Any) -> Any:
        z = lib.complex(x[..., 0], x[..., 1])
        change(lib, a, lib.view_as_real(z), w)
        return (z * z * lib.complex(w[..., 0], w[..., 1])).abs().sum()

    return run


CHANGES: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "pairs": _in_pairs(lambda t, a, c, w: c.mul_(2j)),
    "some pairs": _in_pairs(lambda t, a, c, w: c[1:3].mul_(t.complex(w[1:3, :, 0], w[1:3, :, 1]))),
    "imaginary parts of pairs": _in_pairs(lambda t, a, c, w: c.imag.mul_(3)),
    "pairs copied": _in_pairs(lambda t, a, c, w: c.copy_(t.complex(a[..., 0] * a[..., 1], a[..., 1]))),
    "parts of pairs": _in_pairs(lambda t, a, c, w: t.view_as_real(c)[..., 0].mul_(a[..., 1])),
    "parts": _in_parts(lambda t, a, v, w: v.mul_(3)),
    "imaginary parts": _in_parts(lambda t, a, v, w: v[..., 1].mul_(a[..., 0])),
    "parts by a tensor": _in_parts(lambda t, a, v, w: v.mul_(w * a)),
    "one number": _in_parts(lambda t, a, v, w: v[1, 2].mul_(a[0, 0])),
    "parts copied": _in_parts(lambda t, a, v, w: v[1:, :, 0].copy_(a[1:, :, 1] * a[1:, :, 0])),
    "a result that is saved": _in_parts(lambda t, a, v, w: v[..., 1][1:, ::2].exp_()),
    "a real view's saved result": lambda t, a, x, w: (x[:, 1].exp_(), (x * x * x * w).sum())[1],
    "a view of a view": lambda t, a, x, w: (x[:, 1][1:].sigmoid_(), (x * x * w).sum())[1],
}


@pytest.mark.parametrize("name", CHANGES)
def test_views_of_another_dtype_changed_in_place_have_both_derivatives(name: str) -> None:
    theirs, ours = (_twice(lib, CHANGES[name]) for lib in (pytest.importorskip("torch"), rl))
    for a, b in zip(theirs, ours, strict=True):
        numpy.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-12)

"""The autograd tutorial: its script byte for byte, each of its statements, and what its wrong uses print."""

from __future__ import annotations

import contextlib
import io
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import rushlight as rl

SCRIPT = pathlib.Path(__file__).parents[1] / "examples" / "autograd_tutorial.py"

# (statement, what it prints)
STEPS = [
    (
        "x = torch.ones(2, 2, requires_grad=True); print(x)",
        "tensor([[1., 1.],\n        [1., 1.]], requires_grad=True)\n",
    ),
    ("y = x + 2; print(y)", "tensor([[3., 3.],\n        [3., 3.]], grad_fn=<AddBackward0>)\n"),
    ("print(y.grad_fn)", "<AddBackward0 object at 0x>\n"),
    (
        "z = y * y * 3; out = z.mean(); print(z, out)",
        "tensor([[27., 27.],\n        [27., 27.]], grad_fn=<MulBackward0>) tensor(27., grad_fn=<MeanBackward0>)\n",
    ),
    ("a = torch.randn(2, 2); a = ((a * 3) / (a - 1)); print(a.requires_grad)", "False\n"),
    ("a.requires_grad_(True); print(a.requires_grad)", "True\n"),
    ("b = (a * a).sum(); print(b.grad_fn)", "<SumBackward0 object at 0x>\n"),
    ("out.backward(); print(x.grad)", "tensor([[4.5000, 4.5000],\n        [4.5000, 4.5000]])\n"),
    (
        "torch.manual_seed(0); x = torch.randn(3, requires_grad=True)\ny = x * 2\nwhile y.data.norm() < 1000: y = y * 2\nprint(y)",
        "tensor([  788.9900,  -150.2356, -1115.5402], grad_fn=<MulBackward0>)\n",
    ),
    (
        "v = torch.tensor([0.1, 1.0, 0.0001], dtype=torch.float); y.backward(v); print(x.grad)",
        "tensor([5.1200e+01, 5.1200e+02, 5.1200e-02])\n",
    ),
    ("print(x.requires_grad)", "True\n"),
    ("print((x ** 2).requires_grad)", "True\n"),
    ("with torch.no_grad(): print((x ** 2).requires_grad)", "False\n"),
    ("y = x.detach(); print(y.requires_grad); print(x.eq(y).all())", "False\ntensor(True)\n"),
]

# What the script prints from its first line to its last; it prints x.requires_grad once more before detach.
OUTPUT = "".join(printed for _, printed in STEPS[:-1]) + "True\n" + STEPS[-1][1]


def masked(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+", "0x", text)


def printed_by(source: str, names: dict[str, Any]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(compile(source, "tutorial", "exec"), names)
    return masked(output.getvalue())


@pytest.mark.parametrize("last", range(len(STEPS)))
def test_step_prints(last: int) -> None:
    names: dict[str, Any] = {"torch": rl}
    for source, _ in STEPS[:last]:
        printed_by(source, names)
    source, expected = STEPS[last]
    assert printed_by(source, names) == expected


def test_script_through_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", "run", str(SCRIPT)], capture_output=True, timeout=120, check=False
    )
    assert done.stderr.decode() == ""
    assert masked(done.stdout.decode()) == OUTPUT
    assert done.returncode == 0


def test_script_in_process() -> None:
    source = SCRIPT.read_text(encoding="utf-8")
    changed = source.replace("import torch\n", "import rushlight as torch\n")
    assert changed != source
    assert printed_by(changed, {}) == OUTPUT


# What the article says in words


def test_requires_grad_starts_the_tracking() -> None:
    x = rl.ones(2)
    assert (x * 2).grad_fn is None
    x.requires_grad = True
    assert (x * 2).grad_fn is not None


def test_gradients_accumulate_in_the_leaves() -> None:
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    for times in (1, 2, 3):
        y = x * x
        y.sum().backward()
        assert x.grad.tolist() == [2.0 * times, 4.0 * times]
        with pytest.warns(UserWarning, match="grad attribute of a Tensor that is not a leaf"):
            assert y.grad is None


def test_backward_computes_all_gradients() -> None:
    leaves = [rl.tensor(float(i), requires_grad=True) for i in range(1, 4)]
    a, b, c = leaves
    (a * b + b * c).backward()
    assert [leaf.grad.item() for leaf in leaves] == [2.0, 4.0, 2.0]


def test_detach_stops_the_tracking() -> None:
    x = rl.ones(2, requires_grad=True)
    y = (x * 3).detach()
    assert not y.requires_grad and y.grad_fn is None and y.is_leaf
    assert (y * 2).grad_fn is None
    assert (x * y).requires_grad


def test_no_grad_prevents_history() -> None:
    w = rl.ones(2, requires_grad=True)
    with rl.no_grad():
        y = w * 2
        assert not rl.is_grad_enabled()
    assert y.grad_fn is None and not y.requires_grad and y.is_leaf
    assert w.requires_grad and rl.is_grad_enabled()


def test_no_grad_prevents_the_memory_of_history() -> None:
    import weakref

    w = rl.ones(2, requires_grad=True)
    with rl.no_grad():
        inner = w * 2
        gone = weakref.ref(inner)
        y = inner.exp() * inner
        del inner
        assert gone() is None
    assert y.grad_fn is None


def test_tensors_and_functions_build_a_graph_of_the_whole_history() -> None:
    x = rl.ones(2, 2, requires_grad=True)
    out = ((x + 2) * (x + 2) * 3).mean()
    names = []
    node = out.grad_fn
    while node is not None:
        names.append(node.name())
        node = node.next_functions[0][0] if node.next_functions else None
    assert names == ["MeanBackward0", "MulBackward0", "MulBackward0", "AddBackward0", "torch::autograd::AccumulateGrad"]


def test_grad_fn_is_none_for_tensors_of_the_user() -> None:
    assert rl.ones(2).grad_fn is None
    assert rl.ones(2, requires_grad=True).grad_fn is None
    assert rl.tensor([1.0]).requires_grad_().grad_fn is None
    assert (rl.ones(2, requires_grad=True) + 1).grad_fn is not None


def test_scalar_needs_no_gradient_argument() -> None:
    grads = []
    for give in ((), (rl.tensor(1.0),)):
        x = rl.ones(3, requires_grad=True)
        (x * x).sum().backward(*give)
        grads.append(x.grad.tolist())
    assert grads == [[2.0, 2.0, 2.0]] * 2


@pytest.mark.parametrize("value", [True, False])
def test_requires_grad_changes_in_place(value: bool) -> None:
    x = rl.ones(2)
    assert not x.requires_grad
    assert x.requires_grad_(value) is x
    assert x.requires_grad is value


def test_vector_jacobian_product_never_builds_the_jacobian() -> None:
    """The Jacobian of this product has 10^12 elements; its product with a vector takes a few MB."""
    n = 1_000_000
    x = rl.full((n,), 3.0, requires_grad=True)
    v = rl.arange(n, dtype=rl.float32)
    (x * x).backward(v)
    assert rl.equal(x.grad, v * 6)


def test_each_run_may_build_another_graph() -> None:
    def power(x: Any, n: int) -> Any:
        if n == 0:
            return 1.0
        half = power(x, n // 2)
        return half * half * x if n % 2 else half * half

    for n in range(1, 12):
        x = rl.tensor(2.0, dtype=rl.float64, requires_grad=True)
        power(x, n).backward()
        assert x.grad.item() == n * 2.0 ** (n - 1)


def test_graph_follows_the_branch_taken() -> None:
    for value, slope in ((2.0, 3.0), (-2.0, -5.0)):
        x = rl.tensor(value, requires_grad=True)
        y = x * 3 if x > 0 else x * -5
        y.backward()
        assert x.grad.item() == slope


# Wrong uses


def backward_twice() -> None:
    w = rl.ones(2, requires_grad=True)
    out = (w * w).sum()
    out.backward()
    out.backward()


def saved_and_changed() -> None:
    w = rl.ones(2, requires_grad=True)
    q = w.exp()
    q.add_(1)
    q.sum().backward()


WRONG: list[tuple[Callable[[], object], str]] = [
    (
        lambda: (rl.ones(2, requires_grad=True) * 2).backward(),
        "grad can be implicitly created only for scalar outputs",
    ),
    (
        backward_twice,
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
        "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
        "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
        "after calling backward.",
    ),
    (
        lambda: rl.ones(2).sum().backward(),
        "element 0 of tensors does not require grad and does not have a grad_fn",
    ),
    (
        lambda: rl.ones(2, requires_grad=True).add_(1),
        "a leaf Variable that requires grad is being used in an in-place operation.",
    ),
    (
        saved_and_changed,
        "one of the variables needed for gradient computation has been modified by an inplace operation: [torch.FloatTensor [2]], "
        "which is output 0 of Exp, is at version 1; expected version 0 instead. Hint: ",
    ),
    (
        lambda: (rl.ones(3, requires_grad=True) * 2).backward(rl.ones(2)),
        "Mismatch in shape: grad_output[0] has a shape of torch.Size([2]) and output[0] has a shape of torch.Size([3]).",
    ),
    (
        lambda: rl.tensor([1, 2], requires_grad=True),
        "Only Tensors of floating point and complex dtype can require gradients",
    ),
    (
        lambda: rl.ones(2, 3) + rl.ones(2, 2),
        "The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 1",
    ),
    (
        lambda: rl.ones(2, 3) @ rl.ones(2, 2),
        "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x2)",
    ),
]


@pytest.mark.parametrize(("use", "text"), WRONG, ids=[text.split(".")[0][:40] for _, text in WRONG])
def test_wrong_use_prints(use: Callable[[], object], text: str) -> None:
    """The text is PyTorch's; what rushlight adds (lines of the program) comes after it."""
    with pytest.raises(RuntimeError) as caught:
        use()
    assert type(caught.value) is RuntimeError
    message = str(caught.value)
    if text.endswith("Hint: "):
        assert message.startswith(text)
    else:
        assert message.split("\n")[0] == text

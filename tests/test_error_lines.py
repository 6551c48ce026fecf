"""Wrong programs, and the lines that their errors name. A line that the message must name ends in `# <-`.

Each program runs under PyTorch as well: our text begins with PyTorch's.
"""

from __future__ import annotations

import pathlib
import re
import textwrap
from typing import Any

import pytest

import rushlight

PROGRAMS: dict[str, str] = {
    # --- a saved tensor was changed in place: where it was saved, where it was changed
    "changed by add_": """
        x = T.ones(3, requires_grad=True)
        y = x * 2
        z = y.sin()  # <-
        y.add_(1)  # <-
        z.sum().backward()
    """,
    "output changed by mul_": """
        x = T.ones(3, requires_grad=True)
        y = x.exp()  # <-
        y.mul_(2)  # <-
        y.sum().backward()
    """,
    "changed by an augmented assignment": """
        x = T.ones(3, requires_grad=True)
        y = x * 2
        z = y * y  # <-
        y += 1  # <-
        z.sum().backward()
    """,
    "changed by an item assignment": """
        x = T.ones(3, requires_grad=True)
        y = x * 2
        z = (y ** 2).sum()  # <-
        y[0] = 5.0  # <-
        z.backward()
    """,
    "changed through a view": """
        x = T.ones(2, 2, requires_grad=True)
        y = x * 2
        z = y.sin()  # <-
        row = y[0]
        row.zero_()  # <-
        z.sum().backward()
    """,
    "weight changed between forward and backward": """
        w = T.ones(2, 2, requires_grad=True)
        x = T.ones(2, 2, requires_grad=True)
        y = x.mm(w)  # <-
        with T.no_grad():
            w -= 0.1  # <-
        y.sum().backward()
    """,
    "changed in a function": """
        def step(t):
            t.sub_(1)  # <-

        x = T.ones(3, requires_grad=True)
        y = x * 3
        z = y.cos()  # <-
        step(y)
        z.sum().backward()
    """,
    "changed twice, the first is named": """
        x = T.ones(3, requires_grad=True)
        y = x * 3
        z = y.cos()  # <-
        y.add_(1)  # <-
        y.add_(2)
        z.sum().backward()
    """,
    "changed by copy_": """
        x = T.ones(3, requires_grad=True)
        y = x + 0
        z = y.log()  # <-
        y.copy_(T.zeros(3))  # <-
        z.sum().backward()
    """,
    "state of a loop changed in place": """
        x = T.ones(3, requires_grad=True)
        h = T.ones(3) * 0.5
        total = 0
        for i in range(3):
            total = total + (h * x).sum()  # <-
            h.mul_(2)  # <-
        total.backward()
    """,
    "operand of a division": """
        a = T.ones(3, requires_grad=True)
        b = a * 2
        c = a / b  # <-
        b.clamp_(0, 1)  # <-
        c.sum().backward()
    """,
    # --- the graph was freed: where, and by which backward
    "second backward": """
        x = T.ones(3, requires_grad=True)
        y = (x * x).sum()  # <-
        y.backward()  # <-
        y.backward()
    """,
    "shared part of two losses": """
        x = T.ones(3, requires_grad=True)
        shared = x.exp()  # <-
        a = shared.sum()
        b = (shared * 2).sum()
        a.backward()  # <-
        b.backward()
    """,
    "grad, then backward": """
        x = T.ones(3, requires_grad=True)
        y = x.sin()  # <-
        g, = T.autograd.grad(y.sum(), x)  # <-
        y.sum().backward()
    """,
    "hidden state carried over": """
        x = T.ones(3, requires_grad=True)
        h = T.zeros(3)
        for i in range(2):
            h = (h + x).tanh()  # <-
            h.sum().backward()  # <-
    """,
    "saved value read after backward": """
        x = T.ones(3, requires_grad=True)
        y = x.sin()  # <-
        y.sum().backward()  # <-
        y.grad_fn._saved_self
    """,
    "freed in a function": """
        def train(loss):
            loss.backward()  # <-

        x = T.ones(3, requires_grad=True)
        loss = (x ** 3).sum()  # <-
        train(loss)
        train(loss)
    """,
    # --- no history: where it ended
    "detach": """
        x = T.ones(3, requires_grad=True)
        y = (x * 2).detach()  # <-
        z = (y * 3).sum()
        z.backward()
    """,
    "detach_": """
        x = T.ones(3, requires_grad=True)
        y = x * 2
        y.detach_()  # <-
        y.sum().backward()
    """,
    "data": """
        x = T.ones(3, requires_grad=True)
        y = x.data * 2  # <-
        y.sum().backward()
    """,
    "no_grad": """
        x = T.ones(3, requires_grad=True)
        with T.no_grad():
            y = x * 2  # <-
        loss = (y - 1).pow(2).mean()
        loss.backward()
    """,
    "no_grad as a decorator": """
        @T.no_grad()  # <-
        def model(t):
            return t * 2

        x = T.ones(3, requires_grad=True)
        model(x).sum().backward()
    """,
    "set_grad_enabled": """
        x = T.ones(3, requires_grad=True)
        with T.set_grad_enabled(False):
            y = x.sin()  # <-
        y.sum().backward()
    """,
    "integers": """
        x = T.ones(3, requires_grad=True)
        y = (x * 2).long()  # <-
        y.sum().backward()
    """,
    "to an integer dtype": """
        x = T.ones(3, requires_grad=True)
        y = x.to(T.int64)  # <-
        z = y * 1.5
        z.sum().backward()
    """,
    "tensor of tensors": """
        x = T.ones(3, requires_grad=True)
        parts = [t * 2 for t in x]
        y = T.tensor(parts)  # <-
        y.sum().backward()
    """,
    "item": """
        x = T.ones(3, requires_grad=True)
        losses = []
        total = (x * 2).sum().item()  # <-
        loss = T.ones(1) * total
        loss.backward()
    """,
    "float": """
        x = T.ones(3, requires_grad=True)
        scale = float(x.sum())  # <-
        loss = (T.ones(3) * scale).sum()
        loss.backward()
    """,
    "numpy": """
        x = T.ones(3, requires_grad=True)
        a = x.detach().numpy()  # <-
        loss = T.from_numpy(a).sum()
        loss.backward()
    """,
    "argmax": """
        x = T.ones(3, requires_grad=True)
        guess = x.argmax()  # <-
        loss = (guess - 1.0) ** 2
        loss.backward()
    """,
    "comparison": """
        x = T.ones(3, requires_grad=True)
        hits = (x > 0.5)  # <-
        accuracy = hits.double().mean()
        accuracy.backward()
    """,
    "in a function": """
        def features(t):
            u = t.sin()
            return u.detach() * 2  # <-

        x = T.ones(3, requires_grad=True)
        loss = features(x).sum()
        loss.backward()
    """,
    "in a function that a function calls": """
        def inner(t):
            return t.data.exp()  # <-

        def outer(t):
            v = inner(t)
            return v.mean()

        x = T.ones(3, requires_grad=True)
        outer(x).backward()
    """,
    "in a method": """
        class Model:
            def encode(self, t):
                return t.detach()  # <-

            def loss(self, t):
                return self.encode(t).sum()

            def step(self, t):
                out = self.loss(t)
                out.backward()

        Model().step(T.ones(3, requires_grad=True))
    """,
    "leaf without requires_grad": """
        w = T.ones(3)  # <-
        loss = (w * 2).sum()
        loss.backward()
    """,
    "one of several roots": """
        x = T.ones(3, requires_grad=True)
        a = x.sum()
        b = x.detach().sum()  # <-
        T.autograd.backward([a, b])
    """,
    "grad of something detached": """
        x = T.ones(3, requires_grad=True)
        y = x.detach().sum()  # <-
        T.autograd.grad(y, x)
    """,
    "chain over several lines": """
        x = T.ones(3, requires_grad=True)
        y = (
            x.sin()
            .detach()  # <-
            .cos()
        )
        y.sum().backward()
    """,
    "unpacked from a tuple": """
        x = T.ones(2, 3, requires_grad=True)
        values, where = x.detach().max(1)  # <-
        values.sum().backward()
    """,
    "accumulated in a loop": """
        x = T.ones(3, requires_grad=True)
        total = 0.0
        for t in range(3):
            total += (x * t).sum().detach()  # <-
        total.backward()
    """,
    "requires_grad_ off": """
        x = T.ones(3, requires_grad=True)
        x.requires_grad_(False)  # <-
        (x * 2).sum().backward()
    """,
    # --- a Function's backward
    "gradient of wrong shape": """
        class Double(T.autograd.Function):
            @staticmethod
            def forward(ctx, t):
                return t * 2
            @staticmethod  # <-
            def backward(ctx, g):
                return g.sum(0)[:1].expand(7)

        x = T.ones(2, 3, requires_grad=True)
        y = Double.apply(x)  # <-
        y.sum().backward()
    """,
    "too few gradients": """
        class Product(T.autograd.Function):
            @staticmethod
            def forward(ctx, a, b):
                return a * b
            @staticmethod  # <-
            def backward(ctx, g):
                return g

        x = T.ones(3, requires_grad=True)
        y = Product.apply(x, x)  # <-
        y.sum().backward()
    """,
    "gradient for a number": """
        class Scale(T.autograd.Function):
            @staticmethod
            def forward(ctx, t, k):
                return t * k
            @staticmethod  # <-
            def backward(ctx, g):
                return g, g

        x = T.ones(3, requires_grad=True)
        y = Scale.apply(x, 2.0)  # <-
        y.sum().backward()
    """,
    "gradient that is no tensor": """
        class Same(T.autograd.Function):
            @staticmethod
            def forward(ctx, t):
                return t.clone()
            @staticmethod  # <-
            def backward(ctx, g):
                return 1.0

        x = T.ones(3, requires_grad=True)
        y = Same.apply(x)  # <-
        y.sum().backward()
    """,
}


def run(program: str, library: Any, path: pathlib.Path) -> tuple[str, str]:
    """The type and the text of the error that the program ends with."""
    path.write_text(program, encoding="utf-8")
    try:
        exec(compile(program, str(path), "exec"), {"T": library, "__name__": "program"})
    except Exception as error:
        return type(error).__name__, str(error)
    pytest.fail(f"the program ran through under {library.__name__}")


@pytest.mark.parametrize("name", PROGRAMS)
def test_error_names_the_lines(name: str, tmp_path: pathlib.Path) -> None:
    torch = pytest.importorskip("torch")
    program = textwrap.dedent(PROGRAMS[name]).lstrip("\n")
    expected, text = run(program, torch, tmp_path / "torch.py")
    kind, ours = run(program, rushlight, tmp_path / "program.py")
    assert kind == expected
    assert ours.startswith(text.rstrip()), f"PyTorch says: {text}\nrushlight: {ours}"
    marked = {i for i, line in enumerate(program.splitlines(), 1) if line.endswith("# <-")}
    assert marked, "the program marks no line"
    named = {int(n) for n in re.findall(r"program\.py:(\d+)", ours)}
    assert marked <= named, f"lines {sorted(marked)} were to be named: {ours}"
    assert named <= marked, f"only lines {sorted(marked)} were to be named: {ours}"


def test_there_are_enough_programs() -> None:
    assert len(PROGRAMS) >= 30


def test_lines_of_the_package_are_passed_over(tmp_path: pathlib.Path) -> None:
    program = 'x = T.ones(4, requires_grad=True)\ny = T.nn.functional.mse_loss(x * 2, T.zeros(4)) if 0 else T.einsum("i,i->", x, x)\n'
    path = tmp_path / "program.py"
    path.write_text(program, encoding="utf-8")
    names: dict[str, Any] = {"T": rushlight}
    exec(compile(program, str(path), "exec"), names)
    node, seen = names["y"].grad_fn, set()
    while node is not None and hasattr(node, "line") and node.next_functions:
        seen.add(node.line)
        node = node.next_functions[0][0]
    assert seen == {f"{path}:2"}


def test_recording_that_is_off_is_named(tmp_path: pathlib.Path) -> None:
    program = "x = T.ones(3, requires_grad=True)\nwith T.no_grad():\n    y = x.sum()\n    y.backward()\n"
    _, text = run(program, rushlight, tmp_path / "program.py")
    assert "program.py:3, where nothing is recorded (the block begins at line 2)" in text
    assert "Recording is off at" in text


def test_program_without_source_raises_all_the_same() -> None:
    names: dict[str, Any] = {"T": rushlight}
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        exec("T.ones(1).backward()", names)


def test_many_changes_in_between_are_told_apart() -> None:
    x = rushlight.ones(3, requires_grad=True)
    y = x * 2
    z = y.sin()
    other = rushlight.zeros(3)
    y.add_(1)
    for _ in range(500):
        other.add_(1)
    line = test_many_changes_in_between_are_told_apart.__code__.co_firstlineno + 5
    with pytest.raises(RuntimeError, match=f"changed in place at {re.escape(__file__)}:{line}"):
        z.sum().backward()

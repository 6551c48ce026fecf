"""Calls operators with garbage, in a process of its own: `python -m parity.garbage MODULE SEED NAME…`.

Each call is announced before it is made, so that a crash names its cause. Prints `survived N` at the end. Exits with 1 if a
call changed a tensor and then failed, and by a signal if the module crashed.
"""

from __future__ import annotations

import importlib
import os
import random
import sys
import warnings
from collections.abc import Callable
from typing import Any

CALLS = 60  # of each form of each operator


class Hostile:
    """Raises wherever an operator may look."""

    def __index__(self) -> int:
        raise ValueError("index")

    def __float__(self) -> float:
        raise ValueError("float")

    def __bool__(self) -> bool:
        raise ValueError("bool")

    def __len__(self) -> int:
        raise ValueError("len")

    def __iter__(self) -> Any:
        raise ValueError("iter")

    def __getitem__(self, item: Any) -> Any:
        raise ValueError("getitem")


class Intercepting:
    @classmethod
    def __torch_function__(cls, *args: Any, **kwargs: Any) -> Any:
        raise ValueError("torch_function")


class Endless:
    """A sequence that is one element long and grows when it is looked at."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, item: Any) -> Any:
        return [1] * 3


def garbage(lib: Any) -> list[Callable[[], Any]]:
    """Makers of arguments: fresh ones for every call."""

    def recursive() -> Any:
        data: list[Any] = [1]
        data.append(data)
        return data

    grid = lambda: lib.arange(6.0).reshape(2, 3)  # noqa: E731
    tensors: list[Callable[[], Any]] = [
        grid,
        lambda: lib.ones(()),
        lambda: lib.ones(0),
        lambda: lib.ones(2, 0, 3),
        lambda: grid().t(),
        lambda: lib.ones(1).expand(2, 3),
        lambda: lib.tensor([0, 1, -1, 10**12]),
        lambda: lib.tensor([[True, False, True], [False, True, True]]),
        lambda: lib.ones(2, 3, dtype=lib.complex64),
        lambda: lib.ones(2, 3, dtype=lib.float16),
        lambda: lib.ones(2, 3, dtype=lib.bfloat16, requires_grad=True),
        lambda: lib.full((3,), float("nan")),
        lambda: lib.zeros(3, dtype=lib.uint8),
        lambda: grid().requires_grad_(),
        lambda: grid().requires_grad_() * 2,
    ]
    others: list[Callable[[], Any]] = [
        lambda: "text", lambda: b"bytes", lambda: None, lambda: 10**30, lambda: -(10**30), lambda: 2**63 - 1, lambda: -(2**63), lambda: -1, lambda: 0, lambda: 1, lambda: 100,
        lambda: 1.5, lambda: float("nan"), lambda: float("inf"), lambda: 1j, lambda: True, lambda: [], lambda: (), lambda: [[]], lambda: [[[]], []], lambda: [1, [2]], lambda: [[1], [2, 3]],
        lambda: [0, 0], lambda: (-1, -1), lambda: [2**62, 2**62], lambda: (2, 3), lambda: ["a"], lambda: [None], recursive, Hostile, lambda: [Hostile()], Intercepting, Endless,
        object, dict, lambda: {"a": 1}, set, lambda: print, lambda: slice(None), lambda: ..., lambda: NotImplemented, lambda: int, lambda: lib.Tensor, lambda: lib.float64, lambda: lib.int8,
        lambda: "cuda", lambda: [lib.ones(2), 1], lambda: [lib.ones(2), lib.ones(3, 3)], lambda: (lib.ones(2, 3),) * 3, lambda: "\ud800", lambda: "a" * 10_000, lambda: range(3), lambda: iter([1]),
    ]  # fmt: skip
    return tensors * 3 + others


KEYWORDS = [
    "dim",
    "keepdim",
    "dtype",
    "out",
    "alpha",
    "value",
    "size",
    "requires_grad",
    "nonsense",
    "",
    "dims",
    "axis",
    "correction",
    "index",
    "src",
    "generator",
]


def forms(lib: Any, name: str) -> list[tuple[str, Callable[..., Any]]]:
    found = []
    function = lib
    for part in name.split("."):
        function = getattr(function, part, None)
    if callable(function):
        found.append((name, function))
    if hasattr(lib.Tensor, name):
        found.append(("Tensor." + name, getattr(lib.Tensor, name)))
    if hasattr(lib.Tensor, name + "_"):
        found.append((f"Tensor.{name}_", getattr(lib.Tensor, name + "_")))
    return [(label, call) for label, call in found if callable(call)]


def state(value: Any) -> Any:
    return repr(value.detach().tolist()), tuple(value.shape), tuple(value.stride())


def main(module: str, seed: str, *names: str) -> int:
    warnings.simplefilter("ignore")
    lib = importlib.import_module(module)
    makers = garbage(lib)
    made = bad = 0
    announce = sys.stderr.fileno()
    for name in names:
        choose = random.Random(f"{seed} {name}")
        for label, call in forms(lib, name):
            for _ in range(CALLS):
                args = [choose.choice(makers)() for _ in range(choose.choice((0, 1, 1, 2, 2, 2, 3, 3, 4, 5)))]
                kwargs = {
                    choose.choice(KEYWORDS): choose.choice(makers)() for _ in range(choose.choice((0, 0, 0, 1, 2)))
                }
                held = [v for v in (*args, *kwargs.values()) if type(v) is lib.Tensor]
                before = [state(v) for v in held]
                os.write(announce, f"{label} {[type(a).__name__ for a in args]} {[*kwargs]} {made}\n".encode())
                made += 1
                try:
                    call(*args, **kwargs)
                except Exception:
                    for v, was in zip(held, before, strict=True):
                        if state(v) != was:
                            os.write(announce, f"CHANGED by the failed call above: {was} to {state(v)}\n".encode())
                            bad += 1
    # The process still computes.
    x = lib.ones(3, requires_grad=True)
    (x.exp() * 2).sum().backward()
    assert abs(x.grad[0].item() - 5.43656) < 1e-4
    print(f"survived {made}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""torch.testing against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

import rushlight  # noqa: F401
from both import agree

DTYPES = "float32 float64 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex64 complex128".split()


def make(t: Any, *args: Any, **options: Any) -> Any:
    import importlib

    t.manual_seed(4)
    made = importlib.import_module(f"{t.__name__}.testing").make_tensor(*args, device="cpu", **options)
    return made, list(made.stride()), made.requires_grad


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "options",
    [{}, {"low": 1, "high": 2}, {"noncontiguous": True}, {"exclude_zero": True}, {"low": 0}, {"requires_grad": True}],
)
def test_make_tensor(dtype: str, options: dict[str, Any]) -> None:
    agree(lambda t: make(t, (3, 40), dtype=getattr(t, dtype), **options))
    agree(lambda t: make(t, 2, 3, dtype=getattr(t, dtype), **options))


@pytest.mark.parametrize("options", [{"low": 2, "high": 1}, {"low": float("nan")}, {"low": 1e300, "high": 1e301}])
def test_errors(options: dict[str, Any]) -> None:
    agree(lambda t: make(t, 3, dtype=t.float32, **options))
    agree(lambda t: make(t, 3, dtype=t.int8, **options))


def test_the_whole_range() -> None:
    agree(lambda t: make(t, 30, dtype=t.float32, low=float("-inf"), high=float("inf")))


VALUES: list[Any] = [
    lambda t: (t.tensor([1.0, 2, 3]), t.tensor([1.0, 2, 4])),
    lambda t: (t.tensor([[1.0, 2], [3, 0]]), t.tensor([[1.0, 2.5], [3, float("nan")]])),
    lambda t: (t.tensor([1, 2]), t.tensor([1, 5])),
    lambda t: (t.tensor([True, False]), t.tensor([True, True])),
    lambda t: (t.tensor(1.0), t.tensor(2.0)),
    lambda t: (t.tensor([1 + 1j]), t.tensor([1 + 2j])),
    lambda t: (t.ones(2), t.ones(3)),
    lambda t: (t.ones(2), t.ones(2).double()),
    lambda t: (1, 2),
    lambda t: (1.0, 1.0 + 1e-9),
    lambda t: (1.0, 0.0),
    lambda t: (1, 1.0),
    lambda t: (True, False),
    lambda t: (None, 1),
    lambda t: (None, None),
    lambda t: ("a", "a"),
    lambda t: ([t.ones(1), t.zeros(2)], [t.ones(1), t.ones(2)]),
    lambda t: ([1], [1, 2]),
    lambda t: ({"a": t.ones(1), "b": [1, 2]}, {"a": t.ones(1), "b": [1, 3]}),
    lambda t: ({"a": 1}, {"b": 1}),
    lambda t: (t.ones(2, requires_grad=True), t.ones(2)),
    lambda t: (t.tensor([float("nan")]), t.tensor([float("nan")])),
    lambda t: (t.zeros(0), t.zeros(0)),
]


@pytest.mark.parametrize(
    "options", [{}, {"rtol": 0, "atol": 0}, {"rtol": 0.6, "atol": 0.1}, {"equal_nan": True, "check_dtype": False}]
)
@pytest.mark.parametrize("values", VALUES)
def test_assert_close(values: Any, options: dict[str, Any]) -> None:
    import importlib

    agree(lambda t: importlib.import_module(f"{t.__name__}.testing").assert_close(*values(t), **options))


def test_messages_of_ones_own() -> None:
    for msg in ("mine", lambda text: f"so: {text}"):
        agree(lambda t, msg=msg: t.testing.assert_close([1], [2], msg=msg))
    agree(lambda t: t.testing.assert_close(1.0, 2.0, rtol=1))
    agree(lambda t: t.testing.assert_close(t.ones(2, 3), t.ones(3, 2).t(), check_stride=True))

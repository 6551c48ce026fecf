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

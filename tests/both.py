"""One scenario under PyTorch and under rushlight, in one process: what they give must be the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

import rushlight


def plain(value: Any) -> Any:
    """Tensors as numbers, so that the two libraries' results can be compared."""
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if hasattr(value, "detach"):
        return ["tensor", str(value.dtype).rpartition(".")[2], list(value.shape), value.detach().tolist()]
    return value


def outcome(scenario: Callable[[Any], Any], library: Any) -> Any:
    """What the scenario gives: its value, or its exception's type and text."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return plain(scenario(library))
        except Exception as error:
            return type(error).__name__, str(error)


def agree(scenario: Callable[[Any], Any], tolerance: float = 1e-6) -> Any:
    """Asserts that the scenario ends alike; an error's text must begin with PyTorch's. Gives rushlight's outcome."""
    torch = pytest.importorskip("torch")
    expected, got = outcome(scenario, torch), outcome(scenario, rushlight)
    if isinstance(expected, tuple) and len(expected) == 2:
        assert isinstance(got, tuple), f"PyTorch raises {expected}, rushlight gives {got}"
        assert got[0] == expected[0]
        assert got[1].startswith(expected[1].rstrip()), f"{got[1]!r} does not begin with {expected[1]!r}"
    else:
        compare(got, expected, tolerance)
    return got


def compare(got: Any, expected: Any, tolerance: float, where: str = "") -> None:
    if isinstance(expected, list):
        assert isinstance(got, list), f"at {where or 'the top'}: {got} instead of {expected}"
        assert len(got) == len(expected), f"at {where or 'the top'}: {got} instead of {expected}"
        for i, (g, e) in enumerate(zip(got, expected, strict=True)):
            compare(g, e, tolerance, f"{where}[{i}]")
    elif isinstance(expected, dict):
        assert got.keys() == expected.keys()
        for key in expected:
            compare(got[key], expected[key], tolerance, f"{where}[{key!r}]")
    elif isinstance(expected, (float, complex)) and not isinstance(expected, bool):
        assert got == pytest.approx(expected, rel=tolerance, abs=tolerance, nan_ok=True), where
    else:
        assert got == expected, f"at {where or 'the top'}: {got!r} instead of {expected!r}"

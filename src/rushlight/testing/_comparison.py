"""`assert_close`: are two values, or nests of values, alike to a tolerance?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .. import _core
from .._core import Tensor

__all__ = ["assert_allclose", "assert_close"]

_TOLERANCES = {
    _core.float16: (0.001, 1e-5),
    _core.bfloat16: (0.016, 1e-5),
    _core.float32: (1.3e-6, 1e-5),
    _core.float64: (1e-7, 1e-7),
    _core.complex64: (1.3e-6, 1e-5),
    _core.complex128: (1e-7, 1e-7),
}


class _Mismatch(Exception):
    """What does not agree, and where: its text, the type of error, the path to the item."""

    def __init__(self, kind: type[Exception], text: str, path: tuple[Any, ...]) -> None:
        super().__init__(text)
        self.kind, self.text, self.path = kind, text, path

    def error(self, msg: str | Callable[[str], str] | None) -> Exception:
        if isinstance(msg, str):
            return self.kind(msg)
        text = self.text
        if self.path:
            text += f"\n\nThe failure occurred for item {''.join(str([item]) for item in self.path)}"
        return self.kind(msg(text) if callable(msg) else text)


def _leaves(actual: Any, expected: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, Any, tuple[Any, ...]]]:
    """Pairs of items of two nests, which must have the same form."""

    def is_sequence(value: Any) -> bool:
        return isinstance(value, Sequence) and not isinstance(value, str)

    if is_sequence(actual) and is_sequence(expected):
        if len(actual) != len(expected):
            text = f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
            raise _Mismatch(AssertionError, text, path)
        for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
            yield from _leaves(a, e, (*path, i))
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        ours, theirs = set(actual), set(expected)
        if ours != theirs:
            text = (
                "The keys of the mappings do not match:\n"
                f"Missing keys in the actual mapping: {sorted(theirs - ours)}\n"
                f"Additional keys in the actual mapping: {sorted(ours - theirs)}"
            )
            raise _Mismatch(AssertionError, text, path)
        try:
            keys: Any = sorted(ours)
        except TypeError:
            keys = ours
        for key in keys:
            yield from _leaves(actual[key], expected[key], (*path, key))
    else:
        yield actual, expected, path


def _difference(kind: str, value: Any, index: Any, tolerance: float, exact: bool) -> str:
    text = (
        f"{kind.title()} difference: {value}"
        if index is None
        else f"Greatest {kind} difference: {value} at index {index}"
    )
    return text if exact else f"{text} (up to {tolerance} allowed)"


def _scalar_text(actual: Any, expected: Any, rtol: float, atol: float) -> str:
    exact = rtol == 0 and atol == 0
    absolute = abs(actual - expected)
    relative = float("inf") if expected == 0 else absolute / abs(expected)
    return (
        f"Scalars are not {'equal' if exact else 'close'}!\n\nExpected {expected} but got {actual}.\n"
        f"{_difference('absolute', absolute, None, atol, exact)}\n{_difference('relative', relative, None, rtol, exact)}"
    )


def _tensor_text(actual: Tensor, expected: Tensor, matches: Tensor, rtol: float, atol: float) -> str:
    exact = rtol == 0 and atol == 0
    count = matches.numel()
    wrong = count - int(matches.sum().item())
    flat = matches.flatten()
    a, e = actual.flatten(), expected.flatten()
    if not (a.dtype.is_floating_point or a.dtype.is_complex):
        # Differences of whole numbers, and of truth values, may not fit into their own dtype.
        a, e = a.to(_core.int64), e.to(_core.int64)
    difference = (a - e).abs()
    difference[flat] = 0

    def greatest(values: Tensor) -> tuple[Any, tuple[int, ...]]:
        at = int(values.argmax().item())
        index = []
        for size in reversed(matches.shape):
            at, place = divmod(at, size)
            index.append(place)
        return values.max().item(), tuple(reversed(index))

    relative = difference / e.abs()
    relative[flat] = 0
    lines = [_difference("absolute", *greatest(difference), atol, exact)]
    lines.append(_difference("relative", *greatest(relative), rtol, exact))
    return (
        f"Tensor-likes are not {'equal' if exact else 'close'}!\n\n"
        f"Mismatched elements: {wrong} / {count} ({wrong / count:.1%})\n" + "\n".join(lines)
    )


def _kinds() -> tuple[Any, Any]:
    """What counts as truth values and numbers."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return (bool,), (int, float, complex)
    return (bool, numpy.bool_), (int, float, complex, numpy.number)


def _as_tensor(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value
    try:
        return _core.as_tensor(value)
    except Exception:
        return None


class _Rules:
    """How to compare one pair."""

    def __init__(self, rtol: float | None, atol: float | None, **flags: Any) -> None:
        self.rtol, self.atol, self.flags = rtol, atol, flags

    def tolerances(self, *dtypes: Any) -> tuple[float, float]:
        if (self.rtol is None) != (self.atol is None):
            which = "rtol" if self.rtol is None else "atol"
            raise _Mismatch(
                ValueError, f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {which}.", ()
            )
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        pairs = [_TOLERANCES.get(dtype, (0.0, 0.0)) for dtype in dtypes]
        return max(r for r, _ in pairs), max(a for _, a in pairs)

    def compare(self, actual: Any, expected: Any, path: tuple[Any, ...]) -> None:
        truths, numbers = _kinds()
        if actual is None or expected is None:
            if actual is not expected:
                raise _Mismatch(AssertionError, f"None mismatch: {actual} is not {expected}", path)
        elif isinstance(actual, truths) and isinstance(expected, truths):
            if bool(actual) is not bool(expected):
                raise _Mismatch(AssertionError, f"Booleans mismatch: {bool(actual)} is not {bool(expected)}", path)
        elif isinstance(actual, numbers) and isinstance(expected, numbers):
            self.numbers(actual, expected, path)
        else:
            related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
            if related and not self.flags["allow_subclasses"]:
                related = type(actual) is type(expected)
            a, e = (_as_tensor(actual), _as_tensor(expected)) if related else (None, None)
            if a is None or e is None:
                raise _Mismatch(
                    TypeError,
                    f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.",
                    path,
                )
            self.tensors(a, e, path)

    def numbers(self, actual: Any, expected: Any, path: tuple[Any, ...]) -> None:
        numpy = sys.modules.get("numpy")
        if numpy is not None:
            actual, expected = (v.item() if isinstance(v, numpy.number) else v for v in (actual, expected))
        dtypes = {int: _core.int64, float: _core.float64, complex: _core.complex128}
        rtol, atol = self.tolerances(*(dtypes.get(type(v), _core.int64) for v in (actual, expected)))
        if self.flags["check_dtype"] and type(actual) is not type(expected):
            raise _Mismatch(AssertionError, f"The (d)types do not match: {type(actual)} != {type(expected)}.", path)
        if actual == expected or (self.flags["equal_nan"] and actual != actual and expected != expected):
            return
        difference = abs(actual - expected)
        if difference < float("inf") and difference <= atol + rtol * abs(expected):
            return
        raise _Mismatch(AssertionError, _scalar_text(actual, expected, rtol, atol), path)

    def tensors(self, actual: Tensor, expected: Tensor, path: tuple[Any, ...]) -> None:
        rtol, atol = self.tolerances(actual.dtype, expected.dtype)
        checks: list[tuple[str, Any, Any]] = [("shape", actual.shape, expected.shape)]
        if self.flags["check_stride"]:
            checks.append(("stride()", actual.stride(), expected.stride()))
        if self.flags["check_dtype"]:
            checks.append(("dtype", actual.dtype, expected.dtype))
        for name, ours, theirs in checks:
            if ours != theirs:
                text = f"The values for attribute '{name}' do not match: {ours} != {theirs}."
                raise _Mismatch(AssertionError, text, path)
        a, e = actual.detach(), expected.detach()
        if a.dtype != e.dtype:
            dtype = _core.promote_types(a.dtype, e.dtype)
            a, e = a.to(dtype), e.to(dtype)
        matches = _core.isclose(a, e, rtol=rtol, atol=atol, equal_nan=self.flags["equal_nan"])
        if matches.all():
            return
        if a.ndim == 0:
            text = _scalar_text(a.item(), e.item(), rtol, atol)
        else:
            text = _tensor_text(a, e, matches, rtol, atol)
        raise _Mismatch(AssertionError, text, path)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises an AssertionError unless |actual - expected| <= atol + rtol |expected|, for all items of containers.

    The tolerances are by default those of the dtypes: 1.3e-6 and 1e-5 for float32, 1e-7 both for float64, 0 for whole
    numbers. Shapes and, by default, dtypes must agree.
    """
    __tracebackhide__ = True
    rules = _Rules(
        rtol,
        atol,
        allow_subclasses=allow_subclasses,
        equal_nan=equal_nan,
        check_dtype=check_dtype,
        check_stride=check_stride,
    )
    try:
        for pair in list(_leaves(actual, expected, ())):
            rules.compare(*pair)
    except _Mismatch as mismatch:
        raise mismatch.error(msg) from None


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """The older name of `assert_close`, without the check of dtypes."""
    if not isinstance(actual, Tensor):
        actual = _core.tensor(actual)
    if not isinstance(expected, Tensor):
        expected = _core.tensor(expected, dtype=actual.dtype)
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


_core._internal(globals())

"""Type promotion: every pair of dtypes, as tensors, 0-dim tensors and Python numbers."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import rushlight as rl

torch = pytest.importorskip("torch")

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()
PAIRS = list(itertools.product(DTYPES, repeat=2))


def name(dtype: Any) -> str:
    """The dtype's name, complex64 for PyTorch's complex32 (docs/differences.md)."""
    return str(dtype).rpartition(".")[2].replace("complex32", "complex64")


def dtype_of(call: Any) -> str:
    """The dtype of a result, or the error's type."""
    try:
        return name(call().dtype)
    except Exception as error:
        return type(error).__name__


def test_promote_types() -> None:
    for a, b in PAIRS:
        expected = name(torch.promote_types(getattr(torch, a), getattr(torch, b)))
        assert name(rl.promote_types(getattr(rl, a), getattr(rl, b))) == expected, (a, b)


def test_can_cast() -> None:
    for a, b in PAIRS:
        assert rl.can_cast(getattr(rl, a), getattr(rl, b)) is torch.can_cast(getattr(torch, a), getattr(torch, b)), (
            a,
            b,
        )


def operand(lib: Any, kind: str, dtype: str) -> Any:
    return lib.ones((2,) if kind == "tensor" else (), dtype=getattr(lib, dtype))


OPERATORS = "add sub mul div floor_divide pow remainder fmod maximum atan2 eq lt bitwise_and logical_and bitwise_left_shift".split()


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("kinds", [("tensor", "tensor"), ("tensor", "0-dim"), ("0-dim", "tensor"), ("0-dim", "0-dim")])
def test_pairs_of_tensors(operator: str, kinds: tuple[str, str]) -> None:
    for a, b in PAIRS:
        ours, theirs = (
            dtype_of(lambda lib=lib: getattr(lib, operator)(operand(lib, kinds[0], a), operand(lib, kinds[1], b)))
            for lib in (rl, torch)
        )
        if theirs == "NotImplementedError" and ours in DTYPES:
            continue  # PyTorch lacks the kernel; that is no rule
        assert ours == theirs, (a, b)


@pytest.mark.parametrize("number", [True, 3, 2.5, 1j])
@pytest.mark.parametrize("operator", OPERATORS)
def test_tensors_and_numbers(operator: str, number: Any) -> None:
    for kind, dtype in itertools.product(("tensor", "0-dim"), DTYPES):
        ours, theirs = (
            dtype_of(lambda lib=lib: getattr(lib, operator)(operand(lib, kind, dtype), number)) for lib in (rl, torch)
        )
        if theirs == "NotImplementedError" and ours in DTYPES:
            continue
        assert ours == theirs, (kind, dtype)


@pytest.mark.parametrize(
    "source",
    [
        "2 + t",
        "2.5 - t",
        "3 * t",
        "1 / t",
        "2 ** t",
        "7 // t",
        "7 % t",
        "True & t",
        "5 | t",
        "3 ^ t",
        "1 << t",
        "2j * t",
        "-t",
        "~t",
        "abs(t)",
        "t @ t",
        "t > 1",
    ],
)
def test_python_operators(source: str) -> None:
    for kind, dtype in itertools.product(("tensor", "0-dim"), DTYPES):
        ours, theirs = (dtype_of(lambda lib=lib: eval(source, {"t": operand(lib, kind, dtype)})) for lib in (rl, torch))
        if theirs == "NotImplementedError" and ours in DTYPES:
            continue
        assert ours == theirs, (kind, dtype)


def test_result_type_of_tensors_and_numbers() -> None:
    for a, b in PAIRS:
        for kinds in itertools.product(("tensor", "0-dim"), repeat=2):
            ours, theirs = (
                name(lib.result_type(operand(lib, kinds[0], a), operand(lib, kinds[1], b))) for lib in (rl, torch)
            )
            assert ours == theirs, (a, b, kinds)
    for a in DTYPES:
        for number in (True, 3, 2.5, 1j):
            ours, theirs = (name(lib.result_type(operand(lib, "tensor", a), number)) for lib in (rl, torch))
            assert ours == theirs, (a, number)


@pytest.mark.parametrize(
    "operator",
    "sum mean prod cumsum exp sqrt abs neg floor isnan std max argmax all norm sigmoid sign reciprocal square logsumexp softmax".split(),
)
def test_functions_of_one_tensor(operator: str) -> None:
    for dtype in DTYPES:
        extra = (0,) if operator in ("cumsum", "logsumexp", "softmax") else ()
        ours, theirs = (
            dtype_of(lambda lib=lib: getattr(lib, operator)(operand(lib, "tensor", dtype), *extra))
            for lib in (rl, torch)
        )
        if theirs in ("NotImplementedError", "RuntimeError") and ours in DTYPES:
            assert theirs == "NotImplementedError", (dtype, ours)
            continue
        assert ours == theirs, dtype


def test_where_cat_and_stack_promote() -> None:
    for a, b in PAIRS:
        for call in (
            lambda lib, x, y: lib.where(lib.tensor([True, False]), x, y),
            lambda lib, x, y: lib.cat([x, y]),
            lambda lib, x, y: lib.stack([x, y]),
        ):
            ours, theirs = (
                dtype_of(lambda lib=lib, call=call: call(lib, operand(lib, "tensor", a), operand(lib, "tensor", b)))
                for lib in (rl, torch)
            )
            assert ours == theirs, (a, b)


def test_in_place_keeps_the_dtype_or_refuses() -> None:
    for a, b in PAIRS:
        for operator in ("add_", "mul_", "copy_", "div_"):
            ours, theirs = (
                dtype_of(lambda lib=lib: getattr(operand(lib, "tensor", a), operator)(operand(lib, "tensor", b)))
                for lib in (rl, torch)
            )
            assert ours == theirs, (a, b, operator)


DEFAULTS = """lib.tensor(1.5)
lib.tensor([1j])
lib.ones(2)
lib.ones(2, dtype=lib.int64) * 1.5
lib.ones(2, dtype=lib.int64) / 2
lib.arange(0.0, 2.0)
lib.ones(2, dtype=lib.int32).exp()
lib.zeros(2, dtype=lib.get_default_dtype())""".splitlines()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_default_dtype_decides_for_numbers(dtype: str) -> None:
    found = []
    for lib in (rl, torch):
        lib.set_default_dtype(getattr(lib, dtype))
        try:
            found.append([dtype_of(lambda lib=lib, source=source: eval(source, {"lib": lib})) for source in DEFAULTS])
        finally:
            lib.set_default_dtype(lib.float32)
    for source, ours, theirs in zip(DEFAULTS, *found, strict=True):
        if (dtype, source) == ("bfloat16", "lib.tensor([1j])"):
            assert (ours, theirs) == ("complex64", "RuntimeError")  # PyTorch has no complex dtype for that
        else:
            assert ours == theirs, source


def test_default_dtype_must_float() -> None:
    with pytest.raises(TypeError, match="only floating-point types are supported as the default type"):
        rl.set_default_dtype(rl.int64)
    assert rl.get_default_dtype() is rl.float32


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_finfo(dtype: str) -> None:
    ours, theirs = rl.finfo(getattr(rl, dtype)), torch.finfo(getattr(torch, dtype))
    for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
        assert getattr(ours, field) == getattr(theirs, field), field


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_iinfo(dtype: str) -> None:
    ours, theirs = rl.iinfo(getattr(rl, dtype)), torch.iinfo(getattr(torch, dtype))
    for field in ("bits", "max", "min", "dtype"):
        assert getattr(ours, field) == getattr(theirs, field), field


def test_wrap_around_and_casts_of_integers() -> None:
    assert (rl.tensor([200], dtype=rl.uint8) + 100).tolist() == [44]
    assert (rl.tensor([127], dtype=rl.int8) + 1).tolist() == [-128]
    assert rl.tensor([-1]).to(rl.uint8).tolist() == [255]
    assert rl.tensor([3.9, -3.9]).to(rl.int32).tolist() == [3, -3]
    assert rl.tensor([0.0, 0.1, float("nan")]).bool().tolist() == [False, True, True]
    assert rl.tensor([1e5]).half().tolist() == [float("inf")]

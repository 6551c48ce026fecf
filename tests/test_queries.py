"""Settings of the library and questions about tensors, against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
import rushlight as rl

torch = pytest.importorskip("torch")

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("question", ["is_complex", "is_floating_point", "is_signed", "is_contiguous", "is_conj"])
def test_questions(dtype: str, question: str) -> None:
    ours, theirs = (getattr(lib.ones(2, 3, dtype=getattr(lib, dtype)), question)() for lib in (rl, torch))
    assert ours is theirs
    if question in ("is_complex", "is_floating_point"):
        assert getattr(rl, question)(rl.ones(2, dtype=getattr(rl, dtype))) is theirs


def test_is_tensor() -> None:
    assert rl.is_tensor(rl.ones(1)) and not rl.is_tensor([1]) and not rl.is_tensor(numpy.ones(1))


def test_size_and_stride() -> None:
    for lib in (rl, torch):
        t = lib.ones(2, 3, 4).transpose(0, 2)
        assert (tuple(t.size()), t.size(0), t.size(-1)) == ((4, 3, 2), 4, 2)
        assert (tuple(t.stride()), t.stride(0), t.stride(-1)) == ((1, 4, 12), 1, 12)
        with pytest.raises(IndexError):
            t.size(3)


@pytest.mark.parametrize("sizes", [(2, 2), (3, 4), (0,), (5, 1, 2)])
def test_resize(sizes: tuple[int, ...]) -> None:
    ours, theirs = (lib.arange(12).resize_(*sizes) for lib in (rl, torch))
    assert ours.tolist() == theirs.tolist() and tuple(ours.stride()) == tuple(theirs.stride())


def test_resolve_conj() -> None:
    t = rl.tensor([1 + 2j])
    assert t.resolve_conj() is t and t.conj().resolve_conj().tolist() == [1 - 2j]


def test_short_names_of_conversions() -> None:
    for lib in (rl, torch):
        t = lib.ones(2)
        assert (str(t.cfloat().dtype), str(t.cdouble().dtype)) == ("torch.complex64", "torch.complex128")


def test_threads() -> None:
    before = rl.get_num_threads()
    try:
        rl.set_num_threads(3)
        assert rl.get_num_threads() == 3
        with pytest.raises(RuntimeError, match="set_num_threads expects a positive integer"):
            rl.set_num_threads(0)
    finally:
        rl.set_num_threads(before)


def test_frombuffer() -> None:
    data: Any = bytearray(numpy.arange(6, dtype=numpy.float32).tobytes())
    for lib in (rl, torch):
        t = lib.frombuffer(data, dtype=lib.float32, count=3, offset=4)
        assert t.tolist() == [1, 2, 3]
    rl.frombuffer(data, dtype=rl.float32)[0] = 7
    assert torch.frombuffer(data, dtype=torch.float32)[0] == 7
    with pytest.raises(ValueError):
        rl.frombuffer(data, dtype=rl.float32, offset=100)


def test_scalar_tensor() -> None:
    for value in (1, 2.5, True):
        ours, theirs = (lib.scalar_tensor(value) for lib in (rl, torch))
        assert ours.item() == theirs.item() and str(ours.dtype) == str(theirs.dtype) and ours.shape == ()


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_dropout(p: float) -> None:
    found = []
    for lib in (rl, torch):
        lib.manual_seed(3)
        x = lib.ones(4, 50, requires_grad=True)
        y = lib.dropout(x, p, True)
        y.sum().backward()
        found.append((y.tolist(), x.grad.tolist()))
        assert lib.dropout(x, p, False) is x
    assert found[0] == found[1]


def test_inference_mode_is_told() -> None:
    assert not rl.is_inference_mode_enabled()
    with rl.inference_mode():
        assert rl.is_inference_mode_enabled()
    assert not rl.is_inference_mode_enabled()


def test_hook_after_accumulation() -> None:
    for lib in (rl, torch):
        x, seen = lib.ones(2, requires_grad=True), []
        handle = x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.tolist()))
        (x * 2).sum().backward()
        handle.remove()
        (x * 2).sum().backward()
        assert seen == [[2, 2]] and x.grad.tolist() == [4, 4]

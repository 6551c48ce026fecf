"""torch.fft beyond the parity suite: derivatives by finite differences, results in place, forwards and back."""

from __future__ import annotations

from typing import Any

import pytest
import rushlight as rl

TO_COMPLEX = "fft ifft fft2 ifft2 fftn ifftn"
FROM_REAL = "rfft rfft2 rfftn ihfft ihfft2 ihfftn"
TO_REAL = "irfft irfft2 irfftn hfft hfft2 hfftn"


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("name", f"{TO_COMPLEX} {FROM_REAL} {TO_REAL}".split())
def test_derivatives(name: str, norm: str) -> None:
    rl.manual_seed(0)
    d = rl.float64 if name in FROM_REAL.split() else rl.complex128
    x = rl.randn(2, 3, 4, dtype=d, requires_grad=True)

    def function(x: Any) -> Any:
        return getattr(rl.fft, name)(x, norm=norm)

    assert rl.autograd.gradcheck(function, (x,))
    assert rl.autograd.gradgradcheck(function, (x,))


@pytest.mark.parametrize("there, back", [("fft", "ifft"), ("rfft", "irfft"), ("hfft", "ihfft"), ("fftn", "ifftn")])
@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_there_and_back(there: str, back: str, n: int) -> None:
    x = rl.randn(3, n, dtype=rl.float64)
    if there == "hfft":
        there, back = back, there
    more = {} if there == "fftn" else {"n": n}
    again = getattr(rl.fft, back)(getattr(rl.fft, there)(x, **more), **more)
    assert rl.allclose(again.real, x)


def test_a_result_may_change_in_place_with_history() -> None:
    """Of a middle dimension it has a layout of its own, but is no view."""
    x = rl.randn(2, 3, 4, dtype=rl.float64, requires_grad=True)
    y = rl.fft.rfft(x, dim=1)
    assert not y._is_view()
    y[0] = 0
    (y.real**2 + y.imag**2).sum().backward()
    assert not x.grad[0].any() and x.grad[1].all()


def test_frequencies() -> None:
    assert rl.fft.fftfreq(5, 0.5).tolist() == pytest.approx([0, 0.4, 0.8, -0.8, -0.4])
    assert rl.fft.rfftfreq(4).tolist() == [0, 0.25, 0.5]
    assert rl.fft.fftshift(rl.fft.fftfreq(4)).tolist() == [-0.5, -0.25, 0, 0.25]
    with pytest.raises(RuntimeError, match="fftfreq requires a floating point or complex dtype"):
        rl.fft.fftfreq(4, dtype=rl.int64)

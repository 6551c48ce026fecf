"""Window functions of `M` samples.

All of them take sym (a symmetric window, else one period of a periodic one), dtype (float32 or float64), layout, device and
requires_grad, and give a tensor [M] whose largest value is 1 (where M samples or M + 1 hit the maximum). Formulas as in
A. V. Oppenheim and R. W. Schafer, Discrete-Time Signal Processing, and A. H. Nuttall, IEEE Transactions on Acoustics, Speech
and Signal Processing 29 (1981) 84.
"""

from __future__ import annotations

import math
from typing import Any

from ... import _core
from ..._core import Tensor
from ..._types import strided

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _options(name: str, M: int, dtype: Any, layout: Any, device: Any, requires_grad: bool) -> dict[str, Any]:
    """The options of the tensors that a window is made of, checked."""
    dtype = _core.get_default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if dtype not in (_core.float32, _core.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    return {"dtype": dtype, "layout": layout, "device": device, "requires_grad": requires_grad}


def _samples(M: int, first: float, step: float, options: dict[str, Any]) -> Tensor:
    """`M` places from `first` on, a `step` apart."""
    return _core.linspace(first, first + (M - 1) * step, M, **options)


def _cosines(name: str, M: int, a: Any, sym: bool, dtype: Any, layout: Any, device: Any, requires_grad: bool) -> Tensor:
    """`general_cosine`, with the name that messages call it by."""
    options = _options(name, M, dtype, layout, device, requires_grad)
    if M < 2:
        return _core.ones(M, **options)
    if not isinstance(a, (list, tuple)):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    x = _samples(M, 0, 2 * math.pi / (M - 1 if sym else M), options)
    plain = {"dtype": options["dtype"], "device": device}
    factors = _core.tensor([value if i % 2 == 0 else -value for i, value in enumerate(a)], **plain)
    orders = _core.arange(len(a), **plain)
    return (factors.unsqueeze(-1) * (orders.unsqueeze(-1) * x).cos()).sum(0)


def general_cosine(
    M: int, *, a: Iterable[float], sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The sum over i of (-1)^i a[i] cos(2 pi i n / N); N is M - 1, or M unless `sym`."""
    return _cosines("general_cosine", M, a, sym, dtype, layout, device, requires_grad)


def general_hamming(
    M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """alpha - (1 - alpha) cos(2 pi n / N); N is M - 1, or M unless `sym`."""
    return _cosines("general_cosine", M, [alpha, 1.0 - alpha], sym, dtype, layout, device, requires_grad)


def hamming(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """0.54 - 0.46 cos(2 pi n / N); N is M - 1, or M unless `sym`."""
    return _cosines("general_cosine", M, [0.54, 1.0 - 0.54], sym, dtype, layout, device, requires_grad)


def hann(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """0.5 - 0.5 cos(2 pi n / N); N is M - 1, or M unless `sym`."""
    return _cosines("general_cosine", M, [0.5, 0.5], sym, dtype, layout, device, requires_grad)


def blackman(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N); N is M - 1, or M unless `sym`."""
    return _cosines("blackman", M, [0.42, 0.5, 0.08], sym, dtype, layout, device, requires_grad)


def nuttall(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Nuttall's window of four terms, whose first derivative is continuous: sidelobes below -98 dB."""
    terms = [0.3635819, 0.4891775, 0.1365995, 0.0106411]
    return _cosines("general_cosine", M, terms, sym, dtype, layout, device, requires_grad)


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle: 1 - |2 n / N - 1|; N is M - 1, or M unless `sym`."""
    options = _options("bartlett", M, dtype, layout, device, requires_grad)
    if M < 2:
        return _core.ones(M, **options)
    return 1 - _samples(M, -1, 2 / (M - 1 if sym else M), options).abs()


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = strided,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """sin(pi (n + 0.5) / N); N is M, or M + 1 unless `sym`."""
    options = _options("cosine", M, dtype, layout, device, requires_grad)
    if M == 0:
        return _core.empty(0, **options)
    step = math.pi / (M if sym else M + 1)
    return _samples(M, 0.5 * step, step, options).sin()


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = strided,
    device: Any = None, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """exp(-|n - center| / tau); the centre is the window's middle, and may be elsewhere unless `sym`."""
    options = _options("exponential", M, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return _core.empty(0, **options)
    if center is None:
        center = (M - 1 if sym or M == 1 else M) / 2
    return (-_samples(M, -center / tau, 1 / tau, options).abs()).exp()


def gaussian(
    M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """exp(-(n - N / 2)^2 / (2 std^2)); N is M - 1, or M unless `sym`."""
    options = _options("gaussian", M, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return _core.empty(0, **options)
    step = 1 / (std * math.sqrt(2))
    return (-(_samples(M, -(M - 1 if sym or M == 1 else M) / 2 * step, step, options) ** 2)).exp()


def kaiser(
    M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, layout: Any = strided, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """i0(beta sqrt(1 - (2 n / N - 1)^2)) / i0(beta); N is M - 1, or M unless `sym`."""
    options = _options("kaiser", M, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M < 2:
        return _core.ones(M, **options)
    # The last place must not lie beyond beta by rounding, in the window's dtype.
    limit = _core.tensor(beta, dtype=options["dtype"], device=device)
    step = 2.0 * beta / (M - 1 if sym else M)
    last = min(limit.item(), -limit.item() + (M - 1) * step)
    x = _core.linspace(-limit.item(), last, M, **options)
    return (limit * limit - x**2).sqrt().i0() / limit.i0()


_core._internal(globals())

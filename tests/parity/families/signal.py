"""Windows, short-time transforms and histograms."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch

from ..rows import COMPOSED, Row, own, plain
from ..samples import Maker, Sample, call
from .fft import ROUNDING
from .resample import FIRST


def _window(*more: dict[str, float]) -> tuple[Sample, ...]:
    calls = [call(n, periodic) for n, periodic in itertools.product((0, 1, 2, 5, 8), (True, False))]
    calls += [call(7, **kwargs) for kwargs in more]
    kinds = (torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.complex64, torch.complex128)
    calls += [call(n, dtype=d) for n in (1, 6) for d in kinds]
    return (*calls, call(-1), call(2.5), call(5, requires_grad=True))


_HALF = {"float16": (4e-3, 4e-3), "bfloat16": (3e-2, 3e-2)}


def window(name: str, *more: dict[str, float]) -> Row:
    return plain(f"{name}_window", *_window(*more), tolerance=_HALF, reason="16-bit steps are taken in another order")


def _stft(make: Maker) -> Iterator[Sample]:
    real = not make(1).is_complex()
    asked = {"return_complex": True} if real else {}
    for shape in ((20,), (2, 20)):
        for mode in ("reflect", "constant", "replicate", "circular"):
            yield call(make(*shape), 8, window=make(8).detach(), pad_mode=mode, **asked)
        yield call(make(*shape), 8, 3, 6, make(6).detach(), False, **asked)
        yield call(make(*shape), 7, 2, 4, normalized=True, onesided=False, **asked)
        for aligned in (False, True):
            yield call(make(*shape), 8, 3, 6, make(6).detach(), False, align_to_window=aligned, **asked)
    yield call(make(20), 8, window=make(8), **asked)
    yield call(make(20), 8, return_complex=False)


def _stft_wrong(make: Maker) -> Iterator[Sample]:
    x, w = make(20), make(8)
    yield call(x, 8)
    yield call(make(2, 3, 20), 8, return_complex=True)
    yield call(x, 8, 0, return_complex=True)
    yield call(x, 8, 2, 9, return_complex=True)
    yield call(x, 8, 2, 6, w, return_complex=True)
    yield call(x, 0, return_complex=True)
    yield call(x, 50, return_complex=True)
    yield call(x, 50, center=False, return_complex=True)
    yield call(x, 8, pad_mode="unknown", return_complex=True)
    yield call(x, 8, align_to_window=True, return_complex=True)
    yield call(make(0), 8, return_complex=True)


def _istft_wrong(make: Maker) -> Iterator[Sample]:
    z, w = make(2, 5, 10), make(8).real
    for args in ((8, 0), (8, 9), (8, 2, 0), (8, 2, 9), (8, 2, 6, w), (8, 2, 8, w * 0), (0,), (6,)):
        yield call(z, *args)
    yield call(z, 8, window=w, length=0)
    yield call(z, 8, return_complex=True)
    yield call(make(10), 8)
    yield call(make(1, 2, 5, 10), 8)
    yield call(make(0, 10), 8)


def _histogram(make: Maker) -> Iterator[Sample]:
    x = make(20, low=-2, high=3)
    for bins in (1, 4, 7):
        yield call(x, bins)
        yield call(x, bins, range=(-1.0, 2.0), density=True)
        yield call(x, bins, range=(0, 0), weight=make(20, low=0, high=1))
    edges = make(6, low=-2, high=3).sort().values
    yield call(x, edges)
    yield call(x.reshape(4, 5), edges, density=True, weight=make(4, 5, low=0, high=1))
    yield call(x)


def _histogram_wrong(make: Maker) -> Iterator[Sample]:
    x = make(5)
    nan = float("nan")
    for bins in (0, -1, x[:1], x[:0], x.reshape(5, 1), 2.5, torch.tensor([0, 1])):
        yield call(x, bins)
    for kwargs in (
        {"range": (4.0, 0.0)},
        {"range": (0.0,)},
        {"range": (0.0, nan)},
        {"weight": x[:4]},
        {"weight": torch.ones(5, dtype=torch.int32)},
    ):
        yield call(x, 3, **kwargs)  # type: ignore[arg-type]
    yield call(make(0), 3)
    yield call(make(3) + nan, 3)


def _windows(*more: dict[str, object], **fixed: object) -> tuple[Sample, ...]:
    calls = [call(n, sym=sym, **fixed) for n, sym in itertools.product((0, 1, 2, 5, 8), (True, False))]
    calls += [call(7, **{**fixed, **kwargs}) for kwargs in more]
    calls += [call(6, dtype=d, **fixed) for d in (torch.float64, torch.float16, torch.int64)]
    return (*calls, call(-1, **fixed), call(5, requires_grad=True, **fixed), call("a", **fixed), call())


def _histogramdd(make: Maker) -> Iterator[Sample]:
    y = make(12, 2, low=-2, high=3)
    yield call(y, [2, 3])
    yield call(y, 3)
    yield call(y, [2, 3], [-1.0, 1.0, 0.0, 3.0], make(12, low=0, high=1), True)
    yield call(y, [make(4).sort().values, make(3).sort().values])
    yield call(y.reshape(3, 4, 2), [2, 2], weight=make(3, 4, low=0, high=1))
    for bins in ([2], [2, 0], [make(3).sort().values], "a"):
        yield call(y, bins)
    yield call(y, [2, 2], [0.0, 1.0])
    yield call(y, [2, 2], weight=make(3))
    yield call(make(3), [2])


_TWO = ("float32", "float64")
_WINDOWS: dict[str, tuple[Sample, ...]] = {
    **dict.fromkeys("bartlett blackman cosine hamming hann nuttall".split(), _windows()),
    "exponential": _windows({"tau": 2.0}, {"center": 2.0}, {"center": 2.0, "sym": False}, {"tau": 0}),
    "gaussian": _windows({"std": 2.0}, {"std": 0}),
    "general_cosine": _windows({"a": [0.2, 0.3, 0.4, 0.5]}, {"a": []}, {"a": 3}, a=[0.4, 0.6]),
    "general_hamming": _windows({"alpha": 0.3}),
    "kaiser": _windows({"beta": 3.0}, {"beta": 0.0}, {"beta": -1}),
}

TABLE: tuple[Row, ...] = (
    window("hann"), window("hamming", {"periodic": True, "alpha": 0.4}, {"periodic": False, "alpha": 0.4, "beta": 0.5}),
    window("bartlett"), window("blackman"), window("kaiser", {"periodic": True, "beta": 3.0}),
    *(plain(f"signal.windows.{name}", *calls) for name, calls in _WINDOWS.items()),
    own("stft", "fm", _stft, dtypes=("float32", "float64", "complex64", "complex128"), tolerance=ROUNDING, reason="another order of the sums",
        unlike={"node": COMPOSED, "errors": FIRST}),
    own("stft.wrong", "f", _stft_wrong, path="stft", core=("stft",), dtypes=("float32", "int64"), grad=False, unlike={"errors": FIRST}),
    Row("istft", "fm", tolerance=ROUNDING, reason="another order of the sums"),
    own("istft.wrong", "f", _istft_wrong, path="istft", core=("istft",), dtypes=("complex64",), grad=False),
    own("histogram", "fmo", _histogram, dtypes=_TWO, grad=False),
    own("histogram.wrong", "f", _histogram_wrong, path="histogram", core=("histogram",), dtypes=(*_TWO, "int64", "float16"), grad=False),
    own("histogramdd", "f", _histogramdd, dtypes=_TWO, grad=False),
)  # fmt: skip

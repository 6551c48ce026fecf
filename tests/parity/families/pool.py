"""Pooling, its inverse, and padding."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..rows import Row, functional, own
from ..samples import Maker, Sample, call

HALVES = {"float16": (2e-3, 1e-2), "bfloat16": (2e-2, 8e-2)}
NEGATIVE = "PyTorch's places for windows of a negative size lie outside of the image"
ONCE = "PyTorch rounds sums to 16 bits in between; rushlight rounds once"


def _line(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3, 7), 3)
    yield call(make(3, 7), 3, 2, 1)
    yield call(make(2, 3, 9), 2, 1, 1, 3, True)
    yield call(make(0, 3, 7), 2)
    for wrong in ((0,), ((2, 2),), (2, 0), (2, 1, 2), (2, 1, -1), (9,), (2, 1, 0, 0)):
        yield call(make(2, 3, 7), *wrong)
    yield call(make(7), 2)


def _image(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3, 7, 6), 3)
    yield call(make(3, 7, 6), (3, 2), 2, 1)
    yield call(make(2, 3, 40, 35), (2, 3), 1, (1, 0), (3, 2), True)
    yield call(make(2, 3, 9, 8), (2, 3), (3, 5), (1, 1), 1, True)
    yield call(make(0, 3, 7, 6), 2)
    for wrong in ((0,), ((2, 2, 2),), (2, 0), (2, 1, 2), (2, 1, -1), (9,), (2, 1, 0, 0)):
        yield call(make(2, 3, 7, 6), *wrong)
    yield call(make(3, 7), 2)


def _volume(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3, 5, 7, 6), 3)
    yield call(make(3, 4, 7, 6), (2, 3, 2), 2, 1)
    yield call(make(1, 2, 9, 8, 20), (2, 3, 2), 1, (1, 0, 1), (3, 2, 1), True)
    for wrong in ((0,), ((2, 2),), (2, 0), (2, 1, 2), (2, 1, -1), (9,), (2, 1, 0, 0)):
        yield call(make(2, 3, 4, 7, 6), *wrong)
    yield call(make(3, 7, 6), 2)


def _adaptive(*shapes: tuple[int, ...]) -> object:
    def samples(make: Maker) -> Iterator[Sample]:
        for *shape, size in shapes:
            yield call(make(*shape), size)

    return samples


def _fractional(dims: int) -> object:
    def samples(make: Maker) -> Iterator[Sample]:
        places = (7, 9, 8)[:dims]
        for size in (3, (4, 2, 3)[:dims]):
            u = torch.rand(2, 3, dims).to(make(1).dtype)
            yield call(make(2, 3, *places), 2, size, _random_samples=u)
            yield call(make(3, *places), (2, 3, 1)[:dims], size, None, True, u)
        yield call(make(2, 3, *places), 2, None, (0.5, 0.7, 0.4)[:dims], _random_samples=u)
        yield call(make(2, 3, *places), 2, 3, _random_samples=u[:1])
        yield call(make(2, 3, *places), 2, 3, _random_samples=u[..., :1])
        yield call(make(2, 3, *places), 8, 3, _random_samples=u)
        yield call(make(2, 3, *places), 2)

    return samples


def _norm(dims: int) -> object:
    def samples(make: Maker) -> Iterator[Sample]:
        positive = {"low": 0.1, "high": 3}
        places = (7, 9, 8)[:dims]
        yield call(make(2, 3, *places, **positive), 2, 3)
        yield call(make(3, *places, **positive), 3, 2, 1)
        yield call(make(2, 3, *places, **positive), 1.5, 3, 2, True)
        if dims > 1:  # in one dimension PyTorch multiplies by the list
            yield call(make(2, 3, *places, **positive), 2.0, (2,) * dims)
        yield call(make(2, 3, *places, **positive), float("inf"), 2)
        yield call(make(2, 3, *places, **positive), 2, 2, 0)

    return samples


def _pads(make: Maker) -> Iterator[Sample]:
    for mode in ("reflect", "replicate", "circular"):
        yield call(make(2, 3, 5), (2, 1), mode)
        yield call(make(3, 5), (-1, 3), mode)
        yield call(make(2, 3, 5, 4), (2, 1, 0, 4), mode)
        yield call(make(3, 5, 4), (-1, 2, 3, -2), mode)
        yield call(make(2, 3, 4, 5, 3), (2, 1, 0, 4, 1, 3), mode)
        yield call(make(3, 4, 5, 3), (-1, 1, 2, -2, -1, -1), mode)
        yield call(make(2, 3, 4), (5, 0), mode)
        yield call(make(2, 3, 4), (1, 1), mode, 2.0)
        yield call(make(2, 3, 4), (1,), mode)
        yield call(make(2, 3, 4), (1, 1) * 3, mode)
        yield call(make(2, 3, 0), (1, 1), mode)
        yield call(make(2, 3, 4), (-2, -3), mode)


def _constant(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3, 4, 5), (1, 2, 0, 3, -1, 1), 2)
    yield call(make(2, 3), (), 1)
    yield call(make(2, 3), (-1, -2, 1, 0))
    yield call(make(2, 3), (-2, -2))
    yield call(make(2, 3), (1,))
    yield call(make(2), (1, 2, 3, 4))


WINDOWS = "nn.functional."
TABLE: tuple[Row, ...] = (
    *functional("max_pool1d max_pool2d max_pool3d", accepts="PyTorch has no kernel in one dimension"),
    own(WINDOWS + "max_pool1d_with_indices", "f", _line),
    own(WINDOWS + "max_pool2d_with_indices", "f", _image),
    own(WINDOWS + "max_pool3d_with_indices", "f", _volume),
    own("max_pool1d", "f", _line),
    own("max_pool2d", "f", _image),
    own("max_pool3d", "f", _volume),
    own("max_pool1d_with_indices", "f", _line),
    *functional("avg_pool1d avg_pool2d avg_pool3d"),
    *functional("adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d", tolerance=HALVES, reason=ONCE),
    *functional("adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d"),
    own("adaptive_max_pool1d", "f", _adaptive((2, 3, 7, 3), (3, 7, 2), (2, 3, 0, 1), (2, 3, 5, -1), (5, 1))),
    own(WINDOWS + "adaptive_max_pool1d_with_indices", "f", _adaptive((2, 3, 7, 3), (3, 7, 2))),
    own(WINDOWS + "adaptive_max_pool2d_with_indices", "f", _adaptive((2, 3, 7, 5, (3, None)), (3, 7, 4, 2))),
    own(WINDOWS + "adaptive_max_pool3d_with_indices", "f", _adaptive((2, 3, 7, 5, 4, (3, None, 2)), (3, 7, 4, 5, 2))),
    own(WINDOWS + "fractional_max_pool2d", "f", _fractional(2)),
    own(WINDOWS + "fractional_max_pool3d", "f", _fractional(3)),
    own(WINDOWS + "fractional_max_pool2d_with_indices", "f", _fractional(2), unlike={"errors": NEGATIVE}),
    own(WINDOWS + "fractional_max_pool3d_with_indices", "f", _fractional(3), unlike={"errors": NEGATIVE}),
    own(WINDOWS + "lp_pool1d", "f", _norm(1)),
    own(WINDOWS + "lp_pool2d", "f", _norm(2)),
    own(WINDOWS + "lp_pool3d", "f", _norm(3)),
    *functional("max_unpool1d max_unpool2d max_unpool3d"),
    Row("nn.functional.pad", "f"),
    own("pad", "f", _constant, _pads, path="nn.functional.pad"),
    Row("constant_pad_nd", "f"),
)  # fmt: skip

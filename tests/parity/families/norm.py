"""Normalisations."""

from __future__ import annotations

from collections.abc import Iterator

from ..rows import Row, own
from ..samples import Maker, Sample, call


def _batch(make: Maker) -> Iterator[Sample]:
    for shape in ((4, 3), (4, 3, 5), (2, 3, 4, 5), (2, 3, 2, 3, 2)):
        yield call(make(*shape), make(3), make(3), None, None, True, 0.1, 1e-3, False)
    yield call(make(3, 2, 4), None, None, make(2).detach(), make(2, low=0.5, high=2).detach(), False, 0.3, 1e-5, False)
    yield call(
        make(3, 2, 4), make(2), None, make(2).detach(), make(2, low=0.5, high=2).detach(), True, 0.3, 1e-5, False
    )
    yield call(
        make(3, 2), make(2), make(2), make(2).detach(), make(2, low=0.5, high=2).detach(), False, 0.0, 1e-5, False
    )
    yield call(make(0, 2), make(2), make(2), None, None, True, 0.1, 1e-5, False)
    yield call(make(3, 0, 5, 7), None, None, None, None, True, 0.1, 1e-5, False)
    yield call(make(3), None, None, None, None, True, 0.1, 1e-5, False)
    yield call(make(4, 3), make(4), None, None, None, True, 0.1, 1e-5, False)
    yield call(make(4, 3), None, None, None, None, False, 0.1, 1e-5, False)


def _native_batch(make: Maker) -> Iterator[Sample]:
    yield call(make(4, 3), make(3), make(3), None, None, True, 0.1, 1e-3)
    yield call(make(2, 3, 4, 5), None, None, None, None, True, 0.1, 1e-3)
    yield call(make(3, 2, 4), make(2), None, make(2).detach(), make(2, low=0.5, high=2).detach(), True, 0.3, 1e-5)
    yield call(make(3, 2, 4), make(2), None, make(2).detach(), make(2, low=0.5, high=2).detach(), False, 0.3, 1e-5)


def _instance(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3, 4), None, None, None, None, True, 0.1, 1e-3, False)
    yield call(make(2, 3, 4, 2), make(3), make(3), None, None, True, 0.1, 1e-3, False)
    yield call(
        make(2, 3, 4), make(3), None, make(3).detach(), make(3, low=0.5, high=2).detach(), True, 0.3, 1e-5, False
    )
    yield call(
        make(2, 3, 4), None, make(3), make(3).detach(), make(3, low=0.5, high=2).detach(), False, 0.3, 1e-5, False
    )
    yield call(make(0, 5, 5), None, None, None, None, True, 0.1, 1e-5, False)
    yield call(make(2, 3, 4), make(4), None, None, None, True, 0.1, 1e-5, False)
    yield call(make(2), None, None, None, None, True, 0.1, 1e-5, False)
    yield call(make(2, 3, 4), None, None, None, None, False, 0.1, 1e-5, False)


def _groups(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 6, 3), 2, make(6), make(6))
    yield call(make(2, 6), 3, make(6), None, 1e-3)
    yield call(make(3, 4, 2, 3), 4)
    yield call(make(1, 6, 2), 1)
    yield call(make(0, 6, 2), 2, make(6))
    yield call(make(2, 6, 3), 4)
    yield call(make(2, 6, 3), 0)
    yield call(make(2, 6), 2, make(5))
    yield call(make(2), 1)


def _native_groups(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 6, 3), make(6), make(6), 2, 6, 3, 2, 1e-5)
    yield call(make(2, 6, 3), None, None, 2, 6, 3, 3, 1e-5)
    yield call(make(3, 4), make(4), None, 3, 4, 1, 2, 1e-3)
    yield call(make(2, 6, 3), make(6), None, 2, 6, 4, 3, 1e-5)


def _layers(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 6, 3), (3,), make(3), make(3))
    yield call(make(2, 6, 3), (6, 3), make(6, 3), None, 1e-3)
    yield call(make(5), [5], make(5))
    yield call(make(4, 33), (33,))
    yield call(make(0, 3), (3,), make(3))
    yield call(make(3, 0), (0,))
    yield call(make(2, 3), (2,))
    yield call(make(2, 3), ())
    yield call(make(2, 3), (3,), make(2))


def _native_layers(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 6, 3), (3,), make(3), make(3), 1e-5)
    yield call(make(2, 6, 3), (6, 3), make(6, 3), None, 1e-3)
    yield call(make(4, 33), (33,), make(33), None, 1e-5)


def _roots(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 6, 3), (3,), make(3))
    yield call(make(2, 6, 3), (6, 3), make(6, 3), 1e-3)
    yield call(make(4, 33), [33])
    yield call(make(0, 3), (3,), None, 1e-5)
    yield call(make(2, 3), (2,))
    yield call(make(2, 3), (3,), make(2))


ROUNDED = {"float16": (1e-2, 1e-2), "bfloat16": (6e-2, 8e-2)}
ONCE = "with 16-bit parameters PyTorch rounds the factors of each channel to 16 bits, rushlight the result alone"
BLIND = "PyTorch reads behind the end of parameters that are too short; here they are refused"

TABLE: tuple[Row, ...] = (
    *(Row("nn.functional." + name, "f", tolerance=ROUNDED, reason=ONCE) for name in ("batch_norm", "instance_norm")),
    *(Row("nn.functional." + name, "f") for name in ("group_norm", "layer_norm", "rms_norm")),
    Row("nn.functional.local_response_norm", "f"),
    own("batch_norm", "f", _batch, tolerance=ROUNDED, reason=ONCE),
    own("native_batch_norm", "f", _native_batch, tolerance=ROUNDED, reason=ONCE, unlike={"errors": BLIND, "shapes": BLIND},
        chance={"strided": "into expanded running statistics PyTorch's threads write in any order"}),
    own("instance_norm", "f", _instance, tolerance=ROUNDED, reason=ONCE),
    own("group_norm", "f", _groups),
    own("native_group_norm", "f", _native_groups, tolerance={"float32": (2e-5, 5e-5)},
        reason="two channels that are nearly equal: their difference is the rounding of both, many times over"),
    own("layer_norm", "f", _layers),
    own("native_layer_norm", "f", _native_layers),
    own("rms_norm", "f", _roots),
)  # fmt: skip

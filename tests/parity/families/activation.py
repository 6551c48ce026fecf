"""Activations and dropout beyond functions of one number."""

from __future__ import annotations

from collections.abc import Iterator

from ..rows import FLOAT, Row, functional, own
from ..samples import Maker, Sample, call


def _inplace(make: Maker) -> Iterator[Sample]:
    for shape in ((3, 4), (), (0, 2)):
        yield call(make(*shape).clone(), inplace=True)
    yield call(make(4, 3).clone().t(), inplace=True)


def _rrelu(make: Maker) -> Iterator[Sample]:
    for training in (False, True):
        yield call(make(3, 4), training=training)
        yield call(make(4, 3).t(), 0.2, 0.4, training)
        yield call(make(), training=training)
    yield call(make(3), 0.5, 0.2)


def _prelu(make: Maker) -> Iterator[Sample]:
    yield call(make(3, 4), make(4))
    yield call(make(3, 4, 2), make(4))
    yield call(make(3), make(1))
    yield call(make(), make())
    yield call(make(3, 4), make(3))
    yield call(make(3, 4), make(2, 2))


def _gumbel(make: Maker) -> Iterator[Sample]:
    yield call(make(3, 4))
    yield call(make(3, 4), 0.5, True)
    yield call(make(3, 4), 2, True, dim=0)
    yield call(make(4, 3).t())


def _dropout(make: Maker) -> Iterator[Sample]:
    """(input, p, train)"""
    for p in (0.0, 0.3, 1.0):
        yield call(make(2, 3, 4), p, True)
    yield call(make(2, 3, 4), 0.5, False)
    yield call(make(3, 2, 4).transpose(0, 1), 0.4, True)
    yield call(make(0, 3), 0.5, True)
    yield call(make(5), 0.5, True)
    yield call(make(2, 3), 1.5, True)


def _native(make: Maker) -> Iterator[Sample]:
    yield from _dropout(make)
    yield call(make(2, 3).detach(), 0.5, None)


def _channels(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3, 4))
    yield call(make(3, 4), 0.2)
    yield call(make(2, 3, 4), 0.5, False)
    yield call(make(2, 3, 4), 1.0)
    yield call(make(4))
    yield call(make(2, 3), -0.5)


TABLE: tuple[Row, ...] = (
    *functional("glu prelu"),
    own("prelu", "fm", _prelu, dtypes=FLOAT),
    own("rrelu", "f", _rrelu, dtypes=FLOAT),
    Row("nn.functional.rrelu", "f"),
    own("nn.functional.gumbel_softmax", "f", _gumbel, dtypes=FLOAT),
    *(own(f"nn.functional.{name}/inplace", "f", _inplace, path=f"nn.functional.{name}", core=(f"{name}_",), dtypes=FLOAT)
      for name in "silu mish hardswish hardsigmoid selu relu rrelu".split()),
    *functional("dropout dropout2d dropout3d alpha_dropout"),
    Row("nn.functional.feature_alpha_dropout", "f", "nn.functional.feature_alpha_dropout"),
    own("nn.functional.dropout1d", "f", _channels, dtypes=FLOAT),
    *(own(name, "f", _dropout, dtypes=FLOAT) for name in "dropout feature_dropout alpha_dropout feature_alpha_dropout".split()),
    own("native_dropout", "f", _native, dtypes=FLOAT),
)  # fmt: skip

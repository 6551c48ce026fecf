"""The views as copies."""

from __future__ import annotations

from collections.abc import Iterator

from ..rows import COMPOSED, Row, own
from ..samples import Maker, Sample, call

COMPLEX = "PyTorch has no derivative of this name's operator for complex results"
UNLIKE = {"node": COMPOSED}


def _detach(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3))
    yield call(make())
    yield call(make(2, 0))


def _select(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3), 0, 1)
    yield call(make(2, 3), -1, -2)
    yield call(make(2, 3), 2, 0)
    yield call(make(2, 3), 0, 2)


def _slice(make: Maker) -> Iterator[Sample]:
    yield call(make(4, 3))
    yield call(make(4, 3), 0, 1)
    yield call(make(4, 3), 1, 0, -1)
    yield call(make(4, 3), 0, 0, 9, 2)
    yield call(make(4, 3), 0, 3, 1)
    yield call(make(4, 3), 0, 0, 2, 0)
    yield call(make(4, 3), 2)


def _split(make: Maker) -> Iterator[Sample]:
    yield call(make(4, 3), 2)
    yield call(make(4, 3), 2, 1)
    yield call(make(4, 3), 5, -1)
    yield call(make(4, 3), 0)
    yield call(make(4, 3), 2, 2)


def _real(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3))
    yield call(make(2, 3, 2))
    yield call(make(2))


TABLE: tuple[Row, ...] = (
    *(Row(name + "_copy", "fo", unlike=UNLIKE)
      for name in ("alias as_strided diagonal expand permute t transpose unfold unsqueeze view").split()),
    Row("squeeze_copy", "fo", unlike=UNLIKE, accepts="dim=None, which means all"),
    Row("unbind_copy", "f", unlike=UNLIKE),
    Row("split_with_sizes_copy", "f", unlike={
        **UNLIKE, "shapes": "a 0-dim tensor with a dimension that it has not: PyTorch names the tensor, not the dimension"}),
    own("detach_copy", "fo", _detach, unlike=UNLIKE),
    own("select_copy", "fo", _select, unlike=UNLIKE, accepts=COMPLEX),
    own("slice_copy", "fo", _slice, unlike=UNLIKE, accepts=COMPLEX),
    own("split_copy", "f", _split, unlike=UNLIKE),
    own("view_as_real_copy", "fo", _real),
    own("view_as_complex_copy", "fo", _real, accepts=COMPLEX,
        unlike={"dtypes": "complex32 does not exist, so pairs of float16 cannot be seen as complex"}),
)  # fmt: skip

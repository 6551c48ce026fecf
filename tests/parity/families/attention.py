"""Attention, of one head and of several."""

from __future__ import annotations

from collections.abc import Iterator

from ..rows import FLOAT, Row, own
from ..samples import Maker, Sample, call

SUMS = "sums in another order; in 16 bits PyTorch rounds the weights and partial sums, rushlight the result alone"


def _plain(make: Maker) -> Iterator[Sample]:
    """What the database has no sample of: strides, masks that broadcast, what hides everything, groups, dimensions."""

    def one(*shape: int) -> object:
        return make(*shape, low=-2, high=2)

    def truth(*shape: int) -> object:
        return make(*shape, low=-2, high=2).detach() > 0

    yield call(one(2, 2, 5, 4), one(2, 2, 3, 4), one(2, 2, 3, 4))
    yield call(one(2, 5, 2, 4).transpose(1, 2), one(2, 3, 2, 4).transpose(1, 2), one(2, 3, 2, 4).transpose(1, 2))
    yield call(one(2, 2, 5, 4), one(2, 2, 3, 4), one(2, 2, 3, 4), one(5, 3).detach())
    yield call(one(2, 2, 5, 4), one(2, 2, 3, 4), one(2, 2, 3, 4), truth(2, 1, 5, 3))
    yield call(one(2, 2, 5, 4), one(2, 2, 3, 4), one(2, 2, 3, 4), one(1, 2, 5, 1).detach(), scale=0.3)
    yield call(one(1, 2, 3, 4), one(1, 2, 3, 4), one(1, 2, 3, 4), truth(3, 3) & False)
    yield call(one(1, 2, 3, 4), one(1, 2, 3, 4), one(1, 2, 3, 4), scale=-0.5)
    yield call(one(2, 4, 3, 2), one(2, 2, 3, 2), one(2, 2, 3, 2), is_causal=True, enable_gqa=True)
    yield call(one(2, 2, 70, 4), one(2, 2, 140, 4), one(2, 2, 140, 4), is_causal=True)
    yield call(one(3, 4), one(5, 4), one(5, 2))
    yield call(one(2, 3, 4), one(2, 5, 4), one(2, 5, 4), one(3, 5))
    yield call(one(4, 3, 2), one(2, 5, 2), one(2, 5, 2), enable_gqa=True)


TABLE: tuple[Row, ...] = (
    own("nn.functional.scaled_dot_product_attention", "f", _plain, dtypes=FLOAT,
        tolerance={"float16": (4e-3, 4e-3), "bfloat16": (3e-2, 3e-2), "float32": (1e-5, 1e-5)}, reason=SUMS,
        accepts="PyTorch reads past the end of values that are fewer than the keys, and has no second derivative of its fused attention",
        unlike={"errors": "PyTorch takes masks without elements that do not broadcast"}),
    Row("nn.functional.multi_head_attention_forward", "f",
        tolerance={"float16": (1e-2, 1e-2), "bfloat16": (8e-2, 8e-2)}, reason=SUMS),
)  # fmt: skip

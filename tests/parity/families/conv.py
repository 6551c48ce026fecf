"""Convolutions and what moves elements between images and columns or channels."""

from __future__ import annotations

from collections.abc import Iterator

from ..rows import COMPOSED, Row, functional, own
from ..samples import Maker, Sample, call


def _channels(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 6, 3, 2), 3)
    yield call(make(1, 4, 2, 2), 2)
    yield call(make(2, 5, 2, 2), 2)


def _columns(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 12, 9), (4, 4), 2)
    yield call(make(12, 9), 4, (2, 2))
    yield call(make(0, 12, 9), (4, 4), 2)
    yield call(make(2, 12, 8), (5, 6), (3, 2), (1, 2), 1, (2, 1))
    yield call(make(2, 12, 10), (5, 6), kernel_size=(3, 2), dilation=(1, 2), padding=(1, 0), stride=(2, 1))
    for wrong in ((0,), (2, 0), (2, 1, -1), (2, 1, 0, 0), (3,), ((2, 2, 2),)):
        yield call(make(2, 12, 9), (4, 4), *wrong)
    yield call(make(2, 12, 9), (5, 4), 2)
    yield call(make(9), (4, 4), 2)


def _general(make: Maker) -> Iterator[Sample]:
    """The one operator behind them all."""
    small = {"low": -2, "high": 2}
    yield call(
        make(2, 4, 6, 5, **small), make(6, 2, 3, 2, **small), make(6, **small), [2, 1], [1, 0], [1, 2], False, [0, 0], 2
    )
    yield call(make(2, 4, 3, 5, **small), make(4, 3, 3, 2, **small), None, [2, 1], [1, 0], [1, 2], True, [1, 0], 2)
    yield call(make(1, 2, 7, **small), make(3, 2, 3, **small), None, [1], [1], [1], False, [0], 1)
    yield call(make(2, 7, **small), make(3, 2, 3, **small), None, [1], [1], [1], False, [0], 1)


TABLE: tuple[Row, ...] = (
    *functional("conv1d conv2d conv3d", tolerance={"float32": (1e-5, 1e-4), "complex64": (1e-5, 1e-4)},
                reason="sums of up to 64 products of numbers up to 9, added in another order, which may cancel"),
    *functional("conv_transpose1d conv_transpose2d conv_transpose3d", tolerance={"float16": (1e-2, 0.5), "bfloat16": (2e-2, 0.5), "float32": (1e-5, 1e-3), "complex64": (1e-5, 1e-3)},
                reason="sums in another order, which may cancel; in 16 bits PyTorch rounds sums to 16 bits in between, and its mean error is 1.5 times that of rushlight, which rounds once"),
    Row("nn.functional.bilinear", "f", tolerance={"float16": (1e-2, 1e-2), "bfloat16": (8e-2, 8e-2)},
        reason="sums that may cancel, of products that are rounded to 16 bits in another order"),
    *(Row("nn.functional." + name, "f", unlike={"node": COMPOSED})
      for name in ("channel_shuffle", "pixel_shuffle")),
    Row("nn.functional.pixel_unshuffle", "f",
        unlike={"node": COMPOSED, "shapes": "PyTorch gives an empty input back in the shape that it had"}),
    own("native_channel_shuffle", "f", _channels, accepts="PyTorch has no derivative of this name's operator", unlike={"node": COMPOSED}),
    own("nn.functional.fold", "f", _columns, core=("col2im",), tolerance={"float16": (4e-3, 8e-3), "bfloat16": (2e-2, 7e-2)},
        reason="PyTorch rounds every partial sum to 16 bits; rushlight rounds once"),
    Row("nn.functional.unfold", "f", core=("im2col",),
        unlike={"errors": "with a padding of 10**13 the number of PyTorch's columns overflows; here such a size is refused"}),
    own("convolution", "f", _general, tolerance={"float16": (1e-2, 2e-2), "bfloat16": (2e-2, 0.15)},
        reason="sums in another order, which may cancel; in 16 bits PyTorch rounds sums in between, rushlight once",
        unlike={"errors": "with a stride or dilation of 10**13 the sizes of PyTorch overflow; here they are refused"}),
)  # fmt: skip

"""Convolutions as functions, and what moves elements between images, columns and channels."""

from __future__ import annotations

from .. import _core as core
from .._core import (
    Tensor,
    conv1d,
    conv2d,
    conv3d,
    conv_transpose1d,
    conv_transpose2d,
    conv_transpose3d,
)
from .._ops import image
from .._ops.image import bilinear, channel_shuffle, native_channel_shuffle, pixel_shuffle, pixel_unshuffle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "bilinear",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "fold",
    "native_channel_shuffle",
    "pixel_shuffle",
    "pixel_unshuffle",
    "unfold",
]


def unfold(
    input: Tensor,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """The blocks of an image [N, C, H, W] or [C, H, W] under a sliding kernel, as columns [N, C * taps, blocks]."""
    return core.im2col(input, kernel_size, dilation, padding, stride)


def fold(
    input: Tensor,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """The transpose of `unfold`: columns [N, C * taps, blocks] or [C * taps, blocks], summed into an image."""
    return core.col2im(input, output_size, kernel_size, dilation, padding, stride)


core._internal(vars(image))
core._internal(globals())

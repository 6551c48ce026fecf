"""Operators on images that move elements between channels and places, and the bilinear form, out of others."""

from __future__ import annotations

from .. import _core as core
from .._types import contiguous_format
from . import FUNCTION, operator
from .reduce import scalar_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._core import Tensor


def _dense(moved: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """A row-major copy of a view, in other sizes: never a view of the input."""
    return moved.clone(memory_format=contiguous_format).view(sizes)


@operator("Movement", where=FUNCTION)
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """[*, C r^2, H, W] to [*, C, H r, W r]: channels become places, r is the upscale factor."""
    r = upscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *batch, c, h, w = input.shape
    if c % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={c} is not divisible by {r * r}"
        )
    n, out = len(batch), c // (r * r)
    parts = input.reshape(*batch, out, r, r, h, w)
    return _dense(parts.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2), (*batch, out, h * r, w * r))


@operator("Movement", where=FUNCTION)
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """[*, C, H r, W r] to [*, C r^2, H, W]: the inverse of pixel_shuffle."""
    r = downscale_factor
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *batch, c, h, w = input.shape
    for name, dim, size in (("height", -2, h), ("width", -1, w)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({dim})={size} "
                f"is not divisible by {r}"
            )
    n = len(batch)
    parts = input.reshape(*batch, c, h // r, r, w // r, r)
    return _dense(parts.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3), (*batch, c * r * r, h // r, w // r))


def _shuffled(input: Tensor, groups: int) -> Tensor:
    if input.ndim <= 2:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    n, c, *places = input.shape
    if c % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    return _dense(input.reshape(n, groups, c // groups, *places).transpose(1, 2), (n, c, *places))


@operator("Movement", where=FUNCTION)
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """[N, C, *]: channels seen as [groups, C / groups] and transposed."""
    return _shuffled(input, groups)


@operator("Movement", where=FUNCTION)
def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The same as channel_shuffle."""
    return _shuffled(input, groups)


@operator("Contraction", where=FUNCTION)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """[*, I], [*, J] and [O, I, J] to [*, O]: out[o] = input1 weight[o] input2 + bias[o]."""
    if input1.ndim != input2.ndim:
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {input1.ndim} and {input2.ndim}")
    for i, (a, b) in enumerate(zip(input1.shape[:-1], input2.shape[:-1], strict=True)):
        if a != b:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {i}: got {a} and {b}")
    for i, t in ((1, input1), (2, input2)):
        if t.shape[-1] != weight.shape[i]:
            raise RuntimeError(
                f"bilinear(): input{i} size does not match weight size: got {t.shape[-1]} but expected {weight.shape[i]}"
            )
    if bias is not None and bias.shape[0] != weight.shape[0]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected {weight.shape[0]}"
        )
    outputs, rows, columns = weight.shape
    batch = input1.shape[:-1]
    # input1 first, for all outputs in one product: [n, O J].
    first = input1.reshape(-1, rows) @ weight.transpose(0, 1).reshape(rows, outputs * columns)
    n = first.shape[0]
    result = (
        (first.reshape(n, outputs, columns) * input2.reshape(n, 1, columns))
        .sum(-1, dtype=first.dtype)
        .reshape(*batch, outputs)
    )
    return result if bias is None else result + bias


@operator("Contraction", where=FUNCTION)
def conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: int = 0) -> Tensor:
    """conv1d with time first: [T, B, I] by [K, I, O] to [T + 2 pad - K + 1, B, O], plus the bias [O]."""
    if input.ndim != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if weight.ndim != 3:
        raise RuntimeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    if bias.ndim != 1:
        raise RuntimeError("Bias must be 1-D")
    steps, batch, channels = input.shape
    width, inputs, outputs = weight.shape
    if channels != inputs:
        raise RuntimeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    if bias.shape[0] != outputs:
        raise RuntimeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    if input.dtype != weight.dtype:
        names = (scalar_name(t.dtype) for t in (input, weight))
        raise RuntimeError("self and mat2 must have the same dtype, but got {} and {}".format(*names))
    length = steps + 2 * pad - width + 1
    result = bias.expand(length, batch, outputs).clone(memory_format=contiguous_format)
    for k in range(width):
        # The outputs whose k-th input is no padding.
        first, end = max(0, pad - k), min(length, steps + pad - k)
        if first < end:
            moved = input[first + k - pad : end + k - pad].reshape(-1, channels) @ weight[k]
            result = result + _placed(moved.reshape(end - first, batch, outputs), first, length)
    return result


def _placed(part: Tensor, first: int, length: int) -> Tensor:
    """`part` from place `first` on in zeros of so many places."""
    if part.shape[0] == length:
        return part
    whole = part.new_zeros((length, *part.shape[1:]))
    whole[first : first + part.shape[0]] = part
    return whole


@operator("Linear", where=FUNCTION)
def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """Where matrices theta [N, d, d + 1] map the places of an image of `size` [N, C, *d sizes]: [N, *d sizes, d].

    Coordinates are those of grid_sample: width first, -1 and 1 at the image's ends.
    """
    if len(size) not in (4, 5):
        raise RuntimeError("AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs.")
    n, _, *places = size
    if len(places) == 2 and theta.ndim != 3 and theta.ndim > 0:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [-{theta.ndim}, {theta.ndim - 1}], but got 2)"
        )
    d, dtype = len(places), theta.dtype
    base = core.ones([*places, d + 1], dtype=dtype)
    for i, count in enumerate(places):
        line = core.linspace(-1, 1, count, dtype=dtype) if count > 1 else core.zeros(count, dtype=dtype)
        if not align_corners and count > 1:
            line = line * ((count - 1) / count)
        base[..., d - 1 - i] = line.view([-1] + [1] * (d - 1 - i))
    flat = base.view(-1, d + 1).expand(n, -1, -1)
    return core.bmm(flat, theta.transpose(1, 2)).view(n, *places, d)

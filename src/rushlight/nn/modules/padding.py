"""Layers that put places around an image."""

from __future__ import annotations

from typing import Any

from ... import _core
from ..._core import Tensor
from .. import functional as F
from .module import Module
from .pooling import _repeated

TYPE_CHECKING = False
if TYPE_CHECKING:
    Ints = int | tuple[int, ...]

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _PadNd(Module):
    """`padding`: places in front and behind for each dimension, the last one first; or one number for all of them."""

    __constants__ = ["padding"]
    padding: Any
    _dims = 0
    _mode = "constant"

    def __init__(self, padding: Ints) -> None:
        super().__init__()
        self.padding = _repeated(padding, 2 * self._dims)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    __constants__ = ["padding", "value"]
    value: float

    def __init__(self, padding: Ints, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """A value around the last dimension."""

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """A value around the last two dimensions."""

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """A value around the last three dimensions."""

    _dims = 3


class _ZeroPadNd(_ConstantPadNd):
    def __init__(self, padding: Ints) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPadNd, ConstantPad1d):
    """Zeros around the last dimension."""


class ZeroPad2d(_ZeroPadNd, ConstantPad2d):
    """Zeros around the last two dimensions."""


class ZeroPad3d(_ZeroPadNd, ConstantPad3d):
    """Zeros around the last three dimensions."""


class _ReflectionPadNd(_PadNd):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """The elements of [N, C, L] or [C, L] mirrored at the ends, which stand once."""

    _dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """The elements of [N, C, H, W] or [C, H, W] mirrored at the borders, which stand once."""

    _dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """The elements of [N, C, D, H, W] or [C, D, H, W] mirrored at the borders, which stand once."""

    _dims = 3


class _ReplicationPadNd(_PadNd):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """The ends of [N, C, L] or [C, L] repeated."""

    _dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """The border of [N, C, H, W] or [C, H, W] repeated."""

    _dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """The border of [N, C, D, H, W] or [C, D, H, W] repeated."""

    _dims = 3


class _CircularPadNd(_PadNd):
    _mode = "circular"


class CircularPad1d(_CircularPadNd):
    """[N, C, L] or [C, L] continued with the elements of the other end."""

    _dims = 1


class CircularPad2d(_CircularPadNd):
    """[N, C, H, W] or [C, H, W] continued with the elements of the other end."""

    _dims = 2


class CircularPad3d(_CircularPadNd):
    """[N, C, D, H, W] or [C, D, H, W] continued with the elements of the other end."""

    _dims = 3


_core._internal(globals())

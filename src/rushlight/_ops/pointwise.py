"""Pointwise operators out of others."""

from __future__ import annotations

from .. import _core as core
from . import FUNCTION, operator
from .reduce import scalar_name
from .shape import broadcast_tensors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._core import Tensor


@operator("Pointwise", where=FUNCTION, out="same")
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """The complex tensor real + i imag, from float or double parts of one dtype."""
    return _joined(real, imag)


def _check_parts(real: Tensor, imag: Tensor) -> None:
    for t in (real, imag):
        if t.dtype not in (core.float16, core.float32, core.float64):
            raise RuntimeError(
                f"Expected both inputs to be Half, Float or Double tensors but got {scalar_name(real.dtype)} and {scalar_name(imag.dtype)}"
            )
    if real.dtype != imag.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {scalar_name(real.dtype)} but got scalar type {scalar_name(imag.dtype)} for second argument"
        )


def _joined(real: Tensor, imag: Tensor) -> Tensor:
    _check_parts(real, imag)
    if real.dtype == core.float16:  # there is no complex number of two of them
        real, imag = real.float(), imag.float()
    return core.view_as_complex(core.stack(broadcast_tensors(real, imag), -1))


@operator("Pointwise", where=FUNCTION, out="same")
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """The complex tensor of these absolute values and angles in radians."""
    _check_parts(abs, angle)
    return _joined(abs * angle.cos(), abs * angle.sin())


@operator("Comparison")
def isreal(input: Tensor) -> Tensor:
    """Where the imaginary part is 0."""
    return input.imag == 0 if input.is_complex() else core.ones_like(input, dtype=core.bool)


@operator("Query")
def is_nonzero(input: Tensor) -> bool:
    """Whether the only element differs from 0."""
    if input.numel() != 1:
        raise RuntimeError(
            f"Boolean value of Tensor with {'no values' if input.numel() == 0 else 'more than one value'} is ambiguous"
        )
    return bool(input)


@operator("Comparison", where=FUNCTION, out="found")
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Where an element is among `test_elements`."""
    given = (elements, test_elements)
    if not any(isinstance(t, core.Tensor) for t in given) or not all(
        isinstance(t, (core.Tensor, bool, int, float)) for t in given
    ):
        raise TypeError(
            f"isin() received an invalid combination of arguments - got ({', '.join(type(t).__name__ for t in given)}), "
            "but expected one of:"
        )
    for t in given:
        if isinstance(t, core.Tensor) and (t.dtype == core.bool or t.is_complex()):
            raise RuntimeError(f"Unsupported input type encountered for isin(): {scalar_name(t.dtype)}")
    a = elements if isinstance(elements, core.Tensor) else core.tensor(elements)
    b = (test_elements if isinstance(test_elements, core.Tensor) else core.tensor(test_elements)).reshape(-1)
    if b.numel() == 0:
        found = core.zeros_like(a, dtype=core.bool)
    elif b.numel() <= 16:
        found = (a.unsqueeze(-1) == b).any(-1)
    else:
        common = core.result_type(a, b)
        ordered, _ = b.to(common).sort()
        wanted = a.to(common)
        place = core.searchsorted(ordered, wanted.contiguous()).clamp(max=b.numel() - 1)
        found = ordered[place] == wanted
    return ~found if invert else found

"""Pointwise operators out of others."""

from __future__ import annotations

from .. import _core as core
from . import FUNCTION, operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._core import Tensor


def _scalar_name(t: Tensor) -> str:
    names = {"int64": "Long", "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool"}
    return names.get(str(t.dtype).removeprefix("torch."), str(t.dtype))


@operator("Pointwise", where=FUNCTION, out=True)
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """The complex tensor real + i imag, from float or double parts of one dtype."""
    for t in (real, imag):
        if t.dtype not in (core.float16, core.float32, core.float64):
            raise RuntimeError(
                f"Expected both inputs to be Half, Float or Double tensors but got {_type(real)} and {_type(imag)}"
            )
    if real.dtype != imag.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {_type(real)} but got scalar type {_type(imag)} for second argument"
        )
    return real + imag * 1j


def _type(t: Tensor) -> str:
    names = {
        "float16": "Half",
        "float32": "Float",
        "float64": "Double",
        "complex64": "ComplexFloat",
        "complex128": "ComplexDouble",
        "bfloat16": "BFloat16",
    }
    return names.get(str(t.dtype).removeprefix("torch."), _scalar_name(t))


@operator("Pointwise", where=FUNCTION, out=True)
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """The complex tensor of these absolute values and angles in radians."""
    return complex(abs * angle.cos(), abs * angle.sin())


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


@operator("Pointwise", where=FUNCTION)
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Where an element is among `test_elements`."""
    if not isinstance(elements, core.Tensor) and not isinstance(test_elements, core.Tensor):
        raise TypeError("isin(): at least one of elements and test_elements must be a Tensor")
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

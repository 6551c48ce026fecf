"""Pointwise operators out of others."""

from __future__ import annotations

import builtins

from .. import _core as core
from . import FUNCTION, operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._core import Tensor


@operator("Pointwise", out=True, inplace=True)
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 * tensor2, elementwise with broadcasting."""
    product = tensor1 * tensor2
    return input + (product if value == 1 and type(value) is int else product * value)


@operator("Pointwise", out=True, inplace=True)
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 / tensor2, elementwise with broadcasting."""
    d = core.result_type(tensor1, tensor2)
    if not (d.is_floating_point or d.is_complex):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true division "
            "of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / "
            "tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The "
            "future addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all dtypes."
        )
    quotient = tensor1 / tensor2
    return input + (quotient if value == 1 and type(value) is int else quotient * value)


def _dtype_text(t: Tensor) -> str:
    return (
        str(t.dtype)
        .removeprefix("torch.")
        .replace("float32", "float")
        .replace("float64", "double")
        .replace("int64", "long int")
    )


@operator("Pointwise", out=True, inplace=True)
def lerp(input: Tensor, end: Tensor, weight: Any) -> Tensor:
    """input + weight * (end - input); computed from the nearer end, so that weight 1 gives `end` exactly."""
    if input.dtype != end.dtype:
        raise RuntimeError(f"expected dtype {_dtype_text(input)} for `end` but got dtype {_dtype_text(end)}")
    if isinstance(weight, core.Tensor):
        if weight.dtype != input.dtype:
            raise RuntimeError(f"expected dtype {_dtype_text(input)} for `weight` but got dtype {_dtype_text(weight)}")
        if not (input.is_floating_point() or input.is_complex()):
            raise NotImplementedError(f"\"lerp_kernel_tensor\" not implemented for '{_scalar_name(input)}'")
        near = weight.abs() < 0.5
        difference = end - input
        return core.where(near, input + weight * difference, end - difference * (1 - weight))
    if not (input.is_floating_point() or input.is_complex()):
        raise NotImplementedError(f"\"lerp_kernel_scalar\" not implemented for '{_scalar_name(input)}'")
    difference = end - input
    return input + weight * difference if abs(weight) < 0.5 else end - difference * (1 - weight)


def _scalar_name(t: Tensor) -> str:
    names = {"int64": "Long", "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool"}
    return names.get(str(t.dtype).removeprefix("torch."), str(t.dtype))


@operator("Pointwise", inplace=True, out=True)
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """The elements, or `min` where they are smaller."""
    return input.clamp(min=min)


@operator("Pointwise", inplace=True, out=True)
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """The elements, or `max` where they are larger."""
    return input.clamp(max=max)


@operator("Pointwise", inplace=True, out=True)
def deg2rad(input: Tensor) -> Tensor:
    """Degrees as radians."""
    return input * (3.141592653589793 / 180)


@operator("Pointwise", inplace=True, out=True)
def rad2deg(input: Tensor) -> Tensor:
    """Radians as degrees."""
    return input * (180 / 3.141592653589793)


@operator("Pointwise", inplace=True, out=True)
def sinc(input: Tensor) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0."""
    x = input if input.is_floating_point() or input.is_complex() else input.to(core.get_default_dtype())
    zero = x == 0
    scaled = x.masked_fill(zero, 1) * 3.141592653589793
    # At 0 the value is 1 and the slope 0; the square keeps the second derivative, -pi^2 / 3, too.
    return core.where(zero, 1 - (x * 3.141592653589793).square() / 6, scaled.sin() / scaled)


@operator("Pointwise", inplace=True, out=True)
def float_power(input: Any, exponent: Any) -> Tensor:
    """The power in double precision (complex if an operand is)."""
    operands = [t for t in (input, exponent) if isinstance(t, core.Tensor)]
    d = (
        core.complex128
        if any(t.is_complex() for t in operands)
        or isinstance(input, builtins.complex)
        or isinstance(exponent, builtins.complex)
        else core.float64
    )
    base = input.to(d) if isinstance(input, core.Tensor) else core.tensor(input, dtype=d)
    return base.pow(exponent.to(d) if isinstance(exponent, core.Tensor) else exponent)


@operator("Pointwise", inplace=True, out=True)
def ldexp(input: Tensor, other: Tensor) -> Tensor:
    """input * 2 ** other."""
    return input * core.pow(2.0, other)


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
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """|input - other| <= atol + rtol * |other|, elementwise; equal infinities are close."""
    if input.dtype != other.dtype:
        raise RuntimeError(f"{_type(input)} did not match {_type(other)}")
    if rtol < 0:
        raise RuntimeError(f"rtol must be greater than or equal to zero, but got {rtol}")
    if atol < 0:
        raise RuntimeError(f"atol must be greater than or equal to zero, but got {atol}")
    a, b = input.detach(), other.detach()
    close = a == b
    if a.is_floating_point() or a.is_complex():
        if equal_nan:
            close = close | (a.isnan() & b.isnan())
    elif rtol == 0 and atol == 0:
        return close
    else:
        a, b = a.to(core.get_default_dtype()), b.to(core.get_default_dtype())
    difference = (a - b).abs()
    return close | (difference.isfinite() & (difference <= atol + (rtol * b).abs()))


@operator("Query")
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close, as isclose says."""
    return bool(isclose(input, other, rtol, atol, equal_nan).all())


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

"""Reductions and scans out of others."""

from __future__ import annotations

from .. import _core as core
from . import FUNCTION, METHOD, operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._core import Tensor, dtype


def _dim(dim: int, ndim: int) -> int:
    """A dimension in [0, ndim), as the core checks it."""
    span = max(ndim, 1)
    if not -span <= dim < span:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-span}, {span - 1}], but got {dim})")
    return dim % span


@operator("Reduction", out=True)
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The mean of what is not nan."""
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype}")
    present = ~input.detach().isnan()
    count = present.sum() if dim is None and not keepdim else present.sum(dim, keepdim)
    return core.nansum(input, dim, keepdim, dtype=dtype) / count


def _quantile(input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, ignore_nan: bool) -> Tensor:
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if input.dtype not in (core.float32, core.float64):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if input.numel() == 0:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if not isinstance(q, core.Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError("quantile() q must be in the range [0, 1] but got " + f"{q:g}")
        q = core.tensor(q, dtype=input.dtype)
    elif q.ndim > 1:
        raise RuntimeError("quantile() q must be a scalar or 1D tensor")
    elif q.dtype != input.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    elif not bool(((q >= 0) & (q <= 1)).all()):
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    rank = input.ndim
    if dim is None:
        x = input.flatten()
    elif keepdim:
        x = input.unsqueeze(-1).transpose(_dim(dim, rank), -1)
    else:
        x = input.movedim(_dim(dim, rank), -1) if rank else input.reshape(1)
    ordered = x.sort().values
    missing = ordered.detach().isnan()
    last = ordered.shape[-1] - 1
    if ignore_nan:
        count = (~missing).sum(-1, keepdim=True).to(input.dtype)
        place = q.reshape(-1) * (count - 1).clamp(min=0)
    else:
        # A nan sorts last and makes every quantile nan.
        place = core.where(missing[..., -1:], last, q.reshape(-1) * last)
    if interpolation == "lower":
        place = place.floor()
    elif interpolation == "higher":
        place = place.ceil()
    elif interpolation == "nearest":
        place = place.round()
    place = place.contiguous()
    fixed = place.detach()
    low = fixed.floor()
    result = ordered.gather(-1, low.to(core.int64))
    if interpolation in ("linear", "midpoint"):
        high = ordered.gather(-1, fixed.ceil().to(core.int64))
        weight = core.full_like(fixed, 0.5) if interpolation == "midpoint" else place - low
        result = result.lerp(high, weight)
    if dim is None and keepdim:
        result = result.reshape([1] * rank + [-1])
    if q.ndim == 0:
        return result.squeeze(-1)
    return result.unsqueeze(0).transpose(0, -1).squeeze(-1)


@operator("Reduction", out=True)
def quantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The q-quantiles over all elements or along a dimension; nan where there is one."""
    return _quantile(input, q, dim, keepdim, interpolation, False)


@operator("Reduction", out=True)
def nanquantile(
    input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Tensor:
    """The q-quantiles of what is not nan."""
    return _quantile(input, q, dim, keepdim, interpolation, True)


@operator("Linear", out=True)
def diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None
) -> Tensor:
    """The n-th difference along a dimension, after `prepend` and `append` were joined to it."""
    if input.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    if n == 0:
        return core.zeros_like(input).copy_(input)
    for part in (prepend, append):
        if part is not None and part.ndim != input.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    parts = [t for t in (prepend, input, append) if t is not None]
    x = core.cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, x.shape[dim])):
        count = max(x.shape[dim] - 1, 0)
        after, before = x.narrow(dim, 1, count), x.narrow(dim, 0, count)
        x = after ^ before if x.dtype == core.bool else after - before
    return x


def _strips(name: str, y: Tensor, x: Tensor | None, dx: Any, dim: int) -> Tensor:
    """Twice the areas between sampled values and 0."""
    if y.dtype == core.bool:
        raise RuntimeError(f"{name}: received a bool input for `y`, but bool is not supported")
    if y.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    dim = _dim(dim, y.ndim)
    n = y.shape[dim]
    count = max(n - 1, 0)
    pairs = y.narrow(dim, min(1, n), count) + y.narrow(dim, 0, count)
    if x is None:
        return pairs * dx
    if x.dtype == core.bool:
        raise RuntimeError(f"{name}: received a bool input for `x`, but bool is not supported")
    if x.ndim == 1:
        if x.shape[0] != n:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        step = (x[1:] - x[:-1]).reshape([-1 if d == dim else 1 for d in range(y.ndim)])
    else:
        while x.ndim < y.ndim:
            x = x.unsqueeze(0)
        m = x.shape[dim]
        step = x.narrow(dim, min(1, m), max(m - 1, 0)) - x.narrow(dim, 0, max(m - 1, 0))
    return pairs * step


@operator("Reduction", where=FUNCTION, alias="trapz")
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integral of sampled values along a dimension by the trapezoidal rule."""
    if y.ndim and y.shape[_dim(dim, y.ndim)] == 0:
        return core.zeros([n for d, n in enumerate(y.shape) if d != dim % y.ndim], dtype=y.dtype)
    return _strips("trapezoid", y, x, dx, dim).sum(dim) / 2.0


@operator("Scan", where=FUNCTION)
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The running integral of sampled values along a dimension by the trapezoidal rule."""
    return _strips("cumulative_trapezoid", y, x, dx, dim).cumsum(dim) / 2.0


def _check_weights(name: str, kind: str, weights: Tensor, n: int, right_dtype: bool) -> None:
    if weights.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.ndim} dimensions"
        )
    if not right_dtype:
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with {scalar_name(weights.dtype)} dtype"
        )
    if weights.numel() != n:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{weights.numel()} != {n}"
        )
    if n and bool((weights < 0).any()):
        raise RuntimeError(f"cov(): {name} cannot be negative")


_SCALARS = {
    core.bool: "Bool", core.uint8: "Byte", core.int8: "Char", core.int16: "Short", core.int32: "Int", core.int64: "Long",
    core.float16: "Half", core.bfloat16: "BFloat16", core.float32: "Float", core.float64: "Double",
    core.complex64: "ComplexFloat", core.complex128: "ComplexDouble",
}  # fmt: skip


def scalar_name(d: dtype) -> str:
    """A dtype as messages spell it: "Long"."""
    return _SCALARS[d]


@operator("Other")
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariance of variables (rows) over observations (columns)."""
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    if input.dtype == core.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if input.ndim == 2 else input.reshape(1, -1)
    n = x.shape[1]
    weights = None
    if fweights is not None:
        integral = not (fweights.is_floating_point() or fweights.is_complex() or fweights.dtype == core.bool)
        _check_weights("fweights", "integral", fweights, n, integral)
        weights = fweights
    if aweights is not None:
        _check_weights("aweights", "floating point", aweights, n, aweights.is_floating_point())
        weights = aweights if weights is None else weights * aweights
    if not (x.is_floating_point() or x.is_complex()):
        x = x.to(core.get_default_dtype())
    if weights is None:
        total: Any = n
        mean = x.mean(1, keepdim=True) if n else x.sum(1, keepdim=True)
    else:
        total = weights.sum()
        if not bool(total != 0):
            raise RuntimeError("cov(): weights sum to zero, can't be normalized")
        mean = (x * weights).sum(1, keepdim=True) / total
    if aweights is not None and weights is not None and correction != 0:
        scale = total - correction * (weights * aweights).sum() / total
    else:
        scale = total - correction
    scale = scale.clamp(min=0) if isinstance(scale, core.Tensor) else max(scale, 0)
    centred = x - mean
    product = (centred if weights is None else centred * weights) @ centred.conj().transpose(0, 1)
    return (product / scale).squeeze()


@operator("Other")
def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables (rows)."""
    if input.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    c = cov(input)
    if c.ndim == 0:
        return c / c
    deviation = c.diagonal().real.sqrt() if c.is_complex() else c.diagonal().sqrt()
    c = c / deviation.unsqueeze(0) / deviation.unsqueeze(1)
    if c.is_complex():
        return c.real.clamp(-1, 1) + c.imag.clamp(-1, 1) * 1j
    return c.clamp(-1, 1)


@operator("Movement", out=True)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Scales each sub-tensor along `dim` whose p-norm exceeds maxnorm down to it."""
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    dim = _dim(dim, input.ndim)
    norm = input.contiguous().norm(p, [d for d in range(input.ndim) if d != dim], keepdim=True)
    factor = core.where(norm > maxnorm, maxnorm / (norm + 1e-7), core.ones_like(norm))
    return input.contiguous() * factor


@operator("Movement", where=METHOD)
def renorm_(self: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """In-place renorm."""
    # The norm's derivative needs the values as they were.
    result: Tensor = core._assign(self, renorm(self.clone(), p, dim, maxnorm))
    return result


def _check_unique(name: str, x: Tensor, dim: int | None) -> int | None:
    """What can't be made distinct; the dimension in [0, ndim)."""
    if x.is_complex():
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(x.dtype)}'")
    if dim is None:
        return None
    if x.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    dim = _dim(dim, x.ndim)
    empty = sum(n == 0 for n in x.shape)
    if x.shape[dim] == 0 and empty > 1:
        raise RuntimeError("Number of zero sized dimensions is more than one, so unique cannot be applied ")
    if x.shape[dim] != 0 and empty:
        raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    return dim


@operator("Other")
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements (or slices along `dim`) without what repeats the one before; also where each went, and how often each came."""
    x = input.detach()
    dim = _check_unique("unique", x, dim)
    if dim is None:
        flat = x.reshape(-1)
        starts = core.ones(flat.shape, dtype=core.bool)
        if flat.numel() > 1:
            starts[1:] = flat[1:] != flat[:-1]
        inverse = (starts.cumsum(0) - 1).reshape(x.shape)
        values = flat[starts]
        counted = inverse.reshape(-1)
    else:
        rows = x.movedim(dim, 0)
        n = rows.shape[0]
        starts = core.ones(n, dtype=core.bool)
        if n > 1:
            starts[1:] = (rows[1:] != rows[:-1]).reshape(n - 1, -1).any(1)
        counted = inverse = starts.cumsum(0) - 1
        values = rows[starts].movedim(0, dim)
    result = [values]
    if return_inverse:
        result.append(inverse)
    if return_counts:
        size = values.numel() if dim is None else values.shape[dim]
        result.append(core.bincount(counted, minlength=size))
    return result[0] if len(result) == 1 else tuple(result)


@operator("Other")
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The distinct elements (or slices along `dim`) in ascending order; also where each went, and how often each came."""
    x = input.detach()
    dim = _check_unique("unique" if dim is None else "unique_dim", x, dim)
    if dim is None:
        ordered, places = x.reshape(-1).sort()
        values, inverse, counts = unique_consecutive(ordered, return_inverse=True, return_counts=True)
        if return_inverse:
            inverse = core.empty_like(inverse).scatter_(0, places, inverse).reshape(x.shape)
    else:
        rows = x.movedim(dim, 0)
        n = rows.shape[0]
        flat = rows.reshape(n, -1 if n else 0)
        order = core.arange(n)
        # Stable sorts by one column after the other, the last first, order the rows as tuples.
        for column in range(flat.shape[1] - 1, -1, -1):
            order = order[flat[order, column].argsort(stable=True)]
        values, inverse, counts = unique_consecutive(rows[order], return_inverse=True, return_counts=True, dim=0)
        values = values.movedim(0, dim)
        if return_inverse:
            inverse = core.empty_like(inverse).scatter_(0, order, inverse)
    result = [values] + ([inverse] if return_inverse else []) + ([counts] if return_counts else [])
    return result[0] if len(result) == 1 else tuple(result)


def _along(f: Tensor, dim: int, start: int, end: int) -> Tensor:
    """f[..., start:end, ...] at this dimension; negative places count from its end."""
    n = f.shape[dim]
    start, end = start % n, end if end > 0 else n + end
    return f.narrow(dim, start, end - start)


def _gradient_by_number(f: Tensor, d: int, h: Any, edge_order: int) -> Tensor:
    inner = (_along(f, d, 2, 0) - _along(f, d, 0, -2)) / (2 * h)
    if edge_order == 1:
        first = (_along(f, d, 1, 2) - _along(f, d, 0, 1)) / h
        last = (_along(f, d, -1, 0) - _along(f, d, -2, -1)) / h
    else:
        first = (-1.5 * _along(f, d, 0, 1) + 2 * _along(f, d, 1, 2) - 0.5 * _along(f, d, 2, 3)) / h
        last = (1.5 * _along(f, d, -1, 0) - 2 * _along(f, d, -2, -1) + 0.5 * _along(f, d, -3, -2)) / h
    return core.cat([first, inner, last], d)


def _gradient_by_places(f: Tensor, d: int, x: Tensor, edge_order: int) -> Tensor:
    steps = (x[1:] - x[:-1]).reshape([-1 if k == d else 1 for k in range(f.ndim)])
    a, b = _along(steps, d, 0, -1), _along(steps, d, 1, 0)
    inner = (
        _along(f, d, 2, 0) * (a / (b * (a + b)))
        + _along(f, d, 1, -1) * ((b - a) / (a * b))
        - _along(f, d, 0, -2) * (b / (a * (a + b)))
    )
    if edge_order == 1:
        first = (_along(f, d, 1, 2) - _along(f, d, 0, 1)) / _along(steps, d, 0, 1)
        last = (_along(f, d, -1, 0) - _along(f, d, -2, -1)) / _along(steps, d, -1, 0)
    else:
        a, b = _along(steps, d, 0, 1), _along(steps, d, 1, 2)
        first = (
            -(2 * a + b) / (a * (a + b)) * _along(f, d, 0, 1)
            + (a + b) / (a * b) * _along(f, d, 1, 2)
            - a / (b * (a + b)) * _along(f, d, 2, 3)
        )
        a, b = _along(steps, d, -2, -1), _along(steps, d, -1, 0)
        last = (
            b / (a * (a + b)) * _along(f, d, -3, -2)
            - (a + b) / (a * b) * _along(f, d, -2, -1)
            + (2 * b + a) / (b * (a + b)) * _along(f, d, -1, 0)
        )
    return core.cat([first, inner, last], d)


@operator("Other", where=FUNCTION)
def gradient(input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """The derivative of sampled values along dimensions by central differences, one-sided at the edges."""
    if dim is None:
        dims = list(range(input.ndim))
    else:
        dims = [_dim(d, input.ndim) for d in ((dim,) if isinstance(dim, int) else dim)]
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    if spacing is None or isinstance(spacing, (int, float, complex)):
        spacings: Sequence[Any] = [1 if spacing is None else spacing] * len(dims)
    elif isinstance(spacing, core.Tensor):
        spacings = [spacing]
    else:
        spacings = list(spacing)
    if len(spacings) != len(dims):
        if dim is None:
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
                f"'self.dim() = {input.ndim}', since dim argument was not given, but got a list of length {len(spacings)}"
            )
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the "
            f"same length, but got a spacing argument of length {len(spacings)} and a dim argument of length {len(dims)}."
        )
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if input.dtype == core.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    results = []
    for d, h in zip(dims, spacings, strict=True):
        if isinstance(h, core.Tensor) and h.ndim > 1:
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have one dimension, but got an element with "
                f"{h.ndim} dimensions!"
            )
        if input.shape[d] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
        if isinstance(h, core.Tensor) and h.ndim and h.shape[0] < edge_order + 1:
            raise IndexError(f"torch.gradient needs {edge_order + 1} places at least, but got {h.shape[0]}")
        by_places = isinstance(h, core.Tensor) and h.ndim == 1
        results.append((_gradient_by_places if by_places else _gradient_by_number)(input, d, h, edge_order))
    return tuple(results)

"""Reductions and scans out of others."""

from __future__ import annotations

from .. import _core as core
from ..return_types import make
from . import FUNCTION, operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._core import Tensor, dtype


def _dims(dim: Any, ndim: int) -> list[int]:
    """The dimensions as a list in [0, ndim); all of them where None."""
    if dim is None:
        return list(range(ndim))
    return [d % ndim if ndim else 0 for d in ((dim,) if isinstance(dim, int) else dim)]


@operator("Reduction", out=True)
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor:
    """The mean of what is not nan."""
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype}")
    missing = input.detach().isnan()
    dims = _dims(dim, input.ndim) if dim is not None else list(range(input.ndim))
    total = input.masked_fill(missing, 0)
    total = total.sum(dims, keepdim, dtype=dtype) if dims else total.sum(dtype=dtype)
    count = (~missing).sum(dims, keepdim) if dims else (~missing).sum()
    return total / count


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
        ordered = input.flatten().sort().values
    else:
        ordered = (input if rank else input.reshape(1)).movedim(dim, -1).sort().values
    if ignore_nan:
        count = (~ordered.detach().isnan()).sum(-1, keepdim=True).to(input.dtype)
        top = (count - 1).clamp(min=0)
    else:
        top = core.full_like(ordered[..., :1].detach(), ordered.shape[-1] - 1)
    place = q.detach().reshape(-1) * top  # [..., number of q]
    if interpolation == "lower":
        place = place.floor()
    elif interpolation == "higher":
        place = place.ceil()
    elif interpolation == "nearest":
        place = place.round()
    if not ignore_nan:
        # A nan sorts last and makes every quantile nan.
        place = core.where(ordered[..., -1:].detach().isnan(), core.full_like(place, ordered.shape[-1] - 1), place)
    low = place.floor()
    result = ordered.gather(-1, low.to(core.int64))
    if interpolation in ("linear", "midpoint"):
        high = ordered.gather(-1, place.ceil().to(core.int64))
        weight = core.full_like(place, 0.5) if interpolation == "midpoint" else place - low
        result = result.lerp(high, weight)
    if q.ndim == 0:
        result = result.squeeze(-1)
        if keepdim:
            result = result.reshape([1] * rank) if dim is None else (result.unsqueeze(dim) if rank else result)
    else:
        result = result.movedim(-1, 0)
        if keepdim:
            result = (
                result.reshape([-1] + [1] * rank)
                if dim is None
                else (result.unsqueeze(dim + 1 if dim >= 0 else dim) if rank else result)
            )
    if rank == 0 and dim is not None:
        result = result.reshape(q.shape)
    return result


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
        return input.clone()
    for name, part in (("prepend", prepend), ("append", append)):
        if part is not None and part.ndim != input.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
        del name
    parts = [t for t in (prepend, input, append) if t is not None]
    x = core.cat(parts, dim) if len(parts) > 1 else input
    for _ in range(min(n, x.shape[dim])):
        count = x.shape[dim]
        after, before = x.narrow(dim, 1, max(count - 1, 0)), x.narrow(dim, 0, max(count - 1, 0))
        x = after ^ before if x.dtype == core.bool else after - before
    return x


def _spacing(y: Tensor, x: Tensor | None, dx: Any, dim: int) -> tuple[Tensor, Any]:
    y = y.movedim(dim, -1)
    if x is None:
        return y, dx
    if x.ndim == 1:
        if x.shape[0] != y.shape[-1]:
            raise RuntimeError("trapezoid: There must be one `x` value for each sample point")
        return y, x[1:] - x[:-1]
    while x.ndim < y.ndim:
        x = x.unsqueeze(0)
    x = x.movedim(dim, -1)
    return y, x[..., 1:] - x[..., :-1]


@operator("Reduction", where=FUNCTION, alias="trapz")
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The integral of sampled values along a dimension by the trapezoidal rule."""
    y, step = _spacing(y, x, dx, dim)
    if y.shape[-1] == 0:
        return core.zeros(y.shape[:-1], dtype=y.dtype)
    return ((y[..., 1:] + y[..., :-1]) * step).sum(-1) / 2


@operator("Scan", where=FUNCTION)
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Tensor:
    """The running integral of sampled values along a dimension by the trapezoidal rule."""
    y, step = _spacing(y, x, dx, dim)
    return (((y[..., 1:] + y[..., :-1]) * step).cumsum(-1) / 2).movedim(-1, dim)


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
        weights = fweights
    if aweights is not None:
        weights = aweights if weights is None else weights * aweights
    if not (x.is_floating_point() or x.is_complex()):
        x = x.to(core.get_default_dtype())
    if weights is None:
        total: Any = n
        mean = x.mean(1, keepdim=True) if n else x.sum(1, keepdim=True)
    else:
        total = weights.sum()
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


@operator("Movement", out=True, inplace=True)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Scales each sub-tensor along `dim` whose p-norm exceeds maxnorm down to it."""
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    dims = [d for d in range(input.ndim) if d != dim % input.ndim]
    norm = input.norm(p, dims, keepdim=True)
    return input * core.where(norm > maxnorm, maxnorm / (norm + 1e-7), core.ones_like(norm))


@operator("Other")
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The elements (or slices along `dim`) without what repeats the one before; also where each went, and how often each came."""
    x = input.detach()
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
    if dim is None:
        ordered, places = x.reshape(-1).sort()
        values, inverse, counts = unique_consecutive(ordered, return_inverse=True, return_counts=True)
        if return_inverse:
            inverse = core.empty_like(inverse).scatter_(0, places, inverse).reshape(x.shape)
    else:
        rows = x.movedim(dim, 0)
        n = rows.shape[0]
        flat = rows.reshape(n, -1)
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


@operator("Other", where=FUNCTION)
def gradient(input: Tensor, *, spacing: Any = None, dim: Any = None, edge_order: int = 1) -> list[Tensor]:
    """The derivative of sampled values along dimensions by central differences, one-sided at the edges."""
    dims = _dims(dim, input.ndim)
    if spacing is None:
        spacings: Sequence[Any] = [1] * len(dims)
    elif isinstance(spacing, (int, float, complex)):
        spacings = [spacing] * len(dims)
    elif isinstance(spacing, core.Tensor):
        spacings = [spacing]
    else:
        spacings = list(spacing)
    if len(spacings) != len(dims):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar or a list of length equal to 'self.dim() = {input.ndim}', "
            f"since dim argument was not given, but got a list of length {len(spacings)}"
        )
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    results = []
    for d, h in zip(dims, spacings, strict=True):
        n = input.shape[d]
        if n < edge_order + 1:
            raise RuntimeError(f"torch.gradient expected each dimension size to be at least {edge_order + 1}")
        f = input.movedim(d, -1)
        if isinstance(h, core.Tensor) and h.ndim == 1:
            step = h[1:] - h[:-1]
            a, b = step[:-1], step[1:]
            inner = (
                f[..., 2:] * (a / (b * (a + b)))
                + f[..., 1:-1] * ((b - a) / (a * b))
                - f[..., :-2] * (b / (a * (a + b)))
            )
            if edge_order == 1:
                first = (f[..., 1:2] - f[..., :1]) / step[:1]
                last = (f[..., -1:] - f[..., -2:-1]) / step[-1:]
            else:
                a, b = step[0], step[1]
                first = (
                    -(2 * a + b) / (a * (a + b)) * f[..., :1]
                    + (a + b) / (a * b) * f[..., 1:2]
                    - a / (b * (a + b)) * f[..., 2:3]
                )
                a, b = step[-2], step[-1]
                last = (
                    b / (a * (a + b)) * f[..., -3:-2]
                    - (a + b) / (a * b) * f[..., -2:-1]
                    + (2 * b + a) / (b * (a + b)) * f[..., -1:]
                )
        else:
            inner = (f[..., 2:] - f[..., :-2]) / (2 * h)
            if edge_order == 1:
                first, last = (f[..., 1:2] - f[..., :1]) / h, (f[..., -1:] - f[..., -2:-1]) / h
            else:
                first = (-1.5 * f[..., :1] + 2 * f[..., 1:2] - 0.5 * f[..., 2:3]) / h
                last = (1.5 * f[..., -1:] - 2 * f[..., -2:-1] + 0.5 * f[..., -3:-2]) / h
        results.append(core.cat([first, inner, last], -1).movedim(-1, d))
    return results

"""Rules of vmap: products and convolutions, which become products of batches and groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ... import _core
from ..._core import Tensor
from .common import Rule, _again, _loop

if TYPE_CHECKING:
    from .._batch import Batch


def _matmul(b: Batch, func: Any, input: Tensor, other: Tensor) -> Any:
    x, y = b.get(input), b.get(other)
    p, q = input.ndim, other.ndim
    if p == 0 or q == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {p}D and {q}D")
    matmul = _core.matmul
    if y is None:
        assert x is not None
        if q <= 2:
            return b.wrap(matmul(x, other))
        if p == 1:
            return b.wrap(matmul(x.reshape((b.size, *(1,) * (q - 1), x.shape[1])), other).squeeze(-2))
        return b.wrap(matmul(x.reshape((b.size, *(1,) * max(q - p, 0), *input.shape)), other))
    if x is None:
        if q == 1:
            if p == 1:
                return b.wrap(matmul(y, input))
            if p == 2:
                return b.wrap(matmul(y, input.t()))
            return b.wrap(matmul(input, y.t()).movedim(-1, 0))
        return b.wrap(matmul(input, y.reshape((b.size, *(1,) * max(p - q, 0), *other.shape)) if p > q else y))
    if p == 1:
        x = x.unsqueeze(1)
    if q == 1:
        y = y.unsqueeze(2)
    if x.ndim < y.ndim:
        x = x.reshape((b.size, *(1,) * (y.ndim - x.ndim), *x.shape[1:]))
    elif y.ndim < x.ndim:
        y = y.reshape((b.size, *(1,) * (x.ndim - y.ndim), *y.shape[1:]))
    out = matmul(x, y)
    if p == 1:
        out = out.squeeze(-2)
    if q == 1:
        out = out.squeeze(-1)
    return b.wrap(out)


def _composed(make: Callable[..., Any]) -> Rule:
    """An operator by what it is made of, on batched tensors."""

    def rule(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
        return _again(b, lambda: make(*args, **kwargs))

    return rule


def _composed_inplace(make: Callable[..., Any]) -> Rule:
    def rule(b: Batch, func: Any, self: Tensor, *args: Any, **kwargs: Any) -> Any:
        b.promote(self, func.__name__)
        return _again(b, lambda: self.copy_(make(self, *args, **kwargs)))

    return rule


def _scaled(t: Any, factor: Any) -> Any:
    return t if factor == 1 else t * factor


def _add_product(input: Tensor, a: Tensor, c: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Any:
    product = _scaled(a @ c, alpha)
    return product if beta == 0 else _scaled(input, beta) + product


def _addbmm(input: Tensor, a: Tensor, c: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Any:
    product = _scaled((a @ c).sum(0), alpha)
    return product if beta == 0 else _scaled(input, beta) + product


def _outer(input: Tensor, vec2: Tensor) -> Any:
    return input.unsqueeze(-1) * vec2


def _addr(input: Tensor, a: Tensor, c: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Any:
    product = _scaled(_outer(a, c), alpha)
    return product if beta == 0 else _scaled(input, beta) + product


def _inner(input: Tensor, other: Tensor) -> Any:
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    if other.ndim == 1:
        return input @ other
    flat = input.reshape(-1, input.shape[-1]) @ other.reshape(-1, other.shape[-1]).mT
    return flat.reshape((*input.shape[:-1], *other.shape[:-1]))


def _linear(b: Batch, func: Any, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    x = b.get(input)
    if x is not None and b.get(weight) is None and (bias is None or b.get(bias) is None):
        return b.wrap(func(x, weight, bias))

    def product() -> Any:
        out = input @ (weight.mT if weight.ndim == 2 else weight)
        return out if bias is None else out + bias

    return _again(b, product)


def _conv(spatial: int, transposed: bool) -> Rule:
    def rule(
        b: Batch, func: Any, input: Tensor, weight: Tensor, bias: Tensor | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        single = input.ndim == spatial + 1
        x = b.get(input)
        if b.get(weight) is None and (bias is None or b.get(bias) is None):
            assert x is not None
            if single:
                return b.wrap(func(x, weight, bias, *args, **kwargs))
            out = func(x.reshape((-1, *input.shape[1:])), weight, bias, *args, **kwargs)
            return b.wrap(out.reshape((b.size, input.shape[0], *out.shape[1:])))
        if transposed and len(args) > 3:
            return _loop(b, func, input, weight, bias, *args, **kwargs)
        # Samples are groups of channels.
        groups = args[3] if len(args) > 3 else kwargs.get("groups", 1)
        x = b.all_of(input)
        if single:
            x = x.unsqueeze(1)
        x = x.movedim(0, 1)  # [N, B, C, ...]
        x = x.reshape((x.shape[0], -1, *x.shape[3:]))
        w = b.all_of(weight)
        w = w.reshape((-1, *w.shape[2:]))
        bias_all = None if bias is None else b.all_of(bias).reshape(-1)
        out = func(x, w, bias_all, *args[:3], **{**kwargs, "groups": groups * b.size})
        out = out.reshape((out.shape[0], b.size, -1, *out.shape[2:])).movedim(1, 0)
        return b.wrap(out.squeeze(1) if single else out)

    return rule


_core._internal(globals())

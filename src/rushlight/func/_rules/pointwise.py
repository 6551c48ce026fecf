"""Rules of vmap: element by element, where ranks align from behind as if there were no batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import _core
from ..._core import Tensor
from .common import Rule, _loop, _several, _wrapped

if TYPE_CHECKING:
    from .._batch import Batch


def _pointwise(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
    rank = 0
    dtypes = None
    mixed = False
    for a in (*args, *kwargs.values()) if kwargs else args:
        if isinstance(a, Tensor):
            if a.ndim > rank:
                rank = a.ndim
            if dtypes is None:
                dtypes = a.dtype
            elif a.dtype is not dtypes:
                mixed = True
    if mixed:
        args = _same_dtype(b, func.__name__, args)

    def place(a: Any) -> Any:
        if not isinstance(a, Tensor):
            return a
        full = b.get(a)
        if full is None:
            return a
        n = a.ndim
        return full if n == rank else full.reshape((b.size, *(1,) * (rank - n), *a.shape))

    given = [place(a) for a in args]
    out = func(*given, **{k: place(v) for k, v in kwargs.items()}) if kwargs else func(*given)
    return b.wrap(out) if isinstance(out, Tensor) else _wrapped(b, out)


_MASKS = {"where": 0, "masked_fill": 1, "masked_fill_": 1}  # the place of what is no operand


def _same_dtype(b: Batch, name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Operands in the dtype that their samples promote to: 0-dim samples count less than others."""
    mask = _MASKS.get(name)
    tensors = [a for i, a in enumerate(args) if isinstance(a, Tensor) and i != mask]
    if len(tensors) < 2 or all(t.ndim for t in tensors):
        return args
    found = tensors[0].dtype
    for t in tensors[1:]:
        found = _core.result_type(tensors[0], t) if len(tensors) == 2 else _core.promote_types(found, t.dtype)
    ids = {id(t) for t in tensors if t.dtype != found}

    def cast(a: Any) -> Any:
        if id(a) not in ids:
            return a
        full = b.get(a)
        return a.to(found) if full is None else b.wrap(full.to(found))

    return tuple(cast(a) for a in args)


def _inplace(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
    """A pointwise operator that writes to its first argument."""
    x = args[0]
    full = b.promote(x, "inplace arithmetic")
    rank = x.ndim

    def place(a: Any) -> Any:
        if not isinstance(a, Tensor):
            return a
        other = full if a is x else b.get(a)
        if other is None or a.ndim == rank:
            return a if other is None else other
        if a.ndim > rank:
            lead = a.ndim - rank
            if any(n != 1 for n in a.shape[:lead]):
                raise RuntimeError(
                    f"output with shape {list(x.shape)} doesn't match the broadcast shape {list(a.shape)}"
                )
            return other.reshape((b.size, *a.shape[lead:]))
        return other.reshape((b.size, *(1,) * (rank - a.ndim), *a.shape))

    func(full, *(place(a) for a in args[1:]), **{k: place(v) for k, v in kwargs.items()})
    return x


def _whole(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """One tensor element by element, whatever else is given."""
    full = b.get(input)
    if full is None or any(isinstance(a, Tensor) and b.get(a) is not None for a in (*args, *kwargs.values())):
        return _loop(b, func, input, *args, **kwargs)
    return _wrapped(b, func(full, *args, **kwargs))


def _matrices(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Functions of matrices, of which a batch is one more dimension in front."""
    return (_whole if input.ndim >= 2 else _loop)(b, func, input, *args, **kwargs)


def _into(b: Batch, rule: Rule, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """out=: the result is computed, then written."""
    outs = kwargs["out"]
    rest = {k: v for k, v in kwargs.items() if k != "out"}
    result = rule(b, func, *args, **rest)
    for o, r in zip(_several(outs), _several(result), strict=True):
        if o.shape != r.shape:
            o.resize_(r.shape)
        _inplace(b, Tensor.copy_, o, r)
    return outs


_core._internal(globals())

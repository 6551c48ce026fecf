"""vmap: a function of samples as a function of batches."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from .. import _core
from .._core import Tensor
from ..autograd._levels import _limit
from ..utils._pytree import TreeSpec, _broadcast_to_and_flatten, tree_flatten, tree_unflatten
from ._batch import Batch, Single
from ._rules.common import NeedsSamples

__all__ = ["vmap"]

Function = Callable[..., Any]


def _name(func: Any) -> str:
    return getattr(func, "__name__", None) or repr(func)


def _inputs(func: Any, in_dims: Any, args: tuple[Any, ...]) -> tuple[int, list[Any], list[Any], TreeSpec]:
    """The size of the batch, the leaves, the dimension of each (None: the same for all samples), the structure."""
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): expected `in_dims` to be int or a (potentially nested) "
            f"tuple matching the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({_name(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a "
            "function with no inputs. The latter is unsupported."
        )
    leaves, spec = tree_flatten(args)
    dims = _broadcast_to_and_flatten(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible with the structure of `inputs`. "
            f"in_dims has structure {tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    sizes = []
    for i, (x, d) in enumerate(zip(leaves, dims, strict=True)):
        if d is None:
            continue
        start = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={d} for "
        if not isinstance(d, int):
            raise ValueError(f"{start}an input but in_dim must be either an integer dimension or None.")
        if not isinstance(x, Tensor):
            raise ValueError(
                f"{start}an input but the input is of type {type(x)}. We cannot vmap over non-Tensor arguments, please use "
                "None as the respective in_dim"
            )
        rank = x.ndim
        if not -rank <= d < rank:
            raise ValueError(
                f"{start}some input, but that input is a Tensor of dimensionality {rank} so expected in_dim to satisfy "
                f"-{rank} <= in_dim < {rank}."
            )
        if d < 0:
            dims[i] = d % rank
        sizes.append(x.shape[d])
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(s != sizes[0] for s in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped "
            "dimension"
        )
    return sizes[0], leaves, dims, spec


def _out_dims(func: Any, out_dims: Any, outs: list[Any], spec: TreeSpec) -> list[Any]:
    if isinstance(out_dims, int) or out_dims is None:
        return [out_dims] * len(outs)
    dims = _broadcast_to_and_flatten(out_dims, spec)
    if dims is None:
        raise ValueError(
            f"vmap({_name(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of "
            f"`outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {spec}."
        )
    return dims


def _check_output(func: Any, o: Any, dim: Any) -> None:
    if not isinstance(o, Tensor) and dim is not None:
        raise ValueError(
            f"vmap({_name(func)}, ...): `{_name(func)}` must only return Tensors, got type {type(o)}. Did you mean to set "
            "out_dims= to None for output?"
        )


def _place(o: Tensor, dim: int) -> Tensor:
    """All samples with the batch where it is wanted."""
    if dim == 0:
        return o
    rank = o.ndim
    if not -rank <= dim < rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")
    return o.movedim(0, dim)


class _Call:
    """A call of a mapped function: its inputs, the dimension of the batch in each, and where it goes in the results."""

    __slots__ = ("dims", "func", "kwargs", "leaves", "out_dims", "randomness", "size", "spec")

    def __init__(
        self,
        func: Any,
        size: int,
        leaves: list[Any],
        dims: list[Any],
        spec: TreeSpec,
        out_dims: Any,
        randomness: str,
        kwargs: Any,
    ) -> None:
        self.func, self.size, self.leaves, self.dims, self.spec = func, size, leaves, dims, spec
        self.out_dims, self.randomness, self.kwargs = out_dims, randomness, kwargs

    def run(self, args: list[Any]) -> Any:
        return self.func(*tree_unflatten(args, self.spec), **self.kwargs)

    def at_once(self) -> Any:
        func, out_dims = self.func, self.out_dims
        with Batch(self.size, self.randomness) as b:
            args = [
                x if d is None else b.wrap(x if d == 0 else x.movedim(d, 0))
                for x, d in zip(self.leaves, self.dims, strict=True)
            ]
            _limit(b.level + 1)
            result = self.run(args)
            _limit(b.level)
            if isinstance(result, Tensor) and out_dims == 0:
                return b.all_of(result)
            outs, out_spec = tree_flatten(result)
            placed = []
            for o, d in zip(outs, _out_dims(func, out_dims, outs, out_spec), strict=True):
                _check_output(func, o, d)
                if d is None:
                    if isinstance(o, Tensor) and b.get(o) is not None:
                        raise ValueError(
                            f"vmap({_name(func)}, ...): `{_name(func)}` can not return a BatchedTensor when out_dim is None"
                        )
                    placed.append(o)
                else:
                    placed.append(_place(b.all_of(o), d))
            return tree_unflatten(placed, out_spec)

    def one_by_one(self) -> Any:
        """Sample by sample, for functions that look at values."""
        results: list[list[Any]] = []
        out_spec: Any = None
        state = _core.default_generator.get_state() if self.randomness == "same" else None
        with Single(self.randomness) as watch:
            _limit(watch.level + 1)
            for i in range(self.size):
                if state is not None:
                    _core.default_generator.set_state(state)
                args = [x if d is None else x.select(d, i) for x, d in zip(self.leaves, self.dims, strict=True)]
                outs, here = tree_flatten(self.run(args))
                if out_spec is not None and here != out_spec:
                    raise RuntimeError(f"vmap: the samples' results have different structures: {out_spec} and {here}")
                out_spec = here
                results.append(outs)
        placed = []
        for k, d in enumerate(_out_dims(self.func, self.out_dims, results[0], out_spec)):
            parts = [r[k] for r in results]
            _check_output(self.func, parts[0], d)
            if d is None:
                placed.append(parts[0])
                continue
            if any(p.shape != parts[0].shape for p in parts):
                shapes = sorted({tuple(p.shape) for p in parts})
                raise RuntimeError(f"vmap: the samples' results have different shapes ({shapes}) and cannot be stacked")
            placed.append(_place(_core.stack(parts), d))
        return tree_unflatten(placed, out_spec)

    def result(self, fallback: str) -> Any:
        state = _core.default_generator.get_state() if self.randomness != "error" else None
        try:
            return self.at_once()
        except NeedsSamples as needs:
            if fallback == "error" or not self.size:
                raise needs.error from None
            file, line = needs.where
            what = {"bool": "if, while, bool()", "mask": "indexing with a mask"}.get(needs.what, f"{needs.what}()")
        warnings.warn_explicit(
            f"vmap({_name(self.func)}): {what} needs the values of each sample, so the function runs sample by sample: "
            f'{self.size} calls instead of one. fallback="error" makes this an error.',
            UserWarning,
            file,
            line,
        )
        if state is not None:
            _core.default_generator.set_state(state)
        return self.one_by_one()


def vmap(
    func: Function,
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
    fallback: str = "loop",
) -> Function:
    """A function of batches: `func`, which is written for one sample, on all samples at once.

    in_dims: the dimension of the batch in each argument, None for what is the same for all samples: an int for all, or a
    tuple with an entry (or a tree) for each. out_dims: where the batch is in the results, likewise. randomness: random
    operators raise ("error"), draw once for all ("same") or for each sample ("different"). chunk_size: how many samples
    run at once (default: all).

    What depends on single values (`item`, ``if tensor:``, masks as indices) makes the function run again, sample by
    sample, with a warning that names the line; ``fallback="error"`` raises as PyTorch does.
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")
    if fallback not in ("loop", "error"):
        raise ValueError(f'vmap: fallback should be "loop" or "error". (got {fallback!r})')
    if not (out_dims is None or isinstance(out_dims, int)):
        leaves = tree_flatten(out_dims)[0]
        if isinstance(out_dims, str) or not all(d is None or isinstance(d, int) for d in leaves):
            raise ValueError(
                f"vmap({_name(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of "
                "ints representing where in the outputs the vmapped dimension should appear."
            )

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        size, leaves, dims, spec = _inputs(func, in_dims, args)
        if chunk_size is None or chunk_size >= size:
            return _Call(func, size, leaves, dims, spec, out_dims, randomness, kwargs).result(fallback)
        results = []
        out_spec: Any = None
        for start in range(0, size, chunk_size):
            n = min(chunk_size, size - start)
            part = [x if d is None else x.narrow(d, start, n) for x, d in zip(leaves, dims, strict=True)]
            call = _Call(func, n, part, dims, spec, out_dims, randomness, kwargs)
            outs, out_spec = tree_flatten(call.result(fallback))
            results.append(outs)
        joined = []
        for k, d in enumerate(_out_dims(func, out_dims, results[0], out_spec)):
            parts = [r[k] for r in results]
            joined.append(parts[0] if d is None else _core.cat(parts, d))
        return tree_unflatten(joined, out_spec)

    return wrapped


_core._internal(globals())

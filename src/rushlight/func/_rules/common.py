"""What rules of vmap share: refusals, the tensors in arguments and results, and what has no rule, sample by sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ... import _core
from ..._core import Tensor
from ...autograd._levels import _limit

if TYPE_CHECKING:
    from .._batch import Batch

Rule = Callable[..., Any]


class NeedsSamples(BaseException):
    """The function has to see the values of single samples. No Exception, so that user code does not swallow it."""

    def __init__(self, what: str, error: Exception, where: tuple[str, int]) -> None:
        super().__init__(what)
        self.what, self.error, self.where = what, error, where


_ITEM = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, please "
    "try to rewrite what you're doing with other operations. If error is occurring somewhere inside PyTorch internals, "
    "please file a bug report."
)
_CONTROL = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that yet, "
    "please file an issue at https://github.com/pytorch/pytorch/issues ."
)
_MASK = (
    "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing with a "
    "boolean mask."
)
_STORAGE = "Cannot access data pointer of Tensor that doesn't have storage"
_RANDOM = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' randomness "
    "flags on vmap or perform the randomness operation out of vmap"
)


def _refusal(what: str) -> Exception:
    """What PyTorch raises."""
    if what == "bool":
        return RuntimeError(_CONTROL)
    if what in ("tolist", "numpy", "data_ptr"):
        return RuntimeError(_STORAGE)
    if what == "mask":
        return RuntimeError(_MASK)
    if what == "allclose":
        return RuntimeError(
            "vmap over torch.allclose isn't supported yet. Please file an issue at "
            "https://github.com/pytorch/pytorch/issues if you need this feature."
        )
    if what == "equal":
        return RuntimeError("Batching rule not implemented for aten::equal. We could not generate a fallback.")
    if what in ("item", "tensor"):
        return RuntimeError(_ITEM)
    return RuntimeError(
        "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over "
        f"aten::{what}. Please file an issue at https://github.com/pytorch/pytorch/issues if you need this feature."
    )


def _unwritable(what: str) -> Exception:
    """What PyTorch raises where a batched value is written into a tensor that all samples share."""
    if what in ("data", "grad"):
        return RuntimeError(f"mutating directly with `.{what}` under vmap transform is not allowed.")
    if what == "random":
        return RuntimeError(
            "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same "
            "randomness. If this is necessary for your usage, please file an issue with functorch."
        )
    what = {"__setitem__": "index_put_", "real": "copy_", "imag": "copy_"}.get(what, what)
    return RuntimeError(
        f"vmap: {what}(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has more "
        "elements than `self`. This happened due to `other` being vmapped over but `self` not being vmapped over in a vmap. "
        f"Please try to use out-of-place operators instead of {what}. If said operator is being called inside the PyTorch "
        "framework, please file a bug report instead."
    )


def _users_line() -> tuple[str, int]:
    """Where the user's code is: the innermost frame that is not the library's."""
    import os
    import sys

    own = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(own) and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _several(o: Any) -> list[Any]:
    return list(o) if isinstance(o, (tuple, list)) else [o]


def _mapped(tree: Any, f: Callable[[Tensor], Any]) -> Any:
    """`tree` with f of each tensor in it, and in tuples and lists."""
    if isinstance(tree, Tensor):
        return f(tree)
    if type(tree) in (tuple, list):
        return type(tree)(_mapped(x, f) for x in tree)
    if isinstance(tree, slice) and any(isinstance(x, Tensor) for x in (tree.start, tree.stop, tree.step)):
        return slice(_mapped(tree.start, f), _mapped(tree.stop, f), _mapped(tree.step, f))
    return tree


def _rebuilt(like: Any, parts: list[Any]) -> Any:
    """A tuple, list or result with names of other parts."""
    return type(like)(*parts) if hasattr(like, "_make") else type(like)(parts)


def _wrapped(b: Batch, out: Any) -> Any:
    """A result whose tensors are those of all samples."""
    if isinstance(out, Tensor):
        return b.wrap(out)
    if isinstance(out, (tuple, list)):
        return _rebuilt(out, [_wrapped(b, o) for o in out])
    return out


def _dim(dim: int, rank: int) -> int:
    """The place of a sample's dimension among those of all samples."""
    n = max(rank, 1)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim % n + 1


def _sizes(args: tuple[Any, ...]) -> tuple[int, ...]:
    """Sizes given one by one or as a sequence."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        return tuple(args[0])
    return args


def _again(b: Any, f: Callable[[], Any]) -> Any:
    """Runs what is written with operators on the tensors of a level."""
    was = _limit(b.level + 1)
    try:
        return f()
    finally:
        _limit(was)


# --- sample by sample -----------------------------------------------------------------------------------------------------


def _loop(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
    """Any operator: sample by sample, stacked."""
    cache: dict[int, Any] = {}

    def unbound(t: Tensor) -> Tensor:
        full = b.get(t)
        if full is not None and id(t) not in cache:
            cache[id(t)] = full.unbind(0)
        return t

    _mapped(args, unbound)
    _mapped(tuple(kwargs.values()), unbound)
    if b.size == 0:
        return _wrapped(b, _mapped(_empty_result(func, args, kwargs), lambda t: t.unsqueeze(0)[:0]))
    results = []
    for i in range(b.size):

        def sample(t: Tensor, i: int = i) -> Tensor:
            parts = cache.get(id(t))
            return t if parts is None else parts[i]

        results.append(func(*_mapped(args, sample), **{k: _mapped(v, sample) for k, v in kwargs.items()}))
    return _stacked(b, results, func.__name__)


def _empty_result(func: Any, args: Any, kwargs: Any) -> Any:
    """A result for a batch without samples: the operator on zeros of a sample's shape."""
    return func(*_mapped(args, _core.zeros_like), **{k: _mapped(v, _core.zeros_like) for k, v in kwargs.items()})


def _stacked(b: Batch, results: list[Any], name: str) -> Any:
    first = results[0]
    if isinstance(first, Tensor):
        if any(r.shape != first.shape for r in results):
            raise NeedsSamples(name, _refusal(name), _users_line())
        return b.wrap(_core.stack(results))
    if isinstance(first, (tuple, list)):
        if any(len(r) != len(first) for r in results):
            raise NeedsSamples(name, _refusal(name), _users_line())
        return _rebuilt(first, [_stacked(b, [r[k] for r in results], name) for k in range(len(first))])
    if any(r != first for r in results):
        raise NeedsSamples(name, _refusal(name), _users_line())
    return first


def _loop_inplace(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
    """Any operator that writes to its first argument."""
    full = b.promote(args[0], func.__name__)
    for i in range(b.size):

        def sample(t: Tensor, i: int = i) -> Tensor:
            of = b.get(t)
            return t if of is None else of[i]

        func(full[i], *_mapped(args[1:], sample), **{k: _mapped(v, sample) for k, v in kwargs.items()})
    return args[0]


def _batched(b: Batch, args: Any, kwargs: Any) -> bool:
    found = False

    def look(t: Tensor) -> Tensor:
        nonlocal found
        found = found or b.get(t) is not None
        return t

    _mapped(args, look)
    if kwargs:
        _mapped(tuple(kwargs.values()), look)
    return found


def _mapped_results(b: Batch, out: Any, f: Any) -> Any:
    if isinstance(out, Tensor):
        return b.wrap(f(out) if f is not None else out)
    if isinstance(out, (tuple, list)):
        return _rebuilt(out, [_mapped_results(b, o, f) for o in out])
    return out


_core._internal(globals())

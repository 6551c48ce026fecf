"""Levels of vmap: what an operator does on all samples at once. See NOTE [Batched] in native/tensor/dual.h.

A rule gets the level, the operator and its arguments, and sees lower levels only. It calls the operator on the tensors
of all samples, whose dimension 0 is the batch, and wraps the result. Which rule that is follows from the operator's kind:
pointwise operators align ranks, what works along dimensions gets them shifted by one, products become products of
batches. What has no rule runs sample by sample and is stacked. Operators that are composed of others are not seen here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _core
from .._core import Tensor
from ..autograd._levels import _limit, tracked

_get = _core._dual_get
_set = _core._dual_set
_wrap = _core._batch_wrap
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


def _users_line() -> tuple[str, int]:
    """Where the user's code is: the innermost frame that is not the library's."""
    import os
    import sys

    own = os.path.dirname(os.path.dirname(__file__))
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(own) and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


class Batch:
    """A level of vmap: the handler that the core asks."""

    open = True

    def __init__(self, size: int, randomness: str) -> None:
        self.size, self.randomness = size, randomness
        self.level: int = _core._dual_open(self, self.open)

    def __enter__(self) -> Batch:
        self.was = _limit(self.level)
        return self

    def __exit__(self, *error: object) -> None:
        self.open = False
        _limit(self.was)
        _core._dual_close()

    # --- tensors ----------------------------------------------------------------------------------------------------

    def get(self, x: Any) -> Tensor | None:
        """The tensor of all samples, None if `x` is the same for all."""
        found = _get(x, self.level)
        if found is not False:
            return found
        base = x._base if isinstance(x, Tensor) else None
        if base is None:
            return None
        of_base = _get(base, self.level)
        if not isinstance(of_base, Tensor):
            return None
        if x.dtype != base.dtype:
            raise NeedsSamples("view", RuntimeError(_ITEM), _users_line())
        full = of_base.as_strided(
            (self.size, *x.shape),
            (of_base.stride(0), *x.stride()),
            x.storage_offset() - base.storage_offset() + of_base.storage_offset(),
        )
        _set(x, self.level, full)
        return full

    def wrap(self, full: Tensor) -> Tensor:
        """The batched tensor of these samples."""
        return _wrap(full, self.level)

    def all_of(self, x: Tensor) -> Tensor:
        """All samples, of what is the same for all repeated."""
        full = self.get(x)
        return x.expand((self.size, *x.shape)) if full is None else full

    def promote(self, x: Tensor) -> Tensor:
        """Makes `x` batched, which is about to be written to: from now on its samples are their own."""
        full = self.get(x)
        if full is not None:
            return full
        base = x._base
        if base is not None and base.dtype == x.dtype:
            self.promote(base)
            full = self.get(x)
            assert full is not None
            return full
        strides = x.stride()
        span = 1 + sum((n - 1) * s for n, s in zip(x.shape, strides, strict=True)) if x.numel() else 0
        full = _core.empty_strided((self.size, *x.shape), (span, *strides), dtype=x.dtype).copy_(x)
        _set(x, self.level, full)
        return full

    def text(self, x: Tensor) -> str:
        """What `repr` gives for a batched tensor."""
        import textwrap

        was = _limit(self.level)
        try:
            inner = textwrap.indent(repr(self.all_of(x)), "    ")
        finally:
            _limit(was)
        return f"BatchedTensor(lvl={self.level + 1}, bdim=0, value=\n{inner}\n)"

    # --- what the core asks -----------------------------------------------------------------------------------------

    def run(self, level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        was = _limit(level)
        try:
            name = func.__name__
            rule = _RULES.get(name)
            if rule is None:
                rule = _find(name, getattr(func, "kind", "Other"))
            if kwargs and kwargs.get("out") is not None:
                return _into(self, rule, func, args, kwargs)
            return rule(self, func, *args, **kwargs)
        finally:
            _limit(was)

    def run_attribute(self, level: int, t: Tensor, name: str) -> Any:
        was = _limit(level)
        try:
            full = self.get(t)
            assert full is not None
            if name in _VIEW_ATTRIBUTES:
                return self.wrap(_VIEW_ATTRIBUTES[name](full))
            value = getattr(full, name)
            return self.wrap(value) if isinstance(value, Tensor) else value
        finally:
            _limit(was)

    def set_attribute(self, level: int, t: Tensor, both: tuple[str, Any]) -> None:
        name, value = both
        was = _limit(level)
        try:
            full = self.get(t)
            assert full is not None
            if name in ("real", "imag") and isinstance(value, Tensor):
                _inplace(self, Tensor.copy_, self.wrap(getattr(full, name)), value)
                return
            setattr(full, name, self.all_of(value) if isinstance(value, Tensor) else value)
        finally:
            _limit(was)

    def refuse(self, level: int, t: Any, what: str) -> None:
        raise NeedsSamples(what, _refusal(what), _users_line())

    def run_grad(self, level: int, func: Any, options: tuple[Any, ...]) -> Any:
        """Gradients of batched outputs: of each sample, where the inputs are batched."""
        outputs, inputs, cotangents, retain, create, unused, zeros = options
        outs, ins = _several(outputs), _several(inputs)
        cts = [None] * len(outs) if cotangents is None else _several(cotangents)
        was = _limit(level)
        try:
            return _gradients(self, func, outs, ins, cts, retain, create, unused, zeros)
        finally:
            _limit(was)

    def run_backward(self, level: int, func: Any, options: tuple[Any, ...]) -> None:
        tensors, cotangents, retain, create, inputs = options
        was = _limit(level)
        try:
            outs = _several(tensors)
            cts = [None] * len(outs) if cotangents is None else _several(cotangents)
            given = [_cotangent(self, o, c) for o, c in zip(outs, cts, strict=True)]
            ins = None if inputs is None else [x if self.get(x) is None else self.get(x) for x in _several(inputs)]
            func([self.all_of(o) for o in outs], given, retain, create, ins)
        finally:
            _limit(was)

    def run_function(self, level: int, cls: Any, args: tuple[Any, ...]) -> Any:
        """A Function by its rule for batches, else sample by sample."""
        from ..autograd.function import Function

        was = _limit(level)
        try:
            if cls.vmap is Function.vmap:
                return _loop(self, cls.apply, *args)
            # A rule says nothing of the derivative: where history is recorded, that of each sample is the Function's own.
            own = cls.backward is not Function.backward or cls.vjp is not Function.vjp
            recorded = _core.is_grad_enabled() and tracked([self.all_of(a) for a in args if isinstance(a, Tensor)])
            return _loop(self, cls.apply, *args) if own and recorded else _by_vmap_rule(self, cls, args)
        finally:
            _limit(was)


class Single(Batch):
    """The level around one sample, where the function runs sample by sample: it only watches the random numbers."""

    open = False

    def __init__(self, randomness: str) -> None:
        super().__init__(1, randomness)

    def run(self, level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.randomness == "error" and getattr(func, "kind", "Other") == "Random" and not _quiet(func, args, kwargs):
            raise RuntimeError(_RANDOM)
        was = _limit(level)
        try:
            return func(*args, **kwargs)
        finally:
            _limit(was)


def _several(o: Any) -> list[Any]:
    return list(o) if isinstance(o, (tuple, list)) else [o]


# --- gradients ------------------------------------------------------------------------------------------------------------


def _cotangent(b: Batch, output: Tensor, given: Any) -> Tensor | None:
    """The cotangents of all samples. Each sample's own default is one."""
    if given is not None:
        return b.all_of(given)
    full = b.all_of(output)
    if output.numel() != 1:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    return _core.ones_like(full)


def _gradients(
    b: Batch,
    func: Any,
    outs: list[Any],
    ins: list[Any],
    cts: list[Any],
    retain: Any,
    create: bool,
    unused: Any,
    zeros: bool,
) -> tuple[Any, ...]:
    batched_out = [b.get(o) is not None for o in outs]
    plain = [i for i, x in enumerate(ins) if b.get(x) is None]
    grads: list[Any] = [None] * len(ins)
    if not any(batched_out) or plain:
        # The history knows no batch (or these inputs do not): the gradient of each sample is a pass of its own.
        given = [
            None if c is None and not any(batched_out) else _cotangent(b, o, c) for o, c in zip(outs, cts, strict=True)
        ]
        ends: list[Any] = [o if b.get(o) is None else b.get(o) for o in outs]
        wanted = [ins[i] for i in plain]
        rows: list[list[Any]] = [[] for _ in wanted]
        for s in range(b.size):
            these: list[Any] = []
            for end, c, many in zip(ends, given, batched_out, strict=True):
                if c is None:
                    these.append(None)
                elif not many:
                    these.append(c[s])
                else:
                    row = _core.zeros_like(end)
                    row[s] = c[s]
                    these.append(row)
            last = s == b.size - 1 and len(plain) == len(ins)
            found = func(ends, wanted, these, retain if last else True, create, unused, zeros)
            for row_, g in zip(rows, found, strict=True):
                row_.append(g)
        for i, found in zip(plain, rows, strict=True):
            if found and found[0] is not None:
                grads[i] = b.wrap(_core.stack(found))
        if len(plain) == len(ins):
            return tuple(grads)
    batched = [i for i, x in enumerate(ins) if b.get(x) is not None]
    found = func(
        [b.all_of(o) for o in outs],
        [b.get(ins[i]) for i in batched],
        [_cotangent(b, o, c) for o, c in zip(outs, cts, strict=True)],
        retain,
        create,
        unused,
        zeros,
    )
    for i, g in zip(batched, found, strict=True):
        grads[i] = None if g is None else b.wrap(g)
    return tuple(grads)


# --- custom Functions -----------------------------------------------------------------------------------------------------


def _by_vmap_rule(b: Batch, cls: Any, args: tuple[Any, ...]) -> Any:
    fulls = [b.get(a) if isinstance(a, Tensor) else None for a in args]
    in_dims = tuple(None if f is None else 0 for f in fulls)
    info = VmapInfo(b.size, b.randomness)
    result = cls.vmap(info, in_dims, *(a if f is None else f for a, f in zip(args, fulls, strict=True)))
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(
            f"Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible "
            f"with the output. Got a {type(result).__name__}"
        )
    out, out_dims = result

    def wrapped(o: Any, d: Any) -> Any:
        if d is None or not isinstance(o, Tensor):
            return o
        return b.wrap(o if d == 0 else o.movedim(d, 0))

    if isinstance(out, tuple):
        dims = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(out)
        return tuple(wrapped(o, d) for o, d in zip(out, dims, strict=True))
    return wrapped(out, out_dims[0] if isinstance(out_dims, tuple) else out_dims)


class VmapInfo:
    """What a Function's `vmap` is told of the batch."""

    __slots__ = ("batch_size", "randomness")

    def __init__(self, batch_size: int, randomness: str) -> None:
        self.batch_size, self.randomness = batch_size, randomness


# --- helpers of rules -----------------------------------------------------------------------------------------------------


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


def _again(b: Batch, f: Callable[[], Any]) -> Any:
    """Runs what is written with operators on batched tensors."""
    was = _limit(b.level + 1)
    try:
        return f()
    finally:
        _limit(was)


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
    full = b.promote(args[0])
    for i in range(b.size):

        def sample(t: Tensor, i: int = i) -> Tensor:
            of = b.get(t)
            return t if of is None else of[i]

        func(full[i], *_mapped(args[1:], sample), **{k: _mapped(v, sample) for k, v in kwargs.items()})
    return args[0]


# --- pointwise ------------------------------------------------------------------------------------------------------------


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


_MASKED = frozenset({"where", "masked_fill", "masked_fill_"})


def _same_dtype(b: Batch, name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Operands in the dtype that their samples promote to: 0-dim samples count less than others."""
    start = 1 if name == "where" else 0
    tensors = [
        a
        for i, a in enumerate(args)
        if isinstance(a, Tensor) and i >= start and not (name in _MASKED and i == 1 - start)
    ]
    if name == "where" or name in _MASKED:
        tensors = [a for a in tensors if a.dtype != _core.bool or name not in _MASKED]
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
    full = b.promote(x)
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


# --- along dimensions -----------------------------------------------------------------------------------------------------


def _along(place: int, default: Any, word: str = "dim") -> Rule:
    """Operators along one dimension or several, given at a place after the tensor; the result keeps or drops them."""

    def rule(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
        full = b.get(input)
        if full is None or _batched(b, args, kwargs):
            return _loop(b, func, input, *args, **kwargs)
        rank = input.ndim
        given = word in kwargs or len(args) > place
        dim = kwargs.get(word, args[place] if len(args) > place else default)
        if rank == 0:
            full = full.unsqueeze(1)
        if dim is None or (dim == () and default in (None, ())):
            return _over_all(b, func, input, full, place, word, given, args, kwargs)
        moved = [_dim(d, rank) for d in dim] if isinstance(dim, (tuple, list)) else _dim(dim, rank)
        if len(args) > place:
            args = (*args[:place], moved, *args[place + 1 :])
        else:
            kwargs = {**kwargs, word: moved}
        out = func(full, *args, **kwargs)
        return _mapped_results(
            b, out, (lambda t: t.squeeze(1) if t.ndim == 2 and rank == 0 else t) if rank == 0 else None
        )

    return rule


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


_SINGLE = frozenset("argmax argmin prod median nanmedian all any count_nonzero aminmax norm".split())


def _over_all(
    b: Batch, func: Any, input: Tensor, full: Tensor, place: int, word: str, given: bool, args: Any, kwargs: Any
) -> Any:
    """A reduction over all of a sample."""
    name = func.__name__
    keep = kwargs.get("keepdim", False)
    if name in ("max", "min"):
        return b.wrap((_core.amax if name == "max" else _core.amin)(full, list(range(1, full.ndim))))
    rest = list(args[place + 1 :])
    if args[place + 1 :] and isinstance(args[place + 1], bool) and name not in ("var", "std", "var_mean", "std_mean"):
        keep = args[place + 1]
    flat = full.reshape((b.size, -1)) if full.numel() or full.ndim != 2 else full
    if full.ndim != 2 and not full.numel():
        flat = full.reshape((b.size, input.numel()))
    target: Any = 1 if name in _SINGLE or name in ("cumsum",) else [1]
    kwargs = {k: v for k, v in kwargs.items() if k != word}
    if name in ("var", "std", "var_mean", "std_mean") and args and isinstance(args[0], bool):
        out = func(flat, target, *args)
    elif name == "norm":
        out = func(flat, *args[:1], dim=target, **kwargs) if args else func(flat, dim=target, **kwargs)
    elif given and len(args) > place:
        out = func(flat, *args[:place], target, *rest, **kwargs)
    else:
        out = func(flat, *args[:place], **{**kwargs, word: target})
    if name in ("median", "nanmedian") and not isinstance(out, Tensor):
        out = out[0]
    shape = (b.size, *(1,) * input.ndim)
    return _mapped_results(b, out, (lambda t: t.reshape(shape)) if keep else None)


def _max(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    other = kwargs.get("other", args[0] if args else None)
    if isinstance(other, Tensor):
        return _pointwise(b, func, input, other)
    return _REDUCE(b, func, input, *args, **kwargs)


def _var(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    if args and isinstance(args[0], bool):
        full = b.all_of(input).reshape((b.size, -1))
        return _wrapped(b, func(full, [1], *args, **kwargs))
    if "unbiased" in kwargs and "dim" not in kwargs and not args:
        full = b.all_of(input).reshape((b.size, -1))
        return _wrapped(b, func(full, [1], **kwargs))
    return _REDUCE(b, func, input, *args, **kwargs)


_REDUCE = _along(0, None)


def _dist(b: Batch, func: Any, input: Tensor, other: Tensor, p: Any = 2) -> Any:
    return _again(b, lambda: _core.norm((input - other).flatten(), p, 0))


# --- views and layout -----------------------------------------------------------------------------------------------------


def _with_sizes(word: str) -> Rule:
    def rule(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
        full = b.all_of(input)
        if word in kwargs:
            args = (kwargs[word],)
        elif kwargs:
            return _loop(b, func, input, *args, **kwargs)
        if len(args) == 1 and isinstance(args[0], _core.dtype):
            if input.ndim == 0:
                return b.wrap(func(full.unsqueeze(1), *args).squeeze(1))
            return b.wrap(func(full, *args))
        sizes = _sizes(args)
        if -1 in sizes and not full.numel():
            known = 1
            for n in sizes:
                known *= n if n != -1 else 1
            sizes = tuple(input.numel() // max(known, 1) if n == -1 else n for n in sizes)
        return b.wrap(func(full, (b.size, *sizes)))

    return rule


def _expand(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    sizes = _sizes((kwargs["size"],) if "size" in kwargs else args)
    full = b.all_of(input)
    lead = len(sizes) - input.ndim
    if lead > 0:
        full = full.reshape((b.size, *(1,) * lead, *input.shape))
    return b.wrap(full.expand((b.size, *sizes)))


def _repeat(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    sizes = _sizes(tuple(kwargs.values()) or args)
    if func.__name__ == "tile":
        sizes = (1,) * (input.ndim - len(sizes)) + tuple(sizes)
    full = b.all_of(input)
    lead = len(sizes) - input.ndim
    if lead > 0:
        full = full.reshape((b.size, *(1,) * lead, *input.shape))
    return b.wrap(full.repeat((1, *sizes)))


def _like(b: Batch, func: Any, self: Tensor, other: Tensor) -> Any:
    names = {"view_as": "view", "reshape_as": "reshape", "expand_as": "expand"}
    return _again(b, lambda: getattr(self, names[func.__name__])(tuple(other.shape)))


def _permute(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    dims = _sizes((kwargs["dims"],) if "dims" in kwargs else args)
    if input.ndim == 0:
        return b.wrap(b.all_of(input).view_as(b.all_of(input)))
    return b.wrap(b.all_of(input).permute((0, *(_dim(d, input.ndim) for d in dims))))


def _transpose(b: Batch, func: Any, input: Tensor, a: int = 0, c: int = 1, **kwargs: Any) -> Any:
    given = list(kwargs.values())
    if len(given) == 2:
        a, c = given
    elif given:
        c = given[0]
    full = b.all_of(input)
    if input.ndim == 0:
        return b.wrap(full.view_as(full))
    return b.wrap(full.transpose(_dim(a, input.ndim), _dim(c, input.ndim)))


def _t(b: Batch, func: Any, input: Tensor) -> Any:
    full = b.all_of(input)
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return b.wrap(full.transpose(1, 2) if input.ndim == 2 else full.view_as(full))


def _squeeze(b: Batch, func: Any, input: Tensor, dim: Any = None) -> Any:
    full = b.all_of(input)
    if dim is None:
        dims = [i + 1 for i, n in enumerate(input.shape) if n == 1]
        return b.wrap(full.squeeze(dims) if dims else full.view_as(full))
    if input.ndim == 0:
        return b.wrap(full.view_as(full))
    several = dim if isinstance(dim, (tuple, list)) else [dim]
    return b.wrap(full.squeeze([_dim(d, input.ndim) for d in several]))


def _unsqueeze(b: Batch, func: Any, input: Tensor, dim: int) -> Any:
    return b.wrap(b.all_of(input).unsqueeze(_dim(dim, input.ndim + 1)))


def _diagonal(b: Batch, func: Any, input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    return b.wrap(func(b.all_of(input), offset, _dim(dim1, input.ndim), _dim(dim2, input.ndim)))


def _as_strided(b: Batch, func: Any, input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Any:
    full = b.all_of(input)
    start = full.storage_offset()
    if storage_offset is not None:
        start += storage_offset - input.storage_offset()
    return b.wrap(full.as_strided((b.size, *size), (full.stride(0), *stride), start))


def _flatten(b: Batch, func: Any, input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Any:
    full = b.all_of(input)
    if input.ndim == 0:
        return b.wrap(full.unsqueeze(1))
    return b.wrap(full.flatten(_dim(start_dim, input.ndim), _dim(end_dim, input.ndim)))


def _unflatten(b: Batch, func: Any, input: Tensor, dim: int, sizes: Any) -> Any:
    return b.wrap(b.all_of(input).unflatten(_dim(dim, input.ndim), sizes))


def _unbind(b: Batch, func: Any, input: Tensor, dim: int = 0) -> Any:
    if input.ndim == 0:
        raise RuntimeError("Dimension specified as 0 but tensor has no dimensions")
    return tuple(b.wrap(part) for part in b.all_of(input).unbind(_dim(dim, input.ndim)))


def _movedim(b: Batch, func: Any, input: Tensor, source: Any, destination: Any) -> Any:
    def moved(d: Any) -> Any:
        return [_dim(x, input.ndim) for x in d] if isinstance(d, (tuple, list)) else _dim(d, input.ndim)

    return b.wrap(b.all_of(input).movedim(moved(source), moved(destination)))


def _flip(b: Batch, func: Any, input: Tensor, *args: Any, **kwargs: Any) -> Any:
    dims = _sizes((kwargs["dims"],) if "dims" in kwargs else args)
    return b.wrap(b.all_of(input).flip([_dim(d, input.ndim) for d in dims]))


def _flip_named(place: int) -> Rule:
    return lambda b, func, input: b.wrap(b.all_of(input).flip([place + 1]))


def _roll(b: Batch, func: Any, input: Tensor, shifts: Any, dims: Any = None) -> Any:
    full = b.all_of(input)
    if dims is None or dims == ():
        return b.wrap(full.reshape((b.size, -1)).roll(shifts, 1).reshape(full.shape))
    several = dims if isinstance(dims, (tuple, list)) else [dims]
    return b.wrap(full.roll(shifts, [_dim(d, input.ndim) for d in several]))


def _triangle(b: Batch, func: Any, input: Tensor, diagonal: int = 0) -> Any:
    return b.wrap(func(b.all_of(input), diagonal))


def _cat(b: Batch, func: Any, tensors: Any, dim: int = 0) -> Any:
    tensors = list(tensors)
    if func.__name__ == "stack":
        rank = tensors[0].ndim + 1
    else:
        several = [t for t in tensors if not (t.ndim == 1 and t.numel() == 0)] or tensors
        if len(several) != len(tensors) and several[0].ndim != 1:
            tensors = several  # as ever, empty vectors fit everywhere
        rank = tensors[0].ndim
        if rank == 0:
            raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    return b.wrap(func([b.all_of(t) for t in tensors], _dim(dim, rank)))


def _joined(b: Batch, func: Any, tensors: Any) -> Any:
    """hstack, vstack, dstack by what they are made of."""
    name = func.__name__

    def join() -> Any:
        if name == "hstack":
            ones = [t.reshape(1) if t.ndim == 0 else t for t in tensors]
            return _core.cat(ones, 0 if ones[0].ndim == 1 else 1)
        if name == "vstack":
            return _core.cat([t.reshape(1, -1) if t.ndim < 2 else t for t in tensors], 0)
        threes = [t.reshape(1, -1, 1) if t.ndim < 2 else t.unsqueeze(2) if t.ndim == 2 else t for t in tensors]
        return _core.cat(threes, 2)

    return _again(b, join)


# --- elements at places ---------------------------------------------------------------------------------------------------


def _gather(b: Batch, func: Any, input: Tensor, dim: int, index: Tensor, *args: Any, **kwargs: Any) -> Any:
    """gather, scatter and their like: along a dimension of tensors of one rank."""
    rank = input.ndim
    others = [a for a in (*args, *kwargs.values()) if isinstance(a, Tensor)]
    tensors = [b.all_of(t).unsqueeze(1) if t.ndim == 0 else b.all_of(t) for t in (input, index, *others)]
    fresh = dict(zip(map(id, (input, index, *others)), tensors, strict=True))

    def given(a: Any) -> Any:
        return fresh.get(id(a), a)

    out = func(tensors[0], _dim(dim, rank), tensors[1], *map(given, args), **{k: given(v) for k, v in kwargs.items()})
    squeeze = index.ndim == 0 if func.__name__ == "gather" else rank == 0
    return b.wrap(out.squeeze(1) if squeeze else out)


def _scatter_inplace(b: Batch, func: Any, input: Tensor, dim: int, index: Tensor, *args: Any, **kwargs: Any) -> Any:
    if input.ndim == 0 or index.ndim == 0:
        return _loop_inplace(b, func, input, dim, index, *args, **kwargs)
    full = b.promote(input)

    def given(a: Any) -> Any:
        return b.all_of(a) if isinstance(a, Tensor) else a

    func(full, _dim(dim, input.ndim), b.all_of(index), *map(given, args), **{k: given(v) for k, v in kwargs.items()})
    return input


def _index_along(b: Batch, func: Any, input: Tensor, dim: int, index: Tensor, *args: Any, **kwargs: Any) -> Any:
    """index_select, index_add and their like: a vector of places, the same for all samples."""
    name = func.__name__
    inplace = name.endswith("_")
    if (
        b.get(index) is not None
        or input.ndim == 0
        or any(isinstance(v, Tensor) and v.ndim == 0 and b.get(v) is not None for v in args)
    ):
        if name == "index_select" and input.ndim and index.ndim == 1:
            key = (slice(None),) * (_dim(dim, input.ndim) - 1) + (index,)
            return _get_item(b, func, input, key)
        return (_loop_inplace if inplace else _loop)(b, func, input, dim, index, *args, **kwargs)
    full = b.promote(input) if inplace else b.all_of(input)

    def given(a: Any) -> Any:
        return b.all_of(a) if isinstance(a, Tensor) and a.ndim else a

    out = func(full, _dim(dim, input.ndim), index, *map(given, args), **{k: given(v) for k, v in kwargs.items()})
    return input if inplace else b.wrap(out)


def _take_along(b: Batch, func: Any, input: Tensor, indices: Tensor, dim: int | None = None) -> Any:
    if dim is None:
        return b.wrap(func(b.all_of(input).reshape((b.size, -1)), b.all_of(indices).reshape((b.size, -1)), 1))
    return b.wrap(func(b.all_of(input), b.all_of(indices), _dim(dim, input.ndim)))


def _is_index(k: Any) -> bool:
    return isinstance(k, (Tensor, list, range)) or hasattr(k, "__array__")


def _split_key(b: Batch, input: Tensor, key: Any) -> tuple[tuple[Any, ...], list[tuple[int, Tensor]]]:
    """A key's part that makes a view, and the tensors of places with the view's dimensions that they are for."""
    keys = list(key) if isinstance(key, tuple) else [key]
    tensors = [k if isinstance(k, Tensor) else _core.as_tensor(k) if _is_index(k) else None for k in keys]
    consumed = sum(
        0
        if k is None or k is Ellipsis or isinstance(k, bool)
        else (t.ndim if t is not None and t.dtype in (_core.bool, _core.uint8) else 1)
        for k, t in zip(keys, tensors, strict=True)
    )
    basic: list[Any] = []
    found: list[tuple[int, Tensor]] = []
    at = 0
    for k, t in zip(keys, tensors, strict=True):
        if k is Ellipsis:
            fill = max(input.ndim - consumed, 0)
            basic += [slice(None)] * fill
            at += fill
        elif t is not None:
            if t.ndim == 0 and t.dtype not in (_core.bool, _core.uint8) and b.get(t) is None:
                basic.append(int(t))
                continue
            masked = t.dtype in (_core.bool, _core.uint8)
            if masked and t.ndim == 0:
                basic.append(None)
                found.append((at, t.reshape(1)))
                at += 1
                continue
            found.append((at, t))
            width = t.ndim if masked else 1
            basic += [slice(None)] * width
            at += width
        else:
            basic.append(k)
            if k is None or isinstance(k, (slice, bool)):
                at += 1
    return tuple(basic), found


def _get_item(b: Batch, func: Any, input: Tensor, key: Any) -> Any:
    simple = not _is_index(key) and (not isinstance(key, tuple) or not any(map(_is_index, key)))
    if simple:
        key = key if isinstance(key, tuple) else (key,)
        if any(isinstance(k, slice) and any(isinstance(x, Tensor) for x in (k.start, k.stop, k.step)) for k in key):
            return _loop(b, func, input, key)
        full = b.all_of(input)
        _check_key(input, key)
        return b.wrap(full[(slice(None), *key)])
    basic, places = _split_key(b, input, key)
    view = b.all_of(input)[(slice(None), *basic)]
    if not places:
        return b.wrap(view)
    if any(t.dtype in (_core.bool, _core.uint8) and b.get(t) is not None for _, t in places):
        raise NeedsSamples("mask", _refusal("mask"), _users_line())
    return b.wrap(_advanced(b, view, places))


def _check_key(input: Tensor, key: tuple[Any, ...]) -> None:
    """Refuses too many indices with the numbers of a sample."""
    used = sum(1 for k in key if not (k is None or k is Ellipsis or isinstance(k, bool)))
    if used > input.ndim:
        if input.ndim == 0:
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
                "0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {input.ndim}")


def _place_tensors(b: Batch, places: list[tuple[int, Tensor]]) -> tuple[list[tuple[int, Tensor]], int]:
    """Masks as places; all tensors with the batch in front, of one rank. The rank of a sample's."""
    plain: list[tuple[int, Tensor, bool]] = []
    for at, t in places:
        if t.dtype in (_core.bool, _core.uint8):
            for k, part in enumerate(t.bool().nonzero().unbind(1)):
                plain.append((at + k, part, False))
        else:
            full = b.get(t)
            plain.append((at, t if full is None else full, full is not None))
    rank = max(t.ndim - batched for _, t, batched in plain)
    found = []
    for at, t, batched in plain:
        if batched:
            t = t.reshape((b.size, *(1,) * (rank + 1 - t.ndim), *t.shape[1:]))
        found.append((at, t))
    return found, rank


def _front_key(b: Batch, view: Tensor, places: list[tuple[int, Tensor]]) -> tuple[tuple[Any, ...], int]:
    """The key with the batch as the first place, for `view` of all samples."""
    tensors, rank = _place_tensors(b, places)
    by_dim = dict(tensors)
    arange = _core.arange(b.size).reshape((b.size, *(1,) * rank))
    return (arange, *(by_dim.get(d, slice(None)) for d in range(view.ndim - 1))), rank


def _adjacent(places: list[tuple[int, Tensor]]) -> bool:
    at = places[0][0]
    for d, t in places:
        if d != at:
            return False
        at += t.ndim if t.dtype in (_core.bool, _core.uint8) else 1
    return True


def _advanced(b: Batch, view: Tensor, places: list[tuple[int, Tensor]]) -> Tensor:
    if all(b.get(t) is None for _, t in places) and _adjacent(places):
        by_dim = {d: t for d, t in places}
        key: list[Any] = [slice(None)]
        d = 0
        while d < view.ndim - 1:
            t = by_dim.get(d)
            key.append(slice(None) if t is None else t)
            d += t.ndim if t is not None and t.dtype in (_core.bool, _core.uint8) else 1
        return view[tuple(key)]
    front, rank = _front_key(b, view, places)
    out = view[front]
    # The places came out behind the batch wherever they stood; beside each other they belong where the first was.
    first = places[0][0]
    contiguous = all(isinstance(k, slice) for k in front[1 : first + 1])
    if not (rank and first and contiguous and _adjacent(places)):
        return out
    # [B, places, before, after] -> [B, before, places, after]
    order = [0, *range(1 + rank, 1 + rank + first), *range(1, 1 + rank), *range(1 + rank + first, out.ndim)]
    return out.permute(order)


def _set_item(b: Batch, func: Any, input: Tensor, key: Any, value: Any) -> None:
    full = b.promote(input)
    masks = [k for k in (key if isinstance(key, tuple) else (key,)) if isinstance(k, Tensor) and k.dtype == _core.bool]
    if any(b.get(k) is not None for k in masks):
        if len(masks) == 1 and key is masks[0] and (not isinstance(value, Tensor) or value.ndim == 0):
            mask = b.all_of(key)
            mask = mask.reshape((*mask.shape, *(1,) * (full.ndim - mask.ndim)))
            given = value
            if isinstance(value, Tensor) and b.get(value) is not None:
                given = b.get(value).reshape((b.size, *(1,) * input.ndim)).to(full.dtype)  # type: ignore[union-attr]
            elif not isinstance(value, Tensor):
                given = _core.tensor(value, dtype=full.dtype)
            full.copy_(_core.where(mask, given.to(full.dtype), full))
            return
        raise NeedsSamples("mask", _refusal("mask"), _users_line())
    simple = not _is_index(key) and (not isinstance(key, tuple) or not any(map(_is_index, key)))
    places: list[tuple[int, Tensor]] = []
    if simple:
        basic = key if isinstance(key, tuple) else (key,)
        _check_key(input, basic)
    else:
        basic, places = _split_key(b, input, key)
    view = full[(slice(None), *basic)]
    many = b.get(value) if isinstance(value, Tensor) else None
    if not places:
        rank = view.ndim - 1
        if many is not None:
            lead = value.ndim - rank
            shape = value.shape[lead:] if lead > 0 else (*(1,) * -lead, *value.shape)
            value = many.reshape((b.size, *shape))
        full[(slice(None), *basic)] = value
        return
    first = places[0][0]
    if first and _adjacent(places):
        _loop_inplace(b, func, input, key, value)
        return
    front, rank = _front_key(b, view, places)
    if many is not None:
        used = sum(isinstance(k, Tensor) for k in front[1:])
        target = rank + view.ndim - 1 - used
        value = many.reshape((b.size, *(1,) * (target - value.ndim), *value.shape))
    view[front] = value


def _index_put(b: Batch, func: Any, input: Tensor, indices: Any, values: Any, accumulate: bool = False) -> Any:
    if accumulate:
        return _loop(b, func, input, indices, values, accumulate)

    def put() -> Any:
        out = input.clone()
        out[tuple(slice(None) if i is None else i for i in indices)] = values
        return out

    return _again(b, put)


# --- products -------------------------------------------------------------------------------------------------------------


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
        b.promote(self)
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
        if isinstance(kwargs.get("groups", 1), int) and len(args) < (4 if not transposed else 5):
            groups = kwargs.get("groups", 1)
            place = 3 if not transposed else 3
            if len(args) > place:
                groups = args[place]
                args = args[:place] + args[place + 1 :] if not transposed else args
                if transposed:
                    return _loop(b, func, input, weight, bias, *args, **kwargs)
            x = b.all_of(input)
            if single:
                x = x.unsqueeze(1)
            x = x.movedim(0, 1)  # [N, B, C, ...]
            x = x.reshape((x.shape[0], -1, *x.shape[3:]))
            w = b.all_of(weight)
            w = w.reshape((-1, *w.shape[2:]))
            bias_all = None if bias is None else b.all_of(bias).reshape(-1)
            out = func(x, w, bias_all, *args, **{**kwargs, "groups": groups * b.size})
            out = out.reshape((out.shape[0], b.size, -1, *out.shape[2:])).movedim(1, 0)
            return b.wrap(out.squeeze(1) if single else out)
        return _loop(b, func, input, weight, bias, *args, **kwargs)

    return rule


# --- losses ---------------------------------------------------------------------------------------------------------------


def _loss(b: Batch, func: Any, input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Any:
    """Pointwise losses: element by element, then the mean or the sum of each sample."""
    places = {
        "huber_loss": ("reduction", "delta", "weight"),
        "smooth_l1_loss": ("size_average", "reduce", "reduction", "beta"),
        "binary_cross_entropy": ("weight", "size_average", "reduce", "reduction"),
        "binary_cross_entropy_with_logits": ("weight", "size_average", "reduce", "reduction", "pos_weight"),
    }.get(func.__name__, ("size_average", "reduce", "reduction", "weight"))
    given = {**dict(zip(places, args, strict=False)), **kwargs}
    if given.get("size_average") is not None or given.get("reduce") is not None or input.shape != target.shape:
        return _loop(b, func, input, target, *args, **kwargs)
    reduction = given.get("reduction", "mean")
    if given.get("weight") is not None and func.__name__ in ("mse_loss", "l1_loss", "huber_loss"):
        return _loop(b, func, input, target, *args, **kwargs)
    given["reduction"] = "none"
    out = _pointwise(b, func, b.wrap(b.all_of(input)), b.wrap(b.all_of(target)), **given)
    if reduction == "none":
        return out
    return _again(b, lambda: out.mean() if reduction == "mean" else out.sum())


def _cross_entropy(b: Batch, func: Any, input: Tensor, target: Tensor, *args: Any, **kwargs: Any) -> Any:
    """The samples' rows as rows of one batch, then the mean or the sum of each sample."""
    smooth = func.__name__ == "cross_entropy"
    places = ("weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing")
    given = {**dict(zip(places, args, strict=False)), **kwargs}
    weight = given.get("weight")
    classes = target.dtype in (_core.int64, _core.uint8, _core.int32)
    if (
        given.get("size_average") is not None
        or given.get("reduce") is not None
        or (weight is not None and (b.get(weight) is not None or given.get("label_smoothing")))
        or not classes
        or (input.ndim == 1) != (target.ndim == 0)
    ):
        return _loop(b, func, input, target, *args, **kwargs)
    reduction = given.get("reduction", "mean")
    ignore = given.get("ignore_index", -100)
    options = {
        k: given[k] for k in ("weight", "ignore_index", "label_smoothing") if k in given and (smooth or k[0] != "l")
    }
    x, t = b.all_of(input), b.all_of(target)
    if input.ndim > 1:
        x, t = x.reshape((-1, *input.shape[1:])), t.reshape((-1, *target.shape[1:]))
    rows = func(x, t, reduction="none", **options)
    rows = rows.reshape((b.size, *target.shape))
    if reduction == "none":
        return b.wrap(rows)
    rows = rows.reshape((b.size, -1)).sum(1)
    if reduction == "mean":
        counted = b.all_of(target) != ignore
        if weight is None:
            count = counted.reshape((b.size, -1)).sum(1).to(rows.dtype)
        else:
            count = (weight[b.all_of(target) * counted] * counted).reshape((b.size, -1)).sum(1)
        rows = rows / count
    return b.wrap(rows)


# --- new tensors, random numbers ------------------------------------------------------------------------------------------


def _shape_only(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
    """What takes shape and dtype of a tensor alone: the same for all samples."""
    if func.__name__ not in ("empty_like", "zeros_like", "ones_like", "full_like") and _batched(b, args[1:], kwargs):
        return _loop(b, func, *args, **kwargs)
    return func(*args, **kwargs)


def _tensor(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
    """tensor([x, y]) of batched values: stacked, without history."""
    place = 1 if func.__name__ == "new_tensor" else 0
    data = args[place] if len(args) > place else kwargs.get("data")
    rest = {k: v for k, v in kwargs.items() if k not in ("data", "device", "pin_memory")}
    if func.__name__ == "new_tensor":
        rest.setdefault("dtype", args[0].dtype)
    if func.__name__ == "as_tensor" and isinstance(data, Tensor):
        dtype = args[1] if len(args) > 1 else kwargs.get("dtype")
        return data if dtype is None else _again(b, lambda: data.to(dtype))

    def build(x: Any) -> Any:
        if isinstance(x, (tuple, list)):
            parts = [build(p) for p in x]
            dtype = parts[0].dtype
            for p in parts[1:]:
                dtype = _core.promote_types(dtype, p.dtype)
            return _core.stack([p.to(dtype) for p in parts])
        return x.detach() if isinstance(x, Tensor) else _core.tensor(x)

    def made() -> Any:
        out = build(data)
        dtype, grad = rest.get("dtype"), rest.get("requires_grad")
        out = out.to(dtype) if dtype is not None and dtype != out.dtype else out.clone()
        return out.requires_grad_() if grad else out

    return _again(b, made)


def _quiet(func: Any, args: Any, kwargs: Any) -> bool:
    """dropout that does nothing."""
    if func.__name__ != "dropout":
        return False
    training = kwargs.get("training", args[2] if len(args) > 2 else True)
    return not training


def _generator(kwargs: dict[str, Any]) -> Any:
    return kwargs.get("generator") or _core.default_generator


def _random(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
    name = func.__name__
    batched = _batched(b, args, kwargs)
    if _quiet(func, args, kwargs):
        return _whole(b, func, *args, **kwargs) if batched else func(*args, **kwargs)
    if b.randomness == "error":
        raise RuntimeError(_RANDOM)
    inplace = name.endswith("_")
    if b.randomness == "same":
        if not batched:
            return func(*args, **kwargs)
        # Each sample from the same place of the stream.
        generator = _generator(kwargs)
        state = generator.get_state()

        def rewound(*a: Any, **k: Any) -> Any:
            generator.set_state(state)
            return func(*a, **k)

        rewound.__name__ = name
        return (_loop_inplace if inplace else _loop)(b, rewound, *args, **kwargs)
    if inplace:
        func(b.promote(args[0]), *args[1:], **kwargs)
        return args[0]
    if name in ("rand", "randn"):
        sizes = _sizes((kwargs.pop("size"),) if "size" in kwargs else args)
        return b.wrap(func((b.size, *sizes), **kwargs))
    if name == "randint":
        sizes = kwargs.pop("size") if "size" in kwargs else args[-1]
        rest = args if len(args) < 2 or not isinstance(args[-1], (tuple, list)) else args[:-1]
        return b.wrap(func(*rest, (b.size, *sizes), **kwargs))
    if name == "normal" and args and not any(isinstance(a, Tensor) for a in (*args, *kwargs.values())):
        sizes = kwargs.pop("size") if "size" in kwargs else args[2]
        return b.wrap(func(*args[:2], (b.size, *sizes), **kwargs))
    if name == "multinomial" and args[0].ndim == 1:
        return b.wrap(func(b.all_of(args[0]), *args[1:], **kwargs))
    if name in ("randperm", "multinomial", "binomial", "normal"):
        return _loop(b, func, *args, **kwargs)
    return b.wrap(func(b.all_of(args[0]), *args[1:], **kwargs))


# --- queries --------------------------------------------------------------------------------------------------------------


def _refused(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
    raise NeedsSamples(func.__name__, _refusal(func.__name__), _users_line())


def _requires_grad(b: Batch, func: Any, self: Tensor, requires_grad: bool = True) -> Any:
    b.all_of(self).requires_grad_(requires_grad)
    return self


def _retain_grad(b: Batch, func: Any, self: Tensor) -> Any:
    return b.all_of(self).retain_grad()


def _register_hook(b: Batch, func: Any, self: Tensor, hook: Any) -> Any:
    def on_all(g: Tensor) -> Any:
        if not b.open:
            return None
        result = _again(b, lambda: hook(b.wrap(g)))
        return None if result is None else b.all_of(result)

    return b.all_of(self).register_hook(on_all)


def _backward(
    b: Batch,
    func: Any,
    self: Tensor,
    gradient: Any = None,
    retain_graph: Any = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    options = (self, gradient, retain_graph, create_graph, inputs)
    b.run_backward(b.level, _core._autograd_backward, options)


def _detach_inplace(b: Batch, func: Any, self: Tensor) -> Any:
    b.all_of(self).detach_()
    return self


def _resize(b: Batch, func: Any, self: Tensor, *args: Any, **kwargs: Any) -> Any:
    raise NeedsSamples("resize_", _refusal("resize_"), _users_line())


# --- which rule -----------------------------------------------------------------------------------------------------------

_VIEW_ATTRIBUTES: dict[str, Callable[[Tensor], Tensor]] = {
    "T": lambda full: full.permute((0, *range(full.ndim - 1, 0, -1))),
    "mT": lambda full: full.mT,
    "H": lambda full: full.mH if full.ndim == 3 else full,
    "mH": lambda full: full.mH,
    "real": lambda full: full.real,
    "imag": lambda full: full.imag,
}

_BY_KIND: dict[str, Rule] = {"Pointwise": _pointwise, "Random": _random}


def _names(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


_RULES: dict[str, Rule] = {
    **_names(
        _pointwise,
        """add sub subtract rsub __radd__ __rsub__ __rmul__ __rtruediv__ __rfloordiv__ __rmod__ __rpow__ __rand__ __ror__
        __rxor__ __rlshift__ __rrshift__ eq ne lt le gt ge not_equal less less_equal greater greater_equal logical_and
        logical_or logical_xor logical_not isnan isinf isfinite isposinf isneginf signbit isclose neg negative
        conj_physical conj positive resolve_conj clone""",
    ),
    **_names(
        _whole,
        """contiguous float double half bfloat16 int long short char byte bool cfloat cdouble detach view_as_real
        view_as_complex real imag""",
    ),
    "to": lambda b, func, self, *args, **kwargs: (
        _again(b, lambda: self.to(args[0].dtype))
        if args and isinstance(args[0], Tensor)
        else _whole(b, func, self, *args, **kwargs)
    ),
    **_names(
        _REDUCE, "sum mean prod amax amin argmax argmin all any nansum logsumexp median nanmedian count_nonzero aminmax"
    ),
    **_names(_along(0, -1), "mode sort argsort softmax log_softmax cumsum cumprod cummax cummin logcumsumexp"),
    **_names(
        _matrices,
        """cholesky det inverse logdet slogdet qr svd geqrf linalg_cholesky linalg_cholesky_ex linalg_det linalg_eig linalg_eigh
        linalg_eigvals linalg_eigvalsh linalg_inv linalg_inv_ex linalg_lu linalg_lu_factor linalg_lu_factor_ex linalg_qr
        linalg_slogdet linalg_svd linalg_svdvals""",
    ),
    "msort": lambda b, func, input: b.wrap(
        (b.all_of(input).sort(1) if input.ndim else b.all_of(input).unsqueeze(1).sort(1))[0].reshape(
            b.all_of(input).shape
        )
    ),
    **_names(_along(1, -1), "kthvalue topk"),
    **_names(_max, "max min"),
    **_names(_var, "var std var_mean std_mean"),
    "norm": _along(1, None),
    "dist": _dist,
    **_names(_with_sizes("size"), "view"),
    **_names(_with_sizes("shape"), "reshape"),
    **_names(_expand, "expand broadcast_to"),
    **_names(_repeat, "repeat tile"),
    **_names(_like, "view_as reshape_as expand_as"),
    "permute": _permute,
    **_names(_transpose, "transpose swapaxes swapdims"),
    "t": _t,
    "squeeze": _squeeze,
    "unsqueeze": _unsqueeze,
    **_names(_along(0, 0), "narrow select"),
    **_names(_along(1, 0), "split split_with_sizes chunk"),
    "unfold": _along(0, 0, "dimension"),
    "diagonal": _diagonal,
    "as_strided": _as_strided,
    "flatten": _flatten,
    "ravel": _flatten,
    "unflatten": _unflatten,
    "unbind": _unbind,
    **_names(_movedim, "movedim moveaxis"),
    "flip": _flip,
    "fliplr": _flip_named(1),
    "flipud": _flip_named(0),
    "roll": _roll,
    **_names(_triangle, "tril triu"),
    **_names(_cat, "cat concat concatenate stack"),
    **_names(_joined, "hstack vstack dstack"),
    **_names(_gather, "gather scatter scatter_add"),
    **_names(_scatter_inplace, "scatter_ scatter_add_"),
    **_names(
        _index_along,
        "index_select index_add index_copy index_fill index_add_ index_copy_ index_fill_",
    ),
    "take_along_dim": _take_along,
    "masked_select": _refused,
    "__getitem__": _get_item,
    "__setitem__": _set_item,
    "index_put": _index_put,
    "index_put_": _loop_inplace,
    **_names(_matmul, "matmul mm bmm mv dot __matmul__"),
    **_names(_composed(_outer), "outer ger"),
    **_names(_composed(_add_product), "addmm baddbmm addmv"),
    "addbmm": _composed(_addbmm),
    "addr": _composed(_addr),
    "inner": _composed(_inner),
    **_names(_composed_inplace(_add_product), "addmm_ baddbmm_ addmv_"),
    "addbmm_": _composed_inplace(_addbmm),
    "addr_": _composed_inplace(_addr),
    "linear": _linear,
    **{f"conv{n}d": _conv(n, False) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _conv(n, True) for n in (1, 2, 3)},
    **_names(_loss, "mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits"),
    **_names(_cross_entropy, "nll_loss cross_entropy"),
    **_names(_shape_only, "empty_like zeros_like ones_like full_like new_empty new_zeros new_ones new_full"),
    **_names(_tensor, "tensor as_tensor new_tensor"),
    **_names(_inplace, "copy_ zero_"),
    "fill_": lambda b, func, self, value: _inplace(b, Tensor.copy_ if isinstance(value, Tensor) else func, self, value),
    **_names(
        _refused,
        "nonzero argwhere allclose equal bincount squeeze_ unsqueeze_ t_ transpose_ swapaxes_ swapdims_ squeeze_",
    ),
    "requires_grad_": _requires_grad,
    "retain_grad": _retain_grad,
    "register_hook": _register_hook,
    "backward": _backward,
    "detach_": _detach_inplace,
    "resize_": _resize,
}


def _find(name: str, kind: str) -> Rule:
    """The rule by kind; remembered under the name."""
    if kind == "Random":
        rule: Rule = _random
    elif name.endswith("_") and not name.endswith("__"):
        same = _RULES.get(name[:-1])
        pointwise = kind in ("Pointwise", "Comparison") or same is _pointwise
        if pointwise:
            rule = _inplace
        elif same is _triangle:
            rule = _triangle_inplace
        else:
            rule = _loop_inplace
    else:
        rule = _BY_KIND.get(kind, _loop)
    _RULES[name] = rule
    return rule


def _triangle_inplace(b: Batch, func: Any, input: Tensor, diagonal: int = 0) -> Any:
    func(b.promote(input), diagonal)
    return input


_core._internal(globals())

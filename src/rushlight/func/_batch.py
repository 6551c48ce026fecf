"""Levels of vmap: tensors of all samples, and what the core asks of a level. See NOTE [Batched] in native/tensor/dual.h.

What an operator does on all samples at once is said in _rules. Operators that are composed of others are not seen here.
"""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor
from ..autograd._levels import _limit, tracked
from ._rules import _RULES, _VIEW_ATTRIBUTES, _find
from ._rules.common import _ITEM, _RANDOM, NeedsSamples, _loop, _refusal, _several, _unwritable, _users_line
from ._rules.making import _quiet
from ._rules.pointwise import _inplace, _into

_get = _core._dual_get
_set = _core._dual_set
_wrap = _core._batch_wrap


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

    def promote(self, x: Tensor, what: str) -> Tensor:
        """Makes `x` batched, to which `what` is about to write: from now on its samples are their own.

        Only what was made since the level was opened, and no alias (`detach`, `.data`): writes would be lost for what
        outlives the level, and for the other tensors on the memory.
        """
        full = self.get(x)
        if full is not None:
            return full
        base = x._base
        if base is not None and base.dtype == x.dtype:
            self.promote(base, what)
            full = self.get(x)
            assert full is not None
            return full
        if not _core._born_within(x, self.level):
            raise _unwritable(what)
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
            full = self.promote(t, name)
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


_core._internal(globals())

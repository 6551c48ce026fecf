"""Sparse derivatives: which outputs depend on which inputs, colours, and a few passes instead of one for each column.

The pattern is found by running the function on tensors that carry, for each of their elements, the set of the inputs'
elements that it depends on (a sparse matrix of 0 and 1; see NOTE [Batched] in native/tensor/dual.h for such levels). How
an operator joins the sets follows from its kind. What has no rule depends on all, which is never wrong, only slower.
Columns that share no row get one colour, and one pass along their sum has them all (Curtis, Powell and Reid 1974).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .. import _core
from .._core import Tensor
from ..autograd._levels import _limit, forward_level, make_dual, own, reaches_others, tracked, unpack
from ..utils._pytree import tree_flatten

__all__ = [
    "SparsityPattern",
    "hessian_diagonal",
    "hessian_sparsity",
    "jacobian_sparsity",
    "laplacian",
    "sparse_hessian",
    "sparse_jacobian",
]

_get = _core._dual_get
_set = _core._dual_set
Function = Callable[..., Any]


def _scipy() -> Any:
    from scipy import sparse

    return sparse


# --- tracing --------------------------------------------------------------------------------------------------------------


class _Trace:
    """The handler of a level on which each element carries the inputs that it depends on."""

    open = False

    def __init__(self, count: int, second: bool) -> None:
        self.count, self.second = count, second
        self.rows: list[Any] = []  # sparse matrices: elements x inputs
        self.pairs: Any = None  # inputs x inputs: what meets in a nonlinear operator
        self.sparse = _scipy()
        self.level: int = _core._dual_open(self)

    # --- tensors ----------------------------------------------------------------------------------------------------

    def get(self, x: Any) -> Any:
        """The dependencies of a tensor's elements, None where there are none."""
        found = _get(x, self.level) if isinstance(x, Tensor) else None
        if isinstance(found, Tensor):
            return self.rows[int(found)]
        base = self.base_of(x)
        if base is None:
            return None
        return self.rows[int(_get(base, self.level))][self._places(x, base)]

    def base_of(self, x: Any) -> Tensor | None:
        """The traced tensor of which `x` is a view: it has the rows of both, so that changes reach both."""
        base = x._base if isinstance(x, Tensor) else None
        known = base is not None and base.dtype == x.dtype and isinstance(_get(base, self.level), Tensor)
        return base if known else None

    def own(self, x: Tensor) -> Tensor:
        raise NotImplementedError("sparse derivatives: the function itself takes gradients; give its pattern")

    def _places(self, view: Tensor, base: Tensor) -> Any:
        """Which elements of the base a view shows."""
        numbers = _core.empty_strided(base.shape, base.stride(), dtype=_core.int64)
        numbers.copy_(_core.arange(base.numel()).reshape(base.shape))
        start = view.storage_offset() - base.storage_offset()
        return numbers.as_strided(view.shape, view.stride(), start).reshape(-1).numpy()

    def give(self, x: Tensor, rows: Any) -> Tensor:
        if rows is not None and self.base_of(x) is None:
            self.rows.append(rows)
            _set(x, self.level, _core.tensor(len(self.rows) - 1))
        return x

    def _write(self, x: Tensor, rows: Any) -> None:
        """What a change in place leaves in `x`, which may be a view."""
        base = x._base
        if rows is None:
            rows = self._empty(x.numel())
        if base is None:
            self.give(x, rows)
            return
        if base.dtype != x.dtype or isinstance(_get(x, self.level), Tensor):
            raise NotImplementedError(
                "sparse derivatives: a change in place of an argument's view, or of parts of complex numbers"
            )
        old = self.get(base)
        old = self._empty(base.numel()) if old is None else old
        import numpy as np

        chosen = np.arange(base.numel())
        chosen[self._places(x, base)] = base.numel() + np.arange(x.numel())
        self.give(base, self.sparse.vstack([old, rows], format="csr")[chosen])

    def _empty(self, n: int) -> Any:
        return self.sparse.csr_matrix((n, self.count), dtype="int8")

    # --- joining ----------------------------------------------------------------------------------------------------

    def spread(self, x: Tensor, shape: Any) -> Any:
        """The rows of `x` broadcast to a shape."""
        rows = self.get(x)
        if rows is None or tuple(x.shape) == tuple(shape):
            return rows
        numbers = _core.arange(x.numel()).reshape(x.shape).expand(shape)
        return rows[numbers.reshape(-1).numpy()]

    def union(self, parts: list[Any]) -> Any:
        parts = [p for p in parts if p is not None]
        if not parts:
            return None
        total = parts[0]
        for p in parts[1:]:
            total = total + p
        if len(parts) > 1:
            total.data.fill(1)
        return total

    def grouped(self, rows: Any, groups: Any, count: int) -> Any:
        """The union of the rows of each group."""
        import numpy as np

        groups = np.asarray(groups).reshape(-1)
        n = len(groups)
        ones = np.ones(n, dtype="int32")
        joined = self.sparse.csr_matrix((ones, (groups, np.arange(n))), shape=(count, n)) @ rows.astype("int32")
        joined.data.fill(1)
        return joined.astype("int8")

    def meet(self, a: Any, b: Any) -> None:
        """The inputs of a and b, row by row, meet in a nonlinear operator."""
        if not self.second or a is None or b is None:
            return
        pairs = a.T.astype("int32") @ b.astype("int32")
        pairs.data.fill(1)
        self.pairs = pairs if self.pairs is None else self.pairs + pairs

    # --- what the core asks -----------------------------------------------------------------------------------------

    def run(self, level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        was = _limit(level)
        try:
            name = func.__name__
            kind = getattr(func, "kind", "Other")
            if kind in ("Comparison", "Creation", "Query", "Random") or name in _CONSTANT:
                return func(*args, **kwargs)
            if name == "__setitem__" or name.endswith("_") and not name.endswith("__"):
                return self._in_place(func, name, args, kwargs)
            if kwargs.get("out") is not None:
                raise NotImplementedError("sparse derivatives: out= of a traced tensor")
            return self._traced(func, name, kind, args, kwargs)
        finally:
            _limit(was)

    def _traced(self, func: Any, name: str, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        out = func(*args, **kwargs)
        if name in _PRODUCTS and not kwargs:
            rows = self._product(name, args[0], args[1], out)
        elif name in ("mul", "multiply", "__rmul__") and len(args) == 2:
            rows = self._elementwise(args, out)
            if all(isinstance(a, Tensor) for a in args):
                a, b = self.spread(args[0], out.shape), self.spread(args[1], out.shape)
                self.meet(a, b)
                self.meet(b, a)
        elif name in _LINEAR_POINTWISE or kind == "Linear" and name in _SUMS:
            rows = self._elementwise(args, out)
        elif name in ("div", "divide", "true_divide") and len(args) == 2 and self.get(args[1]) is None:
            rows = self._elementwise(args, out)
        elif kind == "Pointwise" or name in _POINTWISE:
            rows = self._elementwise((*args, *kwargs.values()), out)
            self.meet(rows, rows)
        elif name in ("cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack"):
            return self._moved(func, out, args[0], lambda numbers: func(numbers, *args[1:], **kwargs))
        elif (kind in ("View", "Linear") or name in _MOVES) and self._alone(args, kwargs):
            return self._moved(func, out, [args[0]], lambda numbers: func(numbers[0], *args[1:], **kwargs))
        elif name in _REDUCTIONS or name in _LANES:
            rows = self._along(name, args, kwargs, out)
        else:
            return self._dense(args, kwargs, out)
        return self.give(out, rows)

    def _alone(self, args: Any, kwargs: Any) -> bool:
        return not any(self.get(a) is not None for a in _tensors((args[1:], kwargs)))

    def _elementwise(self, args: Any, out: Tensor) -> Any:
        return self.union([self.spread(a, out.shape) for a in args if isinstance(a, Tensor)])

    def _moved(self, func: Any, out: Any, tensors: Any, move: Callable[[list[Tensor]], Any]) -> Any:
        """What only moves elements: it moves their numbers, and zeros stand for new elements."""
        numbers, start, parts = [], 1, [self._empty(1)]
        for t in tensors:
            numbers.append(_core.arange(start, start + t.numel()).reshape(t.shape))
            rows = self.get(t)
            parts.append(self._empty(t.numel()) if rows is None else rows)
            start += t.numel()
        rows = self.sparse.vstack(parts, format="csr") if len(parts) > 1 else parts[0]
        moved = move(numbers)

        def placed(o: Tensor, places: Tensor) -> Tensor:
            return self.give(o, rows[places.to(_core.int64).reshape(-1).numpy()])

        if isinstance(out, Tensor):
            return placed(out, moved)
        for o, places in zip(out, moved, strict=True):
            placed(o, places)
        return out

    def _along(self, name: str, args: Any, kwargs: Any, out: Any) -> Any:
        """Along dimensions: results depend on their lane."""
        x = args[0]
        rows = self.get(x)
        if rows is None or not isinstance(out, Tensor):
            return self._all(args, kwargs, out)
        place = 1 if name != "norm" else 2
        dim = kwargs.get("dim", args[place] if len(args) > place else None)
        rank = max(x.ndim, 1)
        if dim is None or dim == () or isinstance(dim, bool):
            dims = set(range(rank))
        else:
            dims = {d % rank for d in (dim if isinstance(dim, (tuple, list)) else [dim])}
        kept = [1 if d in dims else n for d, n in enumerate(x.shape)] if x.ndim else []
        count = 1
        for n in kept:
            count *= n
        lanes = _core.arange(count).reshape(kept).expand(x.shape)
        joined = self.grouped(rows, lanes.reshape(-1).numpy(), count)
        if name not in _LINEAR_ALONG:
            self.meet(joined, joined)
        return joined[lanes.reshape(-1).numpy()] if name in _LANES else joined

    def _product(self, name: str, a: Tensor, b: Tensor, out: Tensor) -> Any:
        """Sums of products over a dimension."""
        first, second = self.get(a), self.get(b)
        inner = a.shape[-1]
        if name in ("outer", "ger"):
            left = None if first is None else first[_core.arange(a.numel()).repeat_interleave(b.numel()).numpy()]
            right = None if second is None else second[_core.arange(b.numel()).repeat(a.numel()).numpy()]
            self.meet(left, right)
            self.meet(right, left)
            return self.union([left, right])
        parts = []
        if first is not None:
            lanes = _core.arange(a.numel() // max(inner, 1)).reshape((*a.shape[:-1], 1)).expand(a.shape)
            joined = self.grouped(first, lanes.reshape(-1).numpy(), a.numel() // max(inner, 1))
            shape = (*a.shape[:-1], 1) if b.ndim > 1 else a.shape[:-1]
            wide = out.shape if a.ndim > 1 or b.ndim == 1 else (*out.shape[:-1], 1, out.shape[-1])
            numbers = _core.arange(joined.shape[0]).reshape(shape).expand(wide)
            parts.append(joined[numbers.reshape(-1).numpy()])
        if second is not None:
            if first is None and a.ndim == 2 and b.ndim == 1:
                # A constant matrix: only where it is not zero.
                import numpy as np

                places = self.sparse.csr_matrix((a.detach() != 0).numpy().astype("int32"))
                joined = places @ second.astype("int32")
                joined.data = np.ones_like(joined.data)
                return joined.astype("int8")
            columns = b.shape[-1] if b.ndim > 1 else 1
            batch = b.shape[:-2] if b.ndim > 1 else ()
            count = columns
            for s in batch:
                count *= s
            lanes = _core.zeros(b.shape, dtype=_core.int64)
            if b.ndim > 1:
                lanes = _core.arange(count).reshape((*batch, 1, columns)).expand(b.shape)
            joined = self.grouped(second, lanes.reshape(-1).numpy(), count)
            wide = out.shape if a.ndim > 1 else (*out.shape[:-1], 1, out.shape[-1]) if b.ndim > 1 else out.shape
            shape = (*batch, 1, columns) if b.ndim > 1 else (1,) * len(out.shape)
            numbers = _core.arange(count).reshape(shape).expand(wide)
            parts.append(joined[numbers.reshape(-1).numpy()])
        if first is not None and second is not None:
            # What stands at one place of the summed dimension is multiplied.
            left = self.grouped(first, _core.arange(inner).expand(a.shape).reshape(-1).numpy(), inner)
            at = _core.arange(inner) if b.ndim == 1 else _core.arange(inner).unsqueeze(1).expand(b.shape)
            right = self.grouped(second, at.reshape(-1).numpy(), inner)
            self.meet(left, right)
            self.meet(right, left)
        return self.union(parts)

    def _all(self, args: Any, kwargs: Any, out: Any) -> Any:
        """One row: everything that the arguments depend on."""
        parts = []
        for t in _tensors((args, kwargs)):
            rows = self.get(t)
            if rows is not None:
                parts.append(self.grouped(rows, [0] * t.numel(), 1))
        row = self.union(parts)
        if row is not None:
            self.meet(row, row)
            if isinstance(out, Tensor):
                return row[[0] * out.numel()]
        return row

    def _dense(self, args: Any, kwargs: Any, out: Any) -> Any:
        row = self._all(args, kwargs, None)
        if row is not None:
            for o in _tensors(out):
                if o.dtype.is_floating_point or o.dtype.is_complex:
                    self.give(o, row[[0] * o.numel()])
        return out

    def _in_place(self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        x = args[0]
        if name == "__setitem__":
            value = args[2]
            key = args[1]
            numbers = _core.arange(x.numel()).reshape(x.shape)
            places = numbers[key].reshape(-1).numpy()
            shape = numbers[key].shape
            import numpy as np

            old = self.get(x)
            old = self._empty(x.numel()) if old is None else old
            fresh = self.spread(value, shape) if isinstance(value, Tensor) else None
            fresh = self._empty(len(places)) if fresh is None else fresh
            chosen = np.arange(x.numel())
            chosen[places] = x.numel() + np.arange(len(places))
            rows = self.sparse.vstack([old, fresh], format="csr")[chosen]
            out = func(*args, **kwargs)
            self._write(x, rows)
            return out
        if name in ("copy_", "fill_", "zero_"):
            rows = self.spread(args[1], x.shape) if len(args) > 1 and isinstance(args[1], Tensor) else None
            out = func(*args, **kwargs)
            self._write(x, rows)
            return out
        same = getattr(Tensor, name[:-1], None)
        if same is None:
            raise NotImplementedError(f"sparse derivatives: no rule for {name}")
        old = x.clone()
        self.give(old, self.get(x))
        value = self._traced(same, name[:-1], getattr(same, "kind", "Other"), (old, *args[1:]), kwargs)
        rows = self.get(value)
        out = func(*args, **kwargs)
        self._write(x, rows)
        return out

    def run_attribute(self, level: int, t: Tensor, name: str) -> Any:
        was = _limit(level)
        try:
            value = getattr(t, name)
            if name in ("T", "mT", "H", "mH", "real", "imag") and self.get(t) is not None:
                numbers = _core.arange(t.numel()).reshape(t.shape)
                moved = numbers if name in ("real", "imag") else getattr(numbers, name)
                self.give(value, self.get(t)[moved.reshape(-1).numpy()])
            return value
        finally:
            _limit(was)

    def set_attribute(self, level: int, t: Tensor, both: tuple[str, Any]) -> None:
        raise NotImplementedError(f"sparse derivatives: {both[0]} of a traced tensor")

    def refuse(self, level: int, t: Any, what: str) -> None:
        """Values may be looked at; the pattern is that of the branch taken."""

    def run_grad(self, level: int, func: Any, options: tuple[Any, ...]) -> Any:
        raise NotImplementedError("sparse derivatives: the function itself takes gradients; give its pattern")

    def run_backward(self, level: int, func: Any, options: tuple[Any, ...]) -> None:
        self.run_grad(level, func, options)

    def run_function(self, level: int, cls: Any, args: tuple[Any, ...]) -> Any:
        was = _limit(level)
        try:
            return self._dense(args, {}, cls.apply(*args))
        finally:
            _limit(was)


def _tensors(tree: Any) -> list[Tensor]:
    return [t for t in tree_flatten(tree)[0] if isinstance(t, Tensor)]


_CONSTANT = frozenset("detach argmax argmin floor ceil round trunc sign".split())
_SUMS = frozenset(
    "add sub subtract rsub neg negative positive clone contiguous conj conj_physical to float double half".split()
)
_LINEAR_POINTWISE = frozenset(
    """where masked_fill relu abs absolute leaky_relu maximum minimum clamp clip clamp_min clamp_max fmax fmin hardtanh relu6
    __radd__ __rsub__""".split()
)
_POINTWISE = frozenset("__rtruediv__ __rpow__ __rmod__ __rfloordiv__".split())
_PRODUCTS = frozenset("matmul mm bmm mv dot outer ger __matmul__".split())
_MOVES = frozenset("__getitem__ gather index_select take_along_dim flip roll tril triu".split())
_REDUCTIONS = frozenset("sum mean nansum prod amax amin var std logsumexp norm".split())
_LANES = frozenset("cumsum cumprod logcumsumexp softmax log_softmax".split())
_LINEAR_ALONG = frozenset("sum mean nansum amax amin cumsum".split())


def _trace(func: Function, x: Tensor, second: bool) -> Any:
    """The dependencies of the output's elements (or of pairs of inputs) for `func` of one tensor."""
    trace = _Trace(x.numel(), second)
    was = _limit(trace.level)
    try:
        with _core.no_grad():
            start = x.detach().clone()
            trace.give(start, trace.sparse.identity(x.numel(), dtype="int8", format="csr"))
            _limit(trace.level + 1)
            output = func(start)
            _limit(trace.level)
            if not isinstance(output, Tensor):
                raise RuntimeError(f"sparse derivatives: expected the function to return a tensor, got {type(output)}")
            if second:
                return trace._empty(x.numel()) if trace.pairs is None else trace.pairs.tocsr()
            rows = trace.get(output)
            return trace._empty(output.numel()) if rows is None else rows.tocsr()
    finally:
        _limit(was)
        _core._dual_close()


# --- patterns -------------------------------------------------------------------------------------------------------------


class SparsityPattern:
    """Where a matrix may differ from zero, and colours for its columns; it may be used again and again.

    matrix: anything that ``scipy.sparse.csr_matrix`` takes, or a tensor; its elements other than zero count.
    """

    def __init__(self, matrix: Any) -> None:
        import numpy as np

        if isinstance(matrix, Tensor):
            matrix = matrix.detach().numpy()
        found = _scipy().csr_matrix(matrix)
        found.sum_duplicates()
        found.sort_indices()
        self.shape: tuple[int, int] = found.shape
        self.indptr = found.indptr.astype(np.int64)
        self.indices = found.indices.astype(np.int64)
        self._rows = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))
        colors = _core._color_columns(_core.from_numpy(self.indptr), _core.from_numpy(self.indices), self.shape[1])
        #: The colour of each column.
        self.colors = colors.numpy()
        #: How many colours, and so passes, there are.
        self.count = int(self.colors.max()) + 1 if self.shape[1] else 0

    def __repr__(self) -> str:
        return f"SparsityPattern(shape={self.shape}, nnz={len(self.indices)}, colors={self.count})"

    def seeds(self, dtype: Any) -> Tensor:
        """The sum of the unit vectors of each colour: [colours, columns]."""
        seeds = _core.zeros((self.count, self.shape[1]), dtype=dtype)
        seeds[_core.from_numpy(self.colors), _core.arange(self.shape[1])] = 1
        return seeds

    def diagonal(self) -> Tensor:
        """Which elements of the diagonal are in the pattern."""
        there = _core.zeros(self.shape[0], dtype=_core.bool)
        there[_core.from_numpy(self.indices[self.indices == self._rows])] = True
        return there

    def expand(self, compressed: Tensor) -> Any:
        """The matrix whose products with the seeds are these: [colours, rows]."""
        numbers = compressed.detach().numpy()
        data = numbers[self.colors[self.indices], self._rows]
        return _scipy().csr_matrix((data, self.indices.copy(), self.indptr.copy()), shape=self.shape)


def _pattern(given: Any) -> SparsityPattern:
    return given if isinstance(given, SparsityPattern) else SparsityPattern(given)


def _argument(func: Function, argnum: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Function, Tensor]:
    if not isinstance(argnum, int) or not -len(args) <= argnum < len(args):
        raise RuntimeError(f"Got argnum={argnum}, but only {len(args)} positional inputs")
    place = argnum % len(args)
    x = args[place]
    if not isinstance(x, Tensor):
        raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")

    def partial(value: Tensor) -> Any:
        return func(*args[:place], value, *args[place + 1 :], **kwargs)

    return partial, x


def jacobian_sparsity(func: Function, argnum: int = 0) -> Function:
    """A function that gives the `SparsityPattern` of the Jacobian of `func`: [output.numel(), x.numel()].

    It is found from the operators that run, whatever the values: an element that is there may be zero, one that is missing
    is. Where `func` branches on values the pattern is that of the branch taken.
    """

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> SparsityPattern:
        return SparsityPattern(_trace(*_argument(func, argnum, args, kwargs), False))

    return wrapper


def hessian_sparsity(func: Function, argnum: int = 0) -> Function:
    """A function that gives the `SparsityPattern` of the Hessian of `func`: [x.numel(), x.numel()]. See jacobian_sparsity."""

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> SparsityPattern:
        return SparsityPattern(_trace(*_argument(func, argnum, args, kwargs), True))

    return wrapper


# --- matrices ---------------------------------------------------------------------------------------------------------------


def sparse_jacobian(func: Function, argnum: int = 0, *, pattern: Any = None) -> Function:
    """A function that gives the Jacobian of `func` as a SciPy CSR matrix: [output.numel(), x.numel()].

    argnum: by which argument, a tensor, is derived. pattern: a `SparsityPattern`, or a matrix that is not zero where the
    Jacobian may not be; None: it is found at each call. There is one forward-mode pass for each of its colours.
    """
    known = None if pattern is None else _pattern(pattern)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        partial, x = _argument(func, argnum, args, kwargs)
        places = SparsityPattern(_trace(partial, x, False)) if known is None else known
        if places.shape[1] != x.numel():
            raise ValueError(f"the pattern has {places.shape[1]} columns, but the argument has {x.numel()} elements")
        products = []
        with _core.no_grad():
            for seed in places.seeds(x.dtype).unbind(0):
                with forward_level() as level:
                    output = partial(make_dual(x.detach(), seed.view(x.shape), level))
                    value, tangent = unpack(output, level)
                    if value.numel() != places.shape[0]:
                        raise ValueError(
                            f"the pattern has {places.shape[0]} rows, but the output has {value.numel()} elements"
                        )
                    products.append((_core.zeros_like(value) if tangent is None else tangent).reshape(-1))
        compressed = _core.stack(products) if products else _core.zeros((0, places.shape[0]), dtype=x.dtype)
        return places.expand(compressed)

    return wrapper


def _hessian_products(partial: Function, x: Tensor, places: SparsityPattern) -> Tensor:
    """The products of the Hessian with the seeds: [colours, x.numel()]."""
    if places.shape != (x.numel(), x.numel()):
        raise ValueError(f"the pattern has the shape {places.shape}, but the argument has {x.numel()} elements")
    products = []
    recording = _core.is_grad_enabled()
    with _core.enable_grad():
        leaf = own(x)
        value = partial(leaf)
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise RuntimeError("sparse derivatives: expected the function to return a single number")
        track = recording and (tracked([x]) or reaches_others([value], [leaf]))
        (gradient,) = _core._autograd_grad(value, (leaf,), None, True, True, True) if value.requires_grad else (None,)
        for seed in places.seeds(x.dtype).unbind(0):
            product = None
            if gradient is not None and gradient.requires_grad:
                (product,) = _core._autograd_grad(gradient, (leaf,), seed.view(x.shape), True, track, True)
            product = _core.zeros_like(x) if product is None else product if track else product.detach()
            products.append(product.reshape(-1))
    return _core.stack(products) if products else _core.zeros((0, x.numel()), dtype=x.dtype)


def sparse_hessian(func: Function, argnum: int = 0, *, pattern: Any = None) -> Function:
    """A function that gives the Hessian of `func` (of one number) as a SciPy CSR matrix: [x.numel(), x.numel()].

    One backward pass of the gradient for each colour. The arguments are those of `sparse_jacobian`.
    """
    known = None if pattern is None else _pattern(pattern)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        partial, x = _argument(func, argnum, args, kwargs)
        places = SparsityPattern(_trace(partial, x, True)) if known is None else known
        return places.expand(_hessian_products(partial, x, places))

    return wrapper


def hessian_diagonal(func: Function, argnum: int = 0, *, pattern: Any = None) -> Function:
    """A function that gives the diagonal of the Hessian of `func` (of one number), of the argument's shape.

    The matrix itself is never there: one backward pass of the gradient for each colour of its pattern, as many as elements
    where it is dense. The arguments are those of `sparse_jacobian`.
    """
    known = None if pattern is None else _pattern(pattern)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Tensor:
        partial, x = _argument(func, argnum, args, kwargs)
        places = SparsityPattern(_trace(partial, x, True)) if known is None else known
        products = _hessian_products(partial, x, places)
        found = products[_core.from_numpy(places.colors), _core.arange(x.numel())]
        # Where the pattern has no diagonal element, another column of the colour may stand there.
        return _core.where(places.diagonal(), found, 0.0).view(x.shape)

    return wrapper


def laplacian(func: Function, argnum: int = 0, *, pattern: Any = None) -> Function:
    """A function that gives the sum of the second derivatives of `func` by each element of the argument.

    See hessian_diagonal, whose sum it is.
    """
    diagonal = hessian_diagonal(func, argnum, pattern=pattern)

    @functools.wraps(func)
    def wrapper(*args: Any, **kwargs: Any) -> Tensor:
        return diagonal(*args, **kwargs).sum()

    return wrapper


_core._internal(globals())

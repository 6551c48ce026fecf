"""Rules of forward mode: the tangent of an operator's result from the tangents of its arguments.

The core calls `run` for an operator on dual tensors (NOTE [Duals] in native/tensor/dual.h). While it runs, this thread
does not see the level in question: the arguments are plain tensors, and tangents are computed with operators, which
record history and have tangents of lower levels as any. An operator has a rule here by its name or by its kind; all
others are derived by deriving their backward: with g(u) = J^T u, the tangent J v is the derivative of <g(u), v> by u.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import _core
from .._core import Tensor
from ._levels import _get, _limit, _set, _view_like, check_shape, own, stripped, tangent_of, tracked

Rule = Callable[..., Any]


def _derivable(o: Any) -> bool:
    return isinstance(o, Tensor) and (o.dtype.is_floating_point or o.dtype.is_complex)


def _outputs(out: Any) -> list[Any]:
    return list(out) if isinstance(out, (tuple, list)) else [out]


def _map(tree: Any, f: Callable[[Any], Any]) -> Any:
    """`tree` with f of each thing in it that is no tuple or list."""
    if type(tree) in (tuple, list):
        return type(tree)(_map(x, f) for x in tree)
    return f(tree)


def _give(out: Any, level: int, tangents: Any) -> Any:
    """Sets the tangents of results."""
    for o, t in zip(_outputs(out), _outputs(tangents), strict=True):
        if t is None or not _derivable(o):
            continue
        if t.dtype != o.dtype:
            t = _core.real(t).to(o.dtype) if t.dtype.is_complex and not o.dtype.is_complex else t.to(o.dtype)
        if t.shape != o.shape:
            t = t.expand(o.shape)
        _set(o, level, t)
    return out


# --- what the core calls ------------------------------------------------------------------------------------------------


def run(level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs an operator on arguments of which some have tangents at this level, and gives its results theirs."""
    was = _limit(level)
    try:
        return _run(level, func, args, kwargs)
    finally:
        _limit(was)


def _run(level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    name: str = func.__name__
    if kwargs.get("out") is not None:
        raise NotImplementedError(
            f"Trying to use forward AD with {name}_out that does not support it because it is an out= function"
        )
    kind = getattr(func, "kind", "Other")
    if name == "__setitem__" or (name.endswith("_") and not name.endswith("__")):
        return _in_place(level, func, name, args, kwargs)
    if kind in _PLAIN or name in _NO_TANGENT:
        return func(*args, **kwargs)
    rule = _RULES.get(name)
    if rule is None:
        rule = _BY_KIND.get(kind, _by_double_backward)
    return rule(level, func, args, kwargs)


def run_attribute(level: int, t: Tensor, name: str) -> Any:
    """An attribute that is a view."""
    was = _limit(level)
    try:
        tangent = tangent_of(t, level)
        return _give(getattr(t, name), level, getattr(tangent, name))
    finally:
        _limit(was)


def run_function(level: int, cls: Any, args: tuple[Any, ...]) -> Any:
    """A Function of the user's by its `jvp`; one of the library's by deriving its backward."""
    out, ctx = _run_function(level, cls, args)
    if ctx is not None:
        ctx.__dict__.pop("saved_for_forward", None)
    return out


def _apply(cls: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
    """The result and the context of a Function, whose arguments may have tangents of lower levels."""
    lower = max((_core._dual_level(a) for a in args if isinstance(a, Tensor)), default=-1)
    return _run_function(lower, cls, args) if lower >= 0 else _core._apply_with_context(cls, args)


def _function_by_samples(batch: int, level: int, cls: Any, args: tuple[Any, ...]) -> tuple[Any, None]:
    """A Function's tangents inside of vmap: each sample has a context of its own."""
    b = _core._level_handler(batch)
    tangents = [tangent_of(a, level) for a in args]
    results: list[list[Any]] = []
    single = True
    for i in range(b.size):

        def sample(t: Any, i: int = i) -> Any:
            was = _limit(batch)
            try:
                full = b.get(t) if isinstance(t, Tensor) else None
                return t if full is None else full[i]
            finally:
                _limit(was)

        given = []
        for a, t in zip(args, tangents, strict=True):
            one = sample(a)
            if t is not None:
                one = one.view_as(one)
                _set(one, level, sample(t))
            given.append(one)
        out = _run_function(level, cls, tuple(given))[0]
        single = not isinstance(out, tuple)
        results.append(_outputs(out))
    joined = []
    for parts in zip(*results, strict=True):
        products: list[Any] = [tangent_of(p, level) for p in parts]
        was = _limit(batch)
        try:
            whole = b.wrap(_core.stack(parts)) if isinstance(parts[0], Tensor) else parts[0]
            product = None if products[0] is None else b.wrap(_core.stack(products))
        finally:
            _limit(was)
        if product is not None:
            _set(whole, level, product)
        joined.append(whole)
    return (joined[0] if single else tuple(joined)), None


def _run_function(level: int, cls: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
    from .function import Function

    was = _limit(level)
    try:
        involved = [*args, *(tangent_of(a, level) for a in args)]
        batch = max((_core._batch_level(t) for t in involved if isinstance(t, Tensor)), default=-1)
        if batch >= 0 and cls.jvp is not Function.jvp:
            return _function_by_samples(batch, level, cls, args)
        if cls.jvp is Function.jvp:
            if cls.__module__.startswith("rushlight."):
                return _by_double_backward(level, cls.apply, args, {}, _core.zeros_like), None
            raise NotImplementedError(
                "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
            )
        tangents = [tangent_of(a, level) for a in args]
        out, ctx = _apply(cls, args)
        given = [
            _core.zeros_like(a) if t is None and ctx.materialize_grads and _derivable(a) else t
            for a, t in zip(args, tangents, strict=True)
        ]
        products = cls.jvp(ctx, *given)
        outs, made = _outputs(out), list(products) if isinstance(products, tuple) else [products]
        if len(outs) != len(made):
            raise RuntimeError(
                f"Function's jvp returned an invalid number of forward gradients (expected {len(outs)} but got {len(made)})"
            )
        for i, (o, t) in enumerate(zip(outs, made, strict=True)):
            if t is None:
                continue
            if not isinstance(t, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type(t).__name__}) for grad output {i}.")
            if not isinstance(o, Tensor):
                continue
            check_shape(o, t)
            for a, before in zip(args, given, strict=True):
                # A result that is an argument was changed in place, and views of the tangent must see it.
                if a is o and t is not before:
                    raise RuntimeError(
                        "An inplace custom Function is not modifying the forward mode gradients inplace. If the forward is "
                        "modifying an input inplace, then the jvp function must modify the corresponding gradient inplace."
                    )
            if _derivable(o):
                _set(o, level, t)
        return out, ctx
    finally:
        _limit(was)


def run_grad(level: int, func: Any, options: tuple[Any, ...]) -> Any:
    """`autograd.grad` of dual outputs: the tangent of a gradient is the gradient of the tangent."""
    outputs, inputs, cotangents, retain, create, unused, zeros = options
    was = _limit(level)
    try:
        outs = _outputs(outputs)
        given = [None] * len(outs) if cotangents is None else _outputs(cotangents)
        grads = func(outputs, inputs, cotangents, True, create, unused, zeros)
        terms: list[tuple[Tensor, Tensor | None]] = []
        for o, u in zip(outs, given, strict=True):
            t = tangent_of(o, level)
            if t is not None and t.requires_grad:
                terms.append((t, _core.ones_like(o) if u is None else u))
            du = tangent_of(u, level)
            if du is not None:
                terms.append((o, du))
        if terms:
            ends, us = [a for a, _ in terms], [b for _, b in terms]
            seconds = func(ends, inputs, us, retain, create, True, False)
            grads = tuple(grads)
            for g, t in zip(grads, seconds, strict=True):
                if g is not None:
                    _set(g, level, _core.zeros_like(g) if t is None else t)
        return grads
    finally:
        _limit(was)


# --- rules --------------------------------------------------------------------------------------------------------------


def _first(level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Linear in the first argument, which alone may have a tangent."""
    t = tangent_of(args[0], level) if args else None
    if t is None or any(_has(a, level) for a in (*args[1:], *kwargs.values())):
        return _by_double_backward(level, func, args, kwargs)
    return _give(func(*args, **kwargs), level, func(t, *args[1:], **kwargs))


def _has(o: Any, level: int) -> bool:
    if type(o) in (tuple, list):
        return any(_has(x, level) for x in o)
    return tangent_of(o, level) is not None


def _affine(level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Linear in all floating tensors together; numbers must not count."""

    def tangent(a: Any) -> Any:
        if not _derivable(a):
            return a
        t = tangent_of(a, level)
        return _core.zeros_like(a) if t is None else t

    tangents = func(*_map(args, tangent), **{k: _map(v, tangent) for k, v in kwargs.items()})
    return _give(func(*args, **kwargs), level, tangents)


def _where(level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if kwargs or len(args) != 3:
        return _by_double_backward(level, func, args, kwargs)

    def tangent(a: Any) -> Any:
        t = tangent_of(a, level)
        return t if t is not None else _core.zeros_like(a) if isinstance(a, Tensor) else 0.0

    return _give(func(*args), level, func(args[0], tangent(args[1]), tangent(args[2])))


def _sum(level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """add and sub: where one side has no tangent, the other's passes through."""
    if kwargs or len(args) != 2:
        return _by_double_backward(level, func, args, kwargs)
    out = func(*args)
    a, b = tangent_of(args[0], level), tangent_of(args[1], level)
    if a is not None and b is not None:
        return _give(out, level, func(a, b))
    if a is None:
        assert b is not None
        return _give(out, level, b if func.__name__ in ("add", "__radd__") else -b)
    # Another object than the argument's tangent, which may be changed in place.
    return _give(out, level, -a if func.__name__ in ("rsub", "__rsub__") else a.clone())


def _product(level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Linear in each of two factors."""
    if kwargs or len(args) != 2:
        return _by_double_backward(level, func, args, kwargs)
    a, b = args
    out = func(a, b)
    ta, tb = tangent_of(a, level), tangent_of(b, level)
    if ta is None:
        return _give(out, level, func(a, tb))
    t = func(ta, b)
    return _give(out, level, t if tb is None else t + func(a, tb))


def _quotient(level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if kwargs or len(args) != 2:
        return _by_double_backward(level, func, args, kwargs)
    a, b = args
    out = func(a, b)
    ta, tb = tangent_of(a, level), tangent_of(b, level)
    if tb is None:
        return _give(out, level, ta / b)
    # Of an alias, since the result would keep its tangent, and that through its history the result.
    back = out.view_as(out) * tb
    return _give(out, level, (-back if ta is None else ta - back) / b)


def _chain(derivative: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Rule:
    """A function of one tensor by its derivative, of the argument, the result and the tangent."""

    def rule(level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        (x,) = args
        t = tangent_of(x, level)
        assert t is not None
        out = func(x, **kwargs)
        return _give(out, level, derivative(x, out.view_as(out) if out.requires_grad else out, t))

    return rule


def _pointwise(level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A real function of one tensor, element by element: its Jacobian is diagonal, and backward applies it to tangents."""
    x = args[0] if args else None
    t = tangent_of(x, level)
    if t is None or not isinstance(x, Tensor) or any(_has(a, level) for a in (*args[1:], *kwargs.values())):
        return _by_double_backward(level, func, args, kwargs)
    record = _core.is_grad_enabled() and tracked([x, t])
    with _core.enable_grad():
        fresh = own(x) if record else own(stripped(x))
        made = func(fresh, *args[1:], **kwargs)
        if not isinstance(made, Tensor) or made.dtype != x.dtype or made.dtype.is_complex or made.shape != x.shape:
            return _by_double_backward(level, func, args, kwargs)
        product = None
        if made.requires_grad:
            (product,) = _core._autograd_grad(made, (fresh,), t, record, record, True)
    out = func(*args, **kwargs) if record else stripped(made)
    if product is not None and not record:
        product = stripped(product)
    return _give(out, level, _core.zeros_like(out) if product is None else product)


def _by_double_backward(
    level: int,
    func: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    cotangent: Callable[[Tensor], Tensor] = _core.ones_like,
) -> Any:
    """Any operator that has a derivative: the tangent is the derivative of the backward by its cotangent.

    Backward is linear in the cotangent, so that any would do; but some native ones take its logarithm, and some of
    Functions check it (eigenvectors), for which it is zero.
    """
    owns: list[Tensor] = []
    tangents: list[Tensor] = []
    duals: list[Tensor] = []
    record = _core.is_grad_enabled()

    def collect(a: Any) -> Any:
        t = tangent_of(a, level)
        if t is None:
            return a
        fresh = own(a) if record else own(stripped(a))
        owns.append(fresh)
        tangents.append(t)
        duals.append(a)
        return fresh

    with _core.enable_grad():
        replaced = _map(args, collect)
        named = {k: _map(v, collect) for k, v in kwargs.items()}
        made = func(*replaced, **named)
    record = record and tracked([*duals, *tangents])
    # Drawn numbers must be the same: the results are those that were made here.
    again = record and tracked(duals) and getattr(func, "kind", "Other") != "Random"
    with _core.enable_grad():
        ends = [o for o in _outputs(made) if _derivable(o) and o.requires_grad]
        if ends:
            cotangents = [cotangent(o).requires_grad_() for o in ends]
            grads = _core._autograd_grad(ends, owns, cotangents, True, True, True)
            pairs = [(g, t) for g, t in zip(grads, tangents, strict=True) if g is not None and g.requires_grad]
            products: Sequence[Any] = [None] * len(ends)
            if pairs:
                firsts, seconds = [g for g, _ in pairs], [t for _, t in pairs]
                products = _core._autograd_grad(firsts, cotangents, seconds, record, record, True)
            found = dict(zip(map(id, ends), products, strict=True))
        else:
            found = {}
    if again:
        out = func(*args, **kwargs)
    elif _core.is_grad_enabled() and _any_tracked(args, kwargs):
        out = made if record and tracked(duals) else func(*args, **kwargs)
    else:
        out = _detached(made)
    results = []
    for o, m in zip(_outputs(out), _outputs(made), strict=True):
        p = found.get(id(m))
        if p is not None and not record:
            p = stripped(p)
        results.append((_core.zeros_like(o) if p is None else p) if _derivable(o) else None)
    return _give(out, level, results)


def _from_zero(level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What looks at its cotangent: eigenvectors, whose phase is free."""
    return _by_double_backward(level, func, args, kwargs, _core.zeros_like)


def _any_tracked(args: Any, kwargs: dict[str, Any]) -> bool:
    found = False

    def look(a: Any) -> Any:
        nonlocal found
        found = found or (isinstance(a, Tensor) and a.requires_grad)
        return a

    _map(args, look)
    _map(tuple(kwargs.values()), look)
    return found


def _detached(out: Any) -> Any:
    if isinstance(out, Tensor):
        return stripped(out)
    if isinstance(out, (tuple, list)):
        parts = [_detached(o) for o in out]
        return type(out)(parts)
    return out


# --- in-place changes ---------------------------------------------------------------------------------------------------


def _in_place(level: int, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The tangent changes in place, too, so that its views and the tensor of which it is a view see it."""
    t, rest = args[0], args[1:]
    if name == "detach_":
        out = func(*args, **kwargs)
        _set(t, level, None)
        return out
    tangent = tangent_of(t, level)
    if name in _FORGETTING or name in _COPYING or name == "__setitem__":
        out = func(*args, **kwargs)
        if not _derivable(t):
            return out
        if tangent is None:
            if name in _FORGETTING and not any(_has(a, level) for a in rest):
                return out
            tangent = _new_tangent(t, level)
        if name == "__setitem__":
            value = tangent_of(rest[1], level)
            tangent[rest[0]] = 0 if value is None else value
        else:
            value = tangent_of(rest[0], level) if rest and name in _COPYING else None
            if value is None:
                tangent.zero_()
            else:
                tangent.copy_(value)
        return out
    old = t.clone()
    if tangent is not None:
        _set(old, level, tangent.clone())
    out = func(*args, **kwargs)
    # The same out of place gives the tangent; this thread sees the level again for it.
    _limit(level + 1)
    same = getattr(Tensor, name[:-1], None) or getattr(_core, name[:-1], None)
    if same is None:
        raise NotImplementedError(f"Trying to use forward AD with {name} that does not support it.")
    value = same(old, *rest, **kwargs)
    _limit(level)
    value_t = tangent_of(value, level)
    if not _derivable(t):
        return out
    if tangent is None:
        if value_t is None:
            return out
        tangent = _new_tangent(t, level)
    if value_t is None:
        tangent.zero_()
    else:
        tangent.copy_(value_t)
    return out


def _new_tangent(t: Tensor, level: int) -> Tensor:
    """Zeros as the tangent of a tensor that has none yet; of a view they are part of its base's."""
    base = t._base
    if base is not None:
        found = _get(base, level)
        if not isinstance(found, Tensor):
            found = _core.zeros_like(base)
            _set(base, level, found)
        found = _view_like(t, base, found)
    else:
        found = _core.zeros_like(t)
    _set(t, level, found)
    return found


_FORGETTING = frozenset(
    "zero_ normal_ uniform_ exponential_ random_ bernoulli_ cauchy_ log_normal_ geometric_ resize_".split()
)
_COPYING = frozenset({"copy_", "fill_"})
_PLAIN = frozenset({"Comparison", "Creation", "Query"})
_NO_TANGENT = frozenset(
    """detach argmax argmin int long short char byte bool multinomial bernoulli poisson randint_like rand_like randn_like
    normal""".split()
)
_BY_KIND: dict[str, Rule] = {"View": _first, "Pointwise": _pointwise}
_RULES: dict[str, Rule] = {
    **dict.fromkeys("add sub subtract __radd__ __rsub__ rsub".split(), _sum),
    **dict.fromkeys("mul multiply __rmul__ matmul mm bmm mv dot inner outer ger __matmul__".split(), _product),
    **dict.fromkeys(("div", "divide", "true_divide"), _quotient),
    **dict.fromkeys("cat concat concatenate stack hstack vstack dstack".split(), _affine),
    "where": _where,
    "linalg_eig": _from_zero,
    **dict.fromkeys(
        """clone contiguous to float double half bfloat16 cfloat cdouble flip fliplr flipud roll repeat tile tril triu neg
        negative conj conj_physical resolve_conj positive sum mean cumsum gather index_select masked_select take_along_dim
        __getitem__ embedding avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
        max_unpool2d max_unpool3d""".split(),
        _first,
    ),
    "exp": _chain(lambda x, y, t: y * t),
    "log": _chain(lambda x, y, t: t / x),
    "sin": _chain(lambda x, y, t: x.cos() * t),
    "cos": _chain(lambda x, y, t: -x.sin() * t),
    "sqrt": _chain(lambda x, y, t: t / (2 * y)),
    "square": _chain(lambda x, y, t: 2 * x * t),
    "tanh": _chain(lambda x, y, t: (1 - y * y) * t),
    "sigmoid": _chain(lambda x, y, t: y * (1 - y) * t),
    "reciprocal": _chain(lambda x, y, t: -(y * y) * t),
}

"""Taylor mode: how an operator acts on a power series in one variable.

A tensor of the level stands for a curve x(t) = x0 + x1 t + x2 t^2 + …: the object is x0, what the level keeps are the other
coefficients, stacked (see NOTE [Batched] in native/tensor/dual.h for levels with a handler). Linear operators act on each coefficient, products are Cauchy
products, and functions follow from the differential equation that they solve (Griewank and Walther, Evaluating
Derivatives, chapter 13). So the k-th derivative costs about k^2 times the value, where nested first derivatives cost 2^k.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from .. import _core
from .._core import Tensor
from ..autograd._forward import _map, _outputs
from ..autograd._levels import _limit, _view_like, forward_level, make_dual, own, unpack
from ..utils._pytree import tree_flatten, tree_unflatten
from ._rules.common import _again

__all__ = ["jet"]

_get = _core._dual_get
_set = _core._dual_set
addcmul = _core.addcmul
_KEYWORDS = 0x08  # inspect.CO_VARKEYWORDS: the function takes any
Series = list[Any]  # coefficients from x0 on; None stands for zero


class _Level:
    """The handler that the core asks."""

    open = False

    def __init__(self, order: int) -> None:
        self.order = order
        self.level: int = _core._dual_open(self)

    # --- tensors ----------------------------------------------------------------------------------------------------

    def get(self, x: Any) -> Tensor | None:
        """The coefficients after the first, stacked; None: a constant."""
        found = _get(x, self.level)
        if found is not False:
            return found
        base = self.base_of(x)
        return None if base is None else _core.stack([_view_like(x, base, c) for c in _get(base, self.level).unbind(0)])

    def base_of(self, x: Any) -> Tensor | None:
        """The tensor on a curve of which `x` is a view: it has the coefficients of both, so that changes reach both."""
        base = x._base if isinstance(x, Tensor) else None
        return base if base is not None and isinstance(_get(base, self.level), Tensor) else None

    def give(self, x: Tensor, rest: Sequence[Any]) -> Tensor:
        """`x` with these coefficients."""
        if any(c is None for c in rest):
            if all(c is None for c in rest):
                return x
            rest = [_core.zeros_like(x) if c is None else c for c in rest]
        stacked = _core.stack(rest)
        _set(x, self.level, stacked)
        return x

    def series(self, x: Any) -> Series:
        """All coefficients of a tensor or number."""
        rest = self.get(x) if isinstance(x, Tensor) else None
        return [x, *([None] * self.order if rest is None else rest.unbind(0))]

    def plain(self, x: Tensor) -> Tensor:
        """The value alone."""
        return x if self.get(x) is None else x.detach()

    def own(self, x: Tensor) -> Tensor:
        """A fresh tensor that requires grad, on the same curve."""
        rest = self.get(x)
        was = _limit(self.level)
        try:
            fresh = own(x)
            if rest is not None:
                _set(fresh, self.level, rest)
            return fresh
        finally:
            _limit(was)

    # --- what the core asks -----------------------------------------------------------------------------------------

    def run(self, level: int, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        was = _limit(level)
        try:
            name = func.__name__
            kind = getattr(func, "kind", "Other")
            if kind in ("Comparison", "Creation", "Query", "Random") or name in _CONSTANT:
                return func(*args, **kwargs)
            if name.endswith("_") and not name.endswith("__"):
                return self._in_place(func, name, args, kwargs)
            if name == "__setitem__":
                x, key, value = args
                part = x[key]
                if part._base is None:
                    raise NotImplementedError("jet: no rule for __setitem__ at places that tensors name")
                self._in_place(Tensor.copy_, "copy_", (part, value), {})
                return None
            if kwargs.get("out") is not None:
                raise NotImplementedError(f"jet: no rule for {name} with out=")
            rule = _RULES.get(name)
            if rule is None:
                rule = _linear if kind == "View" else _pointwise if kind == "Pointwise" else None
            if rule is None or (kwargs and not rule.__code__.co_flags & _KEYWORDS):
                rule = _nested
            return rule(self, func, *args, **kwargs)
        finally:
            _limit(was)

    def _in_place(self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        x = args[0]
        if name == "requires_grad_":
            return func(*args, **kwargs)
        if x._base is not None and _get(x, self.level) is not False:
            raise NotImplementedError(f"jet: no rule for {name} on a view of an argument")
        same = getattr(Tensor, name[:-1], None)
        if name in ("copy_", "fill_", "zero_"):
            value = args[1] if len(args) > 1 else 0
            if not isinstance(value, Tensor):
                value = _core.full_like(x, value)
        elif same is None:
            raise NotImplementedError(f"jet: no rule for {name}")
        else:
            old = x.clone()
            rest = self.get(x)
            if rest is not None:
                _set(old, self.level, rest)
            _limit(self.level + 1)
            value = same(old, *args[1:], **kwargs)
            _limit(self.level)
        rest = self.get(value)
        base = x._base
        if base is None:
            x.copy_(value)
            _set(x, self.level, None if rest is None else rest.expand((self.order, *x.shape)).clone())
            return x
        fresh = []
        for before, after in zip(self.series(base)[1:], [None] * self.order if rest is None else rest, strict=True):
            whole = _core.empty_strided(base.shape, base.stride(), dtype=base.dtype)
            fresh.append(whole.zero_() if before is None else whole.copy_(before))
            part = _view_like(x, base, whole)
            part.zero_() if after is None else part.copy_(after)
        x.copy_(value)
        _set(base, self.level, _core.stack(fresh))
        return x

    def run_attribute(self, level: int, t: Tensor, name: str) -> Any:
        was = _limit(level)
        try:
            value = getattr(t, name)
            rest = self.get(t)
            if name in ("T", "mT", "H", "mH", "real", "imag") and rest is not None and self.base_of(value) is None:
                return self.give(value, [getattr(c, name) for c in rest.unbind(0)])
            return value
        finally:
            _limit(was)

    def set_attribute(self, level: int, t: Tensor, both: tuple[str, Any]) -> None:
        was = _limit(level)
        try:
            setattr(t, *both)
        finally:
            _limit(was)

    def refuse(self, level: int, t: Any, what: str) -> None:
        """Values may be looked at: they are those at t = 0."""

    def run_grad(self, level: int, func: Any, options: tuple[Any, ...]) -> Any:
        """The gradient of a coefficient by x0 is that coefficient of the gradient; with cotangents' series a Cauchy product."""
        outputs, inputs, cotangents, retain, create, unused, zeros = options
        outs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
        given: Any = [None] * len(outs) if cotangents is None else cotangents
        cts = list(given) if isinstance(given, (tuple, list)) else [given]
        was = _limit(level)
        try:
            grads = func(outputs, inputs, cotangents, True, create, unused, zeros)
            found: list[list[Any]] = [[] for _ in grads]
            for k in range(1, self.order + 1):
                terms = []
                for o, c in zip(outs, cts, strict=True):
                    values = self.series(o)
                    weights = [_core.ones_like(o)] if c is None else self.series(c)
                    for i, weight in enumerate(weights[: k + 1]):
                        term = values[k - i]
                        if term is not None and weight is not None and term.requires_grad:
                            terms.append((term, weight))
                parts: Sequence[Any] = [None] * len(found)
                if terms:
                    parts = func([a for a, _ in terms], inputs, [b for _, b in terms], True, create, True, False)
                for column, part in zip(found, parts, strict=True):
                    column.append(part)
            for g, column in zip(grads, found, strict=True):
                if g is not None:
                    self.give(g, column)
            return grads
        finally:
            _limit(was)

    def run_backward(self, level: int, func: Any, options: tuple[Any, ...]) -> None:
        raise NotImplementedError("jet: backward() inside; use autograd.grad")

    def run_function(self, level: int, cls: Any, args: tuple[Any, ...]) -> Any:
        was = _limit(level)
        try:
            return _nested(self, cls.apply, *args)
        finally:
            _limit(was)


# --- rules ----------------------------------------------------------------------------------------------------------------

Rule = Callable[..., Any]


def _nested(j: _Level, func: Any, *args: Any, **kwargs: Any) -> Any:
    """Any operator that has tangents: by forward mode nested along t. That costs 2^k, but for this operator alone."""
    with ExitStack() as stack:
        levels = [stack.enter_context(forward_level()) for _ in range(j.order)]

        def alias(x: Any) -> Any:
            # Another object, that this level and what is open above it do not know.
            if not isinstance(x, Tensor):
                return x
            fresh = x.view_as(x)
            for level in range(j.level, levels[0]):
                _set(fresh, level, None)
            rest = j.get(x)
            if rest is not None:
                curves[id(fresh)] = rest.unbind(0)
            return fresh

        def curve(x: Any) -> Any:
            found = curves.get(id(x))
            if found is None:
                return x
            here = t.to(x.dtype)
            value = found[-1]
            for c in found[-2::-1]:
                value = value * here + c
            return value * here + x

        curves: dict[int, Any] = {}
        _limit(j.level)
        places, named = _map(args, alias), {k: _map(v, alias) for k, v in kwargs.items()}
        t = _core.zeros((), dtype=_core.float64)
        for level in levels:
            t = make_dual(t, _core.ones_like(t), level)
        _limit(levels[-1] + 1)
        out = func(*_map(places, curve), **{k: _map(v, curve) for k, v in named.items()})
        derivatives: list[list[Any]] = []
        for o in _outputs(out):
            column = [o]
            for level in reversed(levels):
                column.append(None if column[-1] is None else unpack(column[-1], level)[1])
            derivatives.append(column)
        _limit(j.level)
    for o, *column in derivatives:
        if isinstance(o, Tensor):
            j.give(o, [None if c is None else c / math.factorial(k) for k, c in enumerate(column, 1)])
    return out


def _linear(j: _Level, func: Any, input: Any, *args: Any, **kwargs: Any) -> Any:
    """Linear in the first argument, the only one on a curve."""
    rest = j.get(input) if isinstance(input, Tensor) else None
    if rest is None and not any(isinstance(a, Tensor) and j.get(a) is not None for a in (*args, *kwargs.values())):
        return func(input, *args, **kwargs)
    if rest is None or any(isinstance(a, Tensor) and j.get(a) is not None for a in (*args, *kwargs.values())):
        return _nested(j, func, input, *args, **kwargs)
    out = func(input, *args, **kwargs)
    if j.base_of(_outputs(out)[0]) is not None:
        return out
    terms = [func(c, *args, **kwargs) for c in rest.unbind(0)]
    if isinstance(out, Tensor):
        return j.give(out, terms)
    parts = [j.give(o, [t[k] for t in terms]) for k, o in enumerate(out)]
    return type(out)(parts)


def _affine(j: _Level, func: Any, *args: Any, **kwargs: Any) -> Any:
    """Linear in all tensors together: sums, and what joins tensors."""

    def order(k: int) -> Callable[[Any], Any]:
        def term(a: Any) -> Any:
            if isinstance(a, (tuple, list)):
                return [term(x) for x in a]
            if isinstance(a, Tensor):
                c = j.series(a)[k]
                return _core.zeros_like(a) if c is None else c
            return 0 if isinstance(a, (int, float, complex)) and not joins else a

        return term

    joins = func.__name__ not in ("add", "sub", "subtract", "rsub", "__radd__", "__rsub__")
    return j.give(func(*args, **kwargs), [func(*map(order(k), args), **kwargs) for k in range(1, j.order + 1)])


def _where(j: _Level, func: Any, condition: Tensor, a: Any, b: Any) -> Any:
    def term(x: Any, k: int) -> Any:
        c = j.series(x)[k]
        return 0.0 if c is None else c

    out = func(condition, a, b)
    return j.give(out, [func(condition, term(a, k), term(b, k)).to(out.dtype) for k in range(1, j.order + 1)])


def _cauchy(a: Series, b: Series, k: int, product: Callable[[Any, Any], Any]) -> Any:
    """The k-th coefficient of a product."""
    total = None
    for i in range(k + 1):
        if a[i] is None or b[k - i] is None:
            continue
        term = product(a[i], b[k - i])
        total = term if total is None else total + term
    return total


def _product(j: _Level, func: Any, a: Any, b: Any) -> Any:
    """Linear in each of two factors."""
    first, second = j.series(a), j.series(b)
    if all(c is None for c in second[1:]):
        return j.give(func(a, b), [None if c is None else func(c, b) for c in first[1:]])
    if all(c is None for c in first[1:]):
        return j.give(func(a, b), [None if c is None else func(a, c) for c in second[1:]])
    return j.give(func(a, b), [_cauchy(first, second, k, func) for k in range(1, j.order + 1)])


def _tail(du: Series, w: Series, k: int) -> Any:
    """The sum of i u_i w_(k-i) for i from 1 to k, where du[i] is i u_i."""
    total = None
    for i in range(1, k + 1):
        a, b = du[i], w[k - i]
        if a is not None and b is not None:
            total = a * b if total is None else addcmul(total, a, b)
    return total


def _scaled(u: Series) -> Series:
    return [None if c is None or i == 0 else c if i == 1 else c * i for i, c in enumerate(u)]


def _over(total: Any, k: Any) -> Any:
    return None if total is None else total / k if k != 1 else total


def _quotient_series(a: Series, b: Series, w0: Any, order: int) -> Series:
    w: Series = [w0]
    for k in range(1, order + 1):
        rest = None
        for i in range(1, k + 1):
            if b[i] is not None and w[k - i] is not None:
                term = b[i] * w[k - i]
                rest = term if rest is None else rest + term
        top = a[k] if rest is None else -rest if a[k] is None else a[k] - rest
        w.append(None if top is None else top / b[0])
    return w


def _quotient(j: _Level, func: Any, a: Any, b: Any) -> Any:
    out = func(a, b)
    return j.give(out, _quotient_series(j.series(a), j.series(b), out, j.order)[1:])


def _reciprocal(j: _Level, func: Any, x: Tensor) -> Any:
    out = func(x)
    return j.give(out, _quotient_series([1.0, *[None] * j.order], j.series(x), out, j.order)[1:])


def _solving(derivative: Callable[[Series, int], Any]) -> Rule:
    """A function w of u with w' = v u', where v_k follows from w_0 … w_k."""

    def rule(j: _Level, func: Any, x: Tensor, **kwargs: Any) -> Any:
        out = func(x, **kwargs)
        du = _scaled(j.series(x))
        w: Series = [out]
        v: Series = []
        for k in range(1, j.order + 1):
            v.append(derivative(w, k - 1))
            w.append(_over(_tail(du, v, k), k))
        return j.give(out, w[1:])

    return rule


def _square_term(w: Series, k: int) -> Any:
    """The k-th coefficient of the square: each mixed product counts twice."""
    total = None
    for i in range((k + 1) // 2):
        a, b = w[i], w[k - i]
        if a is not None and b is not None:
            total = a * b if total is None else addcmul(total, a, b)
    if total is not None:
        total = total + total
    middle = w[k // 2]
    if k % 2 or middle is None:
        return total
    return middle * middle if total is None else addcmul(total, middle, middle)


def _tanh_slope(w: Series, k: int) -> Any:
    s = _square_term(w, k)
    return 1 - s if k == 0 else None if s is None else -s


def _tan_slope(w: Series, k: int) -> Any:
    s = _square_term(w, k)
    return 1 + s if k == 0 else s


def _sigmoid_slope(w: Series, k: int) -> Any:
    s = _square_term(w, k)
    return s if s is None else (w[k] - s if w[k] is not None else -s)


def _log(j: _Level, func: Any, x: Tensor) -> Any:
    """u w' = u'."""
    out = func(x)
    du = _scaled(j.series(x))
    u = j.series(x)
    shift = {
        "log": (1.0, u[0]),
        "log2": (1 / math.log(2), u[0]),
        "log10": (1 / math.log(10), u[0]),
        "log1p": (1.0, 1 + u[0]),
    }
    scale, base = shift[func.__name__]
    dw: Series = [None]  # k w_k, of the natural logarithm
    for k in range(1, j.order + 1):
        rest = None
        for i in range(1, k):
            if dw[i] is not None and u[k - i] is not None:
                term = dw[i] * u[k - i]
                rest = term if rest is None else rest + term
        top = du[k] if rest is None else -rest if du[k] is None else du[k] - rest
        dw.append(None if top is None else top / base)
    return j.give(out, [None if c is None else c * (scale / k) for k, c in enumerate(dw[1:], 1)])


def _pair(first: str, second: str, sign: int) -> Rule:
    """f' = g u', g' = sign f u'."""

    def rule(j: _Level, func: Any, x: Tensor) -> Any:
        out = func(x)
        other = getattr(_core, second)(x)
        du = _scaled(j.series(x))
        f: Series = [out]
        g: Series = [other]
        turn = 1 if first in ("sin", "sinh", "cosh") else -1
        back = sign * turn
        for k in range(1, j.order + 1):
            a, b = _over(_tail(du, g, k), k), _over(_tail(du, f, k), k)
            f.append(None if a is None else a if turn == 1 else -a)
            g.append(None if b is None else b if back == 1 else -b)
        return j.give(out, f[1:])

    return rule


def _sqrt(j: _Level, func: Any, x: Tensor) -> Any:
    out = func(x)
    u = j.series(x)
    w: Series = [out]
    for k in range(1, j.order + 1):
        rest = None
        for i in range(1, k):
            if w[i] is not None and w[k - i] is not None:
                term = w[i] * w[k - i]
                rest = term if rest is None else rest + term
        top = u[k] if rest is None else -rest if u[k] is None else u[k] - rest
        w.append(None if top is None else top / (2 * out))
    return j.give(out, w[1:])


def _pow(j: _Level, func: Any, x: Any, exponent: Any) -> Any:
    if not isinstance(x, Tensor) or isinstance(exponent, Tensor):
        # As the exponential of a logarithm.
        base = x if isinstance(x, Tensor) else _core.tensor(x, dtype=exponent.dtype)
        return _again(j, lambda: (exponent * base.log()).exp())
    if float(exponent).is_integer() and 0 <= exponent <= 64:

        def powered() -> Any:
            result, factor, left = None, x, int(exponent)
            while left:
                if left & 1:
                    result = factor if result is None else result * factor
                left >>= 1
                factor = factor * factor if left else factor
            return _core.ones_like(x) if result is None else result.clone() if result is x else result

        return _again(j, powered)
    out = func(x, exponent)
    u = j.series(x)
    w: Series = [out]
    for k in range(1, j.order + 1):
        total = None
        for i in range(1, k + 1):
            if u[i] is None or w[k - i] is None:
                continue
            term = u[i] * w[k - i] * (exponent * i - (k - i))
            total = term if total is None else total + term
        w.append(None if total is None else total / (k * u[0]))
    return j.give(out, w[1:])


def _by_slope(slope: Callable[..., Any]) -> Rule:
    """A function by its derivative, which is written with operators: its series comes by the same rules."""

    def rule(j: _Level, func: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        out = func(x, *args, **kwargs)
        du = _scaled(j.series(x))
        g = j.series(_again(j, lambda: slope(x, *args, **kwargs)))
        return j.give(out, [_over(_tail(du, g, k), k) for k in range(1, j.order + 1)])

    return rule


def _composed(make: Callable[..., Any]) -> Rule:
    return lambda j, func, *args, **kwargs: _again(j, lambda: make(*args, **kwargs))


def _pointwise(j: _Level, func: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    """Any function of one tensor, element by element: its derivatives at x0, and the powers of x(t) - x0."""
    if not isinstance(x, Tensor) or any(
        isinstance(a, Tensor) and j.get(a) is not None for a in (*args, *kwargs.values())
    ):
        return _nested(j, func, x, *args, **kwargs)
    u = j.series(x)
    with _core.enable_grad():
        point = own(x)
        current = func(point, *args, **kwargs)
        derivatives = [current]
        for _ in range(j.order):
            (following,) = (
                _core._autograd_grad(current, (point,), _core.ones_like(current), True, True, True)
                if current.requires_grad
                else (None,)
            )
            current = _core.zeros_like(point) if following is None else following
            derivatives.append(current)
    if not (_core.is_grad_enabled() and x.requires_grad):
        derivatives = [d.detach() for d in derivatives]
    out = derivatives[0].view_as(derivatives[0])
    delta: Series = [None, *u[1:]]
    value: Series = [derivatives[-1] / math.factorial(j.order), *[None] * j.order]
    for k in range(j.order - 1, -1, -1):
        value = [_cauchy(value, delta, i, lambda a, b: a * b) for i in range(j.order + 1)]
        value[0] = derivatives[k] / math.factorial(k)
    return j.give(out, value[1:])


def _linear_pieces(slope: Callable[..., Any]) -> Rule:
    """A function of pieces that are linear: its slope times the coefficients."""

    def rule(j: _Level, func: Any, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        s = slope(x, *args, **kwargs)
        rest = j.series(x)[1:]
        return j.give(func(x, *args, **kwargs), [None if c is None else c * s for c in rest])

    return rule


def _extreme(j: _Level, func: Any, a: Tensor, b: Tensor) -> Any:
    larger = func.__name__ in ("maximum", "fmax", "max")
    return _again(j, lambda: _core.where(a >= b if larger else a <= b, a, b))


def _linear_map(j: _Level, func: Any, input: Tensor, weight: Tensor, bias: Any = None) -> Any:
    product = _product(j, lambda a, b: func(a, b), input, weight)
    return product if bias is None else _again(j, lambda: product + bias)


def _softmax(input: Tensor, dim: int, dtype: Any = None) -> Any:
    x = input if dtype is None else input.to(dtype)
    e = (x - x.detach().amax(dim, True)).exp()
    return e / e.sum(dim, True)


def _logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Any:
    top = input.detach().amax(dim, True)
    total = (input - top).exp().sum(dim, True).log() + top
    return total if keepdim else total.squeeze(dim)


def _log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Any:
    x = input if dtype is None else input.to(dtype)
    return x - _logsumexp(x, dim, True)


def _var(input: Tensor, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> Any:
    dims = tuple(range(input.ndim)) if dim is None else dim
    centred = input - input.mean(dims, True)
    count = (
        input.numel()
        if dim is None
        else math.prod(input.shape[d] for d in (dims if isinstance(dims, tuple) else (dims,)))
    )
    return (centred * centred).sum(dims, keepdim) / (count - correction)


def _norm(
    j: _Level, func: Any, input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, **rest: Any
) -> Any:
    if rest or p not in ("fro", 2, 2.0, None):
        return _nested(j, func, input, p, dim, keepdim, **rest)

    def root() -> Any:
        squares = input * input
        return (squares.sum() if dim is None else squares.sum(dim, keepdim)).sqrt()

    return _again(j, root)


def _loss(input: Tensor, target: Tensor, *args: Any, reduction: str = "mean", **kwargs: Any) -> Any:
    squares = (input - target) ** 2
    return squares.mean() if reduction == "mean" else squares.sum() if reduction == "sum" else squares


_CONSTANT = frozenset("detach argmax argmin floor ceil round trunc sign __len__".split())


def _names(rule: Rule, names: str) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


_SIN, _COS = _pair("sin", "cos", -1), _pair("cos", "sin", -1)
_RULES: dict[str, Rule] = {
    **_names(
        _linear,
        """neg negative positive clone contiguous to float double half bfloat16 sum mean nansum cumsum flip fliplr flipud roll
        repeat tile tril triu __getitem__ index_select gather take_along_dim masked_fill trace conj real imag view_as_real
        view_as_complex conv1d conv2d conv3d im2col col2im""",
    ),
    **_names(_affine, "add sub subtract rsub __radd__ __rsub__ cat concat concatenate stack hstack vstack dstack"),
    **_names(
        lambda j, func, input, other: _linear(j, func, input, j.plain(other)), "view_as reshape_as expand_as type_as"
    ),
    "where": _where,
    **_names(_product, "mul multiply __rmul__ matmul mm bmm mv dot outer ger inner __matmul__"),
    **_names(_quotient, "div divide true_divide"),
    "__rtruediv__": lambda j, func, x, number: _again(j, lambda: x.reciprocal() * number),
    "reciprocal": _reciprocal,
    "exp": _solving(lambda w, k: w[k]),
    "tanh": _solving(_tanh_slope),
    "tan": _solving(_tan_slope),
    "sigmoid": _solving(_sigmoid_slope),
    **_names(_log, "log log2 log10 log1p"),
    "sin": _SIN,
    "cos": _COS,
    "sinh": _pair("sinh", "cosh", 1),
    "cosh": _pair("cosh", "sinh", 1),
    "sqrt": _sqrt,
    "square": _composed(lambda x: x * x),
    "rsqrt": _composed(lambda x: x.sqrt().reciprocal()),
    **_names(_pow, "pow float_power"),
    "__rpow__": lambda j, func, x, number: _again(j, lambda: (x * math.log(number)).exp()),
    "exp2": _composed(lambda x: (x * math.log(2)).exp()),
    "expm1": _by_slope(lambda x: x.exp()),
    "erf": _by_slope(lambda x: (-x * x).exp() * (2 / math.sqrt(math.pi))),
    "erfc": _by_slope(lambda x: (-x * x).exp() * (-2 / math.sqrt(math.pi))),
    "atan": _by_slope(lambda x: (x * x + 1).reciprocal()),
    "asin": _by_slope(lambda x: (1 - x * x).rsqrt()),
    "acos": _by_slope(lambda x: -(1 - x * x).rsqrt()),
    "asinh": _by_slope(lambda x: (x * x + 1).rsqrt()),
    "acosh": _by_slope(lambda x: (x * x - 1).rsqrt()),
    "atanh": _by_slope(lambda x: (1 - x * x).reciprocal()),
    "softplus": _by_slope(
        lambda x, beta=1.0, threshold=20.0: _core.where(x * beta > threshold, 1.0, (x * beta).sigmoid())
    ),
    **_names(_by_slope(lambda x: (-x).sigmoid()), "log_sigmoid logsigmoid"),
    "silu": _composed(lambda x: x * x.sigmoid()),
    "relu": _linear_pieces(lambda x: (x > 0).to(x.dtype)),
    "abs": _linear_pieces(lambda x: x.sign()),
    "leaky_relu": _linear_pieces(lambda x, slope=0.01: _core.where(x > 0, 1.0, slope).to(x.dtype)),
    **_names(_extreme, "maximum minimum fmax fmin"),
    "linear": _linear_map,
    "addmm": _composed(lambda c, a, b, *, beta=1, alpha=1: c * beta + (a @ b) * alpha),
    "addcmul": _composed(lambda c, a, b, *, value=1: c + a * b * value),
    "lerp": _composed(lambda a, b, weight: a + (b - a) * weight),
    "softmax": _composed(_softmax),
    "log_softmax": _composed(_log_softmax),
    "logsumexp": _composed(_logsumexp),
    "var": _composed(_var),
    "std": _composed(lambda *args, **kwargs: _var(*args, **kwargs).sqrt()),
    "norm": _norm,
    "mse_loss": _composed(_loss),
}


# --- jet -------------------------------------------------------------------------------------------------------------------


def jet(func: Callable[..., Any], primals: Any, series: Any) -> tuple[Any, Any]:
    """Derivatives of any order along a curve: ``(output, [y', y'', …])``.

    primals: the arguments of `func` at t = 0, a tuple. series: for each of them the sequence of the curve's derivatives
    by t there, ``[x', x'', …]``, all of the same length k. The result has the output, and the list of its first k
    derivatives by t, each of the output's structure: with ``series = ([v, 0, 0, …],)`` the directional derivatives along v.

    The cost grows with k^2. An operator without a rule is derived by nested forward mode, which costs 2^k for it alone.
    """
    if not isinstance(primals, tuple) or not isinstance(series, (tuple, list)) or len(primals) != len(series):
        raise ValueError("jet(func, primals, series): expected a tuple of primals and a series for each of them")
    orders = {len(s) for s in series}
    if len(orders) != 1 or 0 in orders:
        raise ValueError("jet(func, primals, series): expected series of one length, of one derivative or more")
    (order,) = orders
    for x, terms in zip(primals, series, strict=True):
        for t in terms:
            if not isinstance(x, Tensor) or not isinstance(t, Tensor) or t.shape != x.shape:
                raise ValueError(
                    "jet(func, primals, series): expected tensors, and derivatives of their primals' shapes"
                )
    j = _Level(order)
    was = _limit(j.level)
    try:
        given = []
        for x, terms in zip(primals, series, strict=True):
            curve = x.view_as(x)
            j.give(curve, [t / math.factorial(k) if k > 1 else t for k, t in enumerate(terms, 1)])
            given.append(curve)
        _limit(j.level + 1)
        output = func(*given)
        _limit(j.level)
        outs, spec = tree_flatten(output)
        found: list[list[Any]] = [[] for _ in range(order)]
        for o in outs:
            if not isinstance(o, Tensor):
                raise RuntimeError(f"jet(func, primals, series): expected func to return only tensors, got {type(o)}")
            for k, c in enumerate(j.series(o)[1:], 1):
                term = _core.zeros_like(o) if c is None else c * math.factorial(k) if k > 1 else c
                found[k - 1].append(term)
        return output, [tree_unflatten(terms, spec) for terms in found]
    finally:
        _limit(was)
        _core._dual_close()


_core._internal(globals())

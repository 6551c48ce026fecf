"""Derivatives compared with finite differences: `gradcheck` and `gradgradcheck`.

The Jacobian of an output with respect to an input has a row for each entry of the input and a column for each of the output.
Where the input is complex, an entry is the derivative along the real axis plus i times that along the imaginary one, which
is what backward computes; a complex output is checked as two real functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .. import _core
from .._core import Tensor

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

_NONDETERMINISTIC = """

NOTE: If your op relies on non-deterministic operations i.e., it is listed here:
https://pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
this failure might be expected.

Run backward twice by hand to see which gradient differs, or allow for it with `nondet_tol=<tol>`.
"""


class GradcheckError(RuntimeError):
    """Raised by `gradcheck` and `gradgradcheck` where a derivative is wrong."""


Function = Callable[..., Any]
_grad = _core._autograd_grad


def _tuple(x: Any) -> tuple[Any, ...]:
    if isinstance(x, tuple):
        return x
    return tuple(x) if isinstance(x, list) else (x,)


def _floating(t: Any) -> bool:
    return isinstance(t, Tensor) and (t.dtype.is_floating_point or t.dtype.is_complex)


def _differentiable(outputs: Iterable[Any]) -> tuple[Tensor, ...]:
    """The outputs that can be derived; what is no tensor is an error, as in PyTorch."""
    return tuple(o for o in outputs if o.requires_grad)


class _Check:
    """One check of a function at some inputs, with its options."""

    def __init__(self, function: Function, inputs: tuple[Any, ...], **options: Any) -> None:
        self.function = function
        self.inputs = inputs
        self.eps: float = options["eps"]
        self.atol: float = options["atol"]
        self.rtol: float = options["rtol"]
        self.nondet_tol: float = options["nondet_tol"]
        self.check_grad_dtypes: bool = options["check_grad_dtypes"]
        self.fast: bool = options["fast_mode"]
        # The place among the inputs, and the tensor, of what is to be derived by.
        self.derived = [(i, t) for i, t in enumerate(inputs) if isinstance(t, Tensor) and t.requires_grad]
        self.tensors = [t for _, t in self.derived]

    def call(self) -> tuple[Any, ...]:
        return _tuple(self.function(*self.inputs))

    # --- finite differences ---------------------------------------------------------------------------------------

    def _values(self) -> list[Tensor]:
        """The differentiable outputs at the inputs as they are now, in memory of their own."""
        values = [o.detach().clone() for k, o in enumerate(self.call()) if k in self.places]
        return values

    def _difference(self, change: Callable[[float], None], where: str) -> list[Tensor]:
        """(f(x + eps d) - f(x - eps d)) / (2 eps) for each output; `change(s)` puts x + s d there."""
        eps = self.eps
        try:
            change(-eps)
            low = self._values()
            change(eps)
            high = self._values()
        finally:
            change(0.0)
        for a, b in zip(low, high, strict=True):
            if a.shape != b.shape:
                raise RuntimeError(
                    f"Expected `func` to return outputs with the same shape when inputs are perturbed {where}by {eps}, but got:"
                    f" shapes {a.shape} and {b.shape}."
                )
            if a.dtype != b.dtype:
                raise RuntimeError(
                    f"Expected `func` to return outputs with the same dtype when inputs are perturbed {where}by {eps}, but got:"
                    f" dtypes {a.dtype} and {b.dtype}."
                )
        scale = 2.0 * eps
        return [(b - a) / scale for a, b in zip(low, high, strict=True)]

    def numerical(self, tensor: Tensor) -> list[tuple[Tensor, Tensor | None]]:
        """For each output the Jacobian of its real part, and that of its imaginary part if it is complex."""
        data = tensor.data  # changes that count no version: what the graph has saved stays valid
        count = data.numel()
        contiguous = data.is_contiguous()
        flat = data.view(-1) if contiguous else data
        complex_input = tensor.dtype.is_complex
        rows: list[list[list[Tensor]]] = []  # by direction (1, i), entry, output
        with _core.no_grad():
            for direction in (1.0, 1j) if complex_input else (1.0,):
                entries = []
                for i in range(count):
                    at: Any = i if contiguous else _unravel(i, data.shape)
                    before = flat[at].item()

                    def change(s: float, at: Any = at, before: Any = before, direction: Any = direction) -> None:
                        flat[at] = before + s * direction if s else before

                    entries.append(self._difference(change, "on the index "))
                rows.append(entries)
            result: list[tuple[Tensor, Tensor | None]] = []
            for k, out in enumerate(self.outputs):
                parts: list[Any] = []
                for entries in rows:
                    if entries:
                        parts.append(_core.stack([e[k].reshape(-1) for e in entries]))
                    else:
                        parts.append(_core.zeros(0, out.numel(), dtype=out.dtype))
                if out.dtype.is_complex:
                    result.append((_join([p.real for p in parts]), _join([p.imag for p in parts])))
                else:
                    result.append((_join(parts), None))
        return result

    # --- backward ---------------------------------------------------------------------------------------------------

    def analytical(self, output: Tensor, unit: complex = 1.0) -> list[Tensor]:
        """The Jacobian of an output (its real part, or with `unit` i its imaginary one) for each derived input."""
        count = output.numel()
        columns: list[list[Tensor | None]] = [[] for _ in self.tensors]
        units = _core.eye(count, dtype=output.dtype)
        if unit != 1.0:
            units = units * unit
        for row in units.view(count, *output.shape).unbind(0):
            grads = _grad(output, self.tensors, row, True, False, True, False)
            for column, g in zip(columns, grads, strict=True):
                column.append(g)
        result = []
        for t, column in zip(self.tensors, columns, strict=True):
            for entry in column:
                self._fits(t, entry)
            if all(g is None for g in column):
                jacobian = _core.zeros(t.numel(), count, dtype=t.dtype)
            else:
                zero = _core.zeros(t.shape, dtype=t.dtype)
                jacobian = _core.stack([(zero if g is None else g).detach().reshape(-1) for g in column], 1)
            result.append(jacobian)
        return result

    def _fits(self, tensor: Tensor, g: Tensor | None) -> None:
        if g is None:
            return
        if self.check_grad_dtypes and g.dtype != tensor.dtype:
            raise GradcheckError("Gradient has dtype mismatch")
        if g.shape != tensor.shape:
            raise GradcheckError("Analytical gradient has incorrect size")

    # --- the whole ----------------------------------------------------------------------------------------------------

    def run(self, options: dict[str, Any]) -> bool:
        self._check_inputs()
        given = self.call()
        self.outputs = _differentiable(given)
        self.places = {k for k, o in enumerate(given) if o.requires_grad}
        if not self.outputs:
            return self._without_derivative(given)
        if options["check_backward_ad"]:
            for k, output in enumerate(self.outputs):
                parts: tuple[tuple[int, complex], ...] = ((0, 1.0),)
                if output.dtype.is_complex:
                    parts = ((1, 1j), (0, 1.0))
                for part, unit in parts:
                    (self._compare_fast if self.fast else self._compare)(k, output, part, unit)
        self._numerical: Any = None
        if options["check_forward_ad"]:
            self._forward_mode()
        if options["check_batched_grad"]:
            self._batched()
        if options["check_backward_ad"]:
            self._multiplied_by_cotangent()
            if options["check_undefined_grad"]:
                self._undefined()
        return True

    _numerical: Any = None
    _nested = False  # a check within a check, or one whose message nobody reads
    outputs: tuple[Tensor, ...]
    places: set[int]

    def _check_inputs(self) -> None:
        if not self.derived:
            raise ValueError(
                "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
            )
        for i, t in self.derived:
            if t.dtype not in (_core.float64, _core.complex128) and not self._nested:
                import warnings

                warnings.warn(
                    f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will "
                    "likely fail if all the inputs are not of double precision floating point or complex. ",
                    stacklevel=4,
                )
            if any(stride == 0 and size > 1 for stride, size in zip(t.stride(), t.shape, strict=True)):
                raise RuntimeError(
                    f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to "
                    "be able to compute the numerical gradients correctly. You should call .contiguous on the input before "
                    "passing it to gradcheck."
                )

    def _without_derivative(self, given: tuple[Any, ...]) -> bool:
        """A function whose outputs are not recorded must be constant."""
        self.outputs = tuple(o for o in given if _floating(o))
        self.places = {k for k, o in enumerate(given) if _floating(o)}
        for _, t in self.derived:
            for part in self.numerical(t):
                if any(p is not None and bool((p != 0).any()) for p in part):
                    raise GradcheckError("Numerical gradient for function expected to be zero")
        return True

    def _compare(self, k: int, output: Tensor, part: int, unit: complex) -> None:
        if self._numerical is None:
            self._numerical = [self.numerical(t) for t in self.tensors]
        once, again = self.analytical(output, unit), self.analytical(output, unit)
        for (i, t), jacobian, numeric in zip(self.derived, once, self._numerical, strict=True):
            expected = numeric[k][part]
            if not _close(jacobian, expected, self.rtol, self.atol):
                raise GradcheckError(self._mismatch(k, i, t, output, part, jacobian, expected))
        self._same_again(once, again)

    def _same_again(self, once: Sequence[Tensor], again: Sequence[Tensor]) -> None:
        for a, b in zip(once, again, strict=True):
            if a.numel() and not bool(((a - b).abs() <= self.nondet_tol).all()):
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                    "different values, although analytical gradient matches numerical gradient."
                    f"The tolerance for nondeterminism was {self.nondet_tol}." + _NONDETERMINISTIC
                )

    def _mismatch(
        self,
        k: int,
        i: int,
        t: Tensor,
        output: Tensor,
        part: int,
        jacobian: Tensor,
        expected: Tensor,
        forward: bool = False,
    ) -> str:
        text = _head(k, i, output, part, forward) + f"numerical:{expected}\nanalytical:{jacobian}\n"
        return text + self._worst(i, t, output, jacobian, expected) + self._suspect()

    def _worst(self, i: int, t: Tensor, output: Tensor, jacobian: Tensor, expected: Tensor) -> str:
        off = (jacobian - expected).abs()
        off = _core.where(off.isnan(), float("inf"), off)
        at = int(off.argmax().item())
        row, column = divmod(at, max(output.numel(), 1))
        here, there = list(_unravel(row, t.shape)), list(_unravel(column, output.shape))
        return (
            f"\nWorst entry: the derivative of the output at {there} by input {i} at {here}: "
            f"numerical {expected[row, column].item():.6g}, analytical {jacobian[row, column].item():.6g}."
        )

    def _suspect(self) -> str:
        """Names the operator whose own derivative is wrong at the arguments that it gets here."""
        if self._nested:
            return ""
        try:
            found = _wrong_operators(self)
        except Exception:  # the report of an error must not fail
            return "\n"
        if not found:
            return "\n"
        return "\nSuspect: " + "; ".join(found) + ".\n"

    # --- fast mode: one number v . J u for each pair of output and input ------------------------------------------------

    def _compare_fast(self, k: int, output: Tensor, part: int, unit: complex) -> None:
        generator = _core.Generator()
        generator.manual_seed(1 + k)

        def direction(shape: Sequence[int]) -> Tensor:
            r = _core.rand(tuple(shape), generator=generator, dtype=_core.float64)
            return r / r.norm() if r.numel() else r

        v = direction(output.shape)
        cotangent = (v * unit if output.dtype.is_complex else v).to(output.dtype)
        once = _grad(output, self.tensors, cotangent, True, False, True, True)
        again = _grad(output, self.tensors, cotangent, True, False, True, True)
        total = float(v.abs().sum().item())
        for (i, t), g in zip(self.derived, once, strict=True):
            self._fits(t, g)
            data = t.data
            before = data.clone()
            real = direction(t.shape)
            u = (real + 1j * direction(t.shape) if t.dtype.is_complex else real).to(t.dtype)

            def change(s: float, data: Tensor = data, before: Tensor = before, u: Tensor = u) -> None:
                data.copy_(before + s * u if s else before)

            with _core.no_grad():
                d = self._difference(change, "")[k]
                if d.dtype.is_complex:
                    d = d.imag if part else d.real
                numeric = float((d * v).sum().item())
                # <u, g> as real vectors: u tells how real and imaginary parts move, g how the output follows.
                analytic = float((u.conj() * g).real.sum().item() if t.dtype.is_complex else (u * g).sum().item())
            size = float(u.abs().sum().item()) * total
            if not abs(analytic - numeric) <= self.atol * max(size, 1.0) + self.rtol * abs(numeric):
                slow = self.analytical(output, unit)[[place for place, _ in self.derived].index(i)]
                expected: Any = self.numerical(t)[k][part]
                worst = float((slow - expected).abs().max().item())
                raise GradcheckError(
                    _head(k, i, output, part, False) + f"numerical:{numeric}\nanalytical:{analytic}\n\n"
                    "The above quantities relating the numerical and analytical jacobians are computed \nin fast mode. See: "
                    "https://github.com/pytorch/pytorch/issues/53876 for more background \nabout fast mode. Below, we recompute "
                    f"numerical and analytical jacobians in slow mode:\n\nNumerical:\n {expected}\nAnalytical:\n{slow}\n\n"
                    f"The max per-element difference (slow mode) is: {worst}.\n"
                    + self._worst(i, t, output, slow, expected)
                    + self._suspect()
                )
        self._same_again(once, again)

    # --- further checks -----------------------------------------------------------------------------------------------

    def _forward_mode(self) -> None:
        from . import forward_ad

        for place, t in self.derived:
            numeric = self.numerical(t)
            rows: list[list[Tensor]] = []
            for i in range(t.numel()):
                tangent = _core.zeros(t.shape, dtype=t.dtype)
                tangent.view(-1)[i] = 1
                with forward_ad.dual_level():
                    inputs = [a.detach() if isinstance(a, Tensor) else a for a in self.inputs]
                    inputs[place] = forward_ad.make_dual(t.detach(), tangent)
                    outs = [o for n, o in enumerate(_tuple(self.function(*inputs))) if n in self.places]
                    tangents = [forward_ad.unpack_dual(o).tangent for o in outs]
                rows.append(
                    [
                        _core.zeros(o.numel(), dtype=o.dtype) if d is None else d.detach().reshape(-1)
                        for o, d in zip(self.outputs, tangents, strict=True)
                    ]
                )
            for k, output in enumerate(self.outputs):
                made = _core.stack([row[k] for row in rows])
                real, imag = numeric[k]
                pairs = [(made.real, real), (made.imag, imag)] if output.dtype.is_complex else [(made, real)]
                for part, (got, expected) in enumerate(pairs):
                    assert expected is not None
                    if expected.dtype.is_complex:
                        expected = expected.real  # the step was along the real axis
                    if not _close(got, expected, self.rtol, self.atol):
                        raise GradcheckError(self._mismatch(k, place, t, output, part, got, expected, forward=True))

    def _batched(self) -> None:
        from . import grad

        for output in self.outputs:
            cotangents = [_like(output, seed) for seed in (1, 2)]
            one_by_one = [grad(output, self.tensors, c, retain_graph=True, allow_unused=True) for c in cotangents]
            at_once = grad(
                output,
                self.tensors,
                _core.stack(cotangents),
                retain_graph=True,
                allow_unused=True,
                is_grads_batched=True,
            )
            for i, got in enumerate(at_once):
                rows = [g[i] for g in one_by_one]
                if got is None or any(r is None for r in rows):
                    continue
                if not _close(got, _core.stack(rows), self.rtol, self.atol):
                    raise GradcheckError(
                        f"For output {i} and batched cotangents, gradients computed one by one and as a batch differ:\n"
                        f"got:\n{got}\n\nExpected:\n{_core.stack(rows)}"
                    )

    def _multiplied_by_cotangent(self) -> None:
        zeros = [_core.zeros(o.shape, dtype=o.dtype) for o in self.outputs]
        grads = _grad(self.outputs, self.tensors, zeros, True, False, True, False)
        for t, g in zip(self.tensors, grads, strict=True):
            if g is None:
                continue
            if not bool((g == 0).all()):
                raise GradcheckError("backward not multiplied by grad_output")
            if g.dtype != t.dtype:
                raise GradcheckError("grad is incorrect type")
            if g.shape != t.shape:
                raise GradcheckError("grad is incorrect size")

    def _undefined(self) -> None:
        """Each output may stay without a gradient, or be the only one with one."""
        outputs = self.outputs
        if len(outputs) < 2:
            return
        choices = {frozenset((k,)) for k in range(len(outputs))}
        choices |= {frozenset(range(len(outputs))) - {k} for k in range(len(outputs))}
        for chosen in choices:
            roots = [o for k, o in enumerate(outputs) if k in chosen]
            zeros = [_core.zeros(o.shape, dtype=o.dtype) for o in roots]
            try:
                grads = _grad(roots, self.tensors, zeros, True, False, True, False)
            except RuntimeError as error:
                raise GradcheckError(
                    "Expected backward function to handle undefined output grads. "
                    'Please look at "Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"'
                ) from error
            if any(g is not None and not bool((g == 0).all()) for g in grads):
                raise GradcheckError(
                    "Expected all input grads to be undefined or zero when all output grads are undefined or zero. "
                    'Please look at "Notes about undefined output gradients" in "tools/autograd/derivatives.yaml"'
                )


def _head(k: int, i: int, output: Tensor, part: int, forward: bool) -> str:
    text = f"Jacobian mismatch for output {k} with respect to input {i},\n"
    if output.dtype.is_complex:
        text = f"While considering the {('real', 'imaginary')[part]} part of complex outputs only, " + text
    if forward:
        text = "Jacobian computed with forward mode mismatch for output " + text.split("output ", 1)[1]
    return text


def _join(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]


def _close(got: Tensor, expected: Tensor, rtol: float, atol: float) -> bool:
    if got.dtype != expected.dtype:
        common = _core.promote_types(got.dtype, expected.dtype)
        got, expected = got.to(common), expected.to(common)
    return bool(((got - expected).abs() <= atol + rtol * expected.abs()).all())


def _unravel(i: int, shape: Sequence[int]) -> tuple[int, ...]:
    at = []
    for size in reversed(shape):
        i, r = divmod(i, size)
        at.append(r)
    return tuple(reversed(at))


def _like(t: Tensor, seed: int) -> Tensor:
    generator = _core.Generator()
    generator.manual_seed(seed)
    dtype = t.dtype if t.dtype.is_complex or t.dtype.is_floating_point else _core.float64
    return _core.randn(tuple(t.shape), generator=generator, dtype=dtype)


def _wrong_operators(check: _Check) -> list[str]:
    """Runs the function once more, noting each operator with its arguments, and checks each by itself."""
    from .function import Function as AutogradFunction

    calls: list[tuple[str, Function, tuple[Any, ...], dict[str, Any]]] = []
    inherited: Any = AutogradFunction.__dict__["apply"]

    class Spy(Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = super().__torch_function__(func, types, args, kwargs or {})
            if not func.__name__.endswith("_") and any(
                isinstance(r, Tensor) and r.requires_grad for r in _tuple(result)
            ):
                calls.append((getattr(func, "__name__", str(func)), func, tuple(args), kwargs or {}))
            return result

    @classmethod  # type: ignore[misc]
    def apply(cls: Any, *args: Any) -> Any:
        calls.append((cls.__name__, lambda *a: inherited.__get__(None, cls)(*a), args, {}))
        return inherited.__get__(None, cls)(*args)

    spied = [
        a.detach().requires_grad_().as_subclass(Spy) if any(a is t for t in check.tensors) else a for a in check.inputs
    ]
    AutogradFunction.apply = apply  # for the time of one call
    try:
        outputs = _tuple(check.function(*spied))
    finally:
        AutogradFunction.apply = inherited
    lines: dict[str, list[str]] = {}
    custom: list[str] = []
    for output in outputs:
        if isinstance(output, Tensor) and output.grad_fn is not None:
            for node in _nodes(output.grad_fn):
                if isinstance(node, _core._FunctionBase):
                    own = f"{type(node)._forward_cls.__name__}, called at {node.line}"
                    custom += [own] if own not in custom else []
                lines.setdefault(node.name().partition("Backward")[0].lower(), []).append(node.line)
    found: list[str] = []
    for name, func, args, kwargs in calls:
        plain = [a.detach().as_subclass(Tensor) if isinstance(a, Tensor) else a for a in args]
        for i, a in enumerate(plain):
            if _floating(a) and args[i].requires_grad:
                plain[i] = a.clone().requires_grad_()
        tensors = tuple(p for p in plain if isinstance(p, Tensor) and p.requires_grad)
        if not tensors:
            continue

        def alone(*given: Any, plain: Any = plain, func: Any = func, kwargs: Any = kwargs) -> Any:
            rest = iter(given)
            return func(*[next(rest) if isinstance(p, Tensor) and p.requires_grad else p for p in plain], **kwargs)

        single = _Check(
            alone, tensors, eps=check.eps, atol=check.atol, rtol=check.rtol, nondet_tol=float("inf"),
            check_grad_dtypes=False, fast_mode=False,
        )  # fmt: skip
        single._nested = True
        try:
            single.run(
                {
                    "check_backward_ad": True,
                    "check_forward_ad": False,
                    "check_batched_grad": False,
                    "check_undefined_grad": False,
                }
            )
        except GradcheckError:
            where = lines.get(name.strip("_").lower(), [])
            text = f"{name}, called at {where[0]}" if where else name
            if text not in found:
                found.append(text)
        except Exception:  # it cannot be checked alone
            continue
    # A Function whose `apply` was taken before is not seen as a call; if nothing else is wrong, it is that.
    return found or custom


def _nodes(root: Any) -> list[Any]:
    seen, order = {root}, [root]
    for node in order:
        for below, _ in node.next_functions:
            if below is not None and below not in seen:
                seen.add(below)
                order.append(below)
    return [n for n in order if n.name() != "AccumulateGrad"]


def gradcheck(
    func: Function,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compares the gradients of `func` with central differences; True if they agree.

    func: takes `inputs`, gives a tensor or a tuple of them. inputs: a tensor or a tuple; what requires grad is checked and
    should be float64 or complex128. An entry is right if ``|a - n| <= atol + rtol * |n|``.

    eps: the step. raise_exception: a wrong gradient raises `GradcheckError`, which shows both Jacobians and names the worst
    entry and the operator that is wrong by itself; else the result is False. nondet_tol: how much two runs of backward may
    differ. check_undefined_grad: outputs may stay without a gradient. check_grad_dtypes: gradients have their input's dtype.
    check_batched_grad: `grad(is_grads_batched=True)` gives the same. check_forward_ad, check_backward_ad: which of the modes
    to check. fast_mode: compares v . J u for random u and v only. masked: for sparse tensors, which there are none of.
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    check = _Check(
        func,
        _tuple(inputs),
        eps=eps,
        atol=atol,
        rtol=rtol,
        nondet_tol=nondet_tol,
        check_grad_dtypes=check_grad_dtypes,
        fast_mode=fast_mode,
    )
    options = {
        "check_backward_ad": check_backward_ad,
        "check_forward_ad": check_forward_ad,
        "check_batched_grad": check_batched_grad,
        "check_undefined_grad": check_undefined_grad,
    }
    if raise_exception:
        return check.run(options)
    check._nested = True
    try:
        return check.run(options)
    except GradcheckError:
        return False


def gradgradcheck(
    func: Function,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compares second derivatives with central differences of the first.

    The gradients of `func` are taken as a function of `inputs` and `grad_outputs` (random where left out) and given to
    `gradcheck`, whose options these are. gen_non_contig_grad_outputs: the random ones are laid out with gaps.
    check_fwd_over_rev: forward mode over backward, too; check_rev_over_rev: backward over backward.
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    if check_undefined_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_undefined_grad=True requires check_rev_over_rev to be True")
    if check_batched_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_batched_grad=True requires check_rev_over_rev to be True")
    given = _tuple(inputs)
    if grad_outputs is None:
        outputs = _differentiable(_tuple(func(*given)))
        cotangents = tuple(_cotangent(o, k, gen_non_contig_grad_outputs) for k, o in enumerate(outputs))
    else:
        cotangents = _tuple(grad_outputs)
    count = len(given)
    wanted = [i for i, a in enumerate(given) if isinstance(a, Tensor) and a.requires_grad]

    def first(*arguments: Any) -> tuple[Tensor, ...]:
        own = list(arguments[:count])
        for i in wanted:
            # Copies, so that the gradients are functions of what is perturbed. Forward mode gives plain tensors.
            copy = own[i].view_as(own[i])
            own[i] = copy if copy.requires_grad else copy.requires_grad_()
        outputs = _differentiable(_tuple(func(*own)))
        tensors = [own[i] for i in wanted]
        grads = _grad(outputs, tensors, list(arguments[count:]), None, True, True, False)
        return tuple(g for g in grads if g is not None)

    def recorded(*arguments: Any) -> tuple[Tensor, ...]:
        with _core.enable_grad():
            return first(*arguments)

    return gradcheck(
        recorded,
        given + cotangents,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


def _cotangent(output: Tensor, k: int, gaps: bool) -> Tensor:
    t = _like(output, 1 + k)
    if gaps and t.ndim:
        t = _core.stack([t, t], -1)[..., 0]
    return t.requires_grad_()


_core._internal(globals())

"""Jacobians, Hessians, and their products with vectors, of a Python function at a point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import _core
from .._core import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors = tuple[Tensor, ...]
Function = Callable[..., Any]
_backward = _core._autograd_grad


# --- arguments and results ----------------------------------------------------------------------------------------------


def _as_tuple(x: Any, what: str, name: str) -> tuple[bool, Tensors]:
    """Whether it is a tuple, and a tuple of it."""
    if isinstance(x, Tensor):
        return False, (x,)
    if not isinstance(x, tuple):
        raise TypeError(
            f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the given {what} has type {type(x)}."
        )
    for i, t in enumerate(x):
        if not isinstance(t, Tensor):
            raise TypeError(
                f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the value at index {i} has type "
                f"{type(t)}."
            )
    return True, x


def _arguments(inputs: Tensors, create_graph: bool) -> Tensors:
    """The inputs as fresh tensors to derive by; with `create_graph` they keep their history."""
    if create_graph:
        return tuple(t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in inputs)
    return tuple(t.detach().requires_grad_() for t in inputs)


def _finish(results: Any, create_graph: bool) -> Any:
    """Without `create_graph` nothing that is given back has a history."""
    if isinstance(results, Tensor):
        return results if create_graph else results.detach()
    return tuple(_finish(r, create_graph) for r in results)


def _unwrap(results: tuple[Any, ...], keep: bool) -> Any:
    return results if keep else results[0]


def _grad(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], cotangents: Sequence[Tensor] | None, create_graph: bool
) -> tuple[Tensor | None, ...]:
    """Gradients, None for inputs that nothing leads to; the graph stays."""
    pairs = [(o, None if cotangents is None else cotangents[i]) for i, o in enumerate(outputs) if o.requires_grad]
    if not pairs:
        return (None,) * len(inputs)
    roots = [o for o, _ in pairs]
    grads: tuple[Tensor | None, ...] = _backward(
        roots, inputs, None if cotangents is None else [g for _, g in pairs], True, create_graph, True, False
    )
    return grads


def _check_vector(v: Tensors, other: Tensors, is_tuple: bool) -> None:
    if len(other) != len(v):
        if is_tuple:
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(other)} but got {len(v)}.")
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (a, b) in enumerate(zip(v, other, strict=True)):
        if a.shape != b.shape:
            where = f"Entry {i} in " if is_tuple else ""
            raise RuntimeError(f"{where}v has invalid size: should be {b.shape} but got {a.shape}.")


_INDEPENDENT = {
    "outputs": "Output {} of the user-provided function does not require gradients. The outputs must be computed in a "
    "differentiable manner from the input when running in strict mode.",
    "grad_inputs": "The gradient with respect to input {} is independent of the inputs of the user-provided function. This is "
    "not allowed in strict mode.",
    "jacobian": "While computing the hessian, found that the jacobian of the user-provided function with respect to input {} is "
    "independent of the input. This is not allowed in strict mode. You should ensure that your function is twice "
    "differentiable and that the jacobian depends on the inputs (this would be violated by a linear function for example).",
    "hessian": "The hessian of the user-provided function with respect to input {} is independent of the input. This is not "
    "allowed in strict mode. You should ensure that your function is thrice differentiable and that the hessian depends on "
    "the inputs.",
    "back": "The output of the user-provided function is independent of input {}. This is not allowed in strict mode.",
    "back_trick": "The gradient with respect to the input is independent of entry {} in the grad_outputs when using the double "
    "backward trick to compute forward mode gradients. This is not allowed in strict mode.",
    "double_back": "The jacobian of the user-provided function is independent of input {}. This is not allowed in strict mode.",
    "double_back_trick": "The hessian of the user-provided function is independent of entry {} in the grad_jacobian. This is "
    "not allowed in strict mode as it prevents from using the double backward trick to replace forward mode AD.",
}


def _check_recorded(tensors: Sequence[Tensor | None], what: str, strict: bool) -> None:
    """In strict mode everything must depend on the inputs."""
    if not strict:
        return
    for i, t in enumerate(tensors):
        if t is None:
            raise RuntimeError(_INDEPENDENT["back"].format(i))
        if not t.requires_grad:
            raise RuntimeError(_INDEPENDENT[what].format(i))


def _zeros_for_none(
    grads: Sequence[Tensor | None], like: Tensors, strict: bool, create_graph: bool, stage: str
) -> Tensors:
    """Zeros where there is no gradient; in strict mode an error that says what does not depend on what."""
    result = []
    for i, (g, t) in enumerate(zip(grads, like, strict=True)):
        if g is None:
            if strict:
                raise RuntimeError(_INDEPENDENT[stage].format(i))
            g = _core.zeros_like(t)
        elif strict and create_graph and not g.requires_grad:
            what = "hessian" if "double" in stage else "jacobian"
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {i}. This is not allowed in strict mode when "
                "create_graph=True."
            )
        result.append(g)
    return tuple(result)


def _scalar_output(outputs: Tensors, is_tuple: bool, name: str) -> None:
    if is_tuple:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")


def _vector(v: Any, like: Tensors, like_is_tuple: bool, name: str, what: str) -> Tensors:
    """`v` as a tuple like `like`; ones where it was left out and there is but one number."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"The vector v can only be None if {what} a single Tensor with a single element.")
        return (_core.ones_like(like[0]),)
    _, given = _as_tuple(v, "v", name)
    _check_vector(given, like, like_is_tuple)
    return given


_ONE_INPUT = "the input to the user-provided function is"


# --- products with vectors ----------------------------------------------------------------------------------------------


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The product of `v` and the Jacobian of `func` at `inputs`: ``(func(*inputs), v . J)``.

    v: of the shape of the output; it may be left out for a single number. create_graph: the results can be derived again.
    strict: what does not depend on an input is an error instead of zeros.
    """
    with _core.enable_grad():
        is_tuple, given = _as_tuple(inputs, "inputs", "vjp")
        own = _arguments(given, create_graph)
        several, outputs = _as_tuple(func(*own), "outputs of the user-provided function", "vjp")
        _check_recorded(outputs, "outputs", strict)
        if v is None and (len(outputs) != 1 or outputs[0].numel() != 1):
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single element."
            )
        vector = _vector(v, outputs, several, "vjp", "")
    with _core.set_grad_enabled(create_graph or _core.is_grad_enabled()):
        grads = _grad(outputs, own, vector, create_graph)
        result = _zeros_for_none(grads, own, strict, create_graph, "back")
    return _unwrap(_finish(outputs, create_graph), several), _unwrap(_finish(result, create_graph), is_tuple)


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The product of the Jacobian of `func` at `inputs` and `v`: ``(func(*inputs), J . v)``, by deriving backward twice.

    v: of the shape of the inputs; it may be left out for a single number. The other arguments are those of `vjp`.
    """
    with _core.enable_grad():
        is_tuple, given = _as_tuple(inputs, "inputs", "jvp")
        own = _arguments(given, create_graph)
        vector = _vector(v, given, is_tuple, "jvp", _ONE_INPUT)
        several, outputs = _as_tuple(func(*own), "outputs of the user-provided function", "jvp")
        _check_recorded(outputs, "outputs", strict)
        # v . J is linear in its cotangent; the gradient of <v . J, t> by the cotangent is J . t.
        cotangents = tuple(_core.zeros_like(o).requires_grad_() for o in outputs)
        grads = _grad(outputs, own, cotangents, True)
        _check_recorded(grads, "grad_inputs", strict)
        pairs = [(g, t) for g, t in zip(grads, vector, strict=True) if g is not None]
        products = _grad([g for g, _ in pairs], cotangents, [t for _, t in pairs], create_graph)
        result = _zeros_for_none(products, outputs, strict, create_graph, "back_trick")
    return _unwrap(_finish(outputs, create_graph), several), _unwrap(_finish(result, create_graph), several)


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The product of `v` and the Hessian of `func` (of one number) at `inputs`: ``(func(*inputs), v . H)``.

    v: of the shape of the inputs; it may be left out for a single number. The other arguments are those of `vjp`.
    """
    with _core.enable_grad():
        is_tuple, given = _as_tuple(inputs, "inputs", "vhp")
        own = _arguments(given, create_graph)
        vector = _vector(v, given, is_tuple, "vhp", _ONE_INPUT)
        several, outputs = _as_tuple(func(*own), "outputs of the user-provided function", "vhp")
        _check_recorded(outputs, "outputs", strict)
        _scalar_output(outputs, several, "vhp")
        gradient = _grad(outputs, own, None, True)
        _check_recorded(gradient, "jacobian", strict)
        pairs = [(g, t) for g, t in zip(gradient, vector, strict=True) if g is not None]
        products = _grad([g for g, _ in pairs], own, [t for _, t in pairs], create_graph)
        result = _zeros_for_none(products, own, strict, create_graph, "double_back")
    return _finish(outputs[0], create_graph), _unwrap(_finish(result, create_graph), is_tuple)


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The product of the Hessian of `func` (of one number) at `inputs` and `v`: ``(func(*inputs), H . v)``.

    The Hessian is symmetric, so that this is `vhp`; strict mode checks that the gradient depends on the inputs.
    """
    with _core.enable_grad():
        is_tuple, given = _as_tuple(inputs, "inputs", "hvp")
        own = _arguments(given, create_graph)
        vector = _vector(v, given, is_tuple, "hvp", _ONE_INPUT)
        several, outputs = _as_tuple(func(*own), "outputs of the user-provided function", "hvp")
        _check_recorded(outputs, "outputs", strict)
        _scalar_output(outputs, several, "hvp")
        gradient = _grad(outputs, own, None, True)
        _check_recorded(gradient, "jacobian", strict)
        pairs = [(g, t) for g, t in zip(gradient, vector, strict=True) if g is not None]
        products = _grad([g for g, _ in pairs], own, [t for _, t in pairs], create_graph)
        if strict:
            _check_recorded([g for g in gradient if g is not None], "hessian", strict)
        result = _zeros_for_none(products, own, strict, create_graph, "double_back_trick")
    return _finish(outputs[0], create_graph), _unwrap(_finish(result, create_graph), is_tuple)


# --- whole matrices -----------------------------------------------------------------------------------------------------


def _check_strategy(strategy: str, strict: bool, create_graph: bool, vectorize: bool) -> None:
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than '
            'inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                "torch.autograd.functional.jacobian: `create_graph=True` "
                'and `strategy="forward-mode"` are not supported together (yet). '
                'Please either set `create_graph=False` or `strategy="reverse-mode"`.'
            )
        if strict:
            raise RuntimeError(
                "torch.autograd.functional.jacobian: `strict=True` "
                'and `strategy="forward-mode"` are not supported together (yet). '
                'Please either set `strict=False` or `strategy="reverse-mode"`.'
            )
        if not vectorize:
            raise NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
            )
    if vectorize and strict:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. Please either "
            "set `strict=False` or `vectorize=False`."
        )


def _rows(output: Tensor, inputs: Tensors, create_graph: bool, strict: bool, k: int) -> Tensors:
    """The Jacobian of one output by each input."""
    count = output.numel()
    columns: list[list[Tensor]] = [[] for _ in inputs]
    if output.requires_grad:
        if output.dtype.is_complex and count:
            raise RuntimeError(
                f"grad can be implicitly created only for real scalar outputs but got {output.dtype}"
                ": take the Jacobian of the real and of the imaginary part."
            )
        if count == 1:
            units: Sequence[Tensor] = (_core.ones_like(output),)
        else:
            units = _core.eye(count, dtype=output.dtype).view(count, *output.shape).unbind(0)
        for unit in units:
            grads = _backward(output, inputs, unit, True, create_graph, True, False)
            for i, (column, g, t) in enumerate(zip(columns, grads, inputs, strict=True)):
                if g is None:
                    if strict:
                        raise RuntimeError(
                            f"Output {k} of the user-provided function is independent of input {i}. This is not allowed in "
                            "strict mode."
                        )
                    g = _core.zeros_like(t)
                elif strict and create_graph and not g.requires_grad:
                    raise RuntimeError(
                        f"The jacobian of the user-provided function is independent of input {i}. This is not allowed in strict "
                        "mode when create_graph=True."
                    )
                column.append(g)
    shape = tuple(output.shape)
    return tuple(
        _core.stack(column).view(shape + tuple(t.shape))
        if column
        else _core.zeros(shape + tuple(t.shape), dtype=t.dtype)
        for column, t in zip(columns, inputs, strict=True)
    )


def _columns(func: Callable[..., tuple[bool, Tensors]], inputs: Tensors) -> tuple[bool, tuple[Tensors, ...]]:
    """The Jacobian of each output by each input in forward mode: a run of `func` for each number of the inputs.

    `func` says whether its outputs are a tuple and gives them. The result keeps the history of the inputs.
    """
    from . import forward_ad

    tangents: list[list[list[Tensor]]] = []  # by output, input, number of the input
    several, shapes = False, []
    with forward_ad.dual_level():
        if not any(t.numel() for t in inputs):
            several, outputs = func(*(t.view_as(t) for t in inputs))
            tangents = [[[] for _ in inputs] for _ in outputs]
            shapes = [o.detach() for o in outputs]
        for i, t in enumerate(inputs):
            units = _core.eye(t.numel(), dtype=t.dtype).view(t.numel(), *t.shape).unbind(0) if t.numel() else ()
            for unit in units:
                own = [forward_ad.make_dual(a, unit) if k == i else a.view_as(a) for k, a in enumerate(inputs)]
                several, outputs = func(*own)
                pairs = [forward_ad.unpack_dual(o) for o in outputs]
                if not tangents:
                    tangents = [[[] for _ in inputs] for _ in outputs]
                    shapes = [primal.detach() for primal, _ in pairs]
                for column, (primal, tangent) in zip(tangents, pairs, strict=True):
                    column[i].append(_core.zeros_like(primal) if tangent is None else tangent)

    def joined(column: list[Tensor], output: Tensor, t: Tensor) -> Tensor:
        shape = (*output.shape, *t.shape)
        return _core.stack(column, -1).view(shape) if column else _core.zeros(shape, dtype=output.dtype)

    return several, tuple(
        tuple(joined(column, output, t) for column, t in zip(row, inputs, strict=True))
        for row, output in zip(tangents, shapes, strict=True)
    )


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of `func` at `inputs`, for each output and input of shape ``output.shape + input.shape``.

    A tensor where both are single tensors, else a tuple (of tuples) by output, then input.

    create_graph: the result can be derived again. strict: what does not depend on an input is an error instead of zeros.
    strategy: "reverse-mode" runs one backward pass for each number of the output, "forward-mode" the function once for each
    number of the inputs; that needs ``vectorize=True``, which is without further meaning here. As in PyTorch, the result of
    forward mode has the history of inputs that require grad.
    """
    _check_strategy(strategy, strict, create_graph, vectorize)
    if strategy == "forward-mode":
        is_tuple, given = _as_tuple(inputs, "inputs", "jacobian")
        several, result = _columns(
            lambda *own: _as_tuple(func(*own), "outputs of the user-provided function", "jacobian"), given
        )
        return _unwrap(tuple(_unwrap(row, is_tuple) for row in result), several)
    with _core.enable_grad():
        is_tuple, given = _as_tuple(inputs, "inputs", "jacobian")
        own = _arguments(given, create_graph)
        several, outputs = _as_tuple(func(*own), "outputs of the user-provided function", "jacobian")
        _check_recorded(outputs, "outputs", strict)
        result = tuple(_rows(output, own, create_graph, strict, k) for k, output in enumerate(outputs))
        result = _finish(result, create_graph)
    return _unwrap(tuple(_unwrap(row, is_tuple) for row in result), several)


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of `func` (of one number) at `inputs`, for each pair of inputs of shape ``a.shape + b.shape``.

    A tensor for a single input, else a tuple of tuples. The arguments are those of `jacobian`; with forward mode as
    `outer_jacobian_strategy` it is the tangents of the gradient.
    """
    _check_strategy(outer_jacobian_strategy, strict, create_graph, vectorize)

    def gradient(*own: Tensor) -> tuple[bool, Tensors]:
        for t in own:
            if not t.requires_grad:
                t.requires_grad_()
        several, outputs = _as_tuple(func(*own), "outputs of the user-provided function", "hessian")
        _scalar_output(outputs, several, "hessian")
        if outputs[0].requires_grad:
            first: tuple[Tensor | None, ...] = _backward(outputs, own, None, True, True, True, False)
        else:
            first = (None,) * len(own)
        return True, tuple(_core.zeros_like(t) if g is None else g for g, t in zip(first, own, strict=True))

    if outer_jacobian_strategy == "forward-mode":
        is_tuple, given = _as_tuple(inputs, "inputs", "hessian")
        with _core.enable_grad():
            _, result = _columns(gradient, given)
        if not any(t.requires_grad for t in given):
            result = _finish(result, False)
        return _unwrap(tuple(_unwrap(row, is_tuple) for row in result), is_tuple)
    with _core.enable_grad():
        is_tuple, given = _as_tuple(inputs, "inputs", "hessian")
        own = _arguments(given, create_graph)
        _, grads = gradient(*own)
        _check_recorded(grads, "jacobian", strict)
        result = tuple(_rows(g, own, create_graph, strict, k) for k, g in enumerate(grads))
        result = _finish(result, create_graph)
    return _unwrap(tuple(_unwrap(row, is_tuple) for row in result), is_tuple)


_core._internal(globals())

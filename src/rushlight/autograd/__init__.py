"""Derivatives: `backward`, `grad`, and what is around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .. import _core
from .._core import Tensor, enable_grad, inference_mode, no_grad, set_grad_enabled
from .._missing import missing
from . import function as function
from .function import Function, NestedIOFunction
from .grad_mode import enforce_grad_layout_policy, set_multithreading_enabled

if TYPE_CHECKING:
    from . import anomaly_mode as anomaly_mode
    from . import forward_ad as forward_ad
    from . import functional as functional
    from . import graph as graph
    from . import profiler as profiler
    from . import variable as variable
    from .anomaly_mode import detect_anomaly, set_detect_anomaly
    from .gradcheck import gradcheck, gradgradcheck
    from .graph import GradientEdge

    _Outputs = Tensor | GradientEdge | Sequence[Tensor | GradientEdge]

__all__ = [
    "Function",
    "NestedIOFunction",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "enforce_grad_layout_policy",
    "forward_ad",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "profiler",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
    "variable",
]


def _plain(items: Any, gradients: Any = None) -> Any:
    """`items` with a tensor in the place of each `graph.GradientEdge`; mostly there are none."""
    if type(items) is Tensor:
        return items
    several = isinstance(items, (tuple, list)) and not hasattr(items, "ownership_token")
    for item in items if several else (items,):
        if not isinstance(item, Tensor) and hasattr(item, "ownership_token"):
            from .graph import _without_edges

            return _without_edges(items, gradients)
    return items


def backward(
    tensors: _Outputs,
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Tensor | Sequence[Tensor | None] | None = None,
    inputs: _Outputs | dict[Any, Tensor] | None = None,
) -> None:
    """Adds to `.grad` of the leaves the gradients of the sum of ``tensors[i] . grad_tensors[i]``.

    A scalar tensor's cotangent may be left out (None); it is 1. `inputs` limits what gets a gradient. `retain_graph`
    (default: `create_graph`) keeps what the graph has saved for another pass; `create_graph` records the pass itself, so
    that its result can be derived again. `grad_variables` is the old name of `grad_tensors`.
    """
    if grad_variables is not None:
        import warnings

        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.", category=FutureWarning, stacklevel=2
        )
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    if isinstance(inputs, dict):
        inputs = tuple(inputs.values())
    _core._autograd_backward(
        _plain(tensors, grad_tensors),
        grad_tensors,
        retain_graph,
        create_graph,
        None if inputs is None else _plain(inputs),
    )


def grad(
    outputs: _Outputs,
    inputs: _Outputs | dict[Any, Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """The gradients of the sum of ``outputs[i] . grad_outputs[i]`` with respect to `inputs`, as a tuple.

    Where `inputs` is a dict, the result is a dict of the same keys.
    allow_unused: an input that no output depends on gives None instead of an error; materialize_grads: it gives zeros.
    is_grads_batched: the first dimension of each of `grad_outputs` counts a batch of them, and so does that of the
    results. The batch is computed one by one.
    """
    if not only_inputs:
        import warnings

        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for other "
            "parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    if isinstance(inputs, dict):
        grads = grad(
            outputs,
            tuple(inputs.values()),
            grad_outputs,
            retain_graph,
            create_graph,
            only_inputs,
            allow_unused,
            is_grads_batched,
            materialize_grads,
        )
        return dict(zip(inputs, grads, strict=True))
    plain_outputs, plain_inputs = _plain(outputs, grad_outputs), _plain(inputs)
    if materialize_grads and plain_inputs is not inputs:
        # An edge has no shape for zeros: it must get a gradient.
        options = (retain_graph, create_graph, True, True, is_grads_batched, False)
        grads = grad(outputs, inputs, grad_outputs, *options)
        if any(g is None for g in grads):
            raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
        return grads
    if is_grads_batched:
        return _batched(
            plain_outputs, plain_inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads
        )
    return _core._autograd_grad(
        plain_outputs, plain_inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads
    )


def _batched(
    outputs: Any, inputs: Any, grad_outputs: Any, retain_graph: bool | None, create_graph: bool, *options: Any
) -> tuple[Any, ...]:
    """`grad` for each element of a batch of cotangents; the results stacked."""
    several: Sequence[Tensor] = (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)
    given: Sequence[Tensor | None] = (
        (grad_outputs,) if grad_outputs is None or isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    )
    if len(given) != len(several):
        raise RuntimeError(f"got {len(several)} tensors and {len(given)} gradients")
    sizes = {g.shape[0] for g in given if g is not None and g.ndim > 0}
    for i, (out, g) in enumerate(zip(several, given, strict=True)):
        if g is not None and (g.ndim == 0 or g.shape[1:] != out.shape):
            raise RuntimeError(
                f"If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. "
                f"The sizes of the remaining dimensions are expected to match the shape of corresponding output, but a "
                f"mismatch was detected: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {out.shape}. "
                f"If you only want some tensors in `grad_output` to be considered batched, consider using vmap."
            )
    if len(sizes) != 1:
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sorted(sizes)} for the mapped dimension"
        )
    batch = sizes.pop()
    keep = create_graph if retain_graph is None else retain_graph
    if batch == 0:
        cotangents = [None if g is None else _core.zeros(g.shape[1:], dtype=g.dtype) for g in given]
        once = _core._autograd_grad(several, inputs, cotangents, keep, create_graph, *options)
        return tuple(None if g is None else g[None][:0] for g in once)
    rows = [
        _core._autograd_grad(
            several, inputs, [None if g is None else g[i] for g in given], keep or i + 1 < batch, create_graph, *options
        )
        for i in range(batch)
    ]
    return tuple(None if column[0] is None else _core.stack(column) for column in zip(*rows, strict=True))


class _Engine:
    """What programs ask PyTorch's engine for."""

    @staticmethod
    def queue_callback(callback: Any) -> None:
        """Calls `callback()` when the backward pass that runs has ended."""
        _core._call_after_backward(callback)


class _VariableMeta(type):
    def __instancecheck__(cls, other: Any) -> bool:
        return isinstance(other, Tensor)


class Variable(metaclass=_VariableMeta):
    """The name of a tensor with history before there was one kind of tensor: ``Variable(data, requires_grad)``."""

    _execution_engine = _Engine

    def __new__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Any:
        t = _core.empty(0) if data is None else data.detach()
        return t.requires_grad_() if requires_grad else t


_LAZY = {
    "detect_anomaly": "anomaly_mode",
    "set_detect_anomaly": "anomaly_mode",
    "gradcheck": "gradcheck",
    "gradgradcheck": "gradcheck",
}
_SUBMODULES = ("anomaly_mode", "forward_ad", "functional", "graph", "profiler", "profiler_util", "variable")


def __getattr__(name: str) -> Any:
    import importlib

    if name in _LAZY:
        module = importlib.import_module(f"{__name__}.{_LAZY[name]}")
        # Importing a submodule binds its name here: `gradcheck` must be the function.
        for lazy, home in _LAZY.items():
            if home == _LAZY[name]:
                globals()[lazy] = getattr(module, lazy)
        return globals()[name]
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(missing(f"autograd.{name}"))


_core._internal(globals())
_core._internal(vars(function))

"""The graph itself: nodes, edges, what nodes save, and hooks on all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from .. import _core
from .._core import Node, Tensor
from .._missing import missing
from ..utils.hooks import RemovableHandle

if TYPE_CHECKING:
    from ._picture import draw, saved_memory

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "draw",
    "get_gradient_edge",
    "increment_version",
    "region_activation_memory_budget",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_memory",
    "saved_tensors_hooks",
    "set_override_stale_capture_stream",
    "set_warn_on_accumulate_grad_stream_mismatch",
]


# --- edges ------------------------------------------------------------------------------------------------------------


class GradientEdge(NamedTuple):
    """Where the gradient of an output goes: a place for which `backward` and `grad` take gradients, as for a tensor.

    node: the node that made the output; output_nr: which of its outputs; ownership_token: what must live as long.
    """

    node: Node
    output_nr: int
    ownership_token: Any = None


class _Shape:
    """The shape and dtype of the tensor from which an edge was taken."""

    __slots__ = ("like",)

    def __init__(self, tensor: Tensor) -> None:
        self.like = _core.empty((), dtype=tensor.dtype).expand(tensor.shape)

    def __repr__(self) -> str:
        return f"{tuple(self.like.shape)}"


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge at which the gradient of `tensor` is computed; for a leaf, its `AccumulateGrad` node."""
    edge = _core._gradient_edge(tensor)
    if edge is None:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node, output_nr = edge
    return GradientEdge(node, output_nr, _Shape(tensor))


def _as_tensor(edge: Any, gradient: Tensor | None = None) -> Any:
    """A tensor that stands for the edge; anything that is no edge as it is."""
    if not isinstance(edge, GradientEdge):
        return edge
    like = edge.ownership_token.like if isinstance(edge.ownership_token, _Shape) else gradient
    if like is None:
        like = _core.empty(())
    return _core._edge_tensor(edge.node, edge.output_nr, like.detach())


def _without_edges(items: Any, gradients: Any = None) -> Any:
    """`items` of backward or grad, a tensor in the place of each edge."""
    if isinstance(items, GradientEdge):
        first = gradients[0] if isinstance(gradients, (tuple, list)) and gradients else gradients
        return _as_tensor(items, first)
    if isinstance(items, (tuple, list)) and any(isinstance(t, GradientEdge) for t in items):
        if isinstance(gradients, Tensor) or gradients is None:
            gradients = (gradients,)
        given = [*gradients, *[None] * len(items)]
        return tuple(_as_tensor(t, g) for t, g in zip(items, given, strict=False))
    return items


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Counts a change in place that autograd cannot see, so that a backward that needs the old values raises."""
    if isinstance(tensor, Tensor):
        tensor = (tensor,)
    try:
        tensors = tuple(tensor)
    except TypeError:
        raise RuntimeError("increment_version expect a Iterable[Tensor] as input") from None
    for t in tensors:
        _core._bump_version(t)


# --- hooks on saved tensors -------------------------------------------------------------------------------------------


class saved_tensors_hooks:
    """Inside, what operators save for backward is kept as `pack_hook(tensor)`, and `unpack_hook` gives it back.

    The pair holds for the thread that entered; pairs nest, the innermost counts. `pack_hook` must not change its argument
    in place; `unpack_hook` must give a tensor of the same content.

    Example:
        >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.half(), lambda t: t.float()):
        ...     y = torch.rand(3, requires_grad=True).sin()
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _core._push_saved_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *error: object) -> None:
        _core._pop_saved_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Inside, saved tensors are copied to the CPU, from where backward takes them.

    All tensors are there already; the copy remains, so that what is saved is independent of the original, as it is with
    PyTorch.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: tensor.detach().clone(), lambda packed: packed)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Inside, the use of `saved_tensors_hooks` raises a RuntimeError with this message."""
    old = _core._disable_saved_hooks(error_message)
    try:
        yield
    finally:
        _core._disable_saved_hooks(old)


# --- what concerns compilers and devices ---------------------------------------------------------------------------------


def region_activation_memory_budget(budget: float) -> Any:
    """For compiled regions only, which there are none of: an error, as it is in PyTorch outside of them."""
    if not 0 <= budget <= 1:
        raise ValueError(f"torch.autograd.graph.region_activation_memory_budget: must be in [0, 1], got {budget}")
    return _outside_of_compiled_regions()


@contextmanager
def _outside_of_compiled_regions() -> Iterator[None]:
    raise RuntimeError(
        "torch.autograd.graph.region_activation_memory_budget can only be used inside a torch.compile region; it has no "
        "effect in eager mode."
    )
    yield


def _check_switch(enabled: Any) -> None:
    if not isinstance(enabled, bool):
        raise RuntimeError(f"enabled must be a bool, but got {type(enabled).__name__}")


def set_warn_on_accumulate_grad_stream_mismatch(enabled: bool) -> None:
    """Of devices with streams, which there are none of: checked and without effect."""
    _check_switch(enabled)


def set_override_stale_capture_stream(enabled: bool) -> None:
    """Of devices with streams, which there are none of: checked and without effect."""
    _check_switch(enabled)


# --- hooks on several gradients ---------------------------------------------------------------------------------------


class _Handles(RemovableHandle):
    """One handle for several."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __getstate__(self) -> Any:
        return self.handles

    def __setstate__(self, state: Any) -> None:
        self.handles = state


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[..., None], *, mode: str = "all"
) -> RemovableHandle:
    """Calls `fn` when gradients of several tensors have been computed.

    mode "all": once in a backward pass, when the gradients of all tensors that take part in the pass are there, as
    ``fn(gradients)``, None for those that do not. mode "any": when the first of them is there, as ``fn(gradient)``.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    for t in tensors:
        if not t.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    lock = threading.Lock()
    if mode == "any":
        done: set[int] = set()

        def first(grad: Tensor) -> None:
            run = _core._current_backward()
            with lock:
                if run in done:
                    return
                done.clear()
                done.add(run)
            fn(grad)

        return _Handles([t.register_hook(first) for t in tensors])

    nodes = [_core._gradient_edge(t)[0] for t in tensors]
    runs: dict[int, tuple[int, list[Tensor | None]]] = {}

    def hook_of(index: int) -> Callable[[Tensor], None]:
        def hook(grad: Tensor) -> None:
            run = _core._current_backward()
            with lock:
                if run in runs:
                    missing_, grads = runs[run]
                else:
                    missing_, grads = sum(map(_core._will_execute, nodes)), [None] * len(nodes)
                grads[index] = grad
                missing_ -= 1
                runs[run] = (missing_, grads)
                if missing_:
                    return
                del runs[run]
            fn(grads)

        return hook

    return _Handles([t.register_hook(hook_of(i)) for i, t in enumerate(tensors)])


# --- changes in place of what is saved --------------------------------------------------------------------------------


class _Handle:
    """Stands for a saved tensor; what it holds is looked up in the context."""

    __slots__ = ("__weakref__",)


class _AllowMutationOnSavedContext:
    """What is saved inside `allow_mutation_on_saved_tensors`, and the copies made when it was to change."""

    def __init__(self) -> None:
        self.cloned: dict[_Handle, Tensor] = {}
        self.original: dict[_Handle, Tensor] = {}
        self._handles: WeakValueDictionary[tuple[Any, ...], _Handle] = WeakValueDictionary()
        self._of_storage: dict[int, set[tuple[Any, ...]]] = {}

    def clear(self) -> None:
        self.cloned.clear()
        self.original.clear()
        self._handles.clear()
        self._of_storage.clear()

    def _key(self, tensor: Tensor) -> tuple[Any, ...]:
        span = _core._storage_span(tensor)[0]
        return span, tensor.data_ptr(), tensor._version, tuple(tensor.shape), tensor.stride(), tensor.dtype

    def _pack(self, tensor: Tensor) -> _Handle:
        key = self._key(tensor)
        handle = self._handles.get(key)
        if handle is None:
            handle = self._handles[key] = _Handle()
            self.original[handle] = tensor.detach()
            self._of_storage.setdefault(key[0], set()).add(key)
        return handle

    def _unpack(self, handle: _Handle) -> Tensor:
        if handle in self.cloned:
            return self.cloned[handle]
        if handle not in self.original:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context"
                "in which the graph was originally recorded."
            )
        return self.original[handle]

    def _before_change(self, tensor: Tensor) -> None:
        for key in self._of_storage.pop(_core._storage_span(tensor)[0], ()):
            handle = self._handles.pop(key, None)
            if handle is not None and handle in self.original:
                with _core.no_grad():
                    self.cloned[handle] = self.original.pop(handle).clone()


_mutation = threading.local()


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_AllowMutationOnSavedContext]:
    """Inside, tensors that backward needs may be changed in place: what was saved of them is copied first.

    Forward and backward must both run inside. What was copied is freed when the context ends.
    """
    if getattr(_mutation, "active", False):
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    context = _AllowMutationOnSavedContext()
    with saved_tensors_hooks(context._pack, context._unpack):
        old = _core._set_before_inplace(context._before_change)
        _mutation.active = True
        try:
            yield context
        finally:
            _mutation.active = False
            _core._set_before_inplace(old)
            context.clear()


def __getattr__(name: str) -> Any:
    if name in ("saved_memory", "draw"):
        from . import _picture

        return getattr(_picture, name)
    raise AttributeError(missing(f"autograd.graph.{name}"))


_core._internal(globals())

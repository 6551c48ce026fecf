"""Activation checkpointing: what a part of a program saves for backward is computed again instead of kept.

`checkpoint(function, *args)` runs the function. Without reentry (`use_reentrant=False`, recommended) it notes what is saved for
backward without keeping it; when backward needs the first of it, the function runs once more and the saved tensors of that run
take the places of the others, in their order. With reentry the function runs without recording, and backward runs it again with
recording and a backward of its own.
"""

from __future__ import annotations

import itertools
import sys
import threading
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from .. import _core
from .._core import Tensor
from ..autograd.function import Function
from ..autograd.graph import saved_tensors_hooks
from ._selective import CheckpointPolicy, SelectiveCheckpointContext, create_selective_checkpoint_contexts

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "CheckpointPolicy",
    "DefaultDeviceType",
    "GraphExecGroup",
    "SelectiveCheckpointContext",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "create_selective_checkpoint_contexts",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]

_TIP = (
    "\nTip: To see a more detailed error message, either pass `debug=True` to\n`torch.utils.checkpoint.checkpoint(...)` or wrap "
    "the code block\nwith `with torch.utils.checkpoint.set_checkpoint_debug_enabled(True):` to\nenable checkpoint‑debug mode "
    "globally.\n"
)


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function has not saved what the first did."""


class DefaultDeviceType:
    """Which kind of device's random state is kept besides the CPU's. There is none here; the name is remembered."""

    _default_device_type = "cpu"

    @staticmethod
    def set_device_type(device: str = "cpu") -> None:
        DefaultDeviceType._default_device_type = device

    @staticmethod
    def get_device_type() -> str:
        return DefaultDeviceType._default_device_type


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """The random states of the devices of the arguments: none but the CPU's, which is kept apart."""
    return [], []


def set_device_states(devices: Any, states: Any, *, device_type: str | None = None) -> None:
    """Restores what `get_device_states` gave."""


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors of a tuple as leaves, with their requires_grad; what is no tensor as it is."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple(t.detach().requires_grad_(t.requires_grad) if isinstance(t, Tensor) else t for t in inputs)


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warns if no input requires grad: then nothing will."""
    if not any(isinstance(t, Tensor) and t.requires_grad for t in inputs):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


def noop_context_fn() -> tuple[Any, Any]:
    """The contexts of forward and of its repetition where none are wanted."""
    return nullcontext(), nullcontext()


# --- options for a block ------------------------------------------------------------------------------------------------

_early_stop: bool | None = None
_debug: bool | None = None


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Inside, whether the second run of a checkpointed function ends as soon as all has been saved again, for all calls."""
    global _early_stop
    old, _early_stop = _early_stop, enable
    try:
        yield
    finally:
        _early_stop = old


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Inside, `debug` of all calls of `checkpoint`; None leaves it to them."""
    global _debug
    old, _debug = _debug, enabled
    try:
        yield
    finally:
        _debug = old


def _surroundings(random: bool) -> tuple[Any, Any]:
    """What the second run needs to be like the first: the generator's state, if `random`, and the autocast mode."""
    mode = None
    if modes := sys.modules.get(f"{__package__.rpartition('.')[0]}.amp.autocast_mode"):
        mode = modes.autocast(
            "cpu", modes.get_autocast_dtype("cpu"), modes.is_autocast_enabled("cpu"), modes.is_autocast_cache_enabled()
        )
    return _core.get_rng_state() if random else None, mode


@contextmanager
def _as_before(surroundings: tuple[Any, Any]) -> Iterator[None]:
    """Inside, the generator and the autocast mode are as they were; the generator is left alone where its state is None."""
    state, mode = surroundings
    before = None if state is None else _core.get_rng_state()
    if state is not None:
        _core.set_rng_state(state)
    try:
        with mode or nullcontext():
            yield
    finally:
        if before is not None:
            _core.set_rng_state(before)


# --- without reentry ----------------------------------------------------------------------------------------------------


class _Holder:
    """Stands in the graph for a saved tensor that is not kept; knows, for a backward pass, what was computed again."""

    __slots__ = ("__weakref__", "again")

    def __init__(self) -> None:
        self.again: dict[int, Tensor | None] = {}


class _Stop(Exception):
    """All that is needed has been saved again."""


class _SaveInputs(Function):
    """Keeps a call's tensors as a node keeps its saved tensors, so that an outer checkpoint need not keep them either."""

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, *args: Any) -> Tensor:
        tensors = [(i, a) for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.places = [i for i, _ in tensors]
        ctx.rest = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(*(a for _, a in tensors))
        return _core.empty(0)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise AssertionError("nothing depends on this node")


def _shape_of(t: Tensor) -> dict[str, Any]:
    return {"shape": t.shape, "dtype": t.dtype, "device": t.device}


class GraphExecGroup:
    """Inside, backward passes share what is computed again: a checkpointed call runs again once at most.

    The passes must run over separate parts of the graph, since each saved tensor is given out once. Only for
    ``use_reentrant=False``.
    """

    def __enter__(self) -> GraphExecGroup:
        if _running.group is not None:
            raise RuntimeError(f"GraphExecGroup contexts cannot be nested. Already inside group {_running.group}")
        _running.group, _running.group_run = self, next(_outside)
        return self

    def __exit__(self, *error: object) -> None:
        _running.group = None

    @classmethod
    def _get_current_group(cls) -> GraphExecGroup | None:
        return _running.group


_DETERMINISM: dict[str, Callable[[Tensor], Any]] = {"default": _shape_of, "none": lambda _: None}


class _Running(threading.local):
    """What `create_selective_checkpoint_contexts` must know of the run that is on in this thread.

    frame: in forward, the call's frame; again: in the second run, what takes a saved tensor. group: the GraphExecGroup that
    is on, and the number under which its passes keep what was computed again.
    """

    group: GraphExecGroup | None = None
    group_run = 0

    frame: Any = None
    again: Any = None


_running = _Running()


class _Frame:
    """One call of `checkpoint`: what its forward has saved, and how to save it again."""

    def __init__(
        self, again: Callable[..., Any], early_stop: bool, describe: Callable[[Tensor], Any], debug: bool
    ) -> None:
        self.again = again
        self.early_stop = early_stop
        self.describe = describe
        self.holders: list[weakref.ref[_Holder]] = []
        self.described: list[Any] = []
        self.inputs: Any = None
        self.complete = False
        self.done: set[int] = set()
        self.debug = debug
        self.noting: list[Tensor] | None = None
        self.first_stacks: list[str] = []
        self.again_stacks: list[str] = []

    def pack(self, t: Tensor) -> _Holder:
        holder = _Holder()
        self.holders.append(weakref.ref(holder))
        self.described.append(self.describe(t))
        if self.noting is not None:
            self.noting.append(t)
        if self.debug:
            self.first_stacks.append(_stack())
        return holder

    def unpack(self, holder: _Holder) -> Tensor:
        run = _running.group_run if _running.group is not None else _core._current_backward() or next(_outside)
        if run not in self.done:
            self.done.add(run)
            self._run_again(run)
        if run not in holder.again:
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\n{self._tip()}"
            )
        t = holder.again[run]
        if t is None:
            raise CheckpointError(
                "torch.utils.checkpoint: Unpack is being triggered for a tensor that was already unpacked once. If you are "
                "calling ctx.saved_tensors in backward, make sure to do so only once. Otherwise please open an issue with "
                "details on your use case."
            )
        holder.again[run] = None
        return t

    def _run_again(self, run: int) -> None:
        """Runs the function with its inputs, each saved tensor going to the holder of its place."""
        node = self.inputs.grad_fn
        args = list(node.rest)
        for place, t in zip(node.places, node.saved_tensors, strict=True):
            args[place] = t
        count, total = 0, len(self.holders)
        described: list[Any] = []
        self.again_stacks = []

        def pack(t: Tensor) -> Tensor:
            nonlocal count
            place = count
            count += 1
            if self.debug:
                self.again_stacks.append(_stack())
            if place >= total:
                if self.early_stop:  # it should have ended before
                    raise CheckpointError(
                        "torch.utils.checkpoint: trying to save more tensors during recomputation than during the original "
                        f"forward pass.\n{self._tip()}"
                    )
                return t.detach()
            described.append(self.describe(t))
            holder = self.holders[place]()
            if holder is not None:
                holder.again[run] = t.detach()
            if self.early_stop and self.complete and count == total:
                raise _Stop
            return t.detach()

        outer = _running.again
        _running.again = pack
        try:
            with saved_tensors_hooks(pack, lambda t: t), _core.enable_grad():
                self.again(*args)
        except _Stop:
            pass
        else:
            if count != total and self.complete:
                raise CheckpointError(
                    "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                    f"recomputation.\nNumber of tensors saved during forward: {total}\nNumber of tensors saved during "
                    f"recomputation: {count}.\n{self._tip()}"
                )
        finally:
            _running.again = outer
        different = ""
        for place, (first, second) in enumerate(zip(self.described, described, strict=False)):
            holder = self.holders[place]()
            if holder is not None and first != second:
                different += f"tensor at position {place}:\nsaved metadata: {first}\nrecomputed metadata: {second}\n"
        if different:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the "
                f"forward pass.\n{different}.\n{self._tip()}"
            )

    def _tip(self) -> str:
        """In debug mode, where the two runs part."""
        if not self.debug:
            return _TIP
        for place, (a, b) in enumerate(itertools.zip_longest(self.first_stacks, self.again_stacks)):
            if a != b:
                return (
                    f"The two runs differ from saved tensor {place} on.\nIn forward it was saved by:\n{a or '  nothing'}\n"
                    f"In the recomputation by:\n{b or '  nothing'}\n"
                )
        return "The same lines have saved tensors in both runs.\n"


# Numbers for what is unpacked outside of a backward pass, apart from the passes' own.
_outside = itertools.count(-1, -1)


def _stack() -> str:
    """The lines of the checkpointed function that have led to a saved tensor."""
    frames = traceback.extract_stack()[:-2]
    own = max((i for i, f in enumerate(frames) if f.filename == __file__), default=-1)
    return "".join(traceback.format_list(frames[own + 1 :]))


@contextmanager
def _checkpointed(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    preserve: bool,
    context_fn: Callable[[], tuple[Any, Any]],
    determinism_check: str,
    debug: bool,
    early_stop: bool,
) -> Iterator[None]:
    if determinism_check not in _DETERMINISM:
        raise ValueError(f"determinism_check should be one of {list(_DETERMINISM)}, but got {determinism_check}")
    if (debug if _debug is None else _debug) and context_fn is not noop_context_fn:
        raise ValueError("debug=True is incompatible with non-default context_fn")
    forward_context, again_context = context_fn()
    surroundings = _surroundings(preserve)

    def again(keywords: dict[str, Any], *inputs: Any) -> None:
        with _as_before(surroundings), again_context:
            function(*inputs, **keywords)

    frame = _Frame(
        again,
        early_stop if _early_stop is None else _early_stop,
        _DETERMINISM[determinism_check],
        debug if _debug is None else _debug,
    )
    frame.inputs = _SaveInputs.apply(_core.empty(0).requires_grad_(), kwargs, *args)
    if frame.inputs.grad_fn is None:  # nothing is recorded
        with forward_context:
            yield
        return
    outer_frame, _running.frame = _running.frame, frame
    try:
        with saved_tensors_hooks(frame.pack, frame.unpack), forward_context:
            yield
    finally:
        _running.frame = outer_frame
    frame.complete = True


# --- with reentry -------------------------------------------------------------------------------------------------------


class CheckpointFunction(Function):
    """The operator behind `checkpoint(use_reentrant=True)`."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.surroundings = _surroundings(preserve_rng_state)
        ctx.inputs = [None if isinstance(a, Tensor) else a for a in args]
        ctx.places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.save_for_backward(*(a for a in args if isinstance(a, Tensor)))
        return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if _core._backward_has_inputs():
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to "
                ".backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without passing "
                "the `inputs` argument."
            )
        inputs = list(ctx.inputs)
        for place, t in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[place] = t
        own = detach_variable(tuple(inputs))
        with _as_before(ctx.surroundings), _core.enable_grad():
            outputs = ctx.run_function(*own)
        if isinstance(outputs, Tensor):
            outputs = (outputs,)
        pairs = [(o, g) for o, g in zip(outputs, grads, strict=True) if isinstance(o, Tensor) and o.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        _core._autograd_backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *(t.grad if isinstance(t, Tensor) else None for t in own))


# --- what users call ----------------------------------------------------------------------------------------------------


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, without keeping what it saves for backward: backward runs it again.

    use_reentrant: which of the two ways, see the module; to be said. preserve_rng_state (default True): the second run gets
    the random numbers of the first. context_fn: gives two context managers, for the first run and for the second.
    determinism_check: "default" compares shape, dtype and device of what both runs save, "none" nothing. debug: errors show
    where the two runs part. early_stop: the second run ends when all has been saved again.
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling "
            "checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, but if you need to "
            "preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for more details on the "
            "differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    result: Any
    with _checkpointed(function, args, kwargs, preserve, context_fn, determinism_check, debug, early_stop):
        result = function(*args, **kwargs)
    return result


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Functions (or the children of a Sequential) one after the other, in `segments` parts; all but the last are checkpointed."""
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In version "
            "2.9 we will raise an exception if use_reentrant is not passed. use_reentrant=False is recommended, but if you need "
            "to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for more details on the "
            "differences between the two variants.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)

    def part(first: int, last: int) -> Callable[[Any], Any]:
        def run(value: Any) -> Any:
            for step in steps[first:last]:
                value = step(value)
            return value

        return run

    size = len(steps) // segments
    for first in range(0, size * (segments - 1), size) if size else ():
        input = checkpoint(part(first, first + size), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return part(size * (segments - 1), len(steps))(input)


_core._internal(globals())

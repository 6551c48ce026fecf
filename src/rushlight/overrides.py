"""Taking over what functions do on objects of your own: `__torch_function__` and its modes.

A class with a method ``__torch_function__(cls, func, types, args=(), kwargs=None)`` is asked for every operator that one
of its instances takes part in; a `TorchFunctionMode` for all operators inside its ``with`` block.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable
from typing import Any

from . import _core
from ._core import Tensor

__all__ = [
    "BaseTorchFunctionMode",
    "TorchFunctionMode",
    "enable_reentrant_dispatch",
    "get_default_nowrap_functions",
    "get_ignored_functions",
    "get_overridable_functions",
    "get_testing_overrides",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]

Function = Callable[..., Any]


# --- the protocol for functions written in Python ---------------------------------------------------------------------


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether one of the arguments, or a mode, takes calls over now."""
    if not _core._is_torch_function_enabled():
        return False
    return bool(_stack()) or bool(_core._overloaded(tuple(relevant_args)))


def has_torch_function_unary(arg: Any) -> bool:
    """has_torch_function((arg,))."""
    return has_torch_function((arg,))


def has_torch_function_variadic(*args: Any) -> bool:
    """has_torch_function(args)."""
    return has_torch_function(args)


def handle_torch_function(public_api: Function, relevant_args: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
    """Asks the innermost mode, then the classes of the relevant arguments, to do `public_api(*args, **kwargs)`."""
    asked = _core._overloaded(tuple(relevant_args))
    types = tuple(map(type, asked))
    if _stack():
        result = _ask_mode(public_api, types, args, kwargs)
        if result is not NotImplemented:
            return result
    for one in asked:
        result = one.__torch_function__(public_api, types, args, kwargs)
        if result is not NotImplemented:
            return result
    shown = resolve_name(public_api) or str(public_api)
    lines = [f"Multiple dispatch failed for '{shown}'; all __torch_function__ handlers returned NotImplemented:", ""]
    lines += [f"  - tensor subclass {cls}" for cls in types]
    raise TypeError("\n".join([*lines, "", "For more information, try re-running with TORCH_LOGS=not_implemented"]))


def wrap_torch_function(dispatcher: Function) -> Callable[[Function], Function]:
    """A decorator: the function asks what `dispatcher(*args, **kwargs)` gives as its relevant arguments first."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return wrapped

    return decorate


def is_tensor_like(inp: Any) -> bool:
    """Whether an object is a tensor or can stand for one: its class has a `__torch_function__`."""
    return type(inp) is Tensor or hasattr(inp, "__torch_function__")


# --- modes ------------------------------------------------------------------------------------------------------------


class _Local(threading.local):
    def __init__(self) -> None:
        self.modes: list[TorchFunctionMode] = []


_local = _Local()


def _stack() -> list[TorchFunctionMode]:
    return _local.modes


def _ask_mode(func: Function, types: tuple[type, ...], args: Any, kwargs: Any) -> Any:
    """Lets the innermost mode do the call. While it does, the mode outside of it is the innermost."""
    modes = _stack()
    mode = modes.pop()
    was = _core._rewatch(bool(modes))
    try:
        if kwargs:
            return mode.__torch_function__(func, types, args, kwargs)
        return mode.__torch_function__(func, types, args)
    finally:
        _core._rewatch(was)
        modes.append(mode)


def _dispatch(func: Function, args: Any, kwargs: Any) -> Any:
    """What the core calls for every operator while there is a mode."""
    if not _stack() or not _core._is_torch_function_enabled():
        return func(*args, **kwargs)
    types = tuple(map(type, _core._overloaded(tuple(_flat((args, tuple(kwargs.values())))))))
    result = _ask_mode(func, types, args, kwargs)
    if result is NotImplemented:
        return func(*args, **kwargs)
    return result


def _flat(tree: Any) -> Iterable[Any]:
    for item in tree:
        if isinstance(item, (tuple, list)):
            yield from _flat(item)
        else:
            yield item


class TorchFunctionMode:
    """Takes over all operators of this thread inside its ``with`` block.

    Inside `__torch_function__` the mode is off, so that it may call `func` itself; a mode outside of it still sees that.
    """

    def __torch_function__(self, func: Function, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Any:
        modes = _stack()
        if not modes:
            # Kept by the outermost mode: a watcher of somebody else goes on when it ends.
            self._outer = _core._watch(_dispatch)
            self._was = _core._rewatch(True)
        modes.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        modes = _stack()
        modes.pop()
        if not modes:
            _core._rewatch(self._was)
            _core._watch(self._outer)

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """An instance, for ``with``."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing."""

    def __torch_function__(self, func: Function, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class enable_reentrant_dispatch:
    """Inside, a handler's own calls are handled again."""

    def __enter__(self) -> None:
        self._was = _core._rewatch(bool(_stack()))

    def __exit__(self, *error: object) -> None:
        _core._rewatch(self._was)


# --- what there is to take over ---------------------------------------------------------------------------------------


@functools.cache
def get_default_nowrap_functions() -> set[Function]:
    """Functions whose results Tensor's own `__torch_function__` leaves as they are."""
    return {Tensor.__dict__["_base"].__get__, Tensor.__dict__["grad"].__get__}


def _takes_tensors(signatures: str) -> bool:
    return any(word in signatures for word in ("Tensor ", "Tensor? ", "Tensors ", "Operand "))


@functools.cache
def _native() -> dict[str, tuple[str, int, str]]:
    return dict(_core._signatures())


@functools.cache
def get_ignored_functions() -> set[Function]:
    """Functions of the main namespace, and methods, that nobody can take over: they take no tensor."""
    import rushlight

    found: set[Function] = {Tensor.as_subclass, Tensor._make_subclass, Tensor.__new__, Tensor.__hash__}
    for name, value in vars(rushlight).items():
        if name.startswith("_") or not callable(value) or isinstance(value, type):
            continue
        native = _native().get(name)
        if native is not None:
            # The `out` of a function that makes tensors does not count.
            text = native[0].replace("Tensor? out", "").replace("Tensors? out", "")
            if not _takes_tensors(text):
                found.add(value)
    return found


@functools.cache
def get_overridable_functions() -> dict[Any, list[Function]]:
    """The functions that can be taken over, by the namespace in which they are."""
    import rushlight
    from rushlight.nn import functional

    ignored = get_ignored_functions()
    found: dict[Any, list[Function]] = {}
    for space in (rushlight, functional, Tensor):
        seen: list[Function] = []
        for name in dir(space):
            if name.startswith("_") and not (space is Tensor and name.startswith("__")):
                continue
            value: Any = vars(space).get(name)
            if space is Tensor and hasattr(value, "__get__") and hasattr(value, "__set__") and not callable(value):
                seen.append(value.__get__)
                continue
            if not callable(value) or isinstance(value, type) or value in ignored:
                continue
            seen.append(value)
        found[space] = seen
    return found


@functools.cache
def get_testing_overrides() -> dict[Function, Function]:
    """A function that does nothing (it gives -1) for each one that can be taken over."""
    return {f: (lambda *args, **kwargs: -1) for functions in get_overridable_functions().values() for f in functions}


@functools.cache
def _tensor_methods() -> set[Any]:
    return {value for value in vars(Tensor).values() if callable(value)}


def is_tensor_method_or_property(func: Function) -> bool:
    """Whether `func` is a method of Tensor or the getter of one of its attributes."""
    return getattr(func, "__name__", "") == "__get__" or func in _tensor_methods()


def resolve_name(f: Function) -> str | None:
    """The name by which a user knows a function: 'torch.add', 'torch.Tensor.grad.__get__'; None if it is not known."""
    if isinstance(f, type(Tensor.__dict__["grad"].__get__)):
        owner = f.__self__
        return f"torch.Tensor.{getattr(owner, '__name__', '?')}.{f.__name__}"
    name = getattr(f, "__name__", None)
    if name is None:
        return None
    import rushlight

    if vars(rushlight).get(name) is f:
        return f"torch.{name}"
    if vars(Tensor).get(name) is f:
        return f"torch.Tensor.{name}"
    from rushlight.nn import functional

    if vars(functional).get(name) is f:
        return f"torch.nn.functional.{name}"
    return None

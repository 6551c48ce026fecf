"""The few names of PyTorch's own core that programs with `__torch_function__` use."""

from __future__ import annotations

from ._core import (
    DisableTorchFunctionSubclass,
    _disabled_torch_function_impl,
    _is_torch_function_enabled,
)
from .overrides import (
    TorchFunctionMode,
    _stack,
)
from .overrides import (
    has_torch_function as _has_torch_function,
)
from .overrides import (
    has_torch_function_unary as _has_torch_function_unary,
)
from .overrides import (
    has_torch_function_variadic as _has_torch_function_variadic,
)

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "_disabled_torch_function_impl",
    "_has_torch_function",
    "_has_torch_function_unary",
    "_has_torch_function_variadic",
    "_is_torch_function_enabled",
]


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """Inside, neither subclasses nor modes take over calls."""

    def __enter__(self) -> None:
        super().__enter__()
        self._modes = _stack()[:]
        _stack().clear()

    def __exit__(self, *error: object) -> None:
        _stack().extend(self._modes)
        super().__exit__(*error)


def _get_function_stack_at(level: int) -> TorchFunctionMode:
    return _stack()[level]


def _len_torch_function_stack() -> int:
    return len(_stack())

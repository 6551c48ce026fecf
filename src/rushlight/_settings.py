"""Questions and settings of the main namespace that programs have, and that here mostly have one answer."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from . import _core
from ._core import Tensor
from ._types import device as _device

__all__ = [
    "are_deterministic_algorithms_enabled",
    "asarray",
    "compile",
    "get_default_device",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_default_device",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_num_interop_threads",
    "set_warn_always",
    "typename",
    "use_deterministic_algorithms",
]

_state: dict[str, Any] = {
    "deterministic": False,
    "warn_only": False,
    "precision": "highest",
    "interop": 1,
    "always": False,
}
_warned: set[str] = set()


def is_anomaly_enabled() -> bool:
    """Whether nodes remember their stack and backward is watched: `autograd.detect_anomaly`."""
    return bool(_core._get_anomaly()[0])


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode looks for NaN, or would if it were on."""
    on, check = _core._get_anomaly()
    return bool(check or not on)


def warn_once(name: str) -> None:
    """Says, the first time, that `name` gives back what it is given."""
    if name not in _warned:
        _warned.add(name)
        warnings.warn(
            f"torch.{name} gives back what it is given: rushlight runs programs as they are", UserWarning, stacklevel=3
        )


# Results have the same bits in every run anyway; the setting is only remembered.


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remembered; results have the same bits in every run whatever it says."""
    _state["deterministic"], _state["warn_only"] = bool(mode), bool(warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` has set."""
    return bool(_state["deterministic"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What `use_deterministic_algorithms` has set as `warn_only`."""
    return bool(_state["warn_only"])


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """The same setting as "default" (0), "warn" (1) or "error" (2)."""
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    modes = {"default": 0, "warn": 1, "error": 2}
    if isinstance(debug_mode, str):
        if debug_mode not in modes:
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = modes[debug_mode]
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    use_deterministic_algorithms(debug_mode != 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode() -> int:
    """0, 1 or 2, see `set_deterministic_debug_mode`."""
    return (1 if _state["warn_only"] else 2) if _state["deterministic"] else 0


def set_float32_matmul_precision(precision: str) -> None:
    """Remembered; products of float32 are always computed in float32."""
    _state["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` has set."""
    return str(_state["precision"])


def set_num_interop_threads(num: int) -> None:
    """Remembered; operators run one after the other."""
    if num <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _state["interop"] = num


def get_num_interop_threads() -> int:
    """What `set_num_interop_threads` has set."""
    return int(_state["interop"])


def set_warn_always(b: bool, /) -> None:
    """Remembered."""
    _state["always"] = bool(b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` has set."""
    return bool(_state["always"])


def set_default_device(device: Any) -> None:
    """The CPU, or None for the same."""
    if device is not None and _device(device).type != "cpu":
        raise RuntimeError(f"there is no device {device}: rushlight computes on the CPU")


def get_default_device() -> Any:
    """The CPU."""
    return _device("cpu")


def typename(obj: Any, /) -> str:
    """The name of an object's type: 'torch.FloatTensor' of tensors, else with its module."""
    if isinstance(obj, Tensor):
        return str(obj.type())
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None) or ""
    name = named.__qualname__
    return name if module in ("", "builtins") else f"{module}.{name}"


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of `obj`, on its memory where that can be, unless `copy` is True; False asks for it."""
    import sys

    numpy = sys.modules.get("numpy")
    if isinstance(obj, Tensor):
        t = obj
    elif hasattr(obj, "__dlpack__") and not (numpy is not None and isinstance(obj, numpy.ndarray)):
        from ._tensor import from_dlpack

        t = from_dlpack(obj)
    else:
        t = _core.as_tensor(obj)
        shares = numpy is not None and isinstance(obj, numpy.ndarray)
        if not shares:
            if copy is False:
                raise ValueError("can't alias arbitrary sequence into a tensor.")
            return _core.tensor(obj, dtype=dtype, requires_grad=requires_grad)
    if dtype is not None and t.dtype != dtype:
        if copy is False:
            names = [str(_core.empty(0, dtype=d).type())[len("torch.") : -len("Tensor")] for d in (t.dtype, dtype)]
            raise ValueError(f"can't alias tensor with dtype '{names[0]}' into dtype '{names[1]}'.")
        t = t.to(dtype)
    elif copy:
        t = t.clone()
    if not requires_grad:
        return t.detach() if t.requires_grad else t
    return t if t.requires_grad else t.requires_grad_(True)


def compile(model: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Gives back `model` as it is, with a warning once: there is nothing to compile for."""
    warn_once("compile")
    if model is None:
        return lambda function: function
    return model

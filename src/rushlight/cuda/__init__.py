"""There is no CUDA; programs may ask."""

from __future__ import annotations

from typing import Any, NoReturn

from .._missing import missing

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "get_device_properties",
    "get_rng_state_all",
    "init",
    "ipc_collect",
    "is_available",
    "is_bf16_supported",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "max_memory_allocated",
    "memory_allocated",
    "memory_reserved",
    "reset_peak_memory_stats",
    "seed",
    "seed_all",
    "set_device",
    "set_rng_state_all",
    "synchronize",
]


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def device_count() -> int:
    """0"""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing: there is no generator to seed."""


def manual_seed_all(seed: int) -> None:
    """Nothing: there is no generator to seed."""


def seed() -> None:
    """Nothing: there is no generator to seed."""


def seed_all() -> None:
    """Nothing: there is no generator to seed."""


def get_rng_state_all() -> list[Any]:
    """No states."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Nothing, for no states."""
    if list(new_states):
        _refuse()


def empty_cache() -> None:
    """Nothing."""


def ipc_collect() -> None:
    """Nothing."""


def memory_allocated(device: Any = None) -> int:
    """0"""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """0"""
    return 0


def memory_reserved(device: Any = None) -> int:
    """0"""
    return 0


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing."""


def _refuse() -> NoReturn:
    raise AssertionError("Torch not compiled with CUDA enabled")


def init() -> None:
    """Raises what PyTorch does without CUDA, as do the functions below."""
    _refuse()


def current_device() -> int:
    _refuse()


def set_device(device: Any) -> None:
    _refuse()


def synchronize(device: Any = None) -> None:
    _refuse()


def get_device_name(device: Any = None) -> str:
    _refuse()


def get_device_properties(device: Any = None) -> Any:
    _refuse()


def __getattr__(name: str) -> Any:
    if name == "amp":
        import importlib

        return importlib.import_module(f"{__name__}.amp")
    raise AttributeError(missing(f"cuda.{name}"))

"""Switches of libraries that are not here. They can be set and read; nothing depends on them."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp"]


class _Backend(ModuleType):
    """A module `torch.backends.<name>` with these switches."""

    def __init__(self, name: str, **values: Any) -> None:
        super().__init__(f"{__name__}.{name}", "Switches that nothing depends on.")
        self.__dict__.update(values)
        self.__path__: list[str] = []
        sys.modules[self.__name__] = self

    def is_available(self) -> bool:
        """False."""
        return False

    def is_built(self) -> bool:
        """False."""
        return False

    def version(self) -> None:
        """None."""
        return None


class _Switches:
    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


class _Cpu(ModuleType):
    def get_cpu_capability(self) -> str:
        """The level of the kernels in use, in PyTorch's words."""
        from .. import _core

        level: Any = _core.info()["cpu_level"]
        return {"baseline": "DEFAULT"}.get(level, str(level).upper())


cudnn = _Backend("cudnn", enabled=True, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True)
cuda = _Backend("cuda", matmul=_Switches(allow_tf32=False, allow_fp16_reduced_precision_reduction=True))
mps = _Backend("mps")
mkl = _Backend("mkl")
mkldnn = _Backend("mkldnn", enabled=True, allow_tf32=True)
openmp = _Backend("openmp")
cpu = _Cpu(f"{__name__}.cpu")
sys.modules[cpu.__name__] = cpu

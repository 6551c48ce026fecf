"""PyTorch's autograd, small and fast: ``import rushlight as torch``."""

from __future__ import annotations

import builtins

from . import _core, _ops, _tensor
from ._core import *
from ._core import Generator, Size, Tensor, _standard_gamma, default_generator, dtype
from ._missing import missing
from ._types import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    device,
    finfo,
    iinfo,
    layout,
    memory_format,
    preserve_format,
    strided,
)

# typing.TYPE_CHECKING without importing typing, which takes longer than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._ops._functions import *
    from ._settings import *
    from .serialization import load as load
    from .serialization import save as save

__version__ = "0.1.0"

_tensor.attach(Tensor)
globals().update(_ops.load())
from_dlpack = _tensor.from_dlpack
to_dlpack = _tensor.to_dlpack

inf = float("inf")
nan = float("nan")
pi = 3.141592653589793
e = 2.718281828459045
newaxis = None

# The dtypes' other names.
float = _core.float32
double = _core.float64
half = _core.float16
int = _core.int32
long = _core.int64
short = _core.int16
cfloat = _core.complex64
cdouble = _core.complex128

# What `rushlight._core` and `nn.functional` alone carry.
_NOT_HERE = (
    "info", "operators", "Node", "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "nll_loss", "cross_entropy", "linear", "im2col", "col2im", "interpolate", "grid_sample",
    "avg_pool2d", "avg_pool3d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool2d", "adaptive_max_pool3d",
    "max_pool2d_with_indices", "max_pool3d_with_indices", "fractional_max_pool2d", "fractional_max_pool3d",
    "max_unpool2d", "max_unpool3d", "pad",
    "scaled_dot_product_attention", "glu", "multi_margin_loss", "multilabel_margin_loss",
)  # fmt: skip
for _name in [name for name in globals() if name in _NOT_HERE or name.startswith(("special_", "linalg_"))]:
    del globals()[_name]

_SUBMODULES = (
    "_C",
    "amp",
    "autograd",
    "backends",
    "compiler",
    "cpu",
    "cuda",
    "fft",
    "func",
    "jit",
    "linalg",
    "masked",
    "mps",
    "nn",
    "optim",
    "overrides",
    "profiler",
    "random",
    "return_types",
    "serialization",
    "signal",
    "special",
    "testing",
    "utils",
    "version",
    "xpu",
)

# Names by the module in which they are, which is imported when one of them is asked for.
_LATER = {
    "_einsum": "einsum",
    "_settings": (
        "are_deterministic_algorithms_enabled asarray compile get_default_device get_deterministic_debug_mode "
        "get_float32_matmul_precision get_num_interop_threads is_anomaly_check_nan_enabled is_anomaly_enabled "
        "is_deterministic_algorithms_warn_only_enabled is_warn_always_enabled set_default_device "
        "set_deterministic_debug_mode set_float32_matmul_precision set_num_interop_threads set_warn_always typename "
        "use_deterministic_algorithms"
    ),
    "amp.autocast_mode": (
        "autocast autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache get_autocast_cpu_dtype "
        "get_autocast_dtype get_autocast_gpu_dtype is_autocast_cache_enabled is_autocast_cpu_enabled "
        "is_autocast_enabled set_autocast_cache_enabled set_autocast_cpu_dtype set_autocast_cpu_enabled "
        "set_autocast_dtype set_autocast_enabled set_autocast_gpu_dtype"
    ),
    "func": "vmap",
    "serialization": "load save",
}


def is_storage(obj: Any) -> builtins.bool:
    """False: storages are not objects of their own here."""
    return False


def set_printoptions(**options: Any) -> None:
    """Sets how tensors print: precision, threshold, edgeitems, linewidth, profile, sci_mode."""
    from ._tensor_str import set_printoptions as set_options

    set_options(**options)


def __getattr__(name: str) -> Any:
    import importlib

    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    for module, names in _LATER.items():
        if name in names.split():
            found = getattr(importlib.import_module(f"{__name__}.{module}"), name)
            break
    else:
        found = _ops.deferred(name)
        if found is None:
            raise AttributeError(missing(name))
    globals()[name] = found
    return found


__all__ = [
    name
    for name in globals()
    if not name.startswith("_") and name not in ("annotations", "builtins", "missing", "TYPE_CHECKING")
]
__all__ += ["Generator", "Size", "Tensor", "default_generator", "device", "dtype", "layout", "memory_format"]

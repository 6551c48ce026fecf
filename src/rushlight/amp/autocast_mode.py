"""`autocast`: inside, an operator converts its arguments to the dtype that suits it.

Products and convolutions compute in the mode's dtype (bfloat16, or float16), losses and operators that lose too much
in 16 bits in float32, joins in the widest dtype among their parts; float64, integers and all other operators stay as
they are, and so do results of `out=` and changes in place. The lists are PyTorch's for the CPU. The converted copy of
a parameter is kept until the outermost block ends.
"""

from __future__ import annotations

import copy
import functools
import threading
import warnings
from collections.abc import Callable
from typing import Any

from .. import _core
from .._core import Tensor, dtype
from .._modes import decorate
from .._types import device

__all__ = [
    "autocast",
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "clear_autocast_cache",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_autocast_gpu_dtype",
]

_LOWER = (
    "addbmm addmm baddbmm bmm chain_matmul conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d "
    "linalg_matmul linalg_multi_dot linalg_vecdot linear matmul mm multi_dot prelu scaled_dot_product_attention vecdot"
)
_FLOAT32 = (
    "adaptive_avg_pool3d adaptive_max_pool3d binary_cross_entropy binary_cross_entropy_with_logits cdist cholesky "
    "cholesky_inverse cholesky_solve cosine_embedding_loss cross_entropy cross_entropy_loss ctc_loss fft_fft fft_fft2 "
    "fft_fftn fft_hfft fft_ifft fft_ifft2 fft_ifftn fft_ihfft fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftn "
    "fractional_max_pool2d fractional_max_pool3d geqrf grid_sample grid_sampler grid_sampler_2d grid_sampler_3d "
    "hinge_embedding_loss huber_loss inverse kl_div l1_loss linalg_cholesky linalg_cond linalg_eig linalg_eigh "
    "linalg_eigvals linalg_eigvalsh linalg_householder_product linalg_inv linalg_inv_ex linalg_lstsq linalg_matrix_rank "
    "linalg_qr linalg_solve linalg_svd linalg_svdvals linalg_tensorinv linalg_tensorsolve linear_cross_entropy lu_solve "
    "margin_ranking_loss max_unpool1d max_unpool2d max_unpool3d mse_loss multi_margin_loss multilabel_margin_loss "
    "nanquantile nll_loss nll_loss2d nll_loss_nd orgqr ormqr pinverse poisson_nll_loss polar prod quantile reflection_pad1d "
    "reflection_pad2d replication_pad1d replication_pad2d replication_pad3d smooth_l1_loss soft_margin_loss stft trace "
    "triplet_margin_loss view_as_complex"
)
_WIDEST = "cat concat concatenate hstack index_copy stack vstack"


class _State(threading.local):
    """What is set in this thread: on or off and dtype by device, and the converted parameters."""

    def __init__(self) -> None:
        self.enabled: dict[str, bool] = {}
        self.dtypes: dict[str, dtype] = {"cpu": _core.bfloat16}
        self.keep = True
        self.depth = 0
        self.copies: dict[int, tuple[Tensor, Tensor]] = {}


_state = _State()


@functools.lru_cache(maxsize=1)
def _rules() -> dict[str, str]:
    """By an operator's name how its arguments are converted; "plain": not at all, nor are those of what it is composed of."""
    from .. import linalg
    from .._ops import DEFERRED

    # Where LAPACK would do the work in PyTorch, the products of a composition are no place for 16 bits.
    rules = dict.fromkeys((f"linalg_{name}" for name in linalg.__all__), "plain")
    rules.update(dict.fromkeys(" ".join(DEFERRED["linalg"]).split(), "plain"))
    rules.update(dict.fromkeys(_LOWER.split(), "lower"))
    rules.update(dict.fromkeys(_FLOAT32.split(), "float32"))
    rules.update(dict.fromkeys(_WIDEST.split(), "widest"))
    return rules


def _eligible(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point() and x.dtype != _core.float64


def _converted(x: Any, to: dtype) -> Any:
    """`x` with its floating tensors as `to`, in lists and tuples too."""
    if isinstance(x, (list, tuple)):
        return type(x)([_converted(part, to) for part in x])
    if not _eligible(x) or x.dtype == to:
        return x
    lasting = _state.keep and x.requires_grad and x.is_leaf and x.dtype == _core.float32 and not x._is_view()
    if lasting:
        kept = _state.copies.get(id(x))
        if kept is not None and kept[1].dtype == to:
            return kept[1]
    copy = x.to(to)
    # A copy made without recording would cut the history of those who get it later.
    if lasting and copy.requires_grad:
        _state.copies[id(x)] = (x, copy)
    return copy


def _widest(args: Any, found: dtype) -> dtype:
    for x in args:
        if isinstance(x, (list, tuple)):
            found = _widest(x, found)
        elif _eligible(x) and x.dtype != found and found != _core.float32:
            if x.dtype != _core.float32:
                raise RuntimeError("Unexpected floating ScalarType in at::autocast::prioritize")
            found = x.dtype
    return found


def run(rule: str, op: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The operator on arguments that are converted by its rule; the core calls it while autocast is on."""
    if rule == "plain" or kwargs.get("out") is not None:
        return op(*args, **kwargs)
    if rule == "lower":
        to = _state.dtypes["cpu"]
    elif rule == "float32":
        to = _core.float32
    else:
        to = _widest((*args, *kwargs.values()), _state.dtypes["cpu"])
    return op(*(_converted(x, to) for x in args), **{name: _converted(x, to) for name, x in kwargs.items()})


# --- the questions and settings -------------------------------------------------------------------------------------


def _device(device_type: object) -> str:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    return device(device_type).type


def is_autocast_available(device_type: str) -> bool:
    """Whether the device has an autocast: the CPU and those of PyTorch that have one."""
    return _device(device_type) in ("cpu", "cuda", "xpu", "mps", "hpu", "mtia", "maia", "xla", "ipu")


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on in this thread for the device; without one PyTorch means CUDA."""
    return _state.enabled.get(_device(device_type), False)


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Turns autocast on or off for the device in this thread; without a device for CUDA."""
    name, on = ("cuda", bool(device_type)) if enabled is None else (_device(device_type), enabled)
    _state.enabled[name] = on
    if name == "cpu":
        _core._autocast(_rules() if on else None)


def get_autocast_dtype(device_type: str) -> dtype:
    """The dtype in which autocast computes on the device."""
    name = _device(device_type)
    return _state.dtypes.get(name, _core.float16 if name in ("cuda", "ipu", "mps", "mtia", "xpu") else _core.bfloat16)


def set_autocast_dtype(device_type: str, dtype: dtype) -> None:
    """Sets the dtype in which autocast computes on the device."""
    _state.dtypes[_device(device_type)] = dtype


def _replaced(name: str, instead: str) -> None:
    warnings.warn(f"torch.{name} is deprecated. Please use torch.{instead} instead.", DeprecationWarning, stacklevel=3)


def is_autocast_cpu_enabled() -> bool:
    """`is_autocast_enabled("cpu")`, by its older name."""
    _replaced("is_autocast_cpu_enabled()", "is_autocast_enabled('cpu')")
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """`set_autocast_enabled("cpu", enabled)`, by its older name."""
    _replaced("set_autocast_cpu_enabled(enabled)", "set_autocast_enabled('cpu', enabled)")
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> dtype:
    """`get_autocast_dtype("cpu")`, by its older name."""
    _replaced("get_autocast_cpu_dtype()", "get_autocast_dtype('cpu')")
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: dtype) -> None:
    """`set_autocast_dtype("cpu", dtype)`, by its older name."""
    _replaced("set_autocast_cpu_dtype(dtype)", "set_autocast_dtype('cpu', dtype)")
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> dtype:
    """`get_autocast_dtype("cuda")`, by its older name."""
    _replaced("get_autocast_gpu_dtype()", "get_autocast_dtype('cuda')")
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: dtype) -> None:
    """`set_autocast_dtype("cuda", dtype)`, by its older name."""
    _replaced("set_autocast_gpu_dtype(dtype)", "set_autocast_dtype('cuda', dtype)")
    set_autocast_dtype("cuda", dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether converted parameters are kept until the outermost block ends."""
    return _state.keep


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Whether converted parameters are to be kept until the outermost block ends."""
    _state.keep = bool(enabled)


def clear_autocast_cache() -> None:
    """Drops the converted parameters."""
    _state.copies.clear()


def autocast_increment_nesting() -> int:
    """One block deeper: the new depth."""
    _state.depth += 1
    return _state.depth


def autocast_decrement_nesting() -> int:
    """One block less deep: the new depth."""
    _state.depth -= 1
    return _state.depth


# --- the modes ------------------------------------------------------------------------------------------------------


class autocast:
    """Inside, operators compute in the dtype that suits them: a context manager and a decorator.

    Args:
        device_type: "cpu"; other devices of PyTorch are accepted and have no effect, CUDA with a warning.
        dtype: bfloat16 (default) or float16, in which products and convolutions compute.
        enabled: False turns autocast off inside.
        cache_enabled: whether the converted copies of parameters are kept until the outermost block ends.
    """

    def __init__(
        self, device_type: str, dtype: dtype | None = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        self.device = _device(device_type)
        self.fast_dtype = get_autocast_dtype(self.device) if dtype is None else dtype
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        if not is_autocast_available(self.device):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{self.device}'")
        if self.device == "cpu":
            if enabled and self.fast_dtype not in (_core.bfloat16, _core.float16):
                warnings.warn(
                    "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                    "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                    UserWarning,
                    stacklevel=2,
                )
                enabled = False
        elif self.device == "cuda" and enabled:
            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.", UserWarning, stacklevel=2
            )
            enabled = False
        self._enabled = bool(enabled)

    def __enter__(self) -> autocast:
        self._before = is_autocast_enabled(self.device), get_autocast_dtype(self.device), is_autocast_cache_enabled()
        set_autocast_enabled(self.device, self._enabled)
        set_autocast_dtype(self.device, self.fast_dtype)
        set_autocast_cache_enabled(self._cache_enabled)
        autocast_increment_nesting()
        return self

    def __exit__(self, *error: object) -> None:
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        enabled, to, keep = self._before
        set_autocast_enabled(self.device, enabled)
        set_autocast_dtype(self.device, to)
        set_autocast_cache_enabled(keep)

    def clone(self) -> autocast:
        """Another one like this."""
        return copy.copy(self)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return decorate(self, func)


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: dtype | None = None) -> Any:
    """Decorates the forward of an `autograd.Function`.

    With `cast_inputs` it takes its floating tensors in that dtype and runs without autocast.
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    _device(device_type)

    @functools.wraps(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._dtype = get_autocast_dtype(device_type)
        on = is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = on and cast_inputs is None
        if cast_inputs is None or not on:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(
                ctx,
                *(_converted(x, cast_inputs) for x in args),
                **{name: _converted(x, cast_inputs) for name, x in kwargs.items()},
            )

    return forward


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """Decorates the backward of an `autograd.Function`: it runs in the autocast state in which the forward ran."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)
    _device(device_type)

    @functools.wraps(bwd)
    def backward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(ctx, *args, **kwargs)

    return backward

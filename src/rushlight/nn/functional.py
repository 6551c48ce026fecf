"""Activations, losses and layers as functions."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import (
    Tensor,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    celu,
    cross_entropy,
    elu,
    gelu,
    hardshrink,
    hardtanh,
    huber_loss,
    l1_loss,
    leaky_relu,
    linear,
    log_sigmoid,
    mse_loss,
    nll_loss,
    relu6,
    sigmoid,
    smooth_l1_loss,
    softplus,
    softshrink,
    tanh,
    threshold,
)
from .._missing import missing
from . import _activations, _attention, _conv, _dropouts, _losses, _norms, _pool, _resample
from ._activations import *
from ._attention import *
from ._attention import _canonical_mask as _canonical_mask
from ._conv import *
from ._dropouts import *
from ._losses import *
from ._norms import *
from ._pool import *
from ._resample import *

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import dtype

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "cross_entropy",
    "elu",
    "gelu",
    "hardshrink",
    "hardtanh",
    "huber_loss",
    "l1_loss",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mse_loss",
    "nll_loss",
    "relu6",
    "sigmoid",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    *_activations.__all__,
    *_attention.__all__,
    *_conv.__all__,
    *_dropouts.__all__,
    *_losses.__all__,
    *_norms.__all__,
    *_pool.__all__,
    *_resample.__all__,
]

logsigmoid = log_sigmoid


def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|)."""
    return input / (input.abs() + 1)


def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input)."""
    return input - input.tanh()


def _softmax_dim(name: str, ndim: int) -> int:
    """The dimension that is meant where none is given: an old habit that PyTorch warns of, too."""
    import warnings

    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=3,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """exp(input) / sum(exp(input)) along a dimension, computed in `dtype` where given."""
    if dim is None:
        dim = _softmax_dim("softmax", input.dim())
    return _core.softmax(input, dim, dtype)


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """softmax(-input)."""
    if dim is None:
        dim = _softmax_dim("softmin", input.dim())
    return _core.softmax(-input, dim, dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: dtype | None = None) -> Tensor:
    """log(softmax(input)) along a dimension, without overflow."""
    if dim is None:
        dim = _softmax_dim("log_softmax", input.dim())
    return _core.log_softmax(input, dim, dtype)


def __getattr__(name: str) -> Any:
    raise AttributeError(missing(f"nn.functional.{name}"))


_core._internal(globals())

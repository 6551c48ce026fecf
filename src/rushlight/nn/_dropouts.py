"""Dropout as functions."""

from __future__ import annotations

from .. import _core as core
from .._core import Tensor

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]


def _check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes elements with probability p and scales the others by 1 / (1 - p), in training."""
    _check(p)
    return core.dropout_(input, p, training) if inplace else core.dropout(input, p, training)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean 0 and variance 1: what is dropped gets the value that selu tends to."""
    _check(p)
    return (core.alpha_dropout_ if inplace else core.alpha_dropout)(input, p, training)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """alpha_dropout of whole channels of [N, C, *]."""
    _check(p)
    return (core.feature_alpha_dropout_ if inplace else core.feature_alpha_dropout)(input, p, training)


def _features(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    return (core.feature_dropout_ if inplace else core.feature_dropout)(input, p, training)


def _one(input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    """The same of [C, *], one member of a batch."""
    result = _features(input.unsqueeze(0), p, training, inplace)
    return input if inplace else result.squeeze(0)


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes whole channels of [N, C, L] or [C, L] with probability p and scales the others by 1 / (1 - p)."""
    _check(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension "
            "(i.e. 2D or 3D inputs)."
        )
    if input.dim() == 3:
        return _features(input, p, training, inplace)
    return _one(input, p, training, inplace)


def _warn(name: str, input: Tensor, dims: int) -> None:
    import warnings

    warnings.warn(
        f"{name}: Received a {input.dim()}-D input to {name}, which is deprecated and will result in an error in a future "
        f"release. To retain the behavior and silence this warning, please use dropout instead. Note that {name} exists to "
        f"provide channel-wise dropout on inputs with {dims} spatial dimensions, a channel dimension, and an optional batch "
        f"dimension (i.e. {dims + 1}D or {dims + 2}D inputs).",
        stacklevel=3,
    )


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes whole channels of [N, C, H, W] with probability p and scales the others by 1 / (1 - p).

    Three dimensions are taken as [N, C, L], with a warning, as PyTorch does.
    """
    _check(p)
    if input.dim() not in (3, 4):
        _warn("dropout2d", input, 2)
    if input.dim() == 3:
        import warnings

        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired - "
            "input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a future "
            "release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain the 1D "
            "channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _features(input, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zeroes whole channels of [N, C, D, H, W] or [C, D, H, W] with probability p and scales the others by 1 / (1 - p)."""
    _check(p)
    if input.dim() not in (4, 5):
        _warn("dropout3d", input, 3)
    if input.dim() != 4:
        return _features(input, p, training, inplace)
    return _one(input, p, training, inplace)


core._internal(globals())

"""Rules of vmap: new tensors and random numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import _core
from ..._core import Tensor
from .common import _RANDOM, _again, _batched, _loop, _loop_inplace, _sizes
from .pointwise import _whole

if TYPE_CHECKING:
    from .._batch import Batch


def _shape_only(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
    """What takes shape and dtype of a tensor alone: the same for all samples."""
    if func.__name__ not in ("empty_like", "zeros_like", "ones_like", "full_like") and _batched(b, args[1:], kwargs):
        return _loop(b, func, *args, **kwargs)
    return func(*args, **kwargs)


def _tensor(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
    """tensor([x, y]) of batched values: stacked, without history."""
    place = 1 if func.__name__ == "new_tensor" else 0
    data = args[place] if len(args) > place else kwargs.get("data")
    rest = {k: v for k, v in kwargs.items() if k not in ("data", "device", "pin_memory")}
    if func.__name__ == "new_tensor":
        rest.setdefault("dtype", args[0].dtype)
    if func.__name__ == "as_tensor" and isinstance(data, Tensor):
        dtype = args[1] if len(args) > 1 else kwargs.get("dtype")
        return data if dtype is None else _again(b, lambda: data.to(dtype))

    def build(x: Any) -> Any:
        if isinstance(x, (tuple, list)):
            parts = [build(p) for p in x]
            dtype = parts[0].dtype
            for p in parts[1:]:
                dtype = _core.promote_types(dtype, p.dtype)
            return _core.stack([p.to(dtype) for p in parts])
        return x.detach() if isinstance(x, Tensor) else _core.tensor(x)

    def made() -> Any:
        out = build(data)
        dtype, grad = rest.get("dtype"), rest.get("requires_grad")
        out = out.to(dtype) if dtype is not None and dtype != out.dtype else out.clone()
        return out.requires_grad_() if grad else out

    return _again(b, made)


def _quiet(func: Any, args: Any, kwargs: Any) -> bool:
    """dropout that does nothing."""
    if func.__name__ != "dropout":
        return False
    training = kwargs.get("training", args[2] if len(args) > 2 else True)
    return not training


def _generator(kwargs: dict[str, Any]) -> Any:
    return kwargs.get("generator") or _core.default_generator


def _random(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
    name = func.__name__
    batched = _batched(b, args, kwargs)
    if _quiet(func, args, kwargs):
        return _whole(b, func, *args, **kwargs) if batched else func(*args, **kwargs)
    if b.randomness == "error":
        raise RuntimeError(_RANDOM)
    inplace = name.endswith("_")
    if b.randomness == "same":
        if not batched:
            return func(*args, **kwargs)
        # Each sample from the same place of the stream.
        generator = _generator(kwargs)
        state = generator.get_state()

        def rewound(*a: Any, **k: Any) -> Any:
            generator.set_state(state)
            return func(*a, **k)

        rewound.__name__ = name
        return (_loop_inplace if inplace else _loop)(b, rewound, *args, **kwargs)
    if inplace:
        func(b.promote(args[0], "random"), *args[1:], **kwargs)
        return args[0]
    if name in ("rand", "randn"):
        sizes = _sizes((kwargs.pop("size"),) if "size" in kwargs else args)
        return b.wrap(func((b.size, *sizes), **kwargs))
    if name == "randint":
        sizes = kwargs.pop("size") if "size" in kwargs else args[-1]
        rest = args if len(args) < 2 or not isinstance(args[-1], (tuple, list)) else args[:-1]
        return b.wrap(func(*rest, (b.size, *sizes), **kwargs))
    if name == "normal" and args and not any(isinstance(a, Tensor) for a in (*args, *kwargs.values())):
        sizes = kwargs.pop("size") if "size" in kwargs else args[2]
        return b.wrap(func(*args[:2], (b.size, *sizes), **kwargs))
    if name == "multinomial" and args[0].ndim == 1:
        return b.wrap(func(b.all_of(args[0]), *args[1:], **kwargs))
    if name in ("randperm", "multinomial", "binomial", "normal"):
        return _loop(b, func, *args, **kwargs)
    return b.wrap(func(b.all_of(args[0]), *args[1:], **kwargs))


_core._internal(globals())

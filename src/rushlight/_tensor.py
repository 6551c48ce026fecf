"""Tensor methods that are written in Python: text, copies, pickles, and the ways to NumPy and DLPack.

`attach` puts them on the native type, so that there is one Tensor class. A method that is called often, or that
records history, belongs into the core instead.
"""

from __future__ import annotations

from . import _core
from ._core import Tensor
from ._types import device as _device
from ._types import strided

# typing.TYPE_CHECKING without importing typing, which takes longer than this module.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, ClassVar, NoReturn

    import numpy as _numpy

    from ._types import layout as _layout
    from ._types import memory_format as _memory_format

__all__ = ["attach", "from_dlpack", "to_dlpack"]

_CPU = _device("cpu")

# The names of the tensor types that PyTorch once had, by dtype; `type()` still speaks of them.
_TYPE_NAMES = {
    "bool": "BoolTensor",
    "uint8": "ByteTensor",
    "int8": "CharTensor",
    "int16": "ShortTensor",
    "int32": "IntTensor",
    "int64": "LongTensor",
    "float16": "HalfTensor",
    "bfloat16": "BFloat16Tensor",
    "float32": "FloatTensor",
    "float64": "DoubleTensor",
    "complex64": "ComplexFloatTensor",
    "complex128": "ComplexDoubleTensor",
}


def _dtype_name(t: Tensor) -> str:
    return str(t.dtype).removeprefix("torch.")


# --- interception -----------------------------------------------------------------------------------------------------


def _intercepts(cls: type) -> bool:
    """Whether this subclass has a `__torch_function__` of its own that is to be asked now."""
    for c in cls.__mro__:
        own = c.__dict__.get("__torch_function__")
        if own is not None:
            if c is Tensor or own is _core._disabled_torch_function_impl:
                return False
            # Inside a handler that called the default one, interception is off, else it would never end.
            return _core._is_torch_function_enabled()
    return False


def _interceptable(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method, asking a subclass's `__torch_function__` first."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        cls = type(self)
        if cls is not Tensor and _intercepts(cls):
            return cls.__torch_function__(method, (cls,), (self, *args), kwargs)
        return function(self, *args, **kwargs)

    # functools.wraps would do the same, but importing it takes longer than importing all of this.
    method.__name__ = function.__name__
    method.__doc__ = function.__doc__
    method.__annotations__ = function.__annotations__
    method.__wrapped__ = function  # type: ignore[attr-defined]
    return method


def _own(cls: type, t: Tensor, requires_grad: bool) -> Tensor:
    """A leaf of this class on the memory of `t`: no view of it, and with a version counter of its own."""
    if cls is not Tensor:
        return Tensor._make_subclass(cls, t.data, requires_grad)
    new = t.data
    if requires_grad:
        new.requires_grad_(True)
    return new


# --- pickles ----------------------------------------------------------------------------------------------------------


def _pack(t: Tensor, protocol: int) -> tuple[Any, ...]:
    """The arguments of `_rebuild_tensor` for this tensor: its numbers in the order of memory, and how to see them."""
    requires_grad = t.requires_grad
    t = t.detach()
    stride = t.stride()
    # A dense tensor is contiguous when its dimensions are ordered by stride, the largest first.
    row_major = t.permute(sorted(range(t.ndim), key=lambda d: -stride[d]))
    if not row_major.is_contiguous():
        # Gaps or repeated elements (slices, expanded views) are not worth keeping.
        t = row_major = t.contiguous()
        stride = t.stride()
    shape, name = tuple(t.shape), _dtype_name(t)
    if name == "bfloat16":  # has no code in the buffer protocol
        row_major = row_major.view(_core.int16)
    data: Any
    if t.numel() == 0:
        data = b""
    elif protocol >= 5:
        # Not copied until the pickler writes it, or never where buffers travel out of band.
        from pickle import PickleBuffer

        data = PickleBuffer(memoryview(row_major))
    else:
        data = memoryview(row_major).tobytes()
    return data, name, shape, tuple(stride), requires_grad


def _rebuild_tensor(
    data: Any, dtype: str, shape: tuple[int, ...], stride: tuple[int, ...], requires_grad: bool
) -> Tensor:
    """The reverse of `_pack`. Takes over the memory of `data` if that can be written to."""
    from pickle import PickleBuffer

    kind = getattr(_core, dtype)
    raw = PickleBuffer(data).raw()
    if raw.nbytes == 0:
        flat = _core.empty(0, dtype=kind)
    else:
        flat = _core.frombuffer(bytearray(raw) if raw.readonly else raw, dtype=kind)
    return _own(Tensor, flat.as_strided(shape, stride), requires_grad)


def _rebuild_subclass(cls: type, arguments: tuple[Any, ...], state: Any) -> Tensor:
    """A tensor of a subclass, or one with attributes."""
    data, dtype, shape, stride, requires_grad = arguments
    t = _own(cls, _rebuild_tensor(data, dtype, shape, stride, False), requires_grad)
    setstate: Any = getattr(cls, "__setstate__", None)
    if setstate is not getattr(Tensor, "__setstate__", None):
        setstate(t, state)
        return t
    attributes, slots = state if isinstance(state, tuple) else (state, {})
    t.__dict__.update(attributes)
    for name, value in slots.items():
        setattr(t, name, value)
    return t


def _slots(t: Tensor) -> dict[str, Any]:
    """What a subclass keeps in `__slots__`."""
    if type(t) is Tensor:
        return {}
    import copyreg

    names = copyreg._slotnames(type(t))  # type: ignore[attr-defined]
    return {name: getattr(t, name) for name in names if hasattr(t, name)}


def _state(t: Tensor) -> Any:
    """What a pickle keeps of a tensor besides its numbers, as Python does for any object: attributes, and slots if any."""
    getstate: Any = getattr(type(t), "__getstate__", None)
    if getstate is not getattr(Tensor, "__getstate__", None):
        return getstate(t)
    slots = _slots(t)
    return (t.__dict__, slots) if slots else t.__dict__


# --- copies -----------------------------------------------------------------------------------------------------------


def _copy_on_shared_storage(t: Tensor, memo: dict[Any, Any]) -> Tensor:
    """A copy of `t` whose storage is shared with the other copies that this deepcopy made of the same storage."""
    address, size = _core._storage_span(t)
    key = ("rushlight storage", address)
    flat = memo.get(key)
    if flat is None:
        count = size // t.dtype.itemsize
        flat = memo[key] = t.as_strided((count,), (1,), 0).clone()
    if flat.dtype != t.dtype:
        if flat.nbytes % t.dtype.itemsize:
            return t.clone()
        flat = flat.view(t.dtype)
    return flat.as_strided(t.shape, t.stride(), t.storage_offset())


# --- the methods ------------------------------------------------------------------------------------------------------


class _Methods:
    """What `attach` copies onto Tensor. Never instantiated: `self` is a tensor throughout."""

    __array_priority__: ClassVar[int] = 1000  # NumPy's operators leave the work to ours

    # Constant for all tensors, so they cost nothing.
    device: ClassVar[_device] = _CPU
    layout: ClassVar[_layout] = strided
    is_cpu: ClassVar[bool] = True
    is_cuda: ClassVar[bool] = False
    is_ipu: ClassVar[bool] = False
    is_maia: ClassVar[bool] = False
    is_meta: ClassVar[bool] = False
    is_mkldnn: ClassVar[bool] = False
    is_mps: ClassVar[bool] = False
    is_mtia: ClassVar[bool] = False
    is_nested: ClassVar[bool] = False
    is_quantized: ClassVar[bool] = False
    is_sparse: ClassVar[bool] = False
    is_sparse_csr: ClassVar[bool] = False
    is_vulkan: ClassVar[bool] = False
    is_xla: ClassVar[bool] = False
    is_xpu: ClassVar[bool] = False

    # text

    @_interceptable
    def __repr__(self: Tensor, *, tensor_contents: str | None = None) -> str:
        from ._tensor_str import _str

        return _str(self, tensor_contents=tensor_contents)

    @_interceptable
    def __format__(self: Tensor, format_spec: str) -> str:
        if self.ndim == 0 and type(self) is Tensor:
            value = (self.detach() if self.requires_grad else self).item()
            return format(value, format_spec)
        if format_spec:
            raise TypeError(f"unsupported format string passed to {type(self).__name__}.__format__")
        return str(self)

    @_interceptable
    def __dir__(self: Tensor) -> list[str]:
        return sorted({*dir(type(self)), *self.__dict__})

    # copies and pickles

    @_interceptable
    def __copy__(self: Tensor) -> Tensor:
        """Another tensor on the same memory, a leaf, with the same attributes."""
        new = _own(type(self), self, self.requires_grad)
        new.__dict__.update(self.__dict__)
        for name, value in _slots(self).items():
            setattr(new, name, value)
        return new

    @_interceptable
    def __deepcopy__(self: Tensor, memo: dict[Any, Any]) -> Tensor:
        """A copy with memory of its own. Tensors that share memory still do in the copy of what holds them."""
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment.  If you were attempting to deepcopy a module, this may be because of a "
                "torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
            )
        known = memo.get(id(self))
        if known is not None:
            return known
        from copy import deepcopy

        new = _own(type(self), _copy_on_shared_storage(self.detach(), memo), self.requires_grad)
        memo[id(self)] = new  # before the attributes, which may lead back here
        grad = self.grad
        if grad is not None:
            new.grad = deepcopy(grad, memo)
        for name, value in _slots(self).items():
            setattr(new, name, deepcopy(value, memo))
        if self.__dict__:
            new.__dict__.update(deepcopy(self.__dict__, memo))
        return new

    def __reduce_ex__(self: Tensor, protocol: Any) -> tuple[Any, ...]:
        cls = type(self)
        if cls is Tensor and not self.__dict__:
            return _rebuild_tensor, _pack(self, protocol)
        if cls is not Tensor and _intercepts(cls):
            method = Tensor.__reduce_ex__
            return cls.__torch_function__(method, (cls,), (self, protocol), {})
        return _rebuild_subclass, (cls, _pack(self, protocol), _state(self))

    # NumPy

    @_interceptable
    def numpy(self: Tensor, *, force: bool = False) -> _numpy.ndarray[Any, Any]:
        """The tensor as a NumPy array on the same memory: a change of one is a change of the other.

        Args:
            force: also take a tensor that requires grad, by detaching it.

        Example:
            >>> a = torch.zeros(2)
            >>> a.numpy()[0] = 1
            >>> a
            tensor([1., 0.])
        """
        if self.requires_grad and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if _dtype_name(self) == "bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        from numpy import asarray

        return asarray(memoryview(self.detach() if self.requires_grad else self))

    @_interceptable
    def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> _numpy.ndarray[Any, Any]:
        array = self.numpy()
        if dtype is None or array.dtype == dtype:
            return array.copy() if copy else array
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        return array.astype(dtype)

    @_interceptable
    def __array_wrap__(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Tensor:
        """Makes results of NumPy's functions on tensors tensors again."""
        # PyTorch does so from the days when it had no bool tensors; scripts rely on it.
        return _core.from_numpy(array.astype("uint8") if array.dtype == bool else array)

    # DLPack

    @_interceptable
    def __dlpack__(
        self: Tensor,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule on the same memory, or on that of a copy if `copy` is True.

        Args:
            stream: None or -1; the CPU has no streams.
            max_version: the latest version of DLPack that the caller understands; from (1, 0) on the capsule is a
                versioned one.
            dl_device: None, or the CPU's (1, 0).
            copy: True copies; None and False never do.

        Raises:
            BufferError: the tensor requires grad, or the device is not the CPU.
        """
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if stream is not None and type(stream) is not int:
            raise TypeError("stream must be ``int`` or ``none``")
        if stream not in (None, -1):
            raise AssertionError("stream should be None on cpu.")
        if dl_device is not None and dl_device[0] != 1:
            raise BufferError(f"Can't export a CPU tensor to the DLPack device {tuple(dl_device)}; only to (1, 0)")
        versioned = max_version is not None and max_version[0] >= 1
        return _core._to_dlpack(self.clone() if copy else self, versioned, bool(copy))

    @_interceptable
    def __dlpack_device__(self: Tensor) -> tuple[int, int]:
        """DLPack's name for the CPU: (kDLCPU, 0)."""
        return (1, 0)

    # container

    def __rdiv__(self: Tensor, other: Any) -> Tensor:
        """other / self."""
        return self.reciprocal() * other

    @_interceptable
    def __contains__(self: Tensor, element: Any, /) -> bool:
        """Whether any element equals `element`: a number or a tensor, which is broadcast."""
        if not isinstance(element, (Tensor, int, float, complex)):
            from numbers import Number

            if not isinstance(element, Number):
                raise RuntimeError(
                    f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
                )
        return bool((self == element).any())

    @_interceptable
    def __reversed__(self: Tensor) -> Tensor:
        """The tensor with its first dimension reversed."""
        return self if self.ndim == 0 else self.flip(0)

    # dtype and size

    @_interceptable
    def type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> str | Tensor:
        """Without `dtype`, the name of the tensor's type: `'torch.FloatTensor'`. Else the tensor of that dtype.

        Args:
            dtype: a dtype, or such a name.
            non_blocking: has no effect on the CPU.

        Example:
            >>> torch.ones(1).type()
            'torch.FloatTensor'
            >>> torch.ones(1).type("torch.LongTensor")
            tensor([1])
        """
        if dtype is None:
            return f"torch.{_TYPE_NAMES[_dtype_name(self)]}"
        if isinstance(dtype, type):
            module = dtype.__module__
            dtype = dtype.__name__ if module == "builtins" else f"torch.{dtype.__name__}"
        if isinstance(dtype, str):
            if dtype.startswith("torch.cuda."):
                _no_cuda()
            for name, type_name in _TYPE_NAMES.items():
                if dtype == f"torch.{type_name}":
                    return self.to(getattr(_core, name))
            raise ValueError(f"invalid type: '{dtype}'")
        if not isinstance(dtype, _core.dtype):
            raise TypeError("dtype must be a type, str, or dtype object")
        return self.to(dtype)

    def element_size(self: Tensor) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    @_interceptable
    def is_same_size(self: Tensor, other: Tensor) -> bool:
        """Whether `other` has the same shape."""
        return self.shape == other.shape

    @_interceptable
    def where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
        """This tensor's elements where the condition holds, else those of `other` (a tensor or a number)."""
        return _core.where(condition, self, other)

    @_interceptable
    def split(self: Tensor, split_size: int | Sequence[int] | Tensor, dim: int = 0) -> tuple[Tensor, ...]:
        """Views of consecutive parts along `dim`.

        Args:
            split_size: the size of each part (the last may be smaller), or a list with the size of every part.
            dim: the dimension to cut.

        Example:
            >>> torch.arange(5).split(2)
            (tensor([0, 1]), tensor([2, 3]), tensor([4]))
        """
        if isinstance(split_size, Tensor) and split_size.numel() == 1:
            split_size = int(split_size)
        if isinstance(split_size, int):
            return _core.split(self, split_size, dim)
        return _core.split_with_sizes(self, split_size, dim)  # type: ignore[arg-type]

    # places

    @_interceptable
    def cpu(self: Tensor, memory_format: _memory_format | None = None) -> Tensor:
        """The tensor itself: it is on the CPU already."""
        return self if memory_format is None else self.to(_CPU, memory_format=memory_format)

    def cuda(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> NoReturn:
        """Always raises, as PyTorch does where it has been built without CUDA."""
        _no_cuda()

    def xpu(self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> NoReturn:
        """Always raises, as PyTorch does where it has been built without XPU."""
        raise AssertionError("Torch not compiled with XPU enabled")

    def get_device(self: Tensor) -> int:
        """-1, which stands for the CPU."""
        return -1

    def pin_memory(self: Tensor, device: Any = None) -> NoReturn:
        """Always raises: only an accelerator could make use of pinned memory."""
        raise RuntimeError("Cannot access accelerator device when none is available.")

    def is_pinned(self: Tensor, device: Any = None) -> bool:
        """False."""
        return False


def _no_cuda() -> NoReturn:
    raise AssertionError("Torch not compiled with CUDA enabled")


# What every class body gets from Python itself.
_BODY_ONLY = frozenset(type("_Empty", (), {"__annotations__": {}}).__dict__) | {
    "__qualname__",
    "__annotate__",
    "__annotate_func__",
    "__annotations_cache__",
    "__static_attributes__",
    "__firstlineno__",
}


def attach(tensor_type: type) -> None:
    """Gives the native type the methods above. Nothing that it has of its own is replaced."""
    own = tensor_type.__dict__
    for name, value in _Methods.__dict__.items():
        if name in _BODY_ONLY or name in own:
            continue
        if callable(value) and hasattr(value, "__code__"):
            value.__qualname__ = f"Tensor.{name}"
            value.__module__ = "rushlight"
        setattr(tensor_type, name, value)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of an object of another library (NumPy, CuPy, JAX, PyTorch, …) that speaks DLPack.

    Args:
        ext_tensor: an object with `__dlpack__`, or a DLPack capsule, which can be used once.
        device: None or the CPU.
        copy: True always copies and False never does. None copies only what its owner declares read-only, since
            every tensor can be written to; with False, writing to such memory is up to the caller.

    Raises:
        BufferError: the memory is not the CPU's, or its dtype, strides or alignment are none that a tensor can have.
        RuntimeError: no such object, or a capsule that has been used.

    Example:
        >>> import numpy
        >>> torch.from_dlpack(numpy.arange(3))
        tensor([0, 1, 2])
    """
    from ._types import require_cpu

    require_cpu(device)
    export = getattr(ext_tensor, "__dlpack__", None)
    if export is None:
        t, read_only = _core._from_dlpack(ext_tensor)
    else:
        where = ext_tensor.__dlpack_device__()
        # Pinned host memory (3, 11) is the CPU's as well.
        if where[0] not in (1, 3, 11):
            raise BufferError(f"Can't import from the DLPack device {tuple(where)}: it is not the CPU's memory")
        try:
            capsule = export(max_version=(1, 0))
        except TypeError:  # from before DLPack 1.0
            capsule = export()
        t, read_only = _core._from_dlpack(capsule)
    return t.clone() if copy or (copy is None and read_only) else t


def to_dlpack(tensor: Tensor) -> Any:
    """A DLPack capsule of the form from before 1.0 on the tensor's memory; `from_dlpack` of any library takes it, once."""
    return _core._to_dlpack(tensor)

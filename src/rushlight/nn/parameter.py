"""Tensors that a module takes as its own when they are assigned to it."""

from __future__ import annotations

from collections import OrderedDict

from .. import _core
from .._core import Tensor, _disabled_torch_function_impl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


def _rebuild_parameter(data: Tensor, requires_grad: bool, hooks: Any) -> Parameter:
    """A parameter out of a pickle; hooks are not kept, as in PyTorch."""
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data: Tensor, requires_grad: bool, hooks: Any, state: dict[str, Any]) -> Parameter:
    new = Parameter(data, requires_grad)
    new.__dict__.update(state)
    return new


class _ParameterMeta(type(Tensor)):  # type: ignore[misc]
    """Lets a tensor of any subclass that was made a parameter pass for one."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that counts as a module's parameter: `parameters()` lists it once it is an attribute of the module.

    Args:
        data: the values, whose memory is shared; an empty tensor if left out.
        requires_grad: whether gradients are computed for it.
    """

    __torch_function__ = _disabled_torch_function_impl

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = _core.empty(0)
        if type(data) is Tensor or type(data) is Parameter:
            return Tensor._make_subclass(cls, data, requires_grad)
        # Of another subclass: it stays one, and is marked.
        if not isinstance(data, Tensor):
            raise TypeError(f"_make_subclass(): argument 'data' (position 2) must be Tensor, not {type(data).__name__}")
        t = data.detach().requires_grad_(requires_grad)
        if type(t) is not type(data):
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {type(data).__name__} requires that detach() returns an "
                f"instance of the same type, but return type {type(t).__name__} was found instead. To use the type as a "
                "Parameter, please correct the detach() semantics defined by its __torch_dispatch__() implementation."
            )
        t.__dict__["_is_param"] = True
        return t

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        known = memo.get(id(self))
        if known is not None:
            return known
        new = type(self)(self.data.clone(), self.requires_grad)
        memo[id(self)] = new
        return new

    def __repr__(self, *, tensor_contents: str | None = None) -> str:  # type: ignore[override]
        from .._tensor_str import _str

        return "Parameter containing:\n" + _str(self, tensor_contents=tensor_contents)

    def __reduce_ex__(self, protocol: Any) -> Any:
        state = self.__dict__
        hooks: Any = OrderedDict()
        if state:
            return _rebuild_parameter_with_state, (self.data, self.requires_grad, hooks, dict(state))
        return _rebuild_parameter, (self.data, self.requires_grad, hooks)


_core._set_parameter_type(Parameter)


class _BufferMeta(type(Tensor)):  # type: ignore[misc]
    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        return cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that becomes a module's buffer when it is assigned to it: part of its state, but no parameter.

    Args:
        data: the tensor itself, which is marked and given back.
        persistent: whether `state_dict` has it.
    """

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = _core.empty(0)
        t = data.detach().requires_grad_(data.requires_grad)
        t.persistent = persistent
        t._is_buffer = True
        return t

    __torch_function__ = _disabled_torch_function_impl


class _Uninitialized:
    """What has a dtype and no shape yet. Methods that would need the shape raise, and so does `shape`."""

    cls_to_become: type
    data: Any

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Gives it a shape, and values that are whatever the memory holds; it is an ordinary one from now on."""
        self.data = _core.empty(shape, dtype=dtype or self.data.dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. "
            "This error usually happens in `load_state_dict` when trying to load "
            "an uninitialized parameter into an initialized one. "
            "Call `forward` to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self) -> Any:
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. "
            "Call `forward` to initialize the parameters before calling "
            "`module.share_memory()`."
        )

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (getattr(self, "requires_grad", False),)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(function, "__name__", "")
        if name in _METHODS:
            return _disabled_torch_function_impl(function, types, args, kwargs or {})
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {function}. "
            "This error happens when you are using a `LazyModule` or "
            f"explicitly manipulating `torch.nn.parameter.{cls.__name__}` "
            "objects. When using LazyModules Call `forward` with a dummy batch "
            "to initialize the parameters before calling torch functions"
        )


_METHODS = frozenset(
    ("__get__", "__set__", "__delete__", "__hash__", "size", "copy_", "half", "bfloat16", "float", "double", "char", "short",
     "int", "long", "cuda", "cpu", "to", "detach",
     "is_floating_point", "is_complex", "get_device", "_has_compatible_shallow_copy_type", "requires_grad_")
)  # fmt: skip


class UninitializedParameter(_Uninitialized, Parameter):  # type: ignore[misc]
    """A parameter whose shape is known once data has been seen."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return Tensor._make_subclass(cls, _core.empty(0, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        known = memo.get(id(self))
        if known is not None:
            return known
        new = memo[id(self)] = type(self)(self.requires_grad, None, self.data.dtype)
        return new


class UninitializedBuffer(_Uninitialized, Tensor):  # type: ignore[misc]
    """A buffer whose shape is known once data has been seen."""

    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        t: Any = Tensor._make_subclass(cls, _core.empty(0, dtype=dtype), requires_grad)
        t.persistent = persistent
        t._is_buffer = True
        return t


def is_lazy(param: Any) -> bool:
    """Is it one whose shape is not known yet?"""
    return isinstance(param, _Uninitialized)

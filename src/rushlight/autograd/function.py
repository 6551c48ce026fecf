"""Operators of your own: `Function`, with a forward and a backward in Python."""

from __future__ import annotations

from typing import Any

from .. import _core
from .._core import Tensor

__all__ = [
    "BackwardCFunction",
    "Function",
    "FunctionCtx",
    "FunctionMeta",
    "InplaceFunction",
    "NestedIOFunction",
    "once_differentiable",
]


class FunctionCtx:
    """What forward leaves for backward: the object that both get as `ctx`."""

    to_save: Any
    dirty_tensors: Any
    non_differentiable: Any
    materialize_grads: bool
    saved_for_forward: Any = None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps inputs or outputs of forward (or None) for `ctx.saved_tensors` in backward.

        Only what is saved so is checked for changes in place and freed with the graph.
        """
        self.to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keeps tensors for the forward-mode rule `jvp`."""
        for t in tensors:
            if not (t is None or isinstance(t, Tensor)):
                raise AssertionError(
                    "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes on ctx."
                )
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Tensor) -> None:
        """Says which inputs forward changed in place; each must be returned, too."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Says which outputs have no derivative; backward gets zeros (or None) for them."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the default) or None where an output's gradient did not come."""
        self.materialize_grads = value

    def mark_shared_storage(self, *pairs: Any) -> None:
        """Does nothing: tensors that share memory are known to. The name is PyTorch's of old."""
        import warnings

        warnings.warn(
            "`mark_shared_storage` is deprecated. Tensors with shared storages are automatically tracked. Note that calls to "
            "`set_()` are not tracked",
            FutureWarning,
            stacklevel=2,
        )


class BackwardCFunction(_core._FunctionBase, FunctionCtx):  # type: ignore[misc]
    """The context of a Function, which is also its node in the graph: ``y.grad_fn``."""

    _forward_cls: type[Function]

    def apply(self, *args: Any) -> Any:
        """Runs the backward (or vjp) of the Function on these gradients."""
        if self._forward_cls.boxed_grads_call:
            args = (list(args),)  # nothing else holds the gradients then
        return self._forward_cls._backward(self, *args)

    def apply_boxed(self, *args: Any) -> Any:
        """The same for a Function with `boxed_grads_call`: its backward gets one list of the gradients."""
        return self._forward_cls._backward(self, *args)

    def apply_jvp(self, *args: Any) -> Any:
        """Runs the forward-mode rule of the Function."""
        return self._forward_cls.jvp(self, *args)


def _overrides(cls: type, name: str) -> bool:
    """Whether some class before Function in the order of resolution defines the name."""
    for c in cls.__mro__:
        if c.__dict__.get("_is_root"):
            return False
        if name in c.__dict__:
            return True
    return False


class FunctionMeta(type):
    """Makes, with each Function class, the class of its contexts."""

    _backward_cls: type
    _backward: Any
    _has_setup: bool

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> None:
        super().__init__(name, bases, namespace)
        members = {"_forward_cls": cls, "__module__": "torch.autograd.function"}
        # The operators of the library that are Functions name their node as PyTorch's native operator does.
        node = namespace.get("_node_name", f"{name}Backward")
        cls._backward_cls = type(node, (BackwardCFunction,), members)
        if bases:
            cls._has_setup = _overrides(cls, "setup_context")
            own_backward, own_vjp = _overrides(cls, "backward"), _overrides(cls, "vjp")
            if own_backward and own_vjp:
                cls._backward = staticmethod(_two_backwards(name))
            else:
                cls._backward = _Chosen("vjp" if own_vjp else "backward")


class _Chosen:
    """Looks the rule up by name at every access, so that one that is replaced later counts."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any) -> Any:
        return getattr(owner, self.name)


def _two_backwards(name: str) -> Any:
    def refuse(*_: Any) -> Any:
        raise RuntimeError(
            f"Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of them. ({name})"
        )

    return refuse


class Function(FunctionCtx, metaclass=FunctionMeta):
    """Base of operators whose derivative is written by hand.

    A subclass defines static methods: ``forward(ctx, *args)``, or ``forward(*args)`` and
    ``setup_context(ctx, inputs, output)``; and ``backward(ctx, *grad_outputs)``, which gives one gradient (or None) for
    each argument of forward. It is called as ``Cls.apply(*args)``. `jvp` is its forward-mode rule, `vmap` its batching
    rule.

    Attributes of the class: `clear_saved_tensors_on_access` frees what was saved as soon as backward has read
    ``ctx.saved_tensors``, which it can then do once; `boxed_grads_call` gives backward its gradients as one list, from
    which it may take them out, so that they are freed while it runs.
    """

    _is_root = True
    _has_setup = False
    _backward_cls: type
    _backward: Any
    generate_vmap_rule = False
    clear_saved_tensors_on_access = False
    boxed_grads_call = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        import warnings

        warnings.warn(
            f"{self.__class__} should not be instantiated. Methods on autograd functions are all static, so you should invoke "
            "them on the class itself. Instantiating an autograd function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function with "
            "static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The operator itself; it runs without recording."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Saves for backward what it needs, where forward takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The vector-Jacobian product."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The Jacobian-vector product, for forward mode."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """The batching rule."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set generate_vmap_rule=True."
        )

    # Attached by the core: a class method `apply(*args)`.
    apply: Any


_core._attach_apply(Function)


class InplaceFunction(Function):
    """The base of old for functions with an in-place option."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class NestedIOFunction(Function):
    """A Function whose arguments and results may be nested lists and tuples of tensors; kept as PyTorch's name for it."""


def _by_position(cls: Any, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of `apply`, those given by name in the places that they have in forward."""
    code = cls.forward.__code__
    names = code.co_varnames[: code.co_argcount][0 if cls._has_setup else 1 :]
    places = {name: i for i, name in enumerate(names)}
    all_ = dict(enumerate(args))
    for name, value in named.items():
        if name not in places:
            raise TypeError(f"forward() got an unexpected keyword argument '{name}'")
        if places[name] in all_:
            raise TypeError(f"forward() got multiple values for argument '{name}'")
        all_[places[name]] = value
    for i in range(len(all_)):
        if i not in all_:
            raise TypeError(f"forward() missing required argument: '{names[i]}' (position {i})")
    return tuple(all_[i] for i in range(len(all_)))


class _Refuse(Function):
    """The identity whose backward raises: what a first derivative that must not be derived passes through."""

    @staticmethod
    def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(t.detach() for t in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def once_differentiable(fn: Any) -> Any:
    """For a backward that may not be derived again: it runs without recording, and a second derivative raises."""

    def backward(ctx: Any, *args: Any) -> Any:
        with _core.no_grad():
            outputs = fn(ctx, *args)
        if not _core.is_grad_enabled() or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return outputs
        single = not isinstance(outputs, tuple)
        given = (outputs,) if single else outputs
        fresh = iter(_Refuse.apply(*(t.detach().requires_grad_() for t in given if t is not None)))
        result = tuple(None if t is None else next(fresh) for t in given)
        return result[0] if single else result

    backward.__name__ = fn.__name__
    backward.__doc__ = fn.__doc__
    backward.__wrapped__ = fn  # type: ignore[attr-defined]
    return backward

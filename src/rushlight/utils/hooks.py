"""Handles of registered hooks."""

from __future__ import annotations

import weakref
from typing import Any

from .._core import _hook_id

__all__ = ["BackwardHook", "RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


class _HookDict(dict[int, Any]):
    """Hooks by their handle's id, in the order in which they were registered."""

    __slots__ = ("__weakref__",)


class _NextId:
    """The class attribute `next_id`: the number of the next handle, wherever it will be made."""

    def __get__(self, instance: Any, owner: Any) -> int:
        return _hook_id(False)


class RemovableHandle:
    """What registering a hook gives: `remove()` takes the hook back, as does leaving it as a context manager."""

    # The core makes handles as well, and fills in these.
    __slots__ = ("__weakref__", "extra_dict_ref", "hooks_dict_ref", "id")
    next_id = _NextId()

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        extra = extra_dict if isinstance(extra_dict, list) else [] if extra_dict is None else [extra_dict]
        self.extra_dict_ref = tuple(weakref.ref(d) for d in extra)
        self.id = _hook_id(True)

    def remove(self) -> None:
        """Takes the hook back; a second time does nothing."""
        hooks = self.hooks_dict_ref()
        if hooks is not None:
            hooks.pop(self.id, None)
        for ref in self.extra_dict_ref:
            extra = ref()
            if extra is not None:
                extra.pop(self.id, None)

    def __getstate__(self) -> Any:
        return self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref)

    def __setstate__(self, state: Any) -> None:
        hooks, self.id, extra = state
        # A handle whose hooks are gone removes from a dict of its own.
        self.hooks_dict_ref = weakref.ref(_HookDict() if hooks is None else hooks)
        self.extra_dict_ref = tuple(weakref.ref(_HookDict() if d is None else d) for d in extra)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def add_hook(hooks: Any, hook: Any, *flags: Any, prepend: bool = False) -> RemovableHandle:
    """Registers `hook` among `hooks`, an ordered dictionary; `flags` are dicts that note by its id that it is of some kind."""
    handle = RemovableHandle(hooks, extra_dict=list(flags))
    hooks[handle.id] = hook
    for flag in flags:
        flag[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def unserializable_hook(f: Any) -> Any:
    """A decorator for hooks that are meant to be left out when their tensor is pickled: then there is no warning."""
    f.__torch_unserializable__ = True
    return f


def warn_if_has_hooks(tensor: Any) -> None:
    """Warns of each hook of a tensor that pickling leaves out."""
    for hook in (tensor._backward_hooks or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            import warnings

            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can decorate the function "
                "with @torch.utils.hooks.unserializable_hook to suppress this warning",
                stacklevel=2,
            )


class BackwardHook:
    """Full backward hooks around one call of a module.

    Identities on its inputs and outputs see the gradients: the outputs' run the pre-hooks, the inputs' the hooks.
    """

    def __init__(self, module: Any, user_hooks: Any, user_pre_hooks: Any) -> None:
        self.module, self.hooks, self.pre_hooks = module, user_hooks, user_pre_hooks
        self.grad_outputs: Any = None
        self.inputs = 0
        self.has_input = False

    def setup_input_hook(self, args: Any) -> Any:
        """The arguments, those that are tracked through an identity."""
        self.inputs = len(args)
        at = [i for i, a in enumerate(args) if _is_tracked(a)]
        if not at:
            return args
        self.has_input = True
        return self._through(args, at, self._input_grads)

    def setup_output_hook(self, args: Any) -> Any:
        """The result, its tensors through an identity."""
        single = not isinstance(args, tuple)
        results = (args,) if single else args
        at = [i for i, a in enumerate(results) if _is_tracked(a)]
        if at:
            results = self._through(results, at, self._output_grads)
        if single:
            return results[0]
        return type(args)(*results) if hasattr(args, "_fields") else results

    def _through(self, values: Any, at: list[int], see: Any) -> Any:
        count = len(values)

        def backward(grads: Any) -> Any:
            all_: list[Any] = [None] * count
            for i, g in zip(at, grads, strict=True):
                all_[i] = g
            out = see(tuple(all_))
            return tuple(out[i] for i in at)

        new = _identity().apply(backward, *(values[i] for i in at))
        values = list(values)
        for i, t in zip(at, new, strict=True):
            values[i] = t
        return tuple(values)

    def _input_grads(self, grads: Any) -> Any:
        if self.grad_outputs is None:  # the output had no part in it
            return grads
        for hook in self.hooks:
            out = hook(self.module, grads, self.grad_outputs)
            if out is None:
                continue
            out = out if isinstance(out, tuple) else (out,)
            if len(out) != len(grads):
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(out)}, but expected {len(grads)}"
                )
            grads = out
        self.grad_outputs = None
        return grads

    def _output_grads(self, grads: Any) -> Any:
        for hook in self.pre_hooks:
            out = hook(self.module, grads)
            if out is None:
                continue
            out = out if isinstance(out, tuple) else (out,)
            if len(out) != len(grads):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(out)}, but expected {len(grads)}"
                )
            grads = out
        self.grad_outputs = grads
        if not self.has_input:
            none = (None,) * self.inputs
            for hook in self.hooks:
                out = hook(self.module, none, grads)
                if out is not None and not (isinstance(out, tuple) and all(g is None for g in out)):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires "
                        "gradient should always return None or None for all gradients."
                    )
            self.grad_outputs = None
        return grads


def _is_tracked(value: Any) -> bool:
    from .._core import Tensor

    return isinstance(value, Tensor) and value.requires_grad


_made: Any = None


def _identity() -> Any:
    """The identity whose backward asks a function; made when first needed, as it needs autograd."""
    global _made
    if _made is None:
        from ..autograd.function import Function

        class BackwardHookFunction(Function):
            @staticmethod
            def forward(ctx: Any, see: Any, *tensors: Any) -> Any:
                ctx.see = see
                ctx.set_materialize_grads(False)
                return tuple(t.view_as(t) for t in tensors)

            @staticmethod
            def backward(ctx: Any, *grads: Any) -> Any:
                return None, *ctx.see(grads)

        _made = BackwardHookFunction
    return _made

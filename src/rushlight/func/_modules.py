"""Modules as functions of their parameters and buffers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import _core
from .._core import Tensor

__all__ = ["functional_call", "replace_all_batch_norm_modules_", "stack_module_state"]


def _merged(given: Any) -> dict[str, Tensor]:
    if isinstance(given, dict):
        return dict(given)
    if not isinstance(given, (list, tuple)):
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(given)}"
        )
    if not all(isinstance(d, dict) for d in given):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    merged: dict[str, Tensor] = {}
    twice: list[str] = []
    for d in given:
        twice += [name for name in d if name in merged and name not in twice]
        merged.update(d)
    if twice:
        raise ValueError(f"{twice} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return merged


def _slot(module: Any, name: str) -> tuple[dict[str, Any], str] | None:
    """The dict and key in which a module keeps the tensor of this dotted name."""
    *path, last = name.split(".")
    for part in path:
        module = module._modules.get(part)
        if module is None:
            return None
    for kept in (module._parameters, module._buffers):
        if last in kept:
            return kept, last
    return None


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with other tensors in the places of its parameters and buffers.

    parameter_and_buffer_dicts: tensors by name, or several such dicts; what is not named stays the module's own. The module
    is as before afterwards, and what it writes to its buffers goes into the given ones. args: a tuple, or one argument.
    tie_weights: a tensor that the module has under several names is replaced under all of them. strict: names that do
    not fit are an error.
    """
    values = _merged(parameter_and_buffer_dicts)
    names: dict[str, Tensor] = dict(module.named_parameters(remove_duplicate=False))
    names.update(module.named_buffers(remove_duplicate=False))
    if tie_weights and values:
        shared: dict[int, list[str]] = {}
        for name, t in names.items():
            shared.setdefault(id(t), []).append(name)
        for name in list(values):
            group = shared.get(id(names.get(name)), []) if name in names else []
            for other in group:
                if other != name and other in values and values[other] is not values[name]:
                    raise ValueError(
                        f"functional_call got multiple values for keys {sorted(group)}, which are tied. Consider using "
                        "tie_weights=False"
                    )
                values.setdefault(other, values[name])
    unexpected = sorted(n for n in values if n not in names)
    missing = sorted(n for n in names if n not in values) if strict else []
    if unexpected and strict or missing:
        text = f"Error(s) in reparametrizing for {type(module).__name__}:"
        if unexpected:
            text += "\n\tUnexpected key(s): " + ", ".join(map(repr, unexpected)) + "."
        if missing:
            text += "\n\tMissing key(s): " + ", ".join(map(repr, missing)) + "."
        raise RuntimeError(text)
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    before: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for name, value in values.items():
            slot = _slot(module, name)
            if slot is not None:
                kept, key = slot
                before.append((kept, key, kept[key]))
                kept[key] = value
        return module(*args, **(kwargs or {}))
    finally:
        for kept, key, value in reversed(before):
            kept[key] = value


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """``(parameters, buffers)`` of models of one class, by name and stacked: dimension 0 counts the models.

    With `functional_call` and `vmap` over them the models run as one. The stacked parameters are leaves that require grad
    as the models' do.
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")

    def stacked(all_of: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in dict(all_of(models[0])):
            tensors = [dict(all_of(m))[name] for m in models]
            grads = [t.requires_grad for t in tensors]
            if any(grads) != all(grads):
                raise RuntimeError(f"Expected {name!r} from each model to have the same .requires_grad; got {grads}.")
            found[name] = _core.stack([t.detach() for t in tensors]).requires_grad_(grads[0])
        return found

    return stacked(lambda m: m.named_parameters()), stacked(lambda m: m.named_buffers())


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Makes the batch normalisations in `root` keep no running statistics, which cannot be updated for each sample."""
    for module in root.modules():
        if type(module).__name__.startswith("BatchNorm") and hasattr(module, "track_running_stats"):
            module.running_mean = None
            module.running_var = None
            module.num_batches_tracked = None
            module.track_running_stats = False
    return root


_core._internal(globals())

"""Selective checkpointing: which operators' results a checkpointed function keeps, and which it computes again."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from .. import _core
from .._core import Tensor

__all__ = ["CheckpointPolicy", "SelectiveCheckpointContext", "create_selective_checkpoint_contexts"]


class CheckpointPolicy(Enum):
    """What a policy says of an operator. What MUST be and what is PREFERred differ for compilers only, which there is none of."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_KEPT = {
    CheckpointPolicy.MUST_SAVE,
    CheckpointPolicy.PREFER_SAVE,
    CheckpointPolicy.MUST_CPU_OFFLOAD,
    CheckpointPolicy.PREFER_CPU_OFFLOAD,
}


class SelectiveCheckpointContext:
    """What a policy is told besides the operator and its arguments: its result. A policy is asked in forward only."""

    def __init__(self, *, is_recompute: bool, op_output: Any = None) -> None:
        self.is_recompute = is_recompute
        self.op_output = op_output


class _Kept:
    """A call whose result is kept: the result, and what stood where among the tensors that it saved for backward."""

    def __init__(self, result: Any, places: list[tuple[str, Any]]) -> None:
        outputs = [t for t in _tensors(result)]
        self.result = result
        self.versions = [t._version for t in outputs]
        self.places = places

    def changed(self) -> bool:
        return [t._version for t in _tensors(self.result)] != self.versions


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in _tensors(v)]
    if isinstance(value, dict):
        return [t for v in value.values() for t in _tensors(v)]
    return []


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_mapped(v, change) for v in value))
    if isinstance(value, (tuple, list)):
        return type(value)(_mapped(v, change) for v in value)
    return value


def _same(a: Tensor, b: Tensor) -> bool:
    return a is b or (
        a.data_ptr() == b.data_ptr() and a.shape == b.shape and a.stride() == b.stride() and a.dtype == b.dtype
    )


class _Selection:
    """The calls of one checkpointed function: noted in forward, given back in the second run."""

    def __init__(self, policy: Callable[..., Any], allow_changes: bool) -> None:
        self.policy = policy
        self.allow_changes = allow_changes
        # For each operator its calls in their order: None is one to be computed again.
        self.calls: dict[str, list[_Kept | None]] = {}
        self.used = False


class _Watch:
    """Gets every operator that the thread calls inside."""

    def __init__(self, selection: _Selection) -> None:
        self.selection = selection
        self.outer: Any = None

    def __enter__(self) -> None:
        self.outer = _core._watch(self)

    def __exit__(self, *error: object) -> None:
        _core._watch(self.outer)

    def __call__(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError


class _Forward(_Watch):
    def __call__(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from .checkpoint import _running

        frame = _running.frame
        noted: list[Tensor] = []
        frame.noting = noted
        try:
            result = op(*args, **kwargs)
        finally:
            frame.noting = None
        context = SelectiveCheckpointContext(is_recompute=False, op_output=result)
        policy = self.selection.policy(context, op, *args, **kwargs)
        calls = self.selection.calls.setdefault(op.__name__, [])
        if policy in _KEPT or policy is True:
            given, made = _tensors((args, kwargs)), _tensors(result)
            places: list[tuple[str, Any]] = []
            for t in noted:
                at = next((i for i, m in enumerate(made) if _same(m, t)), None)
                if at is not None:
                    places.append(("result", at))
                    continue
                at = next((i for i, g in enumerate(given) if _same(g, t)), None)
                places.append(("argument", at) if at is not None else ("value", t.detach()))
            calls.append(_Kept(_mapped(result, lambda t: t.detach()), places))
        else:
            calls.append(None)
        return result


class _Again(_Watch):
    def __enter__(self) -> None:
        if self.selection.used:
            raise RuntimeError(
                "Trying to backward an extra time. You are only allowed to backward once on any region computed under selective "
                "activation checkpoint."
            )
        self.selection.used = True
        self.next: dict[str, int] = {}
        super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self.selection.calls.clear()

    def __call__(self, op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        from .checkpoint import _running

        name = op.__name__
        index = self.next.get(name, 0)
        self.next[name] = index + 1
        calls = self.selection.calls.get(name, [])
        if index >= len(calls):
            raise RuntimeError(
                f"{name} invocation index {index} encountered during backward but not found in storage. The second run of the "
                "checkpointed function calls other operators than the first."
            )
        kept = calls[index]
        if kept is None:
            return op(*args, **kwargs)
        if kept.changed() and not self.selection.allow_changes:
            raise RuntimeError("Tensor cached during selective activation checkpoint has been mutated")
        given, made = _tensors((args, kwargs)), _tensors(kept.result)
        for kind, at in kept.places:
            _running.again(made[at] if kind == "result" else given[at] if kind == "argument" else at)
        # Operators after it save what they need only of tensors that take part in recording.
        tracked = any(t.requires_grad for t in given)
        return _mapped(
            kept.result,
            lambda t: t.detach().requires_grad_(tracked and (t.dtype.is_floating_point or t.dtype.is_complex)),
        )


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Any, allow_cache_entry_mutation: bool = False
) -> tuple[Any, Any]:
    """The two contexts for `context_fn` of `checkpoint` that keep the results of some operators.

    policy_fn_or_list: the operators (such as ``torch.mm``) whose results are kept, or a function
    ``policy(ctx, op, *args, **kwargs)`` that gives a `CheckpointPolicy` for each call. It sees the operators that the program
    calls, not those of which these are composed. allow_cache_entry_mutation: results that are kept may be changed in place.

    Example:
        >>> from functools import partial
        >>> contexts = partial(torch.utils.checkpoint.create_selective_checkpoint_contexts, [torch.mm])
        >>> x = torch.ones(2, 2, requires_grad=True)
        >>> y = torch.utils.checkpoint.checkpoint(lambda a: a.mm(a).sin(), x, use_reentrant=False, context_fn=contexts)
    """
    if isinstance(policy_fn_or_list, (list, tuple, set)):
        names = {_name_of(op) for op in policy_fn_or_list}

        def policy(ctx: Any, op: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
            return CheckpointPolicy.MUST_SAVE if op.__name__ in names else CheckpointPolicy.PREFER_RECOMPUTE

    elif callable(policy_fn_or_list):
        policy = policy_fn_or_list
    else:
        raise TypeError("policy_fn_or_list must be either a function or a list of ops.")
    selection = _Selection(policy, allow_cache_entry_mutation)
    return _Forward(selection), _Again(selection)


def _name_of(op: Any) -> str:
    if not isinstance(op, type(_core.exp)):
        raise ValueError(f"Expected op in `op_list` to be an operator but got: {op} of type {type(op)}.")
    return op.__name__


_core._internal(globals())

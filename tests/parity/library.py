"""PyTorch and rushlight seen through the same few calls, and the passage of values between them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch

Overrides = dict[str, Callable[..., Any]]


class Missing(Exception):
    """The library has no such function or method."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """What can be observed of a tensor, in terms that both libraries share."""

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool
    values: torch.Tensor


@dataclasses.dataclass
class Outcome:
    """What a call did: a result or an error."""

    value: Any = None
    error: Exception | None = None


def tensors(tree: Any) -> Iterator[Any]:
    """The tensors of nested lists, tuples and dicts, in order."""
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, (list, tuple)):
        for item in tree:
            yield from tensors(item)
    elif hasattr(tree, "requires_grad") and hasattr(tree, "shape"):
        yield tree


def remake(tree: Any, change: Callable[[Any], Any]) -> Any:
    """The same nest with `change` applied to each leaf."""
    if isinstance(tree, dict):
        return {key: remake(value, change) for key, value in tree.items()}
    if isinstance(tree, torch.Size):
        return change(tree)
    if isinstance(tree, (list, tuple)):
        return type(tree)([remake(item, change) for item in tree])
    if isinstance(tree, slice):
        return slice(*(remake(part, change) for part in (tree.start, tree.stop, tree.step)))
    return change(tree)


class Library:
    """A module with PyTorch's API. `overrides` replaces functions ("exp") and methods (".exp", ".exp_"): so the checker is tested."""

    def __init__(self, module: Any, overrides: Overrides | None = None) -> None:
        self.module = module
        self.overrides = overrides or {}

    def seed(self, number: int) -> None:
        """manual_seed; of PyTorch's CPU alone, as its function notes a traceback for each kind of accelerator."""
        if self.module is torch:
            torch.default_generator.manual_seed(number)
        else:
            self.module.manual_seed(number)

    def function(self, path: str) -> Callable[..., Any]:
        if path in self.overrides:
            return self.overrides[path]
        found = self.module
        for part in path.split("."):
            try:
                found = getattr(found, part)
            except AttributeError:
                raise Missing(path) from None
        return found

    def method(self, name: str) -> Callable[..., Any]:
        if "." + name in self.overrides:
            return self.overrides["." + name]
        if not hasattr(self.module.Tensor, name):
            raise Missing("Tensor." + name)
        return lambda self, *args, **kwargs: getattr(self, name)(*args, **kwargs)

    def attribute(self, name: str) -> Callable[..., Any]:
        if not hasattr(self.module.Tensor, name):
            raise Missing("Tensor." + name)
        return lambda self: getattr(self, name)

    def attempt(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Outcome:
        self.seed(20)
        try:
            return Outcome(value=call(*args, **kwargs))
        except Exception as error:  # any error is an observation here
            return Outcome(error=error)

    def adopt(self, tree: Any) -> Any:
        """PyTorch's values as this library's: fresh tensors of the same dtype, strides and values, each a leaf."""
        return remake(tree, self._adopt)

    def _adopt(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if self.module is torch:
            return value
        if isinstance(value, torch.Size):
            return self.module.Size(value)
        if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
            return getattr(self.module, str(value).removeprefix("torch."))
        if isinstance(value, torch.device):
            return self.module.device(str(value))
        return value

    def _tensor(self, t: torch.Tensor) -> Any:
        t, wanted = t.detach().resolve_conj().resolve_neg(), t.requires_grad
        span = 1 + sum((n - 1) * s for n, s in zip(t.shape, t.stride(), strict=True)) if t.numel() else 0
        flat = t.as_strided((span,), (1,)).clone()
        if self.module is torch:
            ours = flat
        elif t.dtype is torch.bfloat16:  # NumPy has none
            ours = self.module.tensor(flat.tolist(), dtype=self.module.bfloat16)
        else:
            ours = self.module.from_numpy(flat.numpy()).clone()  # its own memory, as PyTorch's: NumPy's cannot grow
        if span != t.numel() or t.dim() != 1:
            ours = ours.as_strided(tuple(t.shape), t.stride())
        return ours.requires_grad_() if wanted else ours

    def see(self, t: Any) -> Seen:
        plain = t.detach()
        if self.module is torch:
            values = plain.resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format)
        elif name_of(t.dtype) == "bfloat16":
            values = torch.from_numpy(plain.float().numpy().copy()).bfloat16()
        else:
            values = torch.from_numpy(plain.numpy().copy())
        return Seen(name_of(t.dtype), tuple(t.shape), tuple(t.stride()), t.requires_grad, values)


def name_of(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]

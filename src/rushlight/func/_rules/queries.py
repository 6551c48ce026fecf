"""Rules of vmap: what is asked of a tensor, its history, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import _core
from ..._core import Tensor
from .common import NeedsSamples, _again, _refusal, _users_line

if TYPE_CHECKING:
    from .._batch import Batch


def _refused(b: Batch, func: Any, *args: Any, **kwargs: Any) -> Any:
    raise NeedsSamples(func.__name__, _refusal(func.__name__), _users_line())


def _requires_grad(b: Batch, func: Any, self: Tensor, requires_grad: bool = True) -> Any:
    b.all_of(self).requires_grad_(requires_grad)
    return self


def _retain_grad(b: Batch, func: Any, self: Tensor) -> Any:
    return b.all_of(self).retain_grad()


def _register_hook(b: Batch, func: Any, self: Tensor, hook: Any) -> Any:
    def on_all(g: Tensor) -> Any:
        if not b.open:
            return None
        result = _again(b, lambda: hook(b.wrap(g)))
        return None if result is None else b.all_of(result)

    return b.all_of(self).register_hook(on_all)


def _backward(
    b: Batch,
    func: Any,
    self: Tensor,
    gradient: Any = None,
    retain_graph: Any = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    options = (self, gradient, retain_graph, create_graph, inputs)
    b.run_backward(b.level, _core._autograd_backward, options)


def _detach_inplace(b: Batch, func: Any, self: Tensor) -> Any:
    b.all_of(self).detach_()
    return self


_core._internal(globals())

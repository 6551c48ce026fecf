"""Derivatives and batches as functions of functions: `grad`, `vjp`, `jvp`, `jacrev`, `jacfwd`, `hessian`, `vmap`, …

Each takes a function of tensors (and of dicts, lists and tuples of them) and gives another one, so that they nest in any
order: ``vmap(grad(f))`` has the gradient of each sample, ``jvp(grad(f), …)`` a Hessian-vector product.
"""

from __future__ import annotations

from typing import Any

from .. import _core
from .._missing import missing
from ._jet import jet
from ._modules import functional_call, replace_all_batch_norm_modules_, stack_module_state
from ._transforms import (
    functionalize,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    vjp,
)
from ._vmap import vmap

__all__ = [
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jet",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]


def __getattr__(name: str) -> Any:
    raise AttributeError(missing(f"func.{name}"))


_core._internal(globals())

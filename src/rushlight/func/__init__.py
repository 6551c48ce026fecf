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
from ._sparse import (
    SparsityPattern,
    hessian_diagonal,
    hessian_sparsity,
    jacobian_sparsity,
    laplacian,
    sparse_hessian,
    sparse_jacobian,
)
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
    "SparsityPattern",
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "hessian_diagonal",
    "hessian_sparsity",
    "jacfwd",
    "jacobian_sparsity",
    "jacrev",
    "jet",
    "jvp",
    "laplacian",
    "linearize",
    "replace_all_batch_norm_modules_",
    "sparse_hessian",
    "sparse_jacobian",
    "stack_module_state",
    "vjp",
    "vmap",
]


def __getattr__(name: str) -> Any:
    raise AttributeError(missing(f"func.{name}"))


_core._internal(globals())

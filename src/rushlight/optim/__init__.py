"""Optimisers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _core
from .._missing import missing
from . import adadelta, adagrad, adam, adamax, adamw, asgd, nadam, optimizer, radam, rmsprop, rprop, sgd
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam
from .adamax import Adamax
from .adamw import AdamW
from .asgd import ASGD
from .nadam import NAdam
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .sgd import SGD

if TYPE_CHECKING:
    from . import lr_scheduler as lr_scheduler
    from ._adafactor import Adafactor
    from ._muon import Muon
    from .lbfgs import LBFGS
    from .sparse_adam import SparseAdam

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
]

# What is used less is imported when it is.
_LAZY = {"LBFGS": "lbfgs", "SparseAdam": "sparse_adam", "Muon": "_muon", "Adafactor": "_adafactor"}

for _module in (adadelta, adagrad, adam, adamax, adamw, asgd, nadam, optimizer, radam, rmsprop, rprop, sgd):
    _core._internal(vars(_module))


def __getattr__(name: str) -> Any:
    import importlib

    if name in ("lr_scheduler", "swa_utils"):
        return importlib.import_module(f"{__name__}.{name}")
    if name in _LAZY:
        found = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
        globals()[name] = found
        return found
    raise AttributeError(missing(f"optim.{name}"))

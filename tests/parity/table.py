"""The one table of operators: the rows of all families."""

from __future__ import annotations

import importlib
import pkgutil

from . import families
from .rows import Row

TABLE: tuple[Row, ...] = tuple(
    row
    for family in pkgutil.iter_modules(families.__path__)
    for row in importlib.import_module(f"{families.__name__}.{family.name}").TABLE
)
ROWS = {row.name: row for row in TABLE}
assert len(ROWS) == len(TABLE), "an operator has two rows"

"""A row of the parity table: how an operator is called, on what, and what may be asked of it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

from .samples import DTYPES, Maker, OwnSamples, Sample

Tolerance = tuple[float, float]  # relative, absolute


@dataclasses.dataclass(frozen=True)
class Row:
    """One operator.

    `forms` holds a letter for each way to call it: f(unction), m(ethod), i(n place: the method `name_`), o(ut=), p(roperty).
    `source` is the name of entries of PyTorch's operator database, or a function that yields samples.
    `accepts` says why rushlight takes what PyTorch refuses; `unlike` holds kinds of check that cannot agree, with the reason.
    """

    name: str
    forms: str = "fm"
    source: str | OwnSamples = ""
    path: str = ""
    core: tuple[str, ...] = ()
    grad: bool = True
    compare: bool = True  # False: the values are undefined (empty)
    dtypes: tuple[str, ...] = tuple(DTYPES)
    tolerance: dict[str, Tolerance] = dataclasses.field(default_factory=dict)
    accepts: str = ""
    unlike: dict[str, str] = dataclasses.field(default_factory=dict)
    chance: dict[str, str] = dataclasses.field(default_factory=dict)  # kinds that may agree or not, with the reason
    reason: str = ""
    fatal: tuple[str, ...] = ()  # kinds of check that end PyTorch's own process
    processed: bool = False  # values are compared after Sample.process, as the results are not unique

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", self.source or self.name)
        object.__setattr__(self, "path", self.path or self.name)
        object.__setattr__(self, "core", self.core or (self.name.rpartition(".")[2],))
        assert not self.tolerance or self.reason, f"{self.name}: a tolerance of its own needs a reason"


REAL = tuple(d for d in DTYPES if not d.startswith("complex"))
FLOAT = ("float16", "bfloat16", "float32", "float64")


def own(name: str, forms: str, *samples: OwnSamples, **kwargs: object) -> Row:
    """A row with samples of our own."""

    def source(make: Maker) -> Iterator[Sample]:
        return itertools.chain.from_iterable(s(make) for s in samples)

    return Row(name, forms, source, **kwargs)  # type: ignore[arg-type]


def plain(name: str, *calls: Sample, forms: str = "f", **kwargs: object) -> Row:
    """A row whose samples hold no tensor of a given dtype."""
    return Row(name, forms, lambda make: calls, grad=False, **kwargs)  # type: ignore[arg-type]


COMPOSED = "composed of other operators, of which the last one names the node"
OVERLAP = "in place on an expanded tensor PyTorch's result depends on the order of its writes; rushlight refuses, as elsewhere"


def unary(names: str, **kwargs: object) -> list[Row]:
    return [Row(name, "fmio", **kwargs) for name in names.split()]  # type: ignore[arg-type]


def several(names: str, forms: str, **kwargs: object) -> list[Row]:
    return [Row(name, forms, **kwargs) for name in names.split()]  # type: ignore[arg-type]


def functional(names: str, **kwargs: object) -> list[Row]:
    return [Row("nn.functional." + name, "f", **kwargs) for name in names.split()]  # type: ignore[arg-type]

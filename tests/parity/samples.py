"""Inputs to compare on: PyTorch's own operator database, a few of our own, and variations of both."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import unittest.mock
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.testing import make_tensor
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import OpInfo, UnaryUfuncInfo

from .library import remake, tensors

DTYPES = {
    name: getattr(torch, name)
    for name in ("bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split())
}
CAP = 12  # samples of one operator and dtype: spread evenly over what the database offers
MAX_DIMS = 64
LARGE = 20_000  # elements; larger samples only cost time


@dataclasses.dataclass(frozen=True)
class Sample:
    """One call: the arguments of the function form, as PyTorch's values."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
    # What the database does to a result before it takes gradients, so that nothing undetermined is left in it (signs of
    # singular vectors); it is written in methods, which both libraries have.
    process: Callable[[Any], Any] = lambda result: result

    def __str__(self) -> str:
        def brief(value: Any) -> Any:
            if not isinstance(value, torch.Tensor):
                return value
            return Brief(f"{str(value.dtype)[6:]}{list(value.shape)}")

        parts = [repr(remake(value, brief)) for value in self.args]
        parts += [f"{key}={remake(value, brief)!r}" for key, value in self.kwargs.items()]
        return ", ".join(parts)

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Sample:
        """The same call on changed tensors."""

        def each(value: Any) -> Any:
            return change(value) if isinstance(value, torch.Tensor) else value

        return Sample(remake(self.args, each), remake(self.kwargs, each), self.process)


class Brief(str):
    __repr__ = str.__str__


Maker = Callable[..., torch.Tensor]
OwnSamples = Callable[[Maker], Iterable[Sample]]


def call(*args: Any, **kwargs: Any) -> Sample:
    return Sample(args, kwargs)


@functools.cache
def _entries() -> dict[str, list[OpInfo]]:
    entries: dict[str, list[OpInfo]] = {}
    for info in op_db:
        entries.setdefault(info.name, []).append(info)
        if info.variant_test_name:
            entries[f"{info.name}/{info.variant_test_name}"] = [info]
    return entries


def database(source: str) -> list[OpInfo]:
    """The entries of a name ("var"), or of one variant ("norm/fro")."""
    return _entries()[source]


def spread(found: list[Any], cap: int) -> list[Any]:
    """At most `cap` of a list: first, last and evenly between."""
    if len(found) <= cap:
        return found
    return [found[i * (len(found) - 1) // (cap - 1)] for i in range(cap)]


# The samples are small, and PyTorch's idle threads spin.
torch.set_num_threads(1)

#: torch.manual_seed without the tracebacks that it notes for each kind of accelerator: they were half of the suite's time.
seed = torch.default_generator.manual_seed


@contextlib.contextmanager
def _seeding() -> Iterator[None]:
    """The database seeds before each of its samples."""
    with unittest.mock.patch.object(torch, "manual_seed", seed):
        yield


def supports(source: str | OwnSamples, dtype: str) -> bool:
    if callable(source):
        return True
    return any(DTYPES[dtype] in info.dtypes for info in database(source))


def samples(source: str | OwnSamples, dtype: str, *, grad: bool = False, cap: int = CAP) -> list[Sample]:
    """Calls on tensors of `dtype`. Where the database has none of that dtype, those of another are cast."""
    found = spread(_all_samples(source, dtype, grad), cap)
    arrange = ARRANGED.get(source)
    return [arrange(sample) for sample in found] if arrange and not grad else found


@functools.lru_cache(maxsize=20)  # what the checks of one row ask for again and again; they change only copies
@_seeding()
def _all_samples(source: str | OwnSamples, dtype: str, grad: bool) -> list[Sample]:
    seed(zlib.crc32(f"{source if isinstance(source, str) else ''}{dtype}".encode()))
    wanted = DTYPES[dtype]
    if callable(source):
        make = functools.partial(_make, dtype=wanted, requires_grad=grad)
        return list(source(make))
    found: list[Sample] = []
    for info in database(source):
        have = wanted
        if wanted not in info.dtypes:
            have = next((d for d in (torch.float32, torch.int64, *DTYPES.values()) if d in info.dtypes), wanted)
        for item in itertools.islice(info.sample_inputs("cpu", have, requires_grad=grad and have is wanted), 200):
            sample = Sample((item.input, *item.args), dict(item.kwargs), item.output_process_fn_grad)
            if sum(t.numel() for t in tensors((sample.args, sample.kwargs))) > LARGE:
                continue
            found.append(sample if have is wanted else sample.map(functools.partial(_cast, have, wanted)))
        if isinstance(info, UnaryUfuncInfo):  # the database has vectors and scalars only
            low, high = info.domain
            settings = {"low": low, "high": high, "requires_grad": grad and have is wanted}
            if have.is_floating_point or have.is_complex:
                extra = [call(_make(*shape, dtype=have, **settings)) for shape in ((3, 4), (4, 1, 3))]
                found += extra if have is wanted else [s.map(functools.partial(_cast, have, wanted)) for s in extra]
    return found


def _ranks(sample: Sample) -> Sample:
    """The first tensor's elements replaced by their ranks, so that no two are equal."""
    t = sample.args[0]
    if not isinstance(t, torch.Tensor) or t.is_complex() or not 1 < t.numel() <= 250:
        return sample
    low = -125 if t.dtype is torch.int8 else 0
    ranks = t.flatten().float().argsort(stable=True).argsort() + low
    return Sample((ranks.to(t.dtype).reshape(t.shape), *sample.args[1:]), sample.kwargs)


def _stable(sample: Sample) -> Sample:
    """The same sort, stable where it has many elements."""
    t = sample.args[0]
    if not isinstance(t, torch.Tensor) or t.numel() <= 250 or len(sample.args) > 1:
        return sample
    return Sample(sample.args, {**sample.kwargs, "stable": True})


def _short(sample: Sample) -> Sample:
    """The same on at most 16 elements of each dimension: PyTorch sorts so few of them stably."""
    return sample.map(lambda t: t[tuple(slice(16) for _ in t.shape)].contiguous())


# Calls whose result PyTorch leaves open (the order of equal elements; it differs between processors) are asked for so
# that there is one answer alone.
ARRANGED: dict[Any, Callable[[Sample], Sample]] = {
    "topk": _ranks,
    "kthvalue": _ranks,
    "mode": _short,
    "sort": _stable,
    "argsort": _stable,
}


def _cast(have: torch.dtype, wanted: torch.dtype, t: torch.Tensor) -> torch.Tensor:
    if t.dtype is not have:
        return t
    # Negative or huge floats have no defined value as small integers.
    return (t if wanted.is_floating_point or wanted.is_complex else t.nan_to_num().abs().clamp(max=100)).to(wanted)


def _make(*shape: int, dtype: torch.dtype, **kwargs: Any) -> torch.Tensor:
    if not (dtype.is_floating_point or dtype.is_complex):
        kwargs = {}  # bounds and gradients are for floats
    return make_tensor(shape, device="cpu", dtype=dtype, **kwargs)


@_seeding()
def errors(source: str | OwnSamples) -> list[Sample]:
    """The calls that the database knows to fail."""
    if callable(source):
        return []
    found = []
    for info in database(source):
        if info.error_inputs_func is not None:
            seed(0)
            for item in info.error_inputs("cpu"):
                if hasattr(item, "sample_input"):
                    item = item.sample_input
                    sample = Sample((item.input, *item.args), dict(item.kwargs))
                    # There is no tensor of more dimensions here: it fails before the operator is reached.
                    if all(
                        t.dim() <= MAX_DIMS and t.device.type == "cpu" for t in tensors((sample.args, sample.kwargs))
                    ):
                        found.append(sample)
    return found


# Variations of a sample. Whatever they lead to, a result or an error, must be the same in both libraries.


def _scalar(t: torch.Tensor) -> torch.Tensor:
    return t.flatten()[0] if t.numel() else t


def _no_rows(t: torch.Tensor) -> torch.Tensor:
    return t[:0] if t.dim() else t


def _no_columns(t: torch.Tensor) -> torch.Tensor:
    return t[..., :0] if t.dim() else t


SHAPES = {"0-dim": _scalar, "no rows": _no_rows, "no columns": _no_columns}


def _reversed_layout(t: torch.Tensor) -> torch.Tensor:
    back = tuple(range(t.dim()))[::-1]
    return t.permute(back).contiguous().permute(back)


def _every_second(t: torch.Tensor) -> torch.Tensor:
    if not t.dim():
        return t
    wide = torch.stack([t, t], dim=-1).flatten(-2)
    return wide[..., ::2]


def _expanded(t: torch.Tensor) -> torch.Tensor:
    return t[:1].expand_as(t) if t.dim() and t.shape[0] else t


LAYOUTS = {"reversed layout": _reversed_layout, "every second": _every_second, "expanded": _expanded}


def varied(sample: Sample, change: Callable[[torch.Tensor], torch.Tensor]) -> Sample:
    return sample.map(lambda t: change(t.detach()).requires_grad_(t.requires_grad))


HUGE = 10**13  # a dimension, an index or a size that nothing has


def abused(sample: Sample) -> list[Sample]:
    """Wrong uses of a call, made by replacing one argument."""
    found = [Sample((), {}), Sample(sample.args, {**sample.kwargs, "no_such_argument": 1})]
    for i, value in enumerate(sample.args):
        wrong: list[Any] = ["text", object()]
        if isinstance(value, torch.Tensor):
            wrong += [None, torch.ones(3, 0, 5, 7)]
        elif isinstance(value, int) and not isinstance(value, bool):
            wrong += [HUGE, -HUGE, 1.5, None]
        elif isinstance(value, (list, tuple)):
            wrong += [[], ["text"], [None], [HUGE, HUGE]]
        found += [Sample((*sample.args[:i], w, *sample.args[i + 1 :]), sample.kwargs) for w in wrong]
    return found

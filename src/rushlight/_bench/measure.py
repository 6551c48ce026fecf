"""How a case is timed: both libraries in one process, in turn, so that what disturbs the machine disturbs both."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import exp, log
from textwrap import indent
from types import ModuleType
from typing import Any

from .cases import Case

__all__ = ["Result", "Timing", "geometric_mean", "measure", "time_case"]

# Like timeit's: the statement stands in the loop itself, so nothing but the loop is added to it. The names of the setup
# are cells of the enclosing function, for both libraries alike.
TEMPLATE = """
def prepare(torch):
{setup}
    def loop(_turns, _clock):
        _start = _clock()
        for _turn in _turns:
{statement}
        return _clock() - _start
    return loop
"""

Loop = Callable[[Iterable[int], Callable[[], float]], float]


@dataclass(frozen=True)
class Timing:
    rounds: int = 9
    seconds: float = 0.02  # the least length of a round


QUICK = Timing(rounds=5, seconds=0.005)


@dataclass(frozen=True)
class Result:
    """Times in seconds per run of the statement; `low` and `high` are the quartiles of the rounds' own ratios."""

    group: str
    name: str
    threads: int
    torch: float
    rushlight: float
    ratio: float
    low: float
    high: float
    target: float | None
    headline: bool

    @property
    def ok(self) -> bool:
        return self.target is None or self.ratio >= self.target


def compiled(case: Case) -> Callable[[ModuleType], Loop]:
    source = TEMPLATE.format(setup=indent(case.setup or "pass", " " * 4), statement=indent(case.statement, " " * 12))
    scope: dict[str, Any] = {}
    exec(compile(source, f"<benchmark {case.name}>", "exec"), scope)
    prepare: Callable[[ModuleType], Loop] = scope["prepare"]
    return prepare


class _Side:
    """One library's part in a case: its loop and how many turns make a round."""

    def __init__(self, case: Case, library: ModuleType, timing: Timing) -> None:
        library.set_num_threads(case.threads)
        library.manual_seed(0)
        self.library, self.threads, self.times = library, case.threads, list[float]()
        self.loop = compiled(case)(library)
        self.turns = 1
        self._time()  # what the first call imports or makes would count as its length
        while (taken := self._time()) < timing.seconds:
            # Aims a little above the length asked for; at most ten times more, as the first turns are slow.
            self.turns = max(
                self.turns + 1, min(10 * self.turns, int(1.2 * self.turns * timing.seconds / max(taken, 1e-9)))
            )

    def _time(self) -> float:
        return self.loop(range(self.turns), time.perf_counter)

    def round(self) -> None:
        self.library.set_num_threads(self.threads)
        self.loop(range(max(1, self.turns // 20)), time.perf_counter)  # caches and the thread pool are ours again
        self.times.append(self._time() / self.turns)


def time_case(case: Case, torch: ModuleType, rushlight: ModuleType, timing: Timing) -> tuple[list[float], list[float]]:
    """The times of each round, PyTorch's and rushlight's."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        theirs, ours = _Side(case, torch, timing), _Side(case, rushlight, timing)
        for number in range(timing.rounds):
            for side in (theirs, ours) if number % 2 == 0 else (ours, theirs):
                side.round()
    finally:
        if enabled:
            gc.enable()
    return theirs.times, ours.times


def measure(case: Case, torch: ModuleType, rushlight: ModuleType, timing: Timing) -> Result:
    theirs, ours = time_case(case, torch, rushlight, timing)
    low, _, high = statistics.quantiles([a / b for a, b in zip(theirs, ours, strict=True)], n=4)
    a, b = statistics.median(theirs), statistics.median(ours)
    return Result(case.group, case.name, case.threads, a, b, a / b, low, high, case.target, case.headline)


def geometric_mean(ratios: Iterable[float]) -> float:
    logs = [log(ratio) for ratio in ratios]
    return exp(sum(logs) / len(logs))

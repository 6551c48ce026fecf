"""The profiler with a schedule: `profile`, for programs that run in steps. See `rushlight.autograd.profiler` for the events."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from .. import _core
from .._missing import missing
from ..autograd import profiler as _profiler
from ..autograd.profiler import kineto_available, record_function

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]


class ProfilerActivity(Enum):
    """What can be recorded. There is only the CPU here."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(Enum):
    """What the profiler does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3
    DEVICE_STOPPED = 4


def supported_activities() -> set[ProfilerActivity]:
    """The CPU."""
    return {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """What to do in each step: after `skip_first` steps, cycles of `wait` idle steps, `warmup` steps, `active` recorded ones.

    repeat: how many cycles; 0: without end. skip_first_wait: nonzero leaves out the idle steps of the first cycle.
    """
    if wait < 0 or warmup < 0 or active <= 0 or repeat < 0 or skip_first < 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments: wait={wait} (must be >= 0), warmup={warmup} (must be >= 0), active={active} "
            f"(must be > 0), repeat={repeat} (must be >= 0), skip_first={skip_first} (must be >= 0)"
        )
    if warmup == 0:
        import warnings

        warnings.warn("Profiler won't be using warmup, this can skew profiler results", stacklevel=2)

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait != 0:
            step += wait
        cycle = wait + warmup + active
        if repeat > 0 and step >= repeat * cycle:
            return ProfilerAction.NONE
        place = step % cycle
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < cycle - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False, use_python_export: bool = False
) -> Callable[[Any], None]:
    """For `on_trace_ready`: writes each finished trace to a file of its own in a folder."""

    def handler(prof: Any) -> None:
        import socket
        import time

        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json"
        prof.export_chrome_trace(os.path.join(dir_name, name + (".gz" if use_gzip else "")))

    return handler


def _always(_: int) -> ProfilerAction:
    return ProfilerAction.RECORD


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


class profile:
    """Records a program, or those of its steps that `schedule` names; `step()` says that one has ended.

    activities: what to record; the CPU is all there is. schedule: a function from the number of the step to a
    `ProfilerAction`; without it all is recorded. on_trace_ready: called with the profiler when a trace is complete. The other
    arguments are those of `torch.autograd.profiler.profile`.
    """

    def __init__(
        self,
        *,
        activities: Iterable[Any] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_flops: bool = False,
        with_modules: bool = False,
        experimental_config: Any = None,
        execution_trace_observer: Any = None,
        acc_events: bool = False,
        use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None,
        post_processing_timeout_s: float | None = None,
    ) -> None:
        self.activities = set(activities) if activities is not None else supported_activities()
        if not self.activities:
            raise AssertionError("No valid profiler activities found")
        self.schedule = schedule or _always
        self.record_steps = schedule is not None
        self.on_trace_ready = on_trace_ready
        self.step_num = 0
        self.profiler = _profiler.profile(
            record_shapes=record_shapes, profile_memory=profile_memory, with_stack=with_stack, with_flops=with_flops
        )
        self.current_action = self.schedule(0)
        self.preset_metadata: dict[str, str] = {}
        self._raw: list[tuple[Any, ...]] = []
        self._running = False
        self._acc_events = acc_events
        self._step: Any = None

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins; the schedule decides whether the first step is recorded."""
        if self.current_action in _RECORDING:
            self._begin()
        self._enter_step()

    def stop(self) -> None:
        """Ends, with a last trace if one is being recorded."""
        self._leave_step()
        if self._running:
            self._end()
            self._ready()

    def step(self) -> None:
        """Says that a step of the program has ended."""
        self._leave_step()
        before = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        if self._running and (before is ProfilerAction.RECORD_AND_SAVE or self.current_action not in _RECORDING):
            self._end()
            if before is ProfilerAction.RECORD_AND_SAVE:
                self._ready()
        if not self._running and self.current_action in _RECORDING:
            self._begin()
        self._enter_step()

    def _begin(self) -> None:
        if not self._acc_events:
            self._raw = []
        _core._profile_start(self.profiler.record_shapes)
        self._running = True

    def _end(self) -> None:
        self._running = False
        offset = len(self._raw)
        for raw in _core._profile_stop():
            parent = raw[4] + offset if raw[4] >= 0 else -1
            self._raw.append((*raw[:4], parent, *raw[5:]))
        self.profiler._take(self._raw)

    def _ready(self) -> None:
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def _enter_step(self) -> None:
        if self.record_steps:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _leave_step(self) -> None:
        if self._step is not None:
            self._step.__exit__(None, None, None)
            self._step = None

    def events(self) -> Any:
        """The events of the last trace."""
        return self.profiler._finished()

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> Any:
        """One entry for each operator: see `EventList.key_averages`."""
        return self.profiler.key_averages(group_by_input_shape, group_by_stack_n)

    def export_chrome_trace(self, path: str, use_python_export: bool = False) -> None:
        """Writes the last trace as JSON; compressed if the name ends in .gz."""
        if not path.endswith(".gz"):
            self.profiler.export_chrome_trace(path)
            return
        import gzip
        import shutil
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            plain = os.path.join(folder, "trace.json")
            self.profiler.export_chrome_trace(plain)
            with open(plain, "rb") as source, gzip.open(path, "wb") as target:
                shutil.copyfileobj(source, target)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Writes the last trace for flame graphs."""
        self.profiler.export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Keeps a note with the profile."""
        self.preset_metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Keeps a note, which is JSON, with the profile."""
        self.preset_metadata[key] = value


def __getattr__(name: str) -> Any:
    raise AttributeError(missing(f"profiler.{name}"))


_core._internal(globals())

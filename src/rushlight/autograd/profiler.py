"""Where time and memory go: `profile`, `record_function`, tables of averages, and traces for Chrome.

While a profile runs, each operator called from Python, each node of backward and each `record_function` block is an event. No
operator is slower while none runs.
"""

from __future__ import annotations

import functools
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from .. import _core
from .._missing import missing

__all__ = [
    "EnforceUnique",
    "EventList",
    "FormattedTimesMixin",
    "FunctionEvent",
    "FunctionEventAvg",
    "Interval",
    "KinetoStepTracker",
    "StringTable",
    "kineto_available",
    "profile",
    "record_function",
]


def kineto_available() -> bool:
    """False: there is no tracing library behind this profiler, and none is needed."""
    return False


class record_function:
    """Names a block of a program (or, as a decorator, a function) in profiles.

    Example:
        >>> with torch.autograd.profiler.profile() as prof:
        ...     with torch.autograd.profiler.record_function("step"):
        ...         y = torch.ones(2) + 1
        >>> [e.name for e in prof.function_events if not e.name.startswith("aten::ones")]
        ['step', 'aten::add']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name = name
        self.args = args
        self._handle: Any = None

    def __enter__(self) -> record_function:
        self._handle = _core._profile_enter(self.name)
        return self

    def __exit__(self, *error: object) -> None:
        _core._profile_leave(self._handle)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.name, self.args):
                return function(*args, **kwargs)

        return inside


# --- events -------------------------------------------------------------------------------------------------------------


def _time(us: float) -> str:
    if us >= 1e6:
        return f"{us / 1e6:.3f}s"
    return f"{us / 1e3:.3f}ms" if us >= 1e3 else f"{us:.3f}us"


def _memory(size: float) -> str:
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if abs(size) >= unit:
            return f"{size / unit:.2f} {name}"
    return f"{int(size)} B"


def _share(part: float, whole: float) -> str:
    return f"{part * 100.0 / whole:.2f}%" if whole else "NaN"


class Interval:
    """From `start` to `end`, in microseconds."""

    def __init__(self, start: float, end: float) -> None:
        self.start = start
        self.end = end

    def elapsed_us(self) -> float:
        return self.end - self.start


class StringTable(defaultdict[str, str]):
    """Names by the names that they have in a trace; what is not in it stands for itself."""

    def __missing__(self, key: str) -> str:
        self[key] = key
        return key


class EnforceUnique:
    """Raises where a key comes a second time."""

    def __init__(self) -> None:
        self.seen: set[tuple[Any, ...]] = set()

    def see(self, *key: Any) -> None:
        """Notes the key."""
        if key in self.seen:
            raise RuntimeError(f"duplicate key: {key}")
        self.seen.add(key)


class KinetoStepTracker:
    """The step of a program in which several count steps, each under its name: the largest of their counts."""

    _steps: dict[str, int] = {}
    _current_step = 0

    @classmethod
    def init_step_count(cls, requester: str) -> None:
        """A new count, which begins where the program is."""
        cls._steps[requester] = cls._current_step

    @classmethod
    def erase_step_count(cls, requester: str) -> bool:
        """Ends a count; says whether there was one."""
        return cls._steps.pop(requester, None) is not None

    @classmethod
    def increment_step(cls, requester: str) -> int:
        """Counts a step and gives the program's."""
        if requester not in cls._steps:
            cls.init_step_count(requester)
        cls._steps[requester] += 1
        new = max(cls._steps.values())
        if new > cls._current_step + 1:
            import warnings

            warnings.warn(
                f"Profiler step count has increased more than 1 - current_step = {cls._current_step} step dict =  {cls._steps}",
                stacklevel=2,
            )
        cls._current_step = max(new, cls._current_step)
        return cls._current_step

    @classmethod
    def current_step(cls) -> int:
        """The program's step."""
        return cls._current_step


def _shown(name: str) -> property:
    """A time with its unit."""
    return property(lambda self: _time(getattr(self, name)))


class FormattedTimesMixin:
    """What single events and averages share: times in microseconds, memory in bytes."""

    cpu_time_total: float
    self_cpu_time_total: float
    count: int
    cpu_memory_usage: int
    self_cpu_memory_usage: int
    # There is no other device than the CPU.
    device_time = device_time_total = self_device_time_total = cuda_time = cuda_time_total = 0.0
    device_memory_usage = self_device_memory_usage = 0

    @property
    def cpu_time(self) -> float:
        return self.cpu_time_total / self.count if self.count else 0.0

    cpu_time_str = _shown("cpu_time")
    cpu_time_total_str = _shown("cpu_time_total")
    self_cpu_time_total_str = _shown("self_cpu_time_total")
    device_time_str = _shown("device_time")
    device_time_total_str = _shown("device_time_total")
    self_device_time_total_str = _shown("self_device_time_total")


class FunctionEvent(FormattedTimesMixin):
    """One call of an operator, one node of backward, or one block of `record_function`."""

    is_async = is_remote = is_legacy = False
    node_id = -1
    overload_name = ""
    use_device: str | None = None

    def __init__(self, id: int, origin: int, raw: tuple[Any, ...]) -> None:
        name, start, end, thread, _, size, sequence, shapes, line, user = raw
        self.id = id
        self.name = self.trace_name = name
        self.time_range = Interval((start - origin) / 1e3, (end - origin) / 1e3)
        self.thread = self.fwd_thread = thread
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []
        self.count = 1
        self.own_bytes: int = size
        self.sequence_nr: int = sequence
        self.input_shapes: list[list[int]] = shapes
        self.stack: list[str] = [line] if line else []
        self.is_user_annotation = bool(user)
        self.flops = _flops(name, shapes)

    @property
    def key(self) -> str:
        return self.name

    @property
    def cpu_time_total(self) -> float:  # type: ignore[override]
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self) -> float:  # type: ignore[override]
        return self.cpu_time_total - sum(c.cpu_time_total for c in self.cpu_children)

    @property
    def cpu_memory_usage(self) -> int:  # type: ignore[override]
        """The memory of the result; of what the children have made, if the event is no operator."""
        return self.own_bytes or sum(c.cpu_memory_usage for c in self.cpu_children)

    @property
    def self_cpu_memory_usage(self) -> int:  # type: ignore[override]
        return self.cpu_memory_usage - sum(c.cpu_memory_usage for c in self.cpu_children)

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} start_us={self.time_range.start:.3f} "
            f"end_us={self.time_range.end:.3f} cpu_children={[c.id for c in self.cpu_children]} thread={self.thread} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage} seq_nr={self.sequence_nr}>"
        )


class FunctionEventAvg(FormattedTimesMixin):
    """All events of one name (and, where asked for, of the same shapes or line) together."""

    is_async = is_remote = is_legacy = False
    node_id = 0
    overload_name = ""

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.count = 0
        self.cpu_time_total = 0.0
        self.self_cpu_time_total = 0.0
        self.cpu_memory_usage = 0
        self.self_cpu_memory_usage = 0
        self.input_shapes: Any = ""
        self.stack: list[str] = []
        self.flops = 0
        self.is_user_annotation = False
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []

    def add(self, other: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        """Adds an event."""
        self.count += other.count
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.flops += other.flops
        self.is_user_annotation = other.is_user_annotation
        return self

    def __iadd__(self, other: FunctionEvent | FunctionEventAvg) -> FunctionEventAvg:
        return self.add(other)

    def __repr__(self) -> str:
        shapes = self.input_shapes if self.input_shapes else ""
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} cpu_time={self.cpu_time_str} "
            f" self_cuda_time=0.000us cuda_time=0.000us input_shapes={shapes} cpu_memory_usage={self.cpu_memory_usage} "
            "cuda_memory_usage=0>"
        )


def _flops(name: str, shapes: list[list[int]]) -> int:
    """Multiplications and additions of products, and one operation for each element of the arithmetic."""
    if (
        len(shapes) >= 2
        and name in ("aten::mm", "aten::matmul", "aten::bmm")
        and len(shapes[0]) >= 2
        and len(shapes[1]) >= 2
    ):
        rows = 1
        for size in shapes[0][:-1]:
            rows *= size
        return 2 * rows * shapes[0][-1] * shapes[1][-1]
    if shapes and name in ("aten::add", "aten::mul", "aten::sub", "aten::div"):
        count = 1
        for size in max(shapes, key=len):
            count *= size
        return count
    return 0


class EventList(list[Any]):
    """Events, or averages of them."""

    def __init__(self, events: Iterable[Any] = (), *, profile_memory: bool = False, with_flops: bool = False) -> None:
        super().__init__(events)
        self._profile_memory = profile_memory
        self._with_flops = with_flops

    @property
    def self_cpu_time_total(self) -> float:
        return sum(e.self_cpu_time_total for e in self)

    def __str__(self) -> str:
        return self.table()

    def total_average(self) -> FunctionEventAvg:
        """Everything as one entry."""
        total = FunctionEventAvg()
        for event in self:
            total.add(event)
        total.key = "Total"
        return total

    def key_averages(
        self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """One entry for each name; with `group_by_input_shapes` for each name and shapes, with `group_by_stack_n` and line."""
        groups: dict[Any, FunctionEventAvg] = {}
        for event in self:
            key: tuple[Any, ...] = (event.key,)
            if group_by_input_shapes:
                key += (str(event.input_shapes),)
            if group_by_stack_n > 0:
                key += (tuple(event.stack[:group_by_stack_n]),)
            group = groups.get(key)
            if group is None:
                group = groups[key] = FunctionEventAvg(event.key)
                if group_by_input_shapes:
                    group.input_shapes = event.input_shapes
                if group_by_stack_n > 0:
                    group.stack = event.stack[:group_by_stack_n]
            group.add(event)
        return EventList(groups.values(), profile_memory=self._profile_memory, with_flops=self._with_flops)

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
        time_unit: str | None = None,
    ) -> str:
        """The entries as text, the largest of `sort_by` (an attribute, such as "self_cpu_time_total") first."""
        rows = [e for e in self if not (top_level_events_only and e.cpu_parent is not None)]
        if not rows:
            return ""
        whole = self.self_cpu_time_total
        if sort_by is not None:
            name = sort_by.replace("cuda", "device")
            if not hasattr(rows[0], name):
                raise AttributeError(f"'{type(rows[0]).__name__}' object has no attribute '{name}'")
            rows.sort(key=lambda e: -getattr(e, name))
        columns = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg"]
        if self._profile_memory:
            columns += ["CPU Mem", "Self CPU Mem"]
        columns.append("# of Calls")
        shapes = any(e.input_shapes for e in rows if isinstance(e, FunctionEventAvg))
        stacks = any(e.stack for e in rows if isinstance(e, FunctionEventAvg))
        if shapes:
            columns.append("Input Shapes")
        if stacks:
            columns.append("Source Location")
        if self._with_flops:
            columns.append("Total FLOPs")

        def unit(us: float) -> str:
            if time_unit is None:
                return _time(us)
            return f"{us / {'us': 1.0, 'ms': 1e3, 's': 1e6}[time_unit]:.3f}{time_unit}"

        lines = []
        for e in rows[: row_limit if row_limit >= 0 else None]:
            name = e.key
            if max_name_column_width is not None and len(name) > max_name_column_width:
                name = name[: max_name_column_width - 3] + "..."
            row = [
                name,
                _share(e.self_cpu_time_total, whole),
                unit(e.self_cpu_time_total),
                _share(e.cpu_time_total, whole),
                unit(e.cpu_time_total),
                unit(e.cpu_time),
            ]
            if self._profile_memory:
                row += [_memory(e.cpu_memory_usage), _memory(e.self_cpu_memory_usage)]
            row.append(str(e.count))
            if shapes:
                row.append(str(e.input_shapes or [])[:max_shapes_column_width])
            if stacks:
                row.append((e.stack[0] if e.stack else "")[-max_src_column_width:])
            if self._with_flops:
                row.append(f"{e.flops:,}" if e.flops else "--")
            lines.append(row)
        widths = [max(len(row[i]) for row in [columns, *lines]) for i in range(len(columns))]
        widths[1:] = [max(w, 12) for w in widths[1:]]
        rule = "  ".join("-" * w for w in widths) + "  "

        def text(row: list[str]) -> str:
            return "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) + "  "

        result = [rule]
        if header is not None:
            result = ["=" * len(rule), header, *result]
        result += [text(columns), rule, *map(text, lines), rule, f"Self CPU time total: {unit(whole)}", ""]
        return "\n".join(result)

    def supported_export_stacks_metrics(self) -> list[str]:
        """What `export_stacks` may write."""
        return ["self_cpu_time_total", "self_cuda_time_total"]

    def export_chrome_trace(self, path: str, metadata: dict[str, Any] | None = None) -> None:
        """Writes the events as JSON for chrome://tracing or Perfetto; `metadata` beside them."""
        process = os.getpid()
        events: list[dict[str, Any]] = []
        for e in self:
            events.append(
                {
                    "ph": "X",
                    "cat": "user_annotation" if e.is_user_annotation else "cpu_op",
                    "name": e.name,
                    "pid": process,
                    "tid": e.thread,
                    "ts": e.time_range.start,
                    "dur": e.time_range.elapsed_us(),
                    "args": {
                        "External id": e.id,
                        "Sequence number": e.sequence_nr,
                        "Input Dims": e.input_shapes,
                        "Bytes": e.cpu_memory_usage,
                        "Source": e.stack[0] if e.stack else "",
                    },
                }
            )
        with open(path, "w", encoding="utf-8") as file:
            json.dump({**(metadata or {}), "schemaVersion": 1, "displayTimeUnit": "ms", "traceEvents": events}, file)

    def export_stacks(self, path: str, metric: str) -> None:
        """Writes one line for each event, its source and its time in microseconds, for flame graphs."""
        if metric not in self.supported_export_stacks_metrics():
            raise ValueError(f"metric should be one of: {self.supported_export_stacks_metrics()}")
        with open(path, "w", encoding="utf-8") as file:
            for e in self:
                chain, at = [e.name.replace(" ", "_")], e.cpu_parent
                while at is not None:
                    chain.append(at.name.replace(" ", "_"))
                    at = at.cpu_parent
                value = int(getattr(e, metric.replace("cuda", "device")))
                if value > 0:
                    source = e.stack[:1] + chain[::-1] if e.stack else chain[::-1]
                    file.write(";".join(source) + f" {value}\n")


def _events(raw: list[tuple[Any, ...]], with_stack: bool) -> list[FunctionEvent]:
    origin = min((r[1] for r in raw), default=0)
    events = [FunctionEvent(i, origin, r) for i, r in enumerate(raw)]
    for event, r in zip(events, raw, strict=True):
        if not with_stack:
            event.stack = []
        if r[4] >= 0:
            event.cpu_parent = events[r[4]]
            events[r[4]].cpu_children.append(event)
    return events


class profile:
    """Records what runs inside, as a context manager; then `key_averages().table()` shows where the time went.

    enabled: whether it records at all. record_shapes: the shapes of inputs. with_flops: estimates operations of products and
    arithmetic (from the shapes). profile_memory: the memory of results. with_stack: the line of each event. The other arguments
    are PyTorch's, for devices that there are none of.
    """

    function_events: EventList | None = None

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        use_kineto: bool = False,
        use_cpu: bool = True,
        experimental_config: Any = None,
        acc_events: bool = False,
        custom_trace_id_callback: Any = None,
        post_processing_timeout_s: float | None = None,
        activity_filters: Any = None,
    ) -> None:
        self.enabled = enabled
        self.use_cuda = use_cuda
        self.use_device = use_device
        self.record_shapes = record_shapes or with_flops
        self.with_flops = with_flops
        self.profile_memory = profile_memory
        self.with_stack = with_stack
        self.entered = False

    def __enter__(self) -> profile:
        if not self.enabled:
            return self
        if self.entered:
            raise RuntimeError("Profiler context manager is not reentrant")
        self.entered = True
        _core._profile_start(self.record_shapes)
        return self

    def __exit__(self, *error: object) -> None:
        if self.enabled:
            self._take(_core._profile_stop())

    def _take(self, raw: list[tuple[Any, ...]]) -> None:
        self.function_events = EventList(
            _events(raw, self.with_stack), profile_memory=self.profile_memory, with_flops=self.with_flops
        )

    def _finished(self) -> EventList:
        if self.function_events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self.function_events

    def __repr__(self) -> str:
        return "<unfinished torch.autograd.profile>" if self.function_events is None else repr(self.function_events)

    def __str__(self) -> str:
        return "<unfinished torch.autograd.profile>" if self.function_events is None else str(self.function_events)

    def table(
        self,
        sort_by: str | None = None,
        row_limit: int = 100,
        max_src_column_width: int = 75,
        max_name_column_width: int = 55,
        max_shapes_column_width: int = 80,
        header: str | None = None,
        top_level_events_only: bool = False,
    ) -> str:
        return self._finished().table(
            sort_by,
            row_limit,
            max_src_column_width,
            max_name_column_width,
            max_shapes_column_width,
            header,
            top_level_events_only,
        )

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        return self._finished().key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name)

    def total_average(self) -> FunctionEventAvg:
        return self._finished().total_average()

    def export_chrome_trace(
        self, path: str, metadata: dict[str, Any] | None = None, use_python_export: bool = False
    ) -> None:
        self._finished().export_chrome_trace(path, metadata)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        self._finished().export_stacks(path, metric)

    @property
    def self_cpu_time_total(self) -> float:
        return self._finished().self_cpu_time_total


def __getattr__(name: str) -> Any:
    raise AttributeError(missing(f"autograd.profiler.{name}"))


_core._internal(globals())

"""All public names of torch.autograd and torch.utils.checkpoint are there, with all their parameters.

What is left out is named in EXCLUDED, with its reason, and in docs/differences.md.
"""

from __future__ import annotations

import importlib
import inspect
import pathlib
import sys
import warnings
from typing import Any

import pytest
import rushlight

pytest.importorskip("torch")

MODULES = (
    "autograd",
    "autograd.anomaly_mode",
    "autograd.forward_ad",
    "autograd.function",
    "autograd.functional",
    "autograd.grad_mode",
    "autograd.gradcheck",
    "autograd.graph",
    "autograd.profiler",
    "autograd.profiler_util",
    "autograd.variable",
    "profiler",
    "utils.checkpoint",
    "utils.hooks",
)
_DEVICES = "for tracing libraries and devices that there are none of"
_DEPRECATED = "not documented, and deprecated as part of PyTorch's private API"
_KINETO = "the inside of PyTorch's profiler"
_LEGACY = "of Functions that are objects, which PyTorch itself does not run any more"
_OPERATORS = "a set of overloads of aten, which policies do not get here"
EXCLUDED = {
    "autograd.function.NestedIOFunction.backward_extended": _LEGACY,
    "autograd.function.NestedIOFunction.forward_extended": _LEGACY,
    "autograd.gradcheck.get_analytical_jacobian": _DEPRECATED,
    "autograd.gradcheck.get_numerical_jacobian": _DEPRECATED,
    "autograd.gradcheck.get_numerical_jacobian_wrt_specific_input": _DEPRECATED,
    "autograd.profiler.FunctionEvent.append_cpu_child": _KINETO,
    "autograd.profiler.FunctionEvent.append_kernel": _DEVICES,
    "autograd.profiler.FunctionEvent.metadata_json": _KINETO,
    "autograd.profiler.FunctionEvent.self_cuda_memory_usage": _DEVICES,
    "autograd.profiler.FunctionEvent.self_cuda_time_total": _DEVICES,
    "autograd.profiler.FunctionEvent.set_cpu_parent": _KINETO,
    "autograd.profiler.MemRecordsAcc": _KINETO,
    "autograd.profiler.emit_itt": _DEVICES,
    "autograd.profiler.emit_nvtx": _DEVICES,
    "autograd.profiler.load_nvprof": _DEVICES,
    "autograd.profiler.parse_nvprof_trace": _DEVICES,
    "autograd.profiler.profile.config": _KINETO,
    "autograd.profiler.profile.create_trace_id": _KINETO,
    "autograd.profiler.profile.default_trace_id": _KINETO,
    "autograd.profiler.profile.toggle_collection_dynamic": _KINETO,
    "autograd.profiler_util.EventMetadata": _DEVICES,
    "autograd.profiler_util.Kernel": _DEVICES,
    "autograd.profiler_util.MemRecordsAcc": _KINETO,
    "autograd.variable.VariableMeta": "the metaclass of `Variable`",
    "profiler.DeviceType": _DEVICES,
    "profiler.ExecutionTraceObserver": _KINETO,
    "profiler.profile.export_memory_timeline": _KINETO,
    "profiler.profile.get_trace_id": _KINETO,
    "profiler.profile.prepare_trace": _KINETO,
    "profiler.profile.preset_metadata_json": _KINETO,
    "profiler.profile.set_custom_trace_id_callback": _KINETO,
    "profiler.profile.start_trace": _KINETO,
    "profiler.profile.stop_trace": _KINETO,
    "profiler.profile.toggle_collection_dynamic": _KINETO,
    "utils.checkpoint.SAC_IGNORED_OPS": _OPERATORS,
}
# Parameters: what differs, and why.
OTHER_PARAMETERS = {
    "autograd.function.FunctionMeta.__init__": "called by Python, by position",
    "autograd.profiler.EventList.__init__": "made by profiles",
    "autograd.profiler.EventList.export_chrome_trace": "one more, which profile.export_chrome_trace has",
    "autograd.profiler.EventList.table": "one more, which torch.profiler asks for",
    "autograd.profiler.FunctionEvent.__init__": "made by profiles",
    "autograd.profiler.FunctionEventAvg.__init__": "made by profiles",
    "profiler.ProfilerActivity.__init__": "an enumeration of Python",
    "utils.checkpoint.DefaultDeviceType.set_device_type": "the default is the device that there is",
}
# Members of the context, which PyTorch also shows on the class Function and its bases.
CONTEXT = set(dir(rushlight.autograd.function.BackwardCFunction))


def home(place: str) -> str:
    """The module under which lists here name what has two homes."""
    return {"autograd.profiler_util": "autograd.profiler", "autograd": "autograd.function"}.get(place, place)


def module(library: str, name: str) -> Any:
    importlib.import_module(f"{library}.{name}")
    return sys.modules[f"{library}.{name}"]  # autograd.gradcheck is a function by its other name


def parameters(function: Any) -> Any:
    """Names, kinds and defaults; None where Python cannot tell them."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    if [p.name for p in signature.parameters.values()] in (["self", "args", "kwargs"], ["args", "kwargs"]):
        return None
    plain = (int, float, str, bool, type(None))
    return {
        "*" if p.kind is p.VAR_POSITIONAL else name: (
            p.kind.name,
            p.default if isinstance(p.default, plain) else "an object",
        )
        for name, p in signature.parameters.items()
        if name not in ("self", "cls", "ctx")
    }


def names() -> list[tuple[str, str]]:
    found = []
    for place in MODULES:
        reference = module("torch", place)
        public = getattr(reference, "__all__", [n for n in dir(reference) if not n.startswith("_")])
        found += [(place, name) for name in public]
    return found


def differences(label: str, reference: Any, own: Any) -> list[str]:
    expected, got = parameters(reference), parameters(own)
    if expected is None or got is None or expected == got or label in OTHER_PARAMETERS:
        return []
    return [f"{label}: {got}, PyTorch: {expected}"]


def test_every_name_and_parameter_is_there() -> None:
    wrong: list[str] = []
    for place, name in names():
        label = f"{place}.{name}"
        if label in EXCLUDED:
            continue
        reference = getattr(module("torch", place), name)
        own = getattr(module("rushlight", place), name, None)
        if own is None:
            wrong.append(f"{label} is missing")
        elif inspect.isclass(reference) and inspect.isclass(own):
            wrong += differences(f"{home(place)}.{name}.__init__", reference.__init__, own.__init__)
            is_function = issubclass(own, rushlight.autograd.Function)
            for member in dir(reference):
                inside = f"{home(place)}.{name}.{member}"
                if member.startswith("_") or inside in EXCLUDED or (is_function and member in CONTEXT):
                    continue
                if not hasattr(own, member):
                    # Members of an enumeration that are made in C are no attributes of Python's enumerations.
                    if not (name == "ProfilerActivity" and member in ("name", "value")):
                        wrong.append(f"{inside} is missing")
                elif callable(getattr(reference, member)):
                    wrong += differences(inside, getattr(reference, member), getattr(own, member))
        elif callable(reference):
            wrong += differences(label, reference, own)
    assert not wrong, "\n".join(wrong)


def test_what_is_left_out_is_named() -> None:
    text = (pathlib.Path(__file__).parents[1] / "docs" / "differences.md").read_text(encoding="utf-8")
    for label in EXCLUDED:
        owner, _, name = label.rpartition(".")
        assert name in text, f"docs/differences.md does not name {name}"
        assert getattr(attribute("torch", label), "__name__", name), label
        with pytest.raises(AttributeError):
            getattr(attribute("rushlight", owner), name)


def attribute(library: str, label: str) -> Any:
    """The object of a dotted name, from the longest part of it that is a module."""
    place = max((m for m in MODULES if label == m or label.startswith(m + ".")), key=len)
    at = module(library, place)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in label[len(place) + 1 :].split(".") if label != place else ():
            at = getattr(at, part)
    return at

"""autograd.profiler and torch.profiler: events, averages, tables, traces, schedules."""

from __future__ import annotations

import gzip
import json
import pathlib
import warnings
from typing import Any

import pytest

import rushlight
from both import agree
from rushlight import profiler as steps
from rushlight.autograd import profiler


def program() -> None:
    x = rushlight.ones(50, 40, requires_grad=True)
    w = rushlight.ones(40, 30, requires_grad=True)
    with profiler.record_function("forward"):
        y = ((x @ w).relu() * 2).sum()
    y.backward()


def profiled(**options: Any) -> Any:
    with profiler.profile(**options) as prof:
        program()
    return prof


def test_events_of_forward_and_backward() -> None:
    prof = profiled()
    names = [e.name for e in prof.function_events]
    assert names[:2] == ["aten::ones", "aten::ones"]
    at = names.index("forward")
    assert names[at : at + 5] == ["forward", "aten::matmul", "aten::relu", "aten::mul", "aten::sum"]
    backward = [n for n in names if n.startswith("autograd::engine::evaluate_function: ")]
    ran = [n.rpartition(" ")[2] for n in backward]
    assert ran[:4] == ["SumBackward0", "MulBackward0", "ReluBackward0", "MmBackward0"]
    assert ran.count("torch::autograd::AccumulateGrad") == 2
    assert "MulBackward0" in names


def test_events_nest() -> None:
    prof = profiled()
    events = {e.name: e for e in prof.function_events}
    forward, node = events["forward"], events["MmBackward0"]
    assert [c.name for c in forward.cpu_children] == ["aten::matmul", "aten::relu", "aten::mul", "aten::sum"]
    assert node.cpu_parent.name == "autograd::engine::evaluate_function: MmBackward0"
    for e in prof.function_events:
        assert e.cpu_time_total >= sum(c.cpu_time_total for c in e.cpu_children) >= 0
        assert e.time_range.elapsed_us() == e.cpu_time_total
    assert prof.self_cpu_time_total == pytest.approx(sum(e.self_cpu_time_total for e in prof.function_events))


def test_nothing_is_recorded_outside() -> None:
    prof = profiled()
    count = len(prof.function_events)
    program()
    assert len(prof.function_events) == count
    slots = rushlight.ones(2) + 1
    assert slots.tolist() == [2.0, 2.0]
    assert rushlight.autograd.profiler._core._is_profiling() is False


def test_results_are_the_same() -> None:
    def compute() -> Any:
        x = rushlight.arange(6.0).view(2, 3).requires_grad_()
        y = ((2 - x) ** 2 / (x + 1) + x[0] @ x.t().sum(1) % 3).abs().sum()
        y.backward()
        return y.item(), x.grad.tolist(), (x > 1).tolist(), (-x).tolist(), (1 + x).tolist()

    plain = compute()
    with profiler.profile():
        assert compute() == plain
    assert compute() == plain


def test_averages_and_table() -> None:
    prof = profiled(record_shapes=True, profile_memory=True)
    averages = prof.key_averages()
    by_key = {a.key: a for a in averages}
    assert by_key["aten::ones"].count == 2
    assert by_key["aten::matmul"].cpu_memory_usage == 50 * 30 * 4
    assert by_key["aten::ones"].cpu_memory_usage == (50 * 40 + 40 * 30) * 4
    table = averages.table(sort_by="self_cpu_time_total", row_limit=5)
    lines = table.splitlines()
    for column in ("Name", "Self CPU %", "CPU total", "CPU time avg", "CPU Mem", "# of Calls"):
        assert column in lines[1]
    assert len(lines) == 5 + 5
    assert lines[-1].startswith("Self CPU time total: ")
    times = [a.self_cpu_time_total for a in averages]
    assert prof.total_average().self_cpu_time_total == pytest.approx(sum(times))
    shaped = prof.key_averages(group_by_input_shape=True)
    assert [[50, 40], [40, 30]] in [a.input_shapes for a in shaped if a.key == "aten::matmul"]
    assert "Input Shapes" in shaped.table()


def test_lines() -> None:
    prof = profiled(with_stack=True)
    (matmul,) = [e for e in prof.function_events if e.name == "aten::matmul"]
    assert matmul.stack == [f"{__file__}:{program.__code__.co_firstlineno + 4}"]
    assert "Source Location" in prof.key_averages(group_by_stack_n=1).table()


def test_flops() -> None:
    prof = profiled(with_flops=True)
    assert {a.key: a.flops for a in prof.key_averages()}["aten::matmul"] == 2 * 50 * 40 * 30


def test_chrome_trace(tmp_path: pathlib.Path) -> None:
    prof = profiled(record_shapes=True)
    file = tmp_path / "trace.json"
    prof.export_chrome_trace(str(file))
    events = json.loads(file.read_text())["traceEvents"]
    assert [e["name"] for e in events] == [e.name for e in prof.function_events]
    matmul = next(e for e in events if e["name"] == "aten::matmul")
    assert matmul["ph"] == "X"
    assert matmul["args"]["Input Dims"] == [[50, 40], [40, 30]]
    assert matmul["dur"] > 0
    assert next(e for e in events if e["name"] == "forward")["cat"] == "user_annotation"
    prof.export_stacks(str(tmp_path / "stacks.txt"))


def test_record_function_as_a_decorator() -> None:
    @profiler.record_function("twice")
    def twice(t: Any) -> Any:
        return t * 2

    assert twice(rushlight.ones(1)).item() == 2
    with profiler.profile() as prof:
        twice(rushlight.ones(1))
    assert "twice" in [e.name for e in prof.function_events]


def test_errors_pass_through() -> None:
    with profiler.profile() as prof, pytest.raises(RuntimeError, match="must match"):
        rushlight.ones(2) + rushlight.ones(3)
    assert prof.function_events[-1].name == "aten::add"
    with profiler.profile(), pytest.raises(RuntimeError, match="already enabled"), profiler.profile():
        pass
    with pytest.raises(RuntimeError, match="didn't finish"):
        profiler.profile().key_averages()
    with profiler.profile(enabled=False) as nothing:
        program()
    assert nothing.function_events is None


def test_profile_in_threads() -> None:
    import threading

    with profiler.profile() as prof:
        threads = [threading.Thread(target=program) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    forwards = [e for e in prof.function_events if e.name == "forward"]
    assert len(forwards) == 3
    assert all([c.name for c in e.cpu_children][0] == "aten::matmul" for e in forwards)


# --- schedules ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"wait": 1, "warmup": 1, "active": 2},
        {"wait": 0, "warmup": 1, "active": 1, "repeat": 2},
        {"wait": 2, "warmup": 0, "active": 3, "repeat": 1, "skip_first": 2},
        {"wait": 2, "warmup": 1, "active": 1, "skip_first": 1, "skip_first_wait": 1},
    ],
)
def test_schedule_as_pytorch(options: dict[str, int]) -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = torch.profiler.schedule(**options), steps.schedule(**options)
    assert [ours(i).name for i in range(15)] == [theirs(i).name for i in range(15)]


def test_schedule_refuses() -> None:
    with pytest.raises(AssertionError, match="Invalid profiler schedule arguments"):
        steps.schedule(wait=0, warmup=0, active=0)


def test_steps() -> None:
    traces: list[list[str]] = []

    def ready(prof: Any) -> None:
        traces.append([e.name for e in prof.events() if e.name.startswith("ProfilerStep")])

    plan = steps.schedule(wait=1, warmup=1, active=2, repeat=2)
    with steps.profile(activities=[steps.ProfilerActivity.CPU], schedule=plan, on_trace_ready=ready) as prof:
        for _ in range(10):
            program()
            prof.step()
    assert traces == [["ProfilerStep#2", "ProfilerStep#3"], ["ProfilerStep#6", "ProfilerStep#7"]]


def test_profile_without_a_schedule(tmp_path: pathlib.Path) -> None:
    ready = steps.tensorboard_trace_handler(str(tmp_path), use_gzip=True)
    with steps.profile(record_shapes=True, on_trace_ready=ready) as prof:
        with steps.record_function("mine"):
            program()
    assert "mine" in {a.key for a in prof.key_averages()}
    (file,) = tmp_path.iterdir()
    with gzip.open(file) as trace:
        assert any(e["name"] == "mine" for e in json.load(trace)["traceEvents"])


# --- selective checkpoints ------------------------------------------------------------------------------------------------


def selective(op: str, keep: str) -> Any:
    """A program whose function keeps the results of the operator `keep`."""
    import functools
    import importlib

    def scenario(m: Any) -> Any:
        utils = importlib.import_module(m.__name__ + ".utils.checkpoint")
        asked: list[Any] = []

        def policy(ctx: Any, op: Any, *args: Any, **kwargs: Any) -> Any:
            asked.append(ctx.is_recompute)
            saves = keep in str(getattr(op, "__name__", op))
            return utils.CheckpointPolicy.MUST_SAVE if saves else utils.CheckpointPolicy.PREFER_RECOMPUTE

        x = m.tensor([[1.0, 0.5], [0.25, 2.0]], requires_grad=True)
        contexts = functools.partial(utils.create_selective_checkpoint_contexts, policy)
        y = utils.checkpoint(
            lambda a: m.mm(m.mm(a, a).sin(), a).exp().cos(), x, use_reentrant=False, context_fn=contexts
        )
        y.sum().backward()
        return y, x.grad, set(asked)

    return scenario


@pytest.mark.parametrize("keep", ["mm", "sin", "exp", "nothing"])
def test_selective_checkpoint_as_pytorch(keep: str) -> None:
    agree(selective("mm", keep))


def test_kept_operators_do_not_run_again() -> None:
    from functools import partial

    utils = rushlight.utils.checkpoint
    x = rushlight.ones(2, 2, requires_grad=True)
    contexts = partial(utils.create_selective_checkpoint_contexts, [rushlight.mm])
    with profiler.profile() as prof:
        y = utils.checkpoint(lambda a: rushlight.mm(a, a).sin(), x, use_reentrant=False, context_fn=contexts)
        y.sum().backward()
    assert y.grad_fn.name() == "SinBackward0"
    names = [e.name for e in prof.function_events]
    assert (names.count("aten::mm"), names.count("aten::sin")) == (1, 2)
    assert rushlight.autograd.profiler._core._watch(None) is None, "nothing watches any more"


def test_selective_checkpoint_refuses() -> None:
    from functools import partial

    utils = rushlight.utils.checkpoint
    with pytest.raises(TypeError, match="policy_fn_or_list must be either a function or a list of ops"):
        utils.create_selective_checkpoint_contexts(3)
    with pytest.raises(ValueError, match="Expected op in `op_list`"):
        utils.create_selective_checkpoint_contexts([3])
    x = rushlight.ones(2, 2, requires_grad=True)
    contexts = partial(utils.create_selective_checkpoint_contexts, [rushlight.mm])
    y = utils.checkpoint(lambda a: rushlight.mm(a, a).sin(), x, use_reentrant=False, context_fn=contexts)
    y.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="Trying to backward an extra time"):
        y.sum().backward()
    y = utils.checkpoint(lambda a: rushlight.mm(a, a).add_(1).sin(), x, use_reentrant=False, context_fn=contexts)
    with pytest.raises(RuntimeError, match="has been mutated"):
        y.sum().backward()

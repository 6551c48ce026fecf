"""The benchmarks themselves: every case runs with both libraries and agrees, and the reports hold what was measured."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

import rushlight as rl
from rushlight._bench import cli, process, report
from rushlight._bench.cases import CASES, GROUPS, ON_DEMAND, Case
from rushlight._bench.measure import Result, Timing, compiled, geometric_mean, measure

torch = pytest.importorskip("torch")

SMALL = [case for case in CASES if case.group in ("overhead", "medium")]


@pytest.mark.parametrize("library", [torch, rl], ids=["torch", "rushlight"])
@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.label)
def test_every_small_case_runs(case: Case, library: Any) -> None:
    library.manual_seed(0)
    assert compiled(case)(library)(range(2), iter((1.0, 3.5)).__next__) == 2.5


def test_names_are_unique_and_every_group_has_cases() -> None:
    labels = [(case.group, case.label) for case in CASES]
    assert len(set(labels)) == len(labels)
    assert {case.group for case in CASES} | {"process"} == {*GROUPS, *ON_DEMAND}
    assert {case.threads for case in CASES} == {1, 2}


def test_the_ratio_is_the_slower_by_the_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    class Library:
        def __init__(self, seconds: float) -> None:
            self.seconds = seconds

        def pause(self) -> None:
            nonlocal now
            now += self.seconds

        def set_num_threads(self, count: int) -> None:
            pass

        manual_seed = set_num_threads

    monkeypatch.setattr("rushlight._bench.measure.time.perf_counter", lambda: now)
    case = Case("overhead", "sleep", "torch.pause()", target=2.0)
    slow: Any = Library(1e-3)
    fast: Any = Library(1e-4)
    result = measure(case, slow, fast, Timing(rounds=5, seconds=0.02))
    assert result.ratio == pytest.approx(10.0) and result.torch == pytest.approx(1e-3) and result.ok
    assert not measure(case, fast, slow, Timing(rounds=5, seconds=0.02)).ok


def test_geometric_mean() -> None:
    assert geometric_mean([1.0, 100.0]) == pytest.approx(10.0)
    assert geometric_mean([0.5, 2.0]) == pytest.approx(1.0)


def row(name: str, group: str, ratio: float, target: float | None, headline: bool = False) -> Result:
    return Result(group, name, 1, ratio * 1e-6, 1e-6, ratio, ratio, ratio, target, headline)


ROWS: list[Any] = [
    row("a", "overhead", 20, 15, True),
    row("b", "overhead", 5, 8),
    row("c", "large", 1.2, 1.0, True),
    process.Check("import", 12.0, 40, "ms"),
    process.Check("fork", float("inf"), 0, "", "failed: hang"),
]
ABOUT = {"date": "d", "cpu": "c", "cores": 2, "system": "s", "python": "p", "torch": "t", "rushlight": "r"}


def test_summary_says_what_is_not_reached() -> None:
    text = report.summary(ROWS)
    assert "geometric mean, overhead: 10.00" in text and "3 of 5 figures reached" in text
    assert [line.split()[2] for line in text.splitlines() if "not reached" in line] == ["b", "fork"]


def test_json_and_markdown(tmp_path: pathlib.Path) -> None:
    data = json.loads(json.dumps(report.as_json(ROWS, ABOUT), allow_nan=False))
    assert data["groups"]["overhead"] == pytest.approx(10.0)
    assert [case["ok"] for case in data["cases"]] == [True, False, True]
    assert [check["value"] for check in data["checks"]] == [12.0, None]

    full, short = tmp_path / "full.md", tmp_path / "short.md"
    report.write_markdown(full, ROWS, ABOUT)
    assert "| b |" in full.read_text() and "(not reached)" in full.read_text()
    short.write_text("before\n<!-- benchmarks:short -->\nold\n<!-- benchmarks:end -->\nafter\n")
    for _ in range(2):
        report.write_markdown(short, ROWS, ABOUT)
    text = short.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert text.count("| a |") == 1 and "| b |" not in text
    (tmp_path / "other.md").write_text("text")
    with pytest.raises(ValueError, match="has no block"):
        report.write_markdown(tmp_path / "other.md", ROWS, ABOUT)


def test_command_line(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "out.json"
    assert cli.main(["--quick", "--case", "x.item()", "--json", str(path)]) == 0
    assert "x.item()" in capsys.readouterr().out
    (case,) = json.loads(path.read_text())["cases"]
    assert case["name"] == "x.item()" and case["ratio"] == pytest.approx(case["torch"] / case["rushlight"])
    assert cli.main(["--list", "--group", "process"]) == 0
    assert "fork" in capsys.readouterr().out
    assert cli.main(["--case", "no such case"]) == 2


def test_a_child_that_hangs_is_a_failed_check_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    mark = tmp_path / "alive"
    code = f"import os, time\nif os.fork() == 0:\n    time.sleep(4)\n    open({str(mark)!r}, 'w')\ntime.sleep(60)"
    monkeypatch.setitem(process.PARTS, "fork", lambda quick: iter([process._python(code, timeout=0.5)]))
    (check,) = process.run("fork", True)
    assert not check.ok and "timed out" in check.note
    import time

    time.sleep(4.2)
    assert not mark.exists(), "the grandchild lives on"


@pytest.mark.parametrize("name", ["sizes", "same bits"])
def test_parts_of_the_process_group(name: str) -> None:
    rows = process.run(name, quick=True)
    assert rows and all(row.ok for row in rows), rows

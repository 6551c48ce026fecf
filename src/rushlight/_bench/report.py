"""Results as text, JSON and Markdown."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

from .cases import GROUPS, ON_DEMAND
from .measure import Result, geometric_mean
from .operators import LARGE, SMALL
from .process import Check

__all__ = ["as_json", "line", "machine", "summary", "write_markdown"]

Row = Result | Check


def machine(torch: ModuleType, rushlight: ModuleType) -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo") as file:
            cpu = next(row.partition(":")[2].strip() for row in file if row.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "rushlight": str(rushlight.__version__),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load": round(os.getloadavg()[0], 1),
    }


def _quantity(result: Result, value: float) -> str:
    if "(bytes)" in result.name:
        return f"{value / 1e6:,.1f} MB" if value < 1e9 else f"{value / 1e9:,.2f} GB"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def _name(result: Result) -> str:
    return result.name.replace(" (bytes)", "") + ("" if result.threads == 1 else f", {result.threads} threads")


def _amount(value: float, unit: str) -> str:
    return f"{value:.4g} {unit}".rstrip()


def line(row: Row) -> str:
    """One row for the terminal."""
    mark = "" if row.ok else "  BELOW TARGET" if isinstance(row, Result) else "  ABOVE LIMIT"
    if isinstance(row, Check):
        note = f"  ({row.note})" if row.note else ""
        return f"{row.name:<58} {_amount(row.value, row.unit):>12}   at most {_amount(row.limit, row.unit)}{note}{mark}"
    target = f"  at least {row.target:g}" if row.target is not None else ""
    times = f"{_quantity(row, row.torch):>10} {_quantity(row, row.rushlight):>10}"
    return f"{_name(row):<58} {times} {row.ratio:7.2f}  [{row.low:.2f}, {row.high:.2f}]{target}{mark}"


def _means(rows: Sequence[Row]) -> dict[str, float]:
    results = [row for row in rows if isinstance(row, Result)]
    groups = {
        group: [row.ratio for row in results if row.group == group] for group in (*GROUPS, *ON_DEMAND, SMALL, LARGE)
    }
    return {group: geometric_mean(ratios) for group, ratios in groups.items() if ratios}


def summary(rows: Sequence[Row]) -> str:
    text = [f"geometric mean, {group}: {mean:.2f}" for group, mean in _means(rows).items()]
    failed = [row for row in rows if not row.ok]
    stated = [row for row in rows if isinstance(row, Check) or row.target is not None]
    text.append(f"{len(stated) - len(failed)} of {len(stated)} figures reached")
    text += [f"  not reached: {line(row)}" for row in failed]
    return "\n".join(text)


def as_json(rows: Sequence[Row], about: dict[str, Any]) -> dict[str, Any]:
    return {
        "machine": about,
        "groups": _means(rows),
        "cases": [{**asdict(row), "ok": row.ok} for row in rows if isinstance(row, Result)],
        "checks": [
            # JSON has no infinity, which is what a failed part reports.
            {**asdict(row), "value": None if row.value == float("inf") else row.value, "ok": row.ok}
            for row in rows
            if isinstance(row, Check)
        ],
    }


def _about(about: dict[str, Any]) -> str:
    return (
        f"{about['date']}, {about['cpu']}, {about['cores']} cores, {about['system']}, Python {about['python']}, "
        f"PyTorch {about['torch']}, rushlight {about['rushlight']}. One thread unless stated."
    )


def _table(results: Sequence[Result], targets: bool) -> list[str]:
    head = ["case", "PyTorch", "rushlight", "ratio", *(["at least"] if targets else [])]
    out = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    for row in results:
        cells = [_name(row), _quantity(row, row.torch), _quantity(row, row.rushlight), f"{row.ratio:.2f}"]
        if targets:
            cells.append("" if row.target is None else f"{row.target:g}" + ("" if row.ok else " (not reached)"))
        out.append(f"| {' | '.join(cells)} |")
    return out


def markdown(rows: Sequence[Row], about: dict[str, Any], full: bool) -> str:
    results = [row for row in rows if isinstance(row, Result)]
    checks = [row for row in rows if isinstance(row, Check)]
    means = _means(rows)
    out = [_about(about), ""]
    if not full:
        out += _table([row for row in results if row.headline], targets=False)
        out += ["", "Geometric means of all cases: " + ", ".join(f"{g} {m:.2f}" for g, m in means.items()) + "."]
        return "\n".join(out)
    for group, mean in means.items():
        rows_of_group = [row for row in results if row.group == group]
        out += [f"### {group}: geometric mean {mean:.2f}", "", *_table(rows_of_group, targets=True), ""]
    if checks:
        out += ["### Limits", "", "| what | measured | at most | |", "| --- | ---: | ---: | --- |"]
        for row in checks:
            note = "; ".join(filter(None, [row.note, "" if row.ok else "not reached"]))
            out.append(f"| {row.name} | {_amount(row.value, row.unit)} | {_amount(row.limit, row.unit)} | {note} |")
    return "\n".join(out).rstrip()


def write_markdown(path: Path, rows: Sequence[Row], about: dict[str, Any]) -> None:
    """Fills the block between the marks of an existing file, `benchmarks:short` or `benchmarks:full`; else writes a new file."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    end = "<!-- benchmarks:end -->"
    for kind in ("short", "full"):
        begin = f"<!-- benchmarks:{kind} -->"
        if begin in text and end in text.partition(begin)[2]:
            head, _, rest = text.partition(begin)
            tail = rest.partition(end)[2]
            text = f"{head}{begin}\n{markdown(rows, about, kind == 'full')}\n{end}{tail}"
            break
    else:
        if text:
            raise ValueError(
                f"{path} exists and has no block <!-- benchmarks:short --> or <!-- benchmarks:full --> ... {end}"
            )
        text = markdown(rows, about, full=True) + "\n"
    path.write_text(text, encoding="utf-8")

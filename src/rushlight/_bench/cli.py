"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from . import operators, process, report
from .cases import CASES, GROUPS, ON_DEMAND
from .measure import QUICK, Timing, measure

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rushlight bench",
        description="Times rushlight against PyTorch, in turn within one process. A ratio is PyTorch's time by rushlight's.",
    )
    parser.add_argument(
        "--group",
        action="append",
        choices=[*GROUPS, *ON_DEMAND, "operators"],
        help="only this group (may be repeated); linalg: linear algebra by size; operators: every operator of PyTorch's table",
    )
    parser.add_argument(
        "--case", action="append", metavar="TEXT", help="only cases whose name contains TEXT (may be repeated)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    parser.add_argument(
        "--markdown",
        type=Path,
        metavar="FILE",
        action="append",
        help="write tables, or fill the marked block of an existing file",
    )
    parser.add_argument(
        "--quick", action="store_true", help="shorter and fewer rounds, smaller counts: a first impression"
    )
    parser.add_argument(
        "--slow",
        action="store_true",
        help="also the examples and the chain of ten million operators (minutes, 7 GB for PyTorch)",
    )
    parser.add_argument("--check", action="store_true", help="end with status 1 if a stated figure is not reached")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    groups = options.group or GROUPS

    def wanted(name: str) -> bool:
        return not options.case or any(text.lower() in name.lower() for text in options.case)

    cases = [case for case in CASES if case.group in groups and wanted(case.label)]
    # A part that is named outright runs even without --slow.
    parts = [
        name
        for name in process.NAMES
        if "process" in groups and wanted(name) and (options.slow or options.case or name not in process.SLOW)
    ]
    if options.list:
        for case in cases:
            print(f"{case.group:<9} {case.label}")
        for name in parts:
            print(f"{'process':<9} {name}")
        return 0
    if not cases and not parts and "operators" not in groups:
        print("rushlight bench: no case matches; see --list", file=sys.stderr)
        return 2
    try:
        import torch
    except ImportError:
        print("rushlight bench compares with PyTorch, which is not installed: pip install torch", file=sys.stderr)
        return 2
    import rushlight

    about = report.machine(torch, rushlight)
    rows: list[report.Row] = []

    def keep(row: report.Row) -> None:
        rows.append(row)
        print(report.line(row), flush=True)

    print(f"{'case':<58} {'PyTorch':>10} {'rushlight':>10} {'ratio':>7}  [quartiles]")
    threads = torch.get_num_threads(), rushlight.get_num_threads()
    try:
        for case in cases:
            keep(measure(case, torch, rushlight, QUICK if options.quick else Timing()))
        if "operators" in groups:
            for case in operators.cases(torch, rushlight):
                if wanted(case.name):
                    keep(measure(case, torch, rushlight, QUICK))
    finally:
        torch.set_num_threads(threads[0])
        rushlight.set_num_threads(threads[1])
    for name in parts:
        for row in process.run(name, options.quick):
            keep(row)
    print(f"\n{report.summary(rows)}")

    if options.json:
        options.json.write_text(json.dumps(report.as_json(rows, about), indent=1) + "\n", encoding="utf-8")
    for path in options.markdown or ():
        report.write_markdown(path, rows, about)
    return int(options.check and not all(row.ok for row in rows))


if __name__ == "__main__":
    sys.exit(main())

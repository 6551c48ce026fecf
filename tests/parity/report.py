"""The summary of a parity run: operators by kinds of check, and the shares of PyTorch's operator database that agree."""

from __future__ import annotations

import collections

SIGNS = {"agree": "+", "differ": "DIFFER", "missing": "missing", "": "."}
HALVES = ("bfloat16", "float16")


class Report:
    def __init__(self) -> None:
        self.results: dict[str, dict[str, tuple[str, str]]] = {}
        #: By operator and kind of check: the dtypes that it went through, and whether they agree.
        self.parts: dict[str, dict[str, dict[str, bool]]] = {}

    def add(self, operator: str, kind: str, result: str, note: str = "", parts: dict[str, bool] | None = None) -> None:
        self.results.setdefault(operator, {})[kind] = (result, note)
        self.parts.setdefault(operator, {})[kind] = parts or {}

    def sort(self, order: list[str]) -> None:
        """The operators in a given order, as a run in parallel finds them in any."""
        places = {name: i for i, name in enumerate(order)}
        ordered = sorted(self.results, key=lambda name: places.get(name, len(places)))
        self.results = {name: self.results[name] for name in ordered}

    def kinds(self) -> list[str]:
        return list(dict.fromkeys(kind for found in self.results.values() for kind in found))

    def counts(self) -> collections.Counter[str]:
        return collections.Counter(result for found in self.results.values() for result, _ in found.values())

    def totals(self) -> str:
        counts = self.counts()
        return ", ".join(f"{counts[result]} {result}" for result in ("agree", "differ", "missing"))

    def rows(self) -> list[list[str]]:
        return [
            [operator, *(SIGNS[found.get(kind, ("", ""))[0]] for kind in self.kinds())]
            for operator, found in self.results.items()
        ]

    def agrees(self, operator: str, kind: str, dtype: str = "") -> bool:
        """Whether an operator agrees in a kind of check, with a dtype: on what that went through of it."""
        result, _ = self.results.get(operator, {}).get(kind, ("", ""))
        if not dtype:
            return result == "agree"
        return self.parts.get(operator, {}).get(kind, {}).get(dtype, False)

    def text(self) -> list[str]:
        """Lines for the terminal: operators that agree in all share one line."""
        whole = [op for op, found in self.results.items() if all(result == "agree" for result, _ in found.values())]
        rows = [["operator", *self.kinds()], *(row for row in self.rows() if row[0] not in set(whole))]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        if len(rows) == 1:
            lines = []
        return [*lines, f"{len(self.results)} operators, {len(whole)} agree in every check; checks: {self.totals()}"]

    def markdown(self) -> str:
        head = ["operator", *self.kinds()]
        lines = [f"{len(self.results)} operators; checks: {self.totals()}.", ""]
        lines += ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows()]
        notes = [(op, kind, found[kind]) for op, found in self.results.items() for kind in found if found[kind][1]]
        if notes:
            lines += ["", "## Differences", ""]
            lines += [f"- `{op}`, {kind}: {result}: {note}" for op, kind, (result, note) in notes]
        return "\n".join(lines) + "\n"


def figures(report: Report) -> list[tuple[str, int, int]]:
    """Shares of the database's public entries: what is asked, how many entries agree, and of how many.

    An entry counts where PyTorch has the derivative or the dtype in question. It agrees if its row does; entries without
    a row do not.
    """
    from . import coverage
    from .samples import DTYPES

    entries = coverage.public()
    rows = {entry: coverage.COVERED.get(entry, "") for entry in entries}

    def share(title: str, checks: list[tuple[str, str]], dtype: str, derived: str = "") -> tuple[str, int, int]:
        asked = []
        for entry, info in entries.items():
            dtypes = info.supported_dtypes("cpu") if not derived else info.supported_backward_dtypes("cpu")
            if dtype and DTYPES[dtype] not in dtypes:
                continue
            if derived and not (info.supports_autograd and (derived == "once" or info.supports_gradgrad)):
                continue
            asked.append(entry)
        good = [e for e in asked if all(report.agrees(rows[e], kind, part) for kind, part in checks)]
        return title, len(good), len(asked)

    def forward(dtype: str) -> list[tuple[str, str]]:
        return [("dtypes", dtype)]

    return [
        share("float64: results and gradients", [*forward("float64"), ("grad", "float64")], "float64", "once"),
        share("float64: second gradients", [("grad2", "float64")], "float64", "twice"),
        share("float32: results", forward("float32"), "float32"),
        share(
            "complex128: results and gradients", [*forward("complex128"), ("grad", "complex128")], "complex128", "once"
        ),
        *(share(f"{dtype}: results", forward(dtype), dtype) for dtype in ("int64", "bool", *HALVES)),
        share("wrong uses: the same type of exception", [("errors", "")], ""),
    ]


def summary(report: Report) -> list[str]:
    """The shares as lines of text."""
    found = figures(report)
    width = max(len(title) for title, _, _ in found)
    return [f"{title.ljust(width)}  {good:4} of {asked:4}  {100 * good / asked:5.1f} %" for title, good, asked in found]


def page(report: Report) -> str:
    """docs/operators.md."""
    from . import coverage

    lines = [
        "# Operators compared with PyTorch",
        "",
        "Written by `python -m pytest tests/parity/test_operators.py --parity-report docs/operators.md`; do not edit.",
        "The reference is PyTorch 2.13 for CPU; inputs are those of its own operator database (`op_db`) and some of our own.",
        "What the kinds of check compare, say the docstrings in `tests/parity/checks.py`.",
        "",
        "Shares of the database's public entries, variants counted singly. An entry counts where PyTorch has the dtype or the derivative.",
        "",
        "| compared | agree | of | share |",
        "| --- | --- | --- | --- |",
        *(f"| {title} | {good} | {asked} | {100 * good / asked:.1f} % |" for title, good, asked in figures(report)),
        "",
        "Entries that do not count:",
        "",
        *(
            f"- {why}: " + " ".join(f"`{name}`" for name in left_out.split())
            for why, left_out in coverage.WITHOUT.items()
        ),
        "",
        *missing_lines(),
        "`+`: agrees; `DIFFER`: differs, as said below; `.`: does not apply.",
        "",
    ]
    return "\n".join(lines) + report.markdown()


def missing_lines() -> list[str]:
    from . import coverage

    if not coverage.MISSING:
        return []
    return ["Missing: " + " ".join(f"`{name}`" for name in sorted(coverage.MISSING)) + ".", ""]

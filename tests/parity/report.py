"""The summary of a parity run: operators by kinds of check."""

from __future__ import annotations

import collections

SIGNS = {"agree": "+", "differ": "DIFFER", "missing": "missing", "": "."}


class Report:
    def __init__(self) -> None:
        self.results: dict[str, dict[str, tuple[str, str]]] = {}

    def add(self, operator: str, kind: str, result: str, note: str = "") -> None:
        self.results.setdefault(operator, {})[kind] = (result, note)

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
        lines = ["# Parity with PyTorch", "", f"{len(self.results)} operators; checks: {self.totals()}.", ""]
        lines += ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows()]
        notes = [(op, kind, found[kind]) for op, found in self.results.items() for kind in found if found[kind][1]]
        if notes:
            lines += ["", "## Differences", ""]
            lines += [f"- `{op}`, {kind}: {result}: {note}" for op, kind, (result, note) in notes]
        return "\n".join(lines) + "\n"

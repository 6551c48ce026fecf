"""A progress bar: tqdm where it is installed, else a plain one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

T = TypeVar("T")

__all__ = ["Plain", "progress"]


class Plain:
    """A bar on one line; where the output is not a terminal, only the last state is written."""

    def __init__(self, total: int, label: str, file: TextIO | None = None) -> None:
        self.total, self.label, self.file = total, label, file or sys.stderr
        self.done = 0
        self.note = ""
        self.start = time.perf_counter()

    def update(self, note: str) -> None:
        self.done += 1
        self.note = note
        if self.file.isatty():
            self.file.write(f"\r{self}\x1b[K")
            self.file.flush()

    def close(self) -> None:
        self.file.write("\n" if self.file.isatty() else f"{self}\n")
        self.file.flush()

    def __str__(self) -> str:
        filled = 24 * self.done // max(self.total, 1)
        seconds = time.perf_counter() - self.start
        bar = "#" * filled + "." * (24 - filled)
        return f"{self.label} [{bar}] {self.done}/{self.total} {seconds:.1f} s  {self.note}".rstrip()


def progress(items: Iterable[tuple[T, str]], total: int, label: str) -> Iterator[T]:
    """Passes the first of each pair on and shows the second beside the bar."""
    update: Callable[[str], object]
    try:
        from tqdm import tqdm
    except ImportError:
        tqdm = None
    if tqdm is None or not sys.stderr.isatty():  # into a file tqdm would write every state of the bar
        plain = Plain(total, label)
        update, close = plain.update, plain.close
    else:
        bar = tqdm(total=total, desc=label, unit="epoch")
        close = bar.close

        def update(note: str) -> None:
            bar.set_postfix_str(note, refresh=False)
            bar.update()

    try:
        for value, note in items:
            update(note)
            yield value
    finally:
        close()

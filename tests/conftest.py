"""Shared by all tests: options, the parity report, one seed and one thread count for every test."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parity.report import Report, page, summary


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--parity-report", metavar="FILE", help="write the table of agreement with PyTorch as Markdown")
    parser.addoption(
        "--slow", action="store_true", help="run the tests marked slow too (they always run where CI is set)"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than some seconds; runs with --slow or in CI")
    if not hasattr(config, "workerinput"):  # not a worker of pytest-xdist
        config.pluginmanager.register(ParityResults(config))
    try:
        from hypothesis import settings
    except ImportError:
        return
    settings.register_profile("deterministic", derandomize=True, deadline=None, max_examples=60, database=None)
    settings.load_profile("deterministic")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not (config.getoption("--slow") or os.environ.get("CI")):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


class ParityResults:
    """Collects what the parity tests found, also from the workers of pytest-xdist: it travels with the tests' reports."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.report = Report()

        #: Samples of PyTorch's other databases, by database and entry: how many agree, of how many.
        self.samples: dict[str, dict[str, tuple[int, int]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            for name, value in report.user_properties:
                if name == "parity":
                    self.report.add(*value)
                elif name == "samples":
                    database, entry, agree, asked = value
                    self.samples.setdefault(database, {})[entry] = (agree, asked)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for database, found in self.samples.items():
            agree, asked = (sum(counts[i] for counts in found.values()) for i in (0, 1))
            terminalreporter.line(f"{database}: {agree} of {asked} samples agree ({len(found)} entries)")
        if not self.report.results:
            return
        from parity.table import TABLE

        terminalreporter.section("parity with PyTorch")
        self.report.sort([row.name for row in TABLE])
        # Shares mean something only after a run of the whole table.
        whole = len(self.report.results) == len(TABLE)
        for line in [*self.report.text(), *(summary(self.report) if whole else [])]:
            terminalreporter.line(line)
        if path := self.config.getoption("--parity-report"):
            text = page(self.report) if whole else self.report.markdown()
            pathlib.Path(path).write_text(text, encoding="utf-8")


@pytest.fixture(autouse=True)
def fresh_state() -> Iterator[None]:
    """Every test starts with the same seed and with recording on, and must leave recording on."""
    import rushlight

    rushlight.manual_seed(0)
    yield
    assert rushlight.is_grad_enabled(), "the test left recording off"


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def python(tmp_path: pathlib.Path) -> Run:
    """Runs a piece of Python in a process of its own; it must succeed unless `check=False`."""

    def run(
        source: str, *args: str, check: bool = True, stack_kb: int | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(source), encoding="utf-8")
        command = [sys.executable, str(script), *args]
        if stack_kb is not None:
            command = ["bash", "-c", f'ulimit -s {stack_kb}; exec "$@"', "bash", *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Runs `work(0)` … `work(count - 1)` at once; an error in any is an error here."""
    errors: list[BaseException] = []
    gate = threading.Barrier(count)

    def guarded(n: int) -> None:
        try:
            gate.wait(60)
            work(n)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(n,), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


@pytest.fixture
def eager_switching() -> Any:
    """Threads change places as often as they can: races show at once."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)

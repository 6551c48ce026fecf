"""What belongs to a whole process: start, memory, fork, the same bits for any number of threads. Each in fresh processes."""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .measure import Result

__all__ = ["Check", "NAMES", "run"]


@dataclass(frozen=True)
class Check:
    """A value with a limit of its own, which no ratio expresses."""

    name: str
    value: float
    limit: float
    unit: str
    note: str = ""

    @property
    def ok(self) -> bool:
        return self.value <= self.limit


class ChildError(RuntimeError):
    pass


def _python(code: str, *args: str, timeout: float = 600, **keywords: Any) -> str:
    """What the code prints in a Python of its own; at the timeout it ends with all that it has started."""
    child = subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **keywords,
    )
    try:
        out, errors = child.communicate(timeout=timeout)
    except BaseException:
        # Grandchildren hold the pipes open: without the whole group's end, waiting for the pipes would not end either.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        raise
    if child.returncode != 0:
        raise ChildError(f"status {child.returncode}: {errors.strip()[-800:]}")
    return out


def _import_time(quick: bool) -> Iterator[Result | Check]:
    """Wall time of fresh processes that import and end, in turn; bare Python's is taken off."""
    codes = {"bare": "pass", "torch": "import torch", "rushlight": "import rushlight"}
    times: dict[str, list[float]] = {name: [] for name in codes}
    for number in range(4 if quick else 12):
        for name, code in codes.items():
            start = time.perf_counter()
            _python(code)
            if number:  # the first round fills the caches of the system
                times[name].append(time.perf_counter() - start)
    bare, theirs, ours = (statistics.median(times[name]) for name in codes)
    yield _result("import, above bare Python's start", theirs - bare, ours - bare, target=25)
    yield Check(
        "import, above bare Python's start", 1000 * (ours - bare), 40, "ms", f"bare Python: {1000 * bare:.0f} ms"
    )


RESIDENT = """
{}
import gc
gc.collect()
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


def _memory(quick: bool) -> Iterator[Result | Check]:
    """Resident memory of a process that has done nothing but import; bare Python's is taken off."""
    if not os.path.exists("/proc/self/status"):
        yield Check(
            "resident memory after import", float("inf"), 0, "MB", "cannot be measured: this system has no /proc"
        )
        return
    bare, theirs, ours = (
        statistics.median(1024 * float(_python(RESIDENT.format(code))) for _ in range(3))
        for code in ("pass", "import torch", "import rushlight")
    )
    yield _result("resident memory after import, above bare Python's (bytes)", theirs - bare, ours - bare, target=10)


def _sizes(quick: bool) -> Iterator[Result | Check]:
    """A one-element tensor and a node, in bytes, as the core itself states them."""
    from rushlight import _core

    facts = _core.info()
    tensor = facts["tensor_bytes"] + facts["storage_bytes"]
    note = f"object {facts['tensor_bytes']}, storage {facts['storage_bytes']} with room for small values inside"
    yield Check("one-element tensor", tensor, 256, "bytes", note)
    yield Check("graph node of a multiplication", facts["node_bytes"], 160, "bytes")


FORK = """
import os, select, signal, sys, time
import rushlight as torch
torch.set_num_threads(2)
def work():
    x = torch.rand(400_000, requires_grad=True)
    w = torch.rand(64, 64, requires_grad=True)
    (x.exp().sum() + (w @ w).tanh().sum()).backward()
    assert x.grad is not None and w.grad is not None
work()
failed = 0
for _ in range(int(sys.argv[1])):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    os.close(write)  # the child holds the other copy until it ends
    hangs = not select.select([read], [], [], 30)[0]
    if hangs:
        os.kill(child, signal.SIGKILL)
    os.close(read)
    failed += os.waitpid(child, 0)[1] != 0
    if hangs:
        break  # one is enough: each more would take as long again
    work()
print(failed)
"""


def _fork(quick: bool) -> Iterator[Result | Check]:
    """Forks after parallel work; parent and child then use kernels and backward again."""
    count = 20 if quick else 200
    failed = float(_python(FORK, str(count)))
    yield Check(f"forks that hang or fail, of {count}", failed, 0, "", "each after parallel kernels and backward")


BITS = """
import hashlib, sys
import rushlight as torch
torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)
images, labels = torch.rand(512, 784), torch.randint(10, (512, 1))
w1, w2 = torch.randn(784, 256) * 0.05, torch.randn(256, 10) * 0.1
parameters = [w1.requires_grad_(), w2.requires_grad_()]
for _ in range(20):
    log_p = torch.log_softmax(torch.tanh(images @ w1) @ w2, 1)
    loss = -log_p.gather(1, labels).mean() + 1e-4 * (w1 * w1).sum()
    loss.backward()
    with torch.no_grad():
        for p in parameters:
            p.sub_(p.grad * 0.5)
            p.grad = None
digest = hashlib.sha256()
for p in parameters:
    digest.update(p.detach().numpy().tobytes())
print(digest.hexdigest())
"""


def _bits(quick: bool) -> Iterator[Result | Check]:
    """One training on 1, 2 and 7 threads: how many different results."""
    hashes = {_python(BITS, str(threads)).strip() for threads in (1, 2, 7)}
    yield Check(
        "different results of one training on 1, 2 and 7 threads",
        len(hashes),
        1,
        "",
        "20 steps of a 784-256-10 network",
    )


FLAT = """
import sys
import rushlight as torch
def resident():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")))
x, y = torch.rand(16, 8), torch.rand(16, 1)
w = torch.zeros(8, 1, requires_grad=True)
def steps(count):
    for _ in range(count):
        loss = (torch.tanh(x @ w) - y).pow(2).mean()
        loss.backward()
        with torch.no_grad():
            w.sub_(w.grad * 0.1)
            w.grad = None
steps(2000)
before = resident()
steps(int(sys.argv[1]))
print(resident() - before)
"""


def _flat(quick: bool) -> Iterator[Result | Check]:
    """Growth of resident memory over many training steps."""
    count = 5_000 if quick else 50_000
    growth = float(_python(FLAT, str(count))) / 1024
    yield Check(f"growth of resident memory over {count:,} training steps", growth, 1, "MB")


CHAIN = """
import resource, sys, time
import {} as torch
x = torch.ones(1, requires_grad=True)
start = time.perf_counter()
y = x
for _ in range(int(sys.argv[1])):
    y = y * 1.0
y.backward()
del y
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
assert x.grad.item() == 1.0
"""
CHAIN_LENGTH = 10_000_000


def _chain(quick: bool) -> Iterator[Result | Check]:
    """A chain of ten million multiplications is recorded, run backward and freed, with a stack of 8 MB."""

    def small_stack() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, 8 << 20))

    def chain(library: str) -> tuple[float, float]:
        words = _python(CHAIN.format(library), str(CHAIN_LENGTH), timeout=1800, preexec_fn=small_stack).split()
        return float(words[0]), float(words[1])

    (ours, our_peak), (theirs, their_peak) = chain("rushlight"), chain("torch")
    yield _result("chain of ten million operators, forward, backward, freed", theirs, ours)
    yield _result("peak memory of that chain (bytes)", their_peak, our_peak)
    yield Check("chain of ten million operators", ours, 20, "s")
    yield Check("peak memory of that chain", our_peak / 1e9, 4, "GB")


# What `python FILE` and `rushlight run FILE` do, in a process that one function starts and ends.
EXAMPLE = """
import runpy, sys
{}
sys.path.insert(0, sys.argv[1].rpartition("/")[0])
sys.argv[:] = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
LIBRARIES = {"torch": "", "rushlight": "from rushlight._cli.alias import install; install()"}


def _examples(quick: bool) -> Iterator[Result | Check]:
    """Whole runs of the example programs, import included, with either library."""
    from .._cli.demo import example

    folder = example("common").parent
    for path in sorted(folder.glob("*.py")):
        if path.stem == "common":
            continue
        times: dict[str, list[float]] = {name: [] for name in LIBRARIES}
        for _ in range(1 if quick else 3):
            for name, prefix in LIBRARIES.items():
                start = time.perf_counter()
                _python(EXAMPLE.format(prefix), path.as_posix())
                times[name].append(time.perf_counter() - start)
        theirs, ours = (statistics.median(times[name]) for name in LIBRARIES)
        yield _result(f"example {path.stem}, whole run", theirs, ours, target=1)


def _result(name: str, theirs: float, ours: float, target: float | None = None) -> Result:
    ratio = theirs / max(ours, 1e-9)
    return Result("process", name, 1, theirs, ours, ratio, ratio, ratio, target, headline=True)


PARTS = {
    "import time": _import_time,
    "memory after import": _memory,
    "sizes": _sizes,
    "fork": _fork,
    "same bits": _bits,
    "flat memory": _flat,
    "ten-million chain": _chain,
    "examples": _examples,
}
NAMES = tuple(PARTS)
SLOW = frozenset({"ten-million chain", "examples"})


def run(name: str, quick: bool) -> list[Result | Check]:
    """The rows of one part. A child that dies or hangs is a failed check, not the end of the benchmarks."""
    try:
        return list(PARTS[name](quick))
    except (ChildError, subprocess.TimeoutExpired) as error:
        return [Check(name, float("inf"), 0, "", f"failed: {error}")]

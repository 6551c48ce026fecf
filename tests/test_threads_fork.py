"""Threads, forks and signals: the same bits for any number of threads, no hang after fork, nothing lost between threads."""

from __future__ import annotations

import os
import threading
from typing import Any

import pytest
import rushlight as rl

from conftest import Run, in_threads

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# Sizes above the grain of the kernels, and odd, so that no split of the work is even.
TRAINING = """
import hashlib, sys
import rushlight as rl

rl.set_num_threads(int(sys.argv[1]))
assert rl.get_num_threads() == int(sys.argv[1])
digest = hashlib.sha256()

def note(*tensors):
    for t in tensors:
        digest.update(t.detach().numpy().tobytes())

rl.manual_seed(0)
w = rl.randn(301, 517, requires_grad=True)
v = rl.randn(517, 263, requires_grad=True)
x = rl.randn(409, 301)
wide = rl.randn(1_000_003)
tall = rl.randn(70_001, 13)

for dtype in (rl.float32, rl.float64):
    big, flat, thin = x.to(dtype), wide.to(dtype), tall.to(dtype)
    note(flat.sum(), flat.mean(), flat.std(), flat.var(), flat.norm(), flat.logsumexp(0), flat.cumsum(0), flat.amax(), flat.prod())
    note(thin.sum(0), thin.sum(1), thin.mean(0), thin.softmax(0), thin.softmax(1), thin.log_softmax(0), thin.cumsum(0), thin.sort(0).values)
    note(flat.exp(), flat.tanh(), flat.sigmoid(), flat.sin(), flat.erf(), flat * flat + 1, flat.argmax())
    note(big @ big.mT, big.mT @ big, big @ big[0], thin.mT @ thin, big.mT.contiguous() @ big)
    cube = thin[:65_000].reshape(50, 130, 130)
    note(rl.bmm(cube, cube.mT))

for step in range(3):
    h = (x @ w / 17).tanh() @ v / 23
    loss = -(h.log_softmax(1)[:, step]).mean() + h.softmax(0).square().sum() + 0.01 * h.sigmoid().sum(0).norm()
    loss.backward()
    note(loss, w.grad, v.grad)
    with rl.no_grad():
        for p in (w, v):
            p -= 0.1 * p.grad
            p.grad = None
note(w, v)
print(digest.hexdigest())
"""


def test_same_bits_on_any_number_of_threads(python: Run) -> None:
    digests = {threads: python(TRAINING, str(threads)).stdout for threads in (1, 2, 7)}
    assert len(digests[1]) == 65
    assert len(set(digests.values())) == 1, digests


FORKS = """
import os, signal, sys
import rushlight as rl

rl.set_num_threads(2)
rl.manual_seed(0)
x = rl.randn(300, 300, requires_grad=True)
big = rl.randn(1_000_000)

def work():
    x.grad = None
    ((x @ x).tanh().softmax(1).square().sum() + big.exp().sum() * 1e-9).backward()
    return x.grad.sum().item()

expected = work()
for n in range(200):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # a hang must fail, not block
        ok = work() == expected
        if n % 20 == 0:  # a fork of a fork
            inner = os.fork()
            if inner == 0:
                signal.alarm(60)
                os._exit(0 if work() == expected else 1)
            ok = ok and os.waitpid(inner, 0)[1] == 0
        os._exit(0 if ok else 1)
    status = os.waitpid(pid, 0)[1]
    assert status == 0, (n, status)
    if n % 10 == 0:
        assert work() == expected  # the parent's pool works on
print("done")
"""


def test_two_hundred_forks_after_parallel_kernels(python: Run) -> None:
    assert python(FORKS, timeout=300).stdout == "done\n"


def test_fork_while_other_threads_compute(python: Run) -> None:
    """A child of a busy process must find no lock held by a thread that it has not."""
    done = python(
        """
        import os, signal, threading
        import rushlight as rl
        rl.set_num_threads(2)
        stop = threading.Event()
        def busy():
            x = rl.ones(200_000, requires_grad=True)
            while not stop.is_set():
                (x.exp() * 2).sum().backward()
        threads = [threading.Thread(target=busy) for _ in range(2)]
        for t in threads:
            t.start()
        failures = 0
        for _ in range(40):
            pid = os.fork()
            if pid == 0:
                signal.alarm(60)
                y = rl.ones(200_000, requires_grad=True)
                y.exp().sum().backward()
                os._exit(0 if y.grad.numel() == 200_000 else 1)
            failures += os.waitpid(pid, 0)[1] != 0
        stop.set()
        for t in threads:
            t.join()
        print(failures)
        """
    )
    assert done.stdout == "0\n"


INTERRUPTED = """
import os, signal, sys, threading, time
import rushlight as rl

rl.set_num_threads(int(sys.argv[2]))
x = rl.ones(3_000_000, requires_grad=True)
m = rl.ones(700, 700)
keep = x.detach()[:5].tolist()

def kernels():
    while True:
        m @ m

def one_matmul():
    rl.ones(9000, 9000) @ rl.ones(9000, 9000)  # 10 s on one thread

def one_reduction():
    rl.ones(1000).expand(200_000_000, 1000).sum()  # 20 s and more, and no memory

def backward():
    y = x
    for _ in range(20_000):
        y = y.view(3_000_000)
    for _ in range(40):
        y = y * 1.0
    while True:
        y.sum().backward(retain_graph=True)

work = {"kernels": kernels, "one matmul": one_matmul, "one reduction": one_reduction, "backward": backward}[sys.argv[1]]
main = threading.main_thread().ident
started = time.monotonic()
signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background of a shell ignores it
threading.Timer(0.5, lambda: signal.pthread_kill(main, signal.SIGINT)).start()
try:
    work()
except KeyboardInterrupt:
    took = time.monotonic() - started
    assert x.detach()[:5].tolist() == keep
    x.grad = None
    (x * 2).sum().backward()  # all works on
    assert x.grad[0].item() == 2
    print("interrupted", took < 5)
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("work", ["kernels", "one matmul", "one reduction", "backward"])
def test_ctrl_c_interrupts(python: Run, work: str, threads: int) -> None:
    assert python(INTERRUPTED, work, str(threads)).stdout == "interrupted True\n"


@pytest.mark.usefixtures("eager_switching")
@pytest.mark.parametrize("size", [1, 40_000], ids=["small", "parallel"])
def test_accumulation_from_eight_threads_loses_nothing(size: int) -> None:
    x = rl.zeros(size, dtype=rl.float64, requires_grad=True)
    rounds = 200 if size == 1 else 25

    def work(n: int) -> None:
        for _ in range(rounds):
            (x * float(n + 1)).sum().backward()

    in_threads(8, work)
    assert rl.equal(x.grad, rl.full((size,), 36.0 * rounds, dtype=rl.float64))


@pytest.mark.usefixtures("eager_switching")
def test_backward_of_one_graph_from_several_threads() -> None:
    x = rl.tensor([1.0, 2.0], dtype=rl.float64, requires_grad=True)
    y = (x * x).exp().log().sum()

    def work(n: int) -> None:
        for _ in range(100):
            y.backward(retain_graph=True)

    in_threads(4, work)
    assert x.grad.tolist() == pytest.approx([800.0, 1600.0])


@pytest.mark.usefixtures("eager_switching")
def test_independent_graphs_in_threads() -> None:
    results: dict[int, float] = {}

    def work(n: int) -> None:
        x = rl.tensor(float(n), dtype=rl.float64, requires_grad=True)
        for _ in range(100):
            x.grad = None
            (x**3 + x).backward()
        results[n] = x.grad.item()

    in_threads(8, work)
    assert results == {n: 3.0 * n * n + 1 for n in range(8)}


def test_grad_mode_belongs_to_the_thread() -> None:
    x = rl.ones(1, requires_grad=True)
    found: dict[int, list[bool]] = {}

    def work(n: int) -> None:
        seen = [rl.is_grad_enabled()]
        if n % 2:
            with rl.no_grad():
                for _ in range(200):
                    seen.append((x * 2).requires_grad)
        else:
            for _ in range(200):
                seen.append(not (x * 2).requires_grad)
        found[n] = seen

    with rl.no_grad():  # a new thread starts with recording on, whatever its maker does
        in_threads(4, work)
    assert {n: (seen[0], any(seen[1:])) for n, seen in found.items()} == {n: (True, False) for n in range(4)}


def test_random_numbers_of_generators_in_threads() -> None:
    expected = [rl.randn(1000, generator=rl.Generator().manual_seed(n)).tolist() for n in range(4)]
    results: dict[int, list[float]] = {}
    in_threads(4, lambda n: results.__setitem__(n, rl.randn(1000, generator=rl.Generator().manual_seed(n)).tolist()))
    assert [results[n] for n in range(4)] == expected


@pytest.mark.parametrize("wrong", [0, -1])
def test_number_of_threads_must_be_positive(wrong: int) -> None:
    before = rl.get_num_threads()
    with pytest.raises(RuntimeError, match="set_num_threads expects a positive integer"):
        rl.set_num_threads(wrong)
    assert rl.get_num_threads() == before


def test_reentrant_backward_in_threads() -> None:
    def work(n: int) -> None:
        inner = rl.tensor(3.0, requires_grad=True)
        outer = rl.tensor(2.0, requires_grad=True)

        def nested(g: Any) -> None:
            with rl.enable_grad():
                (inner * inner).backward()

        for _ in range(50):
            y = outer * 1
            y.register_hook(nested)
            (y * outer).backward()
        assert inner.grad.item() == 300 and outer.grad.item() == 200

    in_threads(4, work)


def test_hooks_that_start_threads() -> None:
    """A hook that waits for a thread that runs a pass of its own, on another graph and into the same leaf: no deadlock."""
    x = rl.ones(3, dtype=rl.float64, requires_grad=True)
    errors: list[BaseException] = []

    def pass_of_its_own() -> None:
        try:
            assert rl.is_grad_enabled(), "the mode of the hook's thread is not this one's"
            (x * 2).sum().backward()
        except BaseException as error:
            errors.append(error)

    def hook(g: Any) -> None:
        thread = threading.Thread(target=pass_of_its_own, daemon=True)
        thread.start()
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"

    for _ in range(20):
        y = x * 1
        y.register_hook(hook)
        y.sum().backward()
    assert not errors
    assert x.grad.tolist() == [60.0] * 3


def test_custom_functions_and_checkpoints_in_threads() -> None:
    from rushlight.utils.checkpoint import checkpoint

    class Square(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, t: Any) -> Any:
            ctx.save_for_backward(t)
            return t * t

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (t,) = ctx.saved_tensors
            return 2 * t * g

    x = rl.full((2,), 3.0, dtype=rl.float64, requires_grad=True)

    def work(n: int) -> None:
        for _ in range(25):
            checkpoint(lambda t: Square.apply(t).exp().log(), x, use_reentrant=bool(n % 2)).sum().backward()

    in_threads(8, work)
    assert x.grad.tolist() == pytest.approx([6.0 * 200] * 2)

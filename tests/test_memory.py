"""What tensors and graphs cost, and that all of it is given back."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import rushlight as rl

from conftest import Run

# Resident memory in bytes, for the scripts below.
RSS = """
import gc, os
import rushlight as rl
def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
"""


def kept_by_graph(x: Any, found: list[Any]) -> Any:
    y = x * 2
    found.append(weakref.ref(y))
    return (y.exp() * y).sum()


DYING: list[tuple[str, Callable[[], list[Any]]]] = []


def dies(make: Callable[[], list[Any]]) -> Callable[[], list[Any]]:
    DYING.append((make.__name__, make))
    return make


@dies
def plain_tensor() -> list[Any]:
    return [weakref.ref(rl.ones(3))]


@dies
def view_and_base() -> list[Any]:
    base = rl.ones(3)
    return [weakref.ref(base), weakref.ref(base[0])]


@dies
def graph_never_run() -> list[Any]:
    found: list[Any] = []
    kept_by_graph(rl.ones(3, requires_grad=True), found)
    return found


@dies
def graph_run_twice() -> list[Any]:
    found: list[Any] = []
    out = kept_by_graph(rl.ones(3, requires_grad=True), found)
    out.backward(retain_graph=True)
    out.backward()
    return found


@dies
def higher_derivatives() -> list[Any]:
    x = rl.ones(3, requires_grad=True)
    (g,) = rl.autograd.grad((x**3).sum(), x, create_graph=True)
    (h,) = rl.autograd.grad(g.sum(), x, create_graph=True)
    return [weakref.ref(t) for t in (x, g, h)]


@dies
def in_place_history() -> list[Any]:
    x = rl.ones(3, requires_grad=True)
    base = x * 1
    row = base[0]
    row.mul_(2)
    base[1:].add_(row)
    return [weakref.ref(t) for t in (x, base, row)]


@dies
def failed_backward() -> list[Any]:
    x = rl.ones(3, requires_grad=True)
    t = x * 1
    y = t.sin()
    t.add_(1)
    with pytest.raises(RuntimeError):
        y.sum().backward()
    return [weakref.ref(v) for v in (x, t, y)]


@dies
def failed_operator() -> list[Any]:
    a, b = rl.ones(2, 3, requires_grad=True), rl.ones(4, 5)
    for call in (rl.add, rl.matmul, rl.maximum):
        with pytest.raises(RuntimeError):
            call(a, b)
    return [weakref.ref(a), weakref.ref(b)]


@dies
def cycle_through_a_hook() -> list[Any]:
    x = rl.ones(3, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: g * y)
    return [weakref.ref(x), weakref.ref(y)]


@dies
def cycle_through_an_attribute() -> list[Any]:
    x = rl.ones(3, requires_grad=True)
    y = x * 2
    x.derived = y
    return [weakref.ref(x), weakref.ref(y)]


@dies
def cycle_through_node_metadata() -> list[Any]:
    x = rl.ones(3, requires_grad=True)
    y = x * 2
    y.grad_fn.metadata["result"] = y
    return [weakref.ref(y)]


@dies
def gradient_with_history_of_its_leaf() -> list[Any]:
    x = rl.ones(3, requires_grad=True)
    (x * x).sum().backward(create_graph=True)
    return [weakref.ref(x), weakref.ref(x.grad)]


@dies
def array_over_a_tensor() -> list[Any]:
    t = rl.ones(3)
    array = t.numpy()
    array[0] = 5
    return [weakref.ref(t)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [make for _, make in DYING], ids=[name for name, _ in DYING])
def test_everything_dies(make: Callable[[], list[Any]]) -> None:
    refs = make()
    gc.collect()
    assert [ref() for ref in refs] == [None] * len(refs)


def test_numpy_array_keeps_the_memory_of_its_tensor() -> None:
    arrays = [rl.full((1000,), float(i)).numpy() for i in range(20)]
    junk = [rl.full((1000,), -1.0) for _ in range(50)]
    assert [a.sum() for a in arrays] == [1000.0 * i for i in range(20)] and len(junk) == 50


def test_tensor_keeps_the_memory_of_its_array() -> None:
    import numpy as np

    t = rl.from_numpy(np.arange(1000.0))
    junk = [np.full(1000, -1.0) for _ in range(50)]
    assert t.sum().item() == 499500 and len(junk) == 50


def test_view_keeps_the_memory_of_its_base() -> None:
    rows = [rl.full((2, 1000), float(i))[1] for i in range(20)]
    junk = [rl.full((2, 1000), -1.0) for _ in range(50)]
    assert [r.sum().item() for r in rows] == [1000.0 * i for i in range(20)] and len(junk) == 50


# Sizes

TENSOR_BYTES = 256
NODE_BYTES = 160


def test_declared_sizes() -> None:
    info = rl._core.info()
    assert info["tensor_bytes"] + info["storage_bytes"] <= TENSOR_BYTES
    assert info["node_bytes"] <= NODE_BYTES


def test_resident_size_of_a_million_tensors(python: Run) -> None:
    """The whole cost of `tensor(1.0)`, headers of the allocator and the garbage collector included, the list's own 8 bytes not."""
    done = python(
        RSS
        + """
value = rl.tensor(1.0)
kept = [None] * 1_000_000
before = resident()
for i in range(1_000_000):
    kept[i] = value + 1
print((resident() - before) / 1_000_000)
"""
    )
    assert 40 < float(done.stdout) <= TENSOR_BYTES


def test_resident_size_of_a_million_nodes(python: Run) -> None:
    """A chain keeps nodes only, when its tensors are dropped and the derivative reads none: x + 1."""
    done = python(
        RSS
        + """
y = rl.tensor(1.0, requires_grad=True)
before = resident()
for i in range(1_000_000):
    y = y + 1
print((resident() - before) / 1_000_000)
"""
    )
    assert 40 < float(done.stdout) <= NODE_BYTES + 16  # malloc's own word and rounding


TRAINING = """
steps = int(sys.argv[1])
rl.manual_seed(0)
w = rl.randn(8, 8, requires_grad=True)
b = rl.zeros(8, requires_grad=True)
x, target = rl.randn(16, 8), rl.randn(16, 8)

def step(i):
    # shapes and graphs vary: caches must not grow with what they have seen
    n = 1 + i % 16
    h = (x[:n] @ w + b).tanh()
    if i % 3 == 0:
        h = h.softmax(1)
    loss = ((h - target[:n]) ** 2).mean()
    loss.backward()
    with rl.no_grad():
        for p in (w, b):
            p -= 0.01 * p.grad
            p.grad = None

for i in range(steps // 5):
    step(i)
before = resident()
for i in range(steps):
    step(i)
print(resident() - before)
"""


@pytest.mark.parametrize("steps", [5_000, pytest.param(50_000, marks=pytest.mark.slow)])
def test_training_leaves_resident_memory_flat(python: Run, steps: int) -> None:
    done = python("import sys\n" + RSS + TRAINING, str(steps), timeout=600)
    assert int(done.stdout) < 512 * 1024


CYCLES = """
import gc, weakref

class Keeper(rl.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.out = x * 2
        return ctx.out
    @staticmethod
    def backward(ctx, g):
        return g * 2

def through_a_context():
    return Keeper.apply(rl.ones(4096, requires_grad=True))

def through_a_hook():
    y = rl.ones(4096, requires_grad=True) * 2
    y.register_hook(lambda g: g * y)
    return y

def through_a_hook_of_a_leaf():
    x = rl.ones(4096, requires_grad=True)
    x.register_post_accumulate_grad_hook(lambda leaf: None if leaf is x else x)
    x.sum().backward()
    return x

def through_a_gradient():
    x = rl.ones(4096, requires_grad=True)
    (x * x).sum().backward(create_graph=True)
    return x

def through_an_attribute():
    x = rl.ones(4096, requires_grad=True)
    x.result = x * 2
    return x

def through_a_closure():
    y = rl.ones(4096, requires_grad=True).exp()
    def compute():
        return y, compute
    y.compute = compute
    return y

def through_metadata():
    y = rl.ones(4096, requires_grad=True).exp()
    y.grad_fn.metadata["y"] = y
    return y

def through_packed_tensors():
    kept = []
    with rl.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or (kept, t), lambda p: p[1]):
        y = rl.ones(4096, requires_grad=True).exp()
    return y

import warnings
warnings.simplefilter("ignore")
makers = [f for name, f in list(globals().items()) if name.startswith("through_")]
for make in makers:
    gone = weakref.ref(make())
    gc.collect()
    assert gone() is None, make
def rounds(n):
    for _ in range(n):
        for make in makers:
            make()
        gc.collect()
rounds(40)
before = resident()
rounds(60)  # 60 x 8 x some 48 KB would be 23 MB
print(len(makers), resident() - before)
"""


def test_cycles_leave_resident_memory_flat(python: Run) -> None:
    count, growth = python(RSS + CYCLES, timeout=300).stdout.split()
    assert int(count) == 8
    assert int(growth) < 2 << 20


def test_growing_shapes_leave_no_cache_behind(python: Run) -> None:
    """Freed buffers are reused within a bound: 400 MB pass through, a fraction stays."""
    done = python(
        RSS
        + """
before = resident()
for n in range(1000, 200_000, 1000):
    a = rl.ones(n) * 2
    del a
print(resident() - before)
"""
    )
    assert int(done.stdout) < 64 * 2**20


# Depth

DEEP = """
depth = int(sys.argv[1])
x = rl.tensor(1.0, requires_grad=True)
y = x
for i in range(depth):
    y = y * 1.0 if i % 2 else y + 1.0
y.backward()
assert x.grad.item() == 1.0
assert y.item() == 1 + (depth + 1) // 2  # exact in float32 up to 2**24

z = x
for _ in range(depth):
    z = z * 1.0
del z   # freed without having run

x.grad = None
first = x
for _ in range(depth // 10):
    first = first * 1.0
(g,) = rl.autograd.grad(first, x, create_graph=True)
assert g.item() == 1.0
del first, g

views = rl.ones(2, requires_grad=True)
v = views * 1
for _ in range(depth // 10):
    v = v.view(2)
v.sum().backward()
assert views.grad.tolist() == [1.0, 1.0]

buffer = x.detach().clone()
for _ in range(depth // 10):
    buffer.add_(x)
buffer.backward()
assert x.grad.item() == depth // 10
print("done")
"""


@pytest.mark.parametrize("depth", [1_000_000])
def test_deep_chain_under_a_small_stack(python: Run, depth: int) -> None:
    """Recorded, run, freed, differentiated twice, through views and in place, with the 8 MB stack that Linux gives."""
    done = python("import sys\nimport rushlight as rl\n" + DEEP, str(depth), stack_kb=8192, timeout=300)
    assert done.stdout == "done\n"


def test_wide_graph() -> None:
    x = rl.ones((), requires_grad=True)
    sum([x * float(i) for i in range(20_000)]).backward()
    assert x.grad.item() == pytest.approx(20_000 * 19_999 / 2, rel=1e-4)

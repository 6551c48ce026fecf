"""Transforms in several threads at once: each has levels of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import rushlight as rl
from rushlight.func import grad, jacfwd, jet, jvp, vmap

from conftest import in_threads


def cube(x: Any) -> Any:
    return (x**3).sum()


def in_forward_mode(x: Any) -> Any:
    with rl.autograd.forward_ad.dual_level():
        return rl.autograd.forward_ad.unpack_dual(cube(rl.autograd.forward_ad.make_dual(x[0], x[0]))).tangent


WORK: dict[str, Callable[[Any], Any]] = {
    "vmap": vmap(lambda x: x.sin() * x.sum()),
    "vmap of grad": vmap(grad(cube)),
    "jacfwd": jacfwd(lambda x: x.exp() * x),
    "jvp": lambda x: jvp(vmap(cube), (x,), (rl.ones_like(x),))[1],
    "jet": lambda x: jet(cube, (x,), ([rl.ones_like(x), rl.ones_like(x)],))[1][1],
    "random": lambda x: vmap(lambda y: y + rl.rand(3) * 0, randomness="different")(x),
    "forward_ad": in_forward_mode,
}


@pytest.mark.usefixtures("eager_switching")
def test_threads_in_transforms_do_not_disturb_each_other() -> None:
    names = list(WORK)
    inputs = [rl.arange(6.0, dtype=rl.float64).view(2, 3) * (0.1 + 0.1 * n) for n in range(8)]
    expected = {name: [WORK[name](x) for x in inputs] for name in names}

    def work(n: int) -> None:
        for k in range(25):
            name = names[(n + k) % len(names)]
            assert rl.equal(WORK[name](inputs[n]), expected[name][n]), name

    in_threads(8, work)


@pytest.fixture
def elsewhere() -> Iterator[Callable[[Callable[[], Any]], Any]]:
    """Runs a function in another thread."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda f: pool.submit(f).result(60)


SEES: dict[str, Callable[[Any], Any]] = {
    "operator": lambda x: x.sin(),
    "slot": lambda x: x + 1,
    "index": lambda x: x[0],
    "write": lambda x: x.add_(1),
    "method": lambda x: x.sum(0),
    "composed": lambda x: rl.nn.functional.gelu(x).softmax(0),
    "of a level of its own": lambda x: vmap(lambda y: y * x)(rl.ones(2)),
    "transposed": lambda x: x.T,
    "iteration": lambda x: list(x),
}


@pytest.mark.parametrize("what", SEES)
def test_a_tensor_of_another_threads_level_is_refused(what: str, elsewhere: Any) -> None:
    """Its samples and tangents would be lost."""
    use = SEES[what]
    with pytest.raises(RuntimeError, match="another thread's vmap"):
        vmap(lambda x: elsewhere(lambda: use(x)))(rl.ones(2, 3))
    with pytest.raises(RuntimeError, match="another thread's forward mode"):
        jvp(lambda x: elsewhere(lambda: use(x)), (rl.ones(3),), (rl.ones(3),))


def test_other_threads_compute_while_one_is_in_a_transform(elsewhere: Any) -> None:
    """And where a level is open elsewhere, values may be looked at in this thread."""
    w = rl.ones(3, requires_grad=True)

    def f(x: Any) -> Any:
        assert elsewhere(lambda: bool((w * 2).sum() > 0)) is True
        elsewhere(lambda: (w * 2).sum().backward())
        with pytest.raises(RuntimeError, match="no level exists"):
            elsewhere(lambda: rl.autograd.forward_ad.make_dual(w, w))
        return x + elsewhere(lambda: vmap(lambda y: y * 2)(rl.ones(3)))

    with rl.autograd.forward_ad.dual_level():
        assert rl.equal(vmap(f)(rl.zeros(2, 3)), rl.full((2, 3), 2.0))
    assert rl.equal(w.grad, rl.full((3,), 2.0))


def test_what_a_level_of_another_thread_held_is_freed(elsewhere: Any) -> None:
    """Tensors of a level may die in any thread."""
    kept: list[Any] = []

    def f(x: Any) -> Any:
        kept.append(x * 2)
        elsewhere(kept.clear)
        return x

    assert rl.equal(vmap(f)(rl.ones(2, 3)), rl.ones(2, 3))
    assert not kept

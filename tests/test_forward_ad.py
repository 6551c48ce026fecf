"""Forward mode beside the operators' own rules: levels, views, changes in place, Functions, both modes together."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest

from both import agree


def forward_ad(m: Any) -> Any:
    return importlib.import_module(f"{m.__name__}.autograd.forward_ad")


def doubled(m: Any, jvp: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_forward(x)
        return x * x

    members = {"forward": staticmethod(forward)}
    if jvp is not None:
        members["jvp"] = staticmethod(jvp)
    return type("Squared", (m.autograd.Function,), members)


CASES: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "arithmetic": lambda m, f, x, d: 2 / (1 - d * x) + 2**d + x @ d,
    "several results": lambda m, f, x, d: list(d.sort(descending=True)),
    "views": lambda m, f, x, d: [d.view(1, 3).T, d[1:], *d],
    "in place": lambda m, f, x, d: [y := d * 2, y[0].mul_(5), y.sin_(), y[0]],
    "in place, first tangent": lambda m, f, x, d: [y := m.ones(3, dtype=x.dtype), y[1:].mul_(d[:2])],
    "assignment": lambda m, f, x, d: [y := m.ones(3, dtype=x.dtype), y.__setitem__(0, d[1]), y][::2],
    "method of a slot": lambda m, f, x, d: [x.__mul__(d), d.__radd__(2)],
    "no tangent": lambda m, f, x, d: [d.detach(), d > 1, d.long()],
    "no_grad": lambda m, f, x, d: m.no_grad()(lambda: d * d)(),
    "decompositions": lambda m, f, x, d: m.linalg.svdvals(d.outer(d) + m.eye(3, dtype=x.dtype)),
    "printed": lambda m, f, x, d: repr(d),
    "out": lambda m, f, x, d: m.add(d, 1, out=m.ones(3)),
    "Function": lambda m, f, x, d: doubled(m, lambda ctx, t: 2 * ctx.saved_tensors[0] * t).apply(d),
    "Function without jvp": lambda m, f, x, d: doubled(m, None).apply(d),
    "Function: two tangents": lambda m, f, x, d: doubled(m, lambda ctx, t: (t, t)).apply(d),
    "Function: wrong shape": lambda m, f, x, d: doubled(m, lambda ctx, t: t[:2]).apply(d),
    "Function: a number": lambda m, f, x, d: doubled(m, lambda ctx, t: 3).apply(d),
    "twice dual": lambda m, f, x, d: f.make_dual(d, x),
    "dual tangent": lambda m, f, x, d: f.make_dual(x, d),
    "shape": lambda m, f, x, d: f.make_dual(x, x[:2]),
    "integers": lambda m, f, x, d: f.make_dual(x.long(), x),
    "integer tangent": lambda m, f, x, d: f.make_dual(x, x.long()),
    "level": lambda m, f, x, d: f.make_dual(x, x, level=3),
    "nested": lambda m, f, x, d: f.enter_dual_level(),
}
RECORDED: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "forward over reverse": lambda m, f, x, d: m.autograd.grad((d.exp() * d.sin()).sum(), d, create_graph=True),
    "reverse over forward": lambda m, f, x, d: m.autograd.grad(f.unpack_dual((d.sin() * d).sum()).tangent, x)[
        0
    ].detach(),
    "three": lambda m, f, x, d: m.autograd.grad(m.autograd.grad((d**4).sum(), d, create_graph=True)[0].sum(), d),
}


def pushed(case: Callable[[Any, Any, Any, Any], Any], record: bool) -> Callable[[Any], Any]:
    def scenario(m: Any) -> Any:
        f = forward_ad(m)
        with f.dual_level():
            x = m.tensor([1.0, 2.0, 3.0], dtype=m.float64, requires_grad=record)
            out = case(m, f, x, f.make_dual(x, m.tensor([1.0, 0.5, -1.0], dtype=m.float64)))
            several = out if isinstance(out, (tuple, list)) else [out]
            return [[o, f.unpack_dual(o).tangent] if isinstance(o, m.Tensor) else o for o in several]

    return scenario


@pytest.mark.parametrize("name", CASES)
def test_tangents(name: str) -> None:
    agree(pushed(CASES[name], False))


@pytest.mark.parametrize("name", RECORDED)
def test_both_modes(name: str) -> None:
    agree(pushed(RECORDED[name], True))


def test_levels_end() -> None:
    def scenario(m: Any) -> Any:
        f = forward_ad(m)
        x = m.ones(2)
        with f.dual_level():
            dual = f.make_dual(x, x)
        with f.dual_level():
            return f.unpack_dual(dual).tangent

    agree(scenario)
    agree(lambda m: forward_ad(m).exit_dual_level())
    agree(lambda m: forward_ad(m).make_dual(m.ones(2), m.ones(2)))


def test_tangents_are_freed_with_the_level() -> None:
    import weakref

    import rushlight

    f = forward_ad(rushlight)
    with f.dual_level():
        dual = f.make_dual(rushlight.ones(2, requires_grad=True), rushlight.ones(2))
        result = dual.exp()
        tangent = weakref.ref(f.unpack_dual(result).tangent)
        assert tangent() is not None
    assert tangent() is None


def test_gradcheck() -> None:
    agree(
        lambda m: m.autograd.gradcheck(
            lambda x: x.sin() * x, m.ones(3, dtype=m.float64, requires_grad=True), check_forward_ad=True
        )
    )


VIEWS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "pairs": lambda m, d, w: (x := d * 1.0, m.view_as_complex(x).mul_(2j), x * x * w)[-1],
    "imaginary parts of pairs": lambda m, d, w: (x := d * 1.0, m.view_as_complex(x).imag.mul_(3), x * x)[-1],
    "parts": lambda m, d, w: (z := m.complex(d[..., 0], d[..., 1]), m.view_as_real(z).mul_(w), z * z)[-1],
    "made before its base had a tangent": lambda m, d, w: (
        z := m.zeros(4, 3, dtype=m.complex128),
        v := m.view_as_real(z),
        part := z.imag,
        z.copy_(m.complex(d[..., 0], d[..., 1])),
        v * v + part.unsqueeze(-1),
    )[-1],
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_of_another_dtype(name: str) -> None:
    def tangent(m: Any) -> Any:
        m.manual_seed(0)
        with forward_ad(m).dual_level():
            point, direction, w = (m.randn(4, 3, 2, dtype=m.float64) for _ in range(3))
            found = forward_ad(m).unpack_dual(VIEWS[name](m, forward_ad(m).make_dual(point, direction), w))
            return found.primal.tolist(), found.tangent.tolist()

    torch = pytest.importorskip("torch")
    import rushlight

    theirs, ours = tangent(torch), tangent(rushlight)
    for a, b in zip(theirs, ours, strict=True):
        torch.testing.assert_close(torch.tensor(b), torch.tensor(a))

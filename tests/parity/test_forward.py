"""Forward mode, operator by operator: tangents are PyTorch's, wherever it has them."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

pytest.importorskip("torch")

import rushlight
import torch
import torch.autograd.forward_ad as their_forward
from rushlight.autograd import forward_ad as our_forward

from . import checks
from . import samples as inputs
from .library import Library, tensors
from .rows import Row
from .samples import Sample
from .table import TABLE

#: Relative and absolute tolerances of their own: finite differences agree with rushlight to 1e-8, PyTorch's tangents do not.
LOOSE = {"logcumsumexp": (1e-5, 1e-5), "cholesky_inverse": (1e-4, 1e-4)}

#: Operators for which PyTorch gives no tangent at all on some samples, and no error either; finite differences agree with rushlight.
SILENT = {"scatter_reduce"}

# Operators that read one triangle only: the other one's tangent is the same, or none.
SYMMETRIC = set("linalg.cholesky linalg.cholesky_ex linalg.eigh linalg.eigvalsh cholesky".split())
TRIANGULAR = set("cholesky_inverse cholesky_solve triangular_solve".split())


def direction(row: Row, sample: Sample, t: torch.Tensor) -> torch.Tensor:
    v = torch.randn(t.shape, dtype=t.dtype)
    square = t.dim() >= 2 and t.shape[-1] == t.shape[-2]
    if row.name in SYMMETRIC and square:
        return v + v.mH
    if row.name in TRIANGULAR and square:
        upper = sample.kwargs.get("upper", sample.args[2] if len(sample.args) > 2 else row.name == "triangular_solve")
        return v.triu() if upper else v.tril()
    return v


def pushed(row: Row, sample: Sample, lib: Library, forward: Any) -> list[Any]:
    """The tangents of a call's results, along random tangents of all arguments that take part."""
    inputs.seed(7)
    with forward.dual_level():

        def dual(t: torch.Tensor) -> torch.Tensor:
            return direction(row, sample, t) if t.requires_grad else t

        directions = lib.adopt(sample.map(dual).args), lib.adopt(sample.map(dual).kwargs)
        given = lib.adopt(sample.args), lib.adopt(sample.kwargs)
        pairs = {
            id(p): (p, d)
            for p, d in zip(tensors(given), tensors(directions), strict=True)
            if p.requires_grad and isinstance(p, lib.module.Tensor)
        }

        def replaced(tree: Any) -> Any:
            if isinstance(tree, (tuple, list)) and type(tree) in (tuple, list):
                return type(tree)(replaced(x) for x in tree)
            if isinstance(tree, dict):
                return {k: replaced(v) for k, v in tree.items()}
            if id(tree) in pairs:
                p, d = pairs[id(tree)]
                return forward.make_dual(p.detach(), d.detach())
            return tree

        inputs.seed(3)
        lib.seed(3)
        out = checks.caller(row, lib, checks.main_form(row))(*replaced(given[0]), **replaced(given[1]))
        out = sample.process(out)
        found = []
        for o in tensors(out):
            if o.dtype.is_floating_point or o.dtype.is_complex:
                t = forward.unpack_dual(o).tangent
                found.append(None if t is None else torch.tensor(t.tolist(), dtype=torch.complex128).reshape(t.shape))
        return found


@pytest.mark.parametrize("row", TABLE, ids=lambda r: r.name)
def test_tangents(row: Row) -> None:
    if not row.grad or not row.compare or "float64" not in row.dtypes or not inputs.supports(row.source, "float64"):
        pytest.skip("no derivative")
    ours, theirs = Library(rushlight), Library(torch)
    rtol, atol = LOOSE.get(row.name, (1e-6, 1e-8))
    for sample in inputs.samples(row.source, "float64", grad=True, cap=4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = pushed(row, sample, theirs, their_forward)
            except (RuntimeError, NotImplementedError, TypeError, ValueError, IndexError):
                continue
            got = pushed(row, sample, ours, our_forward)
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            # Without a tangent and with zeros mean the same.
            if g is None and e is None:
                continue
            if e is None and row.name in SILENT:
                continue
            g = torch.zeros_like(e) if g is None else g
            e = torch.zeros_like(g) if e is None else e
            torch.testing.assert_close(g, e, rtol=rtol, atol=atol, equal_nan=True, msg=lambda m: f"{sample}: {m}")

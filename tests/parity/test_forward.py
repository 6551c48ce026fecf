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

#: Rows whose tangents are not compared, and why.
_TRIANGLE = "the part of a symmetric or triangular matrix that is not read may have any tangent; PyTorch's may use it"
APART = {
    name: _TRIANGLE
    for name in (
        "linalg.cholesky linalg.cholesky_ex linalg.eigh linalg.eigvalsh cholesky_inverse cholesky_solve triangular_solve"
    ).split()
} | {
    "logcumsumexp": "differs in the sixth digit, for a reason that is not known yet",
    "linalg.norm": "nan at a vector of zeros, where the second derivative of backward does not exist",
}


def pushed(row: Row, sample: Sample, lib: Library, forward: Any) -> list[Any]:
    """The tangents of a call's results, along random tangents of all arguments that take part."""
    torch.manual_seed(7)
    with forward.dual_level():

        def dual(t: torch.Tensor) -> torch.Tensor:
            return torch.randn(t.shape, dtype=t.dtype) if t.requires_grad else t

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

        torch.manual_seed(3)
        lib.module.manual_seed(3)
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
    if row.name in APART:
        pytest.skip(APART[row.name])
    ours, theirs = Library(rushlight), Library(torch)
    for sample in inputs.samples(row.source, "float64", grad=True, cap=4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = pushed(row, sample, theirs, their_forward)
            except (RuntimeError, NotImplementedError, TypeError, ValueError):
                continue
            got = pushed(row, sample, ours, our_forward)
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            # Without a tangent and with zeros mean the same.
            if g is None and e is None:
                continue
            g = torch.zeros_like(e) if g is None else g
            e = torch.zeros_like(g) if e is None else e
            torch.testing.assert_close(g, e, rtol=1e-6, atol=1e-8, equal_nan=True, msg=lambda m: f"{sample}: {m}")

"""torch.linalg beyond the parity suite: refusals, what has no derivative, batches."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import rushlight as rl

torch = pytest.importorskip("torch")

LIBRARIES = (rl, torch)


def message(call: Any) -> tuple[str, str]:
    with pytest.raises(Exception) as caught:
        call()
    return type(caught.value).__name__, str(caught.value).splitlines()[0]


SINGULAR = {
    "inv": lambda lib: lib.linalg.inv(lib.zeros(2, 3, 3)),
    "solve": lambda lib: lib.linalg.solve(lib.zeros(3, 3), lib.ones(3)),
    "cholesky": lambda lib: lib.linalg.cholesky(lib.stack([lib.eye(3), -lib.eye(3)])),
    "cholesky_inverse": lambda lib: lib.cholesky_inverse(lib.zeros(2, 3, 3)),
    "lu_factor": lambda lib: lib.linalg.lu_factor(lib.zeros(3, 3)),
    "lstsq": lambda lib: lib.linalg.lstsq(lib.tensor([[1.0, 0], [0, 0], [0, 0]]), lib.ones(3, 1), driver="gels"),
    "eig of integers": lambda lib: lib.linalg.eig(lib.ones(2, 2, dtype=lib.int64)),
    "ldl_solve of too few rows": lambda lib: lib.linalg.ldl_solve(*lib.linalg.ldl_factor(lib.eye(3)), lib.ones(2, 1)),
}


@pytest.mark.parametrize("call", SINGULAR.values(), ids=SINGULAR)
def test_refusals(call: Any) -> None:
    ours, theirs = (message(lambda lib=lib: call(lib)) for lib in LIBRARIES)
    assert ours == theirs


def symmetric(lib: Any) -> Any:
    return lib.tensor([[4.0, 1, 2], [1, 3, 0], [2, 0, 5]], dtype=lib.float64)


WITHOUT_DERIVATIVE = {
    "geqrf": lambda lib, a: lib.geqrf(a)[0],
    "ldl_factor": lambda lib, a: lib.linalg.ldl_factor(a)[0],
    "ldl_solve": lambda lib, a: lib.linalg.ldl_solve(*lib.linalg.ldl_factor(symmetric(lib)), a),
}


@pytest.mark.parametrize("call", WITHOUT_DERIVATIVE.values(), ids=WITHOUT_DERIVATIVE)
def test_what_has_no_derivative_says_so(call: Any) -> None:
    """It must not lose the history without a word."""
    found = []
    for lib in LIBRARIES:
        result = call(lib, symmetric(lib).requires_grad_())
        assert result.requires_grad
        found.append(message(result.sum().backward))
    assert found[0] == found[1]


def test_pivots_that_lead_out_of_the_matrix_are_refused() -> None:
    LD, pivots = rl.linalg.ldl_factor(rl.eye(3))
    with pytest.raises(RuntimeError, match="pivots"):
        rl.linalg.ldl_solve(LD, pivots + 10, rl.ones(3, 1))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("call", ["det", "inv", "cholesky", "svdvals", "eigvalsh", "matrix_exp"])
def test_gradients(call: str, dtype: str) -> None:
    rl.manual_seed(0)
    root = rl.randn(2, 3, 3, dtype=getattr(rl, dtype), requires_grad=True)

    def function(r: Any) -> Any:
        return getattr(rl.linalg, call)(r @ r.mH + 3 * rl.eye(3, dtype=r.dtype))

    assert rl.autograd.gradcheck(function, (root,))
    assert rl.autograd.gradgradcheck(function, (root,))


def test_no_reflection_and_no_power_have_zero_derivatives() -> None:
    for lib in LIBRARIES:
        a = symmetric(lib).requires_grad_()
        q = lib.linalg.householder_product(a, lib.zeros(0, dtype=lib.float64))
        (q.sum() + lib.linalg.matrix_power(a, 0).sum()).backward()
        assert a.grad.tolist() == [[0] * 3] * 3


def test_error_pickles() -> None:
    error = rl.linalg.LinAlgError("singular")
    assert isinstance(error, RuntimeError)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is rl.linalg.LinAlgError and str(again) == "singular"

"""torch.linalg beyond the parity suite: refusals, what has no derivative, batches."""

from __future__ import annotations

import pickle
import subprocess
import sys
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


#: With these the library checks itself: what is factorised is the product of its factors.
FACTORISATIONS = """
import rushlight as rl

def close(x, y, tolerance):
    assert x.shape == y.shape, (tuple(x.shape), tuple(y.shape))
    if not x.numel():
        return
    error = (x - y).abs().max().item()
    assert error <= tolerance * max(1.0, y.abs().max().item()), (x.dtype, tuple(x.shape), error)

rl.manual_seed(0)
for dtype in (rl.float32, rl.float64, rl.complex64, rl.complex128):
    tolerance = 1e-4 if dtype in (rl.float32, rl.complex64) else 1e-11
    for shape in ((1, 1), (4, 4), (2, 5, 5), (7, 3), (3, 7), (40, 40), (50, 30), (30, 50), (0, 0), (2, 0, 3)):
        A = rl.randn(*shape, dtype=dtype)
        m, n = shape[-2:]
        for mode in ("reduced", "complete"):
            Q, R = rl.linalg.qr(A, mode)
            close(Q @ R, A, tolerance)
            close(Q.mH @ Q, rl.eye(Q.shape[-1], dtype=dtype).expand(Q.mH.shape[:-1] + Q.shape[-1:]), tolerance)
            U, S, Vh = rl.linalg.svd(A, mode == "complete")
            k = min(m, n)
            close((U[..., :k] * S.unsqueeze(-2)) @ Vh[..., :k, :], A, tolerance)
        close(rl.linalg.svdvals(A), S, tolerance)
        P, L, U = rl.linalg.lu(A)
        close(P @ L @ U, A, tolerance)
        if m != n:
            continue
        one = rl.eye(n, dtype=dtype).expand(shape)
        A = A + 3 * one
        H = A @ A.mH
        B = rl.randn(*shape[:-1], 2, dtype=dtype)
        close(A @ rl.linalg.inv(A), one, 10 * tolerance)
        close(A @ rl.linalg.solve(A, B), B, 10 * tolerance)
        close(rl.linalg.solve(A, B.mT, left=False) @ A, B.mT, 10 * tolerance)
        close(H @ rl.cholesky_solve(B, rl.linalg.cholesky(H)), B, 1000 * tolerance)
        for upper in (False, True):
            C = rl.linalg.cholesky(H, upper=upper)
            close(C.mH @ C if upper else C @ C.mH, H, tolerance)
            T = A.triu() if upper else A.tril()
            for t, u in ((T, upper), (T.contiguous().mT, not upper)):
                close(t @ rl.linalg.solve_triangular(t, B, upper=u), B, 1000 * tolerance)
        w, V = rl.linalg.eigh(H)
        close((V * w.unsqueeze(-2)) @ V.mH, H, tolerance)
        close(rl.linalg.eigvalsh(H), w, tolerance)
        w, V = rl.linalg.eig(A)
        close(A.to(V.dtype) @ V, V * w.unsqueeze(-2), 10 * tolerance)
        sign, log = rl.linalg.slogdet(A)
        close(sign * log.exp() / rl.linalg.det(A), rl.ones(shape[:-2], dtype=dtype), 10 * tolerance)
"""

WITHOUT_SCIPY = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "scipy":
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
"""


@pytest.mark.parametrize("first", ["", WITHOUT_SCIPY], ids=["SciPy", "NumPy alone"])
def test_factors_make_the_matrix(first: str) -> None:
    done = subprocess.run([sys.executable, "-c", first + FACTORISATIONS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_numpy_has_not_says_so() -> None:
    code = f"{WITHOUT_SCIPY}\nimport rushlight as rl\nrl.linalg.ldl_factor(rl.eye(3))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install scipy" in done.stderr


@pytest.mark.parametrize("n", [3, 40])
@pytest.mark.parametrize(
    "call", ["det", "slogdet", "inv", "solve", "eigh", "svd", "qr", "lu", "eigvals", "solve_triangular"]
)
def test_small_and_large_have_the_same_gradients_as_pytorch(call: str, n: int) -> None:
    """On both sides of the order from which LAPACK takes over, and with a right-hand side that is broadcast."""
    source = torch.randn(2, n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).numpy() / n**0.5
    found = []
    for lib in LIBRARIES:
        a = (lib.from_numpy(source.copy()) + lib.eye(n, dtype=lib.float64)).requires_grad_()
        b = lib.linspace(-1, 1, 3 * n, dtype=lib.float64).reshape(n, 3).requires_grad_()
        if call == "solve":
            results = [lib.linalg.solve(a, b)]
        elif call == "solve_triangular":
            results = [lib.linalg.solve_triangular(a, b, upper=True)]
        elif call == "eigh":
            results = [t.abs() for t in lib.linalg.eigh(a + a.mT)]
        elif call == "svd":
            results = [t.abs() for t in lib.linalg.svd(a)]
        else:
            result = getattr(lib.linalg, call)(a)
            results = [result] if isinstance(result, lib.Tensor) else [t for t in result if t.requires_grad]
        sum((t.abs() * t.abs()).sum() for t in results).backward()
        found.append([a.grad.numpy(), *([] if b.grad is None else [b.grad.numpy()])])
    for ours, theirs in zip(*found, strict=True):
        assert abs(ours - theirs).max() <= 1e-8 * max(1.0, abs(theirs).max())

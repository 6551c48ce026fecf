"""Linear algebra: LAPACK through NumPy and SciPy, derivatives out of operators.

A decomposition is an `autograd.Function` whose forward works on NumPy's views of the tensors and whose backward is written
with operators, so that it can be differentiated again. The rest is composed. The derivatives are those of M. Giles,
"Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008), extended to complex
matrices in the convention that the gradient of a real loss L by z is dL/dRe(z) + i dL/dIm(z); exceptions say their source.

The family loads when one of its names is first used.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _core as core
from .._core import Tensor
from .._errors import LinAlgError
from ..autograd.function import Function
from ..return_types import make
from . import BOTH, FUNCTION, operator

__all__ = ["LinAlgError"]


def _lapack(*names: str, dtype: Any) -> Any:
    """SciPy's raw LAPACK routines for a dtype, for what NumPy does not have."""
    try:
        from scipy.linalg import get_lapack_funcs
    except ImportError:
        raise RuntimeError(
            "this function needs LAPACK routines that NumPy does not offer: install SciPy (pip install scipy)"
        ) from None
    found = get_lapack_funcs(names, dtype=dtype)
    return found[0] if len(names) == 1 else found


# --- arguments ------------------------------------------------------------------------------------------------------

_SCALARS = {
    core.bool: "Bool",
    core.uint8: "Byte",
    core.int8: "Char",
    core.int16: "Short",
    core.int32: "Int",
    core.int64: "Long",
    core.float16: "Half",
    core.bfloat16: "BFloat16",
    core.float32: "Float",
    core.float64: "Double",
    core.complex64: "ComplexFloat",
    core.complex128: "ComplexDouble",
}


_NATIVE = (core.float32, core.float64, core.complex64, core.complex128)


def _need_matrix(t: Tensor, name: str, what: str = "A") -> None:
    if t.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {what} must have at least 2 dimensions.")


def _need_square(t: Tensor, name: str, what: str = "A") -> None:
    _need_matrix(t, name, what)
    if t.shape[-1] != t.shape[-2]:
        raise RuntimeError(
            f"{name}: {what} must be batches of square matrices, but they are {t.shape[-2]} by {t.shape[-1]} matrices"
        )


#: The kernels that PyTorch's messages name for dtypes that LAPACK does not know; with "*" for integers as well.
_KERNELS = {
    "linalg.cholesky": "cholesky_cpu",
    "cholesky": "cholesky_cpu*",
    "linalg.solve": "lu_cpu",
    "linalg.solve_triangular": "triangular_solve_cpu*",
    "linalg.qr": "geqrf_cpu",
    "geqrf": "geqrf_cpu",
    "linalg.svd": "linalg_svd_cpu",
    "linalg.eigh": "linalg_eigh_cpu*",
    "linalg.eig": "linalg_eig_out_cpu",
    "linalg.eigvals": "linalg_eig_out_cpu",
    "torch.linalg.lu_factor_ex": "lu_cpu*",
    "torch.linalg.lu_factor": "lu_cpu*",
    "torch.linalg.lu": "lu_cpu*",
    "torch.linalg.ldl_factor_ex": "ldl_factor_kernel_cpu",
}


def _need_float(t: Tensor, name: str) -> None:
    if t.dtype in _NATIVE:
        return
    kernel = _KERNELS.get(name, "")
    if kernel.endswith("*") or (kernel and t.is_floating_point()):
        raise NotImplementedError(f"\"{kernel.rstrip('*')}\" not implemented for '{_SCALARS[t.dtype]}'")
    if name in ("linalg.eig", "linalg.eigvals"):
        raise RuntimeError(f"Unknown Complex ScalarType for {_SCALARS[t.dtype]}")
    if not t.is_floating_point():
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {_SCALARS[t.dtype]}")
    raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {_SCALARS[t.dtype]}")


def _need_same(a: Tensor, b: Tensor, name: str) -> None:
    if a.dtype != b.dtype:
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type {_SCALARS[a.dtype]} and B of type "
            f"{_SCALARS[b.dtype]} instead"
        )


def _array(t: Tensor) -> Any:
    return t.detach().numpy()


def _rows(a: Any) -> Tensor:
    return core.from_numpy(np.asarray(a, order="C"))


def _columns(a: Any) -> Tensor:
    """A result as LAPACK leaves it: the matrices column by column."""
    return core.from_numpy(np.ascontiguousarray(np.swapaxes(a, -1, -2))).mT


def _which(i: int, ndim: int) -> str:
    return f"(Batch element {i}): " if ndim > 2 else ""


def _identity(t: Tensor, n: int) -> Tensor:
    return core.eye(n, dtype=t.dtype)


def _is_vector(A: Tensor, B: Tensor) -> bool:
    """Whether B holds vectors rather than matrices: one for each matrix of A."""
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(A.shape[:-1]) == tuple(B.shape))


def _flat(a: Any) -> Any:
    return a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:])


def _lead(*tensors: Tensor) -> tuple[int, ...]:
    """The leading sizes that all broadcast to."""
    found: list[int] = []
    for t in tensors:
        mine = list(t.shape[:-2])
        short, long = sorted((found, mine), key=len)
        merged = list(long)
        for i in range(1, len(short) + 1):
            a, b = short[-i], long[-i]
            if a != b and 1 not in (a, b):
                first, second = (found[-i], mine[-i])
                raise RuntimeError(
                    f"The size of tensor a ({second}) must match the size of tensor b ({first}) at non-singleton "
                    f"dimension {len(long) - i}"
                )
            merged[-i] = b if a == 1 else a
        found = merged
    return tuple(found)


def _diagonal(t: Tensor) -> Tensor:
    return t.diagonal(0, -2, -1)


def _real_part(t: Tensor) -> Tensor:
    return t.real if t.is_complex() else t


# --- Cholesky ---------------------------------------------------------------------------------------------------------


def _minors(a: Any) -> tuple[Any, Any]:
    """The factors, and for each matrix the order of its first leading minor that is not positive (0: there is none)."""
    flat = _flat(a)
    info = np.zeros(len(flat), np.int32)
    factors = np.zeros_like(flat)
    for i, m in enumerate(flat):
        try:
            factors[i] = np.linalg.cholesky(m)
        except np.linalg.LinAlgError:
            low, high = 1, m.shape[-1]
            while low < high:  # minors are positive up to the first that is not
                middle = (low + high) // 2
                try:
                    np.linalg.cholesky(m[:middle, :middle])
                    low = middle + 1
                except np.linalg.LinAlgError:
                    high = middle
            info[i] = low
            factors[i] = np.tril(m)
    return factors.reshape(a.shape), info.reshape(a.shape[:-2])


class _Cholesky(Function):
    _node_name = "LinalgCholeskyExBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor, upper: bool) -> Any:
        a = _array(A.mH if upper else A)
        try:
            factor, info = np.linalg.cholesky(a), np.zeros(a.shape[:-2], np.int32)
        except np.linalg.LinAlgError:
            factor, info = _minors(a)
        L = _rows(factor).mH if upper else _columns(factor)
        ctx.save_for_backward(L)
        ctx.upper = upper
        infos = _rows(np.asarray(info, np.int32))
        ctx.mark_non_differentiable(infos)
        return L, infos

    @staticmethod
    def backward(ctx: Any, gL: Tensor, _: Any) -> Any:
        (L,) = ctx.saved_tensors
        if ctx.upper:
            L, gL = L.mH, gL.mH
        phi = (L.mH @ gL).tril()
        phi = phi + phi.tril(-1).mH
        # L^-H phi L^-1 / 2 is Hermitian, as A is.
        left = _SolveTriangular.apply(L.mH, phi, True, False)
        return 0.5 * _SolveTriangular.apply(L.mH, left.mH, True, False).mH, None


def _check_minors(info: Tensor, A: Tensor, name: str) -> None:
    bad = info.numpy().reshape(-1)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        raise LinAlgError(
            f"{name}: {_which(i, A.ndim)}The factorization could not be completed because the input is not "
            f"positive-definite (the leading minor of order {bad[i]} is not positive-definite)."
        )


@operator("Other", namespace="linalg", out=True)
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """The Cholesky factor of Hermitian positive-definite matrices [..., n, n], and for each matrix 0 or the order of its
    first leading minor that is not positive. -> (L, info)"""
    _need_square(A, "linalg.cholesky")
    _need_float(A, "linalg.cholesky")
    L, info = _Cholesky.apply(A, upper)
    if check_errors:
        _check_minors(info, A, "torch.linalg.cholesky_ex")
    return make("linalg_cholesky_ex", ("L", "info"), (L, info))


@operator("Other", namespace="linalg", out=True)
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The lower triangular L with A = L L^H (or the upper U with A = U^H U), [..., n, n]."""
    L, info = cholesky_ex(A, upper=upper)
    _check_minors(info, A, "linalg.cholesky")
    return L


@operator("Other", out="cast", name="cholesky")
def _cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """The Cholesky factor; torch.linalg.cholesky is its successor."""
    _need_square(input, "cholesky")
    _need_float(input, "cholesky")
    L, info = _Cholesky.apply(input, upper)
    _check_minors(info, input, "cholesky")
    return L


@operator("Other", out="cast")
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with L L^H X = B (or U^H U X = B)."""
    if B.ndim < 2:
        raise RuntimeError(f"b should have at least 2 dimensions, but has {B.ndim} dimensions instead")
    if L.ndim < 2:
        raise RuntimeError(f"u should have at least 2 dimensions, but has {L.ndim} dimensions instead")
    _check_system(L, B, "cholesky_solve")
    L = L.triu() if upper else L.tril()
    half = _SolveTriangular.apply(L.mH if upper else L, B, False, False)
    return _SolveTriangular.apply(L if upper else L.mH, half, True, False)


@operator("Other", out="cast")
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of L L^H (or U^H U)."""
    _need_square(L, "cholesky_inverse")
    _need_float(L, "cholesky_inverse")
    zero = _diagonal(L.detach()) == 0
    if bool(zero.any()):
        at = [int(i) for i in zero.reshape(-1, L.shape[-1]).nonzero()[0]]
        raise LinAlgError(
            f"cholesky_inverse: {_which(at[0], L.ndim)}The diagonal element {at[1] + 1} is zero, the inversion could not be "
            "completed because the input matrix is singular."
        )
    return cholesky_solve(_identity(L, L.shape[-1]), L, upper)


def _check_system(A: Tensor, B: Tensor, name: str, left: bool = True) -> None:
    _need_square(A, name)
    if A.shape[-2] != B.shape[-2 if left else -1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]})"
        )


# --- systems of equations -----------------------------------------------------------------------------------------------


class _SolveTriangular(Function):
    """X with A X = B, A triangular: matrices [..., n, n] and [..., n, k], broadcast."""

    _node_name = "LinalgSolveTriangularBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor, upper: bool, unit: bool) -> Tensor:
        lead = _lead(A, B)
        a = _flat(np.broadcast_to(_array(A), (*lead, *A.shape[-2:])))
        b = _flat(np.broadcast_to(_array(B), (*lead, *B.shape[-2:])))
        x = np.empty(b.shape, b.dtype)
        if x.size:
            trtrs = _lapack("trtrs", dtype=x.dtype)
            for i in range(len(a)):
                # LAPACK reads columns, so that the transpose of rows costs no copy of A.
                x[i] = trtrs(a[i].T, b[i], lower=upper, trans=1, unitdiag=unit)[0]
        X = _columns(x.reshape(*lead, *b.shape[-2:]))
        ctx.save_for_backward(A, X)
        ctx.upper, ctx.unit, ctx.b_shape = upper, unit, B.shape
        return X

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        A, X = ctx.saved_tensors
        gB = _SolveTriangular.apply(A.mH, g, not ctx.upper, ctx.unit)
        gA = None
        if ctx.needs_input_grad[0]:
            gA = -(gB @ X.mH)
            gA = (gA.triu(int(ctx.unit)) if ctx.upper else gA.tril(-int(ctx.unit))).sum_to_size(A.shape)
        return gA, gB.sum_to_size(ctx.b_shape), None, None


@operator("Other", namespace="linalg", out=True)
def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """X with A X = B (X A = B where not `left`) for triangular A; the other triangle is not looked at."""
    _need_square(A, "linalg.solve_triangular")
    _need_matrix(B, "linalg.solve_triangular", "B")
    _need_same(A, B, "linalg.solve_triangular")
    _need_float(A, "linalg.solve_triangular")
    _check_system(A, B, "linalg.solve_triangular", left)
    A = A.triu() if upper else A.tril()
    if left:
        return _SolveTriangular.apply(A, B, upper, unitriangular)
    return _SolveTriangular.apply(A.mT, B.mT, not upper, unitriangular).mT


@operator("Other", out=True)
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """X with A X = b (or A^T X = b) for triangular A, and a copy of A; torch.linalg.solve_triangular is its successor."""
    if b.ndim < 2:
        raise RuntimeError(
            f"torch.triangular_solve: Expected b to have at least 2 dimensions, but it has {b.ndim} dimensions instead"
        )
    if A.ndim < 2:
        raise RuntimeError(
            f"torch.triangular_solve: Expected A to have at least 2 dimensions, but it has {A.ndim} dimensions instead"
        )
    _check_system(A, b, "triangular_solve")
    T = A.triu() if upper else A.tril()
    X = _SolveTriangular.apply(T.mT if transpose else T, b, upper != transpose, unitriangular)
    return make("triangular_solve", ("solution", "cloned_coefficient"), (X, A.clone()))


def _zero_pivot(m: Any) -> int:
    """The position, from 1, of the first zero on the diagonal of U of a singular matrix."""
    getrf = _lapack("getrf", dtype=m.dtype)
    return int(getrf(m)[2]) or m.shape[-1]


class _Solve(Function):
    """X with A X = B: matrices [..., n, n] and [..., n, k], broadcast; and for each A 0 or the place of a zero pivot."""

    _node_name = "LinalgSolveExBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor, B: Tensor) -> Any:
        lead = _lead(A, B)
        a, b = _array(A), _array(B)
        info = np.zeros(a.shape[:-2], np.int32)
        try:
            x = np.linalg.solve(a, b)
        except np.linalg.LinAlgError:
            x = np.full((*lead, *b.shape[-2:]), np.nan, b.dtype)
            wide = np.broadcast_to(b, x.shape)
            for at in np.ndindex(a.shape[:-2]):
                if np.linalg.matrix_rank(a[at]) < a.shape[-1]:
                    info[at] = _zero_pivot(a[at])
            for at in np.ndindex(lead):
                m = np.broadcast_to(a, (*lead, *a.shape[-2:]))[at]
                try:
                    x[at] = np.linalg.solve(m, wide[at])
                except np.linalg.LinAlgError:
                    pass
        X = _columns(x)
        ctx.save_for_backward(A, X)
        ctx.b_shape = B.shape
        infos = _rows(info)
        ctx.mark_non_differentiable(infos)
        return X, infos

    @staticmethod
    def backward(ctx: Any, g: Tensor, _: Any) -> Any:
        A, X = ctx.saved_tensors
        gB = _Solve.apply(A.mH, g)[0]
        gA = -(gB @ X.mH).sum_to_size(A.shape) if ctx.needs_input_grad[0] else None
        return gA, gB.sum_to_size(ctx.b_shape)


def _check_pivots(info: Tensor, A: Tensor, name: str) -> None:
    bad = info.numpy().reshape(-1)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        raise LinAlgError(f"{name}: {_which(i, A.ndim)}The solver failed because the input matrix is singular.")


@operator("Other", namespace="linalg", out=True)
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """X with A X = B (X A = B where not `left`), and for each matrix 0 or the place of a zero pivot. -> (result, info)"""
    X, info = _solve(A, B, left, "linalg.solve")
    if check_errors:
        _check_pivots(info, A, "torch.linalg.solve_ex")
    return make("linalg_solve_ex", ("result", "info"), (X, info))


def _solve(A: Tensor, B: Tensor, left: bool, name: str) -> tuple[Tensor, Tensor]:
    _need_square(A, name)
    _need_float(A, name)
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type {_SCALARS[A.dtype]} and B of type "
            f"{_SCALARS[B.dtype]} instead"
        )
    vector = _is_vector(A, B)
    if vector and not left:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case "
            "linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    if vector:
        B = B.unsqueeze(-1)
    if B.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor B must have at least 2 dimensions.")
    _check_system(A, B, name, left)
    if left:
        X, info = _Solve.apply(A, B)
    else:
        X, info = _Solve.apply(A.mT, B.mT)
        X = X.mT
    return (X.squeeze(-1) if vector else X), info


@operator("Other", namespace="linalg", out=True)
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The X with A X = B (X A = B where not `left`), A [..., n, n] invertible, B [..., n, k] or [..., n]."""
    X, info = _solve(A, B, left, "linalg.solve")
    _check_pivots(info, A, "torch.linalg.solve")
    return X


class _Inverse(Function):
    _node_name = "LinalgInvExBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Any:
        a = _array(A)
        info = np.zeros(a.shape[:-2], np.int32)
        try:
            inverse = np.linalg.inv(a)
        except np.linalg.LinAlgError:
            inverse = np.full(a.shape, np.nan, a.dtype)
            for at in np.ndindex(a.shape[:-2]):
                try:
                    inverse[at] = np.linalg.inv(a[at])
                except np.linalg.LinAlgError:
                    info[at] = _zero_pivot(a[at])
        result, infos = _columns(inverse), _rows(info)
        ctx.save_for_backward(result)
        ctx.mark_non_differentiable(infos)
        return result, infos

    @staticmethod
    def backward(ctx: Any, g: Tensor, _: Any) -> Any:
        (inverse,) = ctx.saved_tensors
        return -(inverse.mH @ (g @ inverse.mH))


@operator("Other", namespace="linalg", out=True)
def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """The inverse of matrices [..., n, n], and for each of them 0 or the place of a zero pivot. -> (inverse, info)"""
    _need_square(A, "linalg.inv")
    _need_float(A, "linalg.inv")
    inverse, info = _Inverse.apply(A)
    if check_errors:
        _check_inverse(info, A, "torch.linalg.inv_ex")
    return make("linalg_inv_ex", ("inverse", "info"), (inverse, info))


def _check_inverse(info: Tensor, A: Tensor, name: str) -> None:
    bad = info.numpy().reshape(-1)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        raise LinAlgError(
            f"{name}: {_which(i, A.ndim)}The diagonal element {bad[i]} is zero, the inversion could not be completed "
            "because the input matrix is singular."
        )


@operator("Other", namespace="linalg", out=True)
def inv(A: Tensor) -> Tensor:
    """The inverse of matrices [..., n, n]."""
    inverse, info = inv_ex(A)
    _check_inverse(info, A, "linalg.inv")
    return inverse


@operator("Other", out=True)
def inverse(input: Tensor) -> Tensor:
    """The inverse of matrices [..., n, n]."""
    return inv(input)


# --- determinants -------------------------------------------------------------------------------------------------------


class _Det(Function):
    _node_name = "LinalgDetBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Tensor:
        result = _rows(np.asarray(np.linalg.det(_array(A)), dtype=_array(A).dtype))
        ctx.save_for_backward(A, result)
        return result

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        A, det_A = ctx.saved_tensors
        if A.numel() == 0:
            return core.zeros_like(A)
        k = (g * det_A.conj())[..., None, None]
        inverse, info = _Inverse.apply(A.detach())
        if not info.any() and bool(inverse.abs().isfinite().all()):
            return k * (_Inverse.apply(A)[0].mH)
        # Singular: the cofactors through A = U S V^H; where S_i = 0 the products of the others remain.
        U, S, Vh = _Svd.apply(A, False)
        n = S.shape[-1]
        others = S.unsqueeze(-2).expand(*S.shape, n).masked_fill(core.eye(n, dtype=core.bool), 1).prod(-1)
        phase = (_rows(np.linalg.det(_array(U))) * _rows(np.linalg.det(_array(Vh)))).conj()
        return (g * phase)[..., None, None] * ((U * others.unsqueeze(-2)) @ Vh)


@operator("Other", namespace="linalg", out=True)
def det(A: Tensor) -> Tensor:
    """The determinant of matrices [..., n, n] -> [...]."""
    _need_square(A, "linalg.det")
    _need_float(A, "linalg.det")
    return _Det.apply(A)


@operator("Other", name="det")
def _det(input: Tensor) -> Tensor:
    """The determinant of matrices [..., n, n] -> [...]."""
    return det(input)


class _Slogdet(Function):
    _node_name = "LinalgSlogdetBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Any:
        a = _array(A)
        sign, logabs = np.linalg.slogdet(a)
        s, log = _rows(np.asarray(sign, a.dtype)), _rows(np.asarray(logabs, a.real.dtype))
        ctx.save_for_backward(A, s)
        return s, log

    @staticmethod
    def backward(ctx: Any, g_sign: Tensor, g_log: Tensor) -> Tensor:
        A, sign = ctx.saved_tensors
        if A.numel() == 0:
            return core.zeros_like(A)
        k = g_log
        if A.is_complex():
            # d sign = i Im(tr(A^-1 dA)) sign
            k = g_log - (g_sign.conj() * sign).imag * 1j
        return _Solve.apply(A.mH, k[..., None, None] * _identity(A, A.shape[-1]))[0]


@operator("Other", namespace="linalg", out=True)
def slogdet(A: Tensor) -> Any:
    """Sign (or phase) and logarithm of the absolute value of the determinant of matrices [..., n, n]. -> (sign, logabsdet)"""
    _need_square(A, "linalg.slogdet")
    _need_float(A, "linalg.slogdet")
    return make("linalg_slogdet", ("sign", "logabsdet"), _Slogdet.apply(A))


@operator("Other", name="slogdet", out=True)
def _slogdet(input: Tensor) -> Any:
    """Sign and logarithm of the absolute value of the determinant; torch.linalg.slogdet's other name."""
    return make("slogdet", ("sign", "logabsdet"), tuple(slogdet(input)))


@operator("Other")
def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant of matrices [..., n, n]: nan where it is negative, -inf where it is 0."""
    _need_square(input, "linalg.slogdet")
    _need_float(input, "linalg.slogdet")
    sign, logabs = _Slogdet.apply(input)
    if input.is_complex():
        return logabs + sign.log()
    return core.where(sign == -1.0, math.nan, logabs)


# --- orthogonal decompositions -------------------------------------------------------------------------------------------


def _skew(X: Tensor) -> Tensor:
    return X - X.mH


class _Qr(Function):
    _node_name = "LinalgQrBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor, mode: Any) -> Any:
        a = _array(A)
        if mode == "r":
            Q, R = core.empty(0, dtype=A.dtype), _columns(np.linalg.qr(a, "r"))
        else:
            Q, R = map(_columns, np.linalg.qr(a, mode))
        ctx.save_for_backward(Q, R)
        ctx.mode, ctx.shape = mode, A.shape
        return Q, R

    @staticmethod
    def backward(ctx: Any, gQ: Tensor, gR: Tensor) -> Any:
        Q, R = ctx.saved_tensors
        m, n = ctx.shape[-2:]
        if ctx.mode == "r":
            raise RuntimeError(
                "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
                "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
            )
        if ctx.mode == "complete" and m > n:
            raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
        if m >= n:
            return _qr_tall(Q, R, gQ, gR), None
        # A = [X Y], R = [U V] with X = Q U, Y = Q V.
        Y_part = gR[..., m:]
        U, V = R[..., :m], R[..., m:]
        gX = _qr_tall(Q, U, gQ + (Q @ V) @ Y_part.mH, gR[..., :m])
        return core.cat([gX, Q @ Y_part], -1), None


def _qr_tall(Q: Tensor, R: Tensor, gQ: Tensor, gR: Tensor) -> Tensor:
    # S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions" (2018).
    M = R @ gR.mH - gQ.mH @ Q
    lower = M.tril(-1)
    mirrored = lower + lower.mH + _real_part(_diagonal(M)).to(M.dtype).diag_embed()
    rhs = gQ + Q @ mirrored
    # rhs R^-H
    return _SolveTriangular.apply(R.triu(), rhs.mH, True, False).mH


@operator("Other", namespace="linalg", out=True)
def qr(A: Tensor, mode: str = "reduced") -> Any:
    """A = Q R for matrices [..., m, n]: Q with orthonormal columns, R upper triangular. `mode`: 'reduced', 'complete', or
    'r' for R alone."""
    _need_matrix(A, "linalg.qr")
    _need_float(A, "linalg.qr")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return make("linalg_qr", ("Q", "R"), _Qr.apply(A, mode))


@operator("Other", name="qr", out=True)
def _qr(input: Tensor, some: bool = True) -> Any:
    """The QR decomposition; torch.linalg.qr is its successor."""
    _need_matrix(input, "linalg.qr")
    _need_float(input, "linalg.qr")
    return make("qr", ("Q", "R"), _Qr.apply(input, "reduced" if some else "complete"))


class _Svd(Function):
    """A = U diag(S) Vh for matrices [..., m, n]."""

    _node_name = "LinalgSvdBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor, full: bool) -> Any:
        try:
            u, s, vh = np.linalg.svd(_array(A), full_matrices=full)
        except np.linalg.LinAlgError:
            raise LinAlgError(
                "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite values or is "
                "ill-conditioned."
            ) from None
        U, S, Vh = _columns(u), _rows(s), _columns(vh)
        ctx.save_for_backward(U, S, Vh)
        return U, S, Vh

    @staticmethod
    def backward(ctx: Any, gU: Tensor, gS: Tensor, gVh: Tensor) -> Any:
        U, S, Vh = ctx.saved_tensors
        k = S.shape[-1]
        m, n = U.shape[-2], Vh.shape[-1]
        if U.shape[-1] > k or Vh.shape[-2] > k:
            U, gU, Vh, gVh = U[..., :k], gU[..., :k], Vh[..., :k, :], gVh[..., :k, :]
        Sd = S.to(U.dtype)
        V, gV = Vh.mH, gVh.mH
        UgU, VgV = U.mH @ gU, V.mH @ gV
        square = S * S
        E = square.unsqueeze(-2) - square.unsqueeze(-1)
        E = E.masked_fill(core.eye(k, dtype=core.bool), 1)
        inner = (_skew(UgU) / E) * Sd.unsqueeze(-2) + Sd.unsqueeze(-1) * (_skew(VgV) / E)
        inner = inner + (gS.to(U.dtype)).diag_embed()
        if U.is_complex():
            # The phase of a pair of singular vectors is free; the loss must not depend on it.
            inner = inner + (_diagonal(_skew(UgU)) / (2 * Sd)).diag_embed()
        if m > k:
            left = U @ inner + (gU - U @ UgU) / Sd.unsqueeze(-2)
        else:
            left = U @ inner
        result = left @ Vh
        if n > k:
            rest = gVh - VgV.mH @ Vh
            result = result + (U / Sd.unsqueeze(-2)) @ rest
        return result, None


@operator("Other", namespace="linalg", out=True)
def svd(A: Tensor, full_matrices: bool = True, *, driver: str | None = None) -> Any:
    """The singular value decomposition A = U diag(S) Vh of matrices [..., m, n], S descending. -> (U, S, Vh)"""
    _need_matrix(A, "linalg.svd")
    _need_float(A, "linalg.svd")
    return make("linalg_svd", ("U", "S", "Vh"), _Svd.apply(A, full_matrices))


@operator("Other", name="svd", out=True)
def _svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """The singular value decomposition input = U diag(S) V^H; torch.linalg.svd is its successor. -> (U, S, V)"""
    _need_matrix(input, "linalg.svd")
    _need_float(input, "linalg.svd")
    if not compute_uv:
        m, n = input.shape[-2:]
        lead = input.shape[:-2]
        zeros = [core.zeros((*lead, size, size), dtype=input.dtype) for size in (m, n)]
        return make("svd", ("U", "S", "V"), (zeros[0], svdvals(input), zeros[1]))
    U, S, Vh = _Svd.apply(input, not some)
    return make("svd", ("U", "S", "V"), (U, S, Vh.mH))


@operator("Other", namespace="linalg", out=True)
def svdvals(A: Tensor, *, driver: str | None = None) -> Tensor:
    """The singular values of matrices [..., m, n], descending: [..., min(m, n)]."""
    _need_matrix(A, "linalg.svd")
    _need_float(A, "linalg.svd")
    if (core.is_grad_enabled() and A.requires_grad) or core._dual_level(A) >= 0:
        return _Svd.apply(A, False)[1]
    return _rows(np.linalg.svd(_array(A), compute_uv=False))


# --- eigenvalues ----------------------------------------------------------------------------------------------------------


class _Eigh(Function):
    _node_name = "LinalgEighBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor, uplo: Any) -> Any:
        try:
            w, v = np.linalg.eigh(_array(A), uplo)
        except np.linalg.LinAlgError:
            raise LinAlgError(
                "linalg.eigh: The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
                "repeated eigenvalues."
            ) from None
        L, V = _rows(w), _columns(v)
        ctx.save_for_backward(L, V)
        return L, V

    @staticmethod
    def backward(ctx: Any, gL: Tensor, gV: Tensor) -> Any:
        L, V = ctx.saved_tensors
        n = L.shape[-1]
        # Hermitian changes of A turn V by a unitary matrix: only the skew part of V^H gV counts.
        VgV = 0.5 * _skew(V.mH @ gV)
        E = L.unsqueeze(-2) - L.unsqueeze(-1)
        diagonal = core.eye(n, dtype=core.bool)
        inner = (VgV / E.masked_fill(diagonal, 1)).masked_fill(diagonal, 0) + (gL.to(V.dtype)).diag_embed()
        return V @ inner @ V.mH, None


def _uplo(value: str) -> Any:
    if value.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {value}")
    return value.upper()


@operator("Other", namespace="linalg", out=True)
def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Eigenvalues, ascending, and eigenvectors of Hermitian matrices [..., n, n], of which one triangle is read."""
    _need_square(A, "linalg.eigh")
    _need_float(A, "linalg.eigh")
    return make("linalg_eigh", ("eigenvalues", "eigenvectors"), _Eigh.apply(A, _uplo(UPLO)))


@operator("Other", namespace="linalg", out=True)
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """The eigenvalues, ascending, of Hermitian matrices [..., n, n] -> [..., n]."""
    _need_square(A, "linalg.eigh")
    _need_float(A, "linalg.eigh")
    if (core.is_grad_enabled() and A.requires_grad) or core._dual_level(A) >= 0:
        return _Eigh.apply(A, _uplo(UPLO))[0]
    return _rows(np.linalg.eigvalsh(_array(A), _uplo(UPLO)))


class _Eig(Function):
    _node_name = "LinalgEigBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Any:
        a = _array(A)
        if not np.isfinite(a).all():
            raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
        w, v = np.linalg.eig(a)
        wide = np.result_type(a.dtype, np.complex64)
        L, V = _rows(w.astype(wide, copy=False)), _columns(v.astype(wide, copy=False))
        ctx.save_for_backward(L, V)
        ctx.real = not A.is_complex()
        return L, V

    @staticmethod
    def backward(ctx: Any, gL: Tensor, gV: Tensor) -> Any:
        L, V = ctx.saved_tensors
        n = L.shape[-1]
        VgV = V.mH @ gV
        diagonal = core.eye(n, dtype=core.bool)
        if bool((_diagonal(VgV).imag.abs() > 1e-2).any()):
            raise RuntimeError(
                "linalg_eig_backward: The eigenvectors in the complex case are specified up to multiplication by e^{i phi}. "
                "The specified loss function depends on this quantity, so it is ill-defined."
            )
        # The eigenvectors have norm 1: what changes only their length does not count.
        inner = VgV - (V.mH @ V) * _diagonal(VgV).real.to(V.dtype).unsqueeze(-2)
        E = (L.unsqueeze(-2) - L.unsqueeze(-1)).conj().masked_fill(diagonal, 1)
        inner = (inner / E).masked_fill(diagonal, 0) + (gL).diag_embed()
        result = _Solve.apply(V.mH, inner @ V.mH)[0]
        return result.real if ctx.real else result


@operator("Other", namespace="linalg", out=True)
def eig(A: Tensor) -> Any:
    """Eigenvalues and eigenvectors (columns of norm 1), complex, of matrices [..., n, n]."""
    _need_square(A, "linalg.eig")
    _need_float(A, "linalg.eig")
    return make("linalg_eig", ("eigenvalues", "eigenvectors"), _Eig.apply(A))


@operator("Other", namespace="linalg", out="cast")
def eigvals(A: Tensor) -> Tensor:
    """The eigenvalues, complex, of matrices [..., n, n] -> [..., n]."""
    _need_square(A, "linalg.eigvals")
    _need_float(A, "linalg.eigvals")
    return _Eig.apply(A)[0]


# --- LU and LDL -----------------------------------------------------------------------------------------------------------


def _permutation(pivots: Any, m: int) -> Any:
    """LAPACK's exchanges of rows, from 1, as permutations: row i of P^T A is row p[i] of A."""
    lead = pivots.shape[:-1]
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1])
    p = np.tile(np.arange(m), (len(flat), 1))
    rows = np.arange(len(flat))
    for i in range(flat.shape[-1]):
        j = flat[:, i] - 1
        p[rows, i], p[rows, j] = p[rows, j], p[rows, i].copy()
    return p.reshape(*lead, m)


def _permutation_matrix(pivots: Tensor, m: int, dtype: core.dtype) -> Tensor:
    p = _permutation(pivots.numpy(), m)
    # P[p[i], i] = 1
    return core.from_numpy(np.ascontiguousarray(np.swapaxes(np.eye(m)[p], -1, -2))).to(dtype)


class _Lu(Function):
    """LU packed in one matrix, the exchanges of rows, and for each matrix 0 or the place of a zero on U's diagonal."""

    _node_name = "LinalgLuFactorExBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Any:
        a = _array(A)
        m, n = a.shape[-2:]
        k = min(m, n)
        flat = _flat(a)
        lu, pivots = np.empty(flat.shape, a.dtype), np.empty((len(flat), k), np.int32)
        info = np.zeros(len(flat), np.int32)
        if k:
            getrf = _lapack("getrf", dtype=a.dtype)
            for i, matrix in enumerate(flat):
                lu[i], exchanges, info[i] = getrf(matrix)
                pivots[i] = exchanges + 1
        LU = _columns(lu.reshape(a.shape))
        P = _rows(pivots.reshape(*a.shape[:-2], k))
        infos = _rows(info.reshape(a.shape[:-2]))
        ctx.save_for_backward(LU, P)
        ctx.mark_non_differentiable(P, infos)
        return LU, P, infos

    @staticmethod
    def backward(ctx: Any, g: Tensor, *_: Any) -> Tensor:
        LU, pivots = ctx.saved_tensors
        m, n = LU.shape[-2:]
        k = min(m, n)
        P = _permutation_matrix(pivots, m, LU.dtype)
        L = LU[..., :k].tril(-1) + core.eye(m, k, dtype=LU.dtype)
        U = LU[..., :k, :].triu()
        return P @ _lu_gradient(L, U, g[..., :k].tril(-1), g[..., :k, :].triu())


def _lu_gradient(L: Tensor, U: Tensor, gL: Tensor, gU: Tensor) -> Tensor:
    """The gradient of P^T A by those of L and U."""
    m, n = L.shape[-2], U.shape[-1]
    k = min(m, n)
    L1, U1 = L[..., :k, :], U[..., :k]
    gL1, gU1 = gL[..., :k, :], gU[..., :k]
    inner_L, inner_U = L1.mH @ gL1, gU1 @ U1.mH
    below = above = None
    if m > k:  # A = [A1; A2], L2 = A2 U1^-1
        gL2, L2 = gL[..., k:, :], L[..., k:, :]
        below = _SolveTriangular.apply(U1, gL2.mH, True, False).mH
        inner_U = inner_U - L2.mH @ gL2
    if n > k:  # A = [A1 A2], U2 = L1^-1 A2
        gU2, U2 = gU[..., k:], U[..., k:]
        above = _SolveTriangular.apply(L1.mH, gU2, True, True)
        inner_L = inner_L - gU2 @ U2.mH
    inner = inner_L.tril(-1) + inner_U.triu()
    left = _SolveTriangular.apply(L1.mH, inner, True, True)
    top = _SolveTriangular.apply(U1, left.mH, True, False).mH
    if above is not None:
        top = core.cat([top, above], -1)
    return top if below is None else core.cat([top, below], -2)


def _lu_checked(A: Tensor, pivot: bool, name: str) -> tuple[Tensor, Tensor, Tensor]:
    _need_matrix(A, name)
    _need_float(A, name)
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")
    return _Lu.apply(A)


@operator("Other", namespace="linalg", out=True)
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """The LU decomposition of matrices [..., m, n] packed in one, pivots, and 0 or the place of a zero pivot."""
    LU, pivots, info = _lu_checked(A, pivot, "torch.linalg.lu_factor_ex")
    if check_errors:
        _check_lu(info, A, "torch.linalg.lu_factor_ex")
    return make("linalg_lu_factor_ex", ("LU", "pivots", "info"), (LU, pivots, info))


def _check_lu(info: Tensor, A: Tensor, name: str) -> None:
    bad = info.numpy().reshape(-1)
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        raise RuntimeError(
            f"{name}: {_which(i, A.ndim)}U[{bad[i]},{bad[i]}] is zero and using it on lu_solve would result in a division by "
            "zero. If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
            "linalg.lu_factor_ex(A, pivot)"
        )


@operator("Other", namespace="linalg", out=True)
def lu_factor(A: Tensor, *, pivot: bool = True) -> Any:
    """The LU decomposition of matrices [..., m, n], packed in one, and the pivots, for lu_solve and lu_unpack."""
    LU, pivots, info = _lu_checked(A, pivot, "torch.linalg.lu_factor")
    _check_lu(info, A, "torch.linalg.lu_factor")
    return make("linalg_lu_factor", ("LU", "pivots"), (LU, pivots))


@operator("Other", where=BOTH)
def lu(input: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """The packed LU decomposition and the pivots; torch.linalg.lu_factor is its successor."""
    LU, pivots, info = _lu_checked(input, pivot, "torch.linalg.lu_factor_ex")
    return make("_lu_with_info", ("LU", "pivots", "info"), (LU, pivots, info)) if get_infos else (LU, pivots)


@operator("Other", namespace="linalg", out=True, name="lu")
def linalg_lu(A: Tensor, *, pivot: bool = True) -> Any:
    """A = P L U for matrices [..., m, n]. -> (P, L, U)"""
    LU, pivots, _ = _lu_checked(A, pivot, "torch.linalg.lu")
    return make("linalg_lu", ("P", "L", "U"), _unpack(LU, pivots))


def _unpack(LU: Tensor, pivots: Tensor, data: bool = True, with_pivots: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    m, n = LU.shape[-2:]
    k = min(m, n)
    none = core.empty(0, dtype=LU.dtype)
    L = LU[..., :k].tril(-1) + core.eye(m, k, dtype=LU.dtype) if data else none
    U = LU[..., :k, :].triu() if data else none
    return (_permutation_matrix(pivots, m, LU.dtype) if with_pivots else none), L, U


@operator("Other", where=FUNCTION, out=True)
def lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """P, L and U of a packed LU decomposition."""
    if LU_pivots.dtype != core.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype. "
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    return make("lu_unpack", ("P", "L", "U"), _unpack(LU_data, LU_pivots, unpack_data, unpack_pivots))


@operator("Other", namespace="linalg", out=True)
def lu_solve(LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """X with A X = B (X A = B where not `left`, A^H where `adjoint`) from A's packed LU decomposition."""
    _need_square(LU, "torch.linalg.lu_solve", "LU")
    if pivots.dtype != core.int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    if LU.shape[-1] != pivots.shape[-1]:
        raise RuntimeError("linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix")
    if tuple(LU.shape[:-2]) != tuple(pivots.shape[:-1]):
        raise RuntimeError(
            f"linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} instead"
        )
    if B.ndim < 2:
        raise RuntimeError("torch.linalg.lu_solve: The input tensor B must have at least 2 dimensions.")
    _need_same(LU, B, "linalg.lu_solve")
    _check_system(LU, B, "linalg.lu_solve", left)
    if not left:  # X A = B is A^H X^H = B^H
        return lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH
    n = LU.shape[-1]
    P = _permutation_matrix(pivots, n, LU.dtype)
    L, U = LU.tril(-1) + _identity(LU, n), LU.triu()
    if adjoint:  # U^H L^H P^T X = B
        half = _SolveTriangular.apply(U.mH, B, False, False)
        return P @ _SolveTriangular.apply(L.mH, half, True, True)
    half = _SolveTriangular.apply(L, P.mT @ B, False, True)
    return _SolveTriangular.apply(U, half, True, False)


@operator("Other", name="lu_solve", out=True)
def _lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """X with A X = b from A's packed LU decomposition; torch.linalg.lu_solve is its successor."""
    return lu_solve(LU_data, LU_pivots, b)


class _LdlFactor(Function):
    """LAPACK's sytrf or hetrf, which has no derivative here or in PyTorch."""

    _node_name = "NotImplemented"

    @staticmethod
    def forward(ctx: Any, A: Tensor, hermitian: bool) -> Any:
        a = _array(A)
        flat = _flat(a)
        ld, pivots = np.empty(flat.shape, a.dtype), np.zeros(flat.shape[:-1], np.int32)
        info = np.zeros(len(flat), np.int32)
        if flat.size:
            routine = _lapack("hetrf" if hermitian and A.is_complex() else "sytrf", dtype=a.dtype)
            for i, m in enumerate(flat):
                ld[i], pivots[i], info[i] = routine(m, lower=True)
                ld[i] = np.tril(ld[i])
        LD, P = _columns(ld.reshape(a.shape)), _rows(pivots.reshape(a.shape[:-1]))
        infos = _rows(info.reshape(a.shape[:-2]))
        ctx.mark_non_differentiable(P, infos)
        return LD, P, infos

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("derivative for aten::linalg_ldl_factor_ex is not implemented")


@operator("Other", namespace="linalg", out=True)
def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """The LDL decomposition of symmetric (or Hermitian) matrices [..., n, n]. -> (LD, pivots, info)"""
    _need_square(A, "torch.linalg.ldl_factor_ex")
    _need_float(A, "torch.linalg.ldl_factor_ex")
    LD, pivots, info = _LdlFactor.apply(A, hermitian)
    if check_errors and bool(info.any()):
        i = int(np.flatnonzero(info.numpy())[0])
        raise LinAlgError(f"torch.linalg.ldl_factor_ex: {_which(i, A.ndim)}The factorization could not be completed.")
    return make("linalg_ldl_factor_ex", ("LD", "pivots", "info"), (LD, pivots, info))


@operator("Other", namespace="linalg", out=True)
def ldl_factor(A: Tensor, *, hermitian: bool = False) -> Any:
    """The LDL decomposition of symmetric (or Hermitian) matrices [..., n, n], for ldl_solve. -> (LD, pivots)"""
    LD, pivots, _ = ldl_factor_ex(A, hermitian=hermitian, check_errors=True)
    return make("linalg_ldl_factor", ("LD", "pivots"), (LD, pivots))


class _LdlSolve(Function):
    _node_name = "NotImplemented"

    @staticmethod
    def forward(ctx: Any, LD: Tensor, pivots: Tensor, B: Tensor, hermitian: bool) -> Tensor:
        lead = _lead(LD, B)
        ld = _flat(np.broadcast_to(_array(LD), (*lead, *LD.shape[-2:])))
        p = np.broadcast_to(pivots.numpy(), (*lead, pivots.shape[-1])).reshape(math.prod(lead), pivots.shape[-1])
        b = _flat(np.broadcast_to(_array(B), (*lead, *B.shape[-2:])))
        x = np.empty(b.shape, b.dtype)
        if x.size:
            routine = _lapack("hetrs" if hermitian and LD.is_complex() else "sytrs", dtype=x.dtype)
            for i in range(len(b)):
                x[i] = routine(ld[i], p[i], b[i], lower=True)[0]
        return _columns(x.reshape(*lead, *b.shape[-2:]))

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        raise RuntimeError("derivative for aten::linalg_ldl_solve is not implemented")


@operator("Other", namespace="linalg", out=True)
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """X with A X = B from A's LDL decomposition."""
    name = "torch.linalg.ldl_solve"
    _need_square(LD, name, "LD")
    if B.ndim < 2:
        raise RuntimeError(f"{name}: Expected B to have at least 2 dimensions, but it has {B.ndim} dimensions instead")
    n = LD.shape[-1]
    if B.shape[-2] != n:
        raise RuntimeError(
            f"Incompatible matrix sizes for {name}: each A matrix is {n} by {n} but each b matrix is {B.shape[-2]} by {B.shape[-1]}"
        )
    if pivots.dtype != core.int32 and pivots.dtype != core.int64:
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {_SCALARS[pivots.dtype]}")
    if tuple(pivots.shape) != tuple(LD.shape[:-1]):
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape {list(pivots.shape)} instead"
        )
    _need_same(LD, B, name)
    _need_float(LD, name)
    rows = pivots.abs()
    if bool(((rows < 1) | (rows > n)).any()):
        # LAPACK would follow them out of the matrix.
        raise RuntimeError(f"{name}: Expected pivots between 1 and {n} in absolute value")
    return _LdlSolve.apply(LD, pivots, B, hermitian)


# --- Householder reflections ------------------------------------------------------------------------------------------------


class _Geqrf(Function):
    _node_name = "GeqrfBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Any:
        a = _array(A)
        flat = _flat(a)
        k = min(a.shape[-2:])
        packed, tau = np.empty(flat.shape, a.dtype), np.empty((len(flat), k), a.dtype)
        if flat.size:
            routine = _lapack("geqrf", dtype=a.dtype)
            for i, m in enumerate(flat):
                packed[i], tau[i] = routine(m)[:2]
        return _columns(packed.reshape(a.shape)), _rows(tau.reshape(*a.shape[:-2], k))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        raise NotImplementedError("the derivative for 'geqrf' is not implemented.")


@operator("Other", out="cast")
def geqrf(input: Tensor) -> Any:
    """The QR decomposition as LAPACK leaves it: R above, the reflectors below the diagonal, and their factors."""
    _need_matrix(input, "torch.geqrf", "input")
    _need_float(input, "geqrf")
    if input.is_complex() and input.requires_grad and core.is_grad_enabled():
        raise RuntimeError("geqrf does not support automatic differentiation for outputs with complex dtype.")
    return make("geqrf", ("a", "tau"), _Geqrf.apply(input))


def _reflectors(A: Tensor, tau: Tensor) -> list[tuple[Tensor, Tensor]]:
    """v_i [..., m, 1] with 1 at i and zeros above, and tau_i [..., 1, 1]."""
    V = A.tril(-1) + core.eye(*A.shape[-2:], dtype=A.dtype)
    return [(V[..., i : i + 1], tau[..., i, None, None]) for i in range(tau.shape[-1])]


@operator("Other", namespace="linalg", out="cast")
def householder_product(A: Tensor, tau: Tensor) -> Tensor:
    """The first n columns of H_1 H_2 ... H_k with H_i = 1 - tau_i v_i v_i^H; the v_i are the columns of A [..., m, n] below
    the diagonal, tau [..., k]."""
    name = "torch.linalg.householder_product"
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    m, n = A.shape[-2:]
    if m < n:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if n < tau.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if A.ndim - tau.ndim != 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} and "
            f"input.ndim is equal to {A.ndim}"
        )
    if tuple(A.shape[:-2]) != tuple(tau.shape[:-1]):
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {list(tau.shape[:-1])}"
        )
    if A.dtype != tau.dtype:
        raise RuntimeError(f"{name}: tau dtype {_SCALARS[tau.dtype]} does not match input dtype {_SCALARS[A.dtype]}")
    Q = core.eye(m, n, dtype=A.dtype).expand(*A.shape[:-2], m, n)
    for v, t in reversed(_reflectors(A, tau)):
        Q = Q - (t * v) @ (v.mH @ Q)
    # Without reflections Q depends on A no more, but has its (zero) derivative.
    return Q if tau.shape[-1] else Q + A.masked_fill(core.ones((), dtype=core.bool), 0)


@operator("Other", out="cast")
def orgqr(input: Tensor, tau: Tensor) -> Tensor:
    """The product of Householder reflections; torch.linalg.householder_product's other name."""
    return householder_product(input, tau)


@operator("Other", out=True)
def ormqr(input: Tensor, tau: Tensor, other: Tensor, left: bool = True, transpose: bool = False) -> Tensor:
    """Q other, other Q, or with Q^H, for the Q of Householder reflections; Q is never formed."""
    if input.ndim < 2:
        raise RuntimeError("torch.ormqr: input must have at least 2 dimensions.")
    if other.ndim < 2:
        raise RuntimeError("torch.ormqr: other must have at least 2 dimensions.")
    side = -2 if left else -1
    if other.shape[side] < tau.shape[-1]:
        raise RuntimeError(f"torch.ormqr: other.shape[{side}] must be greater than or equal to tau.shape[-1]")
    if other.shape[side] != input.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{side}] must be equal to input.shape[-2]")
    if input.ndim - tau.ndim != 1:
        raise RuntimeError(
            f"torch.ormqr: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} and "
            f"input.ndim is equal to {input.ndim}"
        )
    if input.ndim != other.ndim:
        raise RuntimeError(
            "torch.ormqr: Expected other to have the same number of dimensions as input, but got other.ndim equal to "
            f"{other.ndim} and input.ndim is equal to {input.ndim}"
        )
    C = other
    reflections = _reflectors(input, tau)
    # Q C applies the last reflection first, C Q the first; the adjoint turns both round.
    for v, t in reflections if left == transpose else reversed(reflections):
        f = t.conj() if transpose else t
        C = C - (f * v) @ (v.mH @ C) if left else C - (C @ v) @ (f * v.mH)
    return C


# --- least squares, pseudo-inverse, rank ---------------------------------------------------------------------------------------


class _Pinv(Function):
    """The pseudo-inverse. Its differential: G. Golub and V. Pereyra, SIAM J. Numer. Anal. 10 (1973)."""

    @staticmethod
    def forward(ctx: Any, A: Tensor, tolerance: Tensor, hermitian: bool) -> Tensor:
        a = _array(A)
        if hermitian:
            w, v = np.linalg.eigh(a)
            keep = np.abs(w) > tolerance.detach().numpy()[..., None]
            with np.errstate(divide="ignore"):
                inverse = np.where(keep, 1 / w, 0).astype(a.dtype)
            P = (v * inverse[..., None, :]) @ np.conj(np.swapaxes(v, -1, -2))
        else:
            u, s, vh = np.linalg.svd(a, full_matrices=False)
            keep = s > tolerance.detach().numpy()[..., None]
            with np.errstate(divide="ignore"):
                inverse = np.where(keep, 1 / s, 0).astype(s.dtype)
            P = (np.conj(np.swapaxes(vh, -1, -2)) * inverse[..., None, :]) @ np.conj(np.swapaxes(u, -1, -2))
        result = _rows(P)
        ctx.save_for_backward(A, result)
        return result

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        A, Y = ctx.saved_tensors
        Yh, gh = Y.mH, g.mH
        first = -(Yh @ g @ Yh)
        K = gh @ Y
        second = K @ Yh - A @ (Y @ (K @ Yh))
        third = Yh @ Y @ gh
        third = third - (third @ Y) @ A
        return first + second + third, None, None


def _thresholds(S: Tensor, A: Tensor, atol: Any, rtol: Any) -> Tensor:
    """max(atol, rtol * largest singular value) for each matrix; rtol defaults to max(m, n) eps where atol is not given."""
    real = S.dtype
    if rtol is None:
        given = atol is not None and (isinstance(atol, Tensor) or atol > 0)
        rtol = 0.0 if given and not isinstance(atol, Tensor) else np.finfo(S.numpy().dtype).eps * max(A.shape[-2:])
        if isinstance(atol, Tensor):
            rtol = core.where(atol > 0, 0.0, rtol)
    a = core.as_tensor(0.0 if atol is None else atol, dtype=real)
    r = core.as_tensor(rtol, dtype=real)
    top = S.amax(-1) if S.shape[-1] else core.zeros(S.shape[:-1], dtype=real)
    return core.maximum(a, r * top)


def _spectrum(A: Tensor, hermitian: bool) -> Tensor:
    A = A.detach()
    if hermitian:
        return _rows(np.abs(np.linalg.eigvalsh(_array(A))))
    return _rows(np.linalg.svd(_array(A), compute_uv=False))


@operator("Other", namespace="linalg", out="cast")
def pinv(A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """The Moore-Penrose inverse of matrices [..., m, n] -> [..., n, m]; singular values up to max(atol, rtol * largest)
    count as 0."""
    _need_matrix(A, "linalg.pinv")
    _need_float(A, "linalg.pinv")
    if hermitian and A.shape[-1] != A.shape[-2]:
        _need_square(A, "linalg.eigh")
    if A.numel() == 0:
        return A.mT.clone()
    relative = rcond if rcond is not None else rtol
    for given, argument in ((atol, "atol"), (relative, "rtol")):
        if isinstance(given, Tensor) and given.requires_grad and core.is_grad_enabled():
            raise RuntimeError(
                f"The function 'linalg_pinv' is not differentiable with respect to argument '{argument}'. "
                "This input cannot have requires_grad True."
            )
    tolerance = _thresholds(_spectrum(A, hermitian), A, atol, relative)
    return _Pinv.apply(A, tolerance, hermitian)


@operator("Other")
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The Moore-Penrose inverse; torch.linalg.pinv is its successor."""
    return pinv(input, rcond)


@operator("Other", namespace="linalg", out="cast")
def matrix_rank(A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """How many singular values of matrices [..., m, n] are above max(atol, rtol * largest)."""
    _need_matrix(A, "linalg.matrix_rank")
    _need_float(A, "linalg.matrix_rank")
    if A.numel() == 0:
        return core.zeros(A.shape[:-2], dtype=core.int64)
    S = _spectrum(A, hermitian)
    if tol is not None:
        if isinstance(tol, Tensor) and tol.is_complex():
            raise RuntimeError("torch.linalg.matrix_rank: tol tensor of complex type is not supported.")
        limits = core.as_tensor(tol, dtype=S.dtype)
    else:
        limits = _thresholds(S, A, atol, rtol)
    return (S > limits.unsqueeze(-1)).sum(-1)


@operator("Other", namespace="linalg", out="cast")
def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Any:
    """X that minimises |A X - B|, A [..., m, n], B [..., m, k] or [..., m]. -> (solution, residuals, rank, singular_values)"""
    name = "torch.linalg.lstsq"
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if B.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype {_SCALARS[A.dtype]} and other's dtype {_SCALARS[B.dtype]}"
        )
    if driver is not None and driver not in ("gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    _need_float(A, name)
    vector = _is_vector(A, B)
    B2 = B.unsqueeze(-1) if vector else B
    if A.shape[-2] != B2.shape[-2]:
        where = "other.shape[-1]" if vector else "other.shape[-2]"
        raise RuntimeError(
            f"{name}: input.shape[-2] should match {where}"
            if not vector
            else f"{name}: input.shape[-2] should match other.shape[-1]"
        )
    used = driver or "gelsy"
    m, n = A.shape[-2:]
    S = _spectrum(A, False) if A.numel() else core.zeros((*A.shape[:-2], min(m, n)), dtype=A.dtype.to_real())
    relative = np.finfo(S.numpy().dtype).eps * max(m, n) if rcond is None else rcond
    limits = relative * (S.amax(-1) if S.shape[-1] else core.zeros(S.shape[:-1], dtype=S.dtype))
    X = _Pinv.apply(A, limits, False) @ B2 if A.numel() else core.zeros((*_lead(A, B2), n, B2.shape[-1]), dtype=A.dtype)
    rank = (S > limits.unsqueeze(-1)).sum(-1)
    # A matrix of zeros is LAPACK's special case, with the solution 0.
    lacking = (rank < min(m, n)) & (rank > 0)
    if used == "gels" and bool(lacking.any()):
        i = int(np.flatnonzero(lacking.numpy())[0])
        raise LinAlgError(
            f"{name}: {_which(i, A.ndim)}The least squares solution could not be computed because the input matrix does not "
            f"have full rank (error code: {int(rank.reshape(-1)[i]) + 1})."
        )
    residuals = core.empty(0, dtype=S.dtype)
    if m > n and used != "gelsy" and bool((rank == n).all()):
        difference = (A @ X - B2).abs()
        residuals = (difference * difference).sum(-2)
    if used == "gels":
        rank = core.empty(0, dtype=core.int64)
    values = S if used in ("gelsd", "gelss") else core.empty(0, dtype=S.dtype)
    solution = X.squeeze(-1) if vector else X
    return make(
        "linalg_lstsq", ("solution", "residuals", "rank", "singular_values"), (solution, residuals, rank, values)
    )


# --- norms ----------------------------------------------------------------------------------------------------------------------


@operator("Reduction", namespace="linalg", out=True)
def vector_norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """(sum |x|^ord)^(1/ord) over `dim`, of the flattened tensor by default; inf, -inf and 0 as limits."""
    if ord is None or isinstance(ord, str):
        raise TypeError(f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not {type(ord).__name__}")
    if not (x.is_floating_point() or x.is_complex()):
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {_SCALARS[x.dtype]}"
        )
    if dtype is not None:
        if not (dtype.is_floating_point or dtype.is_complex):
            raise RuntimeError(
                f"linalg.vector_norm: dtype should be floating point or complex, but got {_SCALARS[dtype]}"
            )
        if x.is_complex() != dtype.is_complex:
            kind = "complex" if x.is_complex() else "real"
            raise RuntimeError(
                f"linalg.vector_norm: dtype should be {kind} for {kind} inputs, but got {_SCALARS[dtype]}"
            )
        if core.promote_types(x.dtype, dtype) != dtype:
            raise RuntimeError(
                f"linalg.vector_norm: the dtype of the input ({_SCALARS[x.dtype]}) should be convertible without narrowing to "
                f"the specified dtype ({_SCALARS[dtype]})"
            )
        x = x.to(dtype)
    dims = tuple(range(x.ndim)) if dim is None or dim == () or dim == [] else dim
    return core.norm(x, ord, dims, keepdim) if x.ndim else core.norm(x.reshape(1), ord, 0).reshape(())


def _two_dims(dim: Any, ndim: int, name: str) -> tuple[int, int]:
    if len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
    found = []
    for d in dim:
        if not -ndim <= d < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {d})")
        found.append(d % ndim)
    if found[0] == found[1]:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    return found[0], found[1]


@operator("Reduction", namespace="linalg", out=True)
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """A norm of the matrices in two dimensions: 'fro', 'nuc', 1, -1, inf, -inf, 2 or -2."""
    _need_matrix(A, "linalg.matrix_norm")
    if not (A.is_floating_point() or A.is_complex()):
        raise RuntimeError(
            f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {_SCALARS[A.dtype]}"
        )
    rows, columns = _two_dims(dim, A.ndim, "linalg.matrix_norm")
    if dtype is not None:
        A = A.to(dtype)
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim)
    spectral = ord == "nuc" or (not isinstance(ord, str) and abs(ord) == 2)
    if spectral:
        S = svdvals(A.movedim((rows, columns), (-2, -1)))
        if S.shape[-1] == 0 and ord != "nuc":
            result = S.sum(-1)
        else:
            result = S.sum(-1) if ord == "nuc" else S.amax(-1) if ord > 0 else S.amin(-1)
        if keepdim:
            for d in sorted((rows, columns)):
                result = result.unsqueeze(d)
        return result
    if isinstance(ord, str):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    if abs(ord) not in (1, math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
    if not keepdim and outer > inner:
        outer -= 1
    sums = vector_norm(A, 1, inner, keepdim)
    return sums.amax(outer, keepdim) if ord > 0 else sums.amin(outer, keepdim)


@operator("Reduction", namespace="linalg", out=True)
def norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The norm of vectors or matrices: of the flattened tensor where neither `ord` nor `dim` is given, else of the
    dimensions in `dim`, one for vectors, two for matrices."""
    if dim is not None and not isinstance(dim, int) and len(dim) not in (1, 2):
        if ord is not None:
            raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if dim is None and ord is not None and A.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    matrices = (dim is None and A.ndim == 2) or (dim is not None and not isinstance(dim, int) and len(dim) == 2)
    if ord is not None and matrices:
        return matrix_norm(A, ord, (0, 1) if dim is None else dim, keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise RuntimeError(
            f"linalg.norm: Order {ord} not supported for vectors"
            if dim is not None or A.ndim == 1
            else f"linalg.matrix_norm: Order {ord} not supported."
        )
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


@operator("Other", namespace="linalg", out="cast")
def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number |A| |A^-1| of matrices [..., m, n] in a matrix norm; p None is 2."""
    _need_matrix(A, "linalg.cond")
    _need_float(A, "linalg.cond")
    if p is None or (not isinstance(p, str) and abs(p) == 2):
        S = svdvals(A)
        if S.shape[-1] == 0:
            return core.zeros(S.shape[:-1], dtype=S.dtype)
        return S[..., -1] / S[..., 0] if p is not None and p < 0 else S[..., 0] / S[..., -1]
    _need_square(A, "linalg.cond")
    if p == "nuc":
        S = svdvals(A)
        return S.sum(-1) * S.reciprocal().sum(-1)
    inverse, info = _Inverse.apply(A)
    result = matrix_norm(A, p) * matrix_norm(inverse, p)
    bad = info != 0
    return result.masked_fill(bad, math.inf) if bool(bad.any()) else result


# --- products and powers -----------------------------------------------------------------------------------------------------------


@operator("Contraction", out="cast")
def matrix_power(input: Tensor, n: int) -> Tensor:
    """The n-th power of matrices [..., m, m] by squaring; n < 0: of the inverse."""
    _need_square(input, "linalg.matrix_power")
    if n < 0:
        return matrix_power(inv(input), -n)
    if n == 0:
        # Of the input only that it has a (zero) derivative remains.
        return input.masked_fill(core.ones((), dtype=core.bool), 0) + _identity(input, input.shape[-1])
    square, result = input, None
    while n > 1:
        if n & 1:
            result = square if result is None else result @ square
        n >>= 1
        square = square @ square
    result = square if result is None else result @ square
    return result.clone() if result is input else result


@operator("Contraction", namespace="linalg", out="cast", name="matrix_power")
def _matrix_power(A: Tensor, n: int) -> Tensor:
    """The n-th power of matrices [..., m, m]."""
    return matrix_power(A, n)


class _MatrixExp(Function):
    _node_name = "LinalgMatrixExpBackward0"

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Tensor:
        ctx.save_for_backward(A)
        return _rows(_expm(_array(A)))

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        # The upper right block of exp [[A^H, g], [0, A^H]] is the derivative of exp at A^H along g (Mathias, 1996).
        (A,) = ctx.saved_tensors
        n = A.shape[-1]
        Ah = A.mH
        zero = core.zeros_like(Ah)
        whole = core.cat([core.cat([Ah, g], -1), core.cat([zero, Ah], -1)], -2)
        return _MatrixExp.apply(whole)[..., :n, n:]


def _expm(a: Any) -> Any:
    """Scaling and squaring with the diagonal Pade approximant of order 13: N. Higham, SIAM J. Matrix Anal. 26 (2005)."""
    if a.size == 0:
        return a.copy()
    work = a.astype(np.complex128 if np.iscomplexobj(a) else np.float64)
    norm_1 = np.abs(work).sum(-2).max(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.ceil(np.log2(np.where(norm_1 > 0, norm_1, 1) / 5.371920351148152))
    s = np.clip(np.nan_to_num(s), 0, 1000).astype(int)
    work = work / (2.0**s)[..., None, None]
    b = [
        64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
        10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
    ]  # fmt: skip
    one = np.eye(a.shape[-1])
    a2 = work @ work
    a4 = a2 @ a2
    a6 = a4 @ a2
    u = work @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    v = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    r = np.linalg.solve(v - u, v + u)
    for i in range(int(s.max(initial=0))):
        r = np.where((s > i)[..., None, None], r @ r, r)
    return r.astype(a.dtype)


@operator("Other", where=BOTH)
def matrix_exp(input: Tensor) -> Tensor:
    """The exponential of matrices [..., n, n]."""
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(
            f"linalg.matrix_exp: Expected a floating point or complex tensor as input. Got {_SCALARS[input.dtype]}"
        )
    _need_square(input, "linalg.matrix_exp")
    if input.dtype in (core.float16, core.bfloat16):
        return _MatrixExp.apply(input.float()).to(input.dtype)
    return _MatrixExp.apply(input)


@operator("Other", namespace="linalg", name="matrix_exp")
def _matrix_exp(A: Tensor) -> Tensor:
    """The exponential of matrices [..., n, n]."""
    return matrix_exp(A)


@operator("Contraction", namespace="linalg", out=True)
def multi_dot(tensors: Any) -> Tensor:
    """The product of matrices in the order of least work; the first and the last may be vectors."""
    given = list(tensors)
    if len(given) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(given)}")
    for i, t in enumerate(given):
        ends = i in (0, len(given) - 1)
        if t.ndim not in ((1, 2) if ends else (2,)):
            place = (
                "the first tensor must be 1D or 2D"
                if i == 0
                else "the last tensor must be 1D or 2D"
                if ends
                else f"tensor {i} must be 2D"
            )
            raise RuntimeError(f"multi_dot(): {place} but got {t.ndim}D")
        if t.dtype != given[0].dtype:
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {_SCALARS[given[0].dtype]} and tensor {i} {_SCALARS[t.dtype]}"
            )
    first, last = given[0].ndim == 1, given[-1].ndim == 1
    if first:
        given[0] = given[0].unsqueeze(0)
    if last:
        given[-1] = given[-1].unsqueeze(-1)
    for i in range(len(given) - 1):
        if given[i].shape[1] != given[i + 1].shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(given[i].shape)} and {list(given[i + 1].shape)} cannot be multiplied"
            )
    result = _chain(given)
    if first and last:
        return result.reshape(())
    return result.squeeze(0) if first else result.squeeze(-1) if last else result


def _chain(given: list[Tensor]) -> Tensor:
    """The classic dynamic programme over split points; splits are done by an explicit stack."""
    n = len(given)
    sizes = [given[0].shape[0], *(t.shape[1] for t in given)]
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i][j], cut[i][j] = min(
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
    done: dict[tuple[int, int], Tensor] = {(i, i): t for i, t in enumerate(given)}
    stack = [(0, n - 1)]
    while stack:
        i, j = stack[-1]
        if (i, j) in done:
            stack.pop()
            continue
        k = cut[i][j]
        need = [part for part in ((i, k), (k + 1, j)) if part not in done]
        if need:
            stack += need
        else:
            done[i, j] = done[i, k] @ done[k + 1, j]
            stack.pop()
    return done[0, n - 1]


@operator("Other", namespace="linalg", out="cast")
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of A as a map from its last dimensions to its first `ind` ones."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    shape = list(A.shape)
    rows, columns = math.prod(shape[:ind]), math.prod(shape[ind:])
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{columns} != {rows}"
        )
    return inv(A.reshape(rows, columns)).reshape(*shape[ind:], *shape[:ind])


@operator("Other", namespace="linalg", out="cast")
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B."""
    if dims is not None:
        rest = [d for d in range(A.ndim) if d not in [x % A.ndim for x in dims]]
        A = A.permute(*rest, *[x % A.ndim for x in dims])
    result_shape = list(A.shape[B.ndim :])
    size, total = math.prod(result_shape), math.prod(A.shape[: B.ndim])
    if size != total:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got "
            f"{size} != {total}"
        )
    return solve(A.reshape(total, size), B.flatten()).reshape(result_shape)


@operator("Contraction", namespace="linalg", out=True)
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """sum conj(x) y along a dimension."""
    if not (x.is_floating_point() or x.is_complex()):
        raise RuntimeError(
            f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {_SCALARS[x.dtype]}"
        )
    return (x.conj() * y).sum(dim)


@operator("Contraction", namespace="linalg", out=True, name="cross")
def _cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product along a dimension of size 3, with broadcasting."""
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    n = input.ndim
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and {other.shape[dim]}"
        )
    shape = np.broadcast_shapes(tuple(input.shape), tuple(other.shape))
    return input.expand(shape).cross(other.expand(shape), dim)


@operator("Other", namespace="linalg", name="vander")
def _vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The Vandermonde matrices of vectors [..., n]: powers 0 to N-1 along a new last dimension."""
    if N is not None and N <= 1:
        raise RuntimeError("N must be greater than 1.")
    n = (x.shape[-1] if x.ndim else 1) if N is None else N
    t = x if x.is_floating_point() or x.is_complex() else x.to(core.int64)
    t = t.unsqueeze(0) if t.ndim == 0 else t
    powers = t.unsqueeze(-1).expand(*t.shape, n - 1).cumprod(-1)
    return core.cat([core.ones((*t.shape, 1), dtype=powers.dtype), powers], -1)


@operator("View", namespace="linalg", name="diagonal")
def _linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonals of two dimensions, the last by default, as a view."""
    return A.diagonal(offset, dim1, dim2)


@operator("Contraction", namespace="linalg", out=True, name="matmul")
def _linalg_matmul(input: Tensor, other: Tensor) -> Tensor:
    """The product of matrices; torch.matmul's other name."""
    return input @ other


# --- randomised decompositions ------------------------------------------------------------------------------------------------------


@operator("Other", where=FUNCTION)
def svd_lowrank(A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None) -> Any:
    """The q largest singular values and vectors, roughly: N. Halko, P. Martinsson, J. Tropp, SIAM Review 53 (2011),
    algorithms 4.4 and 5.1. -> (U, S, V)"""
    q = 6 if q is None else q
    m, n = A.shape[-2:]
    wide = m < n
    work = A if M is None else A - M.expand(A.shape)
    if wide:
        work = work.mH
    random = core.randn(work.shape[-1], q, dtype=A.dtype)
    Q = _Qr.apply(work @ random, "reduced")[0]
    for _ in range(2 if niter is None else niter):
        Q = _Qr.apply(work.mH @ Q, "reduced")[0]
        Q = _Qr.apply(work @ Q, "reduced")[0]
    U, S, Vh = _Svd.apply(Q.mH @ work, False)
    U, V = Q @ U, Vh.mH
    return (V, S, U) if wide else (U, S, V)


@operator("Other", where=FUNCTION)
def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> Any:
    """The q principal directions of the rows of A, roughly. -> (U, S, V)"""
    m, n = A.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if not (A.is_floating_point() or A.is_complex()):
        raise ValueError(f"input must be a float or complex tensor, got {A.dtype}")
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)

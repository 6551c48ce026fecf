"""Linear algebra that the core does not have (native/ops/linalg.cpp): compositions, and what is rare.

A decomposition is an `autograd.Function` whose backward is written with operators, so that it can be differentiated again.
The rest is composed.

The family loads when one of its names is first used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import _core as core
from .._core import Tensor
from .._errors import LinAlgError
from ..autograd.function import Function
from ..return_types import make
from . import BOTH, FUNCTION, namespaces, operator
from .reduce import scalar_name

__all__ = ["LinAlgError"]


# --- arguments ------------------------------------------------------------------------------------------------------

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


def _need_float(t: Tensor, name: str) -> None:
    if t.dtype in _NATIVE:
        return
    if not t.is_floating_point():
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {scalar_name(t.dtype)}")
    raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {scalar_name(t.dtype)}")


def _which(i: int, ndim: int) -> str:
    return f"(Batch element {i}): " if ndim > 2 else ""


def _identity(t: Tensor, n: int) -> Tensor:
    return core.eye(n, dtype=t.dtype)


def _is_vector(A: Tensor, B: Tensor) -> bool:
    """Whether B holds vectors rather than matrices: one for each matrix of A."""
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(A.shape[:-1]) == tuple(B.shape))


def _broadcast(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """The sizes that both broadcast to."""
    short, long = sorted((a, b), key=len)
    merged = list(long)
    for i in range(1, len(short) + 1):
        if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
            raise RuntimeError(
                f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at non-singleton dimension "
                f"{len(merged) - i}"
            )
        merged[-i] = b[-i] if a[-i] == 1 else a[-i]
    return merged


_EPS = {core.float32: 2.0**-23, core.float64: 2.0**-52}


# --- what the core has (native/ops/linalg.cpp) ---------------------------------------------------------------------------------

for _name in """cholesky cholesky_ex solve_triangular solve solve_ex inv inv_ex lu_factor lu_factor_ex lu lu_solve det slogdet qr
    svd svdvals eigh eigvalsh eig eigvals ldl_factor ldl_factor_ex ldl_solve multi_dot""".split():
    namespaces.setdefault("linalg", {})[_name] = getattr(core, f"linalg_{_name}")


def _by_numpy(function: str, A: Tensor, option: Any) -> tuple[Tensor, ...] | None:
    """What the core asks for where SciPy is not installed: a decomposition by NumPy, matrices column by column. None: the
    algorithm did not converge."""
    import numpy as np

    a = A.numpy()
    calls: dict[str, Callable[[], tuple[Any, ...]]] = {
        "svd": lambda: np.linalg.svd(a, full_matrices=option),
        "svdvals": lambda: (np.linalg.svd(a, compute_uv=False),),
        "eigh": lambda: np.linalg.eigh(a, "U" if option else "L"),
        "eigvalsh": lambda: (np.linalg.eigvalsh(a, "U" if option else "L"),),
        "eig": lambda: tuple(x.astype(np.result_type(a, np.complex64), copy=False) for x in np.linalg.eig(a)),
    }
    try:
        found = calls[function]()
    except np.linalg.LinAlgError:
        return None
    results = []
    for x in found:
        if x.ndim == a.ndim:
            results.append(core.from_numpy(np.ascontiguousarray(np.swapaxes(x, -1, -2))).mT)
        else:
            results.append(core.from_numpy(np.ascontiguousarray(x)))
    return tuple(results)


# --- LU ---- -----------------------------------------------------------------------------------------------------------


@operator("Other", where=BOTH)
def lu(input: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """The packed LU decomposition and the pivots; torch.linalg.lu_factor is its successor."""
    LU, pivots, info = core.linalg_lu_factor_ex(input, pivot=pivot)
    return make("_lu_with_info", ("LU", "pivots", "info"), (LU, pivots, info)) if get_infos else (LU, pivots)


# --- Householder reflections ------------------------------------------------------------------------------------------------


def _recorded(*tensors: Tensor) -> bool:
    """Is a derivative wanted?"""
    for t in tensors:
        if (t.requires_grad and core.is_grad_enabled()) or core._dual_level(t) >= 0:
            return True
    return False


def _alike(A: Tensor, tau: Tensor, C: Tensor) -> bool:
    lead = A.shape[:-2]
    return A.dtype == tau.dtype == C.dtype and lead == tau.shape[:-1] == C.shape[:-2]


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
        raise RuntimeError(
            f"{name}: tau dtype {scalar_name(tau.dtype)} does not match input dtype {scalar_name(A.dtype)}"
        )
    if not _recorded(A, tau) and A.dtype in _NATIVE:
        return core._linalg_orgqr(A, tau)
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
    if not _recorded(input, tau, other) and input.dtype in _NATIVE and _alike(input, tau, other):
        return core._linalg_ormqr(input, tau, other, left, transpose)
    C = other
    reflections = _reflectors(input, tau)
    # Q C applies the last reflection first, C Q the first; the adjoint turns both round.
    for v, t in reflections if left == transpose else reversed(reflections):
        f = t.conj() if transpose else t
        C = C - (f * v) @ (v.mH @ C) if left else C - (C @ v) @ (f * v.mH)
    return C


# --- least squares, pseudo-inverse, rank ---------------------------------------------------------------------------------------


class _Pinv(Function):
    """The pseudo-inverse, the singular values (or absolute eigenvalues) and those up to which they count as 0. Its
    differential: G. Golub and V. Pereyra, SIAM J. Numer. Anal. 10 (1973)."""

    @staticmethod
    def forward(ctx: Any, A: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Any:
        if hermitian:
            S, left = core.linalg_eigh(A)
            size, right = S.abs(), left
        else:
            left, S, Vh = core.linalg_svd(A, False)
            size, right = S, Vh.mH
        limits = _thresholds(size, A, atol, rtol)
        inverse = S.reciprocal().masked_fill(size <= limits.unsqueeze(-1), 0)
        result = (right * inverse.unsqueeze(-2)) @ left.mH
        ctx.save_for_backward(A, result)
        ctx.mark_non_differentiable(size, limits)
        return result, size, limits

    @staticmethod
    def backward(ctx: Any, g: Tensor, *_: Any) -> Any:
        A, Y = ctx.saved_tensors
        Yh, gh = Y.mH, g.mH
        first = -(Yh @ g @ Yh)
        K = gh @ Y
        second = K @ Yh - A @ (Y @ (K @ Yh))
        third = Yh @ Y @ gh
        third = third - (third @ Y) @ A
        return first + second + third, None, None, None


def _thresholds(S: Tensor, A: Tensor, atol: Any, rtol: Any) -> Tensor:
    """max(atol, rtol * largest singular value) for each matrix; rtol defaults to max(m, n) eps where atol is not given."""
    if rtol is None:
        rtol = _EPS[S.dtype] * max(A.shape[-2:])
        if isinstance(atol, Tensor):
            rtol = core.where(atol > 0, 0.0, rtol)
        elif atol is not None and atol > 0:
            rtol = 0.0
    top = S.amax(-1) if S.shape[-1] else core.zeros(S.shape[:-1], dtype=S.dtype)
    relative = top * (rtol.to(S.dtype) if isinstance(rtol, Tensor) else rtol)
    return relative if atol is None else core.maximum(core.as_tensor(atol, dtype=S.dtype), relative)


def _check_tolerances(function: str, **given: Any) -> None:
    """Tolerances are compared with singular values, which are real."""
    for name, t in given.items():
        if isinstance(t, Tensor) and t.is_complex():
            raise RuntimeError(
                f"torch.{function}: {name} tensor of complex type is not supported. Got {scalar_name(t.dtype)}"
            )


def _spectrum(A: Tensor, hermitian: bool) -> Tensor:
    A = A.detach()
    return core.linalg_eigvalsh(A).abs() if hermitian else core.linalg_svdvals(A)


@operator("Other", namespace="linalg", out="cast")
def pinv(A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """The Moore-Penrose inverse of matrices [..., m, n] -> [..., n, m]; singular values up to max(atol, rtol * largest)
    count as 0."""
    if A.ndim < 2 or A.dtype not in _EPS and not A.is_complex():
        raise RuntimeError(
            f"linalg.pinv({scalar_name(A.dtype)}{{{list(A.shape)}}}): expected a tensor with 2 or more dimensions of float, double, "
            "cfloat or cdouble types"
        )
    _check_tolerances("linalg.pinv", rcond=rcond, atol=atol, rtol=rtol)
    if hermitian and A.shape[-1] != A.shape[-2]:
        _need_square(A, "linalg.eigh")
    relative = rcond if rcond is not None else rtol
    for given, argument in ((atol, "atol"), (relative, "rtol")):
        if isinstance(given, Tensor) and given.requires_grad and core.is_grad_enabled():
            raise RuntimeError(
                f"The function 'linalg_pinv' is not differentiable with respect to argument '{argument}'. "
                "This input cannot have requires_grad True."
            )
    if A.numel() == 0:
        return A.mT.clone()
    result: Tensor = _Pinv.apply(A, atol, relative, hermitian)[0]
    return result


@operator("Other")
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The Moore-Penrose inverse; torch.linalg.pinv is its successor."""
    return pinv(input, rcond)


@operator("Other", namespace="linalg", out="cast")
def matrix_rank(A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """How many singular values of matrices [..., m, n] are above max(atol, rtol * largest)."""
    _need_matrix(A, "linalg.matrix_rank")
    _check_tolerances("linalg.matrix_rank", atol=atol if tol is None else tol, rtol=rtol)
    if tol is None and atol is None and rtol is None and A.dtype not in _EPS and not A.is_complex():
        raise RuntimeError("This function doesn't handle types other than float and double")
    if A.numel() == 0:
        return core.zeros(A.shape[:-2], dtype=core.int64)
    S = _spectrum(A, hermitian)
    if tol is not None:
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
            f"{name}: Expected input and other to have the same dtype, but got input's dtype {scalar_name(A.dtype)} and "
            f"other's dtype {scalar_name(B.dtype)}"
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
    if A.numel():
        P, S, limits = _Pinv.apply(A, None, rcond, False)
        X = P @ B2
    else:
        S = core.zeros((*A.shape[:-2], min(m, n)), dtype=A.dtype.to_real())
        limits = core.zeros(A.shape[:-2], dtype=S.dtype)
        X = core.zeros((*_broadcast(A.shape[:-2], B2.shape[:-2]), n, B2.shape[-1]), dtype=A.dtype)
    rank = (S > limits.unsqueeze(-1)).sum(-1)
    # A matrix of zeros is LAPACK's special case, with the solution 0.
    lacking = (rank < min(m, n)) & (rank > 0)
    if used == "gels" and bool(lacking.any()):
        i = int(lacking.reshape(-1).nonzero()[0])
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
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_name(x.dtype)}"
        )
    if dtype is not None:
        if not (dtype.is_floating_point or dtype.is_complex):
            raise RuntimeError(
                f"linalg.vector_norm: dtype should be floating point or complex, but got {scalar_name(dtype)}"
            )
        if x.is_complex() != dtype.is_complex:
            kind = "complex" if x.is_complex() else "real"
            raise RuntimeError(
                f"linalg.vector_norm: dtype should be {kind} for {kind} inputs, but got {scalar_name(dtype)}"
            )
        if core.promote_types(x.dtype, dtype) != dtype:
            raise RuntimeError(
                f"linalg.vector_norm: the dtype of the input ({scalar_name(x.dtype)}) should be convertible without narrowing to "
                f"the specified dtype ({scalar_name(dtype)})"
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


def _extreme(t: Tensor, dim: int, keepdim: bool, largest: bool) -> Tensor:
    """The largest number along a dimension, of none 0; the smallest one, of none an error."""
    if not largest:
        return t.amin(dim, keepdim)
    return t.amax(dim, keepdim) if t.shape[dim] else t.sum(dim, keepdim)


@operator("Reduction", namespace="linalg", out=True)
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """A norm of the matrices in two dimensions: 'fro', 'nuc', 1, -1, inf, -inf, 2 or -2."""
    _need_matrix(A, "linalg.matrix_norm")
    if not (A.is_floating_point() or A.is_complex()):
        raise RuntimeError(
            f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {scalar_name(A.dtype)}"
        )
    rows, columns = _two_dims(dim, A.ndim, "linalg.matrix_norm")
    if dtype is not None:
        A = A.to(dtype)
    if ord == "fro":
        return vector_norm(A, 2, (rows, columns), keepdim)
    spectral = ord == "nuc" or (not isinstance(ord, str) and abs(ord) == 2)
    if spectral:
        S = core.linalg_svdvals(A.movedim((rows, columns), (-2, -1)))
        result = S.sum(-1) if ord == "nuc" else _extreme(S, -1, False, ord > 0)
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
    return _extreme(sums, outer, keepdim, ord > 0)


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
    if isinstance(ord, str):  # which only matrices have
        if ord not in ("fro", "nuc"):
            raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
        if dim is None:
            _need_matrix(A, "linalg.matrix_norm")
        _two_dims([dim] if isinstance(dim, int) else dim, A.ndim, "linalg.matrix_norm")
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


@operator("Other", namespace="linalg", out="cast")
def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number |A| |A^-1| of matrices [..., m, n] in a matrix norm; p None is 2."""
    _need_matrix(A, "linalg.cond")
    _need_float(A, "linalg.cond")
    if p is None or (not isinstance(p, str) and abs(p) == 2):
        S = core.linalg_svdvals(A)
        if S.shape[-1] == 0:
            return core.zeros(S.shape[:-1], dtype=S.dtype)
        return S[..., -1] / S[..., 0] if p is not None and p < 0 else S[..., 0] / S[..., -1]
    _need_square(A, "linalg.cond")
    if p == "nuc":
        S = core.linalg_svdvals(A)
        return S.sum(-1) * S.reciprocal().sum(-1)
    inverse, info = core.linalg_inv_ex(A)
    result = matrix_norm(A, p) * matrix_norm(inverse, p)
    bad = info != 0
    return result.masked_fill(bad, math.inf) if bool(bad.any()) else result


# --- products and powers -----------------------------------------------------------------------------------------------------------


@operator("Contraction", out="cast")
def matrix_power(input: Tensor, n: int) -> Tensor:
    """The n-th power of matrices [..., m, m] by squaring; n < 0: of the inverse."""
    _need_square(input, "linalg.matrix_power")
    if n < 0:
        return matrix_power(core.linalg_inv(input), -n)
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
        return _expm(A)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        # The upper right block of exp [[A^H, g], [0, A^H]] is the derivative of exp at A^H along g (Mathias, 1996).
        (A,) = ctx.saved_tensors
        n = A.shape[-1]
        Ah = A.mH
        zero = core.zeros_like(Ah)
        whole = core.cat([core.cat([Ah, g], -1), core.cat([zero, Ah], -1)], -2)
        return _MatrixExp.apply(whole)[..., :n, n:]


#: Up to this 1-norm the approximant is exact to double precision.
_PADE_NORM = 5.371920351148152


def _expm(A: Tensor) -> Tensor:
    """Scaling and squaring with the diagonal Pade approximant of order 13: N. Higham, SIAM J. Matrix Anal. 26 (2005)."""
    if A.numel() == 0:
        return A.clone()
    work = A.to(core.complex128 if A.is_complex() else core.float64)
    norms = work.abs().sum(-2).amax(-1)
    halvings = None
    if float(norms.max()) > _PADE_NORM:
        halvings = (norms / _PADE_NORM).log2().ceil().nan_to_num(0.0).clamp(0, 1000).unsqueeze(-1).unsqueeze(-1)
        work = work * core.exp2(-halvings)
    b = [
        64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
        10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0,
    ]  # fmt: skip
    one = _identity(work, A.shape[-1])
    a2 = work @ work
    a4 = a2 @ a2
    a6 = a4 @ a2
    u = work @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    v = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    r = core.linalg_solve_ex(v - u, v + u)[0]
    if halvings is not None:
        for i in range(int(halvings.max())):
            r = core.where(halvings > i, r @ r, r)
    return r.to(A.dtype).contiguous()


@operator("Other", where=BOTH)
def matrix_exp(input: Tensor) -> Tensor:
    """The exponential of matrices [..., n, n]."""
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(
            f"linalg.matrix_exp: Expected a floating point or complex tensor as input. Got {scalar_name(input.dtype)}"
        )
    _need_square(input, "linalg.matrix_exp")
    if input.dtype in (core.float16, core.bfloat16):
        return _MatrixExp.apply(input.float()).to(input.dtype)
    return _MatrixExp.apply(input)


@operator("Other", namespace="linalg", name="matrix_exp")
def _matrix_exp(A: Tensor) -> Tensor:
    """The exponential of matrices [..., n, n]."""
    return matrix_exp(A)


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
    return core.linalg_inv(A.reshape(rows, columns)).reshape(*shape[ind:], *shape[:ind])


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
    return core.linalg_solve(A.reshape(total, size), B.flatten()).reshape(result_shape)


@operator("Contraction", namespace="linalg", out=True)
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """sum conj(x) y along a dimension."""
    if not (x.is_floating_point() or x.is_complex()):
        raise RuntimeError(
            f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {scalar_name(x.dtype)}"
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
    shape = _broadcast(input.shape, other.shape)
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
    Q = core.linalg_qr(work @ random)[0]
    for _ in range(2 if niter is None else niter):
        Q = core.linalg_qr(work.mH @ Q)[0]
        Q = core.linalg_qr(work @ Q)[0]
    U, S, Vh = core.linalg_svd(Q.mH @ work, False)
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

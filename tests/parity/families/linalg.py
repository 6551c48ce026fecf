"""torch.linalg, and linear algebra of the main namespace."""

from __future__ import annotations

from ..rows import Row

# Where the functions of linear algebra are unlike PyTorch's, by kind of check: the reason, and the operators.
LINALG_UNLIKE = {
    "dtypes": (
        "16-bit floats, integers and empty matrices of them are refused at another place than PyTorch's kernels do",
        "cholesky cholesky_inverse det geqrf linalg.cholesky linalg.cholesky_ex "
        "linalg.cond linalg.cross linalg.det linalg.eigh linalg.eigvalsh linalg.ldl_factor "
        "linalg.ldl_factor_ex linalg.ldl_solve linalg.lu linalg.lu_factor linalg.lu_factor_ex "
        "linalg.lu_solve linalg.solve linalg.solve_ex "
        "linalg.svd linalg.svdvals linalg.vander lu_solve matrix_exp svd",
    ),
    "strides": (
        "a layout that NumPy gives",
        "linalg.lstsq linalg.solve linalg.solve_ex linalg.solve_triangular ormqr triangular_solve",
    ),
    "node": (
        "composed of operators, the last of which names the node",
        "linalg.ldl_solve cholesky cholesky_inverse cholesky_solve linalg.cond "
        "linalg.householder_product linalg.ldl_solve linalg.lstsq linalg.lu linalg.lu_solve "
        "linalg.matrix_norm linalg.matrix_power linalg.multi_dot linalg.pinv "
        "linalg.solve_triangular linalg.tensorinv linalg.vecdot linalg.vector_norm "
        "lu_solve lu_unpack matrix_power orgqr ormqr pinverse triangular_solve",
    ),
    "grad2": (
        "second derivatives of empty results, at zeros, and of the triangle that is not read (0 here)",
        "cholesky_inverse cholesky_solve linalg.householder_product linalg.lstsq "
        "linalg.matrix_power linalg.norm linalg.slogdet logdet matrix_power orgqr slogdet",
    ),
    "out": (
        "the dtype of out= follows another rule",
        "linalg.matrix_power matrix_power",
    ),
    "grad": (
        "derivatives of empty results, by tolerances, and of the triangle that is not read (0 here)",
        "cholesky_inverse cholesky_solve linalg.lstsq ",
    ),
    "shapes": (
        "0-dim and empty inputs are refused in other words, or not at all",
        "cholesky linalg.tensorinv linalg.tensorsolve linalg.vander linalg.vector_norm",
    ),
    "errors": (
        "some wrong uses are refused in other words, or not at all",
        "cholesky linalg.matrix_norm linalg.pinv lu ormqr triangular_solve",
    ),
}


# What rounding alone decides there: another processor may round otherwise.
LINALG_CHANCE = {
    "strided": (
        "expanded matrices are singular: what LAPACK leaves is not determined",
        "cholesky_solve geqrf linalg.cholesky_ex linalg.cond linalg.eig linalg.eigvals "
        "linalg.inv_ex linalg.lu linalg.qr linalg.svd lu pinverse qr svd",
    ),
    "out": (
        "eigenvectors are determined up to a sign or phase, eigenvalues up to rounding",
        "linalg.eig linalg.eigh linalg.eigvals",
    ),
}


def _unlike_linalg(name: str) -> dict[str, dict[str, str]]:
    lists = {"unlike": LINALG_UNLIKE, "chance": LINALG_CHANCE}
    return {
        field: {kind: reason for kind, (reason, names) in entries.items() if name in names.split()}
        for field, entries in lists.items()
    }


def linalg(names: str, forms: str = "fo", prefix: str = "linalg.", **kwargs: object) -> list[Row]:
    names = " ".join(prefix + name for name in names.split())
    return [Row(name, forms, **_unlike_linalg(name), **kwargs) for name in names.split()]  # type: ignore[arg-type]


TABLE: tuple[Row, ...] = (
    *linalg("cholesky cholesky_ex inv inv_ex solve solve_ex solve_triangular det slogdet qr svd svdvals eigvals eigvalsh"),
    *linalg("eig eigh", processed=True),
    *linalg("lu lu_factor lu_factor_ex lu_solve ldl_factor ldl_factor_ex ldl_solve householder_product lstsq pinv matrix_rank"),
    *linalg("matrix_norm vector_norm norm cond matrix_power multi_dot tensorinv tensorsolve vecdot cross"),
    *linalg("vander diagonal", "f"),
    *linalg("cholesky cholesky_inverse cholesky_solve qr svd geqrf ormqr triangular_solve lu_solve", "fmo", ""),
    *linalg("logdet lu pinverse", "fm", ""),
    *linalg("matrix_exp", "fm", "", tolerance=dict.fromkeys(("float16", "bfloat16", "float32", "complex64"), (2e-2, 1e-1)),
            reason="computed in double precision here, in the matrix's own by PyTorch"),
    *linalg("det", "fm", "", source="linalg.det"),
    *linalg("inverse", "fmo", "", source="linalg.inv"),
    *linalg("slogdet", "fmo", "", source="linalg.slogdet"),
    *linalg("matrix_power", "fmo", "", source="linalg.matrix_power"),
    *linalg("orgqr", "fmo", "", source="linalg.householder_product"),
    *linalg("lu_unpack", "fo", "", fatal=("errors",)),
    *linalg("svd_lowrank pca_lowrank", "f", ""),
)  # fmt: skip

"""Numbers at the edges against PyTorch: infinities, NaN, signed zeros, subnormal numbers; derivatives at kinks and at zero."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import rushlight  # noqa: E402
from torch.testing._internal.opinfo.core import UnaryUfuncInfo  # noqa: E402

from . import checks  # noqa: E402
from . import samples as inputs  # noqa: E402
from .library import Library, tensors  # noqa: E402
from .rows import Row  # noqa: E402
from .table import ROWS, TABLE  # noqa: E402

OURS, THEIRS = Library(rushlight), Library(torch)
#: The least subnormal number and the least normal one of each dtype, and the largest.
LIMITS = {
    "float32": (2.0**-149, 2.0**-126, 2.0**127 * (2 - 2.0**-23)),
    "float64": (2.0**-1074, 2.0**-1022, 1.7976931348623157e308),
}


def edges(dtype: str) -> Any:
    least, normal, largest = LIMITS[dtype]
    found = [0.0, least, normal / 4, normal, 0.5, 1.0, 2.0, 3.0, largest, math.inf]
    return torch.tensor([*found, *(-x for x in found), math.nan], dtype=getattr(torch, dtype))


def outcome(lib: Library, call: Callable[..., Any], args: tuple[Any, ...], derive: bool) -> Any:
    """The results as PyTorch's tensors, and the gradients of their sums; or the type of the error."""
    given = lib.adopt(
        tuple(
            a.clone().requires_grad_()
            if derive and isinstance(a, torch.Tensor) and (a.is_floating_point() or a.is_complex())
            else a
            for a in args
        )
    )
    made = lib.attempt(call, *given)
    if made.error is not None:
        return type(made.error).__name__
    results = list(tensors(made.value))
    leaves = [t for t in tensors(given) if t.requires_grad]
    grads: list[Any] = []
    for result in results if derive else ():
        if not result.requires_grad:
            continue
        pulled = lib.attempt(
            lib.module.autograd.grad, result, leaves, lib.module.ones_like(result), allow_unused=True, retain_graph=True
        )
        if pulled.error is not None:
            return type(pulled.error).__name__
        grads += [
            lib.see(lib.module.zeros_like(leaf) if g is None else g).values
            for g, leaf in zip(pulled.value, leaves, strict=True)
        ]
    return [lib.see(r).values for r in results], grads


def same(
    ours: Any, theirs: Any, where: str, rtol: float | None = None, atol: float | None = None, signs: bool = True
) -> None:
    if isinstance(theirs, str) or isinstance(ours, str):
        assert ours == theirs, where
        return
    for what, mine, other in zip(("result", "gradient"), ours, theirs, strict=True):
        for a, b in zip(mine, other, strict=True):
            torch.testing.assert_close(
                a, b, rtol=rtol, atol=atol, equal_nan=True, msg=lambda m: f"{where}, {what}: {m}"
            )
            if signs and what == "result" and a.is_floating_point():
                zeros = (a == 0) & (b == 0)
                assert torch.equal(a.signbit() & zeros, b.signbit() & zeros), f"{where}: the sign of a zero"


def compare(path: str, args: tuple[Any, ...], derive: bool = True, **tolerances: Any) -> None:
    outcomes = [outcome(lib, lib.function(path), args, derive) for lib in (OURS, THEIRS)]
    shown = [a if not isinstance(a, torch.Tensor) else a.tolist() for a in args]
    same(*outcomes, f"{path}{tuple(shown)}", **tolerances)


UNARY = [
    row
    for row in TABLE
    if isinstance(row.source, str) and "f" in row.forms and isinstance(inputs.database(row.source)[0], UnaryUfuncInfo)
]
#: Where the two may differ, with the reason.
OVERFLOW = "PyTorch overflows on the way to a finite number, or to another infinity"
UNARY_UNLIKE: dict[str, tuple[str, Callable[[float], bool]]] = {
    "frexp": ("near 0 PyTorch's factor of the gradient overflows", lambda x: abs(x) < 1e-300),
    "logit": ("at -0.0 PyTorch's gradient is that at 0.0", lambda x: x == 0),
    "nn.functional.mish": ("the gradient at inf is 1; PyTorch's is nan", lambda x: x == math.inf),
    "digamma": ("at its poles the gradient is inf; PyTorch's some large number", lambda x: x < 0),
    "i0": (OVERFLOW, math.isinf),
    "special.i1": ("the sign of zero, and nan, are kept; " + OVERFLOW, lambda x: x == 0 or not math.isfinite(x)),
    "special.i1e": ("the sign of zero, and nan, are kept", lambda x: x == 0 or math.isnan(x)),
    "special.log_ndtr": (OVERFLOW, lambda x: x < -1e30),
    **dict.fromkeys(
        "special.bessel_y1 special.modified_bessel_k1 special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1".split(),
        (OVERFLOW, lambda x: 0 < x < 1e-30),
    ),
}
UNARY_UNLIKE |= {"special." + name: UNARY_UNLIKE[name] for name in ("logit", "digamma", "i0")}
UNARY_UNLIKE["special.psi"] = UNARY_UNLIKE["digamma"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", UNARY, ids=lambda row: row.name)
def test_pointwise(row: Row) -> None:
    for dtype in ("float32", "float64"):
        if not inputs.supports(row.source, dtype):
            continue
        rtol, atol = row.tolerance.get(dtype, (None, None))
        for value in edges(dtype):  # one by one: PyTorch's vectorised loops know some edges less well
            args = (0, value) if "polygamma" in row.name else (3, value) if "mvlgamma" in row.name else (value,)
            if row.name in UNARY_UNLIKE and UNARY_UNLIKE[row.name][1](value.item()):
                continue
            compare(row.path, args, row.grad, rtol=rtol, atol=atol)


BINARY = """add sub mul div true_divide pow remainder fmod floor_divide maximum minimum fmax fmin atan2 hypot logaddexp logaddexp2
copysign xlogy nextafter heaviside float_power eq ne lt le gt ge isclose logical_and logical_or logical_xor special.xlog1py""".split()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BINARY)
def test_pairs(name: str) -> None:
    row = ROWS.get(name)
    for dtype in ("float32", "float64"):
        x = edges(dtype)
        a, b = (t.reshape(-1) for t in torch.meshgrid(x, x, indexing="ij"))
        rtol, atol = row.tolerance.get(dtype, (None, None)) if row else (None, None)
        # PyTorch's vectorised remainders give zeros other signs than its scalar ones.
        signs = name not in ("remainder", "fmod")
        if not signs:
            overflows = (a / b).isinf() & a.isfinite() & (b != 0)  # what PyTorch's vectorised loops make nan
            a, b = a[~overflows], b[~overflows]
        compare(name, (a.contiguous(), b.contiguous()), row is not None and row.grad, rtol=rtol, atol=atol, signs=signs)


ALONG = """sum mean prod amax amin max min argmax argmin median nanmedian var std logsumexp cumsum cumprod cummax cummin logcumsumexp nansum
nanmean softmax log_softmax sort argsort all any count_nonzero mode aminmax""".split()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ALONG)
def test_along_a_dimension(name: str) -> None:
    """Rows of three: all triples of a few edges."""
    few = [0.0, -0.0, 1.0, -2.0, math.inf, -math.inf, math.nan, 2.0**-149]
    if name == "std":
        few.pop()  # whose square is 0 in float32; PyTorch's is not, in float64
    if name == "mode":
        few.remove(math.nan)  # which is equal to nothing, so that PyTorch's search for equal neighbours ends there
    rows = torch.tensor(list(itertools.product(few, repeat=3)))
    if name == "nanmean":
        rows = rows[~rows.isnan().all(1)]  # the gradient of no elements is 0; PyTorch's is 0 / 0
    row = ROWS[name]
    # 0 * inf in a derivative of cumprod is nan, after a zero 0 in PyTorch. Of equal elements a sort may name any.
    derive = row.grad and name not in ("cumprod", "sort", "argsort")
    for line in rows if name == "aminmax" else (rows,):
        compare(name, (line,) if name == "aminmax" else (line, 1), derive, signs=False)


X = torch.tensor
F64 = torch.float64


def _x(*values: float) -> Any:
    return torch.tensor(values, dtype=F64)


SHRINKS = (-3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0)
KINKS: list[tuple[str, tuple[Any, ...]]] = [
    ("abs", (_x(0.0, -0.0, 1.0),)),
    ("abs", (torch.zeros(2, dtype=torch.complex128),)),
    ("sgn", (torch.zeros(2, dtype=torch.complex128),)),
    ("sign", (_x(0.0, -0.0),)),
    ("sqrt", (_x(0.0, -0.0, -1.0),)),
    ("rsqrt", (_x(0.0, -0.0),)),
    ("reciprocal", (_x(0.0, -0.0),)),
    ("log", (_x(0.0, -0.0),)),
    *(("norm", (torch.zeros(3, dtype=F64), p)) for p in (0, 0.5, 1, 2, 3, math.inf, -math.inf)),
    *(("norm", (_x(2.0, -2.0, 1.0), p)) for p in (0, 1, 2, 3, math.inf, -math.inf)),
    *(("linalg.vector_norm", (torch.zeros(3, dtype=F64), p)) for p in (0, 1, 2, 3, math.inf, -math.inf)),
    *(("pow", (_x(0.0, -0.0, 2.0, -2.0), p)) for p in (0, 0.5, 1, 1.5, 2, 3, -1)),
    *(("pow", (_x(0.0, -0.0, 2.0), torch.full((3,), p, dtype=F64))) for p in (0.0, 0.5, 1.0, 2.0)),
    ("pow", (0.0, _x(0.0, 1.0, 2.0))),
    ("amax", (_x(1.0, 2.0, 2.0), 0)),
    ("amin", (_x(1.0, 1.0, 2.0), 0)),
    ("max", (_x(1.0, 2.0, 2.0),)),
    ("min", (_x(1.0, 1.0, 2.0),)),
    ("max", (_x(1.0, 2.0, 2.0), 0)),
    ("min", (_x(1.0, 1.0, 2.0), 0)),
    ("median", (_x(1.0, 2.0, 2.0, 3.0),)),
    ("nanmedian", (_x(1.0, math.nan, 2.0),)),
    ("maximum", (_x(1.0, 2.0), _x(1.0, 1.0))),
    ("minimum", (_x(1.0, 2.0), _x(1.0, 1.0))),
    ("fmax", (_x(1.0, math.nan, 2.0), _x(1.0, 1.0, math.nan))),
    ("fmin", (_x(1.0, math.nan, 2.0), _x(1.0, 1.0, math.nan))),
    ("clamp", (_x(-1.0, 0.0, 1.0, 2.0, math.nan), -1.0, 1.0)),
    ("clamp", (_x(-1.0, 0.0, 1.0), _x(-1.0, -1.0, 1.0), _x(0.0, 0.0, 1.0))),
    ("clamp", (_x(1.0, 5.0), 3.0, 2.0)),
    ("sort", (_x(2.0, 1.0, 2.0, 1.0),)),
    ("cummax", (_x(1.0, 2.0, 2.0, 1.0), 0)),
    ("cummin", (_x(2.0, 1.0, 1.0, 2.0), 0)),
    ("cumprod", (_x(2.0, 0.0, 3.0, 0.0, 1.0), 0)),
    ("prod", (_x(2.0, 0.0, 3.0),)),
    ("prod", (_x(2.0, 0.0, 0.0),)),
    ("where", (X([True, False, True]), _x(0.0, math.nan, math.inf), _x(math.nan, 1.0, 2.0))),
    ("std", (_x(2.0, 2.0, 2.0),)),
    ("var", (_x(2.0, 2.0, 2.0),)),
    ("std", (_x(2.0),)),
    ("logsumexp", (_x(-math.inf, -math.inf), 0)),
    ("softmax", (_x(-math.inf, -math.inf), 0)),
    ("log_softmax", (_x(-math.inf, 0.0), 0)),
    ("logaddexp", (_x(-math.inf, 0.0), _x(-math.inf, -math.inf))),
    ("atan2", (_x(0.0, -0.0, 0.0), _x(0.0, 0.0, -0.0))),
    ("hypot", (_x(0.0), _x(0.0))),
    ("xlogy", (_x(0.0, 0.0, 1.0), _x(0.0, 1.0, 0.0))),
    ("asin", (_x(-1.0, 1.0, 2.0),)),
    ("acos", (_x(-1.0, 1.0),)),
    ("acosh", (_x(1.0, 0.5),)),
    ("atanh", (_x(-1.0, 1.0),)),
    ("dist", (_x(1.0, 2.0), _x(1.0, 2.0))),
    ("renorm", (torch.zeros(2, 2, dtype=F64), 2, 0, 1.0)),
    ("remainder", (_x(4.0, -4.0, 0.0), 2.0)),
    ("fmod", (_x(4.0, -4.0, 0.0), 2.0)),
    ("round", (_x(0.5, 1.5, -0.5),)),
    ("frac", (_x(1.0, -1.0),)),
    ("quantile", (_x(1.0, 2.0, 2.0, 3.0), 0.5)),
    ("cross", (torch.zeros(3, dtype=F64), torch.zeros(3, dtype=F64))),
    ("scatter_reduce", (_x(1.0, 0.0), 0, X([0, 0, 1]), _x(1.0, 1.0, 0.0), "amax")),
    ("scatter_reduce", (_x(0.0, 2.0), 0, X([0, 0, 1]), _x(0.0, 3.0, 0.0), "prod")),
    *(
        ("nn.functional." + name, (_x(*SHRINKS),))
        for name in "relu relu6 leaky_relu elu selu celu hardtanh hardswish hardsigmoid hardshrink softsign silu mish gelu".split()
    ),
    ("nn.functional.softshrink", (_x(-3.0, -1.0, 1.0, 3.0),)),  # inside, the sign of 0 is not the same in all of PyTorch's loops
    ("nn.functional.threshold", (_x(*SHRINKS), 0.5, 7.0)),
    ("nn.functional.softplus", (_x(19.9, 20.0, 20.1, -800.0),)),
    *(
        ("nn.functional." + name, (_x(0.0, 1.0, 2.0, 0.5), _x(0.0, 0.0, 1.0, 0.5)))
        for name in "l1_loss smooth_l1_loss huber_loss mse_loss".split()
    ),
    ("nn.functional.binary_cross_entropy", (_x(0.0, 1.0, 0.0, 1.0), _x(0.0, 1.0, 1.0, 0.0))),
    ("nn.functional.hinge_embedding_loss", (_x(1.0, 0.0), _x(-1.0, 1.0))),
    ("nn.functional.margin_ranking_loss", (_x(1.0, 2.0), _x(1.0, 1.0), _x(1.0, -1.0))),
    ("nn.functional.cosine_similarity", (torch.zeros(1, 3, dtype=F64), torch.ones(1, 3, dtype=F64))),
    ("nn.functional.normalize", (torch.zeros(1, 3, dtype=F64),)),
    ("nn.functional.pairwise_distance", (torch.ones(1, 3, dtype=F64), torch.ones(1, 3, dtype=F64))),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "args"), KINKS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(KINKS)])
def test_kinks(name: str, args: tuple[Any, ...]) -> None:
    """One of the directions, or their mean, or 0, or NaN: whatever PyTorch takes."""
    compare(name, args)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["exp", "sum", "matmul", "add", "cat", "softmax", "conv", "norm"])
def test_empty_and_scalar(name: str) -> None:
    """Of the shapes that checks.shapes makes, those for which two arguments must agree."""
    none, one = torch.zeros(0, 3, dtype=F64), torch.ones((), dtype=F64)
    calls: dict[str, list[tuple[str, tuple[Any, ...]]]] = {
        "exp": [("exp", (none,)), ("exp", (one,))],
        "sum": [(f, (none, d)) for f in ("sum", "mean", "prod", "var", "amax", "logsumexp", "argmax") for d in (0, 1)],
        "matmul": [("matmul", (none, none.T)), ("matmul", (none.T, none)), ("matmul", (one, one))],
        "add": [("add", (none, one)), ("add", (none, torch.ones(3, dtype=F64))), ("mul", (one, one))],
        "cat": [("cat", ([none, torch.ones(2, 3, dtype=F64)],)), ("stack", ([one, one],)), ("cat", ([one, one],))],
        "softmax": [("softmax", (none, d)) for d in (0, 1)] + [("log_softmax", (one, 0))],
        "conv": [("nn.functional.conv1d", (torch.zeros(0, 2, 5, dtype=F64), torch.ones(3, 2, 2, dtype=F64)))],
        "norm": [("norm", (none,)), ("norm", (one,)), ("linalg.vector_norm", (none, math.inf))],
    }
    for path, args in calls[name]:
        compare(path, args)


def test_edges_are_what_they_say() -> None:
    for dtype, (least, normal, largest) in LIMITS.items():
        info = torch.finfo(getattr(torch, dtype))
        assert (normal, largest) == (info.tiny, info.max)
        t = torch.tensor(least, dtype=getattr(torch, dtype))
        assert t > 0 and t / 2 == 0
    assert checks.first_line(None) == "None"

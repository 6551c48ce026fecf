"""What moves elements about: joins, cuts, writes into a part and reductions into one, products that are movements."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..rows import COMPOSED, Row, own, plain, several
from ..samples import Maker, Sample, call

UNLIKE = {"node": COMPOSED}
SLOT = {"errors": "a slot of the type takes no keyword arguments; PyTorch's methods of these names are functions"}


def _transposed(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3))
    yield call(make(4, 2, 3))
    yield call(make())
    yield call(make(3))


def _time_first(make: Maker) -> Iterator[Sample]:
    small = {"low": -2, "high": 2}
    for pad in (0, 1, 3):
        yield call(make(5, 2, 3, **small), make(2, 3, 4, **small), make(4, **small), pad)
    yield call(make(5, 2, 3, **small), make(5, 3, 4, **small), make(4, **small))
    yield call(make(5, 2), make(2, 3, 4), make(4))
    yield call(make(5, 2, 3), make(2, 3), make(4))
    yield call(make(5, 2, 3), make(2, 3, 4), make(3))
    yield call(make(5, 2, 3), make(2, 4, 4), make(4))
    yield call(make(5, 2, 3), make(2, 3, 4), make(2, 2))


def _filled(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3), 2)
    yield call(make(2, 3), 1.5)
    yield call(make(3), make())
    yield call(make(3), make(1))
    yield call(make(), True)


def _templates(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3).detach(), make(3))
    yield call(make(4).detach(), make(2, 3).detach())
    yield call(make().detach(), make(0, 2).detach())
    yield call(make(4).detach(), 3)


def _places(make: Maker) -> Iterator[Sample]:
    for shape in ((2, 3), 6, [4, 0], (), (2, -1), (2, 1.5), "text"):
        yield call(torch.tensor([1, 5, 0]), shape)
    yield call(torch.tensor([[7, 11], [-1, 30]], dtype=torch.int32), (2, 3, 2))
    yield call(torch.tensor(4), (2, 3))
    yield call(torch.tensor([1.0]), (2,))


TABLE: tuple[Row, ...] = (
    *several("block_diag combinations", "f", unlike=UNLIKE),
    Row("cartesian_prod", "f"),
    *several("column_stack", "fo"),
    Row("complex", "fo", unlike={
        **UNLIKE, "strides": "the result is row-major", "texts": "a wrong dtype of out= is refused in the words of other operators",
        "dtypes": "complex32 does not exist: two float16 make a complex64"}),
    Row("polar", "fo", unlike={**UNLIKE, "strides": "the result is row-major"}),
    Row("cross", "fmo", tolerance={"float16": (2e-3, 4e-2), "bfloat16": (2e-2, 0.3)}, reason="PyTorch rounds each product to 16 bits; here the difference is rounded once"),
    Row("diag", "fmo", unlike=UNLIKE),
    *several("isin", "fo", grad=False),
    *several("isreal", "fm", grad=False),
    *several("kron", "fmo", unlike=UNLIKE),
    *several("tensordot", "fo"),
    *several("select_scatter diagonal_scatter", "fm", unlike=UNLIKE),
    Row("slice_scatter", "fmo", unlike=UNLIKE),
    Row("as_strided_scatter", "fm", unlike={
        **UNLIKE, **dict.fromkeys(("grad", "grad2"), "with a 0-dim source PyTorch's gradient of the element that is overwritten is not 0")}),
    *several("masked_scatter put", "fmi", unlike=UNLIKE),
    *several("take", "fmo", unlike=UNLIKE),
    *several("tensor_split hsplit vsplit dsplit", "fm"),
    *several("unsafe_chunk unsafe_split rot90", "fm", unlike=UNLIKE),
    Row("repeat_interleave", "fm"),
    *several("narrow_copy", "fmo", unlike={
        **UNLIKE, **dict.fromkeys(("errors", "texts"), "PyTorch fails in an assertion of its own for a dimension that is not there"),
        "out": "PyTorch writes past the strides of out="}),
    *several("sum_to_size", "m"),
    own("H", "p", _transposed),
    own("mH", "p", _transposed),
    own("adjoint", "fm", _transposed),
    *several("__radd__ __rmul__ __rmatmul__ __rmod__ __rpow__", "m", unlike=SLOT),
    Row("__rsub__", "m", unlike={**SLOT, "node": "PyTorch has a node of its own for a subtraction with its operands exchanged"}),
    Row("__rdiv__", "m", unlike=SLOT),
    *several("__rand__ __ror__ __rxor__", "m", grad=False, unlike=SLOT),
    *several("cfloat cdouble", "m"),
    *several("scatter_reduce index_reduce", "fmio"),
    plain("broadcast_shapes", call((2, 1), (3,)), call(3, (1,)), call((2,), (3,)), call((-1,)), call(), call((2, 1.5)), call((0,), (1,)), call((0,), (2,)),
          call(torch.Size([2]), [1]), call(1.5), call([None]), core=("broadcast_shapes",)),
    *several("resolve_conj resolve_neg", "fm"),
    Row("new_empty_strided", "m", grad=False, compare=False),
    Row("nonzero_static", "fmo", grad=False),
    own("unravel_index", "f", _places, grad=False, dtypes=("float32",)),
    own("fill", "f", _filled, unlike=UNLIKE),
    own("resize_as_", "fm", _templates, grad=False, compare=False),
    own("conv_tbc", "f", _time_first, accepts="PyTorch has no complex derivative, and wants what it can view as matrices",
        tolerance={"float16": (1e-2, 1e-2), "bfloat16": (8e-2, 8e-2)}, reason="sums in another order, rounded to 16 bits in between", unlike=UNLIKE),
)  # fmt: skip

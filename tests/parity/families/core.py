"""The first set of operators."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch

from ..rows import COMPOSED, FLOAT, OVERLAP, Row, functional, own, plain, several, unary
from ..samples import Maker, OwnSamples, Sample, call


def _resized(make: Maker) -> Iterator[Sample]:
    for shape, sizes in (((), (2,)), ((4,), (2, 2)), ((2, 3), (0,)), ((2, 3), ()), ((2, 3), (2, -1)), ((2, 3), ("a",))):
        yield call(make(*shape).detach(), sizes)


def _one(make: Maker) -> Iterator[Sample]:
    for shape in ((), (3,), (2, 3), (2, 0), (4, 1, 3)):
        yield call(make(*shape))


def _copy(make: Maker) -> Iterator[Sample]:
    yield call(make(2, 3), make(2, 3))
    yield call(make(2, 3), make(3))
    yield call(make(2, 3), make())
    yield call(make(2, 3), make(2, 3).detach().to(torch.float32))
    yield call(make(3), make(2, 3))


def _to(make: Maker) -> Iterator[Sample]:
    for dtype in (torch.float64, torch.float32, torch.int64, torch.bool):
        yield call(make(2, 3), dtype)
    yield call(make(2, 3), torch.float32, copy=True)
    yield call(make(2, 3), "cpu")
    yield call(make(2, 3), make(2).detach().to(torch.float64))


def _setitem(make: Maker) -> Iterator[Sample]:
    grid = torch.tensor([[0, 2], [1, 1]])
    mask = torch.tensor([True, False, True])
    for index in (
        0,
        -1,
        slice(None, None, 2),
        (slice(None), 1),
        ...,
        None,
        (None, 0, ...),
        [0, 2],
        grid,
        mask,
        (mask, 0),
    ):
        yield call(make(3, 4), index, make())
    yield call(make(3, 4), (slice(1), [1, 2]), make(1, 2))
    yield call(make(3, 4), 3, make())
    yield call(make(3, 4), 0, make(5))


def _tensor(make: Maker) -> Iterator[Sample]:
    data: object
    for data in (
        1,
        1.5,
        True,
        1j,
        [],
        [[]],
        [1, 2],
        [1.0, 2],
        [True, 2],
        [[1, 2], [3, 4]],
        (1, (2)),
        [1j, 2],
        range(3),
    ):
        yield call(data)
    for dtype in (torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.bool, torch.complex64):
        yield call([0, 1, 2.5], dtype=dtype)
    for wrong in ([[1], [2, 3]], "text", None, ["a"], {}, [[1], 2], object(), [None]):
        yield call(wrong)


def _where(make: Maker) -> Iterator[Sample]:
    yield call(torch.tensor([[True], [False]]), make(2, 3), make(3))
    yield call(torch.tensor([True, False, True]), make(3), 2)
    yield call(torch.tensor([True, False, True]), 1.5, make(3))
    yield call(torch.tensor(True), make(), make(2))
    yield call(torch.tensor([[True, False], [False, True]]))


def _with(*args: object, **kwargs: object) -> OwnSamples:
    """Tensors of some shapes, followed by the given arguments."""

    def samples(make: Maker) -> Iterator[Sample]:
        for shape in ((4,), (2, 3), (3, 1, 5)):
            yield call(make(*shape), *args, **kwargs)

    return samples


def _probabilities(make: Maker) -> Iterator[Sample]:
    yield call(make(5, low=0.1, high=1), 3)
    yield call(make(3, 5, low=0.1, high=1), 4, replacement=True)
    yield call(make(3, 5, low=0.1, high=1), 5)
    yield call(make(2, 3, low=0.1, high=1), 4)


def _rates(make: Maker) -> Iterator[Sample]:
    yield call(make(20, low=0.1, high=30))
    yield call(make(3, 5, low=0.1, high=2))


def _between_zero_and_one(make: Maker) -> Iterator[Sample]:
    yield call(make(40, low=0.1, high=0.9))
    yield call(make(3, 5, low=0.1, high=0.9))


def _normal(make: Maker) -> Iterator[Sample]:
    yield call(make(20), make(20, low=0.5, high=2))
    yield call(make(3, 5), 2.0)
    yield call(0.5, make(3, low=0.5, high=2))
    yield call(1.0, 2.0, (4, 5))
    yield call(make(3), -1.0)


def _sizes(*more: Sample) -> tuple[Sample, ...]:
    """What `rand`, `zeros` and the like take."""
    return (
        call(2, 3), call((2, 3)), call([4]), call(()), call(0), call(17), call(5, 5, dtype=torch.float64), call(-1), call("text"),
        call(2, dtype=torch.float16), call(2, requires_grad=True), call(torch.Size([2])), call(1.5), *more,
    )  # fmt: skip


def _triplets(make: Maker) -> Iterator[Sample]:
    for swap, reduction in itertools.product((False, True), ("mean", "sum", "none")):
        yield call(make(3, 4), make(3, 4), make(3, 4), swap=swap, reduction=reduction)
    for distance in (lambda a, b: (a - b).abs().sum(-1), lambda a, b: ((a - b) ** 2).mean(-1)):
        yield call(make(3, 4), make(3, 4), make(3, 4), distance_function=distance, margin=0.5)
    yield call(make(4), make(4), make(4))
    yield call(make(3, 4), make(4), make(3, 4))
    yield call(make(3, 4), make(3, 4), make(3, 4), margin=-1.0)
    yield call(make(3, 4), make(3, 4), make(3, 4), reduction="most")


TABLE: tuple[Row, ...] = (
    # creation
    own("tensor", "f", _tensor, grad=False),
    own("as_tensor", "f", _tensor, grad=False),
    *(plain(name, *_sizes()) for name in ("zeros", "ones")),
    plain("empty", *_sizes(), compare=False),
    plain("full", call((2, 3), 1), call((2, 3), 1.5), call((), True), call([2], 1j), call((2,), 3, dtype=torch.float16), call((-1,), 1), call((2,), "text")),
    plain("arange", call(5), call(2, 7), call(2, 7, 2), call(5.0), call(0, 1, 0.3), call(5, 0, -2), call(0, 5, dtype=torch.float16), call(0), call(1, 0),
          call(0, 1, 0), call(3, dtype=torch.int8), call(2.5, 7), call("text")),
    plain("linspace", call(0, 1, 5), call(3, 10, 1), call(0, 1, 0), call(-2, 5, 7, dtype=torch.float64), call(0, 10, 4, dtype=torch.int64), call(0, 1, -1), call(0, 1j, 3)),
    plain("logspace", call(0, 1, 5), call(-2, 5, 7, dtype=torch.float64), call(0, 1, 0), call(0, 3, 4, 2.0), call(0, 1, -1), call(0, 3, 4, dtype=torch.int64)),
    plain("eye", call(3), call(2, 4), call(0), call(3, 2, dtype=torch.int64), call(-1), call(2, dtype=torch.bool)),
    plain("tril_indices", call(3, 3), call(4, 3, -1), call(4, 3, 1), call(0, 2), call(-1, 2)),
    plain("triu_indices", call(3, 3), call(4, 3, -1), call(4, 3, 1), call(0, 2), call(-1, 2)),
    *several("zeros_like ones_like full_like", "f", grad=False),
    Row("empty_like", "f", grad=False, compare=False),
    *several("new_zeros new_ones new_full", "m", grad=False),
    Row("new_empty", "m", grad=False, compare=False),
    own("new_tensor", "m", lambda make: [call(make(2), [1, 2]), call(make(2), 1.5), call(make(2), [[True]]), call(make(2), "text")], grad=False),
    # random numbers: the streams of PyTorch's CPU generator
    *(plain(name, *_sizes(call(1000), call(15), call(16), call(3, 33))) for name in ("rand", "randn")),
    plain("randint", call(10, (5,)), call(-3, 3, (4, 5)), call(2**40, (7,)), call(0, 2**62, (20,)), call(5, (3,), dtype=torch.int8), call(5, (3,), dtype=torch.float32),
          call(3, 3, (2,)), call(5, (-1,)), call(0, 2, (100,)), call(1.5, (2,))),
    plain("randperm", call(10), call(0), call(1), call(1000), call(-1), call(5, dtype=torch.int32), call(5, dtype=torch.float32)),
    own("rand_like", "f", _one, grad=False),
    own("randn_like", "f", _one, grad=False),
    own("randint_like", "f", _with(10), _with(-5, 5), grad=False),
    own("bernoulli", "fm", _between_zero_and_one, _with(0.3), grad=False),
    own("bernoulli_", "m", _with(), _with(0.3), _with(1.5), grad=False),
    own("normal", "f", _normal, grad=False, dtypes=FLOAT),
    own("normal_", "m", _with(), _with(1.0, 2.0), _with(0.0, -1.0), lambda make: [call(make(50))], grad=False),
    own("uniform_", "m", _with(), _with(-1.0, 3.0), _with(2.0, 1.0), lambda make: [call(make(50))], grad=False),
    own("exponential_", "m", _with(), _with(2.0), _with(-1.0), lambda make: [call(make(50))], grad=False),
    own("random_", "m", _with(), _with(5), _with(2, 7), grad=False),
    own("multinomial", "fm", _probabilities, grad=False, dtypes=FLOAT),
    own("poisson", "f", _rates, grad=False, dtypes=FLOAT),
    own("binomial", "f", lambda make: [call(make(4, low=1, high=30), make(4, low=0.1, high=0.9)), call(make(2, 3, low=1, high=30), make(3, low=0.1, high=0.9))], grad=False, dtypes=FLOAT),
    own("cauchy_", "m", _with(), _with(1.0, 2.0), _with(0.0, -1.0), grad=False),
    own("log_normal_", "m", _with(), _with(0.5, 0.25), _with(0.0, -1.0), grad=False),
    own("geometric_", "m", _with(0.3), _with(1.5), grad=False),
    own("_standard_gamma", "f", _rates, grad=False, dtypes=("float32", "float64")),
    # arithmetic
    *(Row(name, "fmio", source, tolerance={"float16": (1e-3, 1e-2)}, reason="with alpha PyTorch rounds alpha * other to 16 bits before it adds; rushlight rounds once")
      for name, source in (("add", "add"), ("sub", "sub"), ("subtract", "sub"))),
    *several("mul div true_divide pow remainder fmod floor_divide", "fmio"),
    *several("maximum minimum fmax fmin atan2 hypot logaddexp copysign", "fmo"),
    Row("rsub", "f"),
    Row("lerp", "fmio", accepts="a wider out= with a tensor as the weight, too: PyTorch has it for a number"),
    *several("addcmul addcdiv", "fmio"),
    Row("clamp", "fmio"),
    *several("clamp_min clamp_max", "fmio"),
    *several("neg abs sign reciprocal square", "fmio"),
    Row("positive", "fm"),
    *several("xlogy", "fmio"),
    *several("logaddexp2 ldexp", "fmo"),
    *several("float_power nextafter heaviside gcd lcm", "fmio"),
    *unary("sgn deg2rad rad2deg"),
    Row("sinc", "fmio", tolerance={"float16": (5e-2, 1e-3), "bfloat16": (2e-1, 1e-2)}, reason="PyTorch rounds pi * x to 16 bits before it takes the sine; rushlight rounds once"),
    *several("signbit isneginf isposinf", "fmo", grad=False),
    Row("frexp", "fm"),
    # other names
    *(Row(name, forms, source) for name, forms, source in (
        ("multiply", "fmio", "mul"), ("divide", "fmio", "div"), ("negative", "fmio", "neg"), ("absolute", "fmio", "abs"),
        ("arcsin", "fmio", "asin"), ("arccos", "fmio", "acos"), ("arctan", "fmio", "atan"), ("arctan2", "fmo", "atan2"), ("arcsinh", "fm", "asinh"),
        ("arccosh", "fm", "acosh"), ("arctanh", "fm", "atanh"), ("fix", "fmio", "trunc"), ("clip", "fmio", "clamp"),
        ("not_equal", "fmio", "ne"), ("less", "fmio", "lt"), ("less_equal", "fmio", "le"), ("greater", "fmio", "gt"), ("greater_equal", "fmio", "ge"))),
    # pointwise functions
    *unary("exp exp2 expm1 log log2 log10 log1p sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh"),
    *unary("asinh acosh atanh", accepts="PyTorch has no derivative of their in-place forms"),
    *unary("sigmoid erf erfc floor ceil trunc round frac nan_to_num"),
    Row("logit", "fmio", tolerance={"float16": (4e-2, 1e-3), "bfloat16": (4e-2, 8e-3)}, reason="PyTorch rounds x / (1 - x) to 16 bits before it takes the logarithm; rushlight rounds once"),
    Row("erfinv", "fmio"),
    Row("angle", "fmo"),
    Row("real", "fp"),
    Row("imag", "fp"),
    Row("view_as_real", "f"),
    Row("view_as_complex", "f", unlike={"dtypes": "complex32 does not exist, so pairs of float16 cannot be seen as complex"}),
    Row("conj", "fm"),
    # activations
    own("relu", "fmi", _one),
    Row("nn.functional.logsigmoid", "f", core=("logsigmoid", "log_sigmoid")),
    *functional("relu relu6 gelu elu leaky_relu softplus hardtanh hardswish selu celu mish softsign tanhshrink threshold"),
    *functional("silu", accepts="PyTorch refuses the derivative for complex numbers, though it has one"),
    *functional("hardsigmoid", accepts="PyTorch has no second derivative, which is 0"),
    # comparison, logic, bits
    *several("eq ne lt le gt ge", "fmio", grad=False),
    *several("logical_and logical_or logical_xor logical_not", "fmio", grad=False),
    *several("bitwise_and bitwise_or bitwise_xor bitwise_not bitwise_left_shift bitwise_right_shift", "fmio", grad=False),
    *several("isnan isinf isfinite isclose equal allclose", "fm", grad=False),
    # reductions
    *several("sum mean prod amax amin all any argmax argmin cumsum cumprod", "fmo"),
    Row("logsumexp", "fmo", accepts="dim=[] means all dimensions, as elsewhere; PyTorch fails on a shape of its own making"),
    *several("var std", "fmo"),
    *several("max min", "fmo"),
    *several("var_mean std_mean", "f"),
    Row("norm", "fm"),
    *several("count_nonzero nansum", "fm"),
    *several("cummax cummin", "fmo"),
    *several("aminmax logcumsumexp", "fmo"),
    *several("quantile nanquantile", "fmo", unlike={"node": "the last node is squeeze's, which PyTorch has in place"}),
    Row("nanmean", "fmo", unlike={"out": "the dtype of out= is refused as elsewhere; PyTorch finds that it lacks a kernel"}),
    Row("diff", "fmo", accepts="n=0 with a wider out=, as for other n",
        unlike={"node": "for n=0 PyTorch has a node of copy_, which here is named without its namespace"}),
    Row("mode", "fmo"),
    *several("median nanmedian kthvalue", "fmo", unlike={"strided": "expanded elements are equal, and which of equal ones is named is left open"}),
    *(Row(name, "f", core=(name, *more), accepts="x=None, as if it were left out",
          unlike={"node": "PyTorch divides by a number of C++, whose node has a name that no division in Python has"})
      for name, *more in (("trapezoid",), ("trapz",), ("cumulative_trapezoid",))),
    Row("gradient", "f", tolerance={"float16": (2e-3, 2e-3), "bfloat16": (2e-2, 2e-2)},
        reason="the places' factors are multiplied in another order, which shows in 16 bits"),
    *several("cov corrcoef dist", "fm"),
    Row("renorm", "fmio", unlike={"node": "composed of others: the node is that of the last product"}),
    # views and shapes
    *several("reshape permute transpose squeeze unsqueeze narrow select diagonal as_strided unbind chunk", "fm"),
    Row("split", "fm"),
    *several("view expand unfold view_as expand_as reshape_as", "m"),
    *several("flatten ravel movedim t broadcast_to", "fm"),
    Row("unflatten", "fm"),
    Row("T", "p", lambda make: [call(make(2, 3)), call(make(3)), call(make())]),
    Row("mT", "p", lambda make: [call(make(2, 3)), call(make(2, 3, 4)), call(make(3))]),
    Row("__getitem__", "m"),
    own("__setitem__", "m", _setitem, grad=False),
    *several("tile flip roll", "fm"),
    Row("repeat", "m"),
    *several("tril triu", "fmio", unlike={"strided": OVERLAP}),
    *several("broadcast_tensors meshgrid", "f"),
    # join
    *several("cat stack hstack vstack", "fo"),
    Row("dstack", "fo"),
    *several("fliplr flipud", "fm"),
    *several("atleast_1d atleast_2d atleast_3d", "f"),
    *several("trace diagflat diag_embed", "fm", unlike={"node": COMPOSED}),
    Row("vdot", "fmo", unlike={"node": COMPOSED}),
    # selection
    Row("where", "fm", _where),
    Row("masked_fill", "fmi"),
    *several("masked_select index_select gather", "fmo"),
    Row("take_along_dim", "fmo", accepts="without a dimension PyTorch refuses inputs that are not contiguous"),
    *several("scatter scatter_add index_add", "fmio"),
    *several("index_fill index_copy", "fmi"),
    Row("index_put", "fmi"),
    Row("nonzero", "fm", grad=False),
    Row("argwhere", "fm", grad=False),
    # contraction
    *several("matmul mm bmm mv dot", "fmo"),
    Row("addmm", "fmio"),
    Row("baddbmm", "fmio", unlike={"strided": OVERLAP}),
    Row("addmv", "fmio", unlike={"strided": OVERLAP, "shapes": "with a 0-dim input and a matrix without columns, PyTorch's result is 0-dim"}),
    Row("addbmm", "fmio", tolerance={"float32": (1e-5, 1e-4)}, reason="sums of 25 products that nearly cancel, in another order",
        unlike=dict.fromkeys(("inplace", "strided", "grad"), "PyTorch's addbmm_ takes a tensor into which the result does not fit")),
    Row("addr", "fmio"),
    Row("inner", "fmo"),
    Row("outer", "fmo"),
    Row("einsum", "f"),
    Row("nn.functional.linear", "f"),
    # sorting
    *several("sort topk", "fmo"),
    Row("argsort", "fm"),
    Row("msort", "fmo"),
    Row("searchsorted", "fo", grad=False),
    Row("bucketize", "fo", grad=False),
    Row("histc", "fmo", grad=False, tolerance={"float16": (0, 1)}, reason="PyTorch finds the interval in 16 bits: a value near a bound moves"),
    Row("bincount", "fm", grad=False),
    *several("unique unique_consecutive", "fm", grad=False),
    # other names, and what else the core has
    *several("concat concatenate", "fo", source="cat"),
    Row("ger", "fmo", "outer"),
    Row("moveaxis", "fm", "movedim"),
    *several("swapaxes swapdims", "fm", source="transpose"),
    Row("split_with_sizes", "fm", unlike={"shapes": "a 0-dim tensor with a dimension that it has not: PyTorch names the tensor, not the dimension"}),
    Row("empty_strided", "f", grad=False, compare=False),
    Row("empty_permuted", "f", grad=False, compare=False),
    Row("conj_physical", "fmio"),
    Row("hardshrink", "fm", "nn.functional.hardshrink"),
    *functional("softshrink", unlike={"texts": "PyTorch names the range of the dtype"}),
    # softmax and losses
    Row("softmax", "fm"),
    Row("log_softmax", "fm", tolerance={"float16": (2e-3, 1e-3), "bfloat16": (2e-2, 4e-3)},
        reason="PyTorch rounds the logarithm of the sum to 16 bits before it subtracts; here the result alone is rounded"),
    Row("nn.functional.softmin", "f"),
    *functional("cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits"),
    *functional("cosine_embedding_loss cosine_similarity gaussian_nll_loss hinge_embedding_loss kl_div margin_ranking_loss multilabel_soft_margin_loss normalize poisson_nll_loss triplet_margin_loss"),
    *functional("soft_margin_loss pairwise_distance", unlike={"node": COMPOSED}),
    own("nn.functional.triplet_margin_with_distance_loss", "f", _triplets, dtypes=FLOAT),
    # copies and conversions
    *several("clone", "fm"),
    own("copy_", "m", _copy),
    own("to", "m", _to),
    own("contiguous", "m", _one),
    own("detach", "fmi", _one),
    own("fill_", "m", _with(2), _with(1.5), _with(True)),
    own("zero_", "m", _with()),
    *several("float double half bfloat16 int long short char byte bool", "m"),
    own("type_as", "m", lambda make: [call(make(3), make(2).detach().to(torch.float64)), call(make(3), make(2))]),
    Row("item", "m", grad=False),
    plain("scalar_tensor", call(3), call(1.5), call(True), call(2j), call(2, dtype=torch.int8), call(1, requires_grad=True), call("text")),
    own("resize_", "m", _resized, grad=False, compare=False),
    own("tolist", "m", _one, grad=False),
    own("numel", "fm", _one, grad=False),
)  # fmt: skip

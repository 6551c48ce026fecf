"""What `repr` and `print` give: character for character what PyTorch gives."""

from __future__ import annotations

import itertools
import random

import pytest

import rushlight as rl
import rushlight._tensor_str

inf, nan = float("inf"), float("nan")


@pytest.fixture(autouse=True)
def default_options():
    rl.set_printoptions(profile="default")
    yield
    rl.set_printoptions(profile="default")
    rl.set_default_dtype(rl.float32)


# data, keyword arguments of tensor(), what is printed. Needs no PyTorch.
LITERALS = [
    (1.0, {}, "tensor(1.)"),
    (3, {}, "tensor(3)"),
    (True, {}, "tensor(True)"),
    (0.1, {}, "tensor(0.1000)"),
    (-0.0, {}, "tensor(-0.)"),
    (nan, {}, "tensor(nan)"),
    (1 + 2j, {}, "tensor(1.+2.j)"),
    (1.5 - 0.25j, {}, "tensor(1.5000-0.2500j)"),
    ([], {}, "tensor([])"),
    ([], {"dtype": "int64"}, "tensor([], dtype=torch.int64)"),
    ([[], []], {}, "tensor([], size=(2, 0))"),
    ([[]], {"dtype": "bool"}, "tensor([], size=(1, 0), dtype=torch.bool)"),
    ([1.0, 2.0, 3.0], {}, "tensor([1., 2., 3.])"),
    ([1, 20, -300], {}, "tensor([   1,   20, -300])"),
    ([1, 2], {"dtype": "int32"}, "tensor([1, 2], dtype=torch.int32)"),
    ([1, 2], {"dtype": "uint8"}, "tensor([1, 2], dtype=torch.uint8)"),
    ([1.0, 2.5], {"dtype": "float64"}, "tensor([1.0000, 2.5000], dtype=torch.float64)"),
    ([1.0, 2.5], {"dtype": "float16"}, "tensor([1.0000, 2.5000], dtype=torch.float16)"),
    ([1.0, 2.5], {"dtype": "bfloat16"}, "tensor([1.0000, 2.5000], dtype=torch.bfloat16)"),
    ([1.0, 2.0], {"dtype": "complex128"}, "tensor([1.+0.j, 2.+0.j], dtype=torch.complex128)"),
    ([True, False], {}, "tensor([ True, False])"),
    ([0.0, -0.0], {}, "tensor([0., -0.])"),
    ([0.0, 1.5, -0.0], {}, "tensor([0.0000, 1.5000, -0.0000])"),
    ([1.0, nan, inf], {}, "tensor([1., nan, inf])"),
    ([1.0, -inf], {}, "tensor([1., -inf])"),
    ([0.5, nan, -inf], {}, "tensor([0.5000,    nan,   -inf])"),
    ([1e-5, 1.0], {}, "tensor([1.0000e-05, 1.0000e+00])"),
    ([1e9], {}, "tensor([1.0000e+09])"),
    ([1.0, 1001.0], {}, "tensor([1.0000e+00, 1.0010e+03])"),
    ([1.0, 1000.0], {}, "tensor([   1., 1000.])"),
    ([0.5, 500.5], {}, "tensor([5.0000e-01, 5.0050e+02])"),
    ([1.0, 2.0], {"requires_grad": True}, "tensor([1., 2.], requires_grad=True)"),
    ([1.0], {"dtype": "float64", "requires_grad": True}, "tensor([1.], dtype=torch.float64, requires_grad=True)"),
    ([[1.0, 2.0], [3.0, 4.0]], {}, "tensor([[1., 2.],\n        [3., 4.]])"),
    (
        [[[1, 2], [3, 4]], [[5, 6], [7, 8]]],
        {},
        "tensor([[[1, 2],\n         [3, 4]],\n\n        [[5, 6],\n         [7, 8]]])",
    ),
    (
        list(range(30)),
        {},
        (
            "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
            "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])"
        ),
    ),
    (
        [0.5] * 8,
        {"requires_grad": True, "dtype": "float64"},
        (
            "tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000],\n"
            "       dtype=torch.float64, requires_grad=True)"
        ),
    ),
    (list(range(1001)), {}, "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
]


def build(data, kwargs):
    kwargs = dict(kwargs)
    if "dtype" in kwargs:
        kwargs["dtype"] = getattr(rl, kwargs["dtype"])
    return rl.tensor(data, **kwargs)


@pytest.mark.parametrize(("data", "kwargs", "text"), LITERALS, ids=[x[2][:40] for x in LITERALS])
def test_literal(data, kwargs, text):
    assert repr(build(data, kwargs)) == text
    assert str(build(data, kwargs)) == text


def test_summary():
    rows = rl.arange(2000.0).reshape(40, 50)
    assert repr(rows) == (
        "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 4.7000e+01, 4.8000e+01,\n"
        "         4.9000e+01],\n"
        "        [5.0000e+01, 5.1000e+01, 5.2000e+01,  ..., 9.7000e+01, 9.8000e+01,\n"
        "         9.9000e+01],\n"
        "        [1.0000e+02, 1.0100e+02, 1.0200e+02,  ..., 1.4700e+02, 1.4800e+02,\n"
        "         1.4900e+02],\n"
        "        ...,\n"
        "        [1.8500e+03, 1.8510e+03, 1.8520e+03,  ..., 1.8970e+03, 1.8980e+03,\n"
        "         1.8990e+03],\n"
        "        [1.9000e+03, 1.9010e+03, 1.9020e+03,  ..., 1.9470e+03, 1.9480e+03,\n"
        "         1.9490e+03],\n"
        "        [1.9500e+03, 1.9510e+03, 1.9520e+03,  ..., 1.9970e+03, 1.9980e+03,\n"
        "         1.9990e+03]])"
    )


# --- options ----------------------------------------------------------------------------------------------------------


def test_options():
    x = rl.tensor([1.23456789, 2.0])
    rl.set_printoptions(precision=2)
    assert repr(x) == "tensor([1.23, 2.00])"
    rl.set_printoptions(sci_mode=True)
    assert repr(x) == "tensor([1.23e+00, 2.00e+00])"
    rl.set_printoptions()  # scientific mode goes back to automatic, the rest stays
    assert repr(x) == "tensor([1.23, 2.00])"
    rl.set_printoptions(profile="default", threshold=5, edgeitems=1)
    assert repr(rl.arange(6)) == "tensor([0,  ..., 5])"
    rl.set_printoptions(edgeitems=0)
    assert repr(rl.arange(6)) == "tensor([...], size=(6,))"
    assert repr(rl.ones(2, 3)) == "tensor([...], size=(2, 3))"
    assert repr(rl.ones(2)) == "tensor([1., 1.], size=(2,))"
    rl.set_printoptions(profile="full")
    assert "..." not in repr(rl.arange(2000))
    rl.set_printoptions(profile="default", linewidth=20)
    assert repr(rl.arange(6)) == "tensor([0, 1, 2, 3,\n        4, 5])"
    rl.set_printoptions(linewidth=inf)
    assert "\n" not in repr(rl.arange(1000))


def test_printoptions_block_restores():
    before = rl._tensor_str.get_printoptions()
    with rl._tensor_str.printoptions(precision=1, sci_mode=True):
        assert repr(rl.tensor(2.5)) == "tensor(2.5e+00)"
        with rl._tensor_str.printoptions(precision=0, sci_mode=False):
            assert repr(rl.tensor(2.5)) == "tensor(2)"
        assert repr(rl.tensor(2.5)) == "tensor(2.5e+00)"
    assert rl._tensor_str.get_printoptions() == before
    with pytest.raises(KeyError), rl._tensor_str.printoptions(precision=7):
        raise KeyError
    assert rl._tensor_str.get_printoptions() == before


def test_printoptions_decorates():
    @rl._tensor_str.printoptions(precision=1)
    def text(x):
        return repr(x)

    assert text(rl.tensor(0.25)) == "tensor(0.2)"
    assert repr(rl.tensor(0.25)) == "tensor(0.2500)"


def test_default_dtype_goes_unsaid():
    rl.set_default_dtype(rl.float64)
    assert repr(rl.tensor(1.0)) == "tensor(1.)"
    assert repr(rl.tensor(1.0, dtype=rl.float32)) == "tensor(1., dtype=torch.float32)"
    assert repr(rl.tensor(1j)) == "tensor(0.+1.j)"
    assert repr(rl.tensor(1j, dtype=rl.complex64)) == "tensor(0.+1.j, dtype=torch.complex64)"


# --- history and subclasses -------------------------------------------------------------------------------------------


class Doubled(rl.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


HISTORIES = [
    (lambda x: x + 1, "AddBackward0"),
    (lambda x: x * x, "MulBackward0"),
    (lambda x: x.exp(), "ExpBackward0"),
    (lambda x: x.view(2, 1), "ViewBackward0"),
    (lambda x: x[1:], "SliceBackward0"),
    (lambda x: Doubled.apply(x), "DoubledBackward"),
]


@pytest.mark.parametrize(("function", "name"), HISTORIES, ids=[n for _, n in HISTORIES])
def test_grad_fn(function, name):
    x = rl.tensor([1.0, 2.0], requires_grad=True)
    assert repr(function(x)).endswith(f", grad_fn=<{name}>)")
    assert "grad_fn" not in repr(function(x).detach())


def test_printing_records_nothing_and_keeps_versions():
    x = rl.ones(2000, requires_grad=True)
    y = x * 2
    node, version = y.grad_fn, y._version
    repr(y)
    assert y.grad_fn is node
    assert y._version == version


class MyTensor(rl.Tensor):
    pass


def test_subclass():
    assert repr(rl.ones(2).as_subclass(MyTensor)) == "MyTensor([1., 1.])"
    assert repr(rl.ones(2, 2).as_subclass(MyTensor)) == "MyTensor([[1., 1.],\n          [1., 1.]])"
    assert format(rl.ones(1).as_subclass(MyTensor), "") == "MyTensor([1.])"


def test_contents_can_be_given():
    assert rl.ones(3).__repr__(tensor_contents="...") == "tensor(...)"


def test_format():
    assert f"{rl.tensor(1.5):.3f}" == "1.500"
    assert f"{rl.tensor(1.5, requires_grad=True):6.1f}" == "   1.5"
    assert f"{rl.tensor(7):03d}" == "007"
    assert f"{rl.tensor(1 + 2j):.2f}" == "1.00+2.00j"
    assert f"{rl.tensor(1.5)}" == "1.5"
    assert f"{rl.tensor([1.5])}" == "tensor([1.5000])"
    with pytest.raises(TypeError, match=r"unsupported format string passed to Tensor\.__format__"):
        format(rl.ones(2), ".2f")


# --- against PyTorch --------------------------------------------------------------------------------------------------

DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float32",
    "float32",
    "float64",
    "complex64",
    "complex128",
]


def random_floats(torch, r, shape, dtype):
    base = torch.randn(shape, dtype=torch.float64)
    x = r.choice(
        [
            lambda: base,
            lambda: base * 10.0 ** r.randint(-12, 14),
            lambda: (base * 10.0 ** r.randint(0, 6)).round(),
            lambda: base * 10.0 ** torch.randint(-6, 7, shape).double(),
            lambda: torch.randint(-5, 6, shape).double(),
            lambda: torch.zeros(shape, dtype=torch.float64) * r.choice([1, -1]),
        ]
    )()
    for odd, chance in ((0.0, 0.3), (-0.0, 0.1), (nan, 0.15), (inf, 0.15), (-inf, 0.15)):
        if r.random() < chance:
            x = torch.where(torch.rand(shape) < r.choice([0.1, 0.5, 1.0]), torch.tensor(odd, dtype=torch.float64), x)
    return x.to(dtype)


def random_tensor(torch, r):
    ndim = r.choice([0, 1, 1, 2, 2, 3, 4, 5])
    shape = [r.randint(1, (1, 60, 14, 7, 4, 3)[ndim]) for _ in range(ndim)]
    if ndim and r.random() < 0.1:
        shape[r.randrange(ndim)] = r.choice([0, 0, 150])
    name = r.choice(DTYPES)
    dtype = getattr(torch, name)
    if name == "bool":
        return torch.rand(shape) < 0.5
    if name == "complex64":
        return torch.complex(
            random_floats(torch, r, shape, torch.float32), random_floats(torch, r, shape, torch.float32)
        )
    if name == "complex128":
        return torch.complex(
            random_floats(torch, r, shape, torch.float64), random_floats(torch, r, shape, torch.float64)
        )
    if dtype.is_floating_point:
        return random_floats(torch, r, shape, dtype)
    limits, bound = torch.iinfo(dtype), r.choice([10, 100, 10**9, 2**62])
    return torch.randint(max(limits.min, -bound), min(limits.max, bound), shape, dtype=dtype)


def random_options(r):
    choices = {
        "precision": range(10),
        "threshold": [0, 1, 5, 10, 50, 200, inf],
        "edgeitems": [0, 1, 2, 3, 4, 10],
        "linewidth": [1, 10, 20, 40, 79, 80, 81, 120, 1000],
        "profile": ["default", "short", "full"],
        "sci_mode": [True, False, None],
    }
    return {k: r.choice(v) for k, v in choices.items() if r.random() < 0.3}


def counterpart(x):
    """The same tensor in rushlight."""
    name = str(x.dtype).removeprefix("torch.")
    return rl.tensor(x.flatten().tolist(), dtype=getattr(rl, name)).reshape(tuple(x.shape))


@pytest.mark.parametrize("seed", range(20))
def test_random_tensors_print_as_in_pytorch(seed):
    torch = pytest.importorskip("torch")
    r = random.Random(seed)
    torch.manual_seed(seed)
    try:
        for _ in range(50):
            options = random_options(r)
            for library in (torch, rl):
                library.set_printoptions(profile="default")
                library.set_printoptions(**options)
            assert torch._tensor_str.get_printoptions() == rl._tensor_str.get_printoptions()
            for _ in range(4):
                x = random_tensor(torch, r)
                y = counterpart(x)
                if (x.dtype.is_floating_point or x.dtype.is_complex) and r.random() < 0.2:
                    x.requires_grad_()
                    y.requires_grad_()
                assert repr(y) == repr(x), options
    finally:
        torch.set_printoptions(profile="default")


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: x + 1,
        lambda m, x: x.sum(),
        lambda m, x: x.mean(0),
        lambda m, x: x.t(),
        lambda m, x: x[0],
        lambda m, x: x.reshape(-1),
        lambda m, x: x.unsqueeze(0),
        lambda m, x: x.expand(2, 3, 4),
        lambda m, x: x @ x.t(),
        lambda m, x: x.clone(),
        lambda m, x: m.cat([x, x]),
        lambda m, x: m.softmax(x, 1),
        lambda m, x: m.stack([x, x]),
        lambda m, x: x.split(2, 1)[1],
        lambda m, x: x.double(),
        lambda m, x: x.pow(2).sqrt().log(),
    ],
)
def test_histories_print_as_in_pytorch(function):
    torch = pytest.importorskip("torch")
    data = [[float(i * 4 + j + 1) for j in range(4)] for i in range(3)]
    texts = [repr(function(m, m.tensor(data, requires_grad=True))) for m in (torch, rl)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("shape", "step"), list(itertools.product([(7,), (3, 5), (2, 3, 4), (1, 1, 1, 2), (11, 101)], [1, 2]))
)
def test_views_print_as_in_pytorch(shape, step):
    torch = pytest.importorskip("torch")
    n = 1
    for s in shape:
        n *= s
    texts = [repr(m.arange(n).reshape(shape).transpose(0, -1)[::step]) for m in (torch, rl)]
    assert texts[0] == texts[1]

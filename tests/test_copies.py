"""Tensor methods written in Python: pickles, copies, NumPy, DLPack, and small queries."""

from __future__ import annotations

import copy
import pickle
from typing import ClassVar

import pytest

import rushlight as rl

numpy = pytest.importorskip("numpy")

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
    "float64",
    "complex64",
    "complex128",
]


class MyTensor(rl.Tensor):
    pass


class WithState(rl.Tensor):
    def __getstate__(self):
        return {"note": self.note + " kept"}

    def __setstate__(self, state):
        self.note = state["note"] + " and restored"


def through_pickle(x, protocol):
    return pickle.loads(pickle.dumps(x, protocol))


def out_of_band(x, _):
    buffers = []
    data = pickle.dumps(x, 5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=buffers)


def equal(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and bool((a == b).all())


WAYS = [(through_pickle, p) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)] + [(out_of_band, 5)]
COPIES = [*WAYS, (lambda x, _: copy.deepcopy(x), 0), (lambda x, _: copy.copy(x), 0)]


@pytest.mark.parametrize(("way", "protocol"), COPIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(way, protocol, dtype):
    x = rl.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(rl, dtype))
    for y in (x, x.t(), x[0], x[:, 1], x[0, 0], x[:0], x[0].expand(4, 3), x[:, ::2]):
        z = way(y, protocol)
        assert equal(z, y)
        assert type(z) is rl.Tensor
        assert z.is_leaf
        assert z._base is None


@pytest.mark.parametrize(("way", "protocol"), COPIES)
def test_dense_strides_are_kept(way, protocol):
    x = rl.arange(120.0).reshape(2, 3, 4, 5)
    for y in (x, x.permute(2, 0, 3, 1), x.transpose(1, 3), x[:1].permute(3, 2, 1, 0)):
        assert way(y, protocol).stride() == y.stride()


@pytest.mark.parametrize(("way", "protocol"), COPIES)
def test_requires_grad_type_and_attributes(way, protocol):
    x = rl.ones(3, requires_grad=True)
    assert way(x, protocol).requires_grad
    y = rl.ones(3).as_subclass(MyTensor)
    y.tag = "hello"
    z = way(y, protocol)
    assert type(z) is MyTensor
    assert z.tag == "hello"
    plain = rl.ones(3)
    plain.tag = [1, 2]
    assert way(plain, protocol).tag == [1, 2]


@pytest.mark.parametrize(("way", "protocol"), WAYS)
def test_own_state_methods(way, protocol):
    x = rl.ones(2).as_subclass(WithState)
    x.note = "note"
    y = way(x, protocol)
    assert type(y) is WithState
    assert y.note == "note kept and restored"


@pytest.mark.parametrize(("way", "protocol"), [w for w in WAYS if w[0] is through_pickle])
def test_unpickled_memory_is_its_own(way, protocol):
    x = rl.zeros(3)
    way(x, protocol).fill_(1)
    assert x.tolist() == [0, 0, 0]
    y = way(x, protocol)
    y.add_(1)
    assert y.tolist() == [1, 1, 1]


def test_pickles_of_results_are_leaves():
    x = rl.ones(2, requires_grad=True)
    y = through_pickle(x * 2, 4)
    assert y.requires_grad
    assert y.grad_fn is None


def test_a_slice_does_not_carry_its_storage():
    assert len(pickle.dumps(rl.zeros(100_000)[:1])) < 1000


# --- copies -----------------------------------------------------------------------------------------------------------


def test_copy_shares_memory():
    x = rl.zeros(2)
    y = copy.copy(x)
    y[0] = 1
    assert x.tolist() == [1, 0]


def test_deepcopy_keeps_sharing():
    base = rl.arange(10.0)
    parts = [base, base[2:5], base[4:8].view(2, 2), base]
    copied = copy.deepcopy(parts)
    copied[0][4] = 100
    assert copied[1].tolist() == [2, 3, 100]
    assert copied[2].tolist() == [[100, 5], [6, 7]]
    assert copied[3] is copied[0]
    assert base[4].item() == 4


def test_deepcopy_takes_the_gradient_along():
    x = rl.ones(3, requires_grad=True)
    (x * 2).sum().backward()
    y = copy.deepcopy(x)
    assert y.grad.tolist() == [2, 2, 2]
    y.grad[0] = 7
    assert x.grad.tolist() == [2, 2, 2]


def test_deepcopy_of_a_result_raises():
    x = rl.ones(1, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user") as caught:
        copy.deepcopy(x)
    assert str(caught.value) == (
        "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
        "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
        "see https://github.com/pytorch/pytorch/pull/103001"
    )


def test_deepcopy_of_a_cycle():
    x = rl.ones(1)
    x.me = x
    y = copy.deepcopy(x)
    assert y.me is y
    del x.me, y.me


# --- NumPy and DLPack -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bfloat16"])
def test_numpy_shares_memory(dtype):
    x = rl.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(rl, dtype))
    for y in (x, x.t(), x[1], x[:, 1], x[0, 0], x[:0], x[:, ::2]):
        a = y.numpy()
        assert a.dtype == dtype
        assert a.shape == tuple(y.shape)
        assert a.tolist() == y.tolist()
        if y.numel():
            assert a.strides == tuple(s * a.itemsize for s in y.stride())
    a = x.numpy()
    a[0, 0] = 1
    assert x[0, 0].item() == 1
    del x
    assert a[0, 0] == 1


def test_numpy_errors():
    x = rl.ones(2, requires_grad=True)
    text = r"Can't call numpy\(\) on Tensor that requires grad\. Use tensor\.detach\(\)\.numpy\(\) instead\."
    for convert in (lambda: x.numpy(), lambda: numpy.asarray(x), lambda: x.__array__()):
        with pytest.raises(RuntimeError, match=text):
            convert()
    assert x.numpy(force=True).tolist() == [1, 1]
    for force in (False, True):
        with pytest.raises(TypeError, match="Got unsupported ScalarType BFloat16"):
            rl.ones(2).bfloat16().numpy(force=force)


def test_array_protocol():
    x = rl.ones(2)
    assert numpy.asarray(x).dtype == numpy.float32
    assert numpy.asarray(x, dtype=numpy.float64).dtype == numpy.float64
    copied = numpy.array(x)
    copied[0] = 5
    assert x.tolist() == [1, 1]
    numpy.asarray(x)[0] = 5
    assert x.tolist() == [5, 1]


def test_numpy_functions_give_tensors():
    x = rl.tensor([0.0, 1.0])
    assert isinstance(numpy.sin(x), rl.Tensor)
    assert numpy.add(x, 1).tolist() == [1, 2]
    assert numpy.isfinite(x).dtype == rl.uint8


def test_dlpack():
    a = numpy.arange(6.0).reshape(2, 3)
    x = rl.from_dlpack(a)
    a[0, 0] = 9
    assert x[0, 0].item() == 9
    assert x.__dlpack_device__() == (1, 0)
    back = numpy.from_dlpack(x)
    assert back.tolist() == a.tolist()
    same = rl.from_dlpack(x)
    same[0, 1] = 8
    assert x[0, 1].item() == 8
    other = rl.from_dlpack(x, copy=True)
    other[0, 1] = 7
    assert x[0, 1].item() == 8
    assert rl.from_dlpack(x.t().__dlpack__()).stride() == (1, 3)
    with pytest.raises(BufferError, match=r"Can't export tensors that require gradient, use tensor\.detach\(\)"):
        rl.ones(1, requires_grad=True).__dlpack__()
    with pytest.raises(AssertionError, match=r"stream should be None on cpu\."):
        x.__dlpack__(stream=1)
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        rl.from_dlpack(a, device="cuda")


# --- small queries ----------------------------------------------------------------------------------------------------


def test_contains():
    x = rl.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert 1 in x
    assert 4.0 in x
    assert 1.5 not in x
    assert rl.tensor(2.0) in x
    assert rl.tensor([1.0, 9.0]) in x
    assert numpy.float32(3) in x
    with pytest.raises(
        RuntimeError, match=r"Tensor.__contains__ only supports Tensor or scalar, but you passed in a <class 'str'>\."
    ):
        "a" in x


def test_type():
    x = rl.ones(1)
    assert x.type() == "torch.FloatTensor"
    assert x.bfloat16().type() == "torch.BFloat16Tensor"
    for dtype in DTYPES:
        name = x.to(getattr(rl, dtype)).type()
        assert x.type(name).dtype == getattr(rl, dtype)
        assert x.type(getattr(rl, dtype)).dtype == getattr(rl, dtype)
    assert x.type("torch.FloatTensor") is x
    with pytest.raises(ValueError, match="invalid type: 'foo'"):
        x.type("foo")
    with pytest.raises(ValueError, match="invalid type: 'float'"):
        x.type(float)
    with pytest.raises(TypeError, match="dtype must be a type, str, or dtype object"):
        x.type(3)


def test_split():
    x = rl.arange(6).reshape(2, 3)
    assert [p.tolist() for p in x.split(2, dim=1)] == [[[0, 1], [3, 4]], [[2], [5]]]
    assert [p.tolist() for p in x.split([1, 2], -1)] == [[[0], [3]], [[1, 2], [4, 5]]]
    assert len(x.split(rl.tensor(1))) == 2
    with pytest.raises(
        RuntimeError, match="split_size can only be 0 if dimension size is 0, but got dimension size of 2"
    ):
        x.split(0)
    with pytest.raises(RuntimeError, match=r"split_sizes to sum exactly to 2 \(input tensor's size at dimension 0\)"):
        x.split([1, 2])


def test_dir_lists_attributes():
    x = rl.ones(1)
    x.special = 1
    assert {"special", "numpy", "backward"} <= set(dir(x))
    assert "__cuda_array_interface__" not in dir(x)
    assert not hasattr(x, "__cuda_array_interface__")


def test_sizes():
    x = rl.ones(2, 3, dtype=rl.float64)
    assert x.element_size() == 8
    assert x.is_same_size(rl.ones(2, 3))
    assert not x.is_same_size(rl.ones(3, 2))
    assert [r.tolist() for r in (rl.arange(3).__reversed__(), rl.tensor(1).__reversed__())] == [[2, 1, 0], 1]


class Logged(rl.Tensor):
    log: ClassVar[list[str]] = []

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        cls.log.append(function.__name__)
        return super().__torch_function__(function, types, args, kwargs or {})


def test_subclasses_intercept_these_methods():
    x = rl.ones(2).as_subclass(Logged)
    Logged.log.clear()
    assert repr(x) == "Logged([1., 1.])"
    assert Logged.log == ["__repr__"]
    Logged.log.clear()
    assert 1 in x
    assert Logged.log == ["__contains__"]
    assert type(through_pickle(x, 4)) is type(copy.deepcopy(x)) is Logged

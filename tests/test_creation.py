"""Making tensors, and taking them to and from Python, NumPy, buffers, DLPack and pickle."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest
import rushlight as rl

DTYPES = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()
IN_NUMPY = [d for d in DTYPES if d != "bfloat16"]


def some(dtype: str) -> Any:
    return rl.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(rl, dtype))


# From Python


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (1, "int64", ()), (1.5, "float32", ()), (True, "bool", ()), (1j, "complex64", ()), ([], "float32", (0,)), ([[]], "float32", (1, 0)), ([[], []], "float32", (2, 0)),
        ([1, 2], "int64", (2,)), ([1, 2.5], "float32", (2,)), ([True, 2], "int64", (2,)), ([True, 2.5], "float32", (2,)), ([1, 2j], "complex64", (2,)), ((1, (2)), "int64", (2,)),
        ([[1], [2]], "int64", (2, 1)), (range(3), "int64", (3,)), ([range(2), range(2)], "int64", (2, 2)), (2**62, "int64", ()), (np.float64(2), "float64", ()), (np.arange(3, dtype=np.int16), "int16", (3,)),
        ([np.float32(1), 2], "float32", (2,)), (np.ones((2, 2), dtype=bool), "bool", (2, 2)), (bytearray(b"ab"), "int64", (2,)),
    ],
    ids=repr,
)  # fmt: skip
def test_tensor(data: Any, dtype: str, shape: tuple[int, ...]) -> None:
    t = rl.tensor(data)
    assert t.dtype is getattr(rl, dtype) and tuple(t.shape) == shape
    assert t.tolist() == np.array(data).tolist()
    assert t.is_leaf and not t.requires_grad and t.is_contiguous()


def test_list_of_tensors() -> None:
    assert rl.tensor([rl.tensor(1), rl.tensor(2)]).tolist() == [1, 2]
    assert rl.tensor([[rl.tensor(1.5), 2]]).tolist() == [[1.5, 2.0]]


def test_copy_of_a_tensor_warns() -> None:
    t = rl.ones(2)
    with pytest.warns(UserWarning, match="To copy construct from a tensor, it is recommended to use"):
        other = rl.tensor(t)
    other[0] = 5
    assert t.tolist() == [1, 1]


def loop() -> list[Any]:
    data: list[Any] = []
    data.append(data)
    return data


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ([[1], [1, 2]], ValueError), ([1, [2]], TypeError), ([[1], 2], TypeError), ("text", TypeError), (["a"], ValueError), (None, RuntimeError), ([None], RuntimeError), ({}, RuntimeError), (object(), RuntimeError),
        (2**70, ValueError), ([2**70], ValueError), (loop(), ValueError), ({1, 2}, RuntimeError), (print, RuntimeError), (b"ab", TypeError),
    ],
    ids=["ragged", "number, list", "list, number", "text", "list of text", "None", "list of None", "dict", "object", "huge", "list of huge", "recursive", "set", "function", "bytes"],
)  # fmt: skip
def test_wrong_data(data: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        rl.tensor(data)


def test_wrong_data_is_wrong_in_pytorch() -> None:
    """The list above asks for what PyTorch raises."""
    torch = pytest.importorskip("torch")
    for data, error in next(m for m in test_wrong_data.pytestmark if m.name == "parametrize").args[1]:
        with pytest.raises(Exception) as caught:
            torch.tensor(data)
        assert caught.type is error, (type(data), caught)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtype_argument(dtype: str) -> None:
    wanted = getattr(rl, dtype)
    for t in (
        rl.tensor([0, 1], dtype=wanted),
        rl.zeros(2, dtype=wanted),
        rl.ones(2, dtype=wanted),
        rl.full((2,), 1, dtype=wanted),
        rl.empty(2, dtype=wanted),
        rl.ones(2).to(wanted),
    ):
        assert t.dtype is wanted and t.element_size() == wanted.itemsize


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bool" and "complex" not in d])
def test_dtype_argument_of_arange(dtype: str) -> None:
    assert rl.arange(2, dtype=getattr(rl, dtype)).dtype is getattr(rl, dtype)


@pytest.mark.parametrize("wrong", ["float32", np.float32, 3, object()])
def test_wrong_dtype_argument(wrong: Any) -> None:
    with pytest.raises(TypeError):
        rl.zeros(2, dtype=wrong)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", "nonsense"])
def test_other_devices_are_refused_clearly(device: str) -> None:
    for call in (
        lambda: rl.zeros(2, device=device),
        lambda: rl.tensor([1], device=device),
        lambda: rl.zeros(2).to(device),
    ):
        with pytest.raises((RuntimeError, AssertionError)) as caught:
            call()
        assert str(caught.value)
    assert rl.zeros(2, device="cpu").device == rl.device("cpu")


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        ((-1,), RuntimeError),
        ((2, -3), RuntimeError),
        (("a",), TypeError),
        ((1.5,), TypeError),
        ((None,), TypeError),
        ((float("nan"),), TypeError),
        ((10**18,), RuntimeError),
        ((2**40, 2**40), RuntimeError),
        ((2**70,), (RuntimeError, TypeError, OverflowError)),
    ],
)
@pytest.mark.parametrize("name", ["empty", "zeros", "ones", "rand"])
def test_impossible_shapes(name: str, shape: tuple[Any, ...], error: Any) -> None:
    with pytest.raises(error):
        getattr(rl, name)(*shape)
    with pytest.raises(error):
        getattr(rl, name)(shape)
    assert rl.ones(2).tolist() == [1, 1]


def test_shapes_may_be_given_in_any_way() -> None:
    for t in (
        rl.zeros(2, 3),
        rl.zeros((2, 3)),
        rl.zeros([2, 3]),
        rl.zeros(rl.Size([2, 3])),
        rl.zeros(size=(2, 3)),
        rl.zeros(np.int64(2), 3),
        rl.zeros(rl.tensor(2), 3),
    ):
        assert t.shape == (2, 3)
    assert rl.zeros(()).shape == () and rl.zeros(0).shape == (0,) and rl.zeros(2, 0, 3).numel() == 0


# To Python


@pytest.mark.parametrize("dtype", DTYPES)
def test_item_and_tolist(dtype: str) -> None:
    kind = bool if dtype == "bool" else complex if "complex" in dtype else float if "float" in dtype else int
    t = some(dtype)
    expected = np.array([[0, 1, 2], [3, 4, 5]]).astype(kind).tolist()
    assert t.tolist() == expected and t.t().tolist() == [list(row) for row in zip(*expected, strict=True)]
    assert type(t[1, 2].item()) is kind and t[1, 2].item() == kind(5)
    assert t[1, 2].tolist() == kind(5)


def test_item_needs_one_element() -> None:
    with pytest.raises(RuntimeError, match="a Tensor with 2 elements cannot be converted to Scalar"):
        rl.ones(2).item()
    assert rl.ones(1, 1).item() == 1.0


def test_conversions_to_numbers() -> None:
    assert (int(rl.tensor(2.9)), float(rl.tensor(3)), complex(rl.tensor(2.0)), bool(rl.tensor([5]))) == (
        2,
        3.0,
        2 + 0j,
        True,
    )
    with pytest.raises(RuntimeError, match="Boolean value of Tensor with more than one value is ambiguous"):
        bool(rl.ones(2))
    with pytest.raises(TypeError, match="only integer tensors of a single element can be converted to an index"):
        _ = [1, 2][rl.tensor(1.0)]
    assert f"{rl.tensor(2.5):.2f}" == "2.50" and f"{rl.ones(1)}" == "tensor([1.])"


def test_hash_is_by_identity_and_equality_by_element() -> None:
    a, b = rl.ones(2), rl.ones(2)
    assert hash(a) == hash(a) and len({a, b}) == 2
    assert (a == b).tolist() == [True, True]


# NumPy, buffers, DLPack


@pytest.mark.parametrize("dtype", IN_NUMPY)
def test_numpy_shares_memory_both_ways(dtype: str) -> None:
    t = some(dtype)
    array = t.numpy()
    assert array.dtype == np.dtype(dtype) and array.tolist() == t.tolist()
    t[0, 0] = 1
    assert array[0, 0] == 1
    back = rl.from_numpy(array)
    back[1, 1] = 0
    assert t[1, 1].item() == 0 and back.dtype is t.dtype and back.data_ptr() == t.data_ptr()


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.T,
        lambda a: a[:, ::2],
        lambda a: a[1:],
        lambda a: a[0, 0, ...],
        lambda a: a[:0],
        lambda a: a[:, None],
    ],
)
def test_numpy_layouts(change: Any) -> None:
    array = change(np.arange(6.0).reshape(2, 3))
    if not isinstance(array, np.ndarray) or array.ndim == 0:
        array = np.array(array)
    t = rl.from_numpy(array)
    assert t.tolist() == array.tolist()
    assert [s * 8 for n, s in zip(t.shape, t.stride(), strict=True) if n > 1] == [
        s for n, s in zip(array.shape, array.strides, strict=True) if n > 1
    ] or not array.size
    assert t.numpy().tolist() == array.tolist()


@pytest.mark.parametrize(
    ("array", "error"),
    [
        (np.arange(6.0)[::-1], ValueError), (np.array(["a"]), TypeError), (np.array([object()]), TypeError), ([1, 2], TypeError), (np.zeros(2, dtype=">f4"), ValueError), (np.zeros(2, dtype="M8[s]"), TypeError),
    ],
    ids=["negative stride", "text", "objects", "list", "byte order", "dates"],
)  # fmt: skip
def test_arrays_that_no_tensor_can_be(array: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        rl.from_numpy(array)


def test_read_only_array_warns() -> None:
    array = np.arange(3.0)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="not writable"):
        rl.from_numpy(array)


def test_numpy_functions_take_tensors() -> None:
    t = rl.tensor([[1.0, 4.0]])
    assert np.asarray(t).tolist() == [[1, 4]] and np.sqrt(np.asarray(t)).tolist() == [[1, 2]]
    assert np.array(t, dtype=np.int32).dtype == np.int32


@pytest.mark.parametrize("dtype", [d for d in IN_NUMPY if d != "bool"])
def test_dlpack_both_ways(dtype: str) -> None:
    t = some(dtype)
    array = np.from_dlpack(t)
    assert array.tolist() == t.tolist() and array.__array_interface__["data"][0] == t.data_ptr()
    back = rl.from_dlpack(array.copy())
    assert back.dtype is t.dtype and back.tolist() == t.tolist()


@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_with_pytorch(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.arange(6).reshape(2, 3).t().to(getattr(torch, dtype))
    ours = rl.from_dlpack(theirs)
    assert (
        ours.tolist() == theirs.tolist() and ours.stride() == theirs.stride() and ours.data_ptr() == theirs.data_ptr()
    )
    assert torch.from_dlpack(some(dtype)).tolist() == some(dtype).tolist()


def test_dlpack_outlives_its_source() -> None:
    arrays = [np.from_dlpack(rl.full((1000,), float(i))) for i in range(20)]
    junk = [rl.full((1000,), -1.0) for _ in range(50)]
    assert [a.sum() for a in arrays] == [1000.0 * i for i in range(20)] and len(junk) == 50


def test_as_tensor_shares_where_it_can() -> None:
    t, array = rl.ones(2), np.ones(2)
    assert rl.as_tensor(t) is t
    assert rl.as_tensor(array).data_ptr() == array.__array_interface__["data"][0]
    assert rl.as_tensor(t, dtype=rl.float64).dtype is rl.float64
    assert rl.as_tensor([1, 2]).tolist() == [1, 2]


# Copies and pickle


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(dtype: str, protocol: int) -> None:
    t = some(dtype)
    for original in (t, t.t(), t[:, 1], t[0, 0], t[:0]):
        again = pickle.loads(pickle.dumps(original, protocol))
        assert again.dtype is original.dtype and again.shape == original.shape
        # Of a view with gaps only its own elements are kept, PyTorch keeps the whole storage.
        assert again.stride() == (original.clone() if original.ndim == 1 else original).stride()
        assert again.tolist() == original.tolist()


def test_pickle_keeps_flags_and_sharing() -> None:
    x = rl.ones(2, requires_grad=True)
    assert pickle.loads(pickle.dumps(x)).requires_grad
    again = pickle.loads(pickle.dumps([x, x]))
    assert again[0] is again[1]
    buffer = io.BytesIO()
    pickle.dump({"weights": x}, buffer)
    buffer.seek(0)
    assert pickle.load(buffer)["weights"].tolist() == [1, 1]


def test_copy_and_deepcopy() -> None:
    x = rl.ones(2, requires_grad=True)
    (x * 2).sum().backward()
    deep = copy.deepcopy(x)
    assert (
        deep.requires_grad
        and deep.data_ptr() != x.data_ptr()
        and deep.grad.tolist() == [2, 2]
        and deep.grad is not x.grad
    )
    shallow = copy.copy(x)
    assert shallow.data_ptr() == x.data_ptr()
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(x * 2)


def test_deepcopy_keeps_shared_memory_shared() -> None:
    base = rl.zeros(3)
    both = copy.deepcopy([base, base[1:]])
    both[0][1] = 5
    assert both[1].tolist() == [5, 0] and base.tolist() == [0, 0, 0]


# Size, dtype, device


def test_size_is_a_tuple() -> None:
    size: Any = rl.ones(2, 3).shape
    assert isinstance(size, tuple) and isinstance(size, rl.Size) and repr(size) == "torch.Size([2, 3])"
    assert size == (2, 3) and size.numel() == 6 and isinstance(size[:1], rl.Size) and isinstance(size + size, rl.Size)
    assert pickle.loads(pickle.dumps(size)) == size


def test_names_of_dtypes() -> None:
    for name in DTYPES:
        dtype = getattr(rl, name)
        assert repr(dtype) == f"torch.{name}" and pickle.loads(pickle.dumps(dtype)) is dtype
        assert dtype.is_floating_point is ("float" in name) and dtype.is_complex is ("complex" in name)
    assert (
        rl.float is rl.float32
        and rl.double is rl.float64
        and rl.long is rl.int64
        and rl.half is rl.float16
        and rl.cfloat is rl.complex64
    )


def test_devices() -> None:
    assert str(rl.device("cpu")) == "cpu" and rl.device("cpu").type == "cpu" and rl.ones(1).device == rl.device("cpu")
    assert repr(rl.device("cpu")) == "device(type='cpu')" and rl.ones(1).is_cpu


# Random numbers


def test_seed_repeats_the_stream_and_state_restores_it() -> None:
    rl.manual_seed(7)
    first = rl.rand(5).tolist()
    state = rl.get_rng_state()
    second = rl.rand(5).tolist()
    rl.set_rng_state(state)
    assert rl.rand(5).tolist() == second != first
    rl.manual_seed(7)
    assert rl.rand(5).tolist() == first and rl.initial_seed() == 7


def test_stream_of_pytorch() -> None:
    rl.manual_seed(0)
    assert rl.randn(3).tolist() == pytest.approx([1.5409960746765137, -0.293428897857666, -2.1787893772125244])


def test_state_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    torch.randn(5)
    rl.set_rng_state(rl.tensor(torch.get_rng_state().tolist(), dtype=rl.uint8))
    ours, our_state = rl.randn(40).tolist(), rl.get_rng_state().tolist()
    assert ours == pytest.approx(torch.randn(40).tolist(), rel=1e-5)
    assert our_state == torch.get_rng_state().tolist()


def test_generators_are_independent() -> None:
    one, two = rl.Generator().manual_seed(1), rl.Generator().manual_seed(1)
    a = rl.rand(3, generator=one)
    rl.rand(100)
    assert rl.equal(a, rl.rand(3, generator=two))
    assert not rl.equal(a, rl.rand(3, generator=two))

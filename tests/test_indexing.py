"""Indexing: what it reads, writes, shares and refuses. Expected values come from NumPy or stand here."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import rushlight as rl


def cube() -> Any:
    return rl.arange(24).reshape(2, 3, 4)


ARRAY = np.arange(24).reshape(2, 3, 4)

# Indices that mean the same in NumPy and in PyTorch; "L" makes an index array, "M" a mask.
SAME = """0 | -1 | 1, 2 | 1, 2, 3 | -1, -1, -1 | : | 1: | :-1 | ::2 | :, 1 | :, 1:3 | ..., 0 | 0, ... | ..., 1:, :2 | None | None, 0, None | :, None, 1
0, None, ..., None, 1 | 5: | 1:1 | -10:10 | [0] | [0, 1, 0] | [-1, 0] | :, [2, 0] | ..., [3, 3] | [0, 1], [1, 2] | [0, 1], :, [1, 2] | [0, 1], 1, [1, 2]
L([[0, 1], [1, 0]]) | :, L([[0], [2]]), L([[1, 3]]) | L([]) | :, L([]) | M([True, False]) | :, M([True, False, True]) | 0, M([False, True, True]), 1 | M([False, False])
:, L([0, 2]), 1: | None, L([1]) | L([1]), None, L([2]) | 0, L([1, 2]), 1:3 | L(1) | :, L(-1) | ... | () | True | False | None, True""".replace("\n", " | ").split(" | ")  # fmt: skip


def index_of(source: str, lib: Any) -> Any:
    class Maker:
        def __getitem__(self, item: Any) -> Any:
            return item

    if lib is np:
        names = {"L": lambda data: np.array(data, dtype=np.int64), "M": lambda data: np.array(data)}
    else:
        names = {"L": lambda data: rl.tensor(data, dtype=rl.int64), "M": rl.tensor}
    return eval(f"make[{source}]", {"make": Maker(), **names})


@pytest.mark.parametrize("source", SAME)
def test_read(source: str) -> None:
    got = cube()[index_of(source, rl)]
    expected = np.asarray(ARRAY[index_of(source, np)])
    assert tuple(got.shape) == expected.shape
    assert got.tolist() == expected.tolist()


@pytest.mark.parametrize("source", SAME)
def test_write(source: str) -> None:
    t, array = cube(), ARRAY.copy()
    t[index_of(source, rl)] = -5
    array[index_of(source, np)] = -5
    assert t.tolist() == array.tolist()


@pytest.mark.parametrize("source", SAME)
def test_write_of_a_tensor(source: str) -> None:
    t, array = cube(), ARRAY.copy()
    array[index_of(source, np)] = ARRAY[index_of(source, np)] * 10  # equal values where an index repeats
    t[index_of(source, rl)] = cube()[index_of(source, rl)] * 10
    assert t.tolist() == array.tolist()


@pytest.mark.parametrize("source", SAME)
def test_augmented_write(source: str) -> None:
    t, array = cube(), ARRAY.copy()
    t[index_of(source, rl)] += 100
    array[index_of(source, np)] += 100
    assert t.tolist() == array.tolist()


BASIC = [s for s in SAME if not any(mark in s for mark in ("L", "M", "[", "True", "False"))]


@pytest.mark.parametrize("source", SAME)
def test_basic_indices_are_views_and_advanced_are_not(source: str) -> None:
    if source in ("True", "False", "None, True", "L(1)", ":, L(-1)"):
        return  # one element or none: the two ways differ in nothing that a user sees
    t = cube()
    part = t[index_of(source, rl)]
    assert part._is_view() is (source in BASIC)
    part.fill_(-1)
    assert (t._version > 0) is (source in BASIC)


KINDS = "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {})"

REFUSED: list[tuple[str, Any, type[Exception], str | None]] = [
    ("too large", 2, IndexError, "index 2 is out of bounds for dimension 0 with size 2"),
    ("too small", -3, IndexError, "index -3 is out of bounds for dimension 0 with size 2"),
    ("last of three", (0, 0, 4), IndexError, "index 4 is out of bounds for dimension 2 with size 4"),
    ("too many", (0, 0, 0, 0), IndexError, "too many indices for tensor of dimension 3"),
    ("list", [0, 2], IndexError, "index 2 is out of bounds for dimension 0 with size 2"),
    ("list of second", (slice(None), [0, -4]), IndexError, "index -4 is out of bounds for dimension 0 with size 3"),
    (
        "lists that differ",
        ([0, 1], [0, 1, 2]),
        IndexError,
        "shape mismatch: indexing tensors could not be broadcast together with shapes [2], [3]",
    ),
    ("step back", slice(None, None, -1), ValueError, "step must be greater than zero"),
    ("step of zero", slice(None, None, 0), ValueError, "slice step cannot be zero"),
    ("float", 1.5, IndexError, KINDS.format("float")),
    ("object", object(), IndexError, KINDS.format("object")),
    ("dict", {}, IndexError, KINDS.format("dict")),
    ("text", "text", IndexError, None),
    ("slice of text", slice("a", None), TypeError, None),
    ("huge", 10**30, ValueError, None),
]


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
@pytest.mark.parametrize(("index", "error", "text"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_refused(index: Any, error: type[Exception], text: str | None) -> None:
    t = cube()
    with pytest.raises(error) as caught:
        _ = t[index]
    assert text is None or str(caught.value).splitlines()[0] == text
    with pytest.raises(error):
        t[index] = 0
    assert t.tolist() == ARRAY.tolist() and t._version == 0


def test_masks_must_fit() -> None:
    with pytest.raises(
        IndexError,
        match=r"The shape of the mask \[3\] at index 0 does not match the shape of the indexed tensor \[2, 3, 4\] at index 0",
    ):
        cube()[rl.tensor([True, False, True])]


def test_indices_must_be_integers() -> None:
    with pytest.raises(IndexError, match="tensors used as indices must be long, int, byte or bool tensors"):
        cube()[rl.tensor([0.0, 1.0])]


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8"])
def test_integer_dtypes_of_indices(dtype: str) -> None:
    index = rl.tensor([1, 0], dtype=getattr(rl, dtype))
    got = cube()[index] if dtype != "uint8" else cube()[index.long()]
    assert got.tolist() == ARRAY[[1, 0]].tolist()


def test_scalar_cannot_be_indexed() -> None:
    with pytest.raises(IndexError, match="invalid index of a 0-dim tensor"):
        rl.tensor(1)[0]
    assert rl.tensor(5)[None].tolist() == [5] and rl.tensor(5)[...].item() == 5 and rl.tensor(5)[()].item() == 5


def test_value_must_broadcast() -> None:
    t = cube()
    with pytest.raises(RuntimeError, match="The expanded size of the tensor"):
        t[0] = rl.zeros(5, dtype=rl.int64)
    with pytest.raises(RuntimeError, match="shape mismatch: value tensor of shape"):
        t[[0, 1]] = rl.zeros(5, dtype=rl.int64)
    t[0] = rl.zeros(1, 1, 4, dtype=rl.int64)  # leading ones may go
    assert t[0].sum() == 0


def test_value_is_cast_to_the_dtype_of_the_tensor() -> None:
    t = rl.zeros(3, dtype=rl.int32)
    t[0], t[1], t[2] = 2.9, True, rl.tensor(7.5)
    assert t.tolist() == [2, 1, 7]


def test_true_adds_a_dimension_and_false_empties_it() -> None:
    assert cube()[True].shape == (1, 2, 3, 4)
    assert cube()[False].shape == (0, 2, 3, 4)


def test_one_element_tensor_is_an_index() -> None:
    t = cube()
    assert t[rl.tensor(1)].tolist() == ARRAY[1].tolist()
    assert t[rl.tensor(0) : rl.tensor(1)].shape == (1, 3, 4)
    assert [10, 20, 30][rl.tensor(1)] == 20


def test_numpy_numbers_and_arrays_are_indices() -> None:
    t = cube()
    assert t[np.int64(1), np.int32(2)].tolist() == ARRAY[1, 2].tolist()
    assert t[np.array([1, 0])].tolist() == ARRAY[[1, 0]].tolist()


def test_iteration_and_unpacking() -> None:
    rows = list(cube())
    assert [r.tolist() for r in rows] == ARRAY.tolist() and all(r._is_view() for r in rows)
    a, b = cube()
    assert b.tolist() == ARRAY[1].tolist() and a.shape == (3, 4)
    with pytest.raises(TypeError, match="iteration over a 0-d tensor"):
        iter(rl.tensor(1))


def test_len_and_contains() -> None:
    assert len(cube()) == 2 and 23 in cube() and 24 not in cube()
    with pytest.raises(TypeError, match=r"len\(\) of a 0-d tensor"):
        len(rl.tensor(1))


def test_items_cannot_be_deleted() -> None:
    with pytest.raises(TypeError):
        del cube()[0]


def test_repeated_indices_accumulate_when_asked() -> None:
    t = rl.zeros(3)
    t.index_put_((rl.tensor([0, 0, 2]),), rl.tensor([1.0, 2.0, 4.0]), accumulate=True)
    assert t.tolist() == [3, 0, 4]


def test_every_slice_of_a_vector() -> None:
    t, array = rl.arange(5), np.arange(5)
    bounds = (None, *range(-6, 7))
    for start, stop, step in itertools.product(bounds, bounds, (None, 1, 2, 3, 7)):
        assert t[start:stop:step].tolist() == array[start:stop:step].tolist(), (start, stop, step)


def test_gradient_of_repeated_reads_adds_up() -> None:
    x = rl.zeros(3, requires_grad=True)
    (x[[0, 0, 2]] * rl.tensor([1.0, 10.0, 100.0])).sum().backward()
    assert x.grad.tolist() == [11, 0, 100]


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")
def test_refused_is_what_pytorch_refuses() -> None:
    torch = pytest.importorskip("torch")
    for name, index, error, text in REFUSED:
        with pytest.raises(error) as caught:
            _ = torch.arange(24).reshape(2, 3, 4)[index]
        assert text is None or str(caught.value).splitlines()[0] == text, name

"""Gather, scatter and indexing by tensors on large arrays: against NumPy, the same bits for any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import rushlight as rl

N = 300
numbers = np.random.default_rng(0)
VALUES = numbers.standard_normal((N, N)).astype(np.float32)
PLACES = numbers.integers(N, size=(N, N))
ROWS = numbers.integers(N, size=2 * N)
LONG = numbers.standard_normal(200_000).astype(np.float32)
BINS = numbers.integers(1000, size=200_000)

x, i, rows = rl.from_numpy(VALUES), rl.from_numpy(PLACES), rl.from_numpy(ROWS)
long, bins = rl.from_numpy(LONG), rl.from_numpy(BINS)


def added(table: Any, key: Any, values: Any) -> Any:
    table = table.copy()
    np.add.at(table, key, values)
    return table


def assigned(key: Any, value: Any) -> Any:
    y = x.clone()
    y[key] = value
    return y


def put(key: Any, value: Any) -> Any:
    y = VALUES.copy()
    y[key] = value
    return y


WIDE = VALUES[ROWS]
CASES: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "gather rows": (lambda: x.gather(1, i), lambda: np.take_along_axis(VALUES, PLACES, 1)),
    "gather columns": (lambda: x.gather(0, i), lambda: np.take_along_axis(VALUES, PLACES, 0)),
    "gather of transposed": (lambda: x.t().gather(0, i), lambda: np.take_along_axis(VALUES.T, PLACES, 0)),
    "scatter_add rows": (
        lambda: x.scatter_add(1, i, x),
        lambda: added(VALUES, (np.arange(N)[:, None], PLACES), VALUES),
    ),
    "scatter_add columns": (
        lambda: x.scatter_add(0, i, x),
        lambda: added(VALUES, (PLACES, np.arange(N)[None, :]), VALUES),
    ),
    "scatter_add bins": (
        lambda: rl.zeros(1000).scatter_add(0, bins, long),
        lambda: added(np.zeros(1000, np.float32), BINS, LONG),
    ),
    "index_select rows": (lambda: x.index_select(0, rows), lambda: VALUES[ROWS]),
    "index_select columns": (lambda: x.index_select(1, rows), lambda: VALUES[:, ROWS]),
    "index_select of transposed": (lambda: x.t().index_select(0, rows), lambda: VALUES.T[ROWS]),
    "index_add rows": (
        lambda: x.index_add(0, rows, x[rows]),
        lambda: added(VALUES, ROWS, WIDE),
    ),
    "index_add columns": (
        lambda: x.index_add(1, rows, x[:, rows]),
        lambda: added(VALUES.T, ROWS, VALUES.T[ROWS]).T,
    ),
    "x[rows]": (lambda: x[rows], lambda: VALUES[ROWS]),
    "x[negative rows]": (lambda: x[rows - N], lambda: VALUES[ROWS]),
    "x[:, matrix]": (lambda: x[:, i], lambda: VALUES[:, PLACES]),
    "x[matrix, row]": (lambda: x[i, rl.arange(N)], lambda: VALUES[PLACES, np.arange(N)]),
    "x[mask]": (lambda: x[x > 0], lambda: VALUES[VALUES > 0]),
    "x[mask of rows]": (lambda: x[x[:, 0] > 0], lambda: VALUES[VALUES[:, 0] > 0]),
    "nonzero": (lambda: (x > 1).nonzero(), lambda: np.argwhere(VALUES > 1)),
    "x[rows] = number": (lambda: assigned(rows, 2.0), lambda: put(ROWS, 2.0)),
    "x[rows] = rows": (lambda: assigned(rows, x[rows]), lambda: put(ROWS, WIDE)),
    "x[:, rows] = column": (
        lambda: assigned((slice(None), rows), x[:, :1]),
        lambda: put((slice(None), ROWS), VALUES[:, :1]),
    ),
    "x[mask] = number": (lambda: assigned(x > 0, 3), lambda: put(VALUES > 0, 3)),
    "x[mask] = list": (lambda: assigned(x > 0, x[x > 0] * 2), lambda: put(VALUES > 0, VALUES[VALUES > 0] * 2)),
}


@pytest.mark.parametrize("name", CASES)
def test_numpy_agrees_and_threads_do_not_matter(name: str) -> None:
    ours, theirs = CASES[name]
    before = rl.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 7):
            rl.set_num_threads(threads)
            results.append(ours().numpy())
    finally:
        rl.set_num_threads(before)
    np.testing.assert_array_equal(results[0], theirs())
    for result in results[1:]:
        assert result.tobytes() == results[0].tobytes()


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int16", "int64", "float16", "bfloat16", "float64", "complex64", "complex128"]
)
def test_every_size_of_element_moves(dtype: str) -> None:
    y = (x * 4).to(getattr(rl, dtype))
    assert rl.equal(y[rows], rl.stack([y[int(r)] for r in ROWS]))
    assert rl.equal(y.gather(1, i)[3], rl.stack([y[3, int(k)] for k in PLACES[3]]))
    z = rl.zeros(N, N, dtype=y.dtype).index_add(0, rl.arange(N), y)
    assert rl.equal(z, y)


def test_gradient_of_one_index_is_a_sum_over_repeats() -> None:
    leaf = rl.ones(N, 3, requires_grad=True)
    leaf[rows].sum().backward()
    np.testing.assert_array_equal(leaf.grad[:, 0].numpy(), np.bincount(ROWS, minlength=N).astype(np.float32))


def test_a_wrong_index_changes_nothing() -> None:
    y, wrong = x.clone(), rows.clone()
    wrong[-1] = N
    with pytest.raises(IndexError, match=f"index {N} is out of bounds for dimension 0 with size {N}"):
        y[wrong] = 1.0
    with pytest.raises(RuntimeError, match=f"index {N} is out of bounds for dimension 0 with size {N}"):
        y.scatter_add_(0, wrong[:, None].expand(2 * N, N)[-N:], x)
    assert rl.equal(x, y)


def test_nothing_to_index_into() -> None:
    """A dimension of size 0 has no index that fits, for reading as for writing."""
    nothing, index = rl.ones(0), rl.tensor([0, 1])
    for call in (
        lambda: rl.gather(nothing, 0, index),
        lambda: rl.take_along_dim(nothing, index),
        lambda: rl.scatter(nothing, 0, index, 1.0),
        lambda: rl.scatter_add(nothing, 0, index, rl.ones(2)),
        lambda: rl.index_select(nothing, 0, index),
        lambda: rl.index_add(nothing, 0, index, rl.ones(2)),
        lambda: nothing[index],
    ):
        with pytest.raises((RuntimeError, IndexError)):
            call()

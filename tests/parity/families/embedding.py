"""Rows of tables by number, and classes as vectors."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..rows import COMPOSED, Row, own
from ..samples import Maker, Sample, call

MANY = torch.tensor([0, 2, 1, 1, 0])
SQUARE = torch.tensor([[0, 2], [1, 1]])


def _rows(make: Maker) -> Iterator[Sample]:
    yield call(make(3, 4), SQUARE)
    yield call(make(3, 4), MANY, 1)
    yield call(make(3, 4), MANY.int(), -1, True)
    yield call(make(3, 4), torch.tensor(2), 0, True)
    yield call(make(3, 4), torch.tensor([], dtype=torch.int64))
    yield call(make(3, 4), torch.tensor([3]))
    yield call(make(3, 4), torch.tensor([-1]))
    yield call(make(3), MANY)


def _numbered(make: Maker) -> Iterator[Sample]:
    """The order of nn.functional: PyTorch's database has the table first, for a wrapper of its own."""
    yield call(SQUARE, make(3, 4))
    yield call(MANY, make(3, 4), 1)
    yield call(MANY, make(3, 4), -1, scale_grad_by_freq=True)
    yield call(torch.tensor(2), make(3, 4))
    yield call(SQUARE, make(3, 4).detach(), max_norm=1.0, norm_type=1.0)
    yield call(MANY, make(3, 4), padding_idx=3)
    yield call(torch.tensor([3]), make(3, 4))


def _bags(make: Maker) -> Iterator[Sample]:
    starts = torch.tensor([0, 2, 2])
    for mode in (0, 1, 2):
        yield call(make(3, 4), MANY, starts, False, mode)
        yield call(make(3, 4), MANY, starts, False, mode, False, None, False, 1)
        yield call(make(3, 4), MANY, torch.tensor([0, 2, 2, 5]), False, mode, False, None, True)
    yield call(make(3, 4), MANY, starts, False, 0, False, make(5))
    yield call(make(3, 4), MANY.int(), starts.int())
    yield call(make(3, 4), MANY, torch.tensor([1, 2]))


def _bounded(make: Maker) -> Iterator[Sample]:
    yield call(make(3, 4).detach(), torch.tensor([0, 2]), 1.0, 2.0)
    yield call(make(3, 4).detach(), torch.tensor([[0, 2], [2, 0]]), 2.5, 1.0)
    yield call(make(3, 4).detach(), torch.tensor([1, 5]), 1.0, 2.0)


ONCE = "PyTorch has no second derivative of bags"

TABLE: tuple[Row, ...] = (
    own("nn.functional.embedding", "f", _numbered),
    Row("nn.functional.embedding_bag", "f", accepts=ONCE, unlike={"node": COMPOSED}),
    Row("nn.functional.one_hot", "f", grad=False),
    own("embedding", "f", _rows, accepts="without indices PyTorch cannot differentiate twice"),
    own("embedding_bag", "f", _bags, accepts=ONCE, unlike={"node": COMPOSED}),
    own("embedding_renorm_", "f", _bounded, grad=False),
)  # fmt: skip

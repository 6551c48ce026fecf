"""Losses of sequences and of margins between scores, and those of the main namespace."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ..rows import COMPOSED, FLOAT, Row, own
from ..samples import Maker, Sample, call


def _ctc(make: Maker) -> Iterator[Sample]:
    def scores(*shape: int) -> torch.Tensor:
        return make(*shape, low=-2, high=2).log_softmax(-1) if make(1).is_floating_point() else make(*shape)

    labels = torch.tensor([[1, 2, 2], [3, 3, 1]])
    yield call(scores(6, 2, 4), labels, (6, 5), (3, 2))
    yield call(scores(6, 2, 4), labels, torch.tensor([6, 4]), torch.tensor([1, 3]), reduction="sum")
    yield call(scores(6, 2, 4), labels.reshape(-1)[:5], (6, 5), (3, 2), reduction="none")
    yield call(scores(6, 2, 4), labels, (2, 0), (3, 0), reduction="none", zero_infinity=True)
    yield call(scores(6, 2, 4), labels - 1, (6, 6), (0, 3), 3, zero_infinity=True)
    yield call(scores(6, 4), labels[0], (6,), (3,), reduction="none")
    yield call(scores(6, 2, 4), labels, (7, 5), (3, 2))
    yield call(scores(6, 2, 4), labels, (6, 5), (4, 2))
    yield call(scores(6, 2, 4), labels, (6,), (3, 2))
    yield call(scores(6, 2, 4), labels, (6, 5), (3, 2), 4)


def _multi_margin(make: Maker) -> Iterator[Sample]:
    classes = torch.tensor([0, 3, 1])
    for p in (1, 2):
        yield call(make(3, 4), classes, p)
        yield call(make(3, 4), classes, p, 0.5, torch.tensor([0.5, 1, 2, 0.1], dtype=make(1).dtype), reduction="none")
    yield call(make(4), classes[1], reduction="none")
    yield call(make(4), classes[:1], reduction="none")
    yield call(make(3, 4), classes, 3)
    yield call(make(3, 4), classes + 1)
    yield call(make(3, 4), classes[:2])
    yield call(make(3, 4), classes, weight=make(3).detach())


def _multilabel_margin(make: Maker) -> Iterator[Sample]:
    labels = torch.tensor([[0, 3, -1, 1], [2, -1, 0, 0], [-1, 1, 1, 1], [0, 1, 2, 3]])
    for reduction in ("mean", "sum", "none"):
        yield call(make(4, 4), labels, reduction=reduction)
    yield call(make(4), labels[0])
    yield call(make(), labels[0, 0])
    yield call(make(4, 4), labels + 1)
    yield call(make(4, 4), labels[0])


def _linear(make: Maker) -> Iterator[Sample]:
    classes = torch.tensor([0, 2, 1, 1])
    for reduction in ("mean", "sum", "none"):
        yield call(
            make(4, 3, low=-1, high=1), make(3, 3, low=-1, high=1), classes, reduction=reduction, linear_bias=make(3)
        )
    yield call(make(3, low=-1, high=1), make(4, 3, low=-1, high=1), classes[1], label_smoothing=0.1)
    yield call(make(4, 3, low=-1, high=1), make(3, 3, low=-1, high=1), classes, ignore_index=1)
    yield call(make(2, 3, low=-1, high=1), make(3, 2, 3, low=-1, high=1), classes.view(2, 2), linear_bias=make(3, 2))
    yield call(make(2, 3, low=-1, high=1), make(4, 3, low=-1, high=1), make(2, 4, low=0, high=1).detach())
    yield call(make(2, 2, 3), make(4, 3), classes.view(2, 2))
    yield call(make(4, 3), make(3, 2), classes)


def _pairs(make: Maker) -> Iterator[Sample]:
    for reduction in (0, 1, 2):
        yield call(make(3, 4), make(3, 4), reduction)
    yield call(make(3, 4), make(3, 4), 3)


def _poisson(make: Maker) -> Iterator[Sample]:
    yield call(make(3, 4, low=0.1, high=2), make(3, 4, low=0.1, high=2), True, False, 1e-8, 1)
    yield call(make(3, 4, low=0.1, high=2), make(3, 4, low=0.1, high=2), False, True, 1e-8, 0)


def _hinge(make: Maker) -> Iterator[Sample]:
    signs = make(3, 4).detach().sign()
    yield call(make(3, 4), signs)
    yield call(make(3, 4), signs, 0.5, 0)


def _ranking(make: Maker) -> Iterator[Sample]:
    yield call(make(4), make(4), make(4).detach().sign())
    yield call(make(4), make(4), make(4).detach().sign(), 0.5, 2)


def _cosine(make: Maker) -> Iterator[Sample]:
    yield call(make(3, 4), make(3, 4), torch.tensor([1, -1, 1]))
    yield call(make(3, 4), make(3, 4), torch.tensor([1, -1, 1]), 0.1, 0)


def _triplet(make: Maker) -> Iterator[Sample]:
    yield call(make(3, 4), make(3, 4), make(3, 4))
    yield call(make(3, 4), make(3, 4), make(3, 4), 0.5, 1, 1e-6, True, 0)


def _distance(make: Maker) -> Iterator[Sample]:
    yield call(make(3, 4), make(3, 4))
    yield call(make(3, 4), make(1, 4), 1, 1e-3, True)


TABLE: tuple[Row, ...] = (
    own("nn.functional.ctc_loss", "f", _ctc, dtypes=("float32", "float64"), core=("_ctc_loss",),
        tolerance={"float32": (1e-5, 1e-5)}, reason="logarithms of sums in another order",
        unlike={"strided": "PyTorch looks for labels in one row at wrong places where they are not contiguous"}),
    own("ctc_loss", "f", lambda make: (s for s in _ctc(make) if "reduction" not in s.kwargs), dtypes=("float32", "float64"),
        tolerance={"float32": (1e-5, 1e-5)}, reason="logarithms of sums in another order"),
    *(own(f"nn.functional.{name}", "f", samples, dtypes=("float32", "float64"), accepts="PyTorch has no second derivative",
          chance={"shapes": "PyTorch's mean of no rows is what was in memory"})
      for name, samples in (("multi_margin_loss", _multi_margin), ("multilabel_margin_loss", _multilabel_margin))),
    own("nn.functional.linear_cross_entropy", "f", _linear, dtypes=FLOAT, tolerance={"float16": (1e-2, 1e-2), "bfloat16": (8e-2, 8e-2)}, reason="products in 16 bits round in another order"),
    own("kl_div", "f", _pairs, dtypes=FLOAT, tolerance={"float16": (1e-2, 2e-2), "bfloat16": (5e-2, 0.2)}, reason="16-bit floats round at other places"),
    own("poisson_nll_loss", "f", _poisson, dtypes=FLOAT),
    own("hinge_embedding_loss", "f", _hinge, dtypes=FLOAT),
    own("margin_ranking_loss", "f", _ranking, dtypes=FLOAT),
    own("cosine_embedding_loss", "f", _cosine, dtypes=FLOAT),
    own("triplet_margin_loss", "f", _triplet, dtypes=FLOAT),
    own("cosine_similarity", "f", _distance, dtypes=FLOAT),
    own("pairwise_distance", "f", _distance, dtypes=FLOAT, unlike={"node": COMPOSED}),
)  # fmt: skip

"""Losses beyond the samples of PyTorch's operator database: every combination of shape, weights, reduction and smoothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

Call = Callable[..., Any]


def derivatives(t: Any, name: str, tensors: list[Any], kwargs: dict[str, Any]) -> tuple[str | None, list[Any]]:
    """The name of the last node; the loss, and the first and second derivative of what it is summed to."""

    def here(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        plain = value.detach().clone()
        mine = (
            plain
            if t is torch
            else t.tensor(plain.tolist(), dtype=getattr(t, str(value.dtype)[6:])).reshape(value.shape)
        )
        return mine.requires_grad_(value.requires_grad)

    arguments = [here(value) for value in tensors]
    loss = getattr(t.nn.functional, name)(*arguments, **{key: here(value) for key, value in kwargs.items()})
    leaves = [a for a in arguments if a.requires_grad]
    first = t.autograd.grad((loss * loss).sum(), leaves, create_graph=True)
    second = t.autograd.grad(sum((g * g * g).sum() for g in first), leaves, allow_unused=True)
    node = type(loss.grad_fn).__name__ if loss.grad_fn is not None else None
    return node, [torch.tensor(v.tolist(), dtype=torch.float64) for v in (loss, *first, *second) if v is not None]


def agree(name: str, tensors: list[Any], **kwargs: Any) -> None:
    (our_node, ours), (their_node, theirs) = (derivatives(t, name, tensors, kwargs) for t in (rl, torch))
    assert our_node == their_node
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, equal_nan=True)


SCORES = [(4,), (3, 4), (3, 4, 2), (3, 4, 2, 2), (3, 4, 2, 1, 2)]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", SCORES, ids=str)
def test_of_class_scores(shape: tuple[int, ...], reduction: str) -> None:
    torch.manual_seed(0)
    scores = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    places = () if len(shape) == 1 else (shape[0], *shape[2:])
    classes = torch.randint(0, 4, places)
    probabilities, weights = torch.rand(shape, dtype=torch.float64), torch.rand(4, dtype=torch.float64)
    for smoothing, weight in itertools.product((0.0, 0.1), (None, weights)):
        options = {"reduction": reduction, "weight": weight}
        for ignored in (-100, 1):
            agree("cross_entropy", [scores, classes], label_smoothing=smoothing, ignore_index=ignored, **options)
        agree("cross_entropy", [scores, probabilities], label_smoothing=smoothing, **options)
        agree("nll_loss", [scores, classes], ignore_index=2, **options)


def test_mean_of_no_class_is_nan_with_a_gradient_of_zeros() -> None:
    scores = rl.randn(2, 3, requires_grad=True)
    loss = rl.nn.functional.cross_entropy(scores, rl.tensor([-100, -100]))
    loss.backward()
    assert loss.isnan().item() and scores.grad is not None and scores.grad.tolist() == [[0] * 3] * 2


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize(
    "shapes", [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), ()), ((0,), (0,))], ids=str
)
def test_of_pairs(shapes: tuple[tuple[int, ...], ...], tracked: bool, reduction: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(shapes[0], dtype=torch.float64, requires_grad=True)
    y = torch.randn(shapes[1], dtype=torch.float64, requires_grad=tracked)
    for name, options in (
        ("mse_loss", {}),
        ("l1_loss", {}),
        ("smooth_l1_loss", {"beta": 0.7}),
        ("huber_loss", {"delta": 0.7}),
    ):
        agree(name, [x, y], reduction=reduction, **options)
    if shapes[0] != shapes[1]:
        return
    p = torch.rand(shapes[0], dtype=torch.float64, requires_grad=True)
    q = torch.rand(shapes[0], dtype=torch.float64, requires_grad=tracked)
    for weight in (None, torch.rand(shapes[0][-1:], dtype=torch.float64)):
        agree("binary_cross_entropy", [p, q], reduction=reduction, weight=weight)
        agree("binary_cross_entropy_with_logits", [x, q], reduction=reduction, weight=weight)
        agree("binary_cross_entropy_with_logits", [x, q], reduction=reduction, pos_weight=weight)
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        agree(name, [x, y], reduction=reduction, weight=torch.rand(shapes[0], dtype=torch.float64))


@pytest.mark.parametrize("dtype", [rl.float16, rl.bfloat16, rl.float32])
def test_few_and_many_elements_agree(dtype: Any) -> None:
    """Few elements take a loop of their own; the sum over parts is the sum over all."""
    x, y = rl.randn(6000).to(dtype), rl.randn(6000).to(dtype)
    for name in ("mse_loss", "smooth_l1_loss", "huber_loss"):
        loss = getattr(rl.nn.functional, name)
        whole, halves = (
            loss(x, y, reduction="none"),
            [loss(x[k:][:3000], y[k:][:3000], reduction="none") for k in (0, 3000)],
        )
        assert rl.allclose(whole.float(), rl.cat(halves).float(), rtol=1e-2 if dtype != rl.float32 else 1e-6)

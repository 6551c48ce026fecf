"""Convolutions against plain loops, their derivatives, and the same bits on any number of threads."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import rushlight as torch
from rushlight.nn import functional as F


def naive(x, w, bias, stride, padding, dilation, groups):
    """The definition of a two-dimensional convolution, in float64."""
    n, _, h, width = x.shape
    out, each, kh, kw = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
    rows = (h + 2 * padding - dilation * (kh - 1) - 1) // stride + 1
    columns = (width + 2 * padding - dilation * (kw - 1) - 1) // stride + 1
    y = np.zeros((n, out, rows, columns))
    for o, i, j in itertools.product(range(out), range(rows), range(columns)):
        first = o // (out // groups) * each
        top, left = i * stride, j * stride
        block = padded[
            :, first : first + each, top : top + dilation * kh : dilation, left : left + dilation * kw : dilation
        ]
        y[:, o, i, j] = (block[:, :, :kh, :kw] * w[o]).sum((1, 2, 3)) + bias[o]
    return y


@pytest.mark.parametrize("stride, padding, dilation, groups", [(1, 1, 1, 1), (2, 0, 1, 2), (1, 2, 2, 4), (3, 2, 1, 1)])
def test_against_the_definition(stride, padding, dilation, groups):
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 4, 11, 9)), rng.normal(size=(8, 4 // groups, 3, 2)), rng.normal(size=8)
    got = F.conv2d(*map(torch.from_numpy, (x, w, b)), stride, padding, dilation, groups)
    np.testing.assert_allclose(got.numpy(), naive(x, w, b, stride, padding, dilation, groups), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_second_derivatives(transposed, groups, stride):
    torch.manual_seed(0)
    x = torch.randn(2, 4, 5, 4, dtype=torch.float64, requires_grad=True)
    w = torch.randn(4, 4 // groups, 2, 3, dtype=torch.float64, requires_grad=True)
    b = torch.randn(w.shape[1] * groups if transposed else 4, dtype=torch.float64, requires_grad=True)

    def function(x, w, b):
        if transposed:
            return F.conv_transpose2d(x, w, b, stride, padding=1, output_padding=stride - 1, groups=groups)
        return F.conv2d(x, w, b, stride, padding=1, groups=groups)

    assert torch.autograd.gradcheck(function, (x, w, b))
    assert torch.autograd.gradgradcheck(function, (x, w, b))


def test_fold_is_the_transpose_of_unfold():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 6, 5, dtype=torch.float64, requires_grad=True)
    columns = F.unfold(x, (3, 2), (1, 2), (1, 0), (2, 1))
    c = torch.randn_like(columns)
    image = F.fold(c, (6, 5), (3, 2), (1, 2), (1, 0), (2, 1))
    assert torch.allclose((columns * c).sum(), (x * image).sum())
    assert torch.autograd.gradgradcheck(lambda x: F.unfold(x, 2) ** 2, (x,))


def _steps(shape, weight, **options):
    torch.manual_seed(0)
    x, w = torch.randn(shape, requires_grad=True), torch.randn(weight, requires_grad=True)
    y = F.conv2d(x, w, **options)
    return [t.detach().numpy().tobytes() for t in (y, *torch.autograd.grad(y, (x, w), torch.randn_like(y)))]


@pytest.mark.parametrize(
    "shape, weight, options",
    [
        ((5, 16, 20, 20), (24, 16, 3, 3), {"padding": 1}),
        ((1, 8, 40, 40), (16, 8, 3, 3), {"stride": 2}),
        ((3, 32, 17, 17), (32, 1, 3, 3), {"groups": 32, "padding": 1}),
        ((9, 1, 28, 28), (32, 1, 3, 3), {}),
        ((2, 64, 14, 14), (32, 64, 1, 1), {}),
    ],
)
def test_threads_do_not_change_bits(shape, weight, options):
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 7):
            torch.set_num_threads(threads)
            found.append(_steps(shape, weight, **options))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_memory_format_follows_the_input():
    x, w = torch.randn(2, 4, 6, 5), torch.randn(3, 4, 3, 3)
    y = F.conv2d(x.contiguous(memory_format=torch.channels_last), w)
    assert y.stride() == (36, 1, 9, 3)
    assert torch.equal(y, F.conv2d(x, w))

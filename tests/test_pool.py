"""Pooling and padding: the same bits on any number of threads, second derivatives, windows against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import rushlight as torch
from rushlight.nn import functional as F


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def naive(x, kernel, stride, pad, dilation):
    """The definition of two-dimensional maxima and the place of each in its plane, for numbers that are all different."""
    _, c, h, w = x.shape
    rows = (h + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
    columns = (w + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
    values, places = np.zeros((x.shape[0], c, rows, columns)), np.zeros((x.shape[0], c, rows, columns), int)
    reach = range(0, dilation * kernel, dilation)
    for n, k, i, j in np.ndindex(values.shape):
        inside = [
            (x[n, k, r, s], r * w + s)
            for r in (i * stride - pad + d for d in reach)
            for s in (j * stride - pad + d for d in reach)
            if 0 <= r < h and 0 <= s < w
        ]
        values[n, k, i, j], places[n, k, i, j] = max(inside)
    return values, places


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int16"])
@pytest.mark.parametrize(
    "kernel, stride, pad, dilation",
    [(2, 2, 0, 1), (3, 1, 1, 1), (3, 2, 1, 2), (2, 3, 0, 1), (5, 4, 2, 1), (1, 37, 0, 1)],
)
def test_maxima_against_the_definition(dtype, kernel, stride, pad, dilation):
    x = np.random.default_rng(0).permutation(2 * 2 * 19 * 21).reshape(2, 2, 19, 21).astype(dtype)
    values, places = F.max_pool2d(torch.from_numpy(x), kernel, stride, pad, dilation, return_indices=True)
    wanted = naive(x, kernel, stride, pad, dilation)
    np.testing.assert_array_equal(values.numpy(), wanted[0])
    np.testing.assert_array_equal(places.numpy(), wanted[1])
    np.testing.assert_array_equal(F.max_pool2d(torch.from_numpy(x), kernel, stride, pad, dilation).numpy(), wanted[0])


def test_of_equal_elements_the_first_and_of_nans_the_last():
    x = torch.tensor([[[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    assert F.max_pool2d(x, 3, return_indices=True)[1].item() == 0
    x[0, 0, 1] = x[0, 1, 2] = float("nan")
    value, place = F.max_pool2d(x, 3, return_indices=True)
    assert value.isnan().all() and place.item() == 5


CALLS = {
    "max_pool2d": lambda x: F.max_pool2d(x, 3, 2, 1),
    "avg_pool2d": lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
    "avg_pool2d, stride 1": lambda x: F.avg_pool2d(x, (3, 2), 1, (1, 1)),
    "avg_pool2d, stride 3": lambda x: F.avg_pool2d(x, 5, 3, 2, divisor_override=7),
    "avg_pool2d, gaps": lambda x: F.avg_pool2d(x, 2, 3),
    "adaptive_avg_pool2d": lambda x: F.adaptive_avg_pool2d(x, (3, 4)),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, (3, 4)),
    "reflect": lambda x: F.pad(x, (2, 1, -1, 3), "reflect"),
    "replicate": lambda x: F.pad(x, (2, 9, -1, 3), "replicate"),
    "circular": lambda x: F.pad(x, (2, 1, -1, 3), "circular"),
    "constant": lambda x: F.pad(x, (2, 1, -1, 3), value=4.0),
}


@pytest.mark.parametrize("name", CALLS)
def test_derivatives(name):
    torch.manual_seed(0)
    x = torch.randperm(2 * 7 * 6).to(torch.float64).view(2, 7, 6).requires_grad_()
    assert torch.autograd.gradcheck(CALLS[name], (x,))
    assert torch.autograd.gradgradcheck(CALLS[name], (x,))


@pytest.mark.parametrize("name", CALLS)
def test_the_same_bits_on_any_number_of_threads(name, threads):
    torch.manual_seed(0)
    x = torch.randn(4, 8, 61, 67, requires_grad=True)
    results = []
    for n in (1, 2, 5):
        threads(n)
        y = CALLS[name](x)
        (g,) = torch.autograd.grad(y, x, y.detach().cos())
        results.append((y.detach().numpy().tobytes(), g.numpy().tobytes()))
    assert results[0] == results[1] == results[2]


def test_unpooling_puts_back_what_pooling_took():
    x = torch.randn(2, 3, 8, 6)
    values, places = F.max_pool2d(x, 2, return_indices=True)
    back = F.max_unpool2d(values, places, 2)
    assert ((back == x) | (back == 0)).all()
    assert back.sum().item() == pytest.approx(values.sum().item(), rel=1e-5)
    with pytest.raises(RuntimeError, match="Found an invalid max index: 99"):
        F.max_unpool2d(values, places * 0 + 99, 2)


def test_random_windows_follow_the_seed():
    x = torch.arange(2.0 * 9 * 9).view(1, 2, 9, 9)
    torch.manual_seed(1)
    first = F.fractional_max_pool2d(x, 2, output_ratio=(0.6, 0.5))
    torch.manual_seed(1)
    assert F.fractional_max_pool2d(x, 2, output_ratio=(0.6, 0.5)).equal(first)
    assert first.shape == (1, 2, 5, 4)


def test_channels_last_keeps_layout_and_history():
    x = torch.randn(2, 3, 8, 6).to(memory_format=torch.channels_last).requires_grad_()
    values, places = F.max_pool2d(x, 2, return_indices=True)
    for y in (values, F.max_unpool2d(values, places, 2), F.avg_pool2d(x, 2), F.pad(x, (1, 1), value=2.0)):
        assert y.is_contiguous(memory_format=torch.channels_last)
        assert y.requires_grad
    assert F.adaptive_avg_pool2d(x, 1).requires_grad


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CALLS)
def test_a_plane_alone_is_what_it_is_among_many(name, dtype):
    """Few elements take another way than many; the bits must be the same."""
    torch.manual_seed(0)
    x = torch.randn(64, 1, 6, 5, dtype=getattr(torch, dtype))
    x[0, 0, 2, 3], x[1, 0, 1, 1] = float("nan"), -float("inf")
    many = CALLS[name](x)
    for i in range(3):
        assert CALLS[name](x[i : i + 1]).numpy().tobytes() == many[i].numpy().tobytes()

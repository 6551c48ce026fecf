"""Recurrent networks and cells against PyTorch: outputs, states, gradients of both orders, packed sequences, errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")

NETWORKS = [
    ("RNN", {}), ("RNN", {"nonlinearity": "relu", "num_layers": 2}), ("GRU", {"bidirectional": True}), ("GRU", {"bias": False, "num_layers": 2}),
    ("LSTM", {"batch_first": True}), ("LSTM", {"num_layers": 2, "bidirectional": True, "proj_size": 2}), ("LSTM", {"proj_size": 1, "bias": False}),
]  # fmt: skip


def pair(name, **options):
    """The same network in both libraries, in float64."""
    made = []
    for lib in (rl, torch):
        lib.manual_seed(3)
        made.append(getattr(lib.nn, name)(3, 4, **options).double())
    for a, b in zip(made[0].parameters(), made[1].parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    return made


def flat(value):
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in flat(v)]
    return [value]


def agree(run):
    """Runs with both libraries and compares all tensors of the result."""
    ours, theirs = flat(run(rl, 0)), flat(run(torch, 1))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        if b is None or a is None:  # zeros and nothing mean the same
            assert (a is None or not a.any()) and (b is None or not b.any())
            continue
        assert tuple(a.shape) == tuple(b.shape) and str(a.dtype).endswith(str(b.dtype).rpartition(".")[2])
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), 1e-9, 1e-9)


def numbers(lib, *shape, seed=0):
    return lib.tensor(np.random.default_rng(seed).standard_normal(shape)).requires_grad_()


def with_gradients(lib, leaves, out, twice):
    results = [t for t in flat(out) if t.requires_grad]
    weights = [numbers(lib, *t.shape, seed=7) for t in results]
    grads = lib.autograd.grad(results, leaves, weights, create_graph=twice, allow_unused=True)
    if not twice:
        return flat(out), grads
    total = sum((g * g.cos()).sum() for g in grads if g is not None)
    return flat(out), grads, lib.autograd.grad(total, [*leaves, *weights], allow_unused=True)


@pytest.mark.parametrize("twice", [False, True])
@pytest.mark.parametrize(("name", "options"), NETWORKS)
def test_sequences(name, options, twice):
    nets = pair(name, **options)

    def run(lib, which):
        net, x = nets[which], numbers(lib, 5, 2, 3)
        count = net.num_layers * (2 if net.bidirectional else 1)
        batch = 5 if net.batch_first else 2
        h = numbers(lib, count, batch, net.proj_size or 4, seed=1)
        state = (h, numbers(lib, count, batch, 4, seed=2)) if name == "LSTM" else h
        out = net(x, state)
        return with_gradients(lib, [x, *flat(state), *net.parameters()], out, twice)

    agree(run)


@pytest.mark.parametrize(("name", "options"), NETWORKS)
def test_packed_sequences_and_no_batch(name, options):
    nets = pair(name, **options)

    def run(lib, which):
        net = nets[which]
        pack = lib.nn.utils.rnn.pack_sequence([numbers(lib, n, 3, seed=n) for n in (2, 4, 1)], enforce_sorted=False)
        out, state = net(pack)
        first = with_gradients(lib, list(net.parameters()), [out.data, *flat(state)], False)
        with lib.no_grad():
            return first, net(numbers(lib, 5, 3)), net(pack)[0].data

    agree(run)


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("twice", [False, True])
def test_cells(name, twice):
    nets = pair(name)

    def run(lib, which):
        net, x, h = nets[which], numbers(lib, 2, 3), numbers(lib, 2, 4, seed=1)
        state = (h, numbers(lib, 2, 4, seed=2)) if name == "LSTMCell" else h
        return with_gradients(lib, [x, *flat(state), *net.parameters()], net(x, state), twice), net(x), net(x[0])

    agree(run)


def test_functions():
    def run(lib, which):
        x, h, c = numbers(lib, 5, 2, 3), numbers(lib, 1, 2, 4, seed=1), numbers(lib, 1, 2, 4, seed=2)
        found = []
        for gates, *names in ((4, "lstm", "lstm_cell"), (3, "gru", "gru_cell"), (1, "rnn_tanh", "rnn_tanh_cell"), (1, "rnn_relu", "rnn_relu_cell")):  # fmt: skip
            network, step = (getattr(lib, name) for name in names)
            weights = [numbers(lib, gates * 4, 3, seed=3), numbers(lib, gates * 4, 4, seed=4)]
            state = (h, c) if gates == 4 else h
            first = (h[0], c[0]) if gates == 4 else h[0]
            found.append(network(x, state, weights, False, 1, 0.0, True, False, False))
            found.append(network(x.reshape(10, 3), lib.tensor([2] * 5), state, weights, False, 1, 0.0, True, False))
            found.append(step(x[0], first, *weights))
        return found

    agree(run)


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_tangents(name):
    nets = pair(name)

    def run(lib, which):
        mode = lib.autograd.forward_ad
        with mode.dual_level():
            x = mode.make_dual(numbers(lib, 5, 2, 3).detach(), numbers(lib, 5, 2, 3, seed=1).detach())
            return [mode.unpack_dual(t).tangent for t in flat(nets[which](x))]

    agree(run)


def test_16_bits_and_dropout():
    def run(lib, which):
        lib.manual_seed(0)
        net = lib.nn.LSTM(3, 4, 2, dropout=0.5)
        out = net(numbers(lib, 5, 2, 3).float())
        half = net.to(lib.bfloat16)(numbers(lib, 5, 2, 3).to(lib.bfloat16))[0]
        assert half.dtype == lib.bfloat16
        return [t.double() for t in flat(out)]

    torch.manual_seed(0)
    ours, theirs = run(rl, 0), run(torch, 1)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), 1e-5, 1e-5)


@pytest.mark.parametrize(
    "act",
    [
        "nn.LSTM(2, 3)(zeros(4, 5, 3))", "nn.LSTM(2, 3)(zeros(4, 5, 2), (zeros(1, 4, 3), zeros(1, 5, 3)))", "nn.LSTM(2, 3)(zeros(4, 5, 2), (zeros(1, 5, 3), zeros(1, 5, 2)))",
        "nn.LSTM(2, 3)(zeros(5))", "nn.LSTM(2, 3)(zeros(4, 2), (zeros(1, 5, 3), zeros(1, 5, 3)))", "nn.LSTM(2, 3)(zeros(4, 5, 2).double())", "nn.GRU(2, 3)(zeros(4, 5, 2), zeros(2, 5, 3))",
        "nn.GRU(2, 3)(zeros(4, 2), zeros(1, 5, 3))", "nn.RNN(2, 3)(zeros(5))", "nn.LSTM(2, 3)(zeros(0, 5, 2))", "nn.LSTM(2, 3, dropout=2)", "nn.LSTM(2, 0)", "nn.LSTM(2, 3, 0)", "nn.LSTM(2, 3.0)",
        "nn.LSTM(2, 3, proj_size=3)", "nn.GRU(2, 3, proj_size=2)", "nn.RNN(2, 3, nonlinearity='x')", "nn.LSTMCell(2, 3)(zeros(5, 3))", "nn.LSTMCell(2, 3)(zeros(5, 2), (zeros(4, 3), zeros(5, 3)))",
        "nn.GRUCell(2, 3)(zeros(5, 2), zeros(5, 2))", "nn.GRUCell(2, 3)(zeros(1, 5, 2))", "nn.RNNCell(2, 3, nonlinearity='x')(zeros(5, 2))",
        "repr(nn.LSTM(2, 3, proj_size=2, num_layers=2, bias=False, dropout=.5, bidirectional=True, batch_first=True))", "repr(nn.RNNCell(2, 3, bias=False, nonlinearity='relu'))", "repr(nn.RNN(2, 3, 1, 'relu'))",
        "list(nn.LSTM(2, 3, 2, bidirectional=True, proj_size=2).state_dict())",
    ],
)  # fmt: skip
def test_errors_and_texts(act):
    found = []
    for lib in (rl, torch):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(eval(act, {"nn": lib.nn, "zeros": lib.zeros}))
        except Exception as error:
            found.append((type(error).__name__, str(error)))
    assert found[0] == found[1]

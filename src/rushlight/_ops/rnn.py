"""Recurrent networks: layers and directions of what native/ops/rnn.cpp does for one of them.

Where a gradient of a layer is to be differentiated again, the layer is run once more out of other operators, and that is
derived: the core calls `_derived`.
"""

from __future__ import annotations

from typing import Any

from .. import _core as core
from .._core import Tensor
from . import FUNCTION, operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Weights = tuple[Tensor | None, ...]

LSTM, GRU, TANH, RELU = range(4)

_LAYER: Any = core._rnn_layer


def _lstm_step(of_x: Tensor, h: Tensor, c: Tensor, w_hh: Tensor, b_hh: Tensor | None) -> tuple[Tensor, Tensor]:
    i, f, g, o = (of_x + core.linear(h, w_hh, b_hh)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _gru_step(of_x: Tensor, h: Tensor, w_hh: Tensor, b_hh: Tensor | None) -> Tensor:
    xr, xz, xn = of_x.chunk(3, -1)
    hr, hz, hn = core.linear(h, w_hh, b_hh).chunk(3, -1)
    n = (xn + (xr + hr).sigmoid() * hn).tanh()
    return (h - n) * (xz + hz).sigmoid() + n


def _plain_step(cell: int, of_x: Tensor, h: Tensor, w_hh: Tensor, b_hh: Tensor | None) -> Tensor:
    total = of_x + core.linear(h, w_hh, b_hh)
    return total.tanh() if cell == TANH else total.relu()


def _composed(cell: int, reverse: bool, sizes: Sequence[int], given: Weights) -> tuple[Tensor, ...]:
    """One layer in one direction out of other operators: outputs, the last h and, of an LSTM, c."""
    x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr = given
    assert x is not None and h is not None and w_ih is not None and w_hh is not None
    steps = list(core.linear(x, w_ih, b_ih).split(list(sizes)))
    outputs: list[Tensor] = [x] * len(steps)
    for t in reversed(range(len(steps))) if reverse else range(len(steps)):
        n = sizes[t]
        now, rest = h[:n], h[n:]
        if cell == LSTM:
            assert c is not None
            now, memory = _lstm_step(steps[t], now, c[:n], w_hh, b_hh)
            if w_hr is not None:
                now = core.linear(now, w_hr)
            c = core.cat([memory, c[n:]])
        elif cell == GRU:
            now = _gru_step(steps[t], now, w_hh, b_hh)
        else:
            now = _plain_step(cell, steps[t], now, w_hh, b_hh)
        outputs[t] = now
        h = core.cat([now, rest])
    y = core.cat(outputs) if outputs else x.new_zeros((0, h.shape[1]))
    return (y, h) if c is None else (y, h, c)


def _derived(
    cell: int, reverse: bool, batch_sizes: Tensor | None, given: Weights, grads: Any, wanted: Sequence[bool]
) -> list[Any]:
    """The gradients of a layer's inputs, from those of its results, as results of other operators; None: not wanted."""
    from ..autograd import grad

    x, h = given[0], given[1]
    assert x is not None and h is not None
    if batch_sizes is None:
        sizes = [h.shape[0]] * (x.shape[0] // max(1, h.shape[0]))
    else:
        sizes = batch_sizes.tolist()
    # Views, so that the graph that is derived ends at them and goes on behind them.
    own: Any = [t if t is None else t.view_as(t) for t in given]
    results = _composed(cell, reverse, sizes, tuple(own))
    places = [i for i, need in enumerate(wanted) if need and given[i] is not None]
    found = grad(results, [own[i] for i in places], grads, create_graph=True, allow_unused=True)
    out: list[Any] = [None] * len(own)
    for i, g in zip(places, found, strict=True):
        out[i] = g
    return out


def _directed(cell: int, reverse: bool, batch_sizes: Tensor | None, given: Weights) -> tuple[Tensor, ...]:
    """One layer in one direction; 16-bit floats are computed in float32."""
    x = given[0]
    assert x is not None
    kind = x.dtype
    if kind in (core.float16, core.bfloat16):
        wide = tuple(t if t is None else t.float() for t in given)
        return tuple(t.to(kind) for t in _directed(cell, reverse, batch_sizes, wide))
    result: tuple[Tensor, ...] = _LAYER(*given, cell, reverse, batch_sizes)
    return result


def _run(
    cell: int,
    x: Tensor,
    batch_sizes: Tensor | None,
    states: Sequence[Tensor],
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> tuple[Tensor, ...]:
    """All layers on [total, input size]: the outputs [total, *], and the last states [layers, batch, *]."""
    directions = 2 if bidirectional else 1
    projected = cell == LSTM and states[0].shape[2] != states[1].shape[2]
    each = 2 + 2 * has_biases + projected
    if len(params) != each * num_layers * directions:
        raise RuntimeError(
            f"expected {each * num_layers * directions} parameters of a recurrent network, got {len(params)}"
        )
    last: list[list[Tensor]] = [[] for _ in states]
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            k = layer * directions + direction
            own = list(params[k * each : (k + 1) * each])
            w_hr = own.pop() if projected else None
            biases = own[2:] if has_biases else [None, None]
            h, c = states[0][k], states[1][k] if cell == LSTM else None
            found = _directed(cell, direction == 1, batch_sizes, (x, h, c, own[0], own[1], *biases, w_hr))
            outputs.append(found[0])
            for kept, state in zip(last, found[1:], strict=True):
                kept.append(state)
        x = outputs[0] if directions == 1 else core.cat(outputs, 1)
        if dropout and train and layer < num_layers - 1:
            x = core.dropout(x, dropout, True)
    return (x, *(core.stack(kept) for kept in last))


_NAMES = ("has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")


def _call(name: str, cell: int, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Tensor, ...]:
    """Both forms of a network: (input, hx, params, …, batch_first) and (data, batch_sizes, hx, params, …)."""
    packed = "batch_sizes" in kwargs or "data" in kwargs
    if not packed and len(args) > 2:
        packed = isinstance(args[2], Tensor) if cell != LSTM else isinstance(args[1], Tensor)
    names = ("data", "batch_sizes", "hx", "params", *_NAMES[:-1]) if packed else ("input", "hx", "params", *_NAMES)
    if len(args) > len(names):
        raise TypeError(f"{name}() takes at most {len(names)} arguments ({len(args)} given)")
    found = dict(zip(names, args, strict=False))
    for key, value in kwargs.items():
        if key not in names or key in found:
            raise TypeError(f"{name}() received an invalid combination of arguments: {key}")
        found[key] = value
    for key in names:
        if key not in found:
            raise TypeError(f"{name}() missing argument '{key}'")
    x = found["data" if packed else "input"]
    hx = found["hx"]
    states = [hx] if cell != LSTM else list(hx)
    if cell == LSTM and len(states) != 2:
        raise RuntimeError("lstm expects two hidden states")
    for t in (x, *states, *found["params"]):
        if not isinstance(t, Tensor):
            raise TypeError(f"{name}(): expected tensors, not {type(t).__name__}")
    if any(t.ndim != 3 for t in states):
        raise RuntimeError(f"{name}: the hidden states must have three dimensions")
    options = [found[key] for key in _NAMES[:5]]
    params = list(found["params"])
    if packed:
        return _run(cell, x, found["batch_sizes"], states, params, *options)
    if x.ndim != 3:
        raise RuntimeError(f"{name}: the input must have three dimensions, not {x.ndim}")
    if found["batch_first"]:
        x = x.transpose(0, 1)
    steps, batch, width = x.shape
    if steps == 0:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    if any(t.shape[1] != batch for t in states):
        raise RuntimeError(f"{name}: the batch sizes of the input and the hidden states differ")
    y, *last = _run(cell, x.reshape(steps * batch, width), None, states, params, *options)
    y = y.view(steps, batch, y.shape[1])
    return (y.transpose(0, 1) if found["batch_first"] else y, *last)


@operator("Other", where=FUNCTION)
def lstm(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    """A network of LSTM layers: the outputs and the last states h and c (Hochreiter and Schmidhuber 1997).

    `lstm(input, (h, c), params, has_biases, num_layers, dropout, train, bidirectional, batch_first)` on [L, N, *] or, with
    batch_first, [N, L, *]; `lstm(data, batch_sizes, (h, c), params, has_biases, num_layers, dropout, train, bidirectional)`
    on packed sequences. The parameters are those of each layer and direction, one after another.
    """
    return _call("lstm", LSTM, args, kwargs)


@operator("Other", where=FUNCTION)
def gru(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    """A network of gated recurrent units: the outputs and the last states (Cho et al. 2014). Arguments as of `lstm`."""
    return _call("gru", GRU, args, kwargs)


@operator("Other", where=FUNCTION)
def rnn_tanh(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    """A network of h' = tanh(W_ih x + b_ih + W_hh h + b_hh): the outputs and the last states. Arguments as of `lstm`."""
    return _call("rnn_tanh", TANH, args, kwargs)


@operator("Other", where=FUNCTION)
def rnn_relu(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    """A network of h' = relu(W_ih x + b_ih + W_hh h + b_hh): the outputs and the last states. Arguments as of `lstm`."""
    return _call("rnn_relu", RELU, args, kwargs)

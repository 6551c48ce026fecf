"""Recurrent networks and cells."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ... import _core
from ..._core import Tensor
from ..._ops import rnn as _rnn
from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module

__all__ = ["GRU", "GRUCell", "LSTM", "LSTMCell", "RNN", "RNNBase", "RNNCell", "RNNCellBase"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
_NETWORKS = {"LSTM": _rnn.lstm, "GRU": _rnn.gru, "RNN_TANH": _rnn.rnn_tanh, "RNN_RELU": _rnn.rnn_relu}


class _Recurrent(Module):
    hidden_size: int

    def reset_parameters(self) -> None:
        """Draws the initial values, uniform in ±1/sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)


class RNNBase(_Recurrent):
    """Layers of one kind of cell on sequences [L, N, *], [N, L, *] (batch_first), [L, *] or packed ones.

    Parameters of each layer k and direction: weight_ih_lk [gates * hidden_size, *], weight_hh_lk, biases of the same rows
    and, with proj_size, weight_hr_lk; `_reverse` behind the names of the second direction. All begin uniform in
    ±1/sqrt(hidden_size).
    """

    __constants__ = [
        "mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size",
    ]  # fmt: skip

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(value, int):
                raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
        if not isinstance(bias, bool):
            raise TypeError(f"bias should be of type bool, got: {type(bias).__name__}")
        for name, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if value <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
                f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=2,
            )
        if proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        rows, outputs = _GATES[mode] * hidden_size, proj_size or hidden_size
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            width = input_size if layer == 0 else outputs * self._directions()
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, outputs)}
            if bias:
                shapes["bias_ih"] = shapes["bias_hh"] = (rows,)
            if proj_size:
                shapes["weight_hr"] = (proj_size, hidden_size)
            for end in ("", "_reverse")[: self._directions()]:
                names = [f"{name}_l{layer}{end}" for name in shapes]
                for name, shape in zip(names, shapes.values(), strict=True):
                    setattr(self, name, Parameter(_core.empty(shape, **kind)))
                self._all_weights.append(names)
        self._flat_weights_names = [name for names in self._all_weights for name in names]
        self.reset_parameters()

    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _flat_weights(self) -> list[Tensor]:
        own = self._parameters
        found: list[Any] = [own[name] if name in own else getattr(self, name) for name in self._flat_weights_names]
        return found

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Does nothing: it is for devices that want all weights in one block."""

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Refuses an input of another dtype, rank or width than the network's."""
        kind = self._flat_weights[0].dtype
        if input.dtype != kind:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({kind}). Convert input: input.to({kind}), or "
                f"convert model: model.to({input.dtype})"
            )
        wanted = 3 if batch_sizes is None else 2
        if input.dim() != wanted:
            raise RuntimeError(f"input must have {wanted} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def _batch(self, input: Tensor, batch_sizes: Tensor | None) -> int:
        if batch_sizes is not None:
            return int(batch_sizes[0])
        return input.size(0 if self.batch_first else 1)

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The size that the hidden state must have."""
        outputs = self.proj_size or self.hidden_size
        return self.num_layers * self._directions(), self._batch(input, batch_sizes), outputs

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Refuses a hidden state of another size."""
        if tuple(hx.size()) != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Refuses arguments that do not fit the network."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The states in another order of the batch."""
        return hx if permutation is None else hx.index_select(1, permutation)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text

    # What differs between one state (RNN, GRU) and two (LSTM).

    def _zeros(self, input: Tensor, batch: int) -> Any:
        shape = (self.num_layers * self._directions(), batch, self.proj_size or self.hidden_size)
        return _core.zeros(shape, dtype=input.dtype)

    def _check_ranks(self, hx: Any, wanted: int, batched: bool) -> None:
        if hx.dim() != wanted:
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(f"For {kind} input, hx should also be {wanted}-D but got {hx.dim()}-D tensor")

    def _each(self, hx: Any, change: Any) -> Any:
        return change(hx)

    def _rank_message(self, n: int) -> str:
        return f"{type(self).__name__}: Expected input to be 2D or 3D, got {n}D instead"

    def forward(self, input: Any, hx: Any = None) -> Any:
        sorted_indices = unsorted_indices = batch_sizes = None
        batched = True
        packed = isinstance(input, PackedSequence)
        if packed:
            input, batch_sizes, sorted_indices, unsorted_indices = input
        else:
            if input.dim() not in (2, 3):
                raise ValueError(self._rank_message(input.dim()))
            batched = input.dim() == 3
            if not batched:
                input = input.unsqueeze(0 if self.batch_first else 1)
            if hx is not None:
                self._check_ranks(hx, 3 if batched else 2, batched)
                if not batched:
                    hx = self._each(hx, lambda t: t.unsqueeze(1))
        if hx is None:
            hx = self._zeros(input, self._batch(input, batch_sizes))
        elif packed:
            hx = self.permute_hidden(hx, sorted_indices)
        self.check_forward_args(input, hx, batch_sizes)
        run = _NETWORKS[self.mode]
        options = (self._flat_weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        if batch_sizes is not None:
            output, *last = run(input, batch_sizes, hx, *options)
        else:
            output, *last = run(input, hx, *options, self.batch_first)
        state = last[0] if len(last) == 1 else tuple(last)
        if packed:
            result = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
            return result, self.permute_hidden(state, unsorted_indices)
        if not batched:
            return output.squeeze(0 if self.batch_first else 1), self._each(state, lambda t: t.squeeze(1))
        return output, state


class RNN(RNNBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of it (`nonlinearity`), over sequences; see RNNBase."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{self.nonlinearity.upper()}", *args, **kwargs)

    def _rank_message(self, n: int) -> str:
        return f"RNN: Expected input to be 2D or 3D, got {n}D tensor instead"


class GRU(RNNBase):
    """Gated recurrent units over sequences; see RNNBase.

    r = sigmoid(x_r + h_r), z = sigmoid(x_z + h_z), n = tanh(x_n + r h_n), h' = (1 - z) n + z h, where x_* are the thirds of
    W_ih x + b_ih and h_* those of W_hh h + b_hh.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    """Long short-term memory over sequences; see RNNBase. The state is a pair (h, c).

    With i, f, g, o the quarters of W_ih x + b_ih + W_hh h + b_hh: c' = sigmoid(f) c + sigmoid(i) tanh(g) and
    h' = sigmoid(o) tanh(c'), times weight_hr where there is proj_size.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The size that the cell state must have."""
        return self.num_layers * self._directions(), self._batch(input, batch_sizes), self.hidden_size

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        self.check_input(input, batch_sizes)
        for i, wanted in enumerate((self.get_expected_hidden_size, self.get_expected_cell_size)):
            message = "Expected hidden[" + str(i) + "] size {}, got {}"
            self.check_hidden_size(hidden[i], wanted(input, batch_sizes), message)

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        return hx if permutation is None else tuple(t.index_select(1, permutation) for t in hx)

    def _zeros(self, input: Tensor, batch: int) -> Any:
        shape = (self.num_layers * self._directions(), batch, self.hidden_size)
        return super()._zeros(input, batch), _core.zeros(shape, dtype=input.dtype)

    def _check_ranks(self, hx: Any, wanted: int, batched: bool) -> None:
        if hx[0].dim() != wanted or hx[1].dim() != wanted:
            kind = "batched 3-D" if batched else "unbatched 2-D"
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {wanted}-D but got ({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )

    def _each(self, hx: Any, change: Any) -> Any:
        return change(hx[0]), change(hx[1])


class RNNCellBase(_Recurrent):
    """One step: weight_ih [chunks * hidden_size, input_size], weight_hh, and biases of as many rows."""

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(_core.empty((rows, input_size), **kind))
        self.weight_hh = Parameter(_core.empty((rows, hidden_size), **kind))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(_core.empty(rows, **kind)) if bias else None)
        self.reset_parameters()

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        kind = vars(self).get("nonlinearity", "tanh")
        return text if kind == "tanh" else f"{text}, nonlinearity={kind}"

    def _check_rank(self, t: Tensor, what: str) -> None:
        if t.dim() not in (1, 2):
            raise ValueError(f"{type(self).__name__}: Expected {what} to be 1D or 2D, got {t.dim()}D instead")

    def _step(self, run: Any, input: Tensor, hx: Tensor | None) -> Tensor:
        batched = input.ndim == 2
        if not batched:
            self._check_rank(input, "input")
        if hx is not None:
            self._check_rank(hx, "hidden")
        x = input if batched else input.unsqueeze(0)
        if hx is None:
            hx = _core.zeros((x.size(0), self.hidden_size), dtype=input.dtype)
        elif not batched:
            hx = hx.unsqueeze(0)
        out: Tensor = run(x, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return out if batched else out.squeeze(0)


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu of it (`nonlinearity`), on [N, *] or [*]."""

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(_core.rnn_tanh_cell if self.nonlinearity == "tanh" else _core.rnn_relu_cell, input, hx)


class LSTMCell(RNNCellBase):
    """One step of an LSTM on [N, *] or [*]: (h, c). See LSTM."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        batched = input.ndim == 2
        if not batched:
            self._check_rank(input, "input")
        if hx is not None:
            for i, t in enumerate(hx):
                if t.ndim != 2:
                    self._check_rank(t, f"hx[{i}]")
        x = input if batched else input.unsqueeze(0)
        if hx is None:
            zeros = _core.zeros((x.size(0), self.hidden_size), dtype=input.dtype)
            hx = (zeros, zeros)
        elif not batched:
            hx = (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        h, c = _core.lstm_cell(x, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a gated recurrent unit on [N, *] or [*]. See GRU."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(_core.gru_cell, input, hx)


_core._internal(vars(_rnn))
_core._internal(globals())

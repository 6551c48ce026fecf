"""An LSTM that continues a wave: two stacked cells, trained on the whole batch at once by LBFGS.

    python examples/lstm_forecast.py                       # with PyTorch
    python -m rushlight run examples/lstm_forecast.py      # the same file with rushlight

The data are sums of two sine waves with random phases, made here. The network sees each value and predicts the next; after the end of what it has been given it goes on from
its own predictions.
"""

import math

import torch
from torch import nn

from common import draw, options, progress


class Forecast(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, num_layers=2, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, series, future=0):
        """Predictions of the next value at each place of `series` [batch, length], and `future` more."""
        hidden, state = self.lstm(series.unsqueeze(-1))
        outputs = [self.head(hidden).squeeze(-1)]
        last = outputs[0][:, -1:]
        for _ in range(future):
            hidden, state = self.lstm(last.unsqueeze(-1), state)
            last = self.head(hidden).squeeze(-1)
            outputs.append(last)
        return torch.cat(outputs, 1)


def waves(count, length):
    time = torch.arange(length, dtype=torch.float64)
    phase = torch.rand(count, 2, 1, dtype=torch.float64) * 2 * math.pi
    return torch.sin(time / 6 + phase[:, 0]) + 0.5 * torch.sin(time / 2.5 + phase[:, 1])


def main():
    chosen = options(__doc__, steps=8, length=80, count=40, future=60)
    training = waves(chosen.count, chosen.length)
    testing = waves(3, chosen.length + chosen.future)
    model = Forecast().double()
    criterion = nn.MSELoss()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.8, max_iter=12, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = criterion(model(training[:, :-1]), training[:, 1:])
        loss.backward()
        return loss

    for step in progress(range(1, chosen.steps + 1), "training"):
        loss = optimizer.step(closure)
        with torch.no_grad():
            predicted = model(testing[:, : chosen.length], chosen.future - 1)
            ahead = criterion(predicted[:, chosen.length - 1 :], testing[:, chosen.length :])
        print(f"step {step:2}: loss {loss.item():.5f}, {chosen.future} values ahead {ahead.item():.4f}")

    def forecast(axis):
        axis.plot(testing[0].numpy(), label="wave")
        axis.plot(
            range(chosen.length, chosen.length + chosen.future),
            predicted[0, chosen.length - 1 :].numpy(),
            "--",
            label="forecast",
        )
        axis.axvline(chosen.length, color="gray", lw=0.5)
        axis.legend()

    draw(chosen.picture, forecast)


if __name__ == "__main__":
    main()

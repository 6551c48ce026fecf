"""Model-agnostic meta-learning: initial weights from which a sine wave is learnt out of ten points, in one step.

    python examples/maml.py                       # with PyTorch
    python -m rushlight run examples/maml.py      # the same file with rushlight

Each task is a sine wave of its own amplitude and phase. The inner step is a gradient step on the task's ten points; the outer one differentiates the loss after
that step, thus a gradient of a gradient (Finn, Abbeel, Levine 2017).
"""

import math

import torch
import torch.nn.functional as F

from common import draw, options, progress

SIZES = (1, 40, 40, 1)


def initial():
    weights = []
    for fan_in, fan_out in zip(SIZES, SIZES[1:]):
        weights.append((torch.randn(fan_out, fan_in) * math.sqrt(2 / fan_in)).requires_grad_())
        weights.append(torch.zeros(fan_out, requires_grad=True))
    return weights


def network(weights, x):
    for k in range(0, len(weights) - 2, 2):
        x = F.relu(F.linear(x, weights[k], weights[k + 1]))
    return F.linear(x, weights[-2], weights[-1])


class Wave:
    """A task: y = amplitude sin(x - phase)."""

    def __init__(self):
        self.amplitude = torch.empty(1).uniform_(0.1, 5.0)
        self.phase = torch.empty(1).uniform_(0, math.pi)

    def __call__(self, x):
        return self.amplitude * torch.sin(x - self.phase)

    def points(self, count):
        x = torch.empty(count, 1).uniform_(-5, 5)
        return x, self(x)


def adapt(weights, x, y, rate, turns=1, create_graph=True):
    """The weights after `turns` gradient steps on the points."""
    for _ in range(turns):
        loss = F.mse_loss(network(weights, x), y)
        gradients = torch.autograd.grad(loss, weights, create_graph=create_graph)
        weights = [w - rate * g for w, g in zip(weights, gradients)]
    return weights


def main():
    chosen = options(__doc__, steps=500, tasks=8, shots=10, inner=0.02, rate=3e-3)
    weights = initial()
    optimizer = torch.optim.Adam(weights, lr=chosen.rate)
    losses = []
    for step in progress(range(1, chosen.steps + 1), "meta-training"):
        total = 0.0
        for _ in range(chosen.tasks):
            wave = Wave()
            adapted = adapt(weights, *wave.points(chosen.shots), chosen.inner)
            x, y = wave.points(chosen.shots)
            total = total + F.mse_loss(network(adapted, x), y)
        loss = total / chosen.tasks
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step in (1, 10) or step % max(1, chosen.steps // 5) == 0:
            print(f"step {step:4}: loss after one inner step {loss.item():.4f}")

    wave = Wave()
    x, y = wave.points(chosen.shots)
    grid = torch.linspace(-5, 5, 100).unsqueeze(1)
    curves = {}
    for turns in (0, 1, 10):
        adapted = adapt(weights, x, y, chosen.inner, turns, create_graph=False)
        with torch.no_grad():
            curves[turns] = network(adapted, grid)
        print(f"a new wave after {turns:2} steps: {F.mse_loss(curves[turns], wave(grid)).item():.4f}")

    def waves(axis):
        axis.plot(grid.numpy(), wave(grid).numpy(), "k", label="the wave")
        axis.plot(x.numpy(), y.numpy(), "ko", label="what is known")
        for turns, curve in curves.items():
            axis.plot(grid.numpy(), curve.numpy(), "--", label=f"after {turns} steps")
        axis.legend()

    def learning(axis):
        axis.semilogy(losses)
        axis.set(xlabel="step", ylabel="loss after one inner step")

    draw(chosen.picture, waves, learning)


if __name__ == "__main__":
    main()

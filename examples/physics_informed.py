"""A physics-informed network: solves the damped oscillator u'' + 2 d w u' + w^2 u = 0 without a single solved example.

    python examples/physics_informed.py                       # with PyTorch
    python -m rushlight run examples/physics_informed.py      # the same file with rushlight

The network is trained so that its own first and second derivatives satisfy the equation at random times, and its start the
initial conditions u(0) = 1, u'(0) = 0 (Raissi, Perdikaris, Karniadakis 2019). The loss is a function of second derivatives, and training differentiates it
once more. The exact solution is known; it serves for the error that is printed, and for nothing else.
"""

import math

import torch
from torch import nn

from common import draw, options, progress

FREQUENCY, DAMPING, END = 4.0, 0.15, 3.0


def exact(t):
    fast = FREQUENCY * math.sqrt(1 - DAMPING**2)
    phase = DAMPING / math.sqrt(1 - DAMPING**2)
    return torch.exp(-DAMPING * FREQUENCY * t) * (torch.cos(fast * t) + phase * torch.sin(fast * t))


class Solution(nn.Module):
    """u(t) = 1 + t^2 N(t): the initial conditions hold by construction."""

    def __init__(self, width=32):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)
        )

    def forward(self, t):
        return 1 + t * t * self.net(t / END)


def residual(u, t):
    """What the equation leaves over at the times `t`, of shape (points, 1)."""
    value = u(t)
    (first,) = torch.autograd.grad(value.sum(), t, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), t, create_graph=True)
    return second + 2 * DAMPING * FREQUENCY * first + FREQUENCY**2 * value


def main():
    chosen = options(__doc__, steps=2000, points=64, rate=5e-3)
    u = Solution()
    optimizer = torch.optim.Adam(u.parameters(), lr=chosen.rate)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, chosen.steps)
    grid = torch.linspace(0, END, 200).unsqueeze(1)
    losses = []
    for step in progress(range(1, chosen.steps + 1), "training"):
        t = (torch.rand(chosen.points, 1) * END).requires_grad_()
        loss = residual(u, t).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        if step in (1, 10) or step % max(1, chosen.steps // 5) == 0:
            with torch.no_grad():
                error = (u(grid) - exact(grid)).abs().max().item()
            print(f"step {step:5}: residual {loss.item():.5f}, largest error {error:.5f}")

    def curve(axis):
        with torch.no_grad():
            axis.plot(grid.numpy(), exact(grid).numpy(), label="exact")
            axis.plot(grid.numpy(), u(grid).numpy(), "--", label="network")
        axis.set(xlabel="t", ylabel="u", title="damped oscillator")
        axis.legend()

    def learning(axis):
        axis.semilogy(losses)
        axis.set(xlabel="step", ylabel="mean squared residual")

    draw(chosen.picture, curve, learning)


if __name__ == "__main__":
    main()

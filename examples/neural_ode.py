"""A neural ordinary differential equation, trained by the adjoint method: the memory does not grow with the number of steps.

    python examples/neural_ode.py                       # with PyTorch
    python -m rushlight run examples/neural_ode.py      # the same file with rushlight

A network is the right side of dy/dt = f(y); it learns a damped spiral from points on it. The backward pass solves a second equation backwards in time for
the adjoint a = dL/dy, da/dt = -a df/dy, and for the gradient of the parameters, instead of keeping what the solver did (Chen, Rubanova,
Bettencourt, Duvenaud 2018).
"""

import torch
from torch import nn

from common import draw, options, progress


def runge_kutta(f, y, h):
    """One step of the classical method of fourth order for a state that is a tuple of tensors."""
    k1 = f(y)
    k2 = f(tuple(a + h / 2 * k for a, k in zip(y, k1)))
    k3 = f(tuple(a + h / 2 * k for a, k in zip(y, k2)))
    k4 = f(tuple(a + h * k for a, k in zip(y, k3)))
    return tuple(a + h / 6 * (p + 2 * q + 2 * r + s) for a, p, q, r, s in zip(y, k1, k2, k3, k4))


class Solve(torch.autograd.Function):
    """y at the times 0, h, 2h, ... by Runge-Kutta; the derivative solves the adjoint equation backwards."""

    @staticmethod
    def forward(ctx, y, h, steps, f, *parameters):
        states = [y]
        with torch.no_grad():
            for _ in range(steps):
                (y,) = runge_kutta(lambda state: (f(state[0]),), (y,), h)
                states.append(y)
        ctx.f, ctx.h = f, h
        states = torch.stack(states)
        ctx.save_for_backward(states, *parameters)
        return states

    @staticmethod
    def backward(ctx, cotangents):
        states, *parameters = ctx.saved_tensors

        def augmented(state):
            y, a = state[:2]
            with torch.enable_grad():
                y = y.detach().requires_grad_()
                value = ctx.f(y)
                vjp = torch.autograd.grad(value, (y, *parameters), a)
            return value.detach(), *(-g for g in vjp)

        adjoint = cotangents[-1]
        gradients = tuple(torch.zeros_like(p) for p in parameters)
        for k in range(len(states) - 1, 0, -1):
            _, adjoint, *gradients = runge_kutta(augmented, (states[k], adjoint, *gradients), -ctx.h)
            adjoint = adjoint + cotangents[k - 1]
        return adjoint, None, None, None, *gradients


class Field(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 2))

    def forward(self, y):
        return self.net(y**3)

    def solve(self, y, h, steps):
        return Solve.apply(y, h, steps, self, *self.parameters())


def main():
    chosen = options(__doc__, steps=300, times=200, window=10, batch=20, rate=5e-3)
    h = 10.0 / chosen.times
    spiral = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
    with torch.no_grad():
        truth = [torch.tensor([2.0, 0.0])]
        for _ in range(chosen.times):
            (following,) = runge_kutta(lambda state: (state[0] ** 3 @ spiral,), (truth[-1],), h)
            truth.append(following)
        truth = torch.stack(truth)

    field = Field()
    optimizer = torch.optim.RMSprop(field.parameters(), lr=chosen.rate)
    losses = []
    for step in progress(range(1, chosen.steps + 1), "training"):
        start = torch.randint(0, chosen.times - chosen.window, (chosen.batch,))
        wanted = torch.stack([truth[start + k] for k in range(chosen.window + 1)])
        loss = (field.solve(wanted[0], h, chosen.window) - wanted).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step in (1, 10) or step % max(1, chosen.steps // 5) == 0:
            with torch.no_grad():
                whole = (field.solve(truth[:1], h, chosen.times)[:, 0] - truth).abs().mean().item()
            print(f"step {step:4}: loss {loss.item():.5f}, whole trajectory {whole:.4f}")

    def trajectory(axis):
        with torch.no_grad():
            found = field.solve(truth[:1], h, chosen.times)[:, 0]
        axis.plot(*truth.T.numpy(), label="truth")
        axis.plot(*found.T.numpy(), "--", label="network")
        axis.set(title="a spiral", aspect="equal")
        axis.legend()

    def learning(axis):
        axis.semilogy(losses)
        axis.set(xlabel="step", ylabel="mean absolute error")

    draw(chosen.picture, trajectory, learning)


if __name__ == "__main__":
    main()

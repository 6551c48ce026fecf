"""Hamiltonian Monte Carlo on a hierarchical model: how much does coaching help, in eight schools?

    python examples/hamiltonian_monte_carlo.py                       # with PyTorch
    python -m rushlight run examples/hamiltonian_monte_carlo.py      # the same file with rushlight

The data are the estimated effects of coaching on test scores in eight schools and their standard errors (Rubin 1981). The schools' true
effects are drawn around a common mean `mu` with spread `tau`. The sampler works on mu, log(tau) and the standardised
effects, where the geometry is easy; each proposal follows the gradient of the log density for some leapfrog steps
(Neal, "MCMC using Hamiltonian dynamics", 2011).
"""

import math

import torch

from common import draw, options, progress

EFFECT = torch.tensor([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0], dtype=torch.float64)
ERROR = torch.tensor([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0], dtype=torch.float64)


def log_density(position):
    """Of mu ~ normal(0, 10), tau ~ half-Cauchy(5) (in log tau), z ~ normal(0, 1) and the data, up to a constant."""
    mu, log_tau, z = position[0], position[1], position[2:]
    tau = log_tau.exp()
    prior = -0.5 * (mu / 10) ** 2 - torch.log1p((tau / 5) ** 2) + log_tau - 0.5 * (z * z).sum()
    residual = (EFFECT - mu - tau * z) / ERROR
    return prior - 0.5 * (residual * residual).sum()


def value_and_gradient(position):
    position = position.detach().requires_grad_()
    value = log_density(position)
    (gradient,) = torch.autograd.grad(value, position)
    return value.detach(), gradient


def proposal(position, value, gradient, step, turns):
    """One trajectory: (position, value, gradient, change of the energy)."""
    momentum = torch.randn_like(position)
    before = value - 0.5 * momentum.dot(momentum)
    for _ in range(turns):
        momentum = momentum + 0.5 * step * gradient
        position = position + step * momentum
        value, gradient = value_and_gradient(position)
        momentum = momentum + 0.5 * step * gradient
    return position, value, gradient, value - 0.5 * momentum.dot(momentum) - before


def sample(draws, warmup, turns, target=0.8):
    """The states after the warm-up, in which the step is adapted to the wanted share of accepted proposals, and that share."""
    position = torch.zeros(2 + len(EFFECT), dtype=torch.float64)
    value, gradient = value_and_gradient(position)
    step, states, accepted = 0.1, [], 0
    for turn in progress(range(warmup + draws), "sampling"):
        *proposed, change = proposal(position, value, gradient, step, turns)
        chance = min(1.0, math.exp(min(0.0, change.item()))) if math.isfinite(change.item()) else 0.0
        if torch.rand((), dtype=torch.float64).item() < chance:
            position, value, gradient = proposed
            accepted += turn >= warmup
        if turn < warmup:
            step *= math.exp((chance - target) / math.sqrt(1 + turn))
        else:
            states.append(position)
    return torch.stack(states), accepted / draws


def main():
    chosen = options(__doc__, steps=1000, warmup=300, turns=12)
    states, accepted = sample(chosen.steps, chosen.warmup, chosen.turns)
    mu, tau = states[:, 0], states[:, 1].exp()
    effects = mu[:, None] + tau[:, None] * states[:, 2:]
    print(f"accepted {accepted:.3f}")
    print(f"mu  {mu.mean().item():7.3f} +- {mu.std().item():.3f}")
    print(f"tau {tau.mean().item():7.3f} +- {tau.std().item():.3f}")
    low, high = torch.quantile(effects, torch.tensor([0.05, 0.95], dtype=torch.float64), dim=0)
    for school, row in enumerate(zip(EFFECT, effects.mean(0), low, high)):
        measured, mean, a, b = (number.item() for number in row)
        print(f"school {'ABCDEFGH'[school]}: measured {measured:5.1f}, effect {mean:6.2f} (90 %: {a:6.2f} to {b:6.2f})")

    def density(axis):
        axis.scatter(mu.numpy(), tau.numpy(), s=4, alpha=0.5)
        axis.set(xlabel="mu", ylabel="tau", yscale="log", title="draws of the posterior")

    def shrinkage(axis):
        axis.errorbar(range(8), EFFECT.numpy(), ERROR.numpy(), fmt="o", label="measured")
        axis.errorbar(
            [k + 0.2 for k in range(8)], effects.mean(0).numpy(), effects.std(0).numpy(), fmt="s", label="posterior"
        )
        axis.set(xlabel="school", ylabel="effect", title="the schools learn from each other")
        axis.legend()

    draw(chosen.picture, density, shrinkage)


if __name__ == "__main__":
    main()

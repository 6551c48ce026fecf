"""REINFORCE: a policy network learns to balance a pole on a cart.

    python examples/reinforce.py                       # with PyTorch
    python -m rushlight run examples/reinforce.py      # the same file with rushlight

The environment is CartPole of the package gymnasium. After each episode the policy is moved along the gradient of the log probability of what it did, weighted by the standardised
discounted return (Williams 1992).
"""

import torch
import torch.nn.functional as F
from torch import nn

from common import draw, options, progress


class Policy(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.first = nn.Linear(4, hidden)
        self.second = nn.Linear(hidden, 2)

    def forward(self, state):
        return F.log_softmax(self.second(F.relu(self.first(state))), dim=-1)


def episode(environment, policy, seed):
    """Plays once: (log probabilities of the actions, their rewards)."""
    state, _ = environment.reset(seed=seed)
    log_probabilities, rewards = [], []
    over = False
    while not over:
        log_p = policy(torch.as_tensor(state, dtype=torch.float32))
        action = torch.multinomial(log_p.exp(), 1).item()
        state, reward, ended, cut, _ = environment.step(action)
        log_probabilities.append(log_p[action])
        rewards.append(float(reward))
        over = ended or cut
    return torch.stack(log_probabilities), rewards


def returns(rewards, discount):
    values, total = [], 0.0
    for reward in reversed(rewards):
        total = reward + discount * total
        values.append(total)
    values = torch.tensor(values[::-1])
    return (values - values.mean()) / (values.std() + 1e-6)


def main():
    chosen = options(__doc__, steps=200, rate=1e-2, discount=0.99)
    import gymnasium

    environment = gymnasium.make("CartPole-v1")
    policy = Policy()
    optimizer = torch.optim.Adam(policy.parameters(), lr=chosen.rate)
    lengths = []
    for turn in progress(range(1, chosen.steps + 1), "episodes"):
        log_probabilities, rewards = episode(environment, policy, seed=chosen.seed * 100_000 + turn)
        loss = -(log_probabilities * returns(rewards, chosen.discount)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        lengths.append(len(rewards))
        if turn % max(1, chosen.steps // 10) == 0:
            recent = lengths[-20:]
            print(f"episode {turn:4}: {lengths[-1]:3} steps, the last {len(recent)}: {sum(recent) / len(recent):.1f}")

    def learning(axis):
        axis.plot(lengths)
        axis.set(xlabel="episode", ylabel="steps until the pole falls")

    draw(chosen.picture, learning)


if __name__ == "__main__":
    main()

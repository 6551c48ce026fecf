"""A graph convolution network: who sides with whom in a karate club that splits, when only the two leaders' sides are known?

    python examples/graph_convolution.py                       # with PyTorch
    python -m rushlight run examples/graph_convolution.py      # the same file with rushlight

The graph of 34 members is Zachary's (1977), as networkx ships it. A layer mixes each member's features with those of the neighbours: D^-1/2 (A + I) D^-1/2 X W
(Kipf, Welling 2017).
"""

import torch
import torch.nn.functional as F
from torch import nn

from common import draw, options, progress


class GraphConvolution(nn.Module):
    def __init__(self, fan_in, fan_out):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(fan_in, fan_out))
        self.bias = nn.Parameter(torch.zeros(fan_out))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, mixing):
        return mixing @ (x @ self.weight) + self.bias

    def extra_repr(self):
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class Network(nn.Module):
    def __init__(self, nodes, hidden=8, classes=2):
        super().__init__()
        self.first = GraphConvolution(nodes, hidden)
        self.second = GraphConvolution(hidden, classes)

    def forward(self, x, mixing):
        hidden = torch.tanh(self.first(x, mixing))
        return self.second(hidden, mixing), hidden


def load():
    """(the graph, its normalised adjacency with self-loops, the side of each member)."""
    import networkx

    graph = networkx.karate_club_graph()
    adjacency = torch.eye(len(graph))
    for a, b in graph.edges:
        adjacency[a, b] = adjacency[b, a] = 1
    scale = adjacency.sum(1).rsqrt()
    sides = torch.tensor([int(graph.nodes[k]["club"] != "Mr. Hi") for k in graph])
    return graph, scale[:, None] * adjacency * scale, sides


def main():
    chosen = options(__doc__, steps=200, rate=1e-2, decay=5e-3)
    graph, mixing, sides = load()
    known = torch.tensor([0, len(sides) - 1])
    features = torch.eye(len(sides))
    model = Network(len(sides))
    print(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=chosen.rate, weight_decay=chosen.decay)
    for step in progress(range(1, chosen.steps + 1), "training"):
        optimizer.zero_grad()
        scores, _ = model(features, mixing)
        loss = F.cross_entropy(scores[known], sides[known])
        loss.backward()
        optimizer.step()
        if step == 1 or step % max(1, chosen.steps // 5) == 0:
            right = (scores.argmax(1) == sides).sum().item()
            print(f"step {step:4}: loss {loss.item():.4f}, right about {right} of {len(sides)}")

    def club(axis):
        import networkx

        with torch.no_grad():
            share = model(features, mixing)[0].softmax(1)[:, 1]
        place = networkx.spring_layout(graph, seed=1)
        networkx.draw(graph, place, ax=axis, node_color=share.numpy(), cmap="coolwarm", with_labels=True, font_size=8)
        axis.set_title("predicted sides")

    draw(chosen.picture, club)


if __name__ == "__main__":
    main()

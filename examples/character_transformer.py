"""A small transformer that learns English letter by letter, from text that comes with Python.

    python examples/character_transformer.py                       # with PyTorch
    python -m rushlight run examples/character_transformer.py      # the same file with rushlight

The text is what `help()` knows about the language's topics. Two pre-norm blocks of masked self-attention predict the next character (Vaswani et al. 2017; Radford
et al. 2019).
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from common import draw, options, progress


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        n, t, width = x.shape
        q, k, v = (part.view(n, t, self.heads, -1).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, dim=-1))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(n, t, width))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self, characters, context=64, width=64, heads=4, blocks=2):
        super().__init__()
        self.context = context
        self.token = nn.Embedding(characters, width)
        self.place = nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, characters, bias=False)
        self.head.weight = self.token.weight
        self.apply(self._start)

    @staticmethod
    def _start(module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, tokens):
        places = torch.arange(tokens.shape[1])
        return self.head(self.norm(self.blocks(self.token(tokens) + self.place(places))))

    @torch.no_grad()
    def write(self, tokens, count):
        """Continues [1, length] by `count` characters, drawn from the ten most likely."""
        for _ in range(count):
            scores, likely = self(tokens[:, -self.context :])[:, -1].topk(10)
            choice = torch.multinomial(scores.softmax(-1), 1)
            tokens = torch.cat([tokens, likely.gather(1, choice)], 1)
        return tokens


def load():
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics))
    alphabet = sorted(set(text))
    number = {c: k for k, c in enumerate(alphabet)}
    return torch.tensor([number[c] for c in text]), alphabet


def main():
    chosen = options(__doc__, steps=150, batch=16, rate=3e-3, write=200)
    text, alphabet = load()
    cut = len(text) * 9 // 10
    model = Transformer(len(alphabet))
    print(f"{len(alphabet)} characters, {sum(p.numel() for p in model.parameters())} parameters")

    def batch(text):
        start = torch.randint(len(text) - model.context - 1, (chosen.batch, 1))
        window = text[start + torch.arange(model.context + 1)]
        return window[:, :-1], window[:, 1:]

    def loss_of(text):
        tokens, following = batch(text)
        return F.cross_entropy(model(tokens).flatten(0, 1), following.flatten())

    optimizer = torch.optim.AdamW(model.parameters(), lr=chosen.rate, betas=(0.9, 0.95), weight_decay=0.1)
    warm = max(1, chosen.steps // 10)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda k: min((k + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * k / chosen.steps))
    )
    losses = []
    for step in progress(range(1, chosen.steps + 1), "training"):
        loss = loss_of(text[:cut])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        if step == 1 or step % max(1, chosen.steps // 5) == 0:
            with torch.no_grad():
                unseen = loss_of(text[cut:]).item()
            print(
                f"step {step:4}: {loss.item() / math.log(2):.3f} bits a character, {unseen / math.log(2):.3f} on unseen text"
            )

    written = model.write(torch.tensor([[alphabet.index("T")]]), chosen.write)[0].tolist()
    print("".join(alphabet[k] for k in written).replace("\n", " "))

    def learning(axis):
        axis.plot(losses)
        axis.set(xlabel="step", ylabel="loss in nats a character")

    draw(chosen.picture, learning)


if __name__ == "__main__":
    main()

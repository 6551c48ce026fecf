"""A small classifier of handwritten digits, for PyTorch and rushlight alike: tensors, autograd, and Adam written out.

    python examples/digits.py                       # with PyTorch
    python -m rushlight run examples/digits.py      # the same file with rushlight

The data are the 1,797 images of 8x8 pixels that come with scikit-learn; nothing is downloaded.
"""

import argparse
import math
import time

import torch


def load(test_share=0.2, seed=0):
    """(images, labels) to train with and (images, labels) to test with; the same split every time."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    images = (torch.tensor(images, dtype=torch.float32) / 16)[order]
    labels = torch.tensor(labels, dtype=torch.int64)[order]
    cut = round(len(order) * (1 - test_share))
    return (images[:cut], labels[:cut]), (images[cut:], labels[cut:])


class Classifier:
    """One hidden layer: 64 pixels, `hidden` units, 10 digits."""

    def __init__(self, hidden=64):
        self.w1 = (torch.randn(64, hidden) * math.sqrt(2 / 64)).requires_grad_()
        self.b1 = torch.zeros(hidden, requires_grad=True)
        self.w2 = (torch.randn(hidden, 10) * math.sqrt(2 / hidden)).requires_grad_()
        self.b2 = torch.zeros(10, requires_grad=True)

    def parameters(self):
        return {"w1": self.w1, "b1": self.b1, "w2": self.w2, "b2": self.b2}

    def __call__(self, images):
        return torch.relu(images @ self.w1 + self.b1) @ self.w2 + self.b2

    def loss(self, images, labels):
        log_p = torch.log_softmax(self(images), dim=1)
        return -log_p.gather(1, labels.unsqueeze(1)).mean()

    def accuracy(self, images, labels):
        with torch.no_grad():
            return (self(images).argmax(dim=1) == labels).float().mean().item()


class Adam:
    def __init__(self, parameters, rate=3e-3, betas=(0.9, 0.999), eps=1e-8):
        self.parameters, self.rate, self.betas, self.eps = list(parameters), rate, betas, eps
        self.means = [torch.zeros_like(p) for p in self.parameters]
        self.squares = [torch.zeros_like(p) for p in self.parameters]
        self.steps = 0

    def step(self):
        beta1, beta2 = self.betas
        self.steps += 1
        rate = self.rate * math.sqrt(1 - beta2**self.steps) / (1 - beta1**self.steps)
        with torch.no_grad():
            for p, mean, square in zip(self.parameters, self.means, self.squares):
                mean.mul_(beta1).add_(p.grad * (1 - beta1))
                square.mul_(beta2).add_(p.grad * p.grad * (1 - beta2))
                p.sub_(rate * mean / (square.sqrt() + self.eps))
                p.grad = None


def train(model, training, testing, epochs=40, batch=32):
    """Trains and yields after each epoch (mean loss, accuracy on the training images, accuracy on the test images)."""
    images, labels = training
    adam = Adam(model.parameters().values())
    for _ in range(epochs):
        order = torch.randperm(len(labels))
        total = 0.0
        for start in range(0, len(labels), batch):
            chosen = order[start : start + batch]
            loss = model.loss(images[chosen], labels[chosen])
            loss.backward()
            adam.step()
            total += loss.item() * len(chosen)
        yield total / len(labels), model.accuracy(*training), model.accuracy(*testing)


def main():
    parser = argparse.ArgumentParser(description="Train a small classifier of handwritten digits.")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    training, testing = load()
    torch.manual_seed(options.seed)
    model = Classifier()
    start = time.perf_counter()
    print("epoch    loss   train    test")
    for epoch, (loss, seen, unseen) in enumerate(train(model, training, testing, options.epochs), 1):
        if epoch % 5 == 0 or epoch in (1, options.epochs):
            print(f"{epoch:5} {loss:7.4f} {seen:7.2%} {unseen:7.2%}")
    print(f"{time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()

"""A variational autoencoder of handwritten digits: learns a plane in which similar digits lie side by side.

    python examples/variational_autoencoder.py                       # with PyTorch
    python -m rushlight run examples/variational_autoencoder.py      # the same file with rushlight

The data are the 1,797 images of 8x8 pixels that come with scikit-learn. The loss is the negative evidence lower bound: the cross entropy of the pixels and the
divergence of the code from a standard normal distribution (Kingma, Welling 2014).
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from common import draw, options, progress


class Autoencoder(nn.Module):
    def __init__(self, pixels=64, hidden=128, code=2):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(pixels, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, code)
        self.log_variance = nn.Linear(hidden, code)
        self.decoder = nn.Sequential(nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, pixels), nn.Sigmoid())

    def forward(self, images):
        hidden = self.encoder(images)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        code = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(code), mean, log_variance


def bound(images, restored, mean, log_variance):
    """The negative evidence lower bound, summed over the images: (pixels' part, code's part)."""
    pixels = F.binary_cross_entropy(restored, images, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return pixels, divergence


def main():
    chosen = options(__doc__, steps=20, batch=64, rate=2e-3)
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images, labels = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)
    loader = DataLoader(TensorDataset(images, labels), batch_size=chosen.batch, shuffle=True)
    model = Autoencoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=chosen.rate)
    history = []
    for epoch in progress(range(1, chosen.steps + 1), "training"):
        model.train()
        totals = torch.zeros(2)
        for batch, _ in loader:
            optimizer.zero_grad()
            pixels, divergence = bound(batch, *model(batch))
            (pixels + divergence).backward()
            optimizer.step()
            totals += torch.stack([pixels, divergence]).detach()
        totals /= len(images)
        history.append(totals.tolist())
        if epoch == 1 or epoch % max(1, chosen.steps // 5) == 0:
            print(f"epoch {epoch:3}: pixels {totals[0].item():.3f}, divergence {totals[1].item():.3f}")

    model.eval()
    with torch.no_grad():
        codes = model.mean(model.encoder(images))
        print("centre of each digit in the plane:")
        for digit in range(10):
            x, y = codes[labels == digit].mean(0).tolist()
            print(f"  {digit}: {x:6.2f} {y:6.2f}")
        side = torch.linspace(-2, 2, 10)
        plane = model.decoder(torch.cartesian_prod(side, side)).reshape(10, 10, 8, 8)

    def scatter(axis):
        points = axis.scatter(*codes.T.numpy(), c=labels.numpy(), s=4, cmap="tab10")
        axis.figure.colorbar(points, ax=axis)
        axis.set_title("codes of the digits")

    def mosaic(axis):
        axis.imshow(plane.permute(0, 2, 1, 3).reshape(80, 80).numpy(), cmap="gray")
        axis.set_title("what lies where")
        axis.axis("off")

    draw(chosen.picture, scatter, mosaic)


if __name__ == "__main__":
    main()

"""A convolutional network for handwritten digits, with batch normalisation, dropout, and a schedule of the learning rate.

    python examples/digits_cnn.py                       # with PyTorch
    python -m rushlight run examples/digits_cnn.py      # the same file with rushlight

The data are the 1,797 images of 8x8 pixels that come with scikit-learn. The best weights are kept in a checkpoint, in PyTorch's own format.
"""

import os
import tempfile

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from common import draw, options, progress


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * 2 * 2, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10)
        )

    def forward(self, images):
        return self.classifier(self.features(images))


def load(seed):
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    data = TensorDataset(images, torch.tensor(labels))
    return random_split(data, [0.8, 0.2], generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in loader)
    return right / len(loader.dataset)


def main():
    chosen = options(__doc__, steps=8, batch=64, rate=0.05)
    training, testing = load(chosen.seed)
    train_loader = DataLoader(training, batch_size=chosen.batch, shuffle=True)
    test_loader = DataLoader(testing, batch_size=256)
    model = Network()
    print(model)
    print(f"{sum(p.numel() for p in model.parameters())} parameters")
    optimizer = torch.optim.SGD(model.parameters(), lr=chosen.rate, momentum=0.9, nesterov=True, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2 * chosen.rate, epochs=chosen.steps, steps_per_epoch=len(train_loader)
    )
    history, best = [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = os.path.join(folder, "best.pt")
        for epoch in progress(range(1, chosen.steps + 1), "training"):
            model.train()
            total = 0.0
            for images, labels in train_loader:
                optimizer.zero_grad(set_to_none=True)
                loss = F.cross_entropy(model(images), labels, label_smoothing=0.05)
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
                scheduler.step()
                total += loss.item() * len(labels)
            seen = accuracy(model, test_loader)
            if seen >= best:
                best = seen
                torch.save({"epoch": epoch, "model": model.state_dict()}, checkpoint)
            history.append(seen)
            print(f"epoch {epoch:2}: loss {total / len(training):.4f}, test accuracy {seen:.3f}")
        kept = torch.load(checkpoint)
    model.load_state_dict(kept["model"])
    print(f"best: epoch {kept['epoch']}, {accuracy(model, test_loader):.3f}")

    def learning(axis):
        axis.plot(history)
        axis.set(xlabel="epoch", ylabel="accuracy on the test images")

    def filters(axis):
        weights = model.features[0].weight.detach().reshape(4, 4, 3, 3).permute(0, 2, 1, 3).reshape(12, 12)
        axis.imshow(weights.numpy(), cmap="gray")
        axis.set_title("the first layer's filters")
        axis.axis("off")

    draw(chosen.picture, learning, filters)


if __name__ == "__main__":
    main()

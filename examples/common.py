"""What the examples share: their options, a progress bar, and a picture at the end."""

import argparse

import torch


def options(description, steps, **more):
    """The options of an example: --steps, --seed, --picture, and a number for each further keyword."""
    parser = argparse.ArgumentParser(description=description.strip().splitlines()[0])
    parser.add_argument("--steps", type=int, default=steps, help=f"how long to run (default: {steps})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", metavar="FILE", help="draw the result into this file (PNG, PDF or SVG)")
    for name, value in more.items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value, help=f"(default: {value})")
    chosen = parser.parse_args()
    torch.manual_seed(chosen.seed)
    return chosen


def progress(turns, label):
    """Goes through `turns` with a bar on the standard error, which a file or a pipe does not get."""
    from tqdm import tqdm

    return tqdm(turns, desc=label, disable=None, leave=False)


def draw(path, *panels):
    """Writes a picture of one panel for each function, called with its axes; without a path, none."""
    if path is None:
        return
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(5 * len(panels), 4), squeeze=False)
    for panel, axis in zip(panels, axes[0]):
        panel(axis)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)

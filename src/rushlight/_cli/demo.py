"""`rushlight demo`: the tutorial step by step, then a classifier of real handwritten digits, with pictures of both."""

from __future__ import annotations

import ast
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from .alias import aliased

__all__ = ["main"]

NEEDED = {"sklearn": "scikit-learn", "matplotlib": "matplotlib"}
ACCURACY = 0.96  # what the classifier must reach on images that it has not seen
QUICK_EPOCHS = 3


def main(out: str, epochs: int, seed: int, quick: bool) -> int:
    absent = [name for module, name in NEEDED.items() if find_spec(module) is None]
    if absent:
        print(f"rushlight demo needs {' and '.join(absent)}: pip install 'rushlight[demo]'", file=sys.stderr)
        return 1
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"rushlight demo: cannot write to {out}: {error}", file=sys.stderr)
        return 1
    with aliased():
        _heading("1. Autograd, step by step")
        _tutorial(example("autograd_tutorial"))
        _heading("2. Handwritten digits")
        accuracy = _digits(folder, min(epochs, QUICK_EPOCHS) if quick else epochs, seed)
    if not quick and accuracy < ACCURACY:
        print(f"The test accuracy is below {ACCURACY:.0%}.", file=sys.stderr)
        return 1
    return 0


def example(name: str) -> Path:
    """An example script: inside the installed package, or in the checkout that an editable install points to."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_examples", package.parents[1] / "examples"):
        if (folder / f"{name}.py").is_file():
            return folder / f"{name}.py"
    raise FileNotFoundError(f"examples/{name}.py is missing from this installation of rushlight")


def _heading(text: str) -> None:
    print(f"\n{text}\n{'=' * len(text)}")


def _tutorial(path: Path) -> None:
    """Runs the script statement by statement, each shown before what it prints."""
    source = path.read_text()
    lines = source.splitlines()
    statements = ast.parse(source).body
    scope: dict[str, Any] = {"__name__": "__main__", "__file__": str(path)}
    shown = statements[0].end_lineno or 0  # the docstring speaks to the reader of the file
    for statement in statements[1:]:
        first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
        for line in lines[shown:first]:
            print(line)
        for number, line in enumerate(lines[first:last]):
            print("..." if number else ">>>", line)
        sys.stdout.flush()
        exec(compile(ast.Module([statement], []), str(path), "exec"), scope)
        shown = last


def _load(path: Path) -> ModuleType:
    spec = spec_from_file_location(f"rushlight_demo_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _digits(folder: Path, epochs: int, seed: int) -> float:
    import rushlight as torch

    from ..autograd._picture import svg
    from .progress import progress

    digits = _load(example("digits"))
    training, testing = digits.load()
    print(f"{len(training[1])} images to train with, {len(testing[1])} to test with, 8x8 pixels each")
    torch.manual_seed(seed)
    model = digits.Classifier()
    parameters = model.parameters()
    graph = svg(
        model.loss(training[0][:32], training[1][:32]),
        names=parameters,
        title="Loss of the digits classifier",
        result="loss",
    )

    def epoch_notes() -> Iterator[tuple[tuple[float, float, float], str]]:
        for epoch in digits.train(model, training, testing, epochs):
            yield epoch, f"loss {epoch[0]:.4f}, test {epoch[2]:.1%}"

    start = time.perf_counter()
    history = list(progress(epoch_notes(), epochs, "training"))
    seconds = time.perf_counter() - start
    loss, seen, unseen = history[-1]
    print(f"{epochs} epochs in {seconds:.2f} s: loss {loss:.4f}, accuracy {seen:.2%} (training), {unseen:.2%} (test)")

    curve, picture = folder / "learning-curve.png", folder / "graph.svg"
    picture.write_text(graph, encoding="utf-8")
    _draw_curve(history, curve)
    print(f"learning curve: {curve}\ncomputation graph: {picture}")
    return unseen


def _draw_curve(history: list[tuple[float, float, float]], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    losses, seen, unseen = zip(*history, strict=True)
    epochs = range(1, len(history) + 1)
    figure = Figure(figsize=(10, 4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    mark = "o" if len(history) < 4 else None
    left.plot(epochs, losses, color="#4a74ad", linewidth=2, marker=mark)
    left.set(title="Training loss", yscale="log")
    right.plot(epochs, seen, color="#c78a1b", linewidth=2, marker=mark, label=f"training images ({seen[-1]:.1%})")
    right.plot(epochs, unseen, color="#3d8a4f", linewidth=2, marker=mark, label=f"test images ({unseen[-1]:.1%})")
    right.set(title="Accuracy", ylim=(min(*seen, *unseen) - 0.01, 1.005))
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right.legend(loc="lower right", frameon=False)
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(color="#e3e7eb", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("rushlight demo: 1,797 handwritten digits, one hidden layer", fontsize=12)
    figure.savefig(path)

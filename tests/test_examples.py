"""The examples: each prints the same with PyTorch as with rushlight, unmodified, to within a tolerance for each number."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"

# Shorter runs than by default: what both libraries round differently grows with the length, in a chaotic system exponentially.
RUNS = {
    "character_transformer": "--steps 10 --write 20",
    "digits_cnn": "--steps 2",
    "graph_convolution": "--steps 60",
    "hamiltonian_monte_carlo": "--steps 150 --warmup 50",
    "lstm_forecast": "--steps 2",
    "maml": "--steps 30",
    "neural_ode": "--steps 40",
    "physics_informed": "--steps 100",
    "reinforce": "--steps 40",
    "variational_autoencoder": "--steps 3",
}
SCRIPTS = {path.stem for path in EXAMPLES.glob("*.py")} - {
    "common",
    "autograd_tutorial",
    "digits",
}  # those two: test_tutorial, test_smoke
NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


def printed(command: list[str], folder: pathlib.Path) -> str:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RUSHLIGHT_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=250
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_every_example_is_run() -> None:
    assert SCRIPTS == set(RUNS)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(RUNS))
def test_prints_the_same_as_with_pytorch(name: str, tmp_path: pathlib.Path) -> None:
    call = [str(EXAMPLES / f"{name}.py"), *RUNS[name].split()]
    ours = printed(["-m", "rushlight", "run", *call, "--picture", "result.png"], tmp_path)
    theirs = printed(call, tmp_path)
    assert NUMBER.sub("#", ours) == NUMBER.sub("#", theirs)
    found, wanted = ([float(n) for n in NUMBER.findall(text)] for text in (ours, theirs))
    assert len(found) >= 4
    assert found == pytest.approx(wanted, rel=2e-3, abs=2e-3)
    assert (tmp_path / "result.png").stat().st_size > 5_000

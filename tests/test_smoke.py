"""What every installation must do, whatever the Python: needs nothing but pytest and rushlight's own dependencies."""

from __future__ import annotations

import pathlib
import pickle
import subprocess
import sys
import threading

import rushlight as torch

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"


def test_forward_and_backward() -> None:
    x = torch.ones(2, 2, requires_grad=True)
    ((x + 2) ** 2 * 3).mean().backward()
    assert x.grad is not None and x.grad.tolist() == [[4.5, 4.5], [4.5, 4.5]]
    assert repr(x) == "tensor([[1., 1.],\n        [1., 1.]], requires_grad=True)"


def test_numpy_pickle_and_random_stream() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    assert x.numpy().sum() == 15.0
    assert pickle.loads(pickle.dumps(x)).tolist() == x.tolist()
    torch.manual_seed(0)
    assert repr(torch.randn(3)) == "tensor([ 1.5410, -0.2934, -2.1788])"


def test_errors_name_what_is_wrong() -> None:
    try:
        torch.ones(2) + torch.ones(3)
    except RuntimeError as error:
        assert str(error).startswith("The size of tensor a (2) must match the size of tensor b (3)")
    else:
        raise AssertionError("no error")


def test_training_in_threads() -> None:
    results: list[float] = []

    def train() -> None:
        w = torch.zeros(3, requires_grad=True)
        data = torch.arange(12.0).reshape(4, 3)
        for _ in range(200):
            loss = ((data @ w - data.sum(1)) ** 2).mean()
            loss.backward()
            with torch.no_grad():
                w -= 0.005 * w.grad
                w.grad = None
        results.append(loss.item())

    threads = [threading.Thread(target=train) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4 and len(set(results)) == 1 and results[0] < 1.0


def test_the_tutorial_runs_as_a_torch_script() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", "run", str(EXAMPLES / "autograd_tutorial.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "grad_fn=<" in done.stdout

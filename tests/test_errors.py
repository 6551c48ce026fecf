"""Bad input: the type of the exception, the text where people search for it, nothing changed, and no crash."""

from __future__ import annotations

import os
import pathlib
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import rushlight as rl

Call = Callable[[Any], Any]

# (what is wrong, the call, the exception, the first line of its text or None where PyTorch's is of no help)
BAD: list[tuple[str, Call, type[Exception], str | None]] = [
    # shapes
    ("add", lambda t: t.ones(2, 3) + t.ones(2, 2), RuntimeError, "The size of tensor a (3) must match the size of tensor b (2) at non-singleton dimension 1"),
    ("matmul", lambda t: t.ones(2, 3) @ t.ones(2, 2), RuntimeError, "mat1 and mat2 shapes cannot be multiplied (2x3 and 2x2)"),
    ("matmul of a vector", lambda t: t.ones(2, 3) @ t.ones(2), RuntimeError, "size mismatch, got input (2), mat (2x3), vec (2)"),
    ("matmul of scalars", lambda t: t.ones(()) @ t.ones(2), RuntimeError, "both arguments to matmul need to be at least 1D, but they are 0D and 1D"),
    ("dot", lambda t: t.dot(t.ones(2), t.ones(3)), RuntimeError, "inconsistent tensor size, expected tensor [2] and src [3] to have the same number of elements, but got 2 and 3 elements respectively"),
    ("dot of matrices", lambda t: t.dot(t.ones(2, 2), t.ones(2)), RuntimeError, "1D tensors expected, but got 2D and 1D tensors"),
    ("mm of vectors", lambda t: t.mm(t.ones(2), t.ones(2)), RuntimeError, "self must be a matrix"),
    ("bmm", lambda t: t.bmm(t.ones(2, 3, 4), t.ones(2, 3, 4)), RuntimeError, None),
    ("view", lambda t: t.ones(6).view(4), RuntimeError, "shape '[4]' is invalid for input of size 6"),
    ("two unknown sizes", lambda t: t.ones(6).view(-1, -1), RuntimeError, "only one dimension can be inferred"),
    ("reshape", lambda t: t.ones(6).reshape(4, -1), RuntimeError, "shape '[4, -1]' is invalid for input of size 6"),
    ("expand", lambda t: t.ones(3).expand(2), RuntimeError, None),
    ("expand to less", lambda t: t.ones(2, 3).expand(3), RuntimeError, None),
    ("cat", lambda t: t.cat([t.ones(2, 3), t.ones(2, 2)]), RuntimeError, "Sizes of tensors must match except in dimension 0. Expected size 3 but got size 2 for tensor number 1 in the list."),
    ("cat of nothing", lambda t: t.cat([]), ValueError, None),
    ("stack", lambda t: t.stack([t.ones(2), t.ones(3)]), RuntimeError, "stack expects each tensor to be equal size, but got [2] at entry 0 and [3] at entry 1"),
    ("stack of nothing", lambda t: t.stack([]), RuntimeError, "stack expects a non-empty TensorList"),
    ("t of three dimensions", lambda t: t.ones(2, 3, 4).t(), RuntimeError, "t() expects a tensor with <= 2 dimensions, but self is 3D"),
    ("squared matrices", lambda t: t.einsum("ij,jk", t.ones(2, 3), t.ones(2, 3)), RuntimeError, None),
    ("einsum", lambda t: t.einsum("ij", t.ones(2)), RuntimeError, None),
    ("max of nothing", lambda t: t.ones(0).max(), RuntimeError, "max(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."),
    ("argmax of nothing", lambda t: t.ones(0).argmax(), IndexError, "argmax(): Expected reduction dim to be specified for input.numel() == 0."),
    ("topk", lambda t: t.ones(3).topk(4), RuntimeError, "selected index k out of range"),
    ("split", lambda t: t.ones(5).split([2, 2]), RuntimeError, "split_with_sizes expects split_sizes to sum exactly to 5 (input tensor's size at dimension 0), but got split_sizes=[2, 2]"),
    ("chunk into none", lambda t: t.ones(5).chunk(0), RuntimeError, "chunk expects `chunks` to be greater than 0, got: 0"),
    ("narrow", lambda t: t.ones(3).narrow(0, 2, 2), RuntimeError, "start (2) + length (2) exceeds dimension size (3)."),
    ("unfold", lambda t: t.ones(3).unfold(0, 4, 1), RuntimeError, "maximum size for tensor at dimension 0 is 3 but size is 4"),
    ("as_strided beyond", lambda t: t.ones(3).as_strided((4,), (1,)), RuntimeError, None),
    ("as_strided, negative", lambda t: t.ones(3).as_strided((2,), (-1,)), RuntimeError, None),
    ("cross entropy", lambda t: t.nn.functional.cross_entropy(t.ones(2, 3), t.tensor([0, 3])), IndexError, "Target 3 is out of bounds."),
    ("nll", lambda t: t.nn.functional.nll_loss(t.ones(2, 3), t.tensor([0])), ValueError, "Expected input batch_size (2) to match target batch_size (1)."),
    # dimensions
    ("dim", lambda t: t.ones(2, 3).sum(2), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 2)"),
    ("negative dim", lambda t: t.ones(2, 3).sum(-3), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got -3)"),
    ("dim twice", lambda t: t.ones(2, 3).sum((0, 0)), RuntimeError, "dim 0 appears multiple times in the list of dims"),
    ("dim of a scalar", lambda t: t.ones(()).sum(1), IndexError, "Dimension out of range (expected to be in range of [-1, 0], but got 1)"),
    ("permute", lambda t: t.ones(2, 3).permute(0), RuntimeError, None),
    ("permute twice", lambda t: t.ones(2, 3).permute(0, 0), RuntimeError, "permute(): duplicate dims are not allowed."),
    ("unsqueeze", lambda t: t.ones(2).unsqueeze(3), IndexError, "Dimension out of range (expected to be in range of [-2, 1], but got 3)"),
    ("softmax", lambda t: t.ones(2).softmax(1), IndexError, "Dimension out of range (expected to be in range of [-1, 0], but got 1)"),
    ("diagonal", lambda t: t.ones(2, 2).diagonal(0, 0, 0), RuntimeError, "diagonal dimensions cannot be identical 0, 0"),
    # dtypes
    ("mean of integers", lambda t: t.arange(3).mean(), RuntimeError, "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: Long"),
    ("matmul of two dtypes", lambda t: t.ones(2, 2) @ t.ones(2, 2, dtype=t.float64), RuntimeError, "expected m1 and m2 to have the same dtype, but got: float != double"),
    ("bits of floats", lambda t: t.ones(2) & t.ones(2), NotImplementedError, None),
    ("subtract bools", lambda t: t.tensor([True]) - t.tensor([False]), RuntimeError, "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."),
    ("negative bool", lambda t: -t.tensor([True]), RuntimeError, None),
    ("order of complex", lambda t: t.tensor([1j]) > t.tensor([1j]), NotImplementedError, None),
    ("integers to negative powers", lambda t: t.tensor([2]) ** -1, RuntimeError, "Integers to negative integer powers are not allowed."),
    ("integer division by zero", lambda t: t.tensor([1]) // t.tensor([0]), RuntimeError, "ZeroDivisionError"),
    ("remainder by zero", lambda t: t.tensor([1]) % t.tensor([0]), RuntimeError, "ZeroDivisionError"),
    ("in-place cast", lambda t: t.ones(2, dtype=t.int64).add_(1.5), RuntimeError, "result type Float can't be cast to the desired output type Long"),
    ("gather by floats", lambda t: t.ones(2).gather(0, t.ones(2)), RuntimeError, None),
    ("index_select by floats", lambda t: t.ones(2).index_select(0, t.ones(2)), RuntimeError, None),
    ("mask of floats", lambda t: t.ones(2).masked_fill(t.ones(2), 0), RuntimeError, "masked_fill_ only supports boolean masks, but got mask with dtype float"),
    ("mask of the wrong shape", lambda t: t.ones(2).masked_fill(t.tensor([True, False, True]), 0), RuntimeError, None),
    ("arange of bools", lambda t: t.arange(3, dtype=t.bool), NotImplementedError, None),
    ("bernoulli above one", lambda t: t.bernoulli(t.full((2,), 2.0)), RuntimeError, None),
    ("normal, negative deviation", lambda t: t.ones(2).normal_(0, -1), RuntimeError, "normal expects std >= 0.0, but found std -1"),
    ("uniform, empty range", lambda t: t.ones(2).uniform_(1, 0), RuntimeError, None),
    ("randint, empty range", lambda t: t.randint(3, 3, (2,)), RuntimeError, None),
    ("multinomial, too many", lambda t: t.multinomial(t.ones(2), 3), RuntimeError, "cannot sample n_sample > prob_dist.size(-1) samples without replacement"),
    ("multinomial, negative", lambda t: t.multinomial(t.tensor([-1.0, 2.0]), 1), RuntimeError, "probability tensor contains either `inf`, `nan` or element < 0"),
    # indices
    ("gather", lambda t: t.ones(2).gather(0, t.tensor([2])), RuntimeError, "index 2 is out of bounds for dimension 0 with size 2"),
    ("gather, negative", lambda t: t.ones(2).gather(0, t.tensor([-1])), RuntimeError, "index -1 is out of bounds for dimension 0 with size 2"),
    ("scatter", lambda t: t.zeros(2).scatter(0, t.tensor([2]), t.ones(1)), RuntimeError, "index 2 is out of bounds for dimension 0 with size 2"),
    ("index_select", lambda t: t.ones(2).index_select(0, t.tensor([2])), IndexError, "index out of range in self"),
    ("index_add", lambda t: t.zeros(2).index_add(0, t.tensor([2]), t.ones(1)), IndexError, "index out of range in self"),
    ("select", lambda t: t.ones(2).select(0, 2), IndexError, "select(): index 2 out of range for tensor of size [2] at dimension 0"),
    # arguments
    ("text", lambda t: t.exp("text"), TypeError, "exp(): argument 'input' (position 1) must be Tensor, not str"),
    ("None", lambda t: t.exp(None), TypeError, "exp(): argument 'input' (position 1) must be Tensor, not NoneType"),
    ("nothing", lambda t: t.exp(), TypeError, None),
    ("add text", lambda t: t.ones(2) + "a", TypeError, None),
    ("add None", lambda t: t.ones(2) + None, TypeError, "unsupported operand type(s) for +: 'Tensor' and 'NoneType'"),
    ("add a list", lambda t: t.ones(2) + [1, 2], TypeError, None),
    ("unknown keyword", lambda t: t.exp(t.ones(2), nonsense=1), TypeError, None),
    ("unknown attribute", lambda t: t.ones(2).no_such_thing, AttributeError, "'Tensor' object has no attribute 'no_such_thing'"),
    ("unknown function", lambda t: t.no_such_thing, AttributeError, None),
    ("dim by text", lambda t: t.ones(2).sum("a"), TypeError, None),
    ("list of text", lambda t: t.cat(["a"]), TypeError, None),
    ("number to cat", lambda t: t.cat(1), TypeError, None),
    # sizes
    ("huge", lambda t: t.empty(10**18), RuntimeError, None),
    ("overflow", lambda t: t.empty(2**40, 2**40), RuntimeError, None),
    ("negative", lambda t: t.zeros(-1), RuntimeError, "zeros: Dimension size must be non-negative."),
    ("huge repeat", lambda t: t.ones(2).repeat(2**40, 2**30), RuntimeError, None),
    ("arange, no end", lambda t: t.arange(0, float("inf")), RuntimeError, None),
    ("arange, nan", lambda t: t.arange(0, float("nan")), RuntimeError, None),
    ("arange, step of zero", lambda t: t.arange(0, 1, 0), RuntimeError, "step must be nonzero"),
    ("arange, wrong way", lambda t: t.arange(1, 0), RuntimeError, "upper bound and lower bound inconsistent with step sign"),
    ("linspace", lambda t: t.linspace(0, 1, -1), RuntimeError, "number of steps must be non-negative"),
    ("eye", lambda t: t.eye(-1), RuntimeError, "n must be greater or equal to 0, got -1"),
    ("randperm", lambda t: t.randperm(-1), RuntimeError, None),
    # the tape
    ("backward, no scalar", lambda t: (t.ones(2, requires_grad=True) * 2).backward(), RuntimeError, "grad can be implicitly created only for scalar outputs"),
    ("backward, no graph", lambda t: t.ones(2).sum().backward(), RuntimeError, "element 0 of tensors does not require grad and does not have a grad_fn"),
    ("backward, wrong shape", lambda t: (t.ones(3, requires_grad=True) * 2).backward(t.ones(2)), RuntimeError, "Mismatch in shape: grad_output[0] has a shape of torch.Size([2]) and output[0] has a shape of torch.Size([3])."),
    ("backward, a list", lambda t: (t.ones(3, requires_grad=True) * 2).backward([1, 2, 3]), TypeError, None),
    ("backward, complex", lambda t: (t.ones(3, requires_grad=True) * 2).backward(t.ones(3, dtype=t.complex64)), RuntimeError, None),
    ("item of a vector", lambda t: t.ones(2).item(), RuntimeError, "a Tensor with 2 elements cannot be converted to Scalar"),
    ("bool of a vector", lambda t: bool(t.ones(2)), RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
    ("bool of nothing", lambda t: bool(t.ones(0)), RuntimeError, "Boolean value of Tensor with no values is ambiguous"),
    ("out that needs a gradient", lambda t: t.exp(t.ones(2), out=t.ones(2, requires_grad=True)), RuntimeError, "exp(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."),
    ("out of another dtype", lambda t: t.exp(t.ones(2), out=t.ones(2, dtype=t.int64)), RuntimeError, "result type Float can't be cast to the desired output type Long"),
    ("clamp of nothing", lambda t: t.ones(2).clamp(), RuntimeError, "torch.clamp: At least one of 'min' or 'max' must not be None"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "text"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_bad_input(call: Call, error: type[Exception], text: str | None) -> None:
    with pytest.raises(error) as caught:
        call(rl)
    assert type(caught.value) is error
    assert text is None or str(caught.value).splitlines()[0] == text


def test_list_is_what_pytorch_does() -> None:
    """The table above is a claim about PyTorch: it is checked, so that no wish of ours slips in."""
    torch = pytest.importorskip("torch")
    wrong = []
    for name, call, error, text in BAD:
        try:
            call(torch)
            wrong.append((name, "no error"))
        except Exception as raised:
            if type(raised) is not error or (text is not None and str(raised).splitlines()[0] != text):
                wrong.append((name, f"{type(raised).__name__}: {str(raised).splitlines()[0]}"))
    assert wrong == []


@pytest.mark.parametrize(
    "name",
    ["add_", "mul_", "copy_", "index_add_", "scatter_", "masked_fill_", "__setitem__", "index_put_", "addmm_", "fill_"],
)
def test_failed_operator_changes_nothing(name: str) -> None:
    t = rl.arange(4.0).reshape(2, 2)
    wrong: dict[str, tuple[Any, ...]] = {
        "add_": (rl.ones(3),), "mul_": (1j,), "copy_": (rl.ones(3),), "index_add_": (0, rl.tensor([0, 5]), rl.ones(2, 2)), "scatter_": (0, rl.tensor([[0, 1], [0, 7]]), 9.0),
        "masked_fill_": (rl.ones(2, 2), 1.0), "__setitem__": (rl.tensor([0, 9]), 1.0), "index_put_": ((rl.tensor([0, -3]),), rl.tensor(1.0)), "addmm_": (rl.ones(2, 3), rl.ones(2, 2)), "fill_": (rl.ones(2),),
    }  # fmt: skip
    with pytest.raises((RuntimeError, IndexError)):
        getattr(t, name)(*wrong[name])
    assert t.tolist() == [[0, 1], [2, 3]] and t._version == 0 and t.grad_fn is None and t.shape == (2, 2)


def test_huge_allocation_leaves_the_process_alive() -> None:
    for size in (10**13, 10**15, 10**18):
        with pytest.raises(RuntimeError):
            rl.empty(size)
    assert (rl.ones(3) + 1).tolist() == [2, 2, 2]


def operators() -> list[str]:
    return sorted(dict(rl._core.operators()))


CHUNKS = 4


def limit_memory() -> None:
    """Garbage may ask for terabytes: the kernel must refuse them in this process, not hunt others for memory."""
    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))


def call_with_garbage(module: str, seed: int, names: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "parity.garbage", module, str(seed), *names],
        cwd=pathlib.Path(__file__).parent,
        env={**os.environ, **env},
        preexec_fn=limit_memory,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def changes(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The calls that failed after they had changed a tensor."""
    lines = done.stderr.splitlines()
    return [f"{lines[i - 1]}: {line}" for i, line in enumerate(lines) if line.startswith("CHANGED")]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_operator_crashes_on_garbage(chunk: int, seed: int) -> None:
    names = operators()[chunk::CHUNKS]
    assert names
    done = call_with_garbage("rushlight", seed, names)
    last = "\n".join(done.stderr.splitlines()[-5:])
    if done.returncode < 0:
        pytest.fail(f"killed by {signal.Signals(-done.returncode).name} in:\n{last}")
    assert changes(done) == []
    assert done.returncode == 0, last
    assert done.stdout.startswith("survived ") and int(done.stdout.split()[1]) >= 60


@pytest.mark.parametrize(
    ("wrong", "code"), [("os.abort()", -signal.SIGABRT), ("x.zero_(); raise ValueError", 1)], ids=["crash", "change"]
)
def test_the_garbage_test_sees(tmp_path: pathlib.Path, wrong: str, code: int) -> None:
    """A module with an operator that is wrong on purpose."""
    (tmp_path / "broken.py").write_text(
        f"import os\nfrom rushlight import *\nfrom rushlight import Tensor\ndef exp(x, *args, **kwargs):\n    {wrong}\n",
        encoding="utf-8",
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = call_with_garbage("broken", 1, ["exp"], PYTHONPATH=path)
    assert done.returncode == code, done.stderr[-2000:]
    assert "exp [" in done.stderr.splitlines()[0]
    assert bool(changes(done)) is (code == 1)

"""The command: `run`, `info`, `demo`, each as a user starts it, in a process of its own."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

Done = subprocess.CompletedProcess[str]
Command = Callable[..., Done]


@pytest.fixture
def rushlight(tmp_path: pathlib.Path) -> Command:
    """Runs `python -m rushlight` in an empty folder."""

    def run(*args: str, timeout: float = 100) -> Done:
        return subprocess.run(
            [sys.executable, "-m", "rushlight", *args],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=tmp_path,
        )

    return run


@pytest.fixture
def script(tmp_path: pathlib.Path) -> Callable[..., str]:
    def write(source: str, name: str = "script.py") -> str:
        (tmp_path / name).write_text(textwrap.dedent(source), encoding="utf-8")
        return name

    return write


def test_a_torch_script_runs_unchanged(rushlight: Command, script: Callable[..., str]) -> None:
    done = rushlight(
        "run",
        script("""
            import sys
            import torch
            import torch.nn.functional as F
            import torch.autograd as autograd
            from torch import Tensor, nn
            from torch.autograd import grad

            x = torch.ones(2, requires_grad=True)
            (g,) = grad(F.relu(x * 3).sum(), x)
            print(torch.__name__, g, isinstance(g, Tensor), nn.functional is F, autograd.grad is grad)
            print(sys.modules["torch"] is torch, "torch.nn.functional" in sys.modules)
        """),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "rushlight tensor([3., 3.]) True True True\nTrue True\n"


def test_a_function_of_the_users_own(rushlight: Command, script: Callable[..., str]) -> None:
    done = rushlight(
        "run",
        script("""
            import torch
            from torch.autograd import Function

            class Double(Function):
                @staticmethod
                def forward(ctx, x):
                    return x * 2
                @staticmethod
                def backward(ctx, g):
                    return g * 2

            x = torch.ones(2, requires_grad=True)
            Double.apply(x).sum().backward()
            print(x.grad)
        """),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "tensor([2., 2.])\n"


def test_arguments_and_main(rushlight: Command, script: Callable[..., str], tmp_path: pathlib.Path) -> None:
    name = script("import sys\nprint(sys.argv, __name__, __file__, sys.path[0])\n")
    done = rushlight("run", name, "--version", "-m", "a b")
    file = tmp_path / name
    assert done.stdout == f"{[name, '--version', '-m', 'a b']} __main__ {file} {tmp_path}\n"


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("pass", 0),
        ("raise SystemExit", 0),
        ("raise SystemExit(3)", 3),
        ("import sys; sys.exit('words')", 1),
        ("1 / 0", 1),
        ("import os; os._exit(7)", 7),
    ],
)
def test_exit_status(rushlight: Command, script: Callable[..., str], source: str, status: int) -> None:
    assert rushlight("run", script(source)).returncode == status


def test_ctrl_c_ends_as_it_does_with_python(rushlight: Command, script: Callable[..., str]) -> None:
    done = rushlight("run", script("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n"))
    assert done.returncode == -signal.SIGINT and "KeyboardInterrupt" in done.stderr


def test_a_traceback_shows_the_scripts_lines_only(rushlight: Command, script: Callable[..., str]) -> None:
    source = """
        import torch

        def f(x):
            return x + torch.ones(3)

        f(torch.ones(2))
    """
    done = rushlight("run", script(source))
    assert "return x + torch.ones(3)" in done.stderr and "line 7, in <module>" in done.stderr
    assert done.stderr.count("Traceback") == 1 and "_cli" not in done.stderr
    assert done.stderr.rstrip().splitlines()[-1].startswith("RuntimeError: The size of tensor a (2) must match")
    done = rushlight("run", script("x = (\n"))
    assert "SyntaxError" in done.stderr and "script.py" in done.stderr and "_cli" not in done.stderr


@pytest.mark.parametrize(
    ("line", "kind", "name"),
    [
        ("torch.no_such_thing", "AttributeError", "torch.no_such_thing"),
        ("torch.nn.no_such_thing", "AttributeError", "torch.nn.no_such_thing"),
        ("torch.nn.functional.no_such_thing", "AttributeError", "torch.nn.functional.no_such_thing"),
        ("torch.autograd.no_such_thing", "AttributeError", "torch.autograd.no_such_thing"),
        ("import torch.no_such_module", "ModuleNotFoundError", "torch.no_such_module"),
        ("from torch.no_such.module import x", "ModuleNotFoundError", "torch.no_such"),
    ],
)
def test_what_is_missing_is_named(
    rushlight: Command, script: Callable[..., str], line: str, kind: str, name: str
) -> None:
    done = rushlight("run", script(f"import torch, torch.nn.functional\n{line}\n"))
    last = done.stderr.rstrip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith(f"{kind}: rushlight has no {name}") and "docs/differences.md" in last


def test_from_torch_import_something_missing(rushlight: Command, script: Callable[..., str]) -> None:
    done = rushlight("run", script("from torch import no_such_thing\n"))
    last = done.stderr.rstrip().splitlines()[-1]
    assert done.returncode == 1 and "no_such_thing" in last and "Error" in last
    # What asks first, as libraries with an optional torch do, gets Python's own answers.
    done = rushlight(
        "run",
        script("""
            import importlib.util
            import torch
            print(importlib.util.find_spec("torch.no_such_module"), hasattr(torch, "no_such_thing"))
            try:
                from torch import no_such_thing
            except ImportError:
                print("ImportError")
        """),
    )
    assert done.stdout == "None False\nImportError\n", done.stderr


def test_pickles_of_the_scripts_classes(rushlight: Command, script: Callable[..., str]) -> None:
    done = rushlight(
        "run",
        script("""
            import pickle
            import torch

            class Holder:
                def __init__(self, x):
                    self.x = x

            if __name__ == "__main__":
                data = pickle.dumps(Holder(torch.arange(3)))
                print(pickle.loads(data).x, b"torch" in data, b"rushlight" in data)
        """),
    )
    assert done.stdout == "tensor([0, 1, 2]) False True\n", done.stderr


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(rushlight: Command, script: Callable[..., str], method: str) -> None:
    done = rushlight(
        "run",
        script(f"""
            import multiprocessing
            import torch

            def work(n):
                return (torch.ones(n) * 2).sum().item()

            if __name__ == "__main__":
                with multiprocessing.get_context("{method}").Pool(2) as pool:
                    print(pool.map(work, [1, 2, 3]))
        """),
    )
    assert done.stdout == "[2.0, 4.0, 6.0]\n", done.stderr


def test_modules(rushlight: Command, script: Callable[..., str], tmp_path: pathlib.Path) -> None:
    (tmp_path / "package").mkdir()
    script("", "package/__init__.py")
    script(
        "import sys, torch\nfrom . import __name__ as n\nprint(n, torch.ones(1), sys.argv[1:])\n", "package/__main__.py"
    )
    script("import torch\nprint(__name__, torch.__name__)\n", "single.py")
    assert rushlight("run", "-m", "package", "-x", "1").stdout == "package tensor([1.]) ['-x', '1']\n"
    assert rushlight("run", "-m", "single").stdout == "__main__ rushlight\n"
    assert rushlight("run", "package").returncode == 1  # as a folder its relative import has no parent
    done = rushlight("run", "-m", "no.such.module")
    assert done.returncode == 1 and "no" in done.stderr and "Traceback" not in done.stderr


def test_no_script(rushlight: Command) -> None:
    done = rushlight("run", "absent.py")
    assert done.returncode == 2 and "absent.py" in done.stderr
    assert rushlight("run").returncode == 2
    assert rushlight().returncode == 2
    assert rushlight("no-such-command").returncode == 2


def test_help_and_version(rushlight: Command) -> None:
    import rushlight as package

    assert rushlight("--version").stdout == f"rushlight {package.__version__}\n"
    for args in [["--help"], ["run", "--help"], ["demo", "--help"], ["bench", "--help"]]:
        done = rushlight(*args)
        assert done.returncode == 0 and "usage:" in done.stdout


def test_info(rushlight: Command) -> None:
    import rushlight as package

    done = rushlight("info")
    rows = dict(line.split("  ", 1) for line in done.stdout.splitlines())
    assert done.returncode == 0 and rows["rushlight"].strip() == package.__version__
    assert {"Python", "system", "CPU level", "threads", "BLAS", "package", "resident memory"} <= set(rows)
    assert int(rows["threads"]) == package.get_num_threads()


def test_demo(rushlight: Command, tmp_path: pathlib.Path) -> None:
    for module in ("sklearn", "matplotlib"):
        pytest.importorskip(module)
    done = rushlight("demo", "--out", "pictures")
    assert done.returncode == 0, done.stderr
    # The tutorial's statements and what they print.
    assert ">>> x = torch.ones(2, 2, requires_grad=True)" in done.stdout
    assert "tensor([[4.5000, 4.5000],\n        [4.5000, 4.5000]])" in done.stdout
    (summary,) = [line for line in done.stdout.splitlines() if "accuracy" in line]
    accuracy = float(summary.split(" (test)")[0].split()[-1].rstrip("%"))
    assert accuracy >= 96
    assert "40/40" in done.stderr
    curve, graph = tmp_path / "pictures" / "learning-curve.png", tmp_path / "pictures" / "graph.svg"
    assert f"learning curve: {curve.relative_to(tmp_path)}" in done.stdout
    assert f"computation graph: {graph.relative_to(tmp_path)}" in done.stdout
    assert curve.read_bytes().startswith(b"\x89PNG") and curve.stat().st_size > 10_000
    texts = [node.text for node in ElementTree.parse(graph).iter() if node.tag.endswith("text")]
    assert "loss" in texts and any(text and "Mm" in text or text == "Addmm" for text in texts)


def test_demo_needs_its_extras(tmp_path: pathlib.Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'sklearn':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.modules['sklearn'] = None\n"
    )
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", "demo"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == 1 and "pip install 'rushlight[demo]'" in done.stderr

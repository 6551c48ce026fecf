"""`rushlight run`: a program as `python` would run it, except that `torch` is rushlight."""

from __future__ import annotations

import builtins
import os
import sys
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader, SourcelessFileLoader
from importlib.util import find_spec
from types import CodeType, ModuleType, TracebackType
from typing import Any

from .alias import install, real_name

__all__ = ["module", "script"]


def script(path: str, args: list[str]) -> int:
    """As `python PATH ARGS…`."""
    full = os.path.abspath(path)
    if os.path.isdir(full) or _is_zip(full):
        _prepare(path, args, full)
        spec = PathFinder.find_spec("__main__", [full])
        if spec is None:
            return _fail(f"can't find '__main__' module in {full!r}", 1)
        return _run_spec(spec, argv0=path)
    if not os.path.isfile(full):
        return _fail(f"can't open file {full!r}: [Errno 2] No such file or directory", 2)
    _prepare(path, args, os.path.dirname(os.path.realpath(full)))
    compiled = full.endswith(".pyc")
    loader = (SourcelessFileLoader if compiled else SourceFileLoader)("__main__", full)

    def code() -> CodeType | None:
        # Not get_code for sources: that would leave a .pyc of the script behind, which `python script.py` does not.
        return loader.get_code("__main__") if compiled else loader.source_to_code(loader.get_data(full), full)

    return _run(code, __file__=full, __loader__=loader, __package__=None, __spec__=None, __cached__=None)


def module(name: str, args: list[str]) -> int:
    """As `python -m NAME ARGS…`."""
    _prepare("-m", args, os.getcwd())
    name = real_name(name)
    try:
        spec = find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            package, spec = name, find_spec(f"{name}.__main__")
            if spec is None:
                return _fail(
                    f"No module named {package}.__main__; {package!r} is a package and cannot be directly executed", 1
                )
    except ModuleNotFoundError as error:
        return _fail(f"Error while finding module specification for {name!r} (ModuleNotFoundError: {error})", 1)
    if spec is None:
        return _fail(f"No module named {name}", 1)
    return _run_spec(spec, argv0=spec.origin or name)


def _is_zip(path: str) -> bool:
    # A script may be named anything: look for zip's mark, but only where it can be cheap.
    if not os.path.isfile(path) or path.endswith((".py", ".pyc")):
        return False
    from zipfile import is_zipfile

    return is_zipfile(path)


def _prepare(argv0: str, args: list[str], folder: str) -> None:
    install()
    sys.argv = [argv0, *args]
    if not getattr(sys.flags, "safe_path", False):
        sys.path[:1] = [folder]


def _fail(message: str, status: int) -> int:
    print(f"{sys.executable}: {message}", file=sys.stderr)
    return status


def _run_spec(spec: ModuleSpec, argv0: str) -> int:
    sys.argv[0] = argv0
    loader: Any = spec.loader
    if not hasattr(loader, "get_code"):
        return _fail(f"No code object available for {spec.name}", 1)
    return _run(
        lambda: loader.get_code(spec.name),
        __file__=spec.origin,
        __loader__=loader,
        __package__=spec.parent,
        __spec__=spec,
        __cached__=spec.cached,
    )


def _run(code: Any, **attributes: Any) -> int:
    main = ModuleType("__main__")
    vars(main).update(attributes, __builtins__=builtins)
    sys.modules["__main__"] = main
    try:
        exec(code(), vars(main))
    except SystemExit:
        raise
    except BaseException as error:
        # Printed here, where the frames of this file can be dropped; raised on, so that the interpreter ends as it does for
        # any error: exit status, `python -i`, and the signal after Ctrl-C.
        error.__traceback__ = _without_ours(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        sys.excepthook = lambda *_: None
        raise
    return 0


def _without_ours(traceback: TracebackType | None) -> TracebackType | None:
    while traceback is not None:
        filename = traceback.tb_frame.f_code.co_filename
        if filename != __file__ and not filename.startswith("<frozen importlib"):
            break
        traceback = traceback.tb_next
    return traceback

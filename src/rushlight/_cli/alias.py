"""While installed, `import torch` and every `import torch.x.y` give rushlight's modules: the same objects, not copies."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, cast

from .._missing import missing

__all__ = ["aliased", "install", "real_name", "uninstall"]

PACKAGE = __name__.partition(".")[0]


def real_name(name: str) -> str:
    """The module that a `torch` name stands for; other names stay as they are."""
    return PACKAGE + name[len("torch") :] if name == "torch" or name.startswith("torch.") else name


def _exists(name: str) -> bool:
    from importlib.util import find_spec

    try:
        return name in sys.modules or find_spec(name) is not None
    except ModuleNotFoundError as error:  # a parent is a plain module or is missing itself
        if error.name is not None and name.startswith(error.name):
            return False
        raise


class _Alias:
    """Finder and loader of `torch…`. NOTE [Same module]: the loader returns the module that exists already, so its `__name__`,
    the classes in it and whatever pickle writes stay rushlight's."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name in _CHILD_HOOKS:
            return _hooked_spec(name, path)
        real = real_name(name)
        # A question (`importlib.util.find_spec`) is answered with None, an import with the sentence. Both arrive here through
        # the same function; only the caller's caller tells them apart.
        question = sys._getframe(2).f_code.co_name == "find_spec"
        if real != name and _exists(real):
            return ModuleSpec(name, cast(Any, self))
        if question or not real.startswith(f"{PACKAGE}.") or (real == name and _exists(real)):
            return None
        # Python swallows an error that carries the very name it asked for: `from torch import x` looks for rushlight.x and
        # would say "cannot import name 'x' from 'rushlight'". So the error carries torch's name.
        wanted = "torch" + real[len(PACKAGE) :]
        raise ModuleNotFoundError(missing(wanted), name=wanted)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(real_name(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just put the alias' spec on the module; what runs here only puts the right one back.
        spec = module.__spec__
        if spec is not None and cast(Any, spec.loader) is self:
            module.__spec__ = spec.loader_state


_alias = _Alias()
_aside: dict[str, ModuleType] = {}


def install() -> None:
    """Makes `torch` mean rushlight in this process and, through `multiprocessing`, in those that it starts."""
    if _alias in sys.meta_path:
        return
    for name in [name for name in sys.modules if real_name(name) != name]:
        _aside[name] = sys.modules.pop(name)
    sys.meta_path.insert(0, _alias)
    for name, hook in _CHILD_HOOKS.items():
        if name in sys.modules:
            hook(sys.modules[name])


def uninstall() -> None:
    """Undoes `install`: a real torch that was loaded before is back afterwards."""
    if _alias not in sys.meta_path:
        return
    sys.meta_path.remove(_alias)
    for name in [name for name in sys.modules if real_name(name) != name]:
        del sys.modules[name]
    sys.modules.update(_aside)
    _aside.clear()


@contextmanager
def aliased() -> Iterator[None]:
    already = _alias in sys.meta_path
    install()
    try:
        yield
    finally:
        if not already:
            uninstall()


# NOTE [Children]: a child that multiprocessing starts afresh (spawn, forkserver) runs the script's imports again, in a Python that
# has no alias. What it gets first is a pickled dict of preparations; an entry that nobody reads, whose unpickling calls
# `install`, sets the alias up in time. The forkserver itself would import the script before any of that: it is told not to.


class _InstallWhenUnpickled:
    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return install, ()


def _hook_spawn(module: ModuleType) -> None:
    original = module.get_preparation_data
    if getattr(original, "__module__", None) == __name__:
        return

    def get_preparation_data(name: str) -> dict[str, Any]:
        data: dict[str, Any] = original(name)
        return {"rushlight": _InstallWhenUnpickled(), **data} if _alias in sys.meta_path else data

    module.get_preparation_data = get_preparation_data  # type: ignore[attr-defined]


def _hook_forkserver(module: ModuleType) -> None:
    module.set_forkserver_preload([])


_CHILD_HOOKS = {"multiprocessing.spawn": _hook_spawn, "multiprocessing.forkserver": _hook_forkserver}


def _hooked_spec(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    spec = PathFinder.find_spec(name, path)
    if spec is None or spec.loader is None:
        return spec
    execute = spec.loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        _CHILD_HOOKS[name](module)

    spec.loader.exec_module = exec_module  # type: ignore[method-assign]
    return spec

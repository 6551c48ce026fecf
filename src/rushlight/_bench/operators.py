"""A case for each operator of PyTorch's own table (`op_db`), which its wheel carries: on few elements, and on a million."""

from __future__ import annotations

import functools
import itertools
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from .cases import Case

__all__ = ["SMALL", "LARGE", "bound", "cases", "public_entries"]

SMALL, LARGE = "operators, few elements", "operators, a million elements"

#: Not public, or for tensors that rushlight has not: sparse, quantised, of another device.
_INTERNAL = ("_", "ops.", "torch.ops", "jiterator", "sparse", "to_sparse", "torch._")
_NAMESPACES = ("nn.functional.", "linalg.", "fft.", "special.", "masked.", "signal.")


@functools.cache
def public_entries() -> dict[str, list[Any]]:
    """The entries of PyTorch's table by the name of the operator, without internals and without scaled matrix products."""
    from torch.testing._internal.common_methods_invocations import op_db

    entries: dict[str, list[Any]] = {}
    for info in op_db:
        internal = info.name.startswith(_INTERNAL) or "._" in info.name
        if not internal and not ("scaled" in info.name and info.name.endswith("_mm")):
            entries.setdefault(info.name, []).append(info)
    return entries


def find(library: ModuleType, name: str) -> Callable[..., Any] | None:
    """The function of this name, else the method, else None."""
    found: Any = library
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            break
    if found is None and not name.startswith(_NAMESPACES):
        found = getattr(library.Tensor, name, None)
    return found if callable(found) else None


def _tensors(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict):
        tree = tuple(tree.values())
    if isinstance(tree, (list, tuple)):
        for item in tree:
            yield from _tensors(item)
    elif hasattr(tree, "requires_grad") and hasattr(tree, "shape"):
        yield tree


def _adopted(library: ModuleType, tree: Any) -> Any:
    """PyTorch's values as the library's own."""
    import torch

    if isinstance(tree, dict):
        return {key: _adopted(library, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)) and not isinstance(tree, torch.Size):
        return type(tree)([_adopted(library, item) for item in tree])
    if isinstance(tree, torch.Tensor):
        plain = tree.detach().resolve_conj().resolve_neg()
        made = plain.clone() if library is torch else library.from_numpy(plain.numpy()).clone()
        return made.requires_grad_(tree.requires_grad)
    if library is not torch and isinstance(tree, (torch.dtype, torch.layout, torch.memory_format)):
        return getattr(library, str(tree).removeprefix("torch."))
    if library is not torch and isinstance(tree, torch.Size):
        return library.Size(tree)
    if library is not torch and isinstance(tree, torch.device):
        return library.device(str(tree))
    return tree


@functools.cache
def _sample(name: str, large: bool, grad: bool) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """The arguments of one call of the operator in float32: the one of the table that is nearest to four elements, or one of
    our own on a million for functions of one tensor, of two, and reductions."""
    import torch
    from torch.testing._internal.opinfo.core import BinaryUfuncInfo, ReductionOpInfo, UnaryUfuncInfo

    for info in public_entries()[name]:
        have = torch.float32 if torch.float32 in info.dtypes else torch.int64
        if have not in info.dtypes or (grad and (have is torch.int64 or not info.supports_autograd)):
            continue
        torch.manual_seed(0)
        found = [
            ((item.input, *item.args), dict(item.kwargs))
            for item in itertools.islice(info.sample_inputs("cpu", have, requires_grad=grad), 60)
        ]
        if large:
            if not isinstance(info, (UnaryUfuncInfo, BinaryUfuncInfo, ReductionOpInfo)):
                continue
            wanted = 2 if isinstance(info, BinaryUfuncInfo) else 1
            fits = [f for f in found if sum(1 for _ in _tensors(f)) == wanted and not f[1]]
            fits = [f for f in fits if wanted == 1 or (len(f[0]) == 2 and f[0][0].shape == f[0][1].shape)]
            fits = [f for f in fits if f[0][0].numel()]
            if not fits:
                continue
            args, kwargs = max(fits, key=lambda f: f[0][0].numel())

            def enlarged(value: Any) -> Any:
                if not isinstance(value, torch.Tensor):
                    return value
                flat = value.detach().flatten()
                flat = flat.repeat(1_000_000 // len(flat) + 1)[:1_000_000].reshape(1000, 1000)
                return flat.contiguous().requires_grad_(value.requires_grad)

            return tuple(map(enlarged, args)), kwargs
        fits = [f for f in found if any(t.numel() for t in _tensors(f))]
        if fits:
            return min(fits, key=lambda f: abs(sum(t.numel() for t in _tensors(f)) - 4))
    return None


def bound(library: ModuleType, name: str, large: bool = False, grad: bool = False) -> Callable[[], Any]:
    """A call without arguments: the operator on its sample, with its derivative if `grad`. What a case's setup asks for."""
    function, sample = find(library, name), _sample(name, large, grad)
    assert function is not None and sample is not None
    args, kwargs = _adopted(library, sample[0]), _adopted(library, sample[1])
    forward = functools.partial(function, *args, **kwargs)
    if not grad:
        return forward
    leaves = [t for t in _tensors((args, kwargs)) if t.requires_grad]
    library.manual_seed(0)
    cotangents = [library.ones_like(t) for t in _tensors(forward()) if t.requires_grad]
    pull = library.autograd.grad

    def both() -> Any:
        library.manual_seed(0)
        results = [t for t in _tensors(forward()) if t.requires_grad]
        return pull(results, leaves, cotangents, allow_unused=True)

    return both


def _runs(libraries: tuple[ModuleType, ...], name: str, large: bool, grad: bool) -> bool:
    try:
        if _sample(name, large, grad) is None:
            return False
        for library in libraries:
            if find(library, name) is None:
                return False
            bound(library, name, large, grad)()
    except Exception:  # one of the two refuses: nothing to compare
        return False
    return True


def cases(torch: ModuleType, rushlight: ModuleType, groups: tuple[str, ...] = (SMALL, LARGE)) -> Iterator[Case]:
    """The cases that run with both libraries, one after the other as they are asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for group, name, grad in itertools.product(groups, sorted(public_entries()), (False, True)):
            large = group == LARGE
            if not _runs((torch, rushlight), name, large, grad):
                continue
            setup = f"from rushlight._bench.operators import bound\nf = bound(torch, {name!r}, {large}, {grad})"
            for threads in (1, 2) if large else (1,):
                yield Case(
                    group, f"{name}{' and derivative' if grad else ''}", "f()", setup, 0.5 if large else 1.0, threads
                )

"""Optimisers against PyTorch: trajectories, state, text, errors, hooks. The inputs are those of PyTorch's own optim_db."""

from __future__ import annotations

import copy
import importlib
import pickle
import warnings
from typing import Any

import pytest

import rushlight
from both import agree

torch = pytest.importorskip("torch")
optim_db = pytest.importorskip("torch.testing._internal.common_optimizers").optim_db

STEPS = 20
INFOS = {info.optim_cls.__name__: info for info in optim_db}


def cases() -> list[Any]:
    found = []
    for name, info in INFOS.items():
        if name == "SparseAdam":
            continue
        for i, sample in enumerate(info.optim_inputs_func(device="cpu")):
            variants: list[dict[str, Any]] = [{}]
            variants += [{flag: True} for flag in ("foreach", "differentiable") if flag in info.supported_impls]
            if "cpu" in info.supports_fused_on:
                variants.append({"fused": True})
            for extra in variants:
                tag = "-".join([name, str(i), *extra])
                found.append(pytest.param(name, sample.kwargs, extra, id=tag))
    return found


def converted(library: Any, value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return library.tensor(value.tolist(), dtype=getattr(library, str(value.dtype).removeprefix("torch.")))
    if isinstance(value, (tuple, list)):
        return type(value)(converted(library, v) for v in value)
    return value


def problem(library: Any, dtype: str = "float32", matrices: bool = False, turned: bool = True) -> tuple[list[Any], Any]:
    """Parameters of several layouts, and a loss in which every one of them takes part."""
    kind = getattr(library, dtype)

    def numbers(*shape: int) -> Any:
        count = 1
        for n in shape:
            count *= n
        flat = (library.arange(count, dtype=library.float64) * 0.7 + count).sin()
        if kind.is_complex:
            flat = library.complex(flat, (flat * 3).cos())
        return flat.to(kind).reshape(shape)

    params = [numbers(4, 3), numbers(5, 4).t() if turned else numbers(4, 5), numbers(3, 5)]
    if not matrices:
        params += [numbers(5), numbers(1)[0], numbers(40)]
    params = [p.detach().clone() if p.is_contiguous() else p.detach() for p in params]
    for p in params:
        p.requires_grad_()

    def loss() -> Any:
        total = library.zeros((), dtype=library.float64)
        for i, p in enumerate(params):
            total = total + ((p - 0.1 * i) * (1 + i)).abs().pow(2).sum().to(library.float64)
        return total + (params[0] @ params[2]).abs().pow(2).sum() * 0.1

    return params, loss


def train(library: Any, name: str, kwargs: dict[str, Any], dtype: str = "float32", steps: int = STEPS) -> Any:
    params, loss = problem(library, dtype, matrices=name == "Muon", turned=name != "LBFGS")
    leaves = params
    if kwargs.get("differentiable"):
        params[:] = [p.clone() for p in leaves]
    optimizer = getattr(library.optim, name)(params, **{k: converted(library, v) for k, v in kwargs.items()})

    def closure() -> Any:
        optimizer.zero_grad()
        value = loss()
        if kwargs.get("differentiable"):
            grads = library.autograd.grad(value, params)
            for p, g in zip(params, grads):
                p.grad = library.empty_like(p.detach()).copy_(g.detach())  # in the layout that backward gives it
        else:
            value.backward()
        return value

    for _ in range(steps):
        if name == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
        if kwargs.get("differentiable"):
            optimizer.zero_grad()
    return params, optimizer


def same(ours: Any, theirs: Any, tolerance: float, where: str = "") -> None:
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), f"{where}: {list(ours)} instead of {list(theirs)}"
        for key in theirs:
            same(ours[key], theirs[key], tolerance, f"{where}[{key!r}]")
    elif isinstance(theirs, (list, tuple)):
        assert type(ours) is type(theirs) and len(ours) == len(theirs), where
        for i, (a, b) in enumerate(zip(ours, theirs)):
            same(a, b, tolerance, f"{where}[{i}]")
    elif isinstance(theirs, torch.Tensor):
        assert isinstance(ours, rushlight.Tensor), where
        assert str(ours.dtype) == str(theirs.dtype) and ours.shape == tuple(theirs.shape), where
        assert ours.stride() == theirs.stride(), where
        a = torch.tensor(ours.detach().tolist(), dtype=theirs.dtype)
        if not theirs.isfinite().all():  # diverged: inf and nan come in another order from PyTorch's own two ways
            assert not a.isfinite().all(), where
            return
        assert torch.allclose(a, theirs.detach(), rtol=tolerance, atol=tolerance, equal_nan=True), (
            f"{where}: {a} {theirs}"
        )
    elif isinstance(theirs, float):
        assert ours == pytest.approx(theirs, rel=tolerance, abs=tolerance, nan_ok=True), where
    else:
        assert ours == theirs, f"{where}: {ours} instead of {theirs}"


@pytest.mark.parametrize("name, kwargs, extra", cases())
def test_trajectory_and_state(
    name: str, kwargs: dict[str, Any], extra: dict[str, Any], record_property: Any, request: pytest.FixtureRequest
) -> None:
    def agrees(count: int) -> None:  # the last word counts
        record_property("samples", ("optim_db", request.node.callspec.id, count, 1))

    agrees(0)
    options = {**kwargs, **extra}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs, reference = train(torch, name, options)
        except Exception as error:
            with pytest.raises(type(error)) as caught:
                train(rushlight, name, options)
            assert str(caught.value).startswith(str(error))
            agrees(1)
            return
        ours, optimizer = train(rushlight, name, options)
    tolerance = 2e-2 if name == "Muon" else 3e-4 if name == "LBFGS" else 2e-5
    same(ours, theirs, tolerance, "params")
    if name != "LBFGS":
        same(optimizer.state_dict(), reference.state_dict(), tolerance, "state")
    else:
        assert set(optimizer.state_dict()["state"][0]) == set(reference.state_dict()["state"][0])
    assert repr(optimizer) == repr(reference)
    agrees(1)


@pytest.mark.parametrize("name", [n for n, info in INFOS.items() if info.supports_complex and n not in ("SparseAdam",)])
def test_complex_parameters(name: str) -> None:
    theirs, reference = train(torch, name, {}, "complex64", 5)
    ours, optimizer = train(rushlight, name, {}, "complex64", 5)
    same(ours, theirs, 1e-4, "params")
    if name != "LBFGS":
        same(optimizer.state_dict(), reference.state_dict(), 1e-4, "state")


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
@pytest.mark.parametrize("name", [n for n in INFOS if n not in ("SparseAdam", "Muon", "LBFGS")])
def test_other_dtypes(name: str, dtype: str) -> None:
    theirs, _ = train(torch, name, {}, dtype, 5)
    ours, _ = train(rushlight, name, {}, dtype, 5)
    same(ours, theirs, 1e-12 if dtype == "float64" else 2e-2, "params")


@pytest.mark.parametrize("name", list(INFOS))
def test_errors(name: str) -> None:
    for sample in INFOS[name].optim_error_inputs_func(device="cpu", dtype=torch.float32):
        given = sample.optimizer_error_input
        if name == "SparseAdam" and "sparse" in given.desc:
            continue

        def scenario(library: Any, given: Any = given) -> Any:
            def param(p: Any) -> Any:
                if isinstance(p, torch.Tensor):
                    known.setdefault(id(p), converted(library, p.detach()).requires_grad_())
                    return known[id(p)]
                if isinstance(p, dict):
                    return {k: param(v) for k, v in p.items()}
                if isinstance(p, (list, tuple)):
                    return type(p)(param(v) for v in p)
                return p

            known: dict[int, Any] = {}
            params = param(given.params)
            if params is None:
                params = [library.zeros(1, 1, requires_grad=True)]
            kwargs = {k: converted(library, v) for k, v in given.kwargs.items()}
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                optimizer = getattr(library.optim, name)(params, **kwargs)
                for group in optimizer.param_groups:
                    for p in group["params"]:
                        p.grad = library.ones_like(p)
                optimizer.step(lambda: 1.0)
            return [str(w.message) for w in seen]

        agree(scenario)


def test_a_step_of_a_group_is_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    for name in ("SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop"):
        module: Any = getattr(rushlight.optim, name.lower() if name != "AdamW" else "adam")
        original = module._optim_step

        def watched(*args: Any, original: Any = original) -> Any:
            calls.append(original(*args))
            return calls[-1]

        params = [rushlight.ones(4, requires_grad=True) for _ in range(3)]
        optimizer = getattr(rushlight.optim, name)(params)
        for _ in range(2):
            sum((p * p).sum() for p in params).backward()
            with monkeypatch.context() as patch:
                patch.setattr(module, "_optim_step", watched)
                optimizer.step()
        assert calls[-1] is True, name
        assert len(calls) <= 3, name  # the first step finds no state, makes it and tries again
        calls.clear()


def test_state_dicts_cross_both_ways() -> None:
    for name in ("SGD", "Adam", "RMSprop", "Adagrad", "NAdam", "ASGD", "Rprop"):
        kwargs = {"momentum": 0.9} if name == "SGD" else {}
        theirs, reference = train(torch, name, kwargs, steps=5)
        params, loss = problem(rushlight)
        optimizer = getattr(rushlight.optim, name)(params, **kwargs)

        def moved(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return rushlight.from_numpy(value.detach().numpy().copy())
            if isinstance(value, dict):
                return {k: moved(v) for k, v in value.items()}
            if isinstance(value, list):
                return [moved(v) for v in value]
            return value

        optimizer.load_state_dict(moved(reference.state_dict()))
        with rushlight.no_grad():
            for p, t in zip(params, theirs):
                p.copy_(moved(t))
        again, _ = train(torch, name, kwargs, steps=8)
        for _ in range(3):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()
        same(params, again, 1e-5, name)


def test_copies_and_pickles_keep_the_state() -> None:
    params, optimizer = train(rushlight, "Adam", {}, steps=3)
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert repr(other) == repr(optimizer)
        for group in other.param_groups:
            for p, q in zip(group["params"], params):
                assert p is not q and p.tolist() == q.tolist()
                assert p in other.state
                p.grad = rushlight.ones_like(p)
        other.step()
        assert next(iter(other.state.values()))["step"].item() == 4
    assert next(iter(optimizer.state.values()))["step"].item() == 3


def test_differentiates_through_a_step() -> None:
    def scenario(library: Any) -> Any:
        lr = library.tensor(0.1, requires_grad=True)
        start = library.tensor([1.0, -2.0], requires_grad=True)
        p = start.clone()
        optimizer = library.optim.SGD([p], lr=lr, momentum=0.9, differentiable=True)
        for _ in range(3):
            p.grad = 2 * p.detach()
            optimizer.step()
        return library.autograd.grad((p * p).sum(), (lr, start))

    agree(scenario)


def test_hooks() -> None:
    def scenario(library: Any) -> Any:
        seen: list[Any] = []
        p = library.ones(2, requires_grad=True)
        optimizer = library.optim.SGD([("w", p)], lr=0.1)
        optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("pre", len(args), list(kwargs))))
        optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("post", len(args))))
        module = importlib.import_module(library.__name__ + ".optim.optimizer")
        handle = module.register_optimizer_step_post_hook(lambda o, a, k: seen.append("all"))
        optimizer.register_state_dict_post_hook(lambda o, s: {**s, "more": 1})
        optimizer.register_load_state_dict_pre_hook(lambda o, s: seen.append(sorted(s)))
        optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
        p.sum().backward()
        optimizer.step()
        optimizer.step(closure=lambda: 3.0)
        handle.remove()
        state = optimizer.state_dict()
        optimizer.load_state_dict(state)
        return seen, state, optimizer.param_groups[0]["param_names"], p

    agree(scenario)


def test_zero_grad() -> None:
    def scenario(library: Any) -> Any:
        p = library.ones(2, requires_grad=True)
        optimizer = library.optim.SGD([p], lr=0.1)
        (p * p).sum().backward(create_graph=True)
        grad = p.grad
        optimizer.zero_grad(set_to_none=False)
        kept = p.grad is grad, p.grad.requires_grad
        optimizer.zero_grad()
        return [*kept, p.grad is None, optimizer.step(), optimizer.state_dict()]

    agree(scenario)


def test_a_step_is_a_change_in_place() -> None:
    p = rushlight.ones(3, requires_grad=True)
    optimizer = rushlight.optim.Adam([p])
    loss = (p * p).sum()
    loss.backward(retain_graph=True)
    before = p._version
    optimizer.step()
    assert p._version > before
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_own_optimizers_work() -> None:
    def scenario(library: Any) -> Any:
        class Plain(library.optim.Optimizer):  # type: ignore[name-defined,misc]
            def __init__(self, params: Any, lr: float = 0.1) -> None:
                super().__init__(params, {"lr": lr})

            def step(self, closure: Any = None) -> None:
                with library.no_grad():
                    for group in self.param_groups:
                        for p in group["params"]:
                            p -= group["lr"] * p.grad

        p = library.ones(2, requires_grad=True)
        optimizer = Plain([p])
        (p * p).sum().backward()
        optimizer.step()
        return p, repr(optimizer)

    agree(scenario)


def test_import_alone_does_not_load_it(python: Any) -> None:
    done = python("import rushlight, sys; print([m for m in sys.modules if m.startswith('rushlight.optim')])")
    assert done.stdout.strip() == "[]"

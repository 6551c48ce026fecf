"""`__torch_function__`: what subclasses and modes see and give, compared with PyTorch in one process."""

from __future__ import annotations

from typing import Any

import pytest
import rushlight as rl

torch = pytest.importorskip("torch")

LIBRARIES = (rl, torch)


def overrides(lib: Any) -> Any:
    import torch.overrides

    import rushlight.overrides

    return rushlight.overrides if lib is rl else torch.overrides


def name_of(func: Any) -> str:
    """`add`, `shape.__get__`."""
    owner = getattr(func, "__self__", None)
    if func.__name__ in ("__get__", "__set__"):
        return f"{owner.__name__}.{func.__name__}"
    return str(func.__name__)


def logging_class(lib: Any, log: list[Any], base: Any = None) -> Any:
    class Logged(base or lib.Tensor):  # type: ignore[misc]
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            log.append((name_of(func), [t.__name__ for t in types], len(args), sorted(kwargs or {})))
            return super().__torch_function__(func, types, args, kwargs or {})

    return Logged


USES = {
    "shape": lambda lib, t: tuple(t.shape),
    "ndim": lambda lib, t: t.ndim,
    "dtype": lambda lib, t: str(t.dtype),
    "requires_grad": lambda lib, t: t.requires_grad,
    "is_leaf": lambda lib, t: t.is_leaf,
    "set grad": lambda lib, t: setattr(t, "grad", None),
    "data": lambda lib, t: t.data,
    "mT": lambda lib, t: t.mT,
    "real": lambda lib, t: t.real,
    "size": lambda lib, t: t.size(),
    "dim": lambda lib, t: t.dim(),
    "numel": lambda lib, t: t.numel(),
    "tolist": lambda lib, t: t.tolist(),
    "item": lambda lib, t: t.sum().item(),
    "bool": lambda lib, t: bool(t.sum()),
    "float": lambda lib, t: float(t.sum()),
    "int": lambda lib, t: int(t.sum()),
    "len": lambda lib, t: len(t),
    "add": lambda lib, t: t + 1,
    "radd": lambda lib, t: 1 + t,
    "rmul": lambda lib, t: 2 * t,
    "plain left": lambda lib, t: lib.ones(2, 2) * t,
    "function": lambda lib, t: lib.add(t, t, alpha=2),
    "neg": lambda lib, t: -t,
    "matmul": lambda lib, t: t @ t,
    "pow": lambda lib, t: t**2,
    "equal": lambda lib, t: t == 1,
    "item of": lambda lib, t: t[0],
    "set item": lambda lib, t: t.__setitem__(0, 3.0),
    "in place": lambda lib, t: t.add_(1),
    "stack": lambda lib, t: lib.stack([t, t]),
    "unbind": lambda lib, t: t.unbind(),
    "max": lambda lib, t: t.max(0),
    "detach": lambda lib, t: t.detach(),
    "requires_grad_": lambda lib, t: t.requires_grad_(),
    "out": lambda lib, t: lib.exp(lib.ones(2), out=t),
}


def kind(value: Any) -> Any:
    """The class of a result, and of what is in it."""
    if isinstance(value, (tuple, list)):
        return [kind(v) for v in value]
    return type(value).__name__


@pytest.mark.parametrize("use", USES)
@pytest.mark.filterwarnings("ignore")
def test_handler_sees_and_gives_what_pytorchs_does(use: str) -> None:
    seen = []
    for lib in LIBRARIES:
        log: list[Any] = []
        t = lib.ones(2, 2).as_subclass(logging_class(lib, log))
        result = USES[use](lib, t)
        seen.append((kind(result), log))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("use", USES)
@pytest.mark.filterwarnings("ignore")
def test_results_of_a_subclass_without_a_handler(use: str) -> None:
    seen = []
    for lib in LIBRARIES:

        class Own(lib.Tensor):  # type: ignore[misc,name-defined]
            pass

        t = lib.ones(2, 2).as_subclass(Own)
        result = USES[use](lib, t)
        seen.append((kind(result), result is t))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 2), (2, 1), (0, 1, 2), (3, 0), (3, 2)])
def test_classes_are_asked_in_pytorchs_order(order: tuple[int, ...]) -> None:
    """Subclasses before their bases, else from left to right; the first that is a subclass of all others answers."""
    seen = []
    for lib in LIBRARIES:
        log: list[Any] = []
        base = logging_class(lib, log)
        derived = type("Derived", (base,), {})
        deeper = type("Deeper", (derived,), {})
        classes = [base, derived, deeper, lib.Tensor]
        parts = [lib.ones(2) if i == 3 else lib.ones(2).as_subclass(classes[i]) for i in order]
        seen.append((type(lib.stack(parts)).__name__, log))
    assert seen[0] == seen[1]


def test_nobody_takes_the_call() -> None:
    texts = []
    for lib in LIBRARIES:
        log: list[Any] = []

        class Refusing:
            @classmethod
            def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                log.append(len(types))
                return NotImplemented

            def __repr__(self) -> str:
                return "refusing"

        one = lib.ones(2).as_subclass(type("One", (lib.Tensor,), {}))
        other = lib.ones(2).as_subclass(type("Other", (lib.Tensor,), {}))
        for call in (lambda: lib.add(lib.ones(2), Refusing()), lambda: lib.add(one, Refusing()), lambda: lib.add(one, other)):  # fmt: skip
            with pytest.raises(TypeError) as caught:
                call()
            texts.append(str(caught.value))
        with pytest.raises(TypeError, match="unsupported operand type"):
            one + other
        texts.append(log)
    assert texts[: len(texts) // 2] == texts[len(texts) // 2 :]


def test_object_that_is_no_tensor() -> None:
    for lib in LIBRARIES:

        class Quantity:
            @classmethod
            def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                return func.__name__, [t.__name__ for t in types], len(args)

        assert lib.mul(lib.ones(2), Quantity()) == ("mul", ["Quantity"], 2)
        assert lib.ones(2) * Quantity() == ("mul", ["Quantity"], 2)
        assert lib.cat([lib.ones(2), Quantity()]) == ("cat", ["Quantity"], 1)
        assert overrides(lib).is_tensor_like(Quantity()) and not overrides(lib).is_tensor_like(1)


def test_default_handler_by_hand() -> None:
    for lib in LIBRARIES:
        own = type("Own", (lib.Tensor,), {})
        alien = type("Alien", (lib.Tensor,), {})
        t = lib.ones(2).as_subclass(own)
        assert type(own.__torch_function__(lib.add, (own,), (t, 1))) is own
        assert type(own.__torch_function__(lib.add, (lib.Tensor,), (lib.ones(2), 1), {"alpha": 2})) is own
        assert own.__torch_function__(lib.add, (own, alien), (t, 1)) is NotImplemented
        assert type(own.__torch_function__(lib.Tensor.grad.__get__, (own,), (t,))) is type(None)


def test_gradient_is_not_wrapped() -> None:
    for lib in LIBRARIES:
        own = type("Own", (lib.Tensor,), {})
        t = lib.ones(2).as_subclass(own).requires_grad_()
        (t * 2).sum().backward()
        assert type(t.grad) is lib.Tensor and type(t[0]._base) is own or type(t[0]._base) is lib.Tensor
        assert overrides(lib).get_default_nowrap_functions() >= {
            lib.Tensor.grad.__get__,
            lib.Tensor._base.__get__,
        }


def test_as_subclass_keeps_memory_and_history() -> None:
    for lib in LIBRARIES:
        own = type("Own", (lib.Tensor,), {})
        x = lib.ones(2, requires_grad=True)
        t = (x * 2).as_subclass(own)
        assert t.grad_fn.name() == "AliasBackward0"
        t.sum().backward()
        assert x.grad.tolist() == [2, 2]
        plain = lib.zeros(2)
        plain.as_subclass(own).add_(1)
        assert plain.tolist() == [1, 1]
        made = lib.Tensor._make_subclass(own, plain, True)
        assert type(made) is own and made.requires_grad and made.is_leaf


def test_disabled() -> None:
    from rushlight._C import DisableTorchFunctionSubclass

    for lib, off in ((rl, DisableTorchFunctionSubclass), (torch, torch._C.DisableTorchFunctionSubclass)):
        log: list[Any] = []
        t = lib.ones(2).as_subclass(logging_class(lib, log))
        with off():
            result = t + 1
            _ = t.shape
        assert log == [] and type(result) is lib.Tensor

        class Plain(lib.Tensor):  # type: ignore[misc,name-defined]
            pass

        Plain.__torch_function__ = (rl._core if lib is rl else torch._C)._disabled_torch_function_impl
        p = lib.ones(2).as_subclass(Plain)
        assert type(p + 1) is lib.Tensor and type(p.data) is lib.Tensor and len(p) == 2


def test_functions_written_in_python_can_ask() -> None:
    for lib in LIBRARIES:
        o = overrides(lib)

        def double(x: Any, *, note: str = "") -> Any:
            if o.has_torch_function((x,)):
                return o.handle_torch_function(double, (x,), x, note=note)
            return x * 2

        log: list[Any] = []
        t = lib.ones(2).as_subclass(logging_class(lib, log))
        assert type(double(t, note="n")).__name__ == "Logged"
        assert log == [("double", ["Logged"], 1, ["note"])]
        assert not o.has_torch_function((lib.ones(2), 1, "text"))
        assert o.has_torch_function_unary(t) and o.has_torch_function_variadic(1, t)


def test_modes_see_operators_inside_out() -> None:
    for lib in LIBRARIES:
        log: list[str] = []
        o = overrides(lib)

        class Mode(o.TorchFunctionMode):  # type: ignore[misc,name-defined]
            def __init__(self, name: str) -> None:
                super().__init__()
                self.name = name

            def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                log.append(f"{self.name} {func.__name__}")
                return func(*args, **(kwargs or {}))

        with Mode("outer"), Mode("inner"):
            x = lib.ones(2)
            y = lib.exp(x + 1)
            y.mul_(2)
        assert log == [f"{who} {what}" for what in ("ones", "add", "exp", "mul_") for who in ("inner", "outer")]
        lib.exp(y)
        assert len(log) == 8


def test_mode_replaces_results_and_ends_after_an_error() -> None:
    for lib in LIBRARIES:
        o = overrides(lib)

        class Zero(o.TorchFunctionMode):  # type: ignore[misc,name-defined]
            def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                if func.__name__ == "exp":
                    return "zero"
                return func(*args, **(kwargs or {}))

        with pytest.raises(ZeroDivisionError), Zero():
            assert lib.exp(lib.ones(2)) == "zero"
            raise ZeroDivisionError
        assert lib.exp(lib.zeros(2)).tolist() == [1, 1]
        with o.BaseTorchFunctionMode():
            assert (lib.ones(2) + 1).tolist() == [2, 2]


def test_names_and_lists() -> None:
    o = overrides(rl)
    assert o.resolve_name(rl.add) == "torch.add" and o.resolve_name(rl.Tensor.shape.__get__) == torch.overrides.resolve_name(torch.Tensor.shape.__get__)  # fmt: skip
    assert rl.zeros in o.get_ignored_functions() and rl.add not in o.get_ignored_functions()
    functions = o.get_overridable_functions()
    assert rl.add in functions[rl] and rl.Tensor.add in functions[rl.Tensor]
    assert rl.add in o.get_testing_overrides()
    assert o.is_tensor_method_or_property(rl.Tensor.add) and o.is_tensor_method_or_property(rl.Tensor.shape.__get__)


def test_modes_see_families_that_are_loaded_inside_of_them(python):
    code = """
        import rushlight as rl
        from rushlight.overrides import TorchFunctionMode

        seen = []

        class Mode(TorchFunctionMode):
            def __torch_function__(self, func, types, args=(), kwargs=None):
                seen.append(func.__name__)
                return func(*args, **(kwargs or {}))

        x = rl.ones(2)
        with Mode():
            rl.igamma(x, x)
            rl.igamma(x, x)
        rl.igamma(x, x)
        print(seen)
    """
    assert python(code).stdout == "['igamma', 'igamma']\n"

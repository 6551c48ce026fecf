"""The checker itself: operators that are wrong on purpose must be reported, right ones must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from . import checks  # noqa: E402
from .library import Library, Missing, Overrides  # noqa: E402
from .report import Report  # noqa: E402
from .samples import CAP, DTYPES, samples, spread  # noqa: E402
from .table import ROWS  # noqa: E402


def exp_with(change: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def wrong(x: Any, **kwargs: Any) -> Any:
        return change(x, torch.exp(x, **kwargs))

    return wrong


def silent(x: Any, **kwargs: Any) -> Any:
    """Computes where it should raise."""
    return torch.exp(x if isinstance(x, torch.Tensor) else torch.ones(2))


def other_error(*args: Any, **kwargs: Any) -> Any:
    try:
        return torch.exp(*args, **kwargs)
    except TypeError:
        raise LookupError("of another kind") from None


def transposed(y: Any) -> Any:
    back = tuple(range(y.dim()))[::-1]
    return y.permute(back).contiguous().permute(back)


def changes_then_fails(x: Any) -> Any:
    x.zero_()
    raise RuntimeError("after the fact")


def other_result(x: Any, *, out: Any) -> Any:
    torch.exp(x, out=out)
    return out.clone()


WRONG: list[tuple[str, str, Overrides]] = [
    ("values", "values", {"exp": exp_with(lambda x, y: y * (1 + 1e-5))}),
    ("nan", "values", {"exp": exp_with(lambda x, y: y * float("nan"))}),
    ("dtype", "values", {"exp": exp_with(lambda x, y: y.double())}),
    ("shape", "values", {"exp": exp_with(lambda x, y: y.unsqueeze(0))}),
    ("changes its argument", "values", {"exp": lambda x: x.exp_()}),
    ("one dtype", "dtypes", {"exp": exp_with(lambda x, y: y + 1 if x.dtype is torch.bfloat16 else y)}),
    ("empty", "shapes", {"exp": exp_with(lambda x, y: y if x.numel() else y.new_zeros(1))}),
    ("0-dim", "shapes", {"exp": exp_with(lambda x, y: y if x.dim() else y.reshape(1))}),
    ("ignores strides", "strided", {"exp": lambda x: x.as_strided(x.shape, torch.empty(x.shape).stride(), 0).exp()}),
    ("layout", "strides", {"exp": exp_with(lambda x, y: transposed(y))}),
    ("returns its argument", "strides", {"exp": lambda x: x}),
    ("method", "method", {".exp": lambda x: x.exp() + 1}),
    ("in place, not itself", "inplace", {".exp_": lambda x: x.exp()}),
    ("in place, wrong", "inplace", {".exp_": lambda x: x.exp_().neg_()}),
    ("in place, no version", "inplace", {".exp_": lambda x: (x.data.exp_(), x)[1]}),
    ("out is another", "out", {"exp": other_result}),
    ("out untouched", "out", {"exp": lambda x, out: out}),
    ("gradient", "grad", {"exp": exp_with(lambda x, y: y.detach() + 1.001 * (y - y.detach()))}),
    ("no gradient", "grad", {"exp": exp_with(lambda x, y: y.detach())}),
    ("second gradient", "grad2", {"exp": exp_with(lambda x, y: y + 0.5 * (x - x.detach()) ** 2)}),
    ("node", "node", {"exp": exp_with(lambda x, y: y * 1)}),
    ("error type", "errors", {"exp": other_error}),
    ("no error", "errors", {"exp": silent}),
    ("changes, then fails", "values", {"exp": changes_then_fails}),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "overrides"), [pytest.param(*case[1:], id=case[0]) for case in WRONG])
def test_wrong_operator_is_reported(kind: str, overrides: Overrides) -> None:
    with pytest.raises(checks.Differs):
        checks.run(ROWS["exp"], kind, Library(torch, overrides), Library(torch))


def test_wrong_message_is_reported() -> None:
    def gather(*args: Any, **kwargs: Any) -> Any:
        try:
            return torch.gather(*args, **kwargs)
        except RuntimeError:
            raise RuntimeError("something is wrong") from None

    with pytest.raises(checks.Differs, match="message"):
        checks.run(ROWS["gather"], "texts", Library(torch, {"gather": gather}), Library(torch))


def test_missing_operator_is_reported() -> None:
    class Nothing:
        Tensor = torch.Tensor
        manual_seed = staticmethod(torch.manual_seed)

    with pytest.raises(Missing):
        checks.run(ROWS["exp"], "values", Library(Nothing), Library(torch))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["exp", "add", "sum", "softmax", "transpose", "sort", "matmul"])
def test_pytorch_agrees_with_itself(name: str) -> None:
    for kind in checks.kinds(ROWS[name]):
        checks.run(ROWS[name], kind, Library(torch), Library(torch))


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_pass_between_the_libraries_unchanged(dtype: str) -> None:
    """Strides, values and flags survive the way into rushlight and back."""
    import rushlight

    ours, theirs = Library(rushlight), Library(torch)
    base = torch.arange(24).reshape(2, 3, 4).to(DTYPES[dtype])
    for t in (base, base.mT, base[:, ::2], base[0, 0, 0], base[:0], base[:1].expand(5, 3, 4)):
        got = ours.see(ours.adopt(t))
        assert (got.dtype, got.shape, got.stride) == (dtype, tuple(t.shape), t.stride())
        assert torch.equal(got.values, theirs.see(t).values)


def test_spread_keeps_first_and_last() -> None:
    assert spread([1, 2, 3], 12) == [1, 2, 3]
    few = spread(list(range(100)), 12)
    assert len(few) == 12 and few[0] == 0 and few[-1] == 99 and few == sorted(set(few))


def test_samples_are_the_same_in_every_run() -> None:
    first, second = (samples("add", "float32") for _ in range(2))
    assert len(first) > 3 and len(first) <= CAP
    for a, b in zip(first, second, strict=True):
        assert str(a) == str(b)
        assert torch.equal(a.args[0], b.args[0])


def test_report_counts_and_names_what_differs() -> None:
    report = Report()
    report.add("exp", "values", "agree")
    report.add("exp", "grad", "differ", "values: off by one")
    report.add("add", "values", "agree")
    report.add("lost", "values", "missing", "no such function")
    assert report.totals() == "2 agree, 1 differ, 1 missing"
    assert report.text() == [
        "operator  values   grad",
        "exp       +        DIFFER",
        "lost      missing  .",
        "3 operators, 1 agree in every check; checks: 2 agree, 1 differ, 1 missing",
    ]
    assert "| exp | + | DIFFER |" in report.markdown()
    assert "- `exp`, grad: differ: values: off by one" in report.markdown()

"""Every operator of the table against PyTorch, one test for each kind of check."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch")

import rushlight  # noqa: E402

from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402

from . import checks, coverage  # noqa: E402
from .library import Library, Missing  # noqa: E402
from .rows import Row  # noqa: E402
from .table import ROWS, TABLE  # noqa: E402

PAIRS = [pytest.param(row, kind, id=f"{row.name}-{kind}") for row in TABLE for kind in checks.kinds(row)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("row", "kind"), PAIRS)
def test_operator(row: Row, kind: str, record_property: Callable[[str, object], None]) -> None:
    def found(result: str, note: str = "", parts: checks.Parts | None = None) -> None:
        record_property("parity", (row.name, kind, result, note, parts))

    try:
        parts = checks.run(row, kind, Library(rushlight), Library(torch))
    except Missing as error:
        found("missing", str(error))
        pytest.fail(f"rushlight lacks {error}", pytrace=False)
    except checks.Differs as error:
        reason = {**row.unlike, **row.chance}.get(kind)
        found("differ", reason or str(error), error.parts)
        if reason:
            pytest.xfail(reason)
        pytest.fail(str(error), pytrace=False)
    found("agree", parts=parts)
    assert kind not in row.unlike, "agrees now: take the entry out of `unlike`"


# What the table has no samples for: settings, queries and hooks, each called in some other file of tests.
ELSEWHERE = set(
    """backward can_cast cdouble cfloat dropout from_numpy frombuffer get_default_dtype get_num_threads get_rng_state gru gru_cell info
    initial_seed is_complex is_contiguous is_floating_point is_grad_enabled is_inference_mode_enabled is_signed is_tensor lstm lstm_cell
    manual_seed promote_types register_hook register_post_accumulate_grad_hook requires_grad_ resize_ resolve_conj result_type
    retain_grad rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell scalar_tensor seed set_default_dtype set_num_threads set_rng_state size stride""".split()
)


def test_every_operator_of_the_core_has_a_row() -> None:
    """Or, for in-place forms, the operator has; what is no operator on samples stands in ELSEWHERE."""
    rows = {name for row in TABLE for name in (*row.core, row.name, row.name.replace(".", "_"))}
    without = [
        name
        for name in rushlight._core.operators()
        if not (name.startswith("_") or name in ELSEWHERE or name in rows or name.removesuffix("_") in rows)
    ]
    assert sorted(without) == []


def test_the_page_of_operators_has_these_rows() -> None:
    """docs/operators.md is of a run of this table: else write it anew, by the command that stands in it."""
    page = (pathlib.Path(__file__).parents[2] / "docs" / "operators.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| (\S+) (?:\| (?:\+|DIFFER|missing|\.) )+\|$", page, re.MULTILINE)
    assert sorted(named) == sorted(row.name for row in TABLE)


def test_what_stands_elsewhere_is_tested() -> None:
    texts = "\n".join(path.read_text(encoding="utf-8") for path in pathlib.Path(__file__).parents[1].glob("*.py"))
    assert sorted(name for name in ELSEWHERE if not re.search(rf"\.{name}\(|\"{name}\"", texts)) == []


@pytest.mark.parametrize("row", TABLE, ids=list(ROWS))
def test_every_row_has_an_operator(row: Row) -> None:
    library = Library(rushlight)
    found = [library.function(row.path)] if "f" in row.forms else []
    found += [library.method(row.name)] if set("mp") & set(row.forms) else []
    found += [library.method(row.name + "_")] if "i" in row.forms else []
    assert found


def test_every_entry_of_the_database_is_compared() -> None:
    """All public entries of PyTorch's op_db, or a reason in coverage.py."""
    entries = coverage.public()
    without = [e for e, info in entries.items() if e not in coverage.COVERED and info.name not in coverage.MISSING]
    assert without == []


def test_reasons_for_leaving_out_are_needed() -> None:
    names = {info.name for info in op_db}
    covered = {entry.partition("/")[0] for entry in coverage.COVERED}
    for why, left_out in coverage.WITHOUT.items():
        for name in left_out.split():
            assert any(n == name or n.startswith(name.rstrip("*")) for n in names), f"{name} ({why}) is no entry"
    assert sorted(name for name in coverage.MISSING if name not in names) == []
    assert sorted(name for name in coverage.MISSING if name in covered) == []

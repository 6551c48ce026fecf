"""Every operator of the table against PyTorch, one test for each kind of check."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import rushlight  # noqa: E402

from . import checks  # noqa: E402
from .library import Library, Missing  # noqa: E402
from .report import Report  # noqa: E402
from .table import ROWS, TABLE, Row  # noqa: E402

PAIRS = [pytest.param(row, kind, id=f"{row.name}-{kind}") for row in TABLE for kind in checks.kinds(row)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("row", "kind"), PAIRS)
def test_operator(row: Row, kind: str, parity_report: Report) -> None:
    try:
        checks.run(row, kind, Library(rushlight), Library(torch))
    except Missing as error:
        parity_report.add(row.name, kind, "missing", str(error))
        pytest.fail(f"rushlight lacks {error}", pytrace=False)
    except checks.Differs as error:
        parity_report.add(row.name, kind, "differ", str(error))
        if kind in row.unlike:
            pytest.xfail(row.unlike[kind])
        pytest.fail(str(error), pytrace=False)
    parity_report.add(row.name, kind, "agree")
    assert kind not in row.unlike, "agrees now: take the entry out of `unlike`"


def test_every_operator_of_the_core_has_a_row() -> None:
    rows = {name for row in TABLE for name in row.core}
    registered = dict(rushlight._core.operators())
    assert sorted(set(registered) - rows) == []


@pytest.mark.parametrize("row", TABLE, ids=list(ROWS))
def test_every_row_has_an_operator(row: Row) -> None:
    library = Library(rushlight)
    found = [library.function(row.path)] if "f" in row.forms else []
    found += [library.method(row.name)] if set("mp") & set(row.forms) else []
    found += [library.method(row.name + "_")] if "i" in row.forms else []
    assert found

"""The table that says where finance books what."""

from __future__ import annotations

import pytest

from costplan.domain.errors import InputError
from costplan.files.ledger import Account, Booking, read_ledger


@pytest.fixture
def ledger(tmp_path):
    """Reads a table from text."""

    def read(text, encoding="utf-8"):
        file = tmp_path / "map.csv"
        file.write_text(text, encoding=encoding, newline="")
        return read_ledger(file)

    return read


def test_the_first_row_that_matches_counts(ledger):
    """Rows are tried in order; patterns, exact names with brackets, and empty cells match."""
    table = ledger(
        "task_class,team,vendor,cost_center\na[1],,,1\ncontract-*,legal,,2\n,,openai,3\n*,,,4\n"
    )
    lines = [
        Booking("a[1]", "x", "openai", "m"),
        Booking("contract-review", "legal", "openai", "m"),
        Booking("contract-review", "sales", "openai", "m"),
        Booking("contract-review", "sales", "acme", "m"),
    ]
    found = [table.find(line) for line in lines]
    assert [account.cost_center for account in found if account] == ["1", "2", "3", "4"]


def test_codes_are_text(ledger):
    """Leading zeros, signs and exponents stay as they are written."""
    table = ledger("model,cost_center,gl_account,entity\n*,004711,1e5,-7\n")
    assert table.find(Booking("a", "", "b", "m")) == Account("-7", "004711", "1e5")


def test_what_no_row_is_for_is_none(ledger):
    """A line that no row matches has no account."""
    assert ledger("team,entity\nlegal,1\n").find(Booking("a", "sales", "b", "m")) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_spreadsheets_of_other_locales_are_read(ledger, encoding):
    """Semicolons, quotes, a byte order mark and blank rows are understood."""
    table = ledger('task_class;cost_center\r\n"a;b";007\r\n;\r\n', encoding)
    assert len(table.rules) == 1
    assert table.find(Booking("a;b", "", "", "")) == Account(cost_center="007")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task_class,cost_centre\na,1\n", "unknown column 'cost_centre'"),
        ("task_class,team\na,b\n", "no column says where to book"),
        ("entity,entity\n1,2\n", "comes twice"),
        ("team,entity\na\n", "the row has 1 cells"),
        ("", "no column says where to book"),
    ],
)
def test_faults_are_said(ledger, text, said):
    """Unknown and doubled columns, short rows and empty files are faults."""
    with pytest.raises(InputError, match=said):
        ledger(text)

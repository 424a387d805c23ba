"""The finance table as CSV."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from finance_plans import NASTY, make_line, make_plan, mixed_plan, nasty_plan, year_plan
from hypothesis import given
from hypothesis import strategies as st

from costplan.domain.errors import InputError
from costplan.files.ledger import Ledger, read_ledger
from costplan.report.csv import BOM, COLUMNS, neutralize, write_csv
from costplan.report.finance import tabulate

SHARED = Path(__file__).parents[2].parent / "shared" / "reference" / "formats" / "finance"


def read(text: str) -> list[dict[str, str]]:
    """Read a table back with the standard reader, strictly."""
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def cents(plan) -> Decimal:
    """The plan's bill in cents."""
    return plan.totals.usd.quantize(Decimal("0.01"))


def test_columns_are_those_of_the_reference_sample():
    """The header is that of the sample that finance systems were checked with."""
    sample = SHARED / "budget_long.csv"
    if not sample.exists():
        pytest.skip("shared reference data is not beside the repository")
    assert sample.read_text("utf-8").splitlines()[0] == ",".join(COLUMNS)


@pytest.mark.parametrize("make", [mixed_plan, nasty_plan, year_plan])
def test_rows_add_up_to_the_bill_to_the_cent(make):
    """Amounts, GPUs and contract terms included, add up to the plan's bill; none is off by a cent
    or more."""
    plan = make()
    rows = read(write_csv(plan))
    assert sum(Decimal(row["amount"]) for row in rows) == cents(plan)
    for row, line in zip(rows, plan.lines, strict=False):
        assert abs(Decimal(row["amount"]) - line.usd) < Decimal("0.01")


@given(
    st.lists(
        st.integers(0, 10**14).map(lambda units: Decimal(units).scaleb(-7)), min_size=1, max_size=9
    )
)
def test_any_amounts_add_up(amounts):
    """Whatever the fractions of a cent, long and wide tables add up to the bill."""
    plan = make_plan([make_line(f"c{i}", usd=usd) for i, usd in enumerate(amounts)])
    for text in (write_csv(plan), write_csv(plan, pivot=True)):
        assert sum(Decimal(row["amount"]) for row in read(text)) == cents(plan)


def test_the_text_is_rfc_4180():
    """CRLF ends every row, the header comes once, and numbers have no marks or exponents."""
    text = write_csv(mixed_plan())
    assert text.endswith("\r\n")
    assert text.count("\r\n") == text.count("\n")
    assert text.count("scenario,") == 1
    for row in read(text):
        for column in ("amount", "requests", "input_tokens", "expected_accuracy"):
            assert row[column] == "" or Decimal(row[column]) is not None
            assert "E" not in row[column].upper()


def test_what_each_row_is_paid_for_is_said():
    """Batch, own GPUs and contract terms say so in cost_basis; unknown tokens are empty."""
    rows = read(write_csv(mixed_plan()))
    assert [row["cost_basis"] for row in rows] == [
        "list", "list", "batch", "list", "pool", "gpu", "contract",
    ]  # fmt: skip
    assert rows[3]["input_tokens"] == ""
    assert rows[5]["amount"] == "750.50"
    assert rows[6]["amount"] == "-3.21"


def test_no_cell_starts_a_formula():
    """Every text cell that a spreadsheet would run gets an apostrophe, also inside where another
    locale starts a cell; numbers stay numbers."""
    for row in read(write_csv(nasty_plan())):
        for column, cell in row.items():
            assert not cell.startswith(("=", "+", "@", "\t", "\r", "＝")), column
            if column != "amount":
                assert not cell.startswith("-")
            assert ";=" not in cell


def test_labels_survive():
    """Without neutralising, every label comes back as it was, quotes, breaks and 10,000 letters
    included."""
    rows = read(write_csv(nasty_plan(), safe=False))
    assert [row["task_class"] for row in rows] == [label.strip() for label in NASTY]
    assert [row["vendor"] for row in rows] == [label.strip() for label in NASTY]


@given(st.text(max_size=40))
def test_neutralising_only_adds_apostrophes(text):
    """Taking the added apostrophes away gives the text back."""
    safe = neutralize(text)
    assert [c for c in safe if c != "'"] == [c for c in text if c != "'"]
    assert not safe[:1] or safe[0] not in "=+-@\t\r\n"


def test_excel_gets_its_mark_and_others_do_not():
    """The byte order mark comes only when asked, and pandas reads both alike."""
    plan = mixed_plan()
    plain, marked = write_csv(plan), write_csv(plan, excel=True)
    assert marked == BOM + plain
    frames = [
        pd.read_csv(io.BytesIO(text.encode()), dtype=str, encoding="utf-8-sig")
        for text in (plain, marked)
    ]
    assert frames[0].equals(frames[1])


def test_months_become_columns():
    """The wide table has a column for each month, and each row's amount is its sum."""
    plan = year_plan()
    rows = read(write_csv(plan, pivot=True))
    months = [f"2027-{month:02d}" for month in range(1, 13)]
    assert list(rows[0])[-12:] == months
    assert len(rows) == 3
    for row in rows:
        assert sum(Decimal(row[month]) for month in months) == Decimal(row["amount"])
    long = read(write_csv(plan))
    first = [Decimal(r["amount"]) for r in long if r["task_class"] == rows[0]["task_class"]]
    assert [Decimal(rows[0][month]) for month in months] == first


def test_a_quarter_is_spread_and_a_week_is_refused():
    """A quarter's amounts are spread evenly over its months; a week has no months."""
    quarter = {"name": "Q", "period": "quarter", "starts": "2027-01-01", "digest": "00",
               "file": None}  # fmt: skip
    plan = make_plan([make_line("a", usd=Decimal("100.00"))], workload=quarter)
    (row,) = read(write_csv(plan, pivot=True))
    assert [row[m] for m in ("2027-01", "2027-02", "2027-03")] == ["33.34", "33.33", "33.33"]
    (long,) = read(write_csv(plan))
    assert (long["period"], long["period_end"]) == ("2027-Q1", "2027-04-01")
    week = make_plan([make_line("a")], workload=quarter | {"period": "week"})
    with pytest.raises(InputError, match="has no months"):
        write_csv(week, pivot=True)


def test_accounts_stay_text(tmp_path):
    """Leading zeros of cost centre, account and entity survive; the first matching row counts, and
    what no row is for is named."""
    file = tmp_path / "map.csv"
    file.write_text(
        "task_class,team,cost_center,gl_account,entity\ntri*,,004711,0600,007\n*,legal,0042,1,\n"
    )
    table = tabulate(mixed_plan(), read_ledger(file))
    rows = read(write_csv(table))
    assert (rows[0]["cost_center"], rows[0]["gl_account"], rows[0]["entity"]) == (
        "004711", "0600", "007",
    )  # fmt: skip
    assert rows[3]["cost_center"] == "0042"
    assert table.unbooked == ("contracts", "bulk", "rack", "openai")


def test_an_empty_ledger_leaves_accounts_empty():
    """A ledger without rows books nothing and says so of every row."""
    table = tabulate(mixed_plan(), Ledger())
    assert len(table.unbooked) == 6


def test_a_plan_without_lines_is_refused():
    """An infeasible plan has nothing to book."""
    plan = mixed_plan().model_copy(update={"totals": None, "lines": ()})
    with pytest.raises(InputError, match="no lines"):
        write_csv(plan)


def test_many_rows_arrive_whole():
    """A thousand classes over twelve months are twelve thousand rows."""
    plan = year_plan(classes=1_000)
    text = write_csv(plan)
    assert text.count("\r\n") == 12_001

"""Every figure that leaves the tool is the plan's: random plans, written, read back, compared."""

from __future__ import annotations

import csv
import io
import re
import shutil
import subprocess
from decimal import Decimal, localcontext
from html.parser import HTMLParser

import pytest
from finance_plans import random_plan

from costplan.domain.money import EXACT, round_to_unit
from costplan.plan.saved import dump_plan, read_plan
from costplan.report.csv import write_csv
from costplan.report.focus import write_focus
from costplan.report.html import write_page
from costplan.report.slices import slice_line
from costplan.report.xlsx import write_xlsx

openpyxl = pytest.importorskip("openpyxl", reason="openpyxl reads workbooks back")
SEEDS = (1, 2, 5, 13, 24, 33, 37, 38)
CENT = Decimal("0.01")
TRILLIONTH = Decimal("1e-12")
"""Of a dollar: FOCUS costs have twelve decimals."""


@pytest.fixture(params=SEEDS)
def plan(request, tmp_path):
    """A random plan, as it is after a file."""
    file = tmp_path / "plan.json"
    file.write_text(dump_plan(random_plan(request.param)), encoding="utf-8")
    return read_plan(file)


def rows_of(text):
    """Rows of a CSV."""
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def slices_of(plan):
    """The plan's lines by who is paid, exact."""
    with localcontext(EXACT):
        return [part for line in plan.lines for part in slice_line(line)]


def test_the_csv_has_every_dollar_and_every_count(plan):
    """Each row is within a cent of its line, with its requests, tokens and accuracy; all rows, and
    all columns of months, add up to the bill."""
    rows = rows_of(write_csv(plan, safe=False))
    bill = round_to_unit(plan.totals.usd)
    assert sum(Decimal(row["amount"]) for row in rows) == bill
    for part, row in zip(slices_of(plan), rows, strict=False):
        assert abs(Decimal(row["amount"]) - part.usd) < CENT
        assert row["task_class"] == part.line.task_class
        assert row["model"] == part.model
        assert abs(Decimal(row["requests"]) - part.requests) <= Decimal("1e-6")
        assert row["expected_accuracy"] == f"{part.line.accuracy.mean:.4f}"
        for name in ("input_tokens", "output_tokens", "reasoning_tokens"):
            whole = getattr(part, name)
            assert row[name] == ("" if whole is None else f"{whole:.0f}")
    wide = rows_of(write_csv(plan, pivot=True))
    months = [name for name in wide[0] if re.fullmatch(r"\d{4}-\d{2}", name)]
    assert sum(Decimal(row[month]) for row in wide for month in months) == bill
    by_month = {
        month: sum(Decimal(row["amount"]) for row in rows if row["period"] == month)
        for month in months
    }
    assert by_month == {month: sum(Decimal(row[month]) for row in wide) for month in months}


def test_the_workbook_has_the_amounts_of_the_csv(plan):
    """Every amount of the workbook is the CSV's."""
    sheet = openpyxl.load_workbook(io.BytesIO(write_xlsx(plan)))["Plan by month"]
    (head, *rows) = sheet.values
    amounts = [Decimal(str(row[head.index("Amount")])) for row in rows]
    assert amounts == [Decimal(row["amount"]) for row in rows_of(write_csv(plan))]


def test_focus_has_the_bill(plan):
    """Billed costs add up to the bill, list costs to the bill before contract terms, in full."""
    rows = rows_of(write_focus(plan))
    with localcontext(EXACT):
        billed = sum(Decimal(row["BilledCost"]) for row in rows)
        assert abs(billed - plan.totals.usd) < TRILLIONTH
        listed = plan.totals.usd_list + sum(pool.usd for pool in plan.pools)
        assert abs(sum(Decimal(row["ListCost"]) for row in rows) - listed) < TRILLIONTH


class Tables(HTMLParser):
    """Reads the tables of a page, as texts."""

    def __init__(self):
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.caption = False

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in {"td", "th"}:
            self.tables[-1][-1].append("")

    def handle_data(self, data):
        if self.tables and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data


def test_the_page_has_every_dollar(plan):
    """Each row of the page is within a cent of its line; rows add up to the bill at list price,
    and the bill stands among the tiles."""
    page = write_page(plan)
    reader = Tables()
    reader.feed(page)
    (table,) = [t for t in reader.tables if t and {"Dollars", "Choice", "Team"} <= set(t[0])]
    head, *rows, foot = table
    place = head.index("Dollars")
    dollars = [Decimal(re.sub(r"[$,\n]", "", row[place])) for row in rows]
    for line, usd in zip(plan.lines, dollars, strict=True):
        assert abs(usd - line.usd) < CENT
    assert sum(dollars) == round_to_unit(plan.totals.usd_list)
    assert Decimal(re.sub(r"[$,\n]", "", foot[place])) == sum(dollars)
    assert f"${round_to_unit(plan.totals.usd):,}" in page


def test_libreoffice_reads_every_amount(tmp_path):
    """Opened in LibreOffice, workbooks of random plans show the CSV's amounts and labels."""
    soffice = shutil.which("soffice") or shutil.which("libreoffice")
    if soffice is None:
        pytest.skip("LibreOffice is not installed: apt-get install libreoffice-calc-nogui")
    plans = {seed: random_plan(seed) for seed in range(6)}
    for seed, plan in plans.items():
        (tmp_path / f"{seed}.xlsx").write_bytes(write_xlsx(plan))
    export = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"
    subprocess.run(
        [soffice, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless",
         "--convert-to", export, "--outdir", str(tmp_path / "out"),
         *(str(tmp_path / f"{seed}.xlsx") for seed in plans)],
        check=True, capture_output=True, timeout=180,
    )  # fmt: skip
    for seed, plan in plans.items():
        text = (tmp_path / "out" / f"{seed}-Plan by month.csv").read_text("utf-8")
        shown, written = rows_of(text), rows_of(write_csv(plan, safe=False))
        assert [Decimal(row["Amount"]) for row in shown] == [
            Decimal(row["amount"]) for row in written
        ]
        for one, other in zip(shown, written, strict=True):
            assert one["Task class"].splitlines() == other["task_class"].splitlines()

"""The workbook, read back by openpyxl and by LibreOffice."""

from __future__ import annotations

import csv
import datetime as dt
import io
import shutil
import subprocess
import zipfile
from decimal import Decimal

import pytest
from finance_plans import NASTY, mixed_plan, nasty_plan, year_plan

from costplan.report.csv import write_csv
from costplan.report.finance import tabulate
from costplan.report.xlsx import write_xlsx

openpyxl = pytest.importorskip("openpyxl", reason="openpyxl reads workbooks back")
pytest.importorskip("xlsxwriter", reason="workbooks need XlsxWriter")


def read(plan):
    """Open a plan's workbook."""
    return openpyxl.load_workbook(io.BytesIO(write_xlsx(plan)))


def rows_of(sheet, top=1):
    """Rows of a sheet by heading."""
    rows = list(sheet.iter_rows(min_row=top, values_only=True))
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


@pytest.mark.parametrize("make", [mixed_plan, nasty_plan, year_plan])
def test_the_workbook_has_the_amounts_of_the_csv(make):
    """Every row of the plan sheet has the CSV's amount as a real number, and the bill stands in
    the summary."""
    plan = make()
    book = read(plan)
    rows = rows_of(book["Plan by month"])
    amounts = list(csv.DictReader(io.StringIO(write_csv(plan), newline="")))
    assert [Decimal(str(row["Amount"])) for row in rows] == [
        Decimal(row["amount"]) for row in amounts
    ]
    summary = {row[0]: row[1] for row in book["Summary"].iter_rows(values_only=True)}
    assert summary["Bill, USD"] == float(plan.totals.usd.quantize(Decimal("0.01")))
    assert summary["Accuracy"] == plan.totals.accuracy.mean


def test_dates_are_dates_and_headers_are_frozen():
    """Periods are dates, numbers are numbers, and headings stay in sight on every sheet."""
    book = read(mixed_plan())
    (row, *_) = rows_of(book["Plan by month"])
    assert row["From"] == dt.datetime(2027, 1, 1)
    assert row["To (exclusive)"] == dt.datetime(2027, 2, 1)
    assert isinstance(row["Requests"], int | float)
    assert all(sheet.freeze_panes for sheet in book)
    assert book.sheetnames == [
        "Summary", "Plan by month", "Assumptions", "Prices", "Evidence", "Curves", "Frontier",
    ]  # fmt: skip


def test_the_frontier_has_a_native_chart():
    """The frontier is drawn by the spreadsheet itself, with the plan marked."""
    raw = write_xlsx(mixed_plan())
    with zipfile.ZipFile(io.BytesIO(raw)) as parts:
        chart = parts.read("xl/charts/chart1.xml").decode()
    assert "Frontier!$A$2:$A$3" in chart
    assert "This plan" in chart


def test_no_label_is_a_formula_or_a_link():
    """Labels out to do harm are plain text, whole, in every sheet."""
    raw = write_xlsx(nasty_plan())
    with zipfile.ZipFile(io.BytesIO(raw)) as parts:
        for name in parts.namelist():
            if name.startswith("xl/worksheets/"):
                text = parts.read(name).decode()
                assert "<f>" not in text
                assert "<hyperlink" not in text
    book = openpyxl.load_workbook(io.BytesIO(raw))
    labels = [row["Task class"] for row in rows_of(book["Plan by month"])]
    # XML has one kind of line end.
    assert [label.replace("_x000D_", "\r") for label in labels] == [n.strip() for n in NASTY]
    kinds = {cell.data_type for row in book["Plan by month"] for cell in row}
    assert "f" not in kinds


def test_prices_and_curves_are_listed():
    """Every price, curve and assumption of the plan has its row."""
    plan = nasty_plan()
    book = read(plan)
    assert len(rows_of(book["Prices"])) == len(plan.prices)
    assert len(rows_of(book["Curves"])) == len(plan.considered)
    assert len(rows_of(book["Assumptions"])) == len(plan.assumptions) + len(plan.warnings)


@pytest.fixture(scope="module")
def soffice():
    """LibreOffice."""
    found = shutil.which("soffice") or shutil.which("libreoffice")
    if found is None:
        pytest.skip("LibreOffice is not installed: apt-get install libreoffice-calc-nogui")
    return found


def open_in_libreoffice(soffice, raw, folder):
    """Open a workbook headless and give every sheet's values as LibreOffice shows them."""
    file = folder / "plan.xlsx"
    file.write_bytes(raw)
    # 44 comma, 34 quote, 76 UTF-8; cell contents as shown off, formulas off, -1 every sheet
    export = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"
    subprocess.run(
        [soffice, f"-env:UserInstallation=file://{folder}/profile", "--headless",
         "--convert-to", export, "--outdir", str(folder / "out"), str(file)],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return {
        path.stem.removeprefix("plan-"): list(
            csv.reader(io.StringIO(path.read_text("utf-8"), newline=""))
        )
        for path in (folder / "out").glob("*.csv")
    }


@pytest.mark.parametrize("make", [mixed_plan, nasty_plan])
def test_libreoffice_reads_the_same_values(soffice, tmp_path, make):
    """LibreOffice opens the workbook and shows the CSV's amounts, dates and labels unharmed."""
    plan = make()
    sheets = open_in_libreoffice(soffice, write_xlsx(plan), tmp_path)
    heads, *rows = sheets["Plan by month"]
    amount, start, name = (heads.index(h) for h in ("Amount", "From", "Task class"))
    table = tabulate(plan)
    assert [Decimal(row[amount]) for row in rows] == [row.amount for row in table.rows]
    assert [row[name].replace("\r", "\n") for row in rows] == [
        row.task_class.replace("\r", "\n") for row in table.rows
    ]
    assert {row[start] for row in rows} == {"2027-01-01"}
    summary = {row[0]: row[1] for row in sheets["Summary"] if len(row) > 1}
    assert Decimal(summary["Bill, USD"]) == plan.totals.usd.quantize(Decimal("0.01"))


def test_libreoffice_runs_nothing_of_the_csv(soffice, tmp_path):
    """Opened as a spreadsheet, the CSV has no formula: each label is shown as it is written."""
    text = write_csv(nasty_plan())
    (tmp_path / "plan.csv").write_text(text, encoding="utf-8", newline="")
    subprocess.run(
        [soffice, f"-env:UserInstallation=file://{tmp_path}/profile", "--headless",
         "--infilter=CSV:44,34,76,1", "--convert-to", "xlsx", "--outdir", str(tmp_path),
         str(tmp_path / "plan.csv")],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    sheet = openpyxl.load_workbook(tmp_path / "plan.xlsx").active
    assert not [cell for row in sheet for cell in row if cell.data_type == "f"]

"""The plan as a workbook: real numbers and dates, no text that turns into a formula."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costplan.domain.errors import Fault, InputError
from costplan.domain.money import round_to_unit
from costplan.files.ledger import Ledger
from costplan.plan.insight import Considered
from costplan.plan.model import Plan
from costplan.report.explain import FATE_WORDS
from costplan.report.finance import FinanceTable, period_of, tabulate
from costplan.report.policy_rows import list_stage_rows, list_way_rows, per_reached

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

MOST_OPTIONS = 20_000
"""Options that the workbook lists; of larger plans those in reach of the choice only."""
IN_REACH = ("chosen", "hull")
LONGEST_TEXT = 32_767
"""Characters that a cell holds."""
FORMATS = {
    "text": {},
    "wrap": {"text_wrap": True, "valign": "top"},
    "head": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"},
    "title": {"bold": True, "font_size": 14},
    "usd": {"num_format": "#,##0.00"},
    "unit_usd": {"num_format": "#,##0.000000"},
    "count": {"num_format": "#,##0.###"},
    "whole": {"num_format": "#,##0"},
    "share": {"num_format": "0.0%"},
    "number": {"num_format": "#,##0.00"},
    "date": {"num_format": "yyyy-mm-dd"},
}
Cell = str | Decimal | float | int | dt.date | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet."""

    heading: str
    kind: str = "text"
    """Name of a format."""
    width: float = 14


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table with frozen headings."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    """What to know, above the headings."""


PLAN_COLUMNS = (
    Column("Month", "text", 10), Column("From", "date", 11), Column("To (exclusive)", "date", 11),
    Column("Entity"), Column("Cost centre"), Column("GL account"), Column("Team"),
    Column("Vendor"), Column("Service"), Column("Task class", "text", 26),
    Column("Model", "text", 24), Column("Effort", "text", 10), Column("Requests", "count"),
    Column("Input tokens", "whole", 16), Column("Output tokens", "whole", 16),
    Column("Reasoning tokens", "whole", 16), Column("Amount", "usd"),
    Column("Currency", "text", 9), Column("Cost basis", "text", 11),
    Column("Expected accuracy", "share", 10),
)  # fmt: skip
ASSUMPTION_COLUMNS = (
    Column("Kind"),
    Column("Task class", "text", 26),
    Column("What", "wrap", 110),
)
PRICE_COLUMNS = (
    Column("Model", "text", 26), Column("Provider"), Column("As of", "date", 11),
    Column("Input $ per million tokens", "unit_usd"),
    Column("Cached input $ per million tokens", "unit_usd"),
    Column("Output $ per million tokens", "unit_usd"), Column("Batch", "text", 8),
    Column("Source", "text", 60),
)  # fmt: skip
EVIDENCE_COLUMNS = (
    Column("Task class", "text", 26), Column("Model", "text", 26), Column("Effort", "text", 10),
    Column("Source", "text", 30), Column("Benchmark", "text", 24),
    Column("Questions", "whole", 10), Column("Accuracy as measured", "share", 12),
    Column("Grade", "text", 11),
)  # fmt: skip
CURVE_COLUMNS = (
    Column("Task class", "text", 26), Column("Option", "text", 30),
    Column("$ per request", "unit_usd"), Column("Accuracy", "share", 10),
    Column("Low", "share", 10), Column("High", "share", 10), Column("Grade", "text", 11),
    Column("Mean seconds", "number"), Column("Fate", "text", 12), Column("Why", "text", 80),
)  # fmt: skip
POLICY_COLUMNS = (
    Column("Month", "text", 10), Column("Task class", "text", 26), Column("Policy", "text", 10),
    Column("Share of class", "share", 10), Column("Stage", "text", 8),
    Column("Vendor"), Column("Model", "text", 24), Column("Effort", "text", 10),
    Column("Its answer is taken", "wrap", 44), Column("Reached by", "share", 10),
    Column("Requests reaching it", "count", 16), Column("Calls per request", "number", 10),
    Column("Amount", "usd"), Column("$ per request reaching it", "unit_usd"),
)  # fmt: skip
WAY_COLUMNS = (
    Column("Month", "text", 10), Column("Task class", "text", 26), Column("Option", "text", 30),
    Column("Policy", "text", 10), Column("Way", "text", 22),
    Column("Share of requests", "share", 10), Column("Calls per answer", "number", 10),
    Column("$ per request", "unit_usd"), Column("$ per right answer", "unit_usd"),
    Column("Mean seconds", "number"), Column("p95 seconds", "number"),
)  # fmt: skip
FRONTIER_COLUMNS = (
    Column("Dollars", "usd", 18),
    Column("Accuracy", "share"),
    Column("Value", "number", 18),
)


def write_xlsx(
    plan: Plan, ledger: Ledger | None = None, *, table: FinanceTable | None = None
) -> bytes:
    """Write a plan as a workbook: Summary, Plan by month, Policies, Assumptions, Curves, Frontier.

    Raises InputError when XlsxWriter is not installed, or the plan has no lines.
    """
    try:
        import xlsxwriter
    except ImportError:
        raise InputError(
            [Fault("XLSX needs XlsxWriter", advice="pip install 'costplan[xlsx]'")]
        ) from None
    table = table or tabulate(plan, ledger)
    sheets = [
        _plan_sheet(table),
        *_policy_sheet(plan, table),
        *_assumption_sheets(plan),
        _frontier_sheet(plan),
    ]
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "nan_inf_to_errors": True,
        },
    )
    book.set_properties(
        {"title": _fit(plan.workload.name), "created": dt.datetime.fromisoformat(plan.created_at)}
    )
    formats = {name: book.add_format(facts) for name, facts in FORMATS.items()}
    _write_summary(book, formats, plan, table)
    for sheet in sheets:
        written = _write_sheet(book, formats, sheet)
        if sheet.name == "Frontier" and len(sheet.rows) > 1:
            _chart_frontier(book, written, plan, len(sheet.rows))
    book.close()
    return out.getvalue()


def _write_summary(
    book: Workbook, formats: dict[str, Format], plan: Plan, table: FinanceTable
) -> None:
    from costplan.report.workbook_summary import list_facts

    sheet = book.add_worksheet("Summary")
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 4, 18)
    sheet.set_column(5, 5, 60)
    sheet.write_string(0, 0, _fit(plan.workload.name), formats["title"])
    sheet.write_string(1, 0, _fit(plan.verdict))
    sheet.freeze_panes(2, 0)
    for place, cells in enumerate(list_facts(plan, table), start=3):
        for column, (kind, value) in enumerate(cells):
            _write_cell(sheet, place, column, value, formats[kind])


def _write_sheet(book: Workbook, formats: dict[str, Format], sheet: Sheet) -> Worksheet:
    written = book.add_worksheet(sheet.name)
    top = 1 if sheet.note else 0
    if sheet.note:
        written.write_string(0, 0, sheet.note)
    for place, column in enumerate(sheet.columns):
        written.set_column(place, place, column.width)
        written.write_string(top, place, column.heading, formats["head"])
    written.freeze_panes(top + 1, 0)
    if sheet.rows:
        written.autofilter(top, 0, top + len(sheet.rows), len(sheet.columns) - 1)
    writers = [_writer(written, column.kind, formats[column.kind]) for column in sheet.columns]
    for number, row in enumerate(sheet.rows, start=top + 1):
        for place, value in enumerate(row):
            if value is not None and value != "":
                writers[place](number, place, value)
    return written


def _writer(sheet: Worksheet, kind: str, style: Format) -> Callable[[int, int, Any], object]:
    """Choose how cells of a column are written, once instead of for each cell."""
    if kind == "date":
        return lambda row, column, value: sheet.write_datetime(row, column, value, style)
    if kind in {"text", "wrap"}:
        return lambda row, column, value: sheet.write_string(row, column, _fit(value), style)
    return lambda row, column, value: sheet.write_number(row, column, float(value), style)


def _write_cell(sheet: Worksheet, row: int, column: int, value: Cell, style: Format) -> None:
    if value is None or value == "":
        return
    if isinstance(value, str):
        sheet.write_string(row, column, _fit(value), style)
    elif isinstance(value, dt.date):
        sheet.write_datetime(row, column, value, style)
    else:
        sheet.write_number(row, column, float(value), style)


def _fit(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def _plan_sheet(table: FinanceTable) -> Sheet:
    rows = [
        (
            row.period.label,
            row.period.start,
            row.period.end,
            row.account.entity,
            row.account.cost_center,
            row.account.gl_account,
            row.team,
            row.vendor,
            row.service,
            row.task_class,
            row.model,
            row.reasoning_effort,
            row.requests,
            row.input_tokens,
            row.output_tokens,
            row.reasoning_tokens,
            row.amount,
            "USD",
            row.cost_basis,
            row.expected_accuracy,
        )
        for row in table.rows
    ]
    return Sheet("Plan by month", PLAN_COLUMNS, rows)


def _policy_sheet(plan: Plan, table: FinanceTable) -> Iterator[Sheet]:
    """How policies are built; amounts are those of the plan's sheet."""
    if not any(line.stages for line in plan.lines):
        return
    amounts = {
        (row.period.label, row.task_class, row.option, row.service): row.amount
        for row in table.rows
    }
    rows: list[Sequence[Cell]] = []
    for row in list_stage_rows(plan.lines):
        line, stage, part = row.line, row.stage, row.slice
        label = period_of(plan, line.month).label
        amount = requests = None
        if part is not None:
            amount = amounts.get((label, line.task_class, line.option, part.service))
            requests = part.requests
        rows.append(
            (
                label, line.task_class, row.policy, line.share, row.order,
                stage.provider or line.provider, stage.model, stage.setting, row.taken,
                stage.reach, requests, stage.calls, amount, per_reached(row),
            )
        )  # fmt: skip
    yield Sheet("Policies", POLICY_COLUMNS, rows)
    ways = [
        (
            period_of(plan, way.line.month).label, way.line.task_class, way.line.option,
            way.policy, way.way, way.share, way.calls, way.usd_per_request, way.usd_per_right,
            way.mean_latency_s, way.p95_latency_s,
        )
        for way in list_way_rows(plan.lines)
    ]  # fmt: skip
    yield Sheet("Policy costs", WAY_COLUMNS, ways)


def _assumption_sheets(plan: Plan) -> Iterable[Sheet]:
    said = [("Assumption", "", text) for text in plan.assumptions]
    said += [("Warning", w.task_class or "", w.message) for w in plan.warnings]
    yield Sheet("Assumptions", ASSUMPTION_COLUMNS, said)
    prices = [
        (
            price.model,
            price.provider,
            dt.date.fromisoformat(price.as_of),
            price.input_usd_per_mtok,
            price.cached_input_usd_per_mtok,
            price.output_usd_per_mtok,
            "yes" if price.batch else "no",
            price.source,
        )
        for price in plan.prices
    ]
    yield Sheet("Prices", PRICE_COLUMNS, prices)
    evidence = [
        (
            row.task_class,
            row.model,
            row.setting,
            row.source,
            row.benchmark,
            row.n_questions,
            row.accuracy,
            row.grade,
        )
        for row in plan.evidence
    ]
    yield Sheet("Evidence", EVIDENCE_COLUMNS, evidence)
    yield _curve_sheet(plan.considered)


def _curve_sheet(considered: Sequence[Considered]) -> Sheet:
    shown, note = considered, ""
    if len(considered) > MOST_OPTIONS:
        shown = [item for item in considered if item.fate in IN_REACH][:MOST_OPTIONS]
        note = (
            f"{len(shown):,} of {len(considered):,} options: the chosen ones and those in reach; "
            "the plan's JSON has all."
        )
    rows = [
        (
            item.task_class,
            item.option,
            item.usd_per_request,
            *_accuracy(item),
            item.mean_latency_s,
            FATE_WORDS[item.fate],
            item.reason,
        )
        for item in shown
    ]
    return Sheet("Curves", CURVE_COLUMNS, rows, note)


def _accuracy(item: Considered) -> tuple[Cell, Cell, Cell, Cell]:
    if item.accuracy is None:
        return None, None, None, None
    return item.accuracy.mean, item.accuracy.low, item.accuracy.high, item.accuracy.grade


def _frontier_sheet(plan: Plan) -> Sheet:
    rows = [(round_to_unit(point.usd), point.accuracy, point.value) for point in plan.frontier]
    return Sheet("Frontier", FRONTIER_COLUMNS, rows)


def _chart_frontier(book: Workbook, sheet: Worksheet, plan: Plan, count: int) -> None:
    chart = book.add_chart({"type": "scatter", "subtype": "straight_with_markers"})
    chart.add_series(
        {
            "name": "Best accuracy for the money",
            "categories": ["Frontier", 1, 0, count, 0],
            "values": ["Frontier", 1, 1, count, 1],
            "marker": {"type": "circle", "size": 4},
        }
    )
    if plan.totals is not None:
        sheet.write_string(0, 4, "This plan")
        sheet.write_number(1, 4, float(round_to_unit(plan.totals.usd)))
        sheet.write_number(1, 5, plan.totals.accuracy.mean)
        chart.add_series(
            {
                "name": "This plan",
                "categories": ["Frontier", 1, 4, 1, 4],
                "values": ["Frontier", 1, 5, 1, 5],
                "marker": {"type": "diamond", "size": 10},
                "line": {"none": True},
            }
        )
    chart.set_title({"name": "The best accuracy for every amount of money"})
    chart.set_x_axis({"name": f"Dollars per {plan.workload.period}", "num_format": "#,##0"})
    chart.set_y_axis({"name": "Accuracy", "num_format": "0%"})
    chart.set_size({"width": 760, "height": 420})
    sheet.insert_chart("E4", chart, {"description": "Accuracy of the best plan by dollars"})

"""The finance table as CSV: RFC 4180, dot decimals, no totals row, safe in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache

from costplan.domain.money import round_to_foot
from costplan.plan.model import Plan
from costplan.report.finance import FinanceRow, FinanceTable, Period, split_into_months, tabulate

COLUMNS = (
    "scenario", "version", "period", "period_start", "period_end", "entity", "cost_center",
    "gl_account", "vendor", "service", "task_class", "model", "reasoning_effort", "requests",
    "input_tokens", "output_tokens", "reasoning_tokens", "amount", "currency", "cost_basis",
    "expected_accuracy", "assumptions_id",
)  # fmt: skip
PIVOT_COLUMNS = (
    "scenario", "version", "entity", "cost_center", "gl_account", "vendor", "service",
    "task_class", "model", "reasoning_effort", "currency", "cost_basis", "assumptions_id",
    "amount",
)  # fmt: skip
BOM = "\ufeff"
"""What Excel needs to see UTF-8 on a double click."""
_DANGEROUS = re.compile("(^|[;\t\r\n])(?=[=+\\-@\t\r\n\0＝＋－＠])")
"""Where a spreadsheet may take text for a formula: at its start, and after what another locale
takes for the end of a cell."""
Neutralizer = Callable[[str], str]


@lru_cache(maxsize=100_000)
def neutralize(text: str) -> str:
    """Put an apostrophe wherever a spreadsheet would take text for the start of a formula."""
    return _DANGEROUS.sub(r"\1'", text)


def leave(text: str) -> str:
    """Leave text as it is, for loaders that take every cell at its word."""
    return text


def write_csv(
    plan: Plan | FinanceTable, *, pivot: bool = False, excel: bool = False, safe: bool = True
) -> str:
    """Write a plan's dollars as CSV, one amount per row, or with `pivot` one column per month.

    Amounts are in cents and add up to the plan's bill. `excel` puts a byte order mark in front;
    `safe` neutralises texts that a spreadsheet would run.
    """
    table = plan if isinstance(plan, FinanceTable) else tabulate(plan)
    clean = neutralize if safe else leave
    out = io.StringIO()
    out.write(BOM if excel else "")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows(_pivot(table, clean) if pivot else _long(table, clean))
    return out.getvalue()


def write_plain(number: Decimal | None, *, whole: bool = False) -> str:
    """Write a number without thousands marks or exponent; empty where unknown."""
    if number is None:
        return ""
    if whole:
        return f"{number:.0f}"
    text = f"{number:.6f}"
    return text.rstrip("0").rstrip(".")


def _long(table: FinanceTable, clean: Neutralizer) -> Iterable[tuple[str, ...]]:
    yield COLUMNS
    head = clean(table.scenario), clean(table.version)
    periods = {row.period.label: row.period for row in table.rows}
    spans = {
        label: (label, period.start.isoformat(), period.end.isoformat())
        for label, period in periods.items()
    }
    for row in table.rows:
        yield (
            *head,
            *spans[row.period.label],
            *_accounts(row, clean),
            *_names(row, clean),
            write_plain(row.requests),
            write_plain(row.input_tokens, whole=True),
            write_plain(row.output_tokens, whole=True),
            write_plain(row.reasoning_tokens, whole=True),
            str(row.amount),
            "USD",
            row.cost_basis,
            "" if row.expected_accuracy is None else f"{row.expected_accuracy:.4f}",
            table.assumptions_id,
        )


def _accounts(row: FinanceRow, clean: Neutralizer) -> tuple[str, str, str]:
    account = row.account
    return clean(account.entity), clean(account.cost_center), clean(account.gl_account)


def _names(row: FinanceRow, clean: Neutralizer) -> tuple[str, ...]:
    return (
        clean(row.vendor),
        row.service,
        clean(row.task_class),
        clean(row.model),
        clean(row.reasoning_effort),
    )


def _pivot(table: FinanceTable, clean: Neutralizer) -> Iterable[tuple[str, ...]]:
    months = {
        period: split_into_months(period)
        for period in dict.fromkeys(row.period for row in table.rows)
    }
    labels = sorted({month.label for parts in months.values() for month in parts})
    yield (*PIVOT_COLUMNS, *labels)
    sums: dict[tuple[str, ...], dict[str, Decimal]] = {}
    for row in table.rows:
        key = (
            clean(table.scenario),
            clean(table.version),
            *_accounts(row, clean),
            *_names(row, clean),
            "USD",
            row.cost_basis,
            table.assumptions_id,
        )
        mine = sums.setdefault(key, dict.fromkeys(labels, Decimal(0)))
        for label, amount in _spread(row.amount, months[row.period]):
            mine[label] += amount
    for key, mine in sums.items():
        yield (
            *key,
            f"{sum(mine.values(), Decimal(0)):.2f}",
            *(f"{mine[label]:.2f}" for label in labels),
        )


def _spread(amount: Decimal, months: list[Period]) -> Iterable[tuple[str, Decimal]]:
    """Spread the amount of a quarter or a year evenly over its months, in cents."""
    parts = round_to_foot([amount / len(months)] * len(months))
    parts[-1] += amount - sum(parts, Decimal(0))
    return zip((month.label for month in months), parts, strict=True)

"""The finance table: long format, one amount per row, rows that add up to the plan's total."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
from collections.abc import Iterator
from decimal import Decimal

from costplan.domain.money import round_to_foot
from costplan.plan.model import Line, Plan

COLUMNS = (
    "scenario", "version", "period", "period_start", "period_end", "entity", "cost_center",
    "gl_account", "vendor", "service", "task_class", "model", "reasoning_effort", "requests",
    "input_tokens", "output_tokens", "reasoning_tokens", "amount", "currency", "cost_basis",
    "expected_accuracy", "assumptions_id",
)  # fmt: skip
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for the start of a formula."""
MONTHS = {"month": 1, "quarter": 3, "year": 12}
DAYS = {"day": 1, "week": 7}


def write_csv(plan: Plan) -> str:
    """Write a plan's dollars as RFC 4180 text: comma, CRLF, one header, no totals row."""
    rows = list(_rows(plan))
    amounts = round_to_foot([amount for amount, _ in rows])
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for amount, (_, row) in zip(amounts, rows, strict=True):
        writer.writerow(row | {"amount": f"{amount:.2f}"})
    return out.getvalue()


def neutralize(text: str) -> str:
    """Put an apostrophe before text that a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(DANGEROUS) else text


def _rows(plan: Plan) -> Iterator[tuple[Decimal, dict[str, str]]]:
    shared = _shared_cells(plan)
    for line in plan.lines:
        yield line.usd, shared | _line_cells(line)
    for pool in plan.pools:
        yield (
            pool.usd,
            shared
            | {
                "service": "own GPUs",
                "model": neutralize(pool.name),
                "cost_basis": "gpu",
            },
        )
    if plan.totals is not None:
        gpus = sum((pool.usd for pool in plan.pools), Decimal(0))
        terms = plan.totals.usd - plan.totals.usd_list - gpus
        if terms != 0:
            yield terms, shared | {"service": "contract terms", "cost_basis": "contract"}


def _shared_cells(plan: Plan) -> dict[str, str]:
    start = dt.date.fromisoformat(plan.workload.starts)
    return dict.fromkeys(COLUMNS, "") | {
        "scenario": neutralize(plan.workload.name),
        "version": plan.created_at[:10],
        "period": f"{start:%Y-%m}",
        "period_start": start.isoformat(),
        "period_end": end_period(start, plan.workload.period).isoformat(),
        "currency": "USD",
        "assumptions_id": _digest_assumptions(plan),
    }


def _line_cells(line: Line) -> dict[str, str]:
    return {
        "vendor": neutralize(line.provider),
        "service": "inference",
        "task_class": neutralize(line.task_class),
        "model": neutralize(line.model),
        "reasoning_effort": neutralize(line.setting),
        "requests": _write_plain(line.requests_planned),
        "input_tokens": _write_plain(line.input_tokens, whole=True),
        "output_tokens": _write_plain(line.output_tokens, whole=True),
        "reasoning_tokens": _write_plain(line.reasoning_tokens, whole=True),
        "cost_basis": "pool" if line.pool else "list",
        "expected_accuracy": f"{line.accuracy.mean:.4f}",
    }


def end_period(start: dt.date, period: str) -> dt.date:
    """Last day of a period that starts on a day."""
    if period in DAYS:
        return start + dt.timedelta(days=DAYS[period] - 1)
    month = start.month - 1 + MONTHS[period]
    year, month = start.year + month // 12, month % 12 + 1
    days_in_month = ((dt.date(year + month // 12, month % 12 + 1, 1)) - dt.timedelta(days=1)).day
    return dt.date(year, month, min(start.day, days_in_month)) - dt.timedelta(days=1)


def _write_plain(number: Decimal | None, *, whole: bool = False) -> str:
    if number is None:
        return ""
    rounded = number.quantize(Decimal(1) if whole else Decimal("0.000001"))
    return f"{rounded.normalize():f}"


def _digest_assumptions(plan: Plan) -> str:
    said = plan.model_dump_json(include={"prices", "evidence", "assumptions"})
    return hashlib.sha256(said.encode()).hexdigest()[:12]

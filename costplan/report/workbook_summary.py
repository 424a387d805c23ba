"""What the first sheet of the workbook says: label and value, row by row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

from costplan.domain.money import round_to_unit
from costplan.plan.model import Plan
from costplan.report.finance import FinanceTable
from costplan.report.plan_tables import say_kept

Cells = tuple[tuple[str, str | Decimal | float | int | dt.date | None], ...]
"""Cells of one row: name of the format, and the value."""
_BLANK: Cells = ()


def list_facts(plan: Plan, table: FinanceTable) -> Iterator[Cells]:
    """List the rows of the summary: totals, ceilings, baselines, and where the plan is from."""
    totals = plan.totals
    assert totals is not None
    accuracy, interval = totals.accuracy, totals.usd_interval
    yield _fact("Bill, USD", "usd", round_to_unit(totals.usd))
    yield _fact("Likely from, USD", "usd", round_to_unit(interval.low))
    yield _fact("Likely to, USD", "usd", round_to_unit(interval.high))
    yield _fact("At list price, without GPUs, USD", "usd", round_to_unit(totals.usd_list))
    yield _fact("Requests", "count", totals.requests)
    yield _fact("Accuracy", "share", accuracy.mean)
    yield _fact("Accuracy from", "share", accuracy.low)
    yield _fact("Accuracy to", "share", accuracy.high)
    yield _fact(f"Value ({plan.value_unit})", "number", totals.value)
    yield _fact("Mean seconds per request", "number", totals.mean_latency_s)
    yield _BLANK
    yield from _ceilings(plan)
    yield from _baselines(plan)
    yield from _origin(plan, table)


def _fact(label: str, kind: str, value: str | Decimal | float | dt.date | None) -> Cells:
    return (("text", label), (kind, value))


def _heads(*labels: str) -> Cells:
    return tuple(("head", label) for label in labels)


def _ceilings(plan: Plan) -> Iterator[Cells]:
    yield _heads("Ceiling", "Limit", "Used", "Left")
    for ceiling in plan.ceilings:
        kind = "share" if "share" in ceiling.name else "number"
        yield (
            ("text", ceiling.name),
            (kind, ceiling.limit),
            (kind, ceiling.used),
            (kind, ceiling.slack),
        )
    yield _BLANK


def _baselines(plan: Plan) -> Iterator[Cells]:
    yield _heads("Compared with", "USD", "Accuracy", "Value", "Keeps every limit", "What it is")
    for rival in plan.baselines:
        yield (
            ("text", rival.name),
            ("usd", None if rival.usd is None else round_to_unit(rival.usd)),
            ("share", rival.accuracy),
            ("number", rival.value),
            ("text", say_kept(rival)),
            ("text", rival.detail),
        )
    yield _BLANK


def _origin(plan: Plan, table: FinanceTable) -> Iterator[Cells]:
    yield _fact("Period", "text", plan.workload.period)
    yield _fact("Prices of", "date", dt.date.fromisoformat(plan.workload.starts))
    yield _fact("Plan made", "date", dt.date.fromisoformat(plan.created_at[:10]))
    yield _fact("Proof", "text", f"{plan.status} by {plan.solver}")
    yield _fact("Confidence of intervals and ceiling", "share", plan.confidence)
    yield _fact("Workload file", "text", plan.workload.file or "")
    yield _fact("Workload digest (SHA-256)", "text", plan.workload.digest)
    yield _fact("Assumptions id", "text", table.assumptions_id)
    yield _fact("costplan version", "text", plan.costplan_version)

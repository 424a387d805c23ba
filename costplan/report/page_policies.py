"""The page's tables of policies: how they are built, and what each way through them takes."""

from __future__ import annotations

from decimal import Decimal

from costplan.domain.figures import (
    UNKNOWN,
    write_count,
    write_percent,
    write_seconds,
    write_unit_usd,
    write_usd,
)
from costplan.domain.money import round_to_foot
from costplan.plan.model import Plan
from costplan.report.footing import round_to_target
from costplan.report.page_tables import Table, make_columns
from costplan.report.policy_rows import StageRow, list_stage_rows, list_way_rows, per_reached


def tabulate_policies(plan: Plan) -> Table | None:
    """List how policies are built, stage by stage; None for a plan of single calls."""
    cents = round_to_foot([line.usd for line in plan.lines])
    by_month = any(line.month for line in plan.lines)
    rows = []
    for line, whole in zip(plan.lines, cents, strict=True):
        listed = list(list_stage_rows([line]))
        parts = [row.slice.usd for row in listed if row.slice is not None]
        known = len(parts) == len(listed)
        usd = round_to_target(parts, whole) if known and parts else [None] * len(listed)
        for row, amount in zip(listed, usd, strict=True):
            rows.append(_stage_cells(row, amount, by_month=by_month))
    if not rows:
        return None
    columns = make_columns(
        "Class", *(["Month"] if by_month else []), "Policy", "Stage", "Asked",
        "Its answer is taken",
        then=("Reached by", "Requests reaching it", "Calls each", "Dollars",
              "Per request reaching it"),
    )  # fmt: skip
    title = "How policies are built. Dollars of the stages add up to the line's."
    return Table(title, columns, rows, "policies")


def _stage_cells(row: StageRow, usd: Decimal | None, *, by_month: bool) -> list[str]:
    line, stage = row.line, row.stage
    kind = row.policy if line.share == 1 else f"{row.policy}, {write_percent(line.share)} of class"
    asked = f"{stage.model}/{stage.setting}" if stage.setting else stage.model
    each = per_reached(row)
    return [
        line.task_class, *([line.month or UNKNOWN] if by_month else []), kind, row.order, asked,
        row.taken, write_percent(stage.reach),
        UNKNOWN if row.slice is None else write_count(row.slice.requests),
        write_calls(stage.calls), write_usd(usd, cents=True),
        write_unit_usd(each),
    ]  # fmt: skip


def tabulate_ways(plan: Plan) -> Table | None:
    """List what answers of policies cost and how long they take, by the way a request goes.

    None for a plan of single calls.
    """
    by_month = any(line.month for line in plan.lines)
    rows = [
        [
            row.line.task_class, *([row.line.month or UNKNOWN] if by_month else []),
            row.line.option, row.way, write_percent(row.share),
            UNKNOWN if row.calls is None else write_calls(row.calls),
            write_unit_usd(row.usd_per_request), write_unit_usd(row.usd_per_right),
            write_seconds(row.mean_latency_s), write_seconds(row.p95_latency_s),
        ]
        for row in list_way_rows(plan.lines)
    ]  # fmt: skip
    if not rows:
        return None
    columns = make_columns(
        "Class", *(["Month"] if by_month else []), "Choice", "Way",
        then=("Share of requests", "Calls per answer", "Per request", "Per right answer",
              "Mean seconds", "p95 seconds"),
    )  # fmt: skip
    title = "What answers of policies cost, by the way that a request goes."
    return Table(title, columns, rows, "ways")


def write_calls(calls: float) -> str:
    """Write calls per answer: "1.37"."""
    return f"{calls:.2f}".removesuffix(".00")

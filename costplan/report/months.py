"""A plan over a horizon on a terminal: dollars by month, and what changes from month to month."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.figures import write_count, write_percent, write_usd, write_usd_column
from costplan.plan.model import Line, Plan

if TYPE_CHECKING:
    from rich.console import RenderableType

Choice = tuple[tuple[str, str], ...]
"""Options of a class in a month with their shares, as text."""


def list_months_table(plan: Plan) -> Iterator[RenderableType]:
    """Show each month's dollars and accuracy, and every class's choices with their changes."""
    yield _month_table(plan)
    yield ""
    yield _choice_table(plan)


def _by_month(plan: Plan) -> dict[str, list[Line]]:
    months: dict[str, list[Line]] = {}
    for line in plan.lines:
        months.setdefault(line.month or "", []).append(line)
    return months


def _month_table(plan: Plan) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Month", no_wrap=True)
    for heading in ("Requests", "Dollars", "Accuracy"):
        table.add_column(heading, justify="right", no_wrap=True)
    months = _by_month(plan)
    spent = [sum((line.usd for line in lines), Decimal(0)) for lines in months.values()]
    dollars, whole = write_usd_column(spent)
    for (month, lines), usd in zip(months.items(), dollars, strict=True):
        requests = sum((line.requests_planned for line in lines), Decimal(0))
        right = sum(float(line.requests_planned) * line.accuracy.mean for line in lines)
        accuracy = right / float(requests) if requests else None
        table.add_row(month, write_count(round(requests)), usd, write_percent(accuracy))
    assert plan.totals is not None
    beside = plan.totals.usd - sum(spent, Decimal(0))
    if beside:
        table.add_row("GPUs, contract terms", "", write_usd(beside), "")
        whole = write_usd(plan.totals.usd)
    table.add_section()
    table.add_row(
        "All months",
        write_count(round(plan.totals.requests)),
        whole,
        write_percent(plan.totals.accuracy.mean),
        style="bold",
    )
    return table


def _choice_table(plan: Plan) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Class", overflow="fold", max_width=24)
    table.add_column("From", no_wrap=True)
    table.add_column("Choice", overflow="fold")
    for name, turns in _turns(plan).items():
        shown = name
        for month, choice in turns:
            said = " + ".join(f"{share} {option}" for option, share in choice)
            table.add_row(shown, month, said)
            shown = ""
    return table


def _turns(plan: Plan) -> dict[str, list[tuple[str, Choice]]]:
    """For every class, the months in which its options change, with the shares of that month."""
    turns: dict[str, list[tuple[str, Choice]]] = {}
    for month, lines in _by_month(plan).items():
        for name in dict.fromkeys(line.task_class for line in lines):
            mine = [line for line in lines if line.task_class == name]
            choice = tuple((line.option, write_percent(line.share, 0)) for line in mine)
            before = turns.setdefault(name, [])
            if not before or {o for o, _ in before[-1][1]} != {o for o, _ in choice}:
                before.append((month, choice))
    return turns

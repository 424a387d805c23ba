"""What a plan keeps to and what it is compared with, on a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from costplan.domain.figures import (
    UNKNOWN,
    write_ceiling,
    write_percent,
    write_period,
    write_price,
    write_usd,
    write_value,
)
from costplan.plan.model import Baseline, Ceiling, Plan
from costplan.plan.overrun import OVERRUN

if TYPE_CHECKING:
    from rich.console import RenderableType

BASELINE_WORDS = {
    "cheapest": "cheapest",
    "best_single": "best single option",
    "class_blind_mix": "best class-blind mix",
    "highest_effort": "highest effort",
    "today": "today",
}
MONTH = re.compile(r"^\d{4}-\d{2}\.| \d{4}-\d{2}(?=\.)")
"""How a ceiling's name carries the month of a horizon."""
ROOM = 100
"""Columns from which details stand beside the figures, not below them."""


def say_unit(plan: Plan) -> str:
    """Name the unit of what a plan makes the most of."""
    if plan.objective.minimize:
        return "cost"
    return "accuracy" if plan.objective.maximize == "accuracy" else plan.value_unit


def list_ceilings(plan: Plan, width: int) -> Iterator[RenderableType]:
    """Show every ceiling with what is left, what one more or less is worth, and the bill."""
    from rich import box
    from rich.table import Table

    totals = plan.totals
    assert totals is not None
    low, high = totals.usd_interval.low, totals.usd_interval.high
    said = f"The bill: {write_usd(totals.usd)} {_write_period(plan)}"
    if low != high:
        said += f", likely {write_usd(low)} to {write_usd(high)}"
    if totals.usd_borrowed:
        said += f"; {write_usd(totals.usd_borrowed)} of it rests on tokens that benchmarks took"
    if not plan.ceilings:
        yield f"{said}. No ceiling is set."
        return
    shown = list(_tightest(plan))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    months = any(MONTH.search(ceiling.name) for ceiling in shown)
    heading = "Ceiling, tightest month" if months else "Ceiling"
    widest = max(len(ceiling.name) for ceiling in shown)
    table.add_column(heading, min_width=min(32, widest))
    roomy = width >= widest + 40
    for heading in ("Limit", "Used", "Left") if roomy else ("Limit", "Left"):
        table.add_column(heading, justify="right", no_wrap=True)
    for ceiling in shown:
        used = (ceiling.used,) if roomy else ()
        amounts = (ceiling.limit, *used, ceiling.slack)
        table.add_row(ceiling.name, *(write_ceiling(ceiling.name, n) for n in amounts))
    yield table
    yield from _list_prices(plan, shown)
    yield f"{said}."
    yield from (
        f"{w.message[0].upper()}{w.message[1:]}." for w in plan.warnings if w.code == OVERRUN
    )
    if low != high and plan.confidence and _keeps_margin(plan):
        sure = write_percent(plan.confidence, 0)
        given = ", should requests take as many tokens" if totals.usd_borrowed else ""
        yield f"What is left below the dollar ceiling is kept so that it holds with {sure}{given}."


def say_price(plan: Plan, ceiling: Ceiling) -> str:
    """Say what one more and one less of a ceiling is worth, or why that cannot be said."""
    unit = say_unit(plan)
    sides = [
        write_price(ceiling.name, price, unit, more=more)
        for price, more in ((ceiling.price_up, True), (ceiling.price_down, False))
        if price is not None
    ]
    if ceiling.price_note:
        sides.append(ceiling.price_note)
    return ", ".join(sides)


def _list_prices(plan: Plan, shown: Iterable[Ceiling]) -> Iterator[str]:
    """Say what ceilings that bind are worth, or why that is not known."""
    for ceiling in shown:
        priced = bool(ceiling.price_up or ceiling.price_down)
        unsaid = ceiling.price_up is None and ceiling.slack <= 0
        if priced or unsaid:
            yield f"{ceiling.name}: {say_price(plan, ceiling)}."


def _keeps_margin(plan: Plan) -> bool:
    """Tell whether something is kept below a ceiling of the whole bill, not merely unused."""
    return any(
        MONTH.sub("", c.name) == "usd" and c.slack > 0 and (c.price_up, c.price_down) != (0, 0)
        for c in plan.ceilings
    )


def _tightest(plan: Plan) -> Iterable[Ceiling]:
    """Every ceiling; of those that each month of a horizon has, the month with least left."""
    groups: dict[str, list[Ceiling]] = {}
    for ceiling in plan.ceilings:
        groups.setdefault(MONTH.sub("", ceiling.name), []).append(ceiling)
    for ceilings in groups.values():
        yield min(ceilings, key=lambda c: c.slack / c.limit if c.limit else c.slack)


def list_baselines(plan: Plan, width: int) -> Iterator[RenderableType]:
    """Show what the plan is compared with; what each is stands below where there is no room."""
    from rich import box
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    roomy = width >= ROOM
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Compared with", no_wrap=True)
    for heading in ("Dollars", "Accuracy", "Value"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("In limits" if width >= ROOM - 20 else "OK", no_wrap=True)
    if roomy:
        table.add_column("What it is", ratio=1)
    totals = plan.totals
    if totals is not None:
        cells = [
            "this plan",
            write_usd(totals.usd),
            write_percent(totals.accuracy.mean),
            write_value(totals.value, plan.value_unit),
            "yes",
        ]
        table.add_row(*cells, *([""] if roomy else []), style="bold")
    for rival in plan.baselines:
        cells = _baseline_cells(rival, plan.value_unit)
        table.add_row(*(cells if roomy else cells[:-1]))
    yield table
    for rival in () if roomy else plan.baselines:
        yield Padding(Text(f"{BASELINE_WORDS[rival.name]}: {rival.detail}"), (0, 0, 0, 2))


def say_kept(baseline: Baseline) -> str:
    """Say whether a simple way keeps every limit; one that cannot be formed is no plan at all."""
    if baseline.usd is None:
        return "cannot be formed"
    return "yes" if baseline.feasible else "no"


def _baseline_cells(rival: Baseline, unit: str) -> list[str]:
    return [
        BASELINE_WORDS[rival.name],
        write_usd(rival.usd),
        write_percent(rival.accuracy),
        write_value(rival.value, unit),
        UNKNOWN if rival.usd is None else "yes" if rival.feasible else "no",
        rival.detail,
    ]


def _write_period(plan: Plan) -> str:
    return write_period(plan.workload.period, plan.workload.months)

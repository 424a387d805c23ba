"""Scenarios beside each other."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from costplan.domain.figures import (
    UNKNOWN,
    write_change,
    write_percent,
    write_points,
    write_usd,
    write_value,
)
from costplan.plan.model import Plan
from costplan.plan.simulation import Spread
from costplan.plan.whatif import Scenario, Sweep
from costplan.report.write import dump, open_console

if TYPE_CHECKING:
    from rich.console import RenderableType


def write_scenarios(
    scenarios: Sequence[Scenario],
    sweeps: Sequence[Sweep],
    spread: Spread | None,
    *,
    as_json: bool,
) -> None:
    """Print scenarios as a table, and a chart for one sweep; or JSON."""
    if as_json:
        facts = {
            "scenarios": [_sum_up(scenario) for scenario in scenarios],
            "simulation": None if spread is None else asdict(spread),
        }
        sys.stdout.write(dump(facts))
        return
    console = open_console()
    console.print(f"{scenarios[0].plan.workload.name} · what if", style="bold")
    console.print(_table(scenarios))
    if len(sweeps) == 1:
        chart = _chart(scenarios[1:], sweeps[0], console.width)
        if chart is not None:
            console.print(chart)
    if len(sweeps) == 2:
        console.print(_matrix(scenarios[1:], sweeps))
    if spread is not None:
        for line in _describe(spread, scenarios[0].plan):
            console.print(line)


def _sum_up(scenario: Scenario) -> dict[str, object]:
    plan = scenario.plan
    totals = plan.totals
    return {
        "set": {
            setting.path: setting.value if setting.how == "=" else f"{setting.how}{setting.value}"
            for setting in scenario.settings
        },
        "status": plan.status,
        "usd": None if totals is None else totals.usd,
        "accuracy": None if totals is None else totals.accuracy.mean,
        "value": None if totals is None else float(totals.value),
        "smallest_usd": plan.smallest_usd,
        "choices": [
            {"class": line.task_class, "option": line.option, "share": float(line.share)}
            for line in plan.lines
        ],
    }


def _say(scenario: Scenario) -> str:
    if not scenario.settings:
        return "as it stands"
    return ", ".join(map(str, scenario.settings))


def _table(scenarios: Sequence[Scenario]) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Scenario", overflow="fold")
    for heading in ("Dollars", "Accuracy", "Value"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Against the first", overflow="fold")
    for scenario in scenarios:
        table.add_row(*_cells(scenario, scenarios[0]))
    return table


def _cells(scenario: Scenario, first: Scenario) -> list[str]:
    plan, totals = scenario.plan, scenario.plan.totals
    if totals is None:
        need = "" if plan.smallest_usd is None else f"; needs {write_usd(plan.smallest_usd)}"
        return [_say(scenario), UNKNOWN, UNKNOWN, UNKNOWN, f"infeasible{need}"]
    against = ""
    if scenario is not first and first.plan.totals is not None:
        before = first.plan.totals
        money = write_change(totals.usd - before.usd)
        against = f"{money}, {write_points(totals.accuracy.mean - before.accuracy.mean)}"
    return [
        _say(scenario),
        write_usd(totals.usd),
        write_percent(totals.accuracy.mean),
        write_value(totals.value, plan.value_unit),
        against,
    ]


def _chart(scenarios: Sequence[Scenario], sweep: Sweep, width: int) -> RenderableType | None:
    from costplan.report.chart import draw_curve

    points = []
    for scenario in scenarios:
        value = scenario.settings[-1].value
        if scenario.plan.totals is None or not _is_number(value):
            continue
        points.append((float(value), scenario.plan.totals.accuracy.mean * 100))
    if len(points) < 2 or min(x for x, _ in points) < 0:
        return None
    return draw_curve(
        points,
        points,
        title=f"Accuracy (%) by {sweep.path}",
        width=min(width, 100),
        dollars=sweep.path.endswith("usd"),
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _matrix(scenarios: Sequence[Scenario], sweeps: Sequence[Sweep]) -> RenderableType:
    from rich import box
    from rich.table import Table

    rows, columns = sweeps
    table = Table(
        title=f"Accuracy by {rows.path} (down) and {columns.path} (across)",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("")
    for value in columns.values:
        table.add_column(value, justify="right")
    plans = iter(scenarios)
    for value in rows.values:
        cells = []
        for _ in columns.values:
            totals = next(plans).plan.totals
            cells.append(UNKNOWN if totals is None else write_percent(totals.accuracy.mean))
        table.add_row(value, *cells)
    return table


def _describe(spread: Spread, plan: Plan) -> Iterator[str]:
    yield f"{spread.draws:,} simulated periods, the plan's choices kept:"
    yield f"• mean bill {write_usd(spread.mean_usd)}"
    if spread.inside is not None:
        yield f"• inside the dollar ceiling in {write_percent(spread.inside)} of them"
    for probability, budget in spread.budgets[1:]:
        yield f"• a budget of {write_usd(budget)} holds in {write_percent(probability, 0)}"
    interval = None if plan.totals is None else plan.totals.usd_interval
    if interval is not None and interval.low != interval.high:
        low, high = write_usd(interval.low), write_usd(interval.high)
        yield f"• nothing else strays there: the bill as it stands is itself likely {low} to {high}"

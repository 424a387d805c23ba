"""The frontier for people, spreadsheets and programs."""

from __future__ import annotations

import csv as csv_format
import io
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from costplan.domain.figures import (
    write_percent,
    write_period,
    write_seconds,
    write_usd,
    write_value,
)
from costplan.plan.case import Case, value_unit
from costplan.plan.frontier import Curve, Stage
from costplan.report.chart import draw_curve
from costplan.report.csv import neutralize
from costplan.report.write import dump, open_console, save_text

if TYPE_CHECKING:
    from rich.console import RenderableType

ROWS = 40
"""Most rows that are shown on a terminal."""


def write_curve(case: Case, curve: Curve, *, csv: Path | None, as_json: bool) -> None:
    """Save the points where asked, and print them as JSON or for people."""
    if csv is not None:
        save_text(csv, write_rows(curve))
    if as_json:
        facts = asdict(curve)
        sys.stdout.write(dump(facts))
        return
    console = open_console()
    workload = case.workload
    months = 1 if workload.horizon is None else workload.horizon.months
    console.print(f"{workload.name} · best plans by {_say_ceiling(curve)}", style="bold")
    if not curve.stages:
        console.print("No plan keeps the other limits at any ceiling.")
        return
    points = [(float(stage.amount), stage.accuracy * 100) for stage in curve.stages]
    dollars = curve.ceiling == "usd"
    label = f"dollars {write_period(workload.period, months)}" if dollars else "mean seconds"
    title = f"Accuracy (%) by {label}"
    console.print(
        draw_curve(points, [], title=title, width=min(console.width, 100), dollars=dollars)
    )
    console.print(_table(curve, value_unit(case)))
    console.print(_say_proof(curve))


def write_rows(curve: Curve) -> str:
    """Write the points as CSV: amounts and shares unrounded."""
    out = io.StringIO()
    writer = csv_format.writer(out, lineterminator="\r\n")
    writer.writerow([f"ceiling_{curve.ceiling}", "usd", "value", "accuracy", "class", "from", "to"])
    for stage in curve.stages:
        names = (stage.task_class, stage.before, stage.after)
        writer.writerow(
            [
                f"{stage.amount:f}",
                "" if stage.usd is None else f"{stage.usd:f}",
                repr(stage.value),
                repr(stage.accuracy),
                *(neutralize(name or "") for name in names),
            ]
        )
    return out.getvalue()


def _say_ceiling(curve: Curve) -> str:
    return "money" if curve.ceiling == "usd" else "mean latency"


def _say_proof(curve: Curve) -> str:
    if curve.exact:
        return (
            f"All {len(curve.stages)} breakpoints; between two of them a class is split and "
            "everything is a straight line. Forecast dollars, without the margin that "
            "`costplan optimize` keeps."
        )
    kind = "splits allowed" if curve.splits else "one option per class"
    return f"{len(curve.stages)} ceilings solved one by one, {kind}; nothing is said between them."


def _table(curve: Curve, unit: str) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Dollars" if curve.ceiling == "usd" else "Mean latency", justify="right")
    table.add_column("Accuracy", justify="right", no_wrap=True)
    table.add_column("Value", justify="right", no_wrap=True)
    if curve.exact:
        table.add_column("What changes on the way there", overflow="fold")
    for stage in _pick_rows(curve.stages):
        table.add_row(*_cells(curve, stage, unit))
    return table


def _pick_rows(stages: tuple[Stage, ...]) -> list[Stage]:
    if len(stages) <= ROWS:
        return list(stages)
    places = {round(i * (len(stages) - 1) / (ROWS - 1)) for i in range(ROWS)}
    return [stages[place] for place in sorted(places)]


def _cells(curve: Curve, stage: Stage, unit: str) -> list[str]:
    amount = stage.amount
    shown = write_usd(amount) if curve.ceiling == "usd" else write_seconds(amount)
    cells = [shown, write_percent(stage.accuracy), write_value(round(stage.value, 2), unit)]
    if not curve.exact:
        return cells
    change = f"{stage.task_class}: {stage.before} → {stage.after}"
    return [*cells, "" if stage.task_class is None else change]

"""A fitted curve for people and programs."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from costplan.domain.figures import (
    write_count,
    write_percent,
    write_range,
    write_unit_usd,
)
from costplan.plan.curve_fit import CurveFit, FitPoint
from costplan.report.curve_figure import draw_figure
from costplan.report.save import save
from costplan.report.scatter import Layer, draw_scatter, frame
from costplan.report.spend_axis import choose_spend, read_spend, write_spend
from costplan.report.write import dump, open_console

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

SCHEMA_VERSION = 1
GRADE_MARKS = {"stated": "S", "measured": "M", "published": "P", "assumed": "A"}
BAR = 21
SHORT_BAR = 11
"""Characters of an interval's bar, one per 5 or 10 points."""
CHART_HEIGHT = 14
WIDE = 96
"""Columns from which both dollars and tokens fit beside the bar."""


def write_fits(
    fits: Sequence[CurveFit], *, by: str | None, output: Path | None, as_json: bool
) -> None:
    """Draw the curves where asked, and print them as JSON or for people.

    by: "dollars" or "tokens"; None takes dollars, tokens where no dollars are known.
    """
    if output is not None:
        image = draw_figure(
            fits, [choose_spend(fit, by) for fit in fits], output.suffix[1:].lower()
        )
        save(output, image, force=True)
    if as_json:
        curves = [_document(fit) for fit in fits]
        sys.stdout.write(dump({"schema_version": SCHEMA_VERSION, "curves": curves}))
        return
    console = open_console()
    for place, fit in enumerate(fits):
        if place:
            console.print()
        render(fit, choose_spend(fit, by), console)


def _document(fit: CurveFit) -> dict[str, object]:
    return {
        "name": fit.name,
        "evidence": fit.evidence,
        "usd_per": fit.unit,
        "confidence": fit.confidence,
        "points": [asdict(point) for point in fit.points],
        "findings": [asdict(finding) for finding in fit.findings],
        "notes": list(fit.notes),
    }


def render(fit: CurveFit, by: str, console: Console) -> None:
    """Print a curve on a console of any width."""
    for part in _parts(fit, by, console.width):
        console.print(part)


def _parts(fit: CurveFit, by: str, width: int) -> Iterable[RenderableType]:
    from rich.text import Text

    models = len({point.model for point in fit.points})
    yield Text(f"{fit.name} · {fit.evidence}", style="bold")
    yield (
        f"{len(fit.points)} options of {models} {'model' if models == 1 else 'models'} · intervals "
        f"at {fit.confidence * 100:.4g} %"
    )
    yield ""
    yield _table(fit, by, width)
    yield _explain(fit)
    yield ""
    if sum(read_spend(point, by) is not None for point in fit.points) > 1:
        yield draw_fit(fit, by, width)
        yield ""
    yield Text("What looks odd", style="bold")
    yield _bullets([finding.message for finding in fit.findings] or ["Nothing."])
    if fit.notes:
        yield ""
        yield Text("What this rests on", style="bold")
        yield _bullets(fit.notes)


def _table(fit: CurveFit, by: str, width: int) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("Model, and setting", overflow="fold", min_width=16)
    for name in ("Asked", "Measured", "Fitted"):
        table.add_column(name, justify="right", no_wrap=True)
    bar = BAR if width >= WIDE else SHORT_BAR
    table.add_column("0" + "50".center(bar - 4) + "100", no_wrap=True)
    columns = [name for name in ("dollars", "tokens") if name == by or width >= WIDE]
    for name in columns:
        table.add_column(name.capitalize(), justify="right", no_wrap=True)
    table.add_column("Ev.", no_wrap=True)
    for model, group in groupby(fit.points, key=lambda point: point.model):
        table.add_row(model, style="bold")
        for point in group:
            table.add_row(*_cells(point, columns, bar))
    return table


def _cells(point: FitPoint, columns: Sequence[str], bar: int) -> list[str]:
    spends = {
        "dollars": write_unit_usd(None if point.usd is None else Decimal(f"{point.usd:.3g}")),
        "tokens": write_count(None if point.output_tokens is None else round(point.output_tokens)),
    }
    fitted = point.fitted
    return [
        f"  {point.setting}",
        write_count(point.n_questions),
        write_percent(point.measured),
        f"{write_percent(fitted.mean)} ({write_range(fitted.low, fitted.high)})",
        draw_bar(point, bar),
        *(spends[name] for name in columns),
        GRADE_MARKS[fitted.grade.value],
    ]


def draw_bar(point: FitPoint, size: int = BAR) -> str:
    """Draw the interval from 0 to 100: ● fitted, ○ measured where it is another place."""

    def place(share: float) -> int:
        return round(share * (size - 1))

    cells = [" "] * size
    low, high = place(point.fitted.low), place(point.fitted.high)
    cells[low : high + 1] = "─" * (high + 1 - low)
    if point.measured is not None:
        cells[place(point.measured)] = "○"
    cells[place(point.fitted.mean)] = "●"
    return "".join(cells)


def _explain(fit: CurveFit) -> str:
    published = any(point.fitted.grade.value == "published" for point in fit.points)
    reach = ""
    if published and fit.unit == "request":
        reach = (
            " Intervals hold how far a benchmark may be from your class, mostly by a level common "
            "to all options: differences between options are more certain."
        )
    elif published:
        reach = (
            " Intervals are for questions of this benchmark; for a class that it stands for they "
            "are much wider (`costplan curves fit WORKLOAD --class NAME`)."
        )
    used = sorted({point.fitted.grade.value for point in fit.points}, key=list(GRADE_MARKS).index)
    marks = ", ".join(f"{GRADE_MARKS[grade]} {grade}" for grade in used)
    return (
        f"● fitted, ─ its interval, ○ measured. Dollars per {fit.unit}; tokens of the output, "
        f"reasoning included. Ev.: how good the evidence is: {marks}.{reach}"
    )


def draw_fit(fit: CurveFit, by: str, width: int) -> Text:
    """Draw accuracy by spend on a logarithmic axis, a line along each model's knob."""
    placed = [(point, read_spend(point, by)) for point in fit.points]
    known = [(point, math.log10(spend)) for point, spend in placed if spend is not None]
    lines = [
        Layer([(x, point.fitted.mean * 100) for point, x in group])
        for group in (list(g) for _, g in groupby(known, key=lambda pair: pair[0].model))
        if len(group) > 1
    ]
    measured = [(x, p.measured * 100) for p, x in known if p.measured is not None]
    fitted = [(x, point.fitted.mean * 100) for point, x in known]
    xs = [x for _, x in known]
    pad = max(0.05 * (max(xs) - min(xs)), 0.05)
    label = f"dollars per {fit.unit}" if by == "dollars" else "output tokens"
    return draw_scatter(
        [*lines, Layer(measured, "○"), Layer(fitted, "●")],
        title=f"Accuracy (%) by {label}, logarithmic: ● fitted, ○ measured, lines along a knob",
        width=width,
        height=CHART_HEIGHT,
        x_limits=(min(xs) - pad, max(xs) + pad),
        y_limits=frame([y for _, y in (*measured, *fitted)]),
        write_x=lambda x: write_spend(10**x, by),
    )


def _bullets(items: Iterable[str]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(overflow="fold")
    for item in items:
        table.add_row("•", Text(item))
    return table

"""Small charts of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.figures import write_count, write_period, write_usd

if TYPE_CHECKING:
    from rich.text import Text

    from costplan.plan.model import Plan

Point = tuple[float, float]
HEIGHT = 10
LARGEST = 1e15
"""Largest number that is drawn."""
TICK = 10
"""Columns between two marks of the horizontal axis."""
ROUND = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
"""Steps of an axis, times a power of ten."""
LARGE = ((1e12, "T"), (1e9, "B"), (1e6, "M"))
"""Dollars from which marks are short, and the letter they get."""
MARGIN = 18
"""Columns that the vertical axis takes, and the last mark of the horizontal one."""
AXIS = 13
"""Columns before the first mark."""


def draw_frontier(plan: Plan, width: int) -> Text:
    """Draw the best accuracy by money, with the plan marked."""
    by_value = plan.objective.maximize in ("value", "net_value")
    unit = "dollars" if plan.value_unit == "usd" else "right answers, weighted"
    points = [(float(p.usd), p.value if by_value else p.accuracy * 100) for p in plan.frontier]
    marks = []
    if plan.totals is not None:
        totals = plan.totals
        y = float(totals.value) if by_value else totals.accuracy.mean * 100
        marks = [(float(totals.usd), y)]
    what = f"Value ({unit})" if by_value else "Accuracy (%)"
    period = write_period(plan.workload.period, plan.workload.months)
    title = f"{what} by dollars {period}; ● is this plan"
    return draw_curve(points, marks, title=title, width=min(width, 100), percent=not by_value)


def draw_curve(
    points: Sequence[Point],
    marks: Sequence[Point],
    *,
    title: str,
    width: int,
    height: int = HEIGHT,
    dollars: bool = True,
    percent: bool = True,
) -> Text:
    """Draw a curve and marks on it in plain characters; y in percent, or any amount."""
    import plotille
    from rich.text import Text

    if any(abs(number) > LARGEST for point in (*points, *marks) for number in point):
        return Text(f"{title}: too large to draw")
    figure = plotille.Figure()
    figure.height = height
    figure.with_colors = False
    figure.x_label, figure.y_label = "", ""
    figure.origin = False
    xs, ys = zip(*points, *marks, strict=True)
    last = len(_write_x(2 * max(xs), dollars=dollars))
    step, columns = _divide(max(xs), max(2, (width - max(MARGIN, AXIS + last)) // TICK))
    figure.width = columns * TICK
    figure.set_x_limits(0, step * columns)
    low, high = min(ys), max(ys)
    pad = max((high - low) * 0.05, 0.5 if percent else abs(high) * 0.001)
    top = high + pad
    figure.set_y_limits(max(0.0, low - pad), min(100.0, top) if percent else top)
    figure.x_ticks_fkt = lambda x, _: _write_x(x, dollars=dollars)
    figure.y_ticks_fkt = lambda y, _: f"{y:5.1f}" if percent else write_count(round(y))
    figure.plot([x for x, _ in points], [y for _, y in points])
    if marks:
        figure.scatter([x for x, _ in marks], [y for _, y in marks], marker="●")
    lines = [line.replace("()", "").rstrip(" \u2800") for line in figure.show().splitlines()]
    return Text("\n".join([title, *lines]))


def _divide(most: float, columns: int) -> tuple[float, int]:
    """Divide an axis into round steps, and leave out those of its columns that nothing reaches."""
    if most <= 0:
        return 1.0, columns
    least = most / columns
    power = 10.0 ** math.floor(math.log10(least))
    step = next(m * power for m in ROUND if m * power >= least * (1 - 1e-9))
    return step, max(2, math.ceil(most / step * (1 - 1e-9)))


def _write_x(x: float, *, dollars: bool) -> str:
    if not dollars:
        return write_count(round(x))
    for unit, letter in LARGE:
        if x >= unit:  # written out, it would run into the next mark
            return f"${x / unit:.6g}{letter}"
    return write_usd(Decimal(repr(round(x, 2 if x < 10 else 0))))

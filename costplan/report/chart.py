"""Small charts of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costplan.domain.figures import write_usd

if TYPE_CHECKING:
    from rich.text import Text

    from costplan.plan.model import Plan

HEIGHT = 12


def draw_frontier(plan: Plan, width: int) -> Text:
    """Draw the best accuracy by money, with the plan marked."""
    points = [(float(point.usd), point.accuracy * 100) for point in plan.frontier]
    marks = []
    if plan.totals is not None:
        marks = [(float(plan.totals.usd), plan.totals.accuracy.mean * 100)]
    return draw_curve(
        points,
        marks,
        title="Accuracy (%) by dollars; ● is this plan",
        width=min(width, 100),
    )


def draw_curve(
    points: list[tuple[float, float]],
    marks: list[tuple[float, float]],
    *,
    title: str,
    width: int,
    height: int = HEIGHT,
) -> Text:
    """Draw a curve and marks on it in plain characters."""
    import plotext
    from rich.text import Text

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width, height)
    plotext.title(title)
    plotext.plot([x for x, _ in points], [y for _, y in points], marker="braille")
    if marks:
        plotext.scatter([x for x, _ in marks], [y for _, y in marks], marker="●")
    ticks = _ticks([x for x, _ in points + marks])
    plotext.xticks(ticks, [_short_usd(tick) for tick in ticks])
    return Text.from_ansi(plotext.build().rstrip())


def _ticks(xs: list[float], count: int = 5) -> list[float]:
    low, high = min(xs), max(xs)
    return [low + (high - low) * i / (count - 1) for i in range(count)]


def _short_usd(amount: float) -> str:
    from decimal import Decimal

    return write_usd(Decimal(repr(round(amount, 2))))

"""Charts of points in plain characters: calibration, and accuracy by spend."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

Point = tuple[float, float]
MARGIN = 18
"""Columns that the vertical axis takes."""
TICK = 10
"""Columns between two marks of the horizontal axis."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Points that look the same."""

    points: Sequence[Point]
    """Horizontal and vertical place of each."""
    marker: str = ""
    """One character; empty draws a line through the points."""


def draw_scatter(
    layers: Sequence[Layer],
    *,
    title: str,
    width: int,
    height: int,
    x_limits: Point,
    y_limits: Point,
    write_x: Callable[[float], str],
) -> Text:
    """Draw layers over each other, the last one on top; y is in percent."""
    import plotille
    from rich.text import Text

    figure = plotille.Figure()
    columns = max(2, (min(width, 100) - MARGIN) // TICK)
    figure.width, figure.height = columns * TICK, height
    figure.with_colors = False
    figure.x_label, figure.y_label = "", ""
    figure.origin = False
    figure.set_x_limits(*x_limits)
    figure.set_y_limits(*y_limits)
    figure.x_ticks_fkt = lambda x, _: write_x(x)
    figure.y_ticks_fkt = lambda y, _: f"{y:5.1f}"
    for layer in layers:
        if not layer.points:
            continue
        xs, ys = [x for x, _ in layer.points], [y for _, y in layer.points]
        if layer.marker:
            figure.scatter(xs, ys, marker=layer.marker)
        else:
            figure.plot(xs, ys)
    lines = [line.replace("()", "").rstrip(" \u2800") for line in figure.show().splitlines()]
    return Text("\n".join([title, *lines]))


def frame(values: Sequence[float], *, step: float = 5.0) -> Point:
    """Give limits in percent that hold all values, on whole steps, inside 0 to 100."""
    low = math.floor(min(values) / step) * step
    high = math.ceil(max(values) / step) * step
    if high - low < 2 * step:
        low, high = low - step, high + step
    return max(low, 0.0), min(high, 100.0)

"""A fitted curve as PNG or SVG, through matplotlib, an extra."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.plan.curve_fit import CurveFit, FitPoint
from costplan.report.spend_axis import read_spend, write_spend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_IN, HEIGHT_IN = 9.0, 5.2
MOST_NAMED = 24
"""Models that a legend has room for."""
MARKERS = "osD^vP"
"""Shapes that tell models of one colour apart."""


def draw_figure(fits: Sequence[CurveFit], spends: Sequence[str], kind: str) -> bytes:
    """Draw one panel per curve: points measured, fitted, intervals, a line along each knob.

    spends: "dollars" or "tokens" for each; kind: "png" or "svg". The same curves give the same
    bytes. Raises InputError without matplotlib.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError(
            [Fault("drawing needs matplotlib", advice="pip install 'costplan[plots]'")]
        ) from None
    # Names that a user gave are text, not formulas; ids and dates must not change between runs.
    with mpl.rc_context({"text.parse_math": False, "svg.hashsalt": "costplan"}):
        figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN * len(fits)), layout="constrained")
        panels = figure.subplots(len(fits), 1, squeeze=False)[:, 0]
        for fit, by, panel in zip(fits, spends, panels, strict=True):
            _draw_panel(panel, fit, by)
        out = io.BytesIO()
        blank = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(out, format=kind, dpi=150, metadata=blank)
    return out.getvalue()


def _draw_panel(panel: Axes, fit: CurveFit, by: str) -> None:
    models = len({point.model for point in fit.points})
    shown = 0
    odd = {(f.model, setting) for f in fit.findings for setting in f.settings if f.code != "dips"}
    for model, group in groupby(fit.points, key=lambda point: point.model):
        placed = [(read_spend(point, by), point) for point in group]
        known = [(spend, point) for spend, point in placed if spend is not None]
        if known:
            _draw_model(panel, model, known, shown, odd, name_it=models > MOST_NAMED)
            shown += 1
    title = f"{fit.name} · {fit.evidence} · intervals at {fit.confidence * 100:.4g} %"
    panel.set_title(title, fontsize=10, loc="left")
    if shown:
        _scale(panel, by)
    else:
        panel.text(0.5, 0.5, f"no {by} are known", ha="center", transform=panel.transAxes)
    panel.set_xlabel(f"dollars per {fit.unit}" if by == "dollars" else "output tokens")
    panel.set_ylabel("right answers, %")
    panel.set_ylim(-2, 102)
    panel.grid(visible=True, alpha=0.25)
    if 0 < shown <= MOST_NAMED:
        panel.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def _scale(panel: Axes, by: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.set_xscale("log")
    panel.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: write_spend(x, by)))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.tick_params(axis="x", labelsize=8, rotation=30)


def _draw_model(
    panel: Axes,
    model: str,
    known: Sequence[tuple[float, FitPoint]],
    place: int,
    odd: set[tuple[str, str]],
    *,
    name_it: bool,
) -> None:
    xs = [x for x, _ in known]
    means = [point.fitted.mean * 100 for _, point in known]
    below = [(point.fitted.mean - point.fitted.low) * 100 for _, point in known]
    above = [(point.fitted.high - point.fitted.mean) * 100 for _, point in known]
    colour = f"C{place % 10}"
    panel.errorbar(
        xs,
        means,
        yerr=[below, above],
        fmt=f"{MARKERS[place // 10 % len(MARKERS)]}-",
        color=colour,
        elinewidth=0.8,
        linewidth=1.4,
        markersize=4,
        capsize=2,
        label=model,
    )
    measured = [(x, p.measured * 100) for x, p in known if p.measured is not None]
    if measured:
        panel.plot(
            [x for x, _ in measured],
            [y for _, y in measured],
            "o",
            color=colour,
            markerfacecolor="none",
            markersize=7,
        )
    for x, point in known:
        marked = (point.model, point.setting) in odd
        said = point.setting
        if name_it:
            said = model if len(known) == 1 else f"{model} {point.setting}"
        if marked or name_it or len(known) > 1:
            panel.annotate(
                f"{said} !" if marked else said,
                (x, point.fitted.mean * 100),
                textcoords="offset points",
                xytext=(5, 5) if marked else (4, -9),
                fontsize=7 if marked else 6,
                color=colour,
            )

"""The axis of a curve: what settings spend, in dollars or tokens."""

from __future__ import annotations

from decimal import Decimal

from costplan.plan.curve_fit import CurveFit, FitPoint


def choose_spend(fit: CurveFit, by: str | None) -> str:
    """Choose what to draw by: what was asked for, or dollars where most points have them."""
    if by is not None:
        return by
    dollars = sum(point.usd is not None for point in fit.points)
    tokens = sum(point.output_tokens is not None for point in fit.points)
    return "dollars" if dollars >= tokens else "tokens"


def read_spend(point: FitPoint, by: str) -> float | None:
    """Give the point's place on the axis, above 0; None where it is unknown."""
    spend = point.usd if by == "dollars" else point.output_tokens
    return float(spend) if spend is not None and spend > 0 else None


def write_spend(spend: float, by: str) -> str:
    """Write a mark of the axis, with two digits or in thousands."""
    if by == "dollars":
        return f"${Decimal(f'{spend:.2g}'):f}" if spend < 10 else f"${spend:,.0f}"
    return f"{spend / 1000:.3g}k" if spend >= 1000 else f"{spend:.3g}"

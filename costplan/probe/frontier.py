"""The best use of a ceiling by today's estimates: upper hulls, filled by value per dollar."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fill:
    """Shares that use a ceiling best."""

    shares: Array
    """Part of each class's requests that goes to each option, (C, M); rows add up to 1."""
    last_slope: float
    """Value per dollar of the step at which the money ran out; 0 where it did not."""


def dollar_price(plan: Fill) -> float:
    """Value that one dollar more would buy."""
    return plan.last_slope


def expected_accuracy(logit: Array, covariance: Array) -> Array:
    """Give E sigmoid(z) for z ~ N(logit, diagonal of covariance), (C, M).

    sigmoid(m / sqrt(1 + pi v / 8)), MacKay, Neural Computation 4, 1992.
    """
    import numpy as np

    variance = np.diagonal(covariance, axis1=1, axis2=2)
    squeezed = logit / np.sqrt(1 + np.pi * variance / 8)
    return np.asarray(1 / (1 + np.exp(-squeezed)))


def fill(value: Array, usd: Array, may: Mask, ceiling_usd: float) -> Fill:
    """Give every class its cheapest option, then take the hull steps by value per dollar.

    Exact for the linear program with shares. When even the cheapest options cost more than the
    ceiling they are the plan, and the price of a dollar is that of the first step.
    """
    import numpy as np

    classes, options = value.shape
    shares = np.zeros((classes, options))
    steps: list[tuple[float, int, int, int, float]] = []
    for c in range(classes):
        hull = _hull(value[c], usd[c], may[c])
        shares[c, hull[0]] = 1.0
        for at, after in pairwise(hull):
            cost = float(usd[c, after] - usd[c, at])
            steps.append((float(value[c, after] - value[c, at]) / cost, c, at, after, cost))
    steps.sort(key=lambda step: (-step[0], step[1], step[4]))
    left = ceiling_usd - float((shares * np.where(may, usd, 0.0)).sum())
    for slope, c, at, after, cost in steps:
        part = min(1.0, max(left, 0.0) / cost)
        shares[c, at] -= part
        shares[c, after] += part
        left -= cost
        if part < 1.0:
            return Fill(shares, slope)
    return Fill(shares, 0.0)


def _hull(value: Array, usd: Array, may: Mask) -> list[int]:
    """Give the options of the upper hull, cheapest first, each dearer and better than the last."""
    order = sorted(may.nonzero()[0].tolist(), key=lambda m: (usd[m], -value[m], m))
    hull: list[int] = []
    for m in order:
        if hull and value[m] <= value[hull[-1]]:
            continue
        if hull and usd[m] == usd[hull[-1]]:
            hull.pop()
        while len(hull) >= 2 and _slope(value, usd, hull[-1], m) >= _slope(
            value, usd, hull[-2], hull[-1]
        ):
            hull.pop()
        hull.append(m)
    return hull


def _slope(value: Array, usd: Array, low: int, high: int) -> float:
    return float((value[high] - value[low]) / (usd[high] - usd[low]))

"""Spend a ceiling over classes: the exact split plan of one money ceiling, refilled many times."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

BISECTIONS = 14


class Ladder:
    """Hull steps of all classes in the order in which a growing budget takes them."""

    def __init__(self, gain: Array, usd: Array, usable: Mask, weights: Array) -> None:
        """Find the steps; gain, usd and usable are (C, M), each class has a usable option."""
        import numpy as np

        from costplan.solve.hull import steps_of, upper_hulls

        self.shape = gain.shape
        first = np.arange(0, gain.size + 1, gain.shape[1], dtype=np.int64)
        hulls = upper_hulls(
            np.where(usable, usd, 0.0).ravel(),
            np.where(usable, gain, 0.0).ravel(),
            first,
            usable.ravel(),
        )
        steps = steps_of(hulls)
        self._corner = hulls.option
        self._start = hulls.start[:-1]
        self._from = steps.corner
        self._class = np.searchsorted(hulls.start, steps.corner, side="right") - 1
        self.slope = steps.slope
        costs = (hulls.weight[steps.corner + 1] - hulls.weight[steps.corner]) * weights[self._class]
        self.base_usd = float((hulls.weight[self._start] * weights).sum())
        self._spent = self.base_usd + np.cumsum(costs)
        self._cost = costs

    @property
    def full_usd(self) -> float:
        """Dollars per question when no step is left to take."""
        return float(self._spent[-1]) if len(self._spent) else self.base_usd

    def fill(self, budget: float) -> Array | None:
        """Give the shares (C, M) of the best plan within the budget; None when there is none.

        Stops at the fractional step: a later, smaller one must not start.
        """
        import numpy as np

        if budget < self.base_usd * (1 - 1e-12):
            return None
        whole = int(np.searchsorted(self._spent, budget, side="right"))
        level = np.bincount(self._class[:whole], minlength=self.shape[0])
        corner = self._start + level
        shares = np.zeros(self.shape[0] * self.shape[1])
        shares[self._corner[corner]] = 1.0
        if whole < len(self._cost):
            before = self._spent[whole] - self._cost[whole]
            part = min(max((budget - before) / self._cost[whole], 0.0), 1.0)
            shares[self._corner[self._from[whole]]] = 1.0 - part
            shares[self._corner[self._from[whole] + 1]] = part
        return shares.reshape(self.shape)


def fill_with_margin(
    fill: Callable[[float], Array | None],
    read_usd: Callable[[Array], tuple[float, float]],
    ceiling: float,
    z: float,
    least: float,
) -> tuple[Array | None, bool]:
    """Find the plan of the largest budget with usd exp(z sd / usd) <= ceiling.

    Also tells whether the margin is kept; where none keeps it, gives the cheapest plan.
    """
    whole = fill(ceiling)
    if whole is None or _fits(read_usd(whole), ceiling, z):
        return whole, whole is not None
    best: Array | None = None
    low, high = least, ceiling
    for _ in range(BISECTIONS):
        budget = 0.5 * (low + high)
        tried = fill(budget)
        if tried is not None and _fits(read_usd(tried), ceiling, z):
            best, low = tried, budget
        else:
            high = budget
    if best is not None:
        return best, True
    cheapest = fill(least)
    return cheapest, cheapest is not None and _fits(read_usd(cheapest), ceiling, z)


def _fits(read: tuple[float, float], ceiling: float, z: float) -> bool:
    usd, sd = read
    return usd <= 0 or usd * math.exp(min(z * sd / usd, 50.0)) <= ceiling

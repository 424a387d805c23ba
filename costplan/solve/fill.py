"""Fill a ceiling step by step in the order of slopes, exactly to the last digit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from costplan.solve.decimals import Ints, from_units
from costplan.solve.hull import Hulls, Steps
from costplan.solve.knapsack import Knapsack
from costplan.solve.solution import SHARE_PLACES, Pick


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """The corners reached with whole steps, and what is left of the ceiling."""

    taken: int
    """Whole steps taken."""
    corner: Ints
    """Corner of each class, shape (n_classes,)."""
    options: Ints
    """Option of each class, shape (n_classes,)."""
    left: Fraction
    """Capacity left, in units of weight; less than the next step needs."""

    def next_step(self, hulls: Hulls, steps: Steps) -> tuple[int, int, int] | None:
        """Return class, option before and option after of the step that did not fit."""
        if self.taken >= len(steps.corner):
            return None
        return step_of(hulls, steps, self.taken)


def step_of(hulls: Hulls, steps: Steps, k: int) -> tuple[int, int, int]:
    """Return class, option before and option after of step k."""
    j = int(steps.corner[k])
    c = int(np.searchsorted(hulls.start, j, side="right")) - 1
    return c, int(hulls.option[j]), int(hulls.option[j + 1])


def fill(knapsack: Knapsack, hulls: Hulls, steps: Steps) -> Filled | None:
    """Take whole steps while they fit; None when the lightest plan is already too heavy.

    Floats place the last step, exact integers then move it where they were a hair off.
    """
    capacity = knapsack.capacity
    lightest = hulls.option[hulls.start[:-1]]
    spare = capacity - knapsack.weight_units(lightest)
    if spare < 0:
        return None
    rises = hulls.weight[steps.corner + 1]
    rises -= hulls.weight[steps.corner]
    sums = np.cumsum(rises, out=rises)
    k = int(np.searchsorted(sums, float(spare) * knapsack.unit, side="right"))
    taken = np.zeros(len(hulls.option), dtype=np.bool_)
    taken[steps.corner[:k]] = True
    corner = hulls.start[:-1] + np.add.reduceat(taken, hulls.start[:-1], dtype=np.int64)
    options = hulls.option[corner]
    left = capacity - knapsack.weight_units(options)
    while left < 0:
        k -= 1
        c, before, after = step_of(hulls, steps, k)
        left += knapsack.step_units(c, before, after)
        corner[c], options[c] = corner[c] - 1, before
    while k < len(steps.corner):
        c, before, after = step_of(hulls, steps, k)
        rise = knapsack.step_units(c, before, after)
        if rise > left:
            break
        left -= rise
        corner[c], options[c] = corner[c] + 1, after
        k += 1
    return Filled(k, corner, options, left)


def split_last(
    knapsack: Knapsack, hulls: Hulls, steps: Steps, filled: Filled
) -> tuple[dict[int, tuple[Pick, ...]], Fraction]:
    """Take the fitting part of the next step; return the split, and the weight still left.

    The part is rounded down to a decimal share, so the ceiling is kept; no further step follows.
    """
    step = filled.next_step(hulls, steps)
    if step is None:
        return {}, filled.left
    c, before, after = step
    rise = knapsack.step_units(c, before, after)
    units = int(filled.left * 10**SHARE_PLACES / rise)
    if units == 0:
        return {}, filled.left
    share = from_units(units, SHARE_PLACES)
    picks = sorted([(before, Decimal(1) - share), (after, share)])
    return {c: tuple(picks)}, filled.left - Fraction(units, 10**SHARE_PLACES) * rise

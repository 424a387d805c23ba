"""Fill a ceiling step by step in the order of slopes, exactly to the last digit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np

from costplan.solve.blend import Blend, picks_of
from costplan.solve.decimals import Bools, Ints, from_units
from costplan.solve.hull import Hulls, Steps, ordered, steps_of
from costplan.solve.knapsack import Knapsack
from costplan.solve.pick import SHARE_PLACES, Pick

FEW_STEPS = 20_000
"""Up to this many steps are simply sorted."""
SAMPLE = 4096
BINS = 64
"""Else a sample cuts them into bins, and only the bin in which the ceiling falls is sorted."""


@dataclass(frozen=True, slots=True, eq=False)
class Filled:
    """The corners reached with whole steps, and what is left of the ceiling."""

    taken: int
    """Whole steps taken."""
    corner: Ints
    """Corner of each class, shape (n_classes,)."""
    options: Ints
    """Option of each class, or its place where a knapsack has a blend, shape (n_classes,)."""
    left: Fraction
    """Capacity left, in units of weight; less than the next step needs."""
    steps: Steps
    """Steps in order, all of them or those around the last one taken."""

    @property
    def slope(self) -> float:
        """Gain per unit of weight of the step that did not fit; 0 when all did."""
        return float(self.steps.slope[self.taken]) if self.taken < len(self.steps.slope) else 0.0

    def next_step(self, hulls: Hulls) -> tuple[int, int, int] | None:
        """Return class, option before and option after of the step that did not fit."""
        if self.taken >= len(self.steps.corner):
            return None
        return step_of(hulls, self.steps, self.taken)


def step_of(hulls: Hulls, steps: Steps, k: int) -> tuple[int, int, int]:
    """Return class, option before and option after of step k."""
    j = int(steps.corner[k])
    c = int(np.searchsorted(hulls.start, j, side="right")) - 1
    return c, int(hulls.option[j]), int(hulls.option[j + 1])


def fill(knapsack: Knapsack, hulls: Hulls, steps: Steps | None = None) -> Filled | None:
    """Take whole steps while they fit; None when the lightest plan is already too heavy.

    Floats place the last step, exact integers then move it where they were a hair off. Without
    steps only those near the ceiling are put in order.
    """
    lightest = hulls.option[hulls.start[:-1]]
    spare = knapsack.capacity - knapsack.weight_units(lightest)
    if spare < 0:
        return None
    if steps is not None:
        return _placed(knapsack, hulls, steps, np.zeros(len(hulls.option), np.bool_), spare)
    before, near = _steps_near(hulls, float(spare) * knapsack.unit)
    filled = _placed(knapsack, hulls, near, before, spare)
    if filled is None or filled.taken == len(near.corner):
        return fill(knapsack, hulls, steps_of(hulls))
    return filled


def fill_beside(
    knapsack: Knapsack, hulls: Hulls, steps: Steps, fixed: Mapping[int, int]
) -> Filled | None:
    """Fill with some classes fixed to one option each; None when that is already too heavy.

    steps are all steps; the options of fixed classes need not be corners.
    """
    free = np.ones(len(steps.corner), dtype=np.bool_)
    lightest = hulls.option[hulls.start[:-1]]
    for c, option in fixed.items():
        free &= (steps.corner < hulls.start[c]) | (steps.corner >= hulls.start[c + 1])
        lightest[c] = option
    spare = knapsack.capacity - knapsack.weight_units(lightest)
    if spare < 0:
        return None
    mine = Steps(steps.corner[free], steps.slope[free])
    before = np.zeros(len(hulls.option), np.bool_)
    return _placed(knapsack, hulls, mine, before, spare, fixed)


def _steps_near(hulls: Hulls, spare: float) -> tuple[Bools, Steps]:
    """Mark the corners left by steps that surely fit, and order those where the ceiling falls."""
    inside = np.flatnonzero(~np.isnan(hulls.slope))
    none = np.zeros(len(hulls.option), dtype=np.bool_)
    if len(inside) <= FEW_STEPS:
        return none, steps_of(hulls)
    slope = hulls.slope[inside]
    rise = hulls.weight[inside + 1] - hulls.weight[inside]
    edges = np.unique(np.sort(slope[:: len(slope) // SAMPLE])[:: SAMPLE // BINS])
    place = np.searchsorted(edges, slope, side="right")
    heights = np.bincount(place, weights=rise, minlength=len(edges) + 1)
    above = np.cumsum(heights[::-1])[::-1] - heights
    k = int(np.flatnonzero(above <= spare)[0])
    none[inside[place > k]] = True
    mine = place == k
    return none, ordered(inside[mine], slope[mine])


def _placed(
    knapsack: Knapsack,
    hulls: Hulls,
    steps: Steps,
    before: Bools,
    spare: Fraction,
    fixed: Mapping[int, int] | None = None,
) -> Filled | None:
    """Take whole steps after those already taken; None when one of the latter does not fit."""
    rises = hulls.weight[steps.corner + 1]
    rises -= hulls.weight[steps.corner]
    sums = np.cumsum(rises, out=rises)
    room = float(spare) * knapsack.unit
    gone = np.flatnonzero(before)
    if len(gone):
        room -= float((hulls.weight[gone + 1] - hulls.weight[gone]).sum())
    k = int(np.searchsorted(sums, room, side="right"))
    before[steps.corner[:k]] = True
    corner = hulls.start[:-1] + np.add.reduceat(before, hulls.start[:-1], dtype=np.int64)
    options = hulls.option[corner]
    for c, option in (fixed or {}).items():
        options[c] = option
    left = knapsack.capacity - knapsack.weight_units(options)
    while left < 0:
        if k == 0:
            return None
        k -= 1
        c, earlier, after = step_of(hulls, steps, k)
        left += knapsack.step_units(c, earlier, after)
        corner[c], options[c] = corner[c] - 1, earlier
    while k < len(steps.corner):
        c, earlier, after = step_of(hulls, steps, k)
        rise = knapsack.step_units(c, earlier, after)
        if rise > left:
            break
        left -= rise
        corner[c], options[c] = corner[c] + 1, after
        k += 1
    return Filled(k, corner, options, left, steps)


def split_last(
    knapsack: Knapsack, hulls: Hulls, filled: Filled
) -> tuple[dict[int, tuple[Pick, ...]], Fraction]:
    """Take the fitting part of the next step; return the split, and the weight still left.

    The part is rounded down to a decimal share, so the ceiling is kept; no further step follows.
    """
    step = filled.next_step(hulls)
    if step is None:
        return {}, filled.left
    c, before, after = step
    rise = knapsack.step_units(c, before, after)
    units = int(filled.left * 10**SHARE_PLACES / rise)
    if units == 0:
        return {}, filled.left
    if knapsack.blend is not None:
        return _split_blend(knapsack, knapsack.blend, filled.left, step, units)
    share = from_units(units, SHARE_PLACES)
    picks = sorted([(before, Decimal(1) - share), (after, share)])
    return {c: tuple(picks)}, filled.left - Fraction(units, 10**SHARE_PLACES) * rise


def _split_blend(
    knapsack: Knapsack, blend: Blend, left: Fraction, step: tuple[int, int, int], most: int
) -> tuple[dict[int, tuple[Pick, ...]], Fraction]:
    """Take at most a share of a step between places as a mix of their options that fits."""
    c, before, after = step
    old = blend.units_at(knapsack.amount, c, before)
    for shares in blend.between(before, after, most, knapsack.problem.accuracy):
        new = sum(knapsack.amount.units_at(c, o) * units for o, units in shares.items())
        rise = knapsack.sign * (new - old)
        if rise <= left:
            return {c: picks_of(shares)}, left - rise
    return {}, left

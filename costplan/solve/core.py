"""The core of a whole plan: the few changes that could still improve it, in exact weights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from costplan.solve.amounts import Amount, list_spend, quality
from costplan.solve.decimals import Floats, Ints, Units, products
from costplan.solve.fill import Filled
from costplan.solve.knapsack import Knapsack
from costplan.solve.problem import Goal

MOST = 2**61
"""Sums of rises stay below this, so that int64 holds them."""


@dataclass(frozen=True, slots=True, eq=False)
class Core:
    """Changes of single classes away from the plan that the bound belongs to.

    A set of changes, one per class at most, is worth its profit; the best set whose rises fit the
    capacity makes the best plan. loss = price * rise - gain is never negative, so a set loses its
    losses and price * what it leaves of the capacity against the bound.
    """

    group: Ints
    """Class of each change, ascending."""
    option: Ints
    """Option that the change leads to."""
    rise: Ints
    """Weight it adds, in units of 2**shift of the amount, rounded to one side."""
    loss: Floats
    """What it loses against the bound, not negative."""
    capacity: int
    """Weight that may be added, in the same units, rounded down."""
    price: float
    """Gain per unit of weight at the bound."""
    exact: bool
    """Whether no weight was rounded."""

    @property
    def profit(self) -> Floats:
        """Gain of each change."""
        return self.price * self.rise - self.loss

    @property
    def room(self) -> float:
        """What a plan without any change loses against the bound."""
        return self.price * self.capacity

    def only(self, keep: Ints) -> Core:
        """Keep some of the changes."""
        return Core(
            self.group[keep],
            self.option[keep],
            self.rise[keep],
            self.loss[keep],
            self.capacity,
            self.price,
            self.exact,
        )


def units_left(filled: Filled) -> int:
    """Return what is left of the capacity in whole units: no option weighs a part of one."""
    return int(filled.left // 1)


def room_of(knapsack: Knapsack, filled: Filled) -> float:
    """Return what the greedy plan loses against the bound."""
    return filled.slope * float(units_left(filled)) * knapsack.unit


def reduced_gains(knapsack: Knapsack, filled: Filled) -> Floats:
    """Return what each option loses against its class's best at the bound, negated.

    The plan's own options and those that may not be used get minus infinity.
    """
    first = knapsack.problem.first
    reduced = knapsack.weight()
    reduced *= -filled.slope
    reduced += knapsack.gain
    if knapsack.keep is not None:
        reduced[~knapsack.keep] = -np.inf
    base = reduced[filled.options]
    reduced -= np.repeat(base, np.diff(first))
    reduced[filled.options] = -np.inf
    return reduced


def core_of(
    knapsack: Knapsack, filled: Filled, reduced: Floats, limit: float, *, safe: bool
) -> Core:
    """Keep the options whose reduced cost is less than a limit.

    Weights too long for int64 are rounded up where the plan must be safe, else down, so that the
    best set of the core bounds all plans.
    """
    slope, first = filled.slope, knapsack.problem.first
    option = np.flatnonzero(reduced > -limit)
    loss = np.maximum(0.0, -reduced[option])
    group = np.searchsorted(first, option, side="right") - 1
    rise = knapsack.sign * differences(knapsack.amount, group, option, filled.options)
    shift, scaled = _fitting(rise, safe=safe)
    return Core(
        group,
        option,
        scaled,
        loss,
        (units_left(filled) >> shift) + (shift > 0 and not safe),
        slope * knapsack.unit * float(2**shift),
        shift == 0,
    )


def granule(knapsack: Knapsack, filled: Filled, core: Core) -> float:
    """Return a number of which the gain of every change is a multiple; 0 when not known."""
    gained = gained_amount(knapsack)
    if gained is None or len(core.option) == 0:
        return 0.0
    gains = differences(gained[0], core.group, core.option, filled.options)
    return float(common_divisor(gains)) * float(10.0 ** -gained[0].exponent)


def gained_amount(knapsack: Knapsack) -> tuple[Amount, int] | None:
    """Return the amount that is made large, and -1 for a cost; None where two are mixed."""
    goal = knapsack.problem.objective.goal
    if goal is Goal.NET_VALUE:
        return None
    if goal is Goal.COST:
        return list_spend(knapsack.problem), -1
    amount = quality(knapsack.problem)
    return None if amount is None else (amount, 1)


def common_divisor(numbers: Units) -> int:
    """Return the greatest common divisor; 0 where all are 0."""
    if numbers.dtype == object:
        return math.gcd(*numbers.tolist())
    return int(np.gcd.reduce(numbers))


def differences(amount: Amount, group: Ints, option: Ints, base: Ints) -> Units:
    """Return exactly by how much each change raises an amount, in its units."""
    before = base[group]
    right = amount.option_units[option]
    left = amount.option_units[before]
    if amount.keep is not None:
        right, left = right * amount.keep[option], left * amount.keep[before]
    return products(amount.class_units[group], right - left)


def _fitting(rise: Units, *, safe: bool) -> tuple[int, Ints]:
    """Shift rises right until sums of them fit int64."""
    if len(rise) == 0:
        return 0, np.zeros(0, dtype=np.int64)
    most = max(1, abs(int(rise.max())), abs(int(rise.min()))) * len(rise)
    shift = max(0, most.bit_length() - MOST.bit_length())
    if shift == 0:
        return 0, rise.astype(np.int64)
    if safe:
        return shift, (-((-rise) >> shift)).astype(np.int64)
    return shift, (rise >> shift).astype(np.int64)


def loss_of(knapsack: Knapsack, filled: Filled, options: Ints) -> float:
    """Return what a plan loses against the bound; infinite when it does not fit."""
    left = filled.left + knapsack.weight_units(filled.options) - knapsack.weight_units(options)
    if left < 0:
        return float("inf")
    changed = np.flatnonzero(options != filled.options)
    after, before = options[changed], filled.options[changed]
    gains = knapsack.gain[after] - knapsack.gain[before]
    return max(0.0, room_of(knapsack, filled) - float(gains.sum()))

"""A problem whose only limit is one linear row: the kind the own solver takes."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from costplan.solve.aim import Aim
from costplan.solve.amounts import (
    Amount,
    Row,
    bill_matters,
    eligible,
    list_spend,
    plain_bill,
    quality,
    rows,
)
from costplan.solve.blend import Blend
from costplan.solve.decimals import Bools, Floats, Ints, Units, products
from costplan.solve.floors import blend_floors
from costplan.solve.pick import SHARE_PLACES
from costplan.solve.problem import Goal, Problem


@dataclass(frozen=True, slots=True, eq=False)
class Knapsack:
    """Make the gain large while the weight stays within the capacity.

    A floor (a target) is a ceiling on the negative amount, so that both are one kind.
    """

    problem: Problem
    aim: Aim
    gain: Floats
    """What is made large, shape (n_places,)."""
    row: Row | None
    """The limit; None when there is none."""
    keep: Bools | None
    """Places that may be used; None when all may."""
    blend: Blend | None = None
    """What the places are where classes have floors; None when they are the options."""

    @property
    def first(self) -> Ints:
        """Places of class c are first[c] to first[c + 1], shape (n_classes + 1,)."""
        return self.problem.first if self.blend is None else self.blend.first

    @property
    def has_places(self) -> bool:
        """Whether every class has a place that may be used."""
        if not bool((np.diff(self.first) > 0).all()):
            return False
        return self.keep is None or bool(np.logical_or.reduceat(self.keep, self.first[:-1]).all())

    @property
    def amount(self) -> Amount:
        """What the limit is on."""
        assert self.row is not None
        assert isinstance(self.row.amount, Amount)
        return self.row.amount

    @property
    def sign(self) -> int:
        """-1 where the limit is a floor."""
        return -1 if self.row is not None and self.row.at_least else 1

    @property
    def exponent(self) -> int:
        """Decimal places of a unit of weight, which is 10**-exponent of the amount's measure."""
        return self.amount.exponent + (0 if self.blend is None else SHARE_PLACES)

    @property
    def unit(self) -> float:
        """One unit of weight in the amount's own measure."""
        return float(10.0**-self.exponent)

    @property
    def capacity(self) -> Fraction:
        """The most weight, in units."""
        assert self.row is not None
        return self.row.limit * (self.sign * int(10**self.exponent))

    def weight(self) -> Floats:
        """Return the weight of each place, shape (n_places,)."""
        found = self.amount.floats(self.problem.first)
        if self.blend is not None:
            found = self.blend.floats(found)
        return found if self.sign > 0 else np.negative(found, out=found)

    def weight_units(self, places: Ints) -> int:
        """Return the exact weight of one place per class, in units."""
        if self.blend is not None:
            return self.sign * self.blend.total_units(self.amount, places)
        return self.sign * self.amount.total_units(places)

    def step_units(self, c: int, before: int, after: int) -> int:
        """Return the exact weight that class c gains by a change, in units."""
        if self.blend is not None:
            old, new = (self.blend.units_at(self.amount, c, place) for place in (before, after))
            return self.sign * (new - old)
        return self.sign * (self.amount.units_at(c, after) - self.amount.units_at(c, before))

    def held(self, amount: Amount, classes: Ints, places: Ints) -> tuple[Units, int]:
        """Return the exact coefficients of places in an amount, and their decimal places."""
        if self.blend is not None:
            return self.blend.held(amount, classes, places), amount.exponent + SHARE_PLACES
        units = amount.option_units[places]
        if amount.keep is not None:
            units = units * amount.keep[places]
        return products(amount.class_units[classes], units), amount.exponent


def is_knapsack(problem: Problem) -> bool:
    """Say whether a problem has one limit at most, without laying it out."""
    return _limits(problem) is not None


def as_knapsack(problem: Problem) -> Knapsack | None:
    """Return the problem as a knapsack, or None when it has more than one limit.

    Limits of classes are none in this sense: they shut options out, or, as a floor on the mix, put
    mixes in their place.
    """
    limits = _limits(problem)
    if limits is None:
        return None
    row = limits[0] if limits else None
    usable, aim, gain = eligible(problem), Aim.of(problem), _gain(problem)
    if problem.splits and problem.min_accuracy is not None:
        blend = blend_floors(problem, row, gain, usable)
        if blend is not None:
            return Knapsack(problem, aim, blend.floats(gain), row, None, blend)
    return Knapsack(problem, aim, gain, row, None if bool(usable.all()) else usable)


def _limits(problem: Problem) -> list[Row] | None:
    """List the only limit of the whole plan, or nothing; None when there are more."""
    if not plain_bill(problem) and (problem.pools or bill_matters(problem)):
        return None
    limits = rows(problem)
    if problem.limits.usd is not None:
        limits.append(Row("usd", list_spend(problem), Fraction(problem.limits.usd)))
    return limits if len(limits) <= 1 else None


def _gain(problem: Problem) -> Floats:
    """Return what is made large, per option."""
    amount = quality(problem)
    gain = np.zeros(problem.n_options) if amount is None else amount.floats(problem.first)
    if problem.objective.goal in {Goal.COST, Goal.NET_VALUE}:
        gain -= list_spend(problem).floats(problem.first)
    return gain

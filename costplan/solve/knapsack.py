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
from costplan.solve.decimals import Bools, Floats, Ints
from costplan.solve.problem import Goal, Problem


@dataclass(frozen=True, slots=True, eq=False)
class Knapsack:
    """Make the gain large while the weight stays within the capacity.

    A floor (a target) is a ceiling on the negative amount, so that both are one kind.
    """

    problem: Problem
    aim: Aim
    gain: Floats
    """What is made large, shape (n_options,)."""
    row: Row | None
    """The limit; None when there is none."""
    keep: Bools | None
    """Options that may be used; None when all may."""

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
    def unit(self) -> float:
        """One unit of weight in the amount's own measure."""
        return float(10.0**-self.amount.exponent)

    @property
    def capacity(self) -> Fraction:
        """The most weight, in units."""
        assert self.row is not None
        return self.row.limit * (self.sign * int(10**self.amount.exponent))

    def weight(self) -> Floats:
        """Return the weight of each option, shape (n_options,)."""
        found = self.amount.floats(self.problem.first)
        return found if self.sign > 0 else np.negative(found, out=found)

    def weight_units(self, options: Ints) -> int:
        """Return the exact weight of one option per class, in units."""
        return self.sign * self.amount.total_units(options)

    def step_units(self, c: int, before: int, after: int) -> int:
        """Return the exact weight that class c gains by a change, in units."""
        return self.sign * (self.amount.units_at(c, after) - self.amount.units_at(c, before))


def as_knapsack(problem: Problem) -> Knapsack | None:
    """Return the problem as a knapsack, or None when it has more than one limit.

    Class limits that shut options out are no limits in this sense; a floor on the mix of a class
    is one.
    """
    if not plain_bill(problem) and (problem.pools or bill_matters(problem)):
        return None
    floors = problem.splits and problem.min_accuracy is not None
    if floors and problem.min_accuracy is not None and bool(problem.min_accuracy.known.any()):
        return None
    limits = rows(problem)
    if problem.limits.usd is not None:
        limits.append(Row("usd", list_spend(problem), Fraction(problem.limits.usd)))
    if len(limits) > 1:
        return None
    usable = eligible(problem)
    keep = None if bool(usable.all()) else usable
    return Knapsack(problem, Aim.of(problem), _gain(problem), limits[0] if limits else None, keep)


def _gain(problem: Problem) -> Floats:
    """Return what is made large, per option."""
    amount = quality(problem)
    gain = np.zeros(problem.n_options) if amount is None else amount.floats(problem.first)
    if problem.objective.goal in {Goal.COST, Goal.NET_VALUE}:
        gain -= list_spend(problem).floats(problem.first)
    return gain

"""What one more and one less unit of each ceiling is worth.

Both are one-sided derivatives of the best objective with splits, so at a corner of the frontier
they differ. For plans with one option per class, whose objective jumps, they are those of the same
problem with splits: the price in the bound that proves the plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np

from costplan.solve.aim import Aim, Clock
from costplan.solve.amounts import eligible, plain_bill
from costplan.solve.decimals import WIDE, DecimalColumn
from costplan.solve.fill import Filled, fill
from costplan.solve.highs import solve_aim
from costplan.solve.hull import steps_of, upper_hulls
from costplan.solve.knapsack import Knapsack, as_knapsack
from costplan.solve.limits import value_of, whole_limits, with_value
from costplan.solve.own import lightest_fits
from costplan.solve.problem import Problem
from costplan.solve.shared import take_parts
from costplan.solve.solution import Solution

STEP = Fraction(1, 10**6)
"""A ceiling is moved by this part of itself where its price is measured."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a limit's last and next unit are worth, in the objective's own unit."""

    up: float
    """Gain of the objective per unit that a ceiling rises, or a floor falls; not negative."""
    down: float | None
    """Loss per unit that a ceiling falls, or a floor rises; None when no plan is left then."""


def prices(problem: Problem, *, time_limit_s: float | None = None) -> dict[str, Price]:
    """Price every limit on the plan as a whole; empty when there is no plan.

    A single linear limit is priced exactly from the steps on both sides of it; of several limits
    each is moved by a millionth of itself and the problem solved again. GPUs that can be had are
    whole and have no price. time_limit_s is for all of it; limits not reached are left out.
    """
    loose = with_splits(problem)
    if loose is None:
        return {}
    knapsack = as_knapsack(loose)
    if knapsack is None:
        return _measured(loose, Clock.start(time_limit_s))
    if knapsack.row is None or not lightest_fits(knapsack):
        return {}
    return {knapsack.row.name: knapsack_price(knapsack)}


def with_splits(problem: Problem) -> Problem | None:
    """Return the problem with splits, without the options that may not be used.

    An accuracy floor that each option had to meet stays one for each option. None when a class has
    no option left.
    """
    if problem.splits:
        return problem
    usable = eligible(problem)
    counts = np.add.reduceat(usable, problem.first[:-1], dtype=np.int64)
    if (counts == 0).any():
        return None
    if usable.all():
        return replace(problem, splits=True, min_accuracy=None)
    at = np.flatnonzero(usable)

    def part(column: DecimalColumn | None) -> DecimalColumn | None:
        return None if column is None else column.part(at)

    return replace(
        problem,
        splits=True,
        min_accuracy=None,
        first=np.concatenate([[0], np.cumsum(counts)]),
        option_names=[problem.option_names[int(o)] for o in at],
        provider=problem.provider[at],
        accuracy=problem.accuracy.part(at),
        usd=problem.usd.part(at),
        pool=None if problem.pool is None else problem.pool[at],
        parts=take_parts(problem.parts, at),
        mean_latency_s=part(problem.mean_latency_s),
        p95_latency_s=part(problem.p95_latency_s),
        tokens=part(problem.tokens),
    )


def knapsack_price(knapsack: Knapsack) -> Price:
    """Price the only limit of a problem from the steps on both sides of it."""
    hulls = upper_hulls(knapsack.weight(), knapsack.gain, knapsack.first, knapsack.keep)
    filled = fill(knapsack, hulls, steps_of(hulls))
    assert filled is not None
    assert knapsack.row is not None
    unit = float(knapsack.row.per) / float(knapsack.aim.per)
    down = _slope_below(filled)
    return Price(filled.slope * unit, None if down is None else down * unit)


def _slope_below(filled: Filled) -> float | None:
    """Return the slope of the weight used last; 0 when some was not used at all."""
    if filled.left > 0:
        return filled.slope
    if filled.taken == 0:
        return None
    return float(filled.steps.slope[filled.taken - 1])


def _measured(problem: Problem, clock: Clock) -> dict[str, Price]:
    """Price each limit by moving it a little to both sides."""
    aim = Aim.of(problem)
    at = solve_aim(problem, aim, clock, 1e-9)
    if not at.has_plan:
        return {}
    spare = _spare(problem, at)
    found = {name: Price(0.0, 0.0) for name in spare}
    for name in whole_limits(problem):
        if name not in found and not name.startswith("pools."):
            price = _moved(problem, aim, clock, at, name)
            # What time cut short tells of no price, and what needs no solve takes no time.
            if clock.over:
                break
            found[name] = price
    return found


def _spare(problem: Problem, at: Solution) -> list[str]:
    """Name the limits of a linear program that are far from binding: they are worth nothing."""
    if at.audit is None or not plain_bill(problem):
        return []
    usages = [usage for usage in at.audit.usages if usage.slack is not None]
    named = set(whole_limits(problem))
    return [
        usage.name
        for usage in usages
        if usage.name in named
        and usage.slack is not None
        and usage.slack > abs(usage.limit) * Decimal(STEP.numerator) / STEP.denominator
    ]


def _moved(problem: Problem, aim: Aim, clock: Clock, at: Solution, name: str) -> Price:
    """Price one limit by moving it a little to both sides."""
    limit = value_of(problem, name)
    floor = name.endswith(".min_share") or name.startswith("target")
    with localcontext(WIDE):
        move = abs(limit) * Decimal(STEP.numerator) / STEP.denominator or Decimal(STEP.numerator)
        ease = limit - move if floor else limit + move
        tight = limit + move if floor else limit - move
    eased = solve_aim(with_value(problem, name, ease), aim, clock, 1e-9)
    tightened = None
    if tight >= 0:
        tightened = solve_aim(with_value(problem, name, tight), aim, clock, 1e-9)
    up = _change(aim, at, eased)
    down = _change(aim, tightened, at) if tightened is not None and tightened.has_plan else None
    per = float(move)
    return Price(_clean(up, at) / per, None if down is None else _clean(down, at) / per)


def _change(aim: Aim, worse: Solution, better: Solution) -> float:
    """Return by how much one objective is better than another."""
    if worse.objective is None or better.objective is None:
        return 0.0
    with localcontext(WIDE):
        change = better.objective - worse.objective
    return float(change) if aim.maximises else -float(change)


def _clean(change: float, at: Solution) -> float:
    """Return 0 for a change that is rounding of shares."""
    size = abs(float(at.objective or 0))
    return max(0.0, change) if abs(change) > 1e-13 * size else 0.0

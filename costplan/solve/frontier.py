"""The best objective for every amount of a ceiling: all breakpoints in one pass, or by points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal, localcontext

import numpy as np

from costplan.solve.amounts import Amount, list_spend, quality
from costplan.solve.decimals import WIDE, DecimalColumn, Floats, Ints, Units, products
from costplan.solve.hull import Hulls, steps_of, upper_hulls
from costplan.solve.knapsack import Knapsack, as_knapsack
from costplan.solve.problem import Goal, Limits, Problem
from costplan.solve.room import DEFAULT_GAP, solve
from costplan.solve.solution import Solution

CEILINGS = ("usd", "mean_latency_s")
"""Ceilings a frontier can run along."""


@dataclass(frozen=True, slots=True, eq=False)
class Frontier:
    """Breakpoints by rising ceiling; between two of them the best objective is a straight line."""

    ceiling: str
    """What rises: "usd" or "mean_latency_s"."""
    used: DecimalColumn
    """Exact dollars, or exact request-seconds, at each breakpoint, shape (n_points,)."""
    per: float
    """used divided by this is the ceiling (requests for a mean latency, else 1)."""
    objective: Floats
    """Best value, accuracy or net value with splits at each breakpoint, shape (n_points,)."""
    changed_class: Ints
    """Class that changes on the way to each breakpoint; -1 at the first."""
    before: Ints
    """Option it leaves; -1 at the first."""
    after: Ints
    """Option it takes; -1 at the first."""
    first_options: Ints
    """Option of each class at the first breakpoint, shape (n_classes,)."""

    @property
    def amounts(self) -> Floats:
        """Return the ceiling at each breakpoint."""
        return self.used.floats / self.per

    def at(self, amount: float) -> float | None:
        """Return the best objective with splits at a ceiling; None below the first breakpoint."""
        amounts = self.amounts
        if amount < amounts[0]:
            return None
        return float(np.interp(amount, amounts, self.objective))

    def slopes(self) -> Floats:
        """Return the objective per unit of the ceiling on the way to each breakpoint but one."""
        return np.asarray(np.diff(self.objective) / np.diff(self.amounts))


@dataclass(frozen=True, slots=True, eq=False)
class FrontierPoint:
    """The best plan found at one ceiling."""

    amount: Decimal
    """The ceiling."""
    solution: Solution
    """Its plan with what is proven about it; without a plan where there is none."""


def split_frontier(problem: Problem, ceiling: str = "usd") -> Frontier | None:
    """Find all breakpoints of the best objective with splits, in one pass.

    None when other limits than this ceiling bind the plan as a whole, or no plan exists: then use
    frontier_points. Limits that shut options out are kept.
    """
    knapsack = as_knapsack(with_ceiling(replace(problem, splits=True), ceiling, Decimal(0)))
    if knapsack is None or knapsack.row is None or problem.objective.goal is Goal.COST:
        return None
    first = problem.first
    if knapsack.keep is not None and not np.logical_or.reduceat(knapsack.keep, first[:-1]).all():
        return None
    hulls = upper_hulls(knapsack.weight(), knapsack.gain, first, knapsack.keep)
    steps = steps_of(hulls)
    before, after = hulls.option[steps.corner], hulls.option[steps.corner + 1]
    owner = np.repeat(np.arange(problem.n_classes), np.diff(hulls.start))[steps.corner]
    start = hulls.option[hulls.start[:-1]]
    used = _running(knapsack.amount, start, owner, before, after)
    none = np.array([-1])
    return Frontier(
        ceiling=ceiling,
        used=DecimalColumn(used, knapsack.amount.exponent),
        per=float(knapsack.row.per),
        objective=_objectives(knapsack, hulls, start, owner, before, after),
        changed_class=np.concatenate([none, owner]),
        before=np.concatenate([none, before]),
        after=np.concatenate([none, after]),
        first_options=start,
    )


def _running(amount: Amount, start: Ints, owner: Ints, before: Ints, after: Ints) -> Units:
    """Return an amount at each breakpoint, in exact units."""
    after_units, before_units = amount.option_units[after], amount.option_units[before]
    if amount.keep is not None:
        after_units = after_units * amount.keep[after]
        before_units = before_units * amount.keep[before]
    rises = products(amount.class_units[owner], after_units - before_units)
    base = amount.total_units(start)
    most = abs(base) + float(np.abs(rises).sum(dtype=np.float64))
    if most > 2.0**62:
        rises = rises.astype(object)
    found = np.empty(len(rises) + 1, dtype=rises.dtype)
    found[0] = base
    found[1:] = rises
    return np.asarray(np.cumsum(found))


def _objectives(
    knapsack: Knapsack, hulls: Hulls, start: Ints, owner: Ints, before: Ints, after: Ints
) -> Floats:
    """Return the objective at each breakpoint, from exact sums."""
    problem = knapsack.problem
    amount = quality(problem)
    assert amount is not None
    found = DecimalColumn(_running(amount, start, owner, before, after), amount.exponent).floats
    if problem.objective.goal is Goal.NET_VALUE:
        spend = list_spend(problem)
        found -= DecimalColumn(_running(spend, start, owner, before, after), spend.exponent).floats
    return np.asarray(found / float(knapsack.aim.per))


def with_ceiling(problem: Problem, ceiling: str, amount: Decimal | None) -> Problem:
    """Return the problem with one of the CEILINGS set anew, or without it for None."""
    if ceiling not in CEILINGS:
        raise ValueError(f"no frontier along {ceiling!r}; known: {', '.join(CEILINGS)}")
    limits: Limits = problem.limits
    if ceiling == "usd":
        return replace(problem, limits=replace(limits, usd=amount))
    return replace(problem, limits=replace(limits, mean_latency_s=amount))


def frontier_points(
    problem: Problem,
    points: int,
    ceiling: str = "usd",
    *,
    solver: str = "auto",
    time_limit_s: float | None = None,
    gap: float = DEFAULT_GAP,
) -> list[FrontierPoint]:
    """Solve at evenly spaced ceilings, from the least that works to where more buys nothing.

    Works with every other limit, and with one option per class. Each point is proven as its
    solution says; nothing is claimed between points. time_limit_s is for each point. Empty when
    there is no plan at any ceiling.
    """
    ends = _ends(problem, ceiling, time_limit_s)
    if ends is None:
        return []
    found = []
    for amount in _spaced(*ends, max(2, points)):
        limited = with_ceiling(problem, ceiling, amount)
        solution = solve(limited, solver=solver, time_limit_s=time_limit_s, gap=gap)
        found.append(FrontierPoint(amount, solution))
    return found


def _ends(
    problem: Problem, ceiling: str, time_limit_s: float | None
) -> tuple[Decimal, Decimal] | None:
    """Return the least ceiling that works, and the one of the best plan without it."""
    from costplan.solve.least import least_of

    least = least_of(problem, ceiling)
    free = solve(with_ceiling(problem, ceiling, None), time_limit_s=time_limit_s)
    if least is None or free.audit is None:
        return None
    audit = free.audit
    most = audit.bill_usd if ceiling == "usd" else audit.mean_latency_s
    return least, max(least, least if most is None else most)


def _spaced(low: Decimal, high: Decimal, points: int) -> Iterator[Decimal]:
    """Space amounts evenly, rounded down to 28 digits inside the ends."""
    with localcontext(WIDE):
        for k in range(points):
            if k in {0, points - 1}:
                yield low if k == 0 else high
                continue
            amount = low + (high - low) * k / (points - 1)
            yield max(low, amount.quantize(Decimal("1e-6"), rounding=ROUND_FLOOR))

"""The best objective for every amount of a ceiling: all breakpoints in one pass, or by points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal, localcontext

import numpy as np

from costplan.solve.amounts import Amount, list_spend, quality
from costplan.solve.blend import Blend
from costplan.solve.deadline import is_over
from costplan.solve.decimals import WIDE, DecimalColumn, Floats, Ints, exact_sum
from costplan.solve.hull import Hulls, Steps, steps_of, upper_hulls
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
    hulls: Hulls
    """Corners of all classes."""
    steps: Steps
    """The step that leads to each breakpoint but the first."""
    blend: Blend | None = None
    """What the corners are where classes have floors; None when they are options."""

    def along(self, values: Floats) -> Floats:
        """Add up what the options of all classes have of something at each breakpoint.

        values has shape (n_options,), the result (n_points,).
        """
        if self.blend is not None:
            values = self.blend.floats(values)
        held = values[self.hulls.option]
        rises = np.diff(held)[self.steps.corner]
        start = held[self.hulls.start[:-1]].sum()
        return np.asarray(start + np.concatenate([[0.0], np.cumsum(rises)]))

    @property
    def changed_class(self) -> Ints:
        """Return the class that changes on the way to each breakpoint; -1 at the first."""
        found = np.searchsorted(self.hulls.start, self.steps.corner, side="right") - 1
        return np.concatenate([[-1], found])

    @property
    def before(self) -> Ints:
        """Return the option it leaves; -1 at the first."""
        return np.concatenate([[-1], self._changes()[0]])

    @property
    def after(self) -> Ints:
        """Return the option it takes; -1 at the first."""
        return np.concatenate([[-1], self._changes()[1]])

    def _changes(self) -> tuple[Ints, Ints]:
        """Return the option that each step leaves and the one it takes."""
        before, after = (self.hulls.option[self.steps.corner + k] for k in (0, 1))
        return (before, after) if self.blend is None else self.blend.change(before, after)

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
    if not knapsack.has_places:
        return None
    hulls = upper_hulls(knapsack.weight(), knapsack.gain, knapsack.first, knapsack.keep)
    steps = steps_of(hulls)
    owners = np.repeat(np.arange(problem.n_classes), np.diff(hulls.start))
    return Frontier(
        ceiling=ceiling,
        used=_running(knapsack, knapsack.amount, hulls, owners, steps),
        per=float(knapsack.row.per),
        objective=_objectives(knapsack, hulls, owners, steps),
        hulls=hulls,
        steps=steps,
        blend=knapsack.blend,
    )


def _running(
    knapsack: Knapsack, amount: Amount, hulls: Hulls, owners: Ints, steps: Steps
) -> DecimalColumn:
    """Return an amount at each breakpoint, exactly."""
    held, exponent = knapsack.held(amount, owners, hulls.option)
    base = exact_sum(held[hulls.start[:-1]])
    rises = np.diff(held)[steps.corner]
    if abs(base) + float(np.abs(rises).sum(dtype=np.float64)) > 2.0**62:
        rises = rises.astype(object)
    found = np.empty(len(rises) + 1, dtype=rises.dtype)
    found[0] = base
    found[1:] = rises
    return DecimalColumn(np.asarray(np.cumsum(found, out=found)), exponent)


def _objectives(knapsack: Knapsack, hulls: Hulls, owners: Ints, steps: Steps) -> Floats:
    """Return the objective at each breakpoint, from exact sums."""
    problem = knapsack.problem
    amount = quality(problem)
    assert amount is not None
    found = _running(knapsack, amount, hulls, owners, steps).floats
    if problem.objective.goal is Goal.NET_VALUE:
        spend = list_spend(problem)
        found -= _running(knapsack, spend, hulls, owners, steps).floats
    found /= float(knapsack.aim.per)
    return found


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
    there is no plan at any ceiling; LimitError where a deadline comes before the least one.
    """
    ends = _ends(problem, ceiling, time_limit_s)
    if ends is None:
        return []
    found = []
    for amount in _spaced(*ends, max(2, points)):
        limited = with_ceiling(problem, ceiling, amount)
        if is_over():
            break
        solution = solve(limited, solver=solver, time_limit_s=time_limit_s, gap=gap)
        found.append(FrontierPoint(amount, solution))
    return found


def _ends(
    problem: Problem, ceiling: str, time_limit_s: float | None
) -> tuple[Decimal, Decimal] | None:
    """Return the least ceiling that works, and the one of the best plan without it."""
    from costplan.solve.least import least_of

    least = least_of(problem, ceiling, near=True)
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

"""The own solver: one linear ceiling, or none, at any size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from costplan.solve.aim import Clock, finish_within
from costplan.solve.decimals import Ints, Units
from costplan.solve.fill import fill, split_last
from costplan.solve.highs import solve_aim
from costplan.solve.hull import upper_hulls
from costplan.solve.knapsack import Knapsack, as_knapsack
from costplan.solve.pick import Pick
from costplan.solve.problem import Problem
from costplan.solve.solution import Solution, Status
from costplan.solve.verify import verify
from costplan.solve.whole import best_whole

NAME = "own"
SMALL_ENOUGH = 2_000
"""Up to this many options HiGHS is asked where the search did not prove its plan."""
PATIENCE_S = 10.0
"""For at most this long."""


class OwnSolver:
    """Hulls and steps; whole plans by fixing from the bound and searching the core."""

    name = NAME
    exact = True

    def solve(
        self, problem: Problem, *, time_limit_s: float | None = None, gap: float = 1e-9
    ) -> Solution:
        """Solve a problem with one linear limit; ValueError for any other."""
        knapsack = as_knapsack(problem)
        if knapsack is None:
            raise ValueError("the own solver takes problems with one ceiling; use highs")
        return solve_knapsack(knapsack, Clock.start(time_limit_s), gap)


def solve_knapsack(knapsack: Knapsack, clock: Clock, gap: float) -> Solution:
    """Solve a knapsack of classes, with splits or with one option per class."""
    problem = knapsack.problem
    if not knapsack.has_places:
        return Solution(Status.INFEASIBLE, NAME)
    if knapsack.row is None:
        return _closed(knapsack, _best_options(knapsack), {}, 0.0, gap)
    hulls = upper_hulls(knapsack.weight(), knapsack.gain, knapsack.first, knapsack.keep)
    filled = fill(knapsack, hulls)
    if filled is None:
        return Solution(Status.INFEASIBLE, NAME)
    if not problem.splits:
        options, distance = best_whole(knapsack, hulls, filled, clock, gap)
        found = _closed(knapsack, options, {}, distance, gap)
        hard = found.status is not Status.OPTIMAL and problem.n_options <= SMALL_ENOUGH
        return _second_opinion(knapsack, found, clock, gap) if hard else found
    splits, left = split_last(knapsack, hulls, filled)
    distance = filled.slope * float(left) * knapsack.unit
    return _closed(knapsack, filled.options, splits, distance, gap)


def _second_opinion(knapsack: Knapsack, found: Solution, clock: Clock, gap: float) -> Solution:
    """Let HiGHS prove a small plan that the search did not, and keep the better one."""
    left_s = PATIENCE_S if clock.left_s is None else min(PATIENCE_S, clock.left_s)
    other = solve_aim(knapsack.problem, knapsack.aim, Clock.start(left_s), gap)
    if other.status is Status.OPTIMAL:
        return replace(other, solver=NAME)
    return found


def lightest_fits(knapsack: Knapsack) -> bool:
    """Say whether any plan exists: whether the lightest one fits, exactly."""
    if not knapsack.has_places:
        return False
    if knapsack.row is None:
        return True
    first = knapsack.first
    if knapsack.blend is not None:
        weight = knapsack.weight()
        return knapsack.weight_units(_least_places(weight, first)) <= knapsack.capacity
    units = knapsack.amount.option_units * knapsack.sign
    if knapsack.amount.keep is not None:
        units = units * knapsack.amount.keep
    heavy = int(units.max()) + 1
    if knapsack.keep is not None:
        units = np.where(knapsack.keep, units, heavy)
    return knapsack.weight_units(_least_places(units, first)) <= knapsack.capacity


def _best_options(knapsack: Knapsack) -> Ints:
    """Return the best place of each class, the first one on a tie."""
    loss = -knapsack.gain
    if knapsack.keep is not None:
        loss = np.where(knapsack.keep, loss, np.inf)
    return _least_places(loss, knapsack.first)


def _least_places(values: Units, first: Ints) -> Ints:
    """Return where the least value of each class is, the first one on a tie."""
    least = np.repeat(np.minimum.reduceat(values, first[:-1]), np.diff(first))
    at = np.where(values == least, np.arange(len(values)), len(values))
    return np.asarray(np.minimum.reduceat(at, first[:-1]))


def _closed(
    knapsack: Knapsack,
    options: Ints,
    splits: dict[int, tuple[Pick, ...]],
    distance: float,
    gap: float,
) -> Solution:
    """Verify the plan and state its proof."""
    problem = knapsack.problem
    main = options.copy()
    if knapsack.blend is not None:
        main, mixes = knapsack.blend.spread(options)
        splits = mixes | splits
    for c, picks in splits.items():
        main[c] = max(picks, key=lambda pick: (pick[1], -pick[0]))[0]
    audit = verify(problem, main, splits)
    per = float(knapsack.aim.per)
    return finish_within(knapsack.aim, (main, splits), audit, distance / per, gap, NAME)

"""The least of a limited amount that any plan can do with, all other limits kept."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np

from costplan.solve.aim import Aim, Clock
from costplan.solve.amounts import Amount, Row, rows
from costplan.solve.deadline import check_time
from costplan.solve.decimals import WIDE, from_units
from costplan.solve.highs import solve_aim
from costplan.solve.limits import without
from costplan.solve.problem import Goal, Problem
from costplan.solve.room import DEFAULT_GAP, solve
from costplan.solve.solution import Solution, Status

PLACES = Decimal("1e-6")
"""Least amounts are rounded up to this, so that a limit of exactly that amount works."""
SNAP = Fraction(1, 10**9)
"""A split plan's decimal shares move a sum by less than this part of PLACES."""


def least_of(problem: Problem, name: str, *, near: bool = False) -> Decimal | None:
    """Return the smallest value of a ceiling that leaves a plan; None when there is none.

    name is that of a linear ceiling or "usd"; the problem need not have it set. For floors (shares,
    targets) it is the greatest value, rounded down. Where a deadline comes first: LimitError, or
    with near the least that was found.
    """
    if name == "usd":
        return least_usd(problem, near=near)
    probe = problem
    if name == "mean_latency_s" and problem.limits.mean_latency_s is None:
        limits = replace(problem.limits, mean_latency_s=Decimal(10**9))
        probe = replace(problem, limits=limits)
    row = next((row for row in rows(probe) if row.name == name), None)
    if row is None or not isinstance(row.amount, Amount):
        raise ValueError(f"{name} is no linear limit of this problem")
    free = without(probe, {name}, keep_unknown=True)
    aim = Aim(row.amount, -1 if row.at_least else 1, False)
    solution = solve_aim(free, aim, Clock.start(None), DEFAULT_GAP)
    _check_proven(solution, near)
    if not solution.has_plan:
        return None
    used = _total(row, solution)
    return _outward(used / (row.per or 1), up=not row.at_least)


def greatest_mix(problem: Problem, c: int) -> Decimal | None:
    """Return the most accuracy that a mix of class c can have, all other limits kept; None: none.

    To a millionth, rounded down.
    """
    free = without(problem, {f"classes.{problem.class_names[c]}.min_accuracy"})
    mine = np.zeros(problem.n_classes, dtype=np.int64)
    mine[c] = 1
    amount = Amount(mine, problem.accuracy.units, problem.accuracy.exponent)
    solution = solve_aim(free, Aim(amount, -1, False), Clock.start(None), DEFAULT_GAP)
    _check_proven(solution, near=False)
    if not solution.has_plan:
        return None
    picks = solution.picks_of(c)
    mean = sum((amount.at(c, option) * Fraction(share) for option, share in picks), Fraction(0))
    return _outward(mean, up=False)


def least_usd(problem: Problem, *, near: bool = False) -> Decimal | None:
    """Return the smallest dollar ceiling that leaves a plan, to a millionth rounded up.

    None when no amount of money does; near as in least_of.
    """
    goal = replace(problem.objective, goal=Goal.COST)
    free = replace(problem, limits=replace(problem.limits, usd=None), objective=goal)
    solution = solve(free, gap=DEFAULT_GAP)
    _check_proven(solution, near)
    if solution.objective is None:
        return None
    bill = Fraction(solution.objective)
    nearest = _outward(bill, up=True)
    if nearest < bill:
        limits = replace(problem.limits, usd=nearest)
        if not solve(replace(free, limits=limits)).has_plan:
            return from_units(math.ceil(bill / Fraction(PLACES)), 6)
    return nearest


def _check_proven(solution: Solution, near: bool) -> None:
    """Let no amount pass as the least that only time made it."""
    if solution.status is Status.LIMIT or (solution.status is Status.FEASIBLE and not near):
        check_time("the least that the limits allow was known")


def _total(row: Row, solution: Solution) -> Fraction:
    """Add up a row's amount over a plan, exactly."""
    return sum(
        (
            row.amount.at(c, option) * Fraction(share)
            for c, picks in enumerate(solution.picks)
            for option, share in picks
        ),
        Fraction(0),
    )


def _outward(value: Fraction, *, up: bool) -> Decimal:
    """Round to PLACES, away from what would be too tight, unless it is there but for rounding."""
    scaled = value / Fraction(PLACES)
    nearest = round(scaled)
    if abs(scaled - nearest) > SNAP * max(1, abs(nearest)):
        nearest = math.ceil(scaled) if up else math.floor(scaled)
    with localcontext(WIDE):
        return from_units(nearest, 6)

"""Whole plans where proofs are hard: value that follows cost, and one class that is huge."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.optimizer.data import problem as drawn
from costplan.solve import ClassRow, Limits, OptionRow, Problem, Status, build_problem, solve
from costplan.solve.core import core_of, reduced_gains, room_of
from costplan.solve.enumerate import Enumeration
from costplan.solve.fill import fill, fill_beside
from costplan.solve.hull import steps_of, upper_hulls
from costplan.solve.knapsack import as_knapsack
from costplan.solve.lattice import least_loss


@st.composite
def stepped(draw) -> Problem:
    """Draw classes whose every step adds its cost at one rate, plus a constant."""
    rate, grain = draw(st.integers(0, 3)), draw(st.integers(0, 40))
    rows = []
    for c in range(draw(st.integers(1, 4))):
        steps = sorted(draw(st.lists(st.integers(1, 60), min_size=1, max_size=3)))
        costs = np.cumsum([draw(st.integers(0, 9)), *steps]).tolist()
        options = [
            OptionRow(f"o{k}", "p", Decimal(rate * cost + grain * k).scaleb(-4), Decimal(cost))
            for k, cost in enumerate(costs)
        ]
        rows.append(ClassRow(f"c{c}", Decimal(1), Decimal(1), options))
    return build_problem(rows, limits=Limits(usd=Decimal(draw(st.integers(0, 400)))))


@settings(deadline=None, max_examples=80)
@given(stepped())
def test_no_plan_is_better_than_the_bound_by_whole_grains(problem):
    """The loss that is promised is never more than that of the best plan."""
    knapsack = as_knapsack(problem)
    hulls = upper_hulls(knapsack.weight(), knapsack.gain, problem.first, knapsack.keep)
    filled = fill(knapsack, hulls)
    best = Enumeration().solve(problem)
    if filled is None:
        assert best.status is Status.INFEASIBLE
        return
    room = room_of(knapsack, filled)
    core = core_of(knapsack, filled, reduced_gains(knapsack, filled), np.inf, safe=False)
    bound = float(knapsack.gain[filled.options].sum()) + room
    assert least_loss(knapsack, filled, core) <= bound - float(best.objective) + 1e-9


@settings(deadline=None, max_examples=60)
@given(stepped())
def test_the_best_of_all_plans_is_found_and_proven(problem):
    """What the own solver calls optimal is what comparing all plans finds."""
    found, best = solve(problem, solver="own"), Enumeration().solve(problem)
    if best.status is Status.INFEASIBLE:
        assert found.status is Status.INFEASIBLE
        return
    assert found.status is Status.OPTIMAL
    assert found.objective == best.objective


@pytest.mark.parametrize("n_classes", [30, 300, 1_000])
@pytest.mark.parametrize("kind", ["strong", "steep"])
def test_plans_are_proven_where_value_follows_cost(kind, n_classes):
    """The gap closes though the bound of the slopes lies a part of a step above every plan."""
    found = solve(drawn(kind, n_classes, seed=5), solver="own")
    assert found.status is Status.OPTIMAL


@pytest.mark.parametrize(("n_classes", "seed", "tightness"), [(1_000, 1, 0.35), (3_000, 13, 0.05)])
def test_plans_are_proven_beside_a_class_that_takes_a_third_of_the_ceiling(
    n_classes, seed, tightness
):
    """A step of one class that does not fit leaves the bound far above every plan."""
    problem = drawn("realistic", n_classes, seed=seed, tightness=tightness)
    found = solve(problem, solver="own")
    assert found.status is Status.OPTIMAL
    assert found.audit is not None
    assert found.audit.bill_usd <= problem.limits.usd


def test_a_plan_beside_a_huge_class_is_the_one_that_highs_proves():
    """HiGHS, given the time, finds no better one."""
    problem = drawn("realistic", 60, 6, seed=3)
    huge = problem.requests.units.copy()
    huge[7] = int(huge.sum()) // 3
    problem = replace(problem, requests=replace(problem.requests, units=huge))
    spread = solve(replace(problem, limits=Limits()), solver="own").audit.bill_usd
    problem = replace(problem, limits=Limits(usd=Decimal(int(spread * Decimal("0.3")))))
    ours, theirs = solve(problem, solver="own"), solve(problem, solver="highs")
    assert ours.status is theirs.status is Status.OPTIMAL
    assert float(ours.objective) == pytest.approx(float(theirs.objective), rel=2e-9)


def test_filling_beside_a_fixed_class_is_filling_without_its_other_options():
    """Fixing a class is the same as giving it one option."""
    problem = drawn("realistic", 40, 5, seed=2)
    knapsack = as_knapsack(problem)
    hulls = upper_hulls(knapsack.weight(), knapsack.gain, problem.first, knapsack.keep)
    for option in range(15, 20):
        keep = np.ones(200, dtype=np.bool_)
        keep[15:20] = False
        keep[option] = True
        alone = upper_hulls(knapsack.weight(), knapsack.gain, problem.first, keep)
        expected = fill(replace(knapsack, keep=keep), alone)
        found = fill_beside(knapsack, hulls, steps_of(hulls), {3: option})
        assert (found is None) == (expected is None)
        if found is not None:
            assert found.options.tolist() == expected.options.tolist()
            assert (found.left, found.slope) == (expected.left, expected.slope)

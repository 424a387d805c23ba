"""Whole plans where proofs are hard: value that follows cost, and one class that is huge."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.optimizer.data import KINDS
from benchmarks.optimizer.data import problem as drawn
from costplan.solve import (
    ClassRow,
    DecimalColumn,
    Goal,
    Limits,
    Objective,
    OptionRow,
    Problem,
    Status,
    build_problem,
    own,
    solve,
    whole,
)
from costplan.solve.core import core_of, reduced_gains, room_of
from costplan.solve.enumerate import Enumeration
from costplan.solve.fill import fill, fill_beside
from costplan.solve.hull import steps_of, upper_hulls
from costplan.solve.knapsack import as_knapsack
from costplan.solve.lattice import least_loss

TENTHS = Decimal("0.7")
"""A part of the smallest unit that any price has."""


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


@st.composite
def correlated(draw) -> Problem:
    """Draw value that follows cost exactly, nearly or per request, under a ceiling or a target."""
    n, m = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    steps = draw(arrays(np.int64, (n, m), elements=st.integers(1, 300)))
    constant, noise = draw(st.integers(0, 300)), draw(st.integers(0, 2))
    cost = np.sort(steps, axis=1)
    gain = cost + constant
    if draw(st.booleans()):
        cost, gain = cost.cumsum(axis=1), gain.cumsum(axis=1)
    if draw(st.booleans()):
        cost, gain = gain, cost
    gain = np.maximum(0, gain + draw(arrays(np.int64, (n, m), elements=st.integers(-noise, noise))))
    requests = draw(arrays(np.int64, n, elements=st.sampled_from([1, 1, 7, 10, 1_000])))
    part, sum_of = Fraction(draw(st.integers(0, 100)), 100), requests[:, None] * cost
    low, high = int(sum_of.min(axis=1).sum()), int(sum_of.max(axis=1).sum())
    usd = Decimal(low + int(part * (high - low))) + draw(st.sampled_from([Decimal(0), TENTHS]))
    objective, limits = Objective(), Limits(usd=usd.scaleb(-2))
    if draw(st.booleans()):
        most = int((requests * gain.max(axis=1)).sum())
        target = Decimal(int(part * most)) - draw(st.sampled_from([Decimal(0), TENTHS]))
        objective, limits = Objective(Goal.COST, target_value=target.scaleb(-4)), Limits()
    rows = [
        ClassRow(
            f"c{c}",
            Decimal(int(requests[c])),
            Decimal(1),
            [
                OptionRow(f"o{k}", "p", Decimal(int(gain[c, k])).scaleb(-4), at_cents(cost[c, k]))
                for k in range(m)
            ],
        )
        for c in range(n)
    ]
    return build_problem(rows, limits=limits, objective=objective)


def at_cents(units) -> Decimal:
    return Decimal(int(units)).scaleb(-2)


def listed_optimum(problem: Problem) -> Decimal | None:
    """Return the best of all plans from every pair of cost and value that is not beaten."""
    pairs = [(Decimal(0), Decimal(0))]
    for c in range(problem.n_classes):
        requests = problem.requests.at(c)
        mine = [
            (requests * problem.usd.at(o), requests * problem.accuracy.at(o))
            for o in range(problem.first[c], problem.first[c + 1])
        ]
        added = sorted((a + x, -(b + y)) for a, b in pairs for x, y in mine)
        pairs, most = [], Decimal(-1)
        for cost, value in added:
            if -value > most:
                most = -value
                pairs.append((cost, most))
    if problem.objective.goal is Goal.COST:
        target = problem.objective.target_value
        return min((cost for cost, value in pairs if value >= target), default=None)
    return max((value for cost, value in pairs if cost <= problem.limits.usd), default=None)


@settings(
    deadline=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(problem=correlated())
def test_the_search_alone_proves_what_is_best(monkeypatch, problem):
    """Without HiGHS's second opinion the plan is the best of all, and the bound is its value."""
    monkeypatch.setattr(own, "SMALL_ENOUGH", 0)
    found, best = solve(problem, solver="own"), listed_optimum(problem)
    if best is None:
        assert found.status is Status.INFEASIBLE
        return
    assert found.status is Status.OPTIMAL
    assert found.objective == best
    sign = -1 if problem.objective.goal is Goal.COST else 1
    assert sign * (float(found.bound) - float(best)) >= -1e-12 * abs(float(best))


def test_a_ceiling_between_two_units_is_no_reason_for_a_gap():
    """Prices in whole dollars leave the cents of a ceiling unused, which proves the plan."""
    problem = drawn("strong", 120, seed=4)
    ones = DecimalColumn(np.ones(120, dtype=np.int64), 0)
    whole = replace(
        problem, requests=ones, usd=DecimalColumn(problem.usd.units, 0), accuracy=problem.accuracy
    )
    usd = problem.limits.usd.to_integral_value()
    at = solve(replace(whole, limits=Limits(usd=usd)))
    above = solve(replace(whole, limits=Limits(usd=usd + TENTHS)))
    assert at.status is above.status is Status.OPTIMAL
    assert above.main.tolist() == at.main.tolist()
    assert above.bound == at.bound


@pytest.mark.parametrize("kind", ["strong", "flat", "steep"])
def test_highs_and_the_search_bound_each_other_where_value_follows_cost(kind):
    """Neither finds a plan above what the other one has proven."""
    problem = drawn(kind, 40, 8, seed=6)
    ours = solve(problem, solver="own")
    theirs = solve(problem, solver="highs", gap=0.0, time_limit_s=2.0)
    assert float(ours.objective) <= float(theirs.bound) * (1 + 1e-9)
    assert float(theirs.objective) <= float(ours.bound) * (1 + 1e-9)
    assert ours.objective >= theirs.objective * (1 - Decimal("1e-9"))


@pytest.mark.parametrize(("n_classes", "most"), [(1_000, 2e-7), (10_000, 4e-9)])
@pytest.mark.parametrize("constant", [10, 100])
def test_strongly_correlated_classes_as_the_literature_draws_them(n_classes, most, constant):
    """Sums of sorted steps and a constant per step, half of the range: the gap is closed."""
    rng = np.random.default_rng(constant)
    steps = np.sort(rng.integers(1, 1_001, (n_classes, 20)), axis=1)
    cost, value = steps.cumsum(axis=1), (steps + constant).cumsum(axis=1)
    usd = Decimal(int(cost.min(axis=1).sum() + cost.max(axis=1).sum()) // 2)
    problem = replace(
        drawn("strong", n_classes),
        usd=DecimalColumn(cost.ravel(), 6),
        accuracy=DecimalColumn(value.ravel(), 6),
        limits=Limits(usd=usd),
    )
    found = solve(problem)
    assert found.gap <= most
    assert found.audit.ok
    assert float(found.bound) <= float(found.objective) * (1 + most)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("nearest", "states"), [(3, 20), (8, 200), (20, 10_000)])
def test_searching_few_changes_first_never_claims_too_much(monkeypatch, kind, nearest, states):
    """A large problem is searched in ever wider cores; the bound holds for the best plan of all."""
    cases = [drawn(kind, 6, 6, seed=seed) for seed in range(6)]
    best = [solve(case, solver="highs", gap=1e-9) for case in cases]
    monkeypatch.setattr(whole, "SMALL", 0)
    monkeypatch.setattr(whole, "QUICK_CHANGES", nearest)
    monkeypatch.setattr(whole, "QUICK_WORK", states)
    monkeypatch.setattr(whole, "NODE_WORK", 4 * states)
    monkeypatch.setattr(own, "SMALL_ENOUGH", 0)
    proven = 0
    for case, other in zip(cases, best, strict=True):
        found = solve(case, solver="own")
        assert found.gap is not None
        most = float(found.objective) * (1 + found.gap)
        assert most >= float(other.objective) * (1 - 1e-12)
        assert float(found.objective) <= float(other.objective) * (1 + 2e-9)
        proven += found.status is Status.OPTIMAL
    assert proven > len(cases) / 2

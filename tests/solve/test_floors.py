"""Accuracy floors that the mix of a class must reach: the own solver beside HiGHS."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import solve_small as small
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

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
    solve,
    verify,
)
from costplan.solve.conflict import feasible
from costplan.solve.frontier import split_frontier, with_ceiling
from costplan.solve.prices import prices
from costplan.solve.room import chosen_solver
from costplan.solve.why import Verdict, explain

some = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@st.composite
def floored(draw, goals=tuple(Goal), kinds=("usd", "latency", "team", "provider", "share", "none")):
    """Draw a problem with splits, floors on the mix of classes and one limit at most."""
    rows = [draw(small.class_rows(i)) for i in range(draw(st.integers(1, 6)))]
    goal, kind = draw(st.sampled_from(goals)), draw(st.sampled_from(kinds))
    usd = draw(small.decimals(0, 100_000, 3))
    target = goal is Goal.COST and draw(st.booleans())
    limits = {
        "usd": Limits(usd=usd),
        "latency": Limits(mean_latency_s=draw(small.decimals(10, 200, 1))),
        "team": Limits(team_usd={"a": usd}),
        "provider": Limits(provider_usd={"north": usd}),
        "share": Limits(provider_min_share={"south": draw(small.decimals(0, 100, 2))}),
        "none": Limits(),
    }[kind]
    objective = Objective(goal)
    if target:
        limits = Limits()
        by_value = draw(st.booleans())
        objective = Objective(
            goal,
            target_value=draw(small.decimals(0, 600_000, 1)) if by_value else None,
            target_accuracy=None if by_value else draw(small.decimals(0, 80, 2)),
        )
    return build_problem(rows, limits=limits, objective=objective, splits=True)


def mean_accuracy(problem, found, c):
    return sum(
        (Fraction(problem.accuracy.at(o)) * Fraction(share) for o, share in found.picks_of(c)),
        Fraction(0),
    )


@some
@given(floored())
def test_own_and_highs_agree_where_classes_have_floors(problem):
    """For every goal and kind of limit both find the same objective, or that there is no plan."""
    own, other = solve(problem, solver="own"), solve(problem, solver="highs")
    if own.status is Status.INFEASIBLE:
        # HiGHS stops without a plan where one exists in fractions but not in decimal shares.
        assert other.status in {Status.INFEASIBLE, Status.LIMIT}
        return
    assert own.status is Status.OPTIMAL
    assert verify(problem, own.main, own.splits).ok
    assert other.has_plan
    scale = max(abs(float(own.objective)), 1e-12)
    assert abs(float(own.objective) - float(other.objective)) <= 2e-9 * scale


@some
@given(floored())
def test_floors_are_kept_to_the_last_digit(problem):
    """No mix lies below its floor, and shares of a class have fifteen places and add up to 1."""
    found = solve(problem)
    assert found.has_plan == feasible(problem)
    if not found.has_plan:
        return
    for c in range(problem.n_classes):
        floor = problem.min_accuracy and problem.min_accuracy.get(c)
        picks = found.picks_of(c)
        assert sum((Fraction(share) for _, share in picks), Fraction(0)) == 1
        assert all(share > 0 and -share.as_tuple().exponent <= 15 for _, share in picks)
        if floor is not None:
            assert mean_accuracy(problem, found, c) >= Fraction(floor)


@some
@given(
    floored(goals=(Goal.VALUE, Goal.ACCURACY, Goal.NET_VALUE), kinds=("usd", "latency")),
    st.integers(0, 1000),
)
def test_the_frontier_is_the_optimum_at_every_ceiling(problem, part):
    """With floors, too, the frontier's value at a ceiling is what solving there gives."""
    along = "mean_latency_s" if problem.limits.usd is None else "usd"
    frontier = split_frontier(problem, along)
    if frontier is None:
        assert not solve(with_ceiling(problem, along, Decimal(10**9))).has_plan
        return
    low, high = frontier.amounts[0], frontier.amounts[-1]
    assume(np.isfinite(low) and high > 0)
    ceiling = Decimal(repr(float(low + (high - low) * part / 1000))).quantize(Decimal("1e-9"))
    found = solve(with_ceiling(problem, along, ceiling))
    at = frontier.at(float(ceiling))
    if at is not None and found.has_plan:
        assert float(found.objective) == pytest.approx(at, rel=1e-7, abs=1e-6)
    else:
        assert ceiling <= Decimal(low) + Decimal("1e-8")


@some
@given(floored(), st.integers(1, 30))
def test_a_higher_floor_never_betters_the_objective(problem, more):
    """A floor raised makes the plan worse or leaves it as it is."""
    assume(problem.min_accuracy is not None)
    column = problem.min_accuracy
    raised = DecimalColumn(
        column.units + more * 10 ** max(0, column.exponent - 2), column.exponent, column.missing
    )
    low, high = solve(problem), solve(replace(problem, min_accuracy=raised))
    if not high.has_plan:
        return
    assert low.has_plan
    sign = -1 if problem.objective.goal is Goal.COST else 1
    lead = sign * (float(low.objective) - float(high.objective))
    assert lead >= -1e-9 * max(abs(float(low.objective)), 1e-12)


def one_class(floor: str = "0.6", **changes) -> Problem:
    options = [
        OptionRow("x", "p", Decimal("0.2"), Decimal(1), Decimal(1)),
        OptionRow("y", "p", Decimal("0.5"), Decimal(2), Decimal(2)),
        OptionRow("z", "p", Decimal("0.8"), Decimal(4), Decimal(9)),
        OptionRow("dear", "p", Decimal("0.9"), Decimal(9), Decimal(30)),
    ]
    row = ClassRow("c", Decimal(3), Decimal(1), options, min_accuracy=Decimal(floor))
    return build_problem([row], splits=True, **changes)


def test_the_least_cost_is_the_mix_of_neighbours_at_the_floor():
    """A floor between two options is met by a third of the one above, rounded up."""
    found = solve(one_class(objective=Objective(Goal.COST)))
    third = Decimal("0.333333333333334")
    assert found.picks_of(0) == ((1, 1 - third), (2, third))
    assert found.status is Status.OPTIMAL


def test_a_split_between_the_mix_and_its_next_corner_has_two_picks():
    """A ceiling between the mix at the floor and the stronger option gives both of its options."""
    found = solve(one_class(limits=Limits(usd=Decimal(9))))
    assert [o for o, _ in found.picks_of(0)] == [1, 2]
    assert found.audit.bill_usd <= 9
    assert 9 - found.audit.bill_usd < Decimal("1e-13")
    assert mean_accuracy(one_class(), found, 0) == pytest.approx(0.65)


def test_a_floor_that_no_mix_reaches_leaves_no_plan():
    """A floor above the best option is infeasible, as is one that the ceiling cannot pay."""
    assert solve(one_class("0.95", limits=Limits(usd=Decimal(99)))).status is Status.INFEASIBLE
    assert solve(one_class("0.8", limits=Limits(usd=Decimal("11.999")))).status is (
        Status.INFEASIBLE
    )
    assert solve(one_class("0.8", limits=Limits(usd=Decimal(12)))).main.tolist() == [2]


def test_the_frontier_and_prices_begin_at_the_mix():
    """The first breakpoint is the mix at the floor, and a dollar more buys the stronger option."""
    problem = one_class(limits=Limits(usd=Decimal(9)))
    frontier = split_frontier(problem)
    assert frontier.amounts == pytest.approx([8, 12, 27])
    assert frontier.objective == pytest.approx([1.8, 2.4, 2.7])
    assert (frontier.before.tolist(), frontier.after.tolist()) == ([-1, 1, 2], [-1, 2, 3])
    assert frontier.along(problem.accuracy.floats) == pytest.approx([0.6, 0.8, 0.9])
    assert prices(problem)["usd"].up == pytest.approx(0.15)


def test_the_next_change_of_a_mix_names_what_comes_and_goes():
    """Of a class at its floor the weaker option goes when the ceiling rises, and none when not."""
    problem = one_class(limits=Limits(usd=Decimal("8.5")))
    found = explain(problem, solve(problem), 0)
    assert (found.up.before, found.up.after, found.up.amount) == (2, 3, Decimal(12))
    assert found.down is None


def test_an_option_that_a_floor_can_need_is_not_called_dominated():
    """For the least cost a dearer option is judged by the accuracy that a floor asks for."""
    problem = one_class("0.3", objective=Objective(Goal.COST))
    found = explain(problem, solve(problem), 0)
    verdicts = [option.verdict for option in found.options]
    assert verdicts == [Verdict.CHOSEN, Verdict.CHOSEN, Verdict.AVAILABLE, Verdict.AVAILABLE]


@pytest.mark.parametrize("floor", ["0.1", "0.6", "0.85"])
def test_a_price_is_the_change_of_the_objective_by_a_little_money(floor):
    """A thousandth of a dollar more changes the objective by the stated price of it."""
    problem = one_class(floor, limits=Limits(usd=Decimal("20.5")))
    more = with_ceiling(problem, "usd", Decimal("20.501"))
    change = float(solve(more).objective - solve(problem).objective)
    assert prices(problem)["usd"].up == pytest.approx(change * 1000, rel=1e-9)


@pytest.mark.parametrize("goal", [Goal.VALUE, Goal.NET_VALUE, Goal.COST])
@pytest.mark.parametrize("limit", ["usd", "mean_latency_s"])
def test_many_classes_with_floors_are_solved_without_highs(goal, limit):
    """Two hundred classes of twelve options agree with HiGHS to 1e-9."""
    problem, least = many_floors(goal, limit)
    problem = with_ceiling(problem, limit, Decimal(repr(round(least * 1.3, 3))))
    assert chosen_solver(problem) == "own"
    own, other = solve(problem), solve(problem, solver="highs")
    assert own.status is Status.OPTIMAL
    assert float(own.objective) == pytest.approx(float(other.objective), rel=1e-9)


@pytest.mark.parametrize("part", [0.9, 0.9999])
def test_both_say_that_a_ceiling_below_many_floors_leaves_no_plan(part):
    """Where the floors need a hair more than the ceiling there is no plan, and HiGHS says so."""
    problem, least = many_floors(Goal.VALUE, "usd")
    problem = with_ceiling(problem, "usd", Decimal(repr(round(least * part, 3))))
    assert solve(problem, solver="own").status is Status.INFEASIBLE
    assert solve(problem, solver="highs").status is Status.INFEASIBLE


def many_floors(goal, limit):
    rng = np.random.default_rng(7)
    n, m = 200, 12
    price = rng.integers(1, 10**5, n * m)
    accuracy = np.clip(0.2 + 0.07 * np.log(price) + rng.normal(0, 0.08, n * m), 0, 1)
    best = accuracy.reshape(n, m).max(axis=1)
    floors = [
        Decimal(int(best[i] * 900)).scaleb(-3) if rng.random() < 0.6 else None for i in range(n)
    ]
    problem = Problem(
        class_names=[f"c{i}" for i in range(n)],
        requests=DecimalColumn(rng.integers(1, 10**5, n), 0),
        weight=DecimalColumn(rng.integers(1, 100, n), 1),
        team=np.full(n, -1),
        team_names=(),
        first=np.arange(0, n * m + 1, m),
        option_names=[f"o{i}" for i in range(n * m)],
        provider=np.zeros(n * m, dtype=np.int64),
        provider_names=("p",),
        accuracy=DecimalColumn((accuracy * 10**4).astype(int), 4),
        usd=DecimalColumn(price, 6),
        mean_latency_s=DecimalColumn(rng.integers(1, 300, n * m), 1),
        min_accuracy=DecimalColumn.from_decimals(floors),
        objective=Objective(goal),
        splits=True,
    )
    frontier = split_frontier(replace(problem, objective=Objective()), limit)
    return problem, float(frontier.amounts[0])

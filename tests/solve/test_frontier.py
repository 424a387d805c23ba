"""The frontier holds all breakpoints with splits, and proven points without."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from costplan.solve import (
    ClassRow,
    Goal,
    Limits,
    Objective,
    OptionRow,
    Status,
    build_problem,
    solve,
)
from costplan.solve.frontier import frontier_points, split_frontier, with_ceiling
from costplan.solve.prices import prices


def case(**changes):
    def option(name, accuracy, usd, seconds):
        return OptionRow(
            name, "p", Decimal(accuracy), Decimal(usd), Decimal(seconds), Decimal(seconds)
        )

    rows = [
        ClassRow(
            "a",
            Decimal(100),
            Decimal(2),
            [
                option("x", "0.5", "0.01", 1),
                option("y", "0.8", "0.03", 6),
                option("z", "0.9", "0.2", 30),
            ],
        ),
        ClassRow(
            "b",
            Decimal(50),
            Decimal(1),
            [option("x", "0.2", "0.02", 2), option("y", "0.6", "0.05", 4)],
        ),
    ]
    return build_problem(rows, limits=Limits(usd=Decimal(5)), **changes)


def test_the_breakpoints_are_those_of_the_steps():
    """Each breakpoint tells money, value and which class moves from which option to which."""
    frontier = split_frontier(case())
    assert frontier.amounts.tolist() == [2.0, 4.0, 5.5, 22.5]
    assert frontier.objective == pytest.approx([110.0, 170.0, 190.0, 210.0])
    assert frontier.changed_class.tolist() == [-1, 0, 1, 0]
    assert frontier.before.tolist() == [-1, 0, 3, 1]
    assert frontier.after.tolist() == [-1, 1, 4, 2]
    assert frontier.at(1.99) is None
    assert frontier.at(1000.0) == pytest.approx(210.0)


def test_it_runs_along_mean_latency_too():
    """Along the mean latency the frontier's value is the optimum with splits at that ceiling."""
    problem = replace(case(splits=True), limits=Limits())
    frontier = split_frontier(problem, "mean_latency_s")
    middle = float(frontier.amounts[:2].mean())
    found = solve(with_ceiling(problem, "mean_latency_s", Decimal(repr(middle))))
    assert float(found.objective) == pytest.approx(frontier.at(middle))


def test_other_limits_leave_no_one_pass_frontier():
    """With another limit on the whole plan there is no frontier in one pass, but points."""
    problem = replace(case(splits=True), limits=Limits(mean_latency_s=Decimal(5)))
    assert split_frontier(problem) is None
    points = frontier_points(problem, 5)
    assert len(points) == 5
    assert all(point.solution.status is Status.OPTIMAL for point in points)
    values = [point.solution.objective for point in points]
    assert values == sorted(values)


def test_points_of_whole_plans_are_the_enumerated_ones():
    """With one option per class each point is the best plan that enumeration finds there."""
    for point in frontier_points(case(), 9):
        truth = solve(with_ceiling(case(), "usd", point.amount), solver="enumerate")
        assert point.solution.objective == truth.objective


def test_the_price_is_the_slope_of_the_frontier():
    """Prices on both sides of a ceiling are the slopes of the frontier beside it."""
    problem = case(splits=True)
    slopes = split_frontier(problem).slopes()
    corner = prices(with_ceiling(problem, "usd", Decimal(4)))["usd"]
    assert (corner.down, corner.up) == (pytest.approx(slopes[0]), pytest.approx(slopes[1]))
    inside = prices(with_ceiling(problem, "usd", Decimal(5)))["usd"]
    assert inside.up == inside.down == pytest.approx(slopes[1])
    lowest = prices(with_ceiling(problem, "usd", Decimal(2)))["usd"]
    assert (lowest.down, lowest.up) == (None, pytest.approx(slopes[0]))
    assert prices(with_ceiling(problem, "usd", Decimal(99)))["usd"].up == 0.0


def test_net_value_stops_where_a_dollar_earns_less_than_itself():
    """The frontier of net value ends at the plan that is best without a ceiling."""
    problem = case(objective=Objective(Goal.NET_VALUE), splits=True)
    frontier = split_frontier(problem)
    free = solve(with_ceiling(problem, "usd", None))
    assert frontier.objective[-1] == pytest.approx(float(free.objective))
    assert (np.diff(frontier.objective) > 0).all()


def test_there_is_no_frontier_without_a_plan():
    """Where no plan exists at any ceiling the points are empty."""
    problem = replace(case(splits=True), limits=Limits(mean_latency_s=Decimal("0.5")))
    assert frontier_points(problem, 5) == []

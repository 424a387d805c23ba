"""Infeasible problems name a smallest set of limits, and by how much each must give."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from costplan.solve import ClassRow, Limits, OptionRow, Status, build_problem, solve
from costplan.solve.conflict import conflict_of, feasible
from costplan.solve.limits import with_value, without


def two_classes(limits, splits=False, floor=None):
    def options(scale):
        return [
            OptionRow("small", "north", Decimal("0.5"), Decimal(scale), Decimal(2), Decimal(4)),
            OptionRow(
                "large", "south", Decimal("0.9"), Decimal(3 * scale), Decimal(9), Decimal(20)
            ),
        ]

    rows = [
        ClassRow("a", Decimal(10), Decimal(1), options(1), team="x", min_accuracy=floor),
        ClassRow("b", Decimal(20), Decimal(2), options(2), team="y"),
    ]
    return build_problem(rows, limits=limits, splits=splits)


def test_a_plan_has_no_conflict():
    """A problem with a plan has no conflict."""
    assert conflict_of(two_classes(Limits(usd=Decimal(1000)))) is None


def test_a_low_ceiling_conflicts_alone():
    """A ceiling below the cheapest plan is the whole conflict, with the dollars missing."""
    conflict = conflict_of(two_classes(Limits(usd=Decimal(45))))
    assert [limit.name for limit in conflict.limits] == ["usd"]
    assert conflict.limits[0].shortfall == Decimal(5)
    assert conflict.least_usd == Decimal(50)
    assert conflict.smallest


def test_two_limits_that_only_conflict_together_are_both_named():
    """A floor that the ceiling cannot pay for is named with it, each with its shortfall."""
    conflict = conflict_of(two_classes(Limits(usd=Decimal(60)), floor=Decimal("0.8")))
    names = {limit.name: limit for limit in conflict.limits}
    assert set(names) == {"usd", "classes.a.min_accuracy"}
    assert names["usd"].shortfall == Decimal(10)
    assert names["classes.a.min_accuracy"].shortfall == Decimal("0.3")
    assert all(limit.cures for limit in conflict.limits)


def test_limits_that_do_not_matter_are_left_out():
    """Limits that could stay are not part of the conflict."""
    limits = Limits(
        usd=Decimal(1000),
        mean_latency_s=Decimal(1),
        team_usd={"x": Decimal(500)},
        provider_usd={"north": Decimal(700)},
    )
    conflict = conflict_of(two_classes(limits))
    assert [limit.name for limit in conflict.limits] == ["mean_latency_s"]
    assert conflict.limits[0].shortfall == Decimal(1)
    assert conflict.least_usd is None


@pytest.mark.parametrize("splits", [False, True])
def test_giving_by_the_shortfall_is_enough_and_less_is_not(splits):
    """With a limit moved by its shortfall there is a plan, with a little less there is none."""
    limits = Limits(
        usd=Decimal(120), provider_min_share={"south": Decimal("0.9")}, mean_latency_s=Decimal(8)
    )
    problem = two_classes(limits, splits=splits)
    conflict = conflict_of(problem)
    for limit in conflict.limits:
        if not limit.cures:
            continue
        sign = -1 if limit.name.endswith("min_share") else 1
        moved = with_value(problem, limit.name, limit.limit + sign * limit.shortfall)
        assert feasible(moved)
        short = limit.shortfall - Decimal("0.00001")
        assert not feasible(with_value(problem, limit.name, limit.limit + sign * short))


def test_every_limit_of_the_conflict_is_needed():
    """Without any one of its limits the conflict is gone."""
    limits = Limits(usd=Decimal(120), provider_min_share={"south": Decimal("0.9")})
    problem = two_classes(limits)
    names = [limit.name for limit in conflict_of(problem).limits]
    assert not feasible(problem)
    for name in names:
        others = {"usd", "providers.south.min_share"} - set(names)
        assert feasible(without(problem, {name, *others}))


def test_the_least_budget_works_and_a_millionth_less_does_not():
    """The stated smallest ceiling leaves a plan, and the next lower one does not."""
    problem = two_classes(Limits(usd=Decimal(1), mean_latency_s=Decimal(3)), splits=True)
    least = conflict_of(problem).least_usd
    assert solve(with_value(problem, "usd", least)).status is Status.OPTIMAL
    lower = with_value(problem, "usd", least - Decimal("0.000001"))
    assert solve(lower).status is Status.INFEASIBLE


def test_a_class_shut_out_by_its_own_limit_is_named_alone():
    """A p95 limit below every option of a class is the conflict, whatever else is limited."""
    problem = two_classes(Limits(usd=Decimal(1)))
    column = problem.requests
    limit = replace(column, units=column.units * 0 + 3, exponent=0)
    problem = replace(problem, max_p95_latency_s=limit)
    conflict = conflict_of(problem)
    assert [one.name for one in conflict.limits] == ["classes.a.max_p95_latency_s"]
    assert not conflict.limits[0].cures

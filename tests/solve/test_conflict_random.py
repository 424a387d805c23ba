"""Conflicts of random problems, with enumeration as the judge."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations

import pytest
import solve_small as small
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from costplan.solve import ClassRow, Limits, OptionRow, build_problem, solve
from costplan.solve.conflict import conflict_of, feasible, is_floor, moved
from costplan.solve.least import least_of
from costplan.solve.limits import class_limits, value_of, whole_limits, with_value, without

few = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    derandomize=True,
)


def has_plan(problem):
    """Look at every whole plan; mixes cannot be enumerated, so HiGHS judges those."""
    if problem.splits:
        return feasible(problem)
    return solve(problem, solver="enumerate").has_plan


def only(problem, kept):
    everything = {*whole_limits(problem), *class_limits(problem)}
    return without(problem, everything - set(kept))


@few
@given(st.booleans().flatmap(lambda splits: small.everything(splits=splits)))
def test_a_conflict_is_one_is_smallest_and_each_amount_does(problem):
    """The named limits conflict, fewer do not, and each amount that is said to cure does."""
    assume(not has_plan(problem))
    conflict = conflict_of(problem)
    names = [limit.name for limit in conflict.limits]
    assert names
    assert not has_plan(only(problem, names))
    for name in names:
        assert has_plan(only(problem, set(names) - {name}))
    if conflict.smallest:
        everything = [*whole_limits(problem), *class_limits(problem)]
        for size in range(1, len(names)):
            for fewer in combinations(everything, size):
                assert has_plan(only(problem, fewer))
    for limit in conflict.limits:
        if limit.shortfall is None or limit.name.startswith("pools."):
            continue
        assert limit.shortfall > 0
        where = problem if limit.cures else only(problem, names)
        sign = -1 if is_floor(limit.name) else 1
        assert has_plan(moved(where, limit.name, limit.limit + sign * limit.shortfall))


@few
@given(
    st.booleans().flatmap(lambda splits: small.everything(splits=splits)),
    st.sampled_from(["0.01", "1e-6", "1e-9", "1e-12"]),
    st.data(),
)
def test_a_hair_short_is_a_conflict_and_a_hair_more_is_none(problem, hair, data):
    """A ceiling a cent or 1e-12 below the least that works is named, one above it is not."""
    names = [n for n in whole_limits(problem) if not n.startswith(("pools.", "target"))]
    assume(names)
    name = data.draw(st.sampled_from(names))
    least = least_of(problem, name)
    assume(least is not None)
    step = Decimal(hair) * (1 if is_floor(name) else -1)
    short = with_value(problem, name, least + step)
    assume(least + step >= 0)
    assert value_of(short, name) == least + step
    conflict = conflict_of(short)
    assert (conflict is None) == has_plan(short)
    assert solve(short).has_plan == (conflict is None)
    assert conflict is None or conflict.limits


def test_a_mix_gives_by_what_the_mix_lacks():
    """With splits a floor has to fall to the best mix that the money buys, not to an option."""
    options = [
        OptionRow("small", "north", Decimal("0.5"), Decimal(1)),
        OptionRow("large", "north", Decimal("0.9"), Decimal(3)),
    ]
    row = ClassRow("a", Decimal(10), Decimal(1), options, min_accuracy=Decimal("0.8"))
    problem = build_problem([row], limits=Limits(usd=Decimal(20)), splits=True)
    given_by = {limit.name: limit.shortfall for limit in conflict_of(problem).limits}
    assert given_by == {"usd": Decimal(5), "classes.a.min_accuracy": Decimal("0.1")}


def test_one_limit_is_named_rather_than_two():
    """A ceiling that conflicts alone is named before two limits of a class that conflict."""
    options = [
        OptionRow("fast", "north", Decimal("0.5"), Decimal(1), p95_latency_s=Decimal(1)),
        OptionRow("deep", "north", Decimal("0.9"), Decimal(1), p95_latency_s=Decimal(9)),
    ]
    row = ClassRow(
        "a",
        Decimal(10),
        Decimal(1),
        options,
        min_accuracy=Decimal("0.8"),
        max_p95_latency_s=Decimal(2),
    )
    problem = build_problem([row], limits=Limits(usd=Decimal(9)))
    conflict = conflict_of(problem)
    assert [limit.name for limit in conflict.limits] == ["usd"]
    assert conflict.smallest
    free = conflict_of(build_problem([row], limits=Limits(usd=Decimal(10))))
    assert len(free.limits) == 2


@pytest.mark.parametrize("ceiling", ["1e-9", "1e-15"])
def test_a_ceiling_next_to_nothing_is_no_conflict_for_what_needs_none(ceiling):
    """A plan that uses nothing of a ceiling is found however small the ceiling is."""
    options = [
        OptionRow("own", "north", Decimal("0.5"), Decimal(1), tokens=Decimal(0)),
        OptionRow("hosted", "north", Decimal("0.9"), Decimal(1), tokens=Decimal(5000)),
    ]
    row = ClassRow("a", Decimal(1000), Decimal(1), options)
    limits = Limits(usd=Decimal(2000), provider_tokens={"north": Decimal(ceiling)})
    problem = build_problem([row], limits=limits)
    assert conflict_of(problem) is None
    assert solve(problem).objective == 500

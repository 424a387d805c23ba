"""Own solver, HiGHS and brute force agree, and what must not matter does not matter."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
import solve_small as small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costplan.solve import Goal, Status, solve, verify
from costplan.solve.frontier import split_frontier

few = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def close(left, right):
    scale = max(abs(float(left)), abs(float(right)), 1e-12)
    return abs(float(left) - float(right)) <= 1e-9 * scale


def same_result(one, other):
    assert (one.status is Status.INFEASIBLE) == (other.status is Status.INFEASIBLE)
    if one.has_plan:
        assert one.status is Status.OPTIMAL
        assert close(one.objective, other.objective), (one, other)


@few
@given(small.single_ceilings())
def test_own_highs_and_enumeration_agree_on_whole_plans(problem):
    """With one ceiling and one option per class all three solvers find the same objective."""
    truth = solve(problem, solver="enumerate")
    same_result(solve(problem, solver="own"), truth)
    same_result(solve(problem, solver="highs"), truth)


@few
@given(small.single_ceilings(max_classes=8, splits=True))
def test_own_and_highs_agree_on_splits(problem):
    """With one ceiling and splits the own solver and HiGHS find the same objective."""
    same_result(solve(problem, solver="own"), solve(problem, solver="highs"))


@few
@given(small.everything())
def test_highs_finds_the_enumerated_optimum_under_all_limits(problem):
    """Under any mix of limits, GPUs and contracts HiGHS finds what enumeration finds."""
    same_result(solve(problem, solver="highs"), solve(problem, solver="enumerate"))


@few
@given(small.everything(splits=True))
def test_splits_are_never_worse_and_keep_every_limit(problem):
    """A plan with splits keeps every limit exactly and is at least as good as a whole plan."""
    mixed = solve(problem)
    assert mixed.status is not Status.LIMIT
    whole = solve(replace(problem, splits=False))
    if mixed.has_plan:
        assert verify(problem, mixed.main, mixed.splits).ok
    if whole.has_plan:
        assert mixed.has_plan
        sign = -1 if problem.objective.goal is Goal.COST else 1
        lead = sign * (float(mixed.objective) - float(whole.objective))
        assert lead >= -1e-9 * abs(float(whole.objective))


@few
@given(small.single_ceilings(max_classes=8), st.integers(0, 50_000), st.booleans())
def test_a_higher_ceiling_never_lowers_the_objective(problem, more, splits):
    """More money never makes the plan worse."""
    problem = replace(problem, splits=splits, min_accuracy=None)
    if problem.limits.usd is None:
        return
    low = solve(problem)
    high = solve(small.with_usd(problem, problem.limits.usd + Decimal(more).scaleb(-3)))
    if low.has_plan:
        assert high.has_plan
        assert float(high.objective) >= float(low.objective) - 1e-9 * abs(float(low.objective))


@few
@given(small.single_ceilings(max_classes=6), st.booleans(), st.randoms(use_true_random=False))
def test_order_changes_nothing(problem, splits, random):
    """Classes in another order give the same objective."""
    problem = replace(problem, splits=splits, min_accuracy=None, max_p95_latency_s=None)
    order = list(range(problem.n_classes))
    random.shuffle(order)
    same_result(solve(permuted(problem, order)), solve(problem))


@few
@given(small.single_ceilings(max_classes=6), st.booleans(), st.sampled_from([-6, -2, 3, 9]))
def test_the_scale_of_money_changes_nothing(problem, splits, power):
    """Dollars counted in another unit give the same plan."""
    if problem.objective.goal in {Goal.NET_VALUE, Goal.COST}:
        return
    problem = replace(problem, splits=splits, min_accuracy=None)
    usd = problem.usd
    units = usd.units * 10 ** max(0, power)
    scaled = replace(problem, usd=replace(usd, units=units, exponent=usd.exponent - min(0, power)))
    factor = Decimal(10) ** power
    scaled = small.with_usd(scaled, problem.limits.usd * factor)
    one, other = solve(problem), solve(scaled)
    same_result(one, other)
    assert np.array_equal(one.main, other.main)


@few
@given(small.single_ceilings(max_classes=6), st.booleans(), st.data())
def test_dominated_options_change_nothing(problem, splits, data):
    """An option that costs more and is worse than another one leaves the objective as it is."""
    problem = replace(problem, splits=splits, min_accuracy=None, max_p95_latency_s=None)
    target = data.draw(st.integers(0, problem.n_options - 1))
    same_result(solve(with_worse_twin(problem, target)), solve(problem))


@few
@given(small.single_ceilings(max_classes=6), st.booleans())
def test_every_run_gives_the_same_plan(problem, splits):
    """Solving twice gives the same shares, ties or not."""
    problem = replace(problem, splits=splits, min_accuracy=None)
    one, other = solve(problem), solve(problem)
    assert list(one.picks) == list(other.picks)


@few
@given(small.single_ceilings(max_classes=6, splits=True), st.integers(0, 1000))
def test_the_frontier_at_a_ceiling_is_the_optimum_with_splits(problem, part):
    """At every ceiling the frontier's value is what solving with splits there gives."""
    if problem.objective.goal is Goal.COST:
        return
    frontier = split_frontier(problem)
    if frontier is None:
        return
    low, high = frontier.amounts[0], frontier.amounts[-1]
    ceiling = Decimal(repr(float(low + (high - low) * part / 1000))).quantize(Decimal("1e-9"))
    found = solve(small.with_usd(problem, ceiling))
    at = frontier.at(float(ceiling))
    assert found.has_plan == (at is not None)
    if at is not None:
        assert float(found.objective) == pytest.approx(at, rel=1e-7, abs=1e-6)


def permuted(problem, order):
    spans = [np.arange(problem.first[c], problem.first[c + 1]) for c in order]
    options = np.concatenate(spans)
    classes = np.array(order)
    return replace(
        problem,
        class_names=[problem.class_names[c] for c in order],
        requests=problem.requests.part(classes),
        weight=problem.weight.part(classes),
        team=problem.team[classes],
        first=np.concatenate([[0], np.cumsum([len(span) for span in spans])]),
        option_names=[problem.option_names[o] for o in options],
        provider=problem.provider[options],
        accuracy=problem.accuracy.part(options),
        usd=problem.usd.part(options),
        mean_latency_s=problem.mean_latency_s.part(options),
        p95_latency_s=problem.p95_latency_s.part(options),
        tokens=problem.tokens.part(options),
    )


def with_worse_twin(problem, target):
    options = np.insert(np.arange(problem.n_options), target, target)
    owner = int(np.searchsorted(problem.first, target, side="right")) - 1
    first = problem.first + (np.arange(problem.n_classes + 1) > owner)
    usd, accuracy = problem.usd.part(options), problem.accuracy.part(options)
    usd.units[target] += 1
    accuracy.units[target] = max(0, accuracy.units[target] - 1)
    return replace(
        problem,
        first=first,
        option_names=[problem.option_names[o] for o in options],
        provider=problem.provider[options],
        accuracy=accuracy,
        usd=usd,
        mean_latency_s=problem.mean_latency_s.part(options),
        p95_latency_s=problem.p95_latency_s.part(options),
        tokens=problem.tokens.part(options),
    )

"""Large problems with many ceilings take another road to the same optimum."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
import solve_small as small
from hypothesis import HealthCheck, given, settings

from costplan.solve import DecimalColumn, Limits, Problem, Status, solve, verify
from costplan.solve import highs as highs_module


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(small.everything())
def test_whole_plans_by_prices_are_the_enumerated_ones(problem):
    """With prices first the optimum under all limits is still the enumerated one."""
    problem = replace(problem, pools=(), pool=None, contracts={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(highs_module, "LARGE", 0)
        found = solve(problem, solver="highs")
    truth = solve(problem, solver="enumerate")
    assert (found.status is Status.INFEASIBLE) == (truth.status is Status.INFEASIBLE)
    if truth.has_plan:
        assert found.status is Status.OPTIMAL
        assert float(found.objective) == pytest.approx(float(truth.objective), rel=1e-9)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(small.everything(splits=True))
def test_split_plans_by_prices_are_those_of_the_whole_program(problem):
    """With prices first the optimum with splits is that of HiGHS on all options."""
    problem = replace(problem, pools=(), pool=None, contracts={})
    truth = solve(problem, solver="highs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(highs_module, "LARGE", 0)
        found = solve(problem, solver="highs")
    assert found.status is truth.status
    if truth.has_plan:
        assert float(found.objective) == pytest.approx(float(truth.objective), rel=1e-9, abs=1e-12)


def many(n_classes: int, seed: int) -> Problem:
    """Build classes with two teams, a latency ceiling and a token capacity."""
    rng = np.random.default_rng(seed)
    n = n_classes * 10
    price = rng.integers(100, 50_000, n)
    accuracy = np.minimum(9_999, 2_500 + 600 * np.log(price) + rng.normal(0, 600, n)).astype(int)
    requests = rng.integers(10, 10_000, n_classes)
    cost = np.repeat(requests, 10) * price / 1e6
    mean = Decimal(f"{0.4 * cost.sum() / 10:.2f}")
    return Problem(
        class_names=[f"c{i}" for i in range(n_classes)],
        requests=DecimalColumn(requests, 0),
        weight=DecimalColumn(rng.integers(1, 50, n_classes), 1),
        team=rng.integers(0, 2, n_classes),
        team_names=("a", "b"),
        first=np.arange(0, n + 1, 10),
        option_names=[f"o{i}" for i in range(n)],
        provider=rng.integers(0, 2, n),
        provider_names=("p", "q"),
        accuracy=DecimalColumn(accuracy, 4),
        usd=DecimalColumn(price, 6),
        mean_latency_s=DecimalColumn(rng.integers(1, 300, n), 1),
        tokens=DecimalColumn(price * 3, 0),
        limits=Limits(
            usd=mean,
            team_usd={"a": (mean / 3).quantize(Decimal("0.01"))},
            mean_latency_s=Decimal(11),
            provider_tokens={"q": Decimal(int(30 * (cost * 1e6).sum() / 100))},
        ),
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_a_large_plan_is_proven_to_the_gap_asked_for(seed):
    """With many classes a plan under four ceilings is proven to 1e-4 and keeps every limit."""
    problem = many(1000, seed)
    found = solve(problem, gap=1e-4, time_limit_s=30)
    assert found.status is Status.OPTIMAL
    assert found.gap <= 1e-4
    assert verify(problem, found.main, found.splits).ok


def test_large_splits_are_proven_to_the_last_digit():
    """With splits the exact plan of many classes meets its bound to 1e-9."""
    problem = replace(many(1500, 2), splits=True)
    found = solve(problem)
    assert found.status is Status.OPTIMAL
    assert found.gap <= 1e-9
    assert 0 < len(found.splits) <= 4


def test_a_time_limit_gives_a_plan_with_its_gap():
    """A stop by time still gives a plan that keeps the limits and says how far it may be off."""
    problem = many(800, 3)
    found = solve(problem, gap=1e-9, time_limit_s=3)
    assert found.status in {Status.FEASIBLE, Status.OPTIMAL}
    assert found.bound >= found.objective
    assert verify(problem, found.main, found.splits).ok

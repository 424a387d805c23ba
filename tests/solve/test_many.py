"""Large problems with many ceilings take another road to the same optimum."""

from __future__ import annotations

from dataclasses import replace

import pytest
import solve_small as small
from hypothesis import HealthCheck, given, settings
from solve_large import four_ceilings

from costplan.solve import Status, solve, verify
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


@pytest.mark.parametrize("seed", [0, 1])
def test_a_large_plan_is_proven_to_the_gap_asked_for(seed):
    """With many classes a plan under four ceilings is proven to 1e-4 and keeps every limit."""
    problem = four_ceilings(1000, seed)
    found = solve(problem, gap=1e-4, time_limit_s=30)
    assert found.status is Status.OPTIMAL
    assert found.gap <= 1e-4
    assert verify(problem, found.main, found.splits).ok


def test_large_splits_are_proven_to_the_last_digit():
    """With splits the exact plan of many classes meets its bound to 1e-9."""
    problem = replace(four_ceilings(1500, 2), splits=True)
    found = solve(problem)
    assert found.status is Status.OPTIMAL
    assert found.gap <= 1e-9
    assert 0 < len(found.splits) <= 4


def test_a_time_limit_gives_a_plan_with_its_gap():
    """A stop by time still gives a plan that keeps the limits and says how far it may be off."""
    problem = four_ceilings(800, 3)
    found = solve(problem, gap=1e-9, time_limit_s=3)
    assert found.status in {Status.FEASIBLE, Status.OPTIMAL}
    assert found.bound >= found.objective
    assert verify(problem, found.main, found.splits).ok

"""One deadline for everything that is solved on the way to one answer."""

from __future__ import annotations

import time

import pytest
from solve_large import four_ceilings

from costplan.domain.errors import LimitError
from costplan.solve import Status, solve
from costplan.solve.conflict import feasible
from costplan.solve.deadline import is_over, left_s, within
from costplan.solve.least import least_of
from costplan.solve.prices import prices


def test_no_solve_runs_past_the_deadline_around_it():
    """A solve without a limit of its own, and one with a longer limit, end at the deadline."""
    problem = four_ceilings(400, 5)
    begun = time.monotonic()
    with within(0.4):
        solve(problem)
    with within(0.4):
        solve(problem, time_limit_s=60)
    assert time.monotonic() - begun < 4


def test_an_inner_deadline_does_not_outlive_an_outer_one():
    """The shorter of two deadlines holds, and none is left afterwards."""
    with within(0.0):
        with within(100.0):
            assert is_over()
        assert is_over()
    assert left_s() is None


def test_nothing_is_concluded_from_a_deadline():
    """Whether limits leave a plan, and the least they allow, is a failure then, no answer."""
    problem = four_ceilings(150, 5)
    with within(0.0):
        with pytest.raises(LimitError):
            feasible(problem)
        with pytest.raises(LimitError):
            least_of(problem, "teams.a.usd")
        assert solve(problem).status in {Status.LIMIT, Status.FEASIBLE}


def test_a_price_that_time_cut_short_is_left_out():
    """Ceilings that there was no time for have no price, instead of one of 0."""
    problem = four_ceilings(150, 5)
    all_of_them = prices(problem)
    for seconds in (0.0, 0.05, 0.2):
        with within(seconds):
            found = prices(problem)
        for name, price in found.items():
            assert price.up == pytest.approx(all_of_them[name].up, rel=1e-3, abs=1e-9)

"""One deadline for everything that is solved on the way to one answer."""

from __future__ import annotations

import time
from decimal import Decimal

import numpy as np
import pytest

from costplan.domain.errors import LimitError
from costplan.solve import DecimalColumn, Limits, Problem, Status, solve
from costplan.solve.conflict import feasible
from costplan.solve.deadline import is_over, left_s, within
from costplan.solve.least import least_of
from costplan.solve.prices import prices


def hard(n_classes: int = 150, n_options: int = 10) -> Problem:
    """Build a whole plan under four ceilings that takes long to prove."""
    rng = np.random.default_rng(5)
    n = n_classes * n_options
    price = rng.integers(100, 50_000, n)
    requests = rng.integers(10, 10_000, n_classes)
    cost = np.repeat(requests, n_options) * price / 1e6
    mean = Decimal(f"{cost.sum() / n_options * 0.4:.2f}")
    return Problem(
        class_names=[f"c{i}" for i in range(n_classes)],
        requests=DecimalColumn(requests, 0),
        weight=DecimalColumn(rng.integers(1, 50, n_classes), 1),
        team=rng.integers(0, 2, n_classes),
        team_names=("a", "b"),
        first=np.arange(0, n + 1, n_options),
        option_names=[f"o{i}" for i in range(n)],
        provider=rng.integers(0, 2, n),
        provider_names=("p", "q"),
        accuracy=DecimalColumn(2_000 + price // 10 + rng.integers(0, 500, n), 4),
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


def test_no_solve_runs_past_the_deadline_around_it():
    """A solve without a limit of its own, and one with a longer limit, end at the deadline."""
    problem = hard()
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
    problem = hard()
    with within(0.0):
        with pytest.raises(LimitError):
            feasible(problem)
        with pytest.raises(LimitError):
            least_of(problem, "teams.a.usd")
        assert solve(problem).status in {Status.LIMIT, Status.FEASIBLE}


def test_a_price_that_time_cut_short_is_left_out():
    """Ceilings that there was no time for have no price, instead of one of 0."""
    problem = hard()
    all_of_them = prices(problem)
    for seconds in (0.0, 0.05, 0.2):
        with within(seconds):
            found = prices(problem)
        for name, price in found.items():
            assert price.up == pytest.approx(all_of_them[name].up, rel=1e-3, abs=1e-9)

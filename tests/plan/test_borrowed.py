"""Bills that rest on tokens counted on a benchmark say so."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest

from costplan.evidence.costs import (
    BORROWED_LEVEL,
    BORROWED_OPTION,
    borrowed_factor,
    borrowed_reach,
)
from costplan.plan.build import build_plan

TASK = {
    "name": "questions",
    "requests": 1000,
    "input_tokens": 100,
    "output_tokens": 100,
    "evidence": {"benchmark": "quiz"},
}


@pytest.fixture
def plan(case, profile, row):
    """Plans one class whose evidence is changed."""

    def make(**changes):
        rows = (row("thinker", "high", 0.8), row("plain", "none", 0.5, reasoning_tokens=0.0))
        models = {"thinker": profile(), "plain": profile(model="plain")}
        evidence = {"benchmark": "quiz"} | changes.pop("evidence", {})
        keys = {"ceilings": {"usd": 20}} | changes.pop("keys", {})
        return build_plan(
            case([TASK | changes | {"evidence": evidence}], profiles=models, rows=rows, **keys)
        )

    return make


def said_of(made) -> list[str]:
    """Read what the plan says about its tokens."""
    return [said for said in made.assumptions if said.startswith("models think as long")]


def test_a_published_bill_is_wide_and_says_why(plan):
    """Thinking of the benchmark's length is no knowledge of one's own requests."""
    made = plan()
    totals = made.totals
    assert said_of(made)
    assert said_of(made)[0].endswith(": questions")
    assert totals.usd_borrowed == 1000 * 800 * Decimal(8) / 1_000_000
    assert totals.usd_interval.high > 3 * totals.usd
    assert totals.usd - totals.usd_borrowed <= totals.usd_interval.low + Decimal("0.2")
    assert totals.usd_interval.low < totals.usd - totals.usd_borrowed / 2


@pytest.mark.parametrize(
    "evidence", [{"reasoning_scale": 1}, {"reasoning_tokens": {"thinker/high": 800}}]
)
def test_what_is_stated_is_not_borrowed(plan, evidence):
    """An explicit scale, of 1 too, or tokens by name count as stated."""
    made = plan(evidence=evidence)
    assert not said_of(made)
    assert made.totals.usd_borrowed == 0
    assert made.totals.usd_interval.high < Decimal("1.5") * made.totals.usd


def test_models_that_do_not_think_borrow_nothing(plan):
    """The class's own sizes are all there is to count."""
    made = plan(models={"allow": ["plain"]})
    assert not said_of(made)
    assert made.totals.usd_borrowed == 0


def test_the_ceiling_is_kept_for_the_tokens_taken(plan):
    """Borrowed tokens widen the interval and leave the choice alone."""
    stated = plan(evidence={"reasoning_scale": 1})
    assert plan().lines[0].option == stated.lines[0].option
    assert plan().totals.usd == stated.totals.usd


def test_months_add_what_they_borrow(plan):
    """A horizon says it once and adds the dollars up."""
    keys = {"horizon": {"start": "2026-12", "months": 3}, "starts": None, "ceilings": {"usd": 60}}
    made = plan(keys=keys)
    assert len(said_of(made)) == 1
    assert made.totals.usd_borrowed == 3 * plan().totals.usd_borrowed


def test_the_reach_holds_as_many_bills_as_it_says():
    """Against simulated bills: 90 % intervals of sums of log-normal parts hold about 90 %."""
    dice = np.random.default_rng(5)
    many = [[10.0]] * 10
    for classes in (
        [[100.0]],
        [[60.0, 40.0]],
        [[50.0], [50.0]],
        [[40.0, 10.0], [30.0, 20.0]],
        many,
    ):
        total = np.zeros(20_000)
        for dollars in classes:
            level = dice.normal(0, BORROWED_LEVEL, total.shape)
            for usd in dollars:
                total += usd * np.exp(level + dice.normal(0, BORROWED_OPTION, total.shape))
        down, up = borrowed_reach(classes, 0.9)
        held = ((total >= 100 - down) & (total <= 100 + up)).mean()
        assert 0.84 <= held <= 0.96


def test_half_of_the_borrowed_parts_are_within_the_factor():
    """The factor that readers are told is the median of how far off a part is."""
    dice = np.random.default_rng(5)
    off = np.abs(dice.normal(0, math.hypot(BORROWED_LEVEL, BORROWED_OPTION), 50_000))
    assert abs(np.median(np.exp(off)) - borrowed_factor()) < 0.05


def overruns(made) -> list[str]:
    """Read what the plan says about the end of its bill."""
    return [w.message for w in made.warnings if w.code == "bill_may_pass_ceiling"]


def test_a_bill_that_may_end_above_its_ceiling_says_by_how_much(plan):
    """The dollars said are the end of the plan's own interval, and its distance to the ceiling."""
    made = plan()
    high = made.totals.usd_interval.high
    assert high > 20
    assert overruns(made) == [
        f"the bill may end at ${high}, ${high - 20} above the ceiling of $20, should requests take "
        "other token counts than the benchmarks did"
    ]


def test_no_overrun_is_said_where_there_is_none(plan):
    """Nothing is said of stated tokens, of a ceiling beyond the interval, or of none at all."""
    assert not overruns(plan(evidence={"reasoning_scale": 1}))
    assert not overruns(plan(keys={"ceilings": {"usd": 10_000}}))
    assert not overruns(plan(keys={"ceilings": {}}))


def test_months_say_their_furthest_overrun_once(plan):
    """Each month has its own ceiling: how many may pass it, and the month that goes furthest."""
    keys = {"horizon": {"start": "2026-12", "months": 3}, "starts": None, "ceilings": {"usd": 20},
            "seasonality": {"12": 0.5}}  # fmt: skip
    (said,) = overruns(plan(keys=keys))
    assert "in 3 of 3 months, the furthest in 2027-01: at $" in said

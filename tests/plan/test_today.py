"""What is done today stays the baseline, also where it may not go on."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from costplan.plan.build import build_plan

CLASS = {
    "name": "questions",
    "requests": 1000,
    "input_tokens": 1000,
    "output_tokens": 0,
    "evidence": {"benchmark": "quiz"},
    "today": {"model": "old", "setting": "high"},
}


@pytest.fixture
def plan(case, profile, row):
    """Makes plans of a class with an old and a new model."""

    def make(old=None, **changes):
        rows = tuple(row(m, "high", a) for m, a in (("old", 0.5), ("new", 0.8)))
        profiles = {"old": profile(model="old", **(old or {})), "new": profile(model="new")}
        return build_plan(case([CLASS | changes], profiles=profiles, rows=rows))

    return make


def today_of(made):
    """The baseline of today."""
    return next(b for b in made.baselines if b.name == "today")


def test_a_denied_model_stays_the_baseline(plan):
    """The dollars of today are those of the model where it is still allowed; and not allowed."""
    allowed = today_of(plan())
    denied = today_of(plan(models={"deny": ["old"]}))
    assert denied.usd == allowed.usd
    assert denied.accuracy == pytest.approx(allowed.accuracy)
    assert not denied.feasible
    assert "old/high in questions: the class's models do not allow it" in denied.detail


def test_a_model_that_ended_has_the_prices_of_its_last_day(plan):
    """A price that rose after the end does not count, and the day is said."""
    price = {
        "input_usd_per_mtok": Decimal(2),
        "cached_input_usd_per_mtok": Decimal("0.5"),
        "output_usd_per_mtok": Decimal(8),
        "source": "made up",
        "checked": dt.date(2026, 11, 25),
    }
    dear = {k: v * 10 if isinstance(v, Decimal) else v for k, v in price.items()}
    prices = [price | {"starts": dt.date(2026, 1, 1)}, dear | {"starts": dt.date(2026, 11, 20)}]
    ended = today_of(plan({"prices": prices, "ends": dt.date(2026, 11, 20)}))
    assert ended.usd == today_of(plan()).usd
    assert "at its prices of 2026-11-19" in ended.detail
    assert not ended.feasible


def test_the_plan_opens_with_the_difference_to_it(plan):
    """The verdict speaks of today although today may not go on."""
    made = plan(models={"deny": ["old"]})
    assert "than today" in made.verdict or made.verdict.startswith("As much as today")
    assert made.before.baseline == "today"
    assert {line.model for line in made.lines} == {"new"}


def test_a_model_that_nobody_measured_is_no_baseline(plan):
    """Without evidence there is nothing to compare with, and the reason is said."""
    made = plan(today={"model": "old", "setting": "low"}, models={"deny": ["old"]})
    assert today_of(made).usd is None
    assert "old/low is no option" in today_of(made).detail

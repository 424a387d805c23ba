"""The plans of other ceilings."""

from __future__ import annotations

from decimal import Decimal

import pytest

from costplan.plan.build import build_plan
from costplan.plan.retrace import shared_limits
from costplan.plan.slider import trace_stops
from costplan.plan.solving import Manner


def choices(stops):
    """Every stop's choices in full, from what differs between stops."""
    state: dict[tuple[str, str | None], dict[str, Decimal]] = {}
    for stop in stops:
        fresh: dict[tuple[str, str | None], dict[str, Decimal]] = {}
        for pick in stop.picks:
            fresh.setdefault((pick.task_class, pick.month), {})[pick.option] = pick.share
        state = state | fresh
        yield {
            (name, month, option): share
            for (name, month), shares in state.items()
            for option, share in shares.items()
        }


def assert_replanned(make, manner=None, **keys):
    """Each stop is what planning anew with its ceiling gives."""
    stops = trace_stops(make(**keys), manner)
    assert len(stops) > 2
    for stop, chosen in zip(stops, choices(stops), strict=True):
        plan = build_plan(make(usd=stop.ceiling_usd, **keys), manner)
        assert plan.totals.usd == stop.usd
        assert float(plan.totals.value) == pytest.approx(float(stop.value), rel=1e-12)
        assert plan.totals.accuracy.mean == pytest.approx(stop.accuracy, rel=1e-12)
        assert chosen == {
            (line.task_class, line.month, line.option): line.share for line in plan.lines
        }
    return stops


@pytest.fixture
def make(case, stated):
    """Makes a case of two classes under a ceiling."""

    def made(usd=150, months=None, **keys):
        options = [
            stated("fast", "0.5", "1", mean_latency_s=Decimal(1)),
            stated("middle", "0.7", "2", mean_latency_s=Decimal(3)),
            stated("deep", "0.9", "4", mean_latency_s=Decimal(9)),
        ]
        classes = [
            {"name": "a", "requests": 100, "options": options, "value_usd": 3},
            {"name": "b", "requests": 10, "options": options, "value_usd": 50},
        ]
        if months:
            keys |= {"starts": None, "horizon": months}
        ceilings = {"usd": Decimal(usd)} | keys.pop("limits", {})
        return case(classes, ceilings=ceilings, **keys)

    return made


def test_stops_are_plans_of_their_ceilings(make):
    """With splits, every stop is the plan of its ceiling, the own one among them."""
    stops = assert_replanned(make)
    assert Decimal(150) in {stop.ceiling_usd for stop in stops}
    assert stops[0].usd == 110
    assert stops[-1].usd == 440


def test_stops_keep_other_limits_and_whole_classes(make):
    """With a latency ceiling and without splits, stops are still the plans of their ceilings."""
    assert_replanned(make, splits=False, limits={"mean_latency_s": Decimal(5)})


def test_stops_of_monthly_ceilings_are_of_each_month(make):
    """Over a horizon with monthly budgets a stop gives every month its ceiling."""
    months = {"start": "2027-01", "months": 2}
    stops = assert_replanned(make, months=months)
    assert stops[-1].usd == 880
    assert shared_limits(build_plan(make(months=months)))["usd"] == 150


def test_stops_of_one_budget_for_all_months(make):
    """Over a horizon with one budget a stop is for all months together."""
    assert_replanned(make, months={"start": "2027-01", "months": 2, "budget": "total"})


def test_uncertain_costs_keep_their_margin(case, profile, row):
    """With measured token counts the margin is kept at each stop, as planning anew keeps it, and
    a naive plan's stops take none."""

    def made(usd=1):
        task = {"name": "quiz", "requests": 1_000, "input_tokens": 500, "output_tokens": 200,
                "value_usd": 1, "evidence": {"benchmark": "quiz"}}  # fmt: skip
        rows = tuple(
            row("thinker", name, right, output_tokens=tokens + 200.0, reasoning_tokens=tokens)
            for name, right, tokens in (("low", 0.5, 500.0), ("high", 0.8, 4_000.0))
        )
        return case(
            [task], profiles={"thinker": profile()}, rows=rows, ceilings={"usd": Decimal(usd)}
        )

    stops = assert_replanned(made)
    assert all(stop.usd < stop.ceiling_usd for stop in stops if stop.sure)
    assert_replanned(made, Manner(naive=True))


def test_least_cost_has_no_stops(make):
    """A ceiling does not change what costs the least."""
    aim = {"minimize": "cost", "target_accuracy": Decimal("0.6")}
    assert trace_stops(make(usd=400, objective=aim)) == ()


def test_what_cannot_be_planned_at_all_has_no_stops(make):
    """Where another limit stands in the way, no ceiling helps."""
    assert trace_stops(make(limits={"mean_latency_s": Decimal("0.5")})) == ()

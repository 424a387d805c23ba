"""Months planned together or one by one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from costplan.plan.build import build_plan


def one_class(stated, **changes):
    """A class with a fast and a deep option."""
    return {
        "name": "questions",
        "requests": 100,
        "options": [stated("fast", "0.5", "1"), stated("deep", "0.9", "3")],
    } | changes


def months_of(plan):
    """Requests planned in every month."""
    months: dict[str, Decimal] = {}
    for line in plan.lines:
        months[line.month] = months.get(line.month, Decimal(0)) + line.requests_planned
    return months


def test_volumes_grow_and_have_seasons(case, stated):
    """Growth compounds, the season multiplies, and a stated month replaces both."""
    task = one_class(
        stated, growth_per_month=Decimal("0.1"), requests_by_month={"2027-03": Decimal(7)}
    )
    made = case(
        [task],
        starts=None,
        horizon={"start": "2026-12", "months": 4},
        seasonality={12: Decimal(2), 2: Decimal("0.5")},
    )
    requests = {part.month: part.task.requests for part in made.classes}
    assert requests == {
        "2026-12": 200,
        "2027-01": 110,
        "2027-02": Decimal("60.5"),
        "2027-03": 7,
    }


def test_every_month_keeps_its_own_ceiling(case, stated):
    """A dear month does not borrow from a cheap one when the budget is monthly."""
    task = one_class(stated, requests_by_month={"2027-02": Decimal(200)})
    made = case(
        [task], starts=None, horizon={"start": "2027-01", "months": 2}, ceilings={"usd": 300}
    )
    plan = build_plan(made)
    spent = {line.month: Decimal(0) for line in plan.lines}
    for line in plan.lines:
        spent[line.month] += line.usd
    assert spent == {"2027-01": 300, "2027-02": 300}
    assert months_of(plan) == {"2027-01": 100, "2027-02": 200}
    assert {ceiling.name for ceiling in plan.ceilings} == {"2027-01.usd", "2027-02.usd"}
    assert plan.totals.usd == 600


def test_one_ceiling_for_all_months_is_shared(case, stated):
    """The whole budget goes where it buys most, and is never passed."""
    task = one_class(stated, requests_by_month={"2027-02": Decimal(200)})
    horizon = {"start": "2027-01", "months": 2, "budget": "total"}
    plan = build_plan(case([task], starts=None, horizon=horizon, ceilings={"usd": 600}))
    assert plan.totals.usd == 600
    monthly = {"start": "2027-01", "months": 2}
    apart = build_plan(case([task], starts=None, horizon=monthly, ceilings={"usd": 300}))
    assert plan.totals.value >= apart.totals.value


def test_limits_of_teams_and_providers_hold_in_each_month(case, stated):
    """A team's dollars are per month even where the whole budget is shared."""
    task = one_class(stated, team="search")
    plan = build_plan(
        case(
            [task],
            starts=None,
            horizon={"start": "2027-01", "months": 3, "budget": "total"},
            ceilings={"usd": 900, "teams": {"search": {"usd": 200}}},
        )
    )
    spent = {line.month: Decimal(0) for line in plan.lines}
    for line in plan.lines:
        spent[line.month] += line.usd
    assert set(spent.values()) == {Decimal(200)}


def test_prices_change_in_their_month(case, profile, row):
    """A stated change of price is paid from its day on."""
    task = {
        "name": "questions",
        "requests": 1000,
        "input_tokens": 1000,
        "output_tokens": 0,
        "evidence": {"benchmark": "quiz"},
    }
    change = {
        "model": "thinker",
        "starts": "2027-02-01",
        "input_usd_per_mtok": Decimal(4),
        "output_usd_per_mtok": Decimal(8),
        "source": "letter of the vendor",
    }
    made = case(
        [task],
        profiles={"thinker": profile()},
        rows=(row("thinker", "none", 0.5),),
        starts=None,
        horizon={"start": "2027-01", "months": 3},
        price_changes=[change],
    )
    plan = build_plan(made)
    assert [line.usd for line in plan.lines] == [2, 4, 4]


def test_a_month_that_cannot_be_met_makes_the_plan_infeasible(case, stated):
    """The conflict names the month, and the smallest ceiling is that of the worst month."""
    task = one_class(stated, requests_by_month={"2027-02": Decimal(500)})
    made = case(
        [task], starts=None, horizon={"start": "2027-01", "months": 2}, ceilings={"usd": 300}
    )
    plan = build_plan(made)
    assert plan.status == "infeasible"
    assert [member.limit for member in plan.conflict] == ["2027-02.usd"]
    assert plan.smallest_usd == 500


def test_a_horizon_needs_months(case, stated):
    """Volumes are per month there."""
    with pytest.raises(ValueError, match="period must be month"):
        case([one_class(stated)], starts=None, period="year", horizon={"start": "2027-01"})


@pytest.mark.parametrize("budget", ["month", "total"])
def test_shares_of_providers_hold_within_each_month(case, stated, budget):
    """Thirty percent of a month's requests is thirty percent, however the budget is shared."""
    task = one_class(stated, requests_by_month={"2027-02": Decimal(37), "2027-03": Decimal(400)})
    task["options"] = [
        stated("fast", "0.5", "1", provider="acme"),
        stated("deep", "0.9", "3", provider="zeta"),
    ]
    plan = build_plan(
        case(
            [task],
            starts=None,
            horizon={"start": "2027-01", "months": 3, "budget": budget},
            ceilings={"usd": 5000, "providers": {"zeta": {"max_share": Decimal("0.3")}}},
        )
    )
    deep = {line.month: line.share for line in plan.lines if line.option == "deep"}
    assert set(deep) == {"2027-01", "2027-02", "2027-03"}
    assert all(abs(share - Decimal("0.3")) < Decimal("1e-12") for share in deep.values())
    limits = {c.limit for c in plan.ceilings if c.name.endswith("max_share")}
    assert limits == {Decimal("0.3")}


@pytest.mark.parametrize("usd", ["1000.01", 1777])
@pytest.mark.parametrize("latency", [None, 5])
def test_months_that_are_alike_get_the_same_plan(case, stated, usd, latency):
    """Under one ceiling for all months equal months get equal shares, and lose nothing by it."""
    slow = {"mean_latency_s": Decimal(9)}
    tasks = [
        one_class(stated) | {"requests_by_month": {"2027-02": Decimal(170)}},
        one_class(stated) | {"name": "letters", "requests": 70},
    ]
    for task in tasks:
        fast, deep = task["options"]
        task["options"] = [fast | {"mean_latency_s": Decimal(2)}, deep | slow]
    ceilings = {"usd": Decimal(usd)} | ({} if latency is None else {"mean_latency_s": latency})
    horizon = {"start": "2027-01", "months": 5, "budget": "total"}
    made = case(tasks, starts=None, horizon=horizon, ceilings=ceilings)
    plan = build_plan(made)
    shares: dict[str, dict[tuple[str, str], Decimal]] = {}
    for line in plan.lines:
        shares.setdefault(line.month, {})[line.task_class, line.option] = line.share
    first = shares["2027-01"]
    for month in ("2027-03", "2027-04", "2027-05"):
        assert shares[month].keys() == first.keys()
        assert all(abs(shares[month][key] - first[key]) <= Decimal("1e-15") for key in first)
    assert plan.status == "optimal"
    assert plan.totals.usd <= Decimal(usd)
    assert plan.objective.gap <= 1e-9

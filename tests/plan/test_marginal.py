"""Prices of ceilings are what a little more or less of them really brings."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costplan.plan.build import build_plan

OPTIONS = st.lists(
    st.tuples(
        st.integers(10, 95), st.integers(1, 60), st.integers(1, 30), st.sampled_from(["p", "q"])
    ),
    min_size=2,
    max_size=4,
)
WORLDS = st.lists(OPTIONS, min_size=2, max_size=3)
QUIET = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
MOVE = 1e-4


def classes_of(world):
    """Classes of stated options from drawn numbers."""
    return [
        {
            "name": f"c{i}",
            "team": "t",
            "requests": 1000 + 100 * i,
            "value_usd": Decimal(1 + i),
            "options": [
                {
                    "name": f"o{i}{j}",
                    "provider": provider,
                    "accuracy": Decimal(accuracy) / 100,
                    "usd_per_request": Decimal(usd) / 100,
                    "mean_latency_s": Decimal(seconds),
                }
                for j, (accuracy, usd, seconds, provider) in enumerate(options)
            ],
        }
        for i, options in enumerate(world)
    ]


def build(case, world, usd, seconds, share):
    """A plan under dollars, a mean latency and a share."""
    return build_plan(
        case(
            classes_of(world),
            splits=True,
            ceilings={
                "usd": usd,
                "mean_latency_s": seconds,
                "providers": {"p": {"max_share": share}},
            },
        )
    )


@settings(max_examples=25, **QUIET)
@given(
    world=WORLDS,
    usd=st.integers(200, 1500),
    seconds=st.integers(4, 25),
    share=st.integers(10, 90),
)
def test_prices_are_those_of_solving_again(case, world, usd, seconds, share):
    """Every ceiling moved a little both ways changes the objective by its price."""
    stated = {"usd": Decimal(usd), "seconds": Decimal(seconds), "share": Decimal(share) / 100}
    plan = build(case, world, *stated.values())
    if plan.totals is None:
        return
    names = {"usd": "usd", "seconds": "mean_latency_s", "share": "providers.p.max_share"}
    prices = {c.name: c for c in plan.ceilings}
    size = abs(plan.objective.value)
    for key, name in names.items():
        step = stated[key] * Decimal(repr(MOVE))
        more = build(case, world, *(stated | {key: stated[key] + step}).values())
        gain = (more.objective.value - plan.objective.value) / float(step)
        near = 1e-3 * max(gain, prices[name].price_up) + 1e-7 * size / float(step)
        # A bend of the frontier inside the step makes the mean slope smaller than the price.
        assert gain <= prices[name].price_up + near
        less = build(case, world, *(stated | {key: stated[key] - step}).values())
        if less.totals is None or prices[name].price_down is None:
            continue
        loss = (plan.objective.value - less.objective.value) / float(step)
        assert loss >= prices[name].price_down - near - 1e-3 * loss
        assert prices[name].price_down >= prices[name].price_up - near


def test_a_linear_stretch_is_priced_exactly(case, stated):
    """Where nothing bends, both prices are the slope between the two options."""
    task = {
        "name": "a",
        "requests": 100,
        "options": [stated("x", "0.5", "1"), stated("y", "0.9", "3")],
    }
    plan = build_plan(case([task], ceilings={"usd": 200}))
    (ceiling,) = plan.ceilings
    assert ceiling.price_up == pytest.approx(0.2)
    assert ceiling.price_down == pytest.approx(0.2)
    assert plan.next_steps[0].value == pytest.approx(0.2 * float(plan.next_steps[0].step))


def test_a_share_of_a_month_is_priced_per_share_of_that_month(case, stated):
    """Over a horizon a point of one month's share brings what it brings in that month."""
    task = {
        "name": "a",
        "requests": 100,
        "options": [stated("x", "0.5", "1"), stated("y", "0.9", "1", provider="best")],
    }
    keys = {"ceilings": {"usd": 5000, "providers": {"best": {"max_share": Decimal("0.5")}}}}
    horizon = {"start": "2027-01", "months": 2, "budget": "total"}
    plan = build_plan(case([task], starts=None, horizon=horizon, **keys))
    shares = [c for c in plan.ceilings if c.name.endswith("share")]
    assert [c.limit for c in shares] == [Decimal("0.5")] * 2
    assert [c.price_up for c in shares] == pytest.approx([40.0] * 2, rel=1e-6)


def test_whole_gpus_have_no_price_and_say_so(case, stated):
    """A limit without a price tells why."""
    task = {
        "name": "a",
        "requests": 100,
        "options": [
            stated("x", "0.5", "1"),
            {"name": "own", "accuracy": Decimal("0.9"), "pool": "gpu", "tokens_per_request": 10},
        ],
    }
    pools = {"gpu": {"usd_per_gpu": 10, "tokens_per_gpu": 500, "max_gpus": 1}}
    plan = build_plan(case([task], pools=pools, ceilings={"usd": 200}))
    pool = next(c for c in plan.ceilings if c.name.startswith("pools."))
    assert (pool.price_up, pool.price_down) == (None, None)
    assert "GPUs are whole" in pool.price_note

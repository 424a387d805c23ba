"""Worst cases, bills, and the limit."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costplan.domain.price import Price
from costplan.probe.budget import Budget, OutOfMoneyError, Tariff, most_input_tokens
from costplan.providers.request import Message, Request, Role, Setting
from costplan.providers.usage import Usage

PRICE = Price(
    "m",
    "p",
    dt.date(2026, 11, 24),
    Decimal("3"),
    Decimal("0.3"),
    Decimal("15"),
    batch=False,
    source="test",
)
LONG = replace(PRICE, input_usd_per_mtok=Decimal(6), output_usd_per_mtok=Decimal("22.5"))


def asked(text, cap=100):
    """Make a request."""
    return Request("q", "m", (Message(Role.USER, text),), Setting("fixed"), cap)


@given(
    text=st.text(max_size=300),
    cap=st.integers(1, 10**5),
    data=st.data(),
)
@settings(deadline=None)
def test_no_bill_exceeds_the_worst_case(text, cap, data):
    """Any usage within the bounds of prompt and cap costs at most what is set aside for it."""
    request = asked(text, cap)
    tariff = Tariff(PRICE, long_prices=((1500, LONG),))
    most = most_input_tokens(request)
    input_tokens = data.draw(st.integers(0, most))
    cached = data.draw(st.none() | st.integers(0, input_tokens))
    written = data.draw(st.none() | st.integers(0, input_tokens - (cached or 0)))
    output = data.draw(st.integers(0, cap))
    usage = Usage(input_tokens, output, cached, written)
    assert 0 <= tariff.usd(usage) <= tariff.worst_usd(request, cap)


def test_bills_are_exact():
    """Cached, written and plain tokens are priced apart; unknown cached tokens in full."""
    tariff = Tariff(PRICE)
    usage = Usage(1000, 200, cached_input_tokens=400)
    assert tariff.usd(usage) == Decimal("0.00492")
    assert tariff.usd(Usage(1000, 200)) == Decimal("0.006")
    written = Usage(1000, 0, 0, 400, cache_write_by_lifetime={"1h": 100})
    # 300 at 1.25 x and 100 at 2 x on top of the plain price
    assert tariff.usd(written) == Decimal("0.003") + Decimal(3) * (75 + 100) / 10**6
    assert tariff.price_at(5) is PRICE


def test_what_the_provider_states_is_the_bill():
    """A stated price goes before tokens, but for keys of one's own, where it is only the fee."""
    usage = Usage(1000, 200, reported_cost_usd=Decimal("0.0123"))
    assert Tariff(PRICE).usd(usage) == Decimal("0.0123")
    assert Tariff(PRICE).usd(replace(usage, raw={"is_byok": True})) == Decimal("0.006")


def test_long_prompts_are_priced_by_their_step():
    """Above the step the dearer price holds for the whole call."""
    tariff = Tariff(PRICE, long_prices=((272_000, LONG),))
    assert tariff.usd(Usage(272_000, 0)) == Decimal("0.816")
    assert tariff.usd(Usage(272_001, 0)) == Decimal("1.632006")


@given(
    limit=st.integers(0, 60),
    calls=st.lists(st.tuples(st.integers(1, 10), st.floats(0, 1)), max_size=40),
    workers=st.integers(1, 8),
)
@settings(deadline=None)
def test_the_limit_holds_at_every_moment(limit, calls, workers):
    """Spent and set-aside dollars never exceed the limit, and money left over is too little."""
    refused = []

    async def go():
        budget = Budget(Decimal(limit))
        left = iter(calls)

        async def work():
            for worst, part in left:
                try:
                    await budget.reserve(Decimal(worst))
                except OutOfMoneyError:
                    refused.append((worst, budget.left_usd))
                    continue
                assert budget.left_usd >= 0
                await asyncio.sleep(0)
                budget.settle(Decimal(worst), Decimal(str(round(worst * part, 6))))
                assert budget.left_usd >= 0

        await asyncio.gather(*[work() for _ in range(workers)])
        return budget

    budget = asyncio.run(go())
    assert budget.spent_usd <= limit
    assert budget.reserved_usd == 0
    assert all(worst > left for worst, left in refused)


def test_a_call_waits_for_money_that_may_come_back():
    """A call that does not fit now goes on when one under way costs less than was set aside."""

    async def go():
        budget = Budget(Decimal(10))
        await budget.reserve(Decimal(8))
        waiting = asyncio.create_task(budget.reserve(Decimal(5)))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        budget.settle(Decimal(8), Decimal(1))
        await waiting
        assert budget.left_usd == 4
        late = asyncio.create_task(budget.reserve(Decimal(6)))
        await asyncio.sleep(0.01)
        budget.settle(Decimal(5), Decimal(5))
        with pytest.raises(OutOfMoneyError, match=r"\$6, and \$4 of \$10"):
            await late

    asyncio.run(go())


def test_earlier_money_counts():
    """What another run spent or may have spent is not there to spend again."""

    async def go():
        with pytest.raises(OutOfMoneyError):
            await Budget(Decimal(1), Decimal("0.9")).reserve(Decimal("0.2"))

    asyncio.run(go())
    with pytest.raises(ValueError, match="at least 0"):
        Budget(Decimal("NaN"))


def test_an_overrun_is_said():
    """A provider that charges beyond its cap is counted in full and reported."""

    async def go():
        budget = Budget(Decimal(1))
        await budget.reserve(Decimal("0.5"))
        assert not budget.settle(Decimal("0.5"), Decimal("0.7"))
        assert budget.overrun_usd == Decimal("0.2")
        assert budget.spent_usd == Decimal("0.7")

    asyncio.run(go())

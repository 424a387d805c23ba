"""The price of a call."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costplan.domain.price import Price

AMOUNT = st.decimals(0, 1_000_000, places=6)
RATE = st.decimals(0, 1000, places=9)


def price(first: str | Decimal, cached: str | Decimal, out: str | Decimal) -> Price:
    """Build a price with these rates."""
    return Price(
        "m", "p", dt.date(2026, 11, 24), Decimal(first), Decimal(cached), Decimal(out), False, "s"
    )


def test_cached_tokens_are_part_of_the_input() -> None:
    """Cached input is paid at its own rate, once, and only the rest at the full one."""
    got = price("3", "0.3", "15").usd_per_call(Decimal(1000), Decimal(400), Decimal(200))
    assert got == Decimal("0.00492")


@given(RATE, RATE, RATE, AMOUNT, AMOUNT, AMOUNT)
def test_calls_are_priced_exactly(
    first: Decimal, cached: Decimal, out: Decimal, fresh: Decimal, read: Decimal, written: Decimal
) -> None:
    """The dollars of a call are exact, whatever the decimals."""
    got = price(first, cached, out).usd_per_call(fresh + read, read, written)
    exact = (
        Fraction(first) * Fraction(fresh)
        + Fraction(cached) * Fraction(read)
        + Fraction(out) * Fraction(written)
    ) / 10**6
    assert Fraction(got) == exact


@pytest.mark.parametrize(("first", "cached", "out"), [(10, 11, 1), (10, -1, 1), (10, 1, -1)])
def test_impossible_tokens_are_refused(first: int, cached: int, out: int) -> None:
    """More cached than sent, or less than nothing, is an error and no price."""
    with pytest.raises(ValueError, match="tokens out of range"):
        price("1", "1", "1").usd_per_call(Decimal(first), Decimal(cached), Decimal(out))

"""Numbers as people read them: rounding, signs, grouping, and what is unknown."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costplan.domain import figures

AMOUNTS = st.decimals("-9999999", "9999999", places=6)
GROUPED = re.compile(r"−?\$\d{1,3}(,\d{3})*(\.\d+)?")


def read(text: str) -> Decimal:
    """Read back the number of a written one."""
    return Decimal(re.sub(r"[$,+±%s]|points", "", text).replace("−", "-").strip())


@pytest.mark.parametrize(
    "write",
    [
        figures.write_usd,
        figures.write_unit_usd,
        figures.write_percent,
        figures.write_seconds,
        figures.write_count,
        lambda number: figures.write_value(number, "usd"),
        lambda number: figures.write_value(number, "requests"),
    ],
)
def test_unknown_is_a_dash_and_never_a_zero(write: Callable[[None], str]) -> None:
    """What is not known is written as a dash by every function that may be given it."""
    assert write(None) == figures.UNKNOWN


@given(AMOUNTS, st.booleans())
def test_dollars_are_grouped_and_rounded_half_to_even(amount: Decimal, cents: bool) -> None:
    """Dollars read back as the amount rounded half to even, in groups of three digits."""
    text = figures.write_usd(amount, cents=cents)
    unit = Decimal("0.01") if cents else Decimal(1)
    assert GROUPED.fullmatch(text)
    assert read(text) == amount.quantize(unit, ROUND_HALF_EVEN)


def test_dollars_below_a_thousand_have_cents_unless_whole() -> None:
    """Small amounts have cents, whole and large ones have none."""
    written = [figures.write_usd(Decimal(a)) for a in ("0", "5", "999.5", "1000.5", "24870")]
    assert written == ["$0", "$5", "$999.50", "$1,000", "$24,870"]


@given(st.lists(st.decimals(0, 999999, places=6), min_size=1, max_size=12))
def test_a_column_of_dollars_adds_up(amounts: list[Decimal]) -> None:
    """The rows of a column add up to its total as both are written."""
    rows, total = figures.write_usd_column(amounts)
    assert sum(map(read, rows)) == read(total)
    assert len({"." in text for text in (*rows, total)}) == 1


@given(AMOUNTS.filter(bool))
def test_unit_dollars_have_three_digits_and_commas(amount: Decimal) -> None:
    """Dollars per request are off by less than half a unit of their third digit, or half a cent."""
    text = figures.write_unit_usd(amount)
    assert GROUPED.fullmatch(text)
    unit = min(Decimal("0.01"), Decimal(1).scaleb(amount.adjusted() - 2))
    assert abs(read(text) - amount) <= unit / 2


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0"),
        ("0.0123456", "$0.0123"),
        ("0.00000012", "$0.000000120"),
        ("0.5", "$0.500"),
        ("12.3", "$12.30"),
        ("1462", "$1,462.00"),
        ("1462000.005", "$1,462,000.00"),
        ("-0.0123", "−$0.0123"),
    ],
)
def test_unit_dollars_of_any_size(amount: str, text: str) -> None:
    """Dollars per request are plain digits with commas, never an exponent."""
    assert figures.write_unit_usd(Decimal(amount)) == text


@given(st.floats(0, 1))
def test_percent_is_a_hundred_times_the_share(share: float) -> None:
    """A share in percent is off by at most half of the last place that is written."""
    for places in (0, 1, 2):
        text = figures.write_percent(share, places)
        assert abs(float(read(text)) - 100 * share) <= 0.5 * 10**-places + 1e-9


@given(st.floats(-1, 1))
def test_points_always_have_a_sign(difference: float) -> None:
    """Points have a plus, a true minus, or a plus-minus where they round to nothing."""
    text = figures.write_points(difference)
    shown = float(read(text))
    assert text[0] == ("±" if shown == 0 else "+" if difference > 0 else "−")
    assert abs(shown - 100 * difference) <= 0.05 + 1e-9


def test_a_range_is_whole_percent() -> None:
    """An interval of shares is two whole numbers of percent."""
    assert figures.write_range(0.861, 0.949) == "86–95"
    assert figures.write_range(0.0, 1.0) == "0–100"


def test_seconds_lose_their_decimal_from_ten_on() -> None:
    """Seconds have one decimal below ten and none above, with commas from a thousand on."""
    written = [figures.write_seconds(s) for s in (0, Decimal("2.44"), 9.94, 10, 3600.4)]
    assert written == ["0.0 s", "2.4 s", "9.9 s", "10 s", "3,600 s"]


@given(st.decimals(-999999, 999999, places=4))
def test_counts_keep_two_decimals_where_small(number: Decimal) -> None:
    """A count is whole from a hundred on and where it is whole; otherwise it keeps two decimals."""
    text = figures.write_count(number)
    whole = number == number.to_integral_value() or abs(number) >= 100
    unit = Decimal(1) if whole else Decimal("0.01")
    assert ("." in text) is not whole
    assert abs(Decimal(text.replace(",", "")) - number) <= unit / 2


@pytest.mark.parametrize(
    ("number", "unit", "value", "gain"),
    [
        (1303.4, "usd", "$1,303", "$1,303 of value"),
        (37.0, "requests", "37", "37 right answers"),
        (2.5, "weight", "2.50", "2.50 of value"),
    ],
)
def test_values_are_written_in_their_unit(number: float, unit: str, value: str, gain: str) -> None:
    """Value is dollars, right answers, or the user's own weights, and a gain says which."""
    assert figures.write_value(number, unit) == value
    assert figures.write_gain(number, unit) == gain


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        ("-9300.2", "$9,300 less"),
        ("20", "$20 more"),
        ("0.004", "the same money"),
        ("-0.004", "the same money"),
        ("0.01", "$0.01 more"),
    ],
)
def test_changes_of_dollars_are_words(difference: str, text: str) -> None:
    """A difference of dollars is more, less, or the same money below half a cent."""
    assert figures.write_change(Decimal(difference)) == text


def test_periods_are_words() -> None:
    """An amount is per period, or in so many months over a horizon."""
    assert figures.write_period("month") == "a month"
    assert figures.write_period("year") == "a year"
    assert figures.write_period("month", 12) == "in 12 months"


@pytest.mark.parametrize(
    ("name", "amount", "written"),
    [
        ("classes.a.min_accuracy", "1e-12", "less than 0.01 points"),
        ("classes.a.min_accuracy", "0.0123", "1.23 points"),
        ("providers.p.max_share", "0.1", "10.00 points"),
        ("mean_latency_s", "1e-9", "less than 0.1 s"),
        ("mean_latency_s", "2.5", "2.5 s"),
        ("providers.p.tokens", "0.000001", "less than 0.01"),
        ("providers.p.tokens", "1200", "1,200"),
        ("usd", "0.01", "$0.01"),
        ("usd", "1000", "$1,000.00"),
    ],
)
def test_a_shortfall_is_never_written_as_nothing(name, amount, written):
    """What a limit lacks is written in its unit, and what no figure shows is said to be less."""
    assert figures.write_shortfall(name, Decimal(amount)) == written


@given(st.decimals(-(10**9), 10**9, places=2))
def test_cents_in_dense_tables_have_the_sign_that_dollars_have(amount):
    """A cell without the dollar sign is otherwise written as dollars are: one minus everywhere."""
    cell = figures.write_cents(amount)
    assert cell == figures.write_usd(amount, cents=True).replace("$", "")
    assert "-" not in cell

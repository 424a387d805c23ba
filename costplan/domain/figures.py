"""How numbers are written for people; the only place that formats them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from costplan.domain.money import CENT, round_to_foot, round_to_unit, total

UNKNOWN = "–"
WHOLE_FROM = 10_000
"""Dollars from which a column is written without cents."""
PERIOD_WORDS = {"day": "a day", "week": "a week", "month": "a month", "quarter": "a quarter"}


def write_period(period: str, months: int = 1) -> str:
    """Write what an amount is per: "a month", or "in 12 months" over a horizon."""
    if months > 1:
        return f"in {months} months"
    return PERIOD_WORDS.get(period, "a year")


SMALL_USD = Decimal("0.1")
"""Dollars of a sum below which cents say too little."""


def write_usd(amount: Decimal | None, *, cents: bool | None = None) -> str:
    """Write dollars: "$24,870", or with cents below 1,000 dollars or when asked."""
    if amount is None:
        return UNKNOWN
    if cents is None:
        cents = abs(amount) < 1000 and amount != amount.to_integral_value()
    rounded = round_to_unit(amount, Decimal("0.01") if cents else Decimal(1))
    sign = "−" if rounded < 0 else ""
    return f"{sign}${abs(rounded):,}"


def write_cents(amount: Decimal) -> str:
    """Write dollars in cents without their sign, for dense tables: "−2,752.79"."""
    return write_usd(amount, cents=True).replace("$", "")


def write_usd_column(amounts: Sequence[Decimal]) -> tuple[list[str], str]:
    """Write dollars of one column and their total, so that the rounded rows add up to it."""
    cents = sum(abs(amount) for amount in amounts) < WHOLE_FROM
    rounded = round_to_foot(amounts, CENT if cents else Decimal(1))
    return [write_usd(amount, cents=cents) for amount in rounded], write_usd(
        total(amounts), cents=cents
    )


def write_unit_usd(amount: Decimal | None) -> str:
    """Write dollars per request with three significant digits: "$0.0123", "$1,462.00"."""
    if amount is None:
        return UNKNOWN
    if amount == 0:
        return "$0"
    places = max(2, 2 - amount.adjusted())
    rounded = round_to_unit(amount, Decimal(1).scaleb(-places))
    sign = "−" if rounded < 0 else ""
    return f"{sign}${abs(rounded):,f}"


def write_percent(share: float | Decimal | None, places: int = 1) -> str:
    """Write a share as percent: "91.2 %"."""
    return UNKNOWN if share is None else f"{float(share) * 100:.{places}f} %"


def write_points(difference: float) -> str:
    """Write a difference of shares in percentage points: "+2.1 points"."""
    return f"{_sign(difference * 100, 1)} points"


def write_range(low: float, high: float) -> str:
    """Write an interval of shares in percent: "86–95"."""
    return f"{low * 100:.0f}–{high * 100:.0f}"


def write_seconds(seconds: float | Decimal | None) -> str:
    """Write seconds: "2.4 s", without decimals from 10 on."""
    if seconds is None:
        return UNKNOWN
    number = float(seconds)
    return f"{number:,.0f} s" if number >= 10 else f"{number:.1f} s"


def write_count(number: float | Decimal | None) -> str:
    """Write a count: "900,000"; two decimals where it is not whole and small."""
    if number is None:
        return UNKNOWN
    exact = Decimal(str(number))
    whole = exact == exact.to_integral_value() or abs(exact) >= 100
    return f"{exact:,.0f}" if whole else f"{exact:,.2f}"


def write_ceiling(name: str, amount: Decimal) -> str:
    """Write an amount of a ceiling in the unit that its name says: "teams.search.usd", "…_s"."""
    kind = name.rsplit(".", 1)[-1]
    if kind == "usd":
        return write_usd(amount, cents=True)
    if kind.endswith("_s"):
        return write_seconds(amount)
    if "share" in kind or "accuracy" in kind:
        return write_percent(amount)
    return write_count(amount)


def write_shortfall(name: str, amount: Decimal) -> str:
    """Write by how much a limit would have to give: what is too little to show is said to be so."""
    kind = name.rsplit(".", 1)[-1]
    if "share" in kind or "accuracy" in kind:
        points = float(amount) * 100
        return "less than 0.01 points" if 0 < points < 0.01 else f"{points:.2f} points"
    written = write_ceiling(name, amount)
    if amount > 0 and not written.strip("$0., s"):
        least = {"usd": "$0.01"}.get(kind, "0.1 s" if kind.endswith("_s") else "0.01")
        return f"less than {least}"
    return written


def write_price(name: str, price: float, unit: str, *, more: bool = True) -> str:
    """Write what some more (or less) of a ceiling is worth: "one more dollar brings $1.31".

    `price` is per unit of the ceiling; `unit` is that of value, "accuracy", or "cost" of a plan of
    least cost. A floor is loosened by less of it.
    """
    kind = name.rsplit(".", 1)[-1]
    floor = kind.startswith(("min_", "target"))
    step, words = _step_of(kind, unit, "less" if floor is more else "more")
    if price == 0:
        return f"{words} {'brings' if more else 'costs'} nothing"
    verb = "costs" if not more else "saves" if unit == "cost" else "brings"
    gain = price * step
    if unit == "accuracy":
        return f"{words} {verb} {gain * 100:.2g} points"
    if unit in {"usd", "cost"}:
        return f"{words} {verb} {write_unit_usd(Decimal(repr(gain)))}"
    return f"{words} {verb} {write_count(gain)}{' right answers' if unit == 'requests' else ''}"


def _step_of(kind: str, unit: str, way: str) -> tuple[float, str]:
    """Give a step of a ceiling that a person thinks in, and its words."""
    if kind == "usd":
        return (1.0, f"one dollar {way}") if unit in {"usd", "cost"} else (1e3, f"$1,000 {way}")
    if kind.endswith("_s"):
        return 1.0, f"one second {way}"
    if "share" in kind or "accuracy" in kind:
        return 0.01, f"one point {way}"
    if kind == "tokens":
        return 1e6, f"a million tokens {way}"
    return 1.0, f"one {way}"


def write_value(number: float | Decimal | None, unit: str) -> str:
    """Write a value in its unit: dollars, right answers, or the user's weights."""
    if number is None:
        return UNKNOWN
    if unit == "usd":
        return write_usd(Decimal(str(number)))
    return write_count(number)


def write_gain(number: float, unit: str) -> str:
    """Write a gain with what it is a gain of: "$1,303 of value", "37 right answers"."""
    if unit == "usd":
        return f"{write_value(number, unit)} of value"
    return f"{write_count(number)} {'right answers' if unit == 'requests' else 'of value'}"


def write_change(difference: Decimal) -> str:
    """Write a difference of dollars in words: "$9,300 less", "$20 more", "the same money"."""
    if round_to_unit(difference) == 0:
        return "the same money"
    return f"{write_usd(abs(difference))} {'less' if difference < 0 else 'more'}"


def _sign(number: float, places: int) -> str:
    text = f"{abs(number):.{places}f}"
    if float(text) == 0:
        return f"±{text}"
    return f"{'−' if number < 0 else '+'}{text}"

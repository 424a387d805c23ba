"""What the tokens of a line cost at a price, and which price its dollars follow from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from costplan.plan.model import Line, PriceUsed

Tokens = tuple[Decimal, Decimal, Decimal]
"""Uncached input, cached input, output; or dollars for each of them."""
Offer = tuple[str, str, bool]
"""Model, provider, and whether the batch price is paid."""
_NEAR = Decimal("1e-9")
"""How far tokens times price may be from a line's dollars, relative: tokens have 15 digits."""


def group_prices(prices: Iterable[PriceUsed]) -> dict[Offer, list[PriceUsed]]:
    """Group prices by what is bought; those of other months stand side by side, in order."""
    grouped: dict[Offer, list[PriceUsed]] = {}
    for price in prices:
        grouped.setdefault((price.model, price.provider, price.batch), []).append(price)
    return grouped


def offer_of(line: Line) -> Offer:
    """Say what a line buys."""
    return line.model, line.provider, line.batch


def tokens_of(line: Line) -> Tokens | None:
    """Count the tokens of a line by what they are priced as; None where unknown."""
    if line.input_tokens is None or line.output_tokens is None:
        return None
    cached = min(line.cached_input_tokens or Decimal(0), line.input_tokens)
    return line.input_tokens - cached, cached, line.output_tokens


def rates_of(price: PriceUsed) -> Tokens:
    """Give a price's dollars per million tokens; cached input costs as other where none is said."""
    fresh, cached = price.input_usd_per_mtok, price.cached_input_usd_per_mtok
    return fresh, fresh if cached is None else cached, price.output_usd_per_mtok


def price_tokens(tokens: Tokens, rates: Tokens) -> Decimal:
    """Give what tokens cost at dollars per token, or at the unit that the rates are per."""
    return tokens[0] * rates[0] + tokens[1] * rates[1] + tokens[2] * rates[2]


def price_line(line: Line, price: PriceUsed) -> Decimal | None:
    """Give what a line's tokens cost at a price; None where the tokens are not known."""
    tokens = tokens_of(line)
    return None if tokens is None else price_tokens(tokens, rates_of(price)).scaleb(-6)


def find_price(line: Line, prices: Mapping[Offer, Sequence[PriceUsed]]) -> int | None:
    """Find the place, among the prices of what a line buys, of the one its dollars follow from."""
    for place, price in enumerate(prices.get(offer_of(line), ())):
        cost = price_line(line, price)
        if cost is not None and abs(cost - line.usd) <= _NEAR * max(abs(line.usd), Decimal(1)):
            return place
    return None

"""Dollars that were measured or published at other prices, taken to the prices of the plan."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from costplan.domain.measurement import Measurement
from costplan.domain.price import Price
from costplan.plan.market import Market
from costplan.plan.tokens import TOKEN, TokenUse

SLACK = Decimal("0.02")
"""Part by which published dollars may miss what their tokens can cost before it is said."""
UNIT = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Repriced:
    """Dollars of one request at the plan's prices."""

    usd: Decimal
    """Dollars per request."""
    use: TokenUse | None
    """Tokens behind them; None where unknown."""
    price: Price | None
    """Price that was used; None for dollars taken as they are."""
    notes: tuple[str, ...]
    """What was assumed."""


def reprice(row: Measurement, model: str, market: Market, *, batch: bool) -> Repriced:
    """Take a benchmark's dollars per task to the prices of the plan's day.

    The share of input that was read from the cache is the one that explains the published dollars
    at the list price of their own day; a task is many calls, so prices of short calls hold. Without
    tokens or prices the published dollars are taken as they are.
    """
    published = row.usd if row.usd is not None else Decimal(0)
    as_published = "dollars per request as the benchmark published them, at the prices of its day"
    now = market.price_of(model, batch=batch)
    then = _price_then(row, model, market)
    if row.input_tokens is None or row.output_tokens is None or now is None or then is None:
        notes = [as_published]
        if batch:
            notes.append("no batch discount is applied to published dollars")
        return Repriced(published, _count(row, Decimal(0)), None, tuple(notes))
    sent, got = Decimal(str(row.input_tokens)), Decimal(str(row.output_tokens))
    fresh = then.usd_per_call(sent, Decimal(0), got)
    cached = then.usd_per_call(sent, sent, got)
    share = (fresh - published) / (fresh - cached) if fresh > cached else Decimal(0)
    share = min(max(share, Decimal(0)), Decimal(1))
    use = _count(row, (sent * share).quantize(TOKEN))
    assert use is not None
    if published > fresh * (1 + SLACK):
        note = "published dollars are above what their tokens cost at list price; taken as they are"
        return Repriced(published, use, None, (note,))
    notes = ["published dollars taken to the plan's prices by their tokens"]
    if published < cached * (1 - SLACK):
        notes = ["published dollars are below what their tokens cost at list price; list is taken"]
    return Repriced(
        now.usd_per_call(use.input, use.cached_input, use.output), use, now, tuple(notes)
    )


def _price_then(row: Measurement, model: str, market: Market) -> Price | None:
    try:
        day = dt.date.fromisoformat(row.date)
    except ValueError:
        return None
    return market.list_price_on(model, day)


def _count(row: Measurement, cached: Decimal) -> TokenUse | None:
    if row.input_tokens is None or row.output_tokens is None:
        return None
    return TokenUse(
        input=Decimal(str(row.input_tokens)).quantize(TOKEN),
        cached_input=cached,
        output=Decimal(str(row.output_tokens)).quantize(TOKEN),
        reasoning=Decimal(str(row.reasoning_tokens or 0)).quantize(TOKEN),
    )


def price_measured(
    model: str, market: Market, usd: Decimal | None, use: TokenUse | None, *, batch: bool
) -> Repriced | None:
    """Price a measured option: its own dollars, or its tokens where a price is stated or needed.

    Tokens are priced where the workload states a price or a change of it for the model, where the
    class may wait for the batch price, and where the dollars are not known. None when nothing is.
    """
    stated = batch or market.states(model)
    price = market.price_of(model, batch=batch) if stated or usd is None else None
    if use is not None and price is not None and (price.batch or not batch or usd is None):
        note = "measured tokens at the plan's prices; input read from the cache is not known"
        return Repriced(
            price.usd_per_call(use.input, use.cached_input, use.output), use, price, (note,)
        )
    if usd is None:
        return None
    notes = ("dollars as measured; no stated price is applied",) if stated else ()
    return Repriced(usd.quantize(UNIT), use, None, notes)

"""Stated spend beside priced tokens: a difference says that tokens, prices or discounts are off."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.price import UnknownPriceError
from costplan.files.prices import find_price
from costplan.ingest.model_names import find_profile
from costplan.ingest.usage.result import ModelUsage, PriceGap, UsageResult

if TYPE_CHECKING:
    from costplan.domain.profile import Profile

TOLERATED = 0.01
"""Relative difference that is not worth a word."""


def compare_prices(result: UsageResult, profiles: Mapping[str, Profile]) -> UsageResult:
    """Add what the tokens of every model cost at list price, and warn where it differs by 1 %."""
    day = (result.span.end or dt.datetime.now(dt.UTC)).date()
    gaps = []
    for model, usage in result.models.items():
        gap = _compare(model, usage, profiles, day)
        if gap is not None:
            gaps.append(gap)
    return replace(
        result, prices=tuple(gaps), warnings=(*result.warnings, *filter(None, map(_word, gaps)))
    )


def _compare(
    model: str, usage: ModelUsage, profiles: Mapping[str, Profile], day: dt.date
) -> PriceGap | None:
    if usage.usd is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    name = find_profile(model, profiles)
    if name is None:
        return PriceGap(model, usage.usd, None, "no profile of this model")
    calls = usage.requests or 1
    size = Decimal(usage.input_tokens) / calls if usage.requests else Decimal(0)
    try:
        price = find_price(
            name, profiles[name], as_of=day, batch=False, input_tokens=size.quantize(Decimal(1))
        )
    except UnknownPriceError as error:
        return PriceGap(model, usage.usd, None, error.faults[0].message)
    priced = price.usd_per_call(
        Decimal(usage.input_tokens),
        Decimal(min(usage.cached_input_tokens or 0, usage.input_tokens)),
        Decimal(usage.output_tokens),
    )
    return PriceGap(model, usage.usd, priced, price.source)


def _word(gap: PriceGap) -> str:
    if gap.priced_usd is None:
        return f"{gap.model}: stated spend cannot be checked: {gap.source}"
    difference = gap.difference
    if difference is None:
        return f"{gap.model}: no spend is stated, the tokens cost ${gap.priced_usd:.2f} at list"
    if abs(difference) <= TOLERATED:
        return ""
    return (
        f"{gap.model}: stated ${gap.stated_usd:.4f}, tokens at list price ${gap.priced_usd:.4f}"
        f" ({difference:+.1%}, {gap.source}); discounts, cache writes, batch and search fees"
        " are not in the second"
    )

"""Find what a call costs: the workload's price, else the profile's, else genai-prices'.

The price library is imported here alone, and only when it is asked.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault
from costplan.domain.money import EXACT
from costplan.domain.price import Price, PriceListing, UnknownPriceError

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, PriceCalculation, Provider

    from costplan.domain.profile import DatedPrice, PriceKey, Profile
    from costplan.domain.workload import StatedPrice

    Entry = tuple[Provider, ModelInfo]

__all__ = [
    "PRICE_HOUR_UTC",
    "find_price",
    "hosts_of",
    "list_prices",
    "prices_by_hour",
]

PRICE_HOUR_UTC = 12
"""Hour of the day, in UTC, that prices are taken at.

Some prices go by the hour, and without a fixed one the plan would depend on the clock. Noon UTC is
a working hour in Europe and America, full price for DeepSeek's models of 2025 (cheaper from 16:30
to 00:30 UTC) and outside the dear hours of its models of 2026 (01:00 to 04:00 and 06:00 to 10:00).
"""
_BATCH = {"processing": "batch"}
_NO_BATCH = "no batch price known: the standard price is used"
_ZERO = Decimal(0)
Rates = tuple[Decimal, Decimal, Decimal]
"""Dollars per million input, cached input and output tokens."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Rates with what has to be said about them."""

    rates: Rates
    batch: bool
    source: str
    notes: tuple[str, ...] = ()


def find_price(
    name: str,
    profile: Profile,
    *,
    as_of: dt.date,
    batch: bool,
    input_tokens: Decimal,
    host: str | None = None,
    stated: StatedPrice | None = None,
) -> Price:
    """Find the price of calls of one size on one day.

    The first that knows wins: the price stated in the workload, the profile's dated prices (of its
    own provider), the price library. The size is that of a single call: long calls may be dearer.
    A batch price that is not known is the standard price, with Price.batch False and a note. A
    model that has ended keeps the last price known, with a note. Raises UnknownPriceError.
    """
    elsewhere = host is not None and host.casefold() != profile.provider.casefold()
    provider = host if elsewhere and host is not None else profile.provider
    if stated is not None:
        found = _take(stated, batch, f"workload: {stated.source}")
    elif not elsewhere and profile.prices:
        found = _from_profile(name, profile, as_of, batch)
    else:
        entry = _at_host(name, profile, provider) if elsewhere else _at_home(name, profile)
        found = _from_library(name, entry, as_of, batch, input_tokens)
    notes = found.notes
    if profile.ends is not None and as_of >= profile.ends and not elsewhere:
        notes += (f"{name} ended on {profile.ends}: this is the last price known",)
    return Price(
        name, provider, as_of, *found.rates, batch=found.batch, source=found.source, notes=notes
    )


def list_prices(profiles: Mapping[str, Profile], as_of: dt.date) -> tuple[PriceListing, ...]:
    """List prices on a day, with batch and long-call prices and the changes announced after it."""
    return tuple(_listing(name, profile, as_of) for name, profile in profiles.items())


def prices_by_hour(name: str, profile: Profile, as_of: dt.date) -> tuple[Price, ...]:
    """List a short call's price at each hour of a day, UTC; empty where the hour does not matter.

    For paying today: a plan uses one hour's price for all. Raises UnknownPriceError.
    """
    if profile.prices or profile.price_key is None:
        return ()
    provider, model = entry = _resolve(name, profile.price_key)
    if not _by_the_hour(model):
        return ()
    asked = (_ask(entry, as_of, batch=False, hour=hour) for hour in range(24))
    return tuple(
        Price(name, provider.id, as_of, *_rates(name, a, _ZERO), batch=False, source=_source(a))
        for a in asked
    )


def hosts_of(name: str, profile: Profile) -> tuple[str, ...]:
    """Name the providers for which the price library has a price of the model."""
    from genai_prices.data_snapshot import get_snapshot

    return tuple(
        provider.id
        for provider in get_snapshot().providers
        if any(True for _ in _models_at(provider, name, profile))
    )


def _listing(name: str, profile: Profile, as_of: dt.date) -> PriceListing:
    def at(day: dt.date, *, batch: bool = False, input_tokens: int = 0) -> Price:
        return find_price(name, profile, as_of=day, batch=batch, input_tokens=Decimal(input_tokens))

    try:
        price = at(as_of)
    except UnknownPriceError as error:
        return PriceListing(name, None, error.faults[0].message, None, (), (), profile.ends)
    batch = at(as_of, batch=True)
    long_calls: list[tuple[int, Price]] = []
    for start in _tier_starts(profile, as_of):
        dearer = at(as_of, input_tokens=start + 1)
        if dearer.rates() != price.rates():
            long_calls.append((start, dearer))
    changes: list[Price] = []
    for day in days_of_change(profile, as_of):
        change = at(day)
        if change.rates() != (changes[-1] if changes else price).rates():
            changes.append(change)
    return PriceListing(
        name=name,
        price=price,
        fault="",
        batch=batch if batch.batch else None,
        long_calls=tuple(long_calls),
        changes=tuple(changes),
        ends=profile.ends,
    )


def _take(price: StatedPrice | DatedPrice, batch: bool, source: str) -> _Found:
    cached = price.cached_input_usd_per_mtok
    rates = (
        price.input_usd_per_mtok,
        price.input_usd_per_mtok if cached is None else cached,
        price.output_usd_per_mtok,
    )
    if not batch:
        return _Found(rates, False, source)
    if price.batch_multiplier is None:
        return _Found(rates, False, source, (_NO_BATCH,))
    with localcontext(EXACT):
        first, second, third = (rate * price.batch_multiplier for rate in rates)
    return _Found((first, second, third), True, source)


def _from_profile(name: str, profile: Profile, as_of: dt.date, batch: bool) -> _Found:
    past = [price for price in profile.prices if price.starts <= as_of]
    if not past:
        raise _unknown(
            name,
            f"no price is known before {profile.prices[0].starts}",
            "plan for a later day, or state a price under prices: in the workload",
        )
    price = past[-1]
    return _take(price, batch, f"profile, from {price.starts}: {price.source}")


def _from_library(
    name: str, entry: Entry, as_of: dt.date, batch: bool, input_tokens: Decimal
) -> _Found:
    standard = _ask(entry, as_of, batch=False)
    rates = _rates(name, standard, input_tokens)
    notes: tuple[str, ...] = ()
    if batch:
        halved = _rates(name, _ask(entry, as_of, batch=True), input_tokens)
        # a misspelt context and a model without a batch price both answer with the standard price
        batch = halved != rates
        notes += () if batch else (_NO_BATCH,)
        rates = halved
    tier = _tier(standard, input_tokens)
    if tier is not None:
        notes += (f"dearer price of calls above {tier} input tokens",)
    if _by_the_hour(standard.model):
        notes += (f"the price goes by the hour: that of {PRICE_HOUR_UTC}:00 UTC is used",)
    return _Found(rates, batch, _source(standard), notes)


def _at_home(name: str, profile: Profile) -> Entry:
    """Find the library's entry for the profile's own provider; no other answer is accepted."""
    key = profile.price_key
    if key is None:
        raise _unknown(name, "no price is known for it", _advice(name, profile))
    return _resolve(name, key)


def _resolve(name: str, key: PriceKey) -> Entry:
    from genai_prices.data_snapshot import get_snapshot

    asked = f"{key.provider}/{key.model}"
    try:
        provider, model = get_snapshot().find_provider_model(key.model, None, key.provider, None)
    except LookupError as error:
        raise _unknown(
            name, f"genai-prices does not know {asked}", "correct price_key in the profile"
        ) from error
    if (provider.id, model.id) != (key.provider, key.resolves_to):
        raise _unknown(
            name,
            f"genai-prices answers {asked} with {provider.id}/{model.id}, "
            f"not {key.provider}/{key.resolves_to}",
            "it may be another model: correct price_key in the profile, or state a price",
        )
    return provider, model


def _ask(
    entry: Entry, as_of: dt.date, *, batch: bool, hour: int = PRICE_HOUR_UTC
) -> PriceCalculation:
    from genai_prices import Usage

    provider, model = entry
    return model.calc_price(
        Usage(input_tokens=1, output_tokens=1),
        provider,
        genai_request_timestamp=dt.datetime.combine(as_of, dt.time(hour), dt.UTC),
        price_context=_BATCH if batch else None,
    )


def _rates(name: str, answer: PriceCalculation, input_tokens: Decimal) -> Rates:
    prices = answer.model_price
    values = (prices.input_mtok, prices.cache_read_mtok, prices.output_mtok)
    first, cached, out = (_at_size(value, input_tokens) for value in values)
    if first is None or out is None:
        raise _unknown(
            name,
            f"genai-prices has no token price for {answer.provider.id}/{answer.model.id}",
            "state a price under prices: in the workload",
        )
    if prices.requests_kcount:
        raise _unknown(
            name,
            f"{answer.provider.id}/{answer.model.id} is also charged per request",
            "state a price per token that covers it under prices: in the workload",
        )
    return (first, first if cached is None else cached, out)


def _at_size(value: object, input_tokens: Decimal) -> Decimal | None:
    """Return the rate of a call of that size: a higher tier is paid on all of its tokens."""
    from genai_prices.types import TieredPrices

    if not isinstance(value, TieredPrices):
        return value if isinstance(value, Decimal) else None
    passed = [tier.price for tier in value.tiers if input_tokens > tier.start]
    return passed[-1] if passed else value.base


def _starts(answer: PriceCalculation) -> list[int]:
    from genai_prices.types import TieredPrices

    prices = answer.model_price
    values = (prices.input_mtok, prices.cache_read_mtok, prices.output_mtok)
    tiers = (value.tiers for value in values if isinstance(value, TieredPrices))
    return sorted({tier.start for of_one in tiers for tier in of_one})


def _tier(answer: PriceCalculation, input_tokens: Decimal) -> int | None:
    passed = [start for start in _starts(answer) if input_tokens > start]
    return passed[-1] if passed else None


def _tier_starts(profile: Profile, as_of: dt.date) -> list[int]:
    if profile.prices or profile.price_key is None:
        return []
    return _starts(_ask(_resolve("", profile.price_key), as_of, batch=False))


def days_of_change(profile: Profile, as_of: dt.date) -> list[dt.date]:
    """List the days after a day on which a model's price changes, as far as it is sold then."""
    days = {price.starts for price in profile.prices}
    if not profile.prices and profile.price_key is not None:
        days = set(_start_dates(_resolve("", profile.price_key)[1]))
    return sorted(
        day for day in days if day > as_of and (profile.ends is None or day < profile.ends)
    )


def _start_dates(model: ModelInfo) -> Iterator[dt.date]:
    from genai_prices.types import StartDateConstraint

    for conditional in model.prices if isinstance(model.prices, list) else []:
        if isinstance(conditional.constraint, StartDateConstraint):
            yield conditional.constraint.start_date


def _by_the_hour(model: ModelInfo) -> bool:
    from genai_prices.types import TimeOfDateConstraint

    return isinstance(model.prices, list) and any(
        isinstance(conditional.constraint, TimeOfDateConstraint) for conditional in model.prices
    )


def _source(answer: PriceCalculation) -> str:
    return f"genai-prices {_library_version()} ({answer.provider.id}/{answer.model.id})"


def _at_host(name: str, profile: Profile, host: str) -> Entry:
    from genai_prices.data_snapshot import get_snapshot

    found = [
        (provider, model)
        for provider in get_snapshot().providers
        if provider.id.casefold() == host.casefold()
        for model in _models_at(provider, name, profile)
    ]
    if len(found) == 1:
        return found[0]
    ids = ", ".join(model.id for _, model in found)
    said = f"{len(found)} prices ({ids})" if found else "no price"
    raise _unknown(name, f"genai-prices has {said} of it at host {host!r}", _advice(name, profile))


def _advice(name: str, profile: Profile) -> str:
    hosts = hosts_of(name, profile)
    known = f"name a host that has one ({', '.join(hosts)}), or " if hosts else ""
    return f"{known}state a price under prices: in the workload"


def _models_at(provider: Provider, name: str, profile: Profile) -> Iterator[ModelInfo]:
    """Yield the provider's models of the same name; another version or size is another model.

    The id on the wire is asked for as well, but not that of an open model: hosts reuse such names
    for later models (deepseek-chat).
    """
    wanted = _plain_names(name)
    if not profile.open_weights:
        wanted |= _plain_names(profile.model)
    for model in provider.models:
        if wanted & _plain_names(model.id):
            yield model


def _plain_names(model: str) -> set[str]:
    """Return the name without maker, date and spelling: deepseek-ai/DeepSeek-V3.2, deepseek-v3p2.

    A maker before a dot may or may not be part of the name: deepseek.r1-v1:0, openai.gpt-oss-20b.
    """
    plain = model.casefold().rpartition("/")[2]
    plain = re.sub(r"^(global|regional)\.", "", plain)
    plain = re.sub(r"-v\d+:\d+$|-latest$", "", plain)
    plain = re.sub(r"-20\d\d-?\d\d-?\d\d(-v\d)?$", "", plain)
    plain = re.sub(r"(?<=\d)p(?=\d)", ".", plain)
    maker, dot, rest = plain.partition(".")
    names = {plain}
    if dot and maker.isalpha():
        names = {rest, f"{maker}-{rest}"}
    return {re.sub(r"[._]", "-", each) for each in names}


def _unknown(name: str, message: str, advice: str) -> UnknownPriceError:
    return UnknownPriceError([Fault(f"{name}: {message}", advice=advice)])


@cache
def _library_version() -> str:
    """Read the library's version once: its metadata is parsed at every call."""
    from importlib.metadata import version

    return version("genai_prices")

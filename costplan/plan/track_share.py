"""The plan for the days that the actuals cover: its lines in proportion, with their prices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from costplan.domain.errors import Fault, InputError
from costplan.domain.price import UnknownPriceError
from costplan.domain.profile import Profile
from costplan.plan.line_price import (
    Offer,
    Tokens,
    find_price,
    group_prices,
    offer_of,
    price_tokens,
    rates_of,
    tokens_of,
)
from costplan.plan.model import Line, Plan, PriceUsed
from costplan.plan.months import count_days

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Way:
    """A model, or a model at a setting, as the plan has it for the days covered."""

    requests: Decimal
    """Requests."""
    usd: Decimal
    """Dollars."""
    tokens: Tokens | None
    """Tokens in all; None where unknown."""
    rates: Tokens | None
    """Dollars per token; None where the dollars do not follow from tokens and a price."""

    @property
    def usd_per_request(self) -> Decimal:
        """Dollars per request."""
        return self.usd / self.requests if self.requests else Decimal(0)

    def price(self, tokens: Tokens) -> Decimal | None:
        """Give what tokens cost at the plan's prices; None without."""
        return None if self.rates is None else price_tokens(tokens, self.rates)


@dataclass(frozen=True, slots=True)
class Share:
    """A line of the plan for the days covered."""

    line: Line
    """The line, for its whole period."""
    way: Way
    """Its part."""


def share_plan(plan: Plan, days: Mapping[dt.date, Decimal], *, net: bool = False) -> list[Share]:
    """Take of every line what falls on the days.

    Without a horizon the volumes hold for every period alike. `net` lowers dollars and prices to
    what is left of them after tiers and commitments, in proportion per provider.
    Raises InputError for days outside the plan's horizon.
    """
    months = {line.month for line in plan.lines if line.month is not None}
    if months:
        _check_months(months, days)
    portions = {month: _portion(plan, month, days) for month in {line.month for line in plan.lines}}
    terms = _terms(plan) if net else {}
    prices = group_prices(plan.prices)
    shares = []
    for line in plan.lines:
        part = portions[line.month]
        left = terms.get((line.provider, line.month), Decimal(1))
        tokens, rates = tokens_of(line), _rates(line, prices)
        shares.append(
            Share(
                line,
                Way(
                    requests=line.requests_planned * part,
                    usd=line.usd * part * left,
                    tokens=None if tokens is None else _scale(tokens, part),
                    rates=None if rates is None else _scale(rates, left),
                ),
            )
        )
    return shares


def pool_ways(ways: Iterable[Way]) -> Way:
    """Add ways up; a pooled rate is the mean over the tokens it is for."""
    listed = list(ways)
    requests = sum((way.requests for way in listed), Decimal(0))
    usd = sum((way.usd for way in listed), Decimal(0))
    tokens = [way.tokens for way in listed if way.tokens is not None]
    rates = [way.rates for way in listed if way.rates is not None]
    if len(listed) == 1:
        return listed[0]
    if len(tokens) < len(listed):
        return Way(requests, usd, None, None)
    summed = _each(lambda k: sum((t[k] for t in tokens), Decimal(0)))
    if len(rates) < len(listed):
        return Way(requests, usd, summed, None)

    def mean_rate(k: int) -> Decimal:
        weights = [t[k] for t in tokens] if summed[k] else [way.requests for way in listed]
        whole = sum(weights, Decimal(0))
        if not whole:
            return rates[0][k]
        return sum((w * r[k] for w, r in zip(weights, rates, strict=True)), Decimal(0)) / whole

    return Way(requests, usd, summed, _each(mean_rate))


@dataclass(frozen=True, slots=True)
class ListPrices:
    """Prices of models that a class does not use in the plan."""

    plan: tuple[PriceUsed, ...]
    """Prices that the plan rests on."""
    profiles: Mapping[str, Profile]
    """Models that are known, by name."""
    day: dt.date
    """Day whose prices count where the plan has none."""

    def find(self, model: str) -> Tokens | None:
        """Find dollars per token of a model; None where no price is known."""
        found = sorted((p for p in self.plan if p.model == model), key=lambda price: price.batch)
        if found:
            return _per_token(found[0])
        profile = self.profiles.get(model)
        if profile is None:
            return None
        from costplan.files import prices

        try:
            price = prices.find_price(
                model, profile, as_of=self.day, batch=False, input_tokens=Decimal(0)
            )
        except UnknownPriceError:
            return None
        rates = (
            price.input_usd_per_mtok,
            price.cached_input_usd_per_mtok,
            price.output_usd_per_mtok,
        )
        return _scale(rates, 1 / _MILLION)


def _check_months(months: set[str], days: Mapping[dt.date, Decimal]) -> None:
    outside = [day for day in days if f"{day:%Y-%m}" not in months]
    if outside:
        first, last = min(months), max(months)
        said = (
            f"{len(outside)} of the days covered, {outside[0]} to {outside[-1]}, lie outside the "
            f"plan's months {first} to {last}"
        )
        raise InputError([Fault(said, advice="choose days of the plan: --from DAY --to DAY")])


def _portion(plan: Plan, month: str | None, days: Mapping[dt.date, Decimal]) -> Decimal:
    """Give how many of its periods the days are."""
    if month is None:
        period = plan.workload.period
        return sum((part / count_days(day, period) for day, part in days.items()), Decimal(0))
    mine = [part for day, part in days.items() if f"{day:%Y-%m}" == month]
    return sum(mine, Decimal(0)) / count_days(dt.date.fromisoformat(f"{month}-01"), "month")


def _terms(plan: Plan) -> dict[tuple[str, str | None], Decimal]:
    """Give what is left of each provider's list dollars after tiers and commitments."""
    return {
        (bill.provider, bill.month): bill.usd / bill.usd_list
        for bill in plan.bills
        if bill.usd_list
    }


def _rates(line: Line, prices: Mapping[Offer, Sequence[PriceUsed]]) -> Tokens | None:
    """Find the price that the line's dollars follow from.

    Where none gives them to the digit, as with dollars that were measured, the first price of the
    model is stretched until it does.
    """
    tokens = tokens_of(line)
    if tokens is None:
        return None
    offered = prices.get(offer_of(line), ())
    place = find_price(line, prices)
    if place is not None:
        return _per_token(offered[place])
    for price in offered:
        rates = _per_token(price)
        cost = price_tokens(tokens, rates)
        if cost > 0 and line.policy == "single":
            return _scale(rates, line.usd / cost)
    return None


def _per_token(price: PriceUsed) -> Tokens:
    return _scale(rates_of(price), 1 / _MILLION)


def _scale(numbers: Tokens, factor: Decimal) -> Tokens:
    return _each(lambda k: numbers[k] * factor)


def _each(give: Callable[[int], Decimal]) -> Tokens:
    return give(0), give(1), give(2)

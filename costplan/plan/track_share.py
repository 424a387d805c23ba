"""The plan for the days that the actuals cover: its lines in proportion, with their prices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from costplan.domain.errors import Fault, InputError
from costplan.domain.policy_text import split_policy
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
from costplan.plan.recipe import StageUse

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Way:
    """A model, or a model at a setting, as the plan has it for the days covered."""

    requests: Decimal
    """Requests; those that reach it, of a stage."""
    usd: Decimal
    """Dollars."""
    tokens: Tokens | None
    """Tokens in all; None where unknown."""
    rates: Tokens | None
    """Dollars per token; None where the dollars do not follow from tokens and a price."""
    later: Decimal = Decimal(0)
    """Those of the requests that an earlier stage of a cascade has had before."""
    checks_usd: Decimal = Decimal(0)
    """Those of the dollars that are for checking answers, and on no model's bill."""

    @property
    def usd_per_request(self) -> Decimal:
        """Dollars per request."""
        return self.usd / self.requests if self.requests else Decimal(0)

    def price(self, tokens: Tokens) -> Decimal | None:
        """Give what tokens cost at the plan's prices; None without."""
        return None if self.rates is None else price_tokens(tokens, self.rates)


@dataclass(frozen=True, slots=True)
class Share:
    """A line of the plan for the days covered, or a stage of a policy's line."""

    line: Line
    """The line, for its whole period."""
    model: str
    """Model that is asked."""
    setting: str
    """Position of its knob."""
    way: Way
    """What falls on the days."""
    staged: bool = False
    """Whether it is one stage or bucket of several."""
    later: bool = False
    """Whether it is a stage after the first of a cascade, whose calls are no further requests."""


def share_plan(plan: Plan, days: Mapping[dt.date, Decimal], *, net: bool = False) -> list[Share]:
    """Take of every line, and of every stage of a policy, what falls on the days.

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
        for share, provider in _stages(line, prices) or [_whole(line, prices)]:
            left = terms.get((provider, line.month), Decimal(1))
            shares.append(replace(share, way=_take(share.way, portions[line.month], left)))
    return shares


def _whole(line: Line, prices: Mapping[Offer, Sequence[PriceUsed]]) -> tuple[Share, str]:
    way = Way(line.requests_planned, line.usd, tokens_of(line), _rates(line, prices))
    return Share(line, line.model, line.setting, way), line.provider


def _stages(line: Line, prices: Mapping[Offer, Sequence[PriceUsed]]) -> list[tuple[Share, str]]:
    """Cut a line into the stages of its policy, with who is paid; none where they are not told.

    A stage of several calls per request stays whole: its calls say nothing of requests.
    """
    costs = [stage.usd_per_request for stage in line.stages if stage.usd_per_request is not None]
    whole = sum(costs, Decimal(0))
    single = all(stage.calls == 1 for stage in line.stages)
    if len(line.stages) < 2 or len(costs) < len(line.stages) or not whole or not single:
        return []
    route = (split_policy(line.policy) or ("",))[0] == "route"
    sent = sum((stage.input_tokens or Decimal(0) for stage in line.stages), Decimal(0))
    shares = []
    for place, (stage, cost) in enumerate(zip(line.stages, costs, strict=True)):
        usd, provider = line.usd * cost / whole, stage.provider or line.provider
        tokens = _stage_tokens(line, stage, sent)
        offered = prices.get((stage.model, provider, line.batch), ())
        reached = line.requests_planned * Decimal(repr(stage.reach))
        later = place > 0 and not route
        rates = None if tokens is None else _nearest(tokens, usd, offered)
        checks = Decimal(0)
        if tokens is not None and rates is not None:
            checks = max(usd - price_tokens(tokens, rates), checks) if stage.check else checks
            # What no check explains, as dollars that were measured, is the price's.
            rates = _scale(rates, (usd - checks) / price_tokens(tokens, rates))
        way = Way(reached, usd, tokens, rates, reached if later else Decimal(0), checks)
        shares.append((Share(line, stage.model, stage.setting, way, True, later), provider))
    return shares


def _stage_tokens(line: Line, stage: StageUse, sent: Decimal) -> Tokens | None:
    """Count the tokens of a stage; cached ones are the line's, in proportion to what is sent."""
    if stage.input_tokens is None or stage.output_tokens is None:
        return None
    whole = stage.input_tokens * line.requests_planned
    cached = (line.cached_input_tokens or Decimal(0)) * stage.input_tokens / sent if sent else 0
    cached = min(Decimal(cached), whole)
    return whole - cached, cached, stage.output_tokens * line.requests_planned


def _nearest(tokens: Tokens, usd: Decimal, offered: Sequence[PriceUsed]) -> Tokens | None:
    """Find the price that comes nearest to a stage's dollars; None where all are 0."""
    rates = [_per_token(price) for price in offered]
    priced = [rate for rate in rates if price_tokens(tokens, rate) > 0]
    return min(priced, key=lambda rate: abs(price_tokens(tokens, rate) - usd), default=None)


def _take(way: Way, part: Decimal, left: Decimal) -> Way:
    """Take a part of a way; `left` is what is left of its dollars after terms."""
    return Way(
        requests=way.requests * part,
        usd=way.usd * part * left,
        tokens=None if way.tokens is None else _scale(way.tokens, part),
        rates=None if way.rates is None else _scale(way.rates, left),
        later=way.later * part,
        checks_usd=way.checks_usd * part * left,
    )


def pool_ways(ways: Iterable[Way]) -> Way:
    """Add ways up; a pooled rate is the mean over the tokens it is for."""
    listed = list(ways)
    requests = sum((way.requests for way in listed), Decimal(0))
    usd = sum((way.usd for way in listed), Decimal(0))
    later = sum((way.later for way in listed), Decimal(0))
    checks = sum((way.checks_usd for way in listed), Decimal(0))
    tokens = [way.tokens for way in listed if way.tokens is not None]
    rates = [way.rates for way in listed if way.rates is not None]
    if len(listed) == 1:
        return listed[0]
    if len(tokens) < len(listed):
        return Way(requests, usd, None, None, later, checks)
    summed = _each(lambda k: sum((t[k] for t in tokens), Decimal(0)))
    if len(rates) < len(listed):
        return Way(requests, usd, summed, None, later, checks)

    def mean_rate(k: int) -> Decimal:
        weights = [t[k] for t in tokens] if summed[k] else [way.requests for way in listed]
        whole = sum(weights, Decimal(0))
        if not whole:
            return rates[0][k]
        return sum((w * r[k] for w, r in zip(weights, rates, strict=True)), Decimal(0)) / whole

    return Way(requests, usd, summed, _each(mean_rate), later, checks)


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

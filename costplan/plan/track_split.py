"""The variance of one class, taken apart into volume, mix, tokens per request and price.

With N and n requests planned and made, c the planned dollars per request of a model, C their mean
over the class, t the tokens made and p the planned price:

volume       (n - N) C
mix          sum of n c over the models, minus n C; a model that the plan does not use there counts
             with what it cost, so that all it adds is mix
tokens       sum of t p, minus sum of n c
price        spend, minus sum of t p
unexplained  the rest, with reasons: what a source does not say cannot be taken apart

A stage of a cascade stands as a model of its own: n are the requests that reach it, and c the
dollars of each of them, so that mix holds how many go on to the next stage. What the plan pays for
checks is on no model's bill: it is unexplained, as is the spend on checks where files hold it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from costplan.plan.line_price import Tokens, price_tokens
from costplan.plan.track_share import Way

Cause = Literal["volume", "mix", "tokens", "price", "unexplained"]
CAUSES: tuple[Cause, ...] = ("volume", "mix", "tokens", "price", "unexplained")
Key = tuple[str, str | None]
"""Model, and the setting where the source tells it."""
NOTHING = ""
"""Stands for the model of spend that names none."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What was made of one model, or one model at a setting, within a class; unknown is None."""

    requests: Decimal | None
    """Requests; those that reach it, of a step of a cascade."""
    tokens: Tokens | None
    """Uncached input, cached input and output tokens."""
    usd: Decimal | None
    """Stated spend."""
    failed_usd: Decimal = Decimal(0)
    """Stated spend of failed requests."""
    rates: Tokens | None = None
    """Dollars per token of a model that the class does not use in the plan."""
    later: Decimal = Decimal(0)
    """Those of the requests that an earlier step of a cascade has had before."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a part of the variance is unexplained."""

    text: str
    """Why."""
    usd: Decimal
    """How much of it."""


@dataclass(frozen=True, slots=True)
class ModelTrack:
    """A model within a class, planned and made."""

    model: str
    """The model; empty for spend that names none."""
    setting: str | None
    """Its setting, where the source tells it."""
    plan_requests: Decimal
    """Requests planned for the days covered; those that reach a stage, of a cascade."""
    requests: Decimal | None
    """Requests made."""
    plan_usd: Decimal
    """Dollars planned for the days covered."""
    usd: Decimal
    """Dollars spent, failed requests included."""


@dataclass(frozen=True, slots=True)
class ClassTrack:
    """A class, planned and made."""

    task_class: str
    """The class; the source's label for what the plan does not have."""
    planned: bool
    """Whether the plan has it."""
    plan_requests: Decimal
    """Requests planned for the days covered."""
    requests: Decimal | None
    """Requests made; None where unknown."""
    plan_usd: Decimal
    """Dollars planned for the days covered."""
    usd: Decimal
    """Dollars spent."""
    steps: Mapping[Cause, Decimal]
    """What each cause adds; together they lead from the plan to the spend exactly."""
    reasons: tuple[Reason, ...]
    """What the unexplained part consists of."""
    models: tuple[ModelTrack, ...]
    """Its models."""
    estimated_usd: Decimal = Decimal(0)
    """Part of the spend that no source states: tokens at list price, or requests as planned."""
    unpriced: tuple[str, ...] = ()
    """Models of which neither spend nor price is known: they count as 0."""
    notes: tuple[str, ...] = ()
    """What had to be taken as planned, for the source does not say it."""


@dataclass(slots=True)
class _Ledger:
    """What has been found of the steps so far."""

    steps: dict[Cause, Decimal] = field(default_factory=lambda: dict.fromkeys(CAUSES, Decimal(0)))
    reasons: dict[str, Decimal] = field(default_factory=dict)
    estimated_usd: Decimal = Decimal(0)
    unpriced: dict[str, None] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)

    def leave(self, text: str, usd: Decimal) -> None:
        """Leave dollars unexplained, with the reason."""
        self.steps["unexplained"] += usd
        self.reasons[text] = self.reasons.get(text, Decimal(0)) + usd


@dataclass(frozen=True, slots=True)
class _Pair:
    """A model as planned and as made; the spend is known, or an estimate of it."""

    key: Key
    plan: Way | None
    made: Spent
    usd: Decimal
    at_plan_price: Decimal | None
    """Its tokens at the plan's price."""

    @property
    def countable(self) -> bool:
        """Whether it tells requests."""
        return self.made.requests is not None

    @property
    def expected_usd(self) -> Decimal:
        """Its requests at the planned dollars per request."""
        if self.plan is None or not self.plan.requests or self.made.requests is None:
            return self.usd
        return self.made.requests * self.plan.usd_per_request

    @property
    def checks_usd(self) -> Decimal:
        """What the checks of its requests were planned to cost."""
        if self.plan is None or not self.plan.requests or self.made.requests is None:
            return Decimal(0)
        return self.made.requests * self.plan.checks_usd / self.plan.requests


def split_class(
    name: str,
    plan: Mapping[Key, Way],
    made: Mapping[Key, Spent],
    *,
    requests: Decimal | None = None,
    calls_differ: bool = False,
) -> ClassTrack:
    """Take the variance of a class apart.

    `requests` says how many there were, where the source does not or where `calls_differ`: a vote
    or a cascade makes several calls per request.
    """
    ledger = _Ledger()
    planned = sum((way.requests - way.later for way in plan.values()), Decimal(0))
    plan_usd = sum((way.usd for way in plan.values()), Decimal(0))
    made = _tell(made, plan, None if calls_differ else requests)
    pairs = [_pair(key, plan.get(key), spent, ledger) for key, spent in made.items()]
    spent_usd = sum((pair.usd for pair in pairs), Decimal(0))
    failed = sum((spent.failed_usd for spent in made.values()), Decimal(0))
    count = _count(pairs, plan, requests, calls_differ=calls_differ)
    if not plan:
        ledger.leave("not in the plan", spent_usd)
    elif not made:
        count = Decimal(0)
        ledger.steps["volume"] = -plan_usd
    elif calls_differ or count is None or not _all_countable(pairs, plan):
        _split_coarsely(ledger, pairs, (planned, plan_usd, count), calls_differ=calls_differ)
    else:
        _split_finely(ledger, pairs, plan, (planned, plan_usd, count))
    if failed:
        ledger.leave("failed requests", failed)
    usd = spent_usd + failed
    # Division leaves digits behind the 80th: they go where they cannot be seen.
    gap = usd - plan_usd - sum(ledger.steps.values(), Decimal(0))
    largest = max(CAUSES, key=lambda cause: abs(ledger.steps[cause]))
    ledger.steps[largest] += gap
    return ClassTrack(
        task_class=name,
        planned=bool(plan),
        plan_requests=planned,
        requests=count,
        plan_usd=plan_usd,
        usd=usd,
        steps=ledger.steps,
        reasons=tuple(Reason(text, amount) for text, amount in ledger.reasons.items()),
        models=tuple(_models(plan, {pair.key: pair for pair in pairs})),
        estimated_usd=ledger.estimated_usd,
        unpriced=tuple(ledger.unpriced),
        notes=tuple(ledger.notes),
    )


def _tell(
    made: Mapping[Key, Spent], plan: Mapping[Key, Way], requests: Decimal | None
) -> Mapping[Key, Spent]:
    """Give the told requests to the model that has them all, where there is only one."""
    models = [key for key, spent in made.items() if spent.tokens is not None or key in plan]
    if requests is None or len(models) != 1 or made[models[0]].requests is not None:
        return made
    return {**made, models[0]: replace(made[models[0]], requests=requests)}


def _pair(key: Key, plan: Way | None, made: Spent, ledger: _Ledger) -> _Pair:
    """Join the two sides; spend that is not stated is estimated, and that is noted."""
    if made.tokens is None:
        priced = None
    elif plan is not None:
        priced = plan.price(made.tokens)
    else:
        priced = None if made.rates is None else price_tokens(made.tokens, made.rates)
    usd = made.usd
    if usd == 0 and priced:
        ledger.notes[f"{key[0]}: a spend of 0 for {_say_tokens(made)} is taken as not stated"] = (
            None
        )
        usd = None
    if usd is None:
        usd = priced
        if usd is not None:
            note = "no spend is stated: its tokens count at list price, so price says 0"
            ledger.notes[f"{key[0]}: {note}"] = None
        elif made.requests is not None and plan is not None and plan.requests:
            usd = made.requests * plan.usd_per_request
            note = "neither spend nor tokens are stated: its requests count as planned"
            ledger.notes[f"{key[0]}: {note}"] = None
        elif made.requests or made.tokens is not None:
            ledger.unpriced[key[0] or "a model without a name"] = None
        ledger.estimated_usd += usd or Decimal(0)
    return _Pair(key, plan, made, usd or Decimal(0), priced)


def _say_tokens(made: Spent) -> str:
    return f"{sum(made.tokens or (), Decimal(0)):,.0f} tokens"


def _count(
    pairs: Sequence[_Pair],
    plan: Mapping[Key, Way],
    told: Decimal | None,
    *,
    calls_differ: bool,
) -> Decimal | None:
    """Count the class's requests; None where the source does not say."""
    known = [
        pair.made.requests - pair.made.later for pair in pairs if pair.made.requests is not None
    ]
    if calls_differ or not known or (plan and not _all_countable(pairs, plan)):
        return told
    return sum(known, Decimal(0))


def _all_countable(pairs: Sequence[_Pair], plan: Mapping[Key, Way]) -> bool:
    """Tell whether every model tells its requests; fees that belong to none need not."""
    return all(pair.countable or _is_fee(pair, plan) for pair in pairs) and any(
        pair.countable for pair in pairs
    )


def _is_fee(pair: _Pair, plan: Mapping[Key, Way]) -> bool:
    return pair.made.tokens is None and pair.made.requests is None and pair.key not in plan


def _split_finely(
    ledger: _Ledger,
    pairs: Sequence[_Pair],
    plan: Mapping[Key, Way],
    whole: tuple[Decimal, Decimal, Decimal],
) -> None:
    planned, plan_usd, count = whole
    mean = plan_usd / planned if planned else Decimal(0)
    ledger.steps["volume"] = (count - planned) * mean
    models = [pair for pair in pairs if not _is_fee(pair, plan)]
    ledger.steps["mix"] = sum((pair.expected_usd for pair in models), Decimal(0)) - count * mean
    for pair in models:
        if pair.plan is None or not pair.plan.requests:
            continue
        if pair.at_plan_price is None:
            why = "no tokens" if pair.made.tokens is None else "no price per token in the plan"
            text = f"tokens per request and price cannot be told apart: {why}"
            ledger.leave(text, pair.usd - pair.expected_usd)
        else:
            ledger.steps["tokens"] += pair.at_plan_price + pair.checks_usd - pair.expected_usd
            ledger.steps["price"] += pair.usd - pair.at_plan_price
            if pair.checks_usd:
                ledger.leave("checks are in the plan and on no model's bill", -pair.checks_usd)
    for pair in pairs:
        if _is_fee(pair, plan):
            ledger.leave("spend without usage", pair.usd)


def _split_coarsely(
    ledger: _Ledger,
    pairs: Sequence[_Pair],
    whole: tuple[Decimal, Decimal, Decimal | None],
    *,
    calls_differ: bool,
) -> None:
    """Take apart what can be without requests per model; the rest is one sum."""
    planned, plan_usd, count = whole
    spent = sum((pair.usd for pair in pairs), Decimal(0))
    left = ["mix", "tokens per request"]
    if count is not None and planned:
        ledger.steps["volume"] = (count - planned) * plan_usd / planned
    else:
        left.insert(0, "volume")
    priced = all(pair.at_plan_price is not None for pair in pairs)
    if priced:
        ledger.steps["price"] = sum(
            (pair.usd - (pair.at_plan_price or Decimal(0)) for pair in pairs), Decimal(0)
        )
    else:
        left.append("price")
    rest = spent - plan_usd - ledger.steps["volume"] - ledger.steps["price"]
    why = "a policy makes several calls" if calls_differ else "the source tells no requests"
    if not priced and all(pair.made.tokens is None for pair in pairs) and not calls_differ:
        why = "the source tells neither requests nor tokens"
    ledger.leave(f"{', '.join(left[:-1])} and {left[-1]} cannot be told apart: {why}", rest)


def _models(plan: Mapping[Key, Way], made: Mapping[Key, _Pair]) -> list[ModelTrack]:
    tracks = []
    for key in dict.fromkeys([*plan, *made]):
        way, pair = plan.get(key), made.get(key)
        tracks.append(
            ModelTrack(
                model=key[0],
                setting=key[1],
                plan_requests=Decimal(0) if way is None else way.requests,
                requests=Decimal(0) if pair is None else pair.made.requests,
                plan_usd=Decimal(0) if way is None else way.usd,
                usd=Decimal(0) if pair is None else pair.usd + pair.made.failed_usd,
            )
        )
    return tracks

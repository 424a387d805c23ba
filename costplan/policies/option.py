"""A policy as an option of its class."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from costplan.domain.option import Option, Source
from costplan.domain.recipe import Stage
from costplan.policies.estimate import PolicyEstimate
from costplan.policies.facts import NotMeasured

USD_UNIT = Decimal("1e-9")
MILLISECOND = Decimal("0.001")
TOKEN = Decimal("0.1")
PLACES = 9
"""Decimal places to which an accuracy is kept."""


def make_option(
    estimate: PolicyEstimate,
    options: Mapping[str, Option],
    *,
    apart: Collection[str] = (),
    requests: float | None = None,
) -> Option:
    """Make the option that a policy is, from the options it is made of, by name.

    Its model and setting are those of its first stage. apart: providers whose spend must be told
    apart. requests: how many of them the dollars will be paid for; None for very many.
    NotMeasured where it spans a pool of own GPUs, whose tokens a policy cannot share out yet, or
    several providers of which one must be told apart.
    """
    by_setting = {(option.model, option.setting): option for option in options.values()}
    members = [
        by_setting[stage.setting] for stage in estimate.stages if stage.setting in by_setting
    ]
    if any(option.pool is not None for option in members):
        raise NotMeasured("it is served by a pool of own GPUs")
    first = members[0]
    accuracy = estimate.accuracy
    mean = round(accuracy.mean, PLACES)
    sent, got = _tokens(estimate.input_tokens), _tokens(estimate.output_tokens)
    batch = all(option.price is not None and option.price.batch for option in members)
    notes = list(estimate.notes)
    if batch and len(estimate.paths) > 1:
        notes.append("every stage is a batch of its own and may take a day")
    return Option(
        name=estimate.name,
        model=first.model,
        provider=_join_providers(members, apart),
        setting=first.setting,
        accuracy=type(accuracy)(
            mean,
            min(round(accuracy.low, PLACES), mean),
            max(round(accuracy.high, PLACES), mean),
            accuracy.grade,
        ),
        usd_per_request=Decimal(repr(estimate.usd)).quantize(USD_UNIT),
        usd_relative_sd=_relative_sd(estimate, by_setting, requests),
        source=Source(
            first.source.source,
            first.source.benchmark,
            estimate.n_questions or None,
            estimate.replayed,
            first.source.date,
        ),
        mean_latency_s=_seconds(estimate.mean_latency_s),
        p95_latency_s=_seconds(estimate.p95_latency_s),
        tokens_per_request=None if sent is None or got is None else sent + got,
        input_tokens=sent,
        output_tokens=got,
        reasoning_tokens=_tokens(estimate.reasoning_tokens),
        policy=estimate.text,
        recipe=replace(estimate.recipe, batch=batch, stages=_name_providers(estimate, by_setting)),
        price=None,
        notes=tuple(notes),
    )


def _name_providers(
    estimate: PolicyEstimate, members: Mapping[tuple[str, str], Option]
) -> tuple[Stage, ...]:
    return tuple(
        replace(stage, provider=members[stage.setting].provider)
        if stage.setting in members
        else stage
        for stage in estimate.stages
    )


def _join_providers(members: Sequence[Option], apart: Collection[str]) -> str:
    """Name who serves it; several where no limit or discount has to tell them apart."""
    providers = list(dict.fromkeys(option.provider for option in members))
    if len(providers) == 1:
        return providers[0]
    named = [name for name in providers if name in apart]
    if named:
        raise NotMeasured(
            f"it spans several providers ({', '.join(providers)}), and the limits or terms of "
            f"{named[0]} must see its own part"
        )
    return " + ".join(name or "own" for name in providers)


def _relative_sd(
    estimate: PolicyEstimate,
    members: Mapping[tuple[str, str], Option],
    requests: float | None,
) -> float:
    """Give the relative standard error of the dollars.

    It is that of the policy as played, with the luck of the requests to come, but no smaller than
    what the errors of its members' dollars add up to when they are independent.
    """
    own = estimate.usd_relative_sd
    if requests and estimate.n_questions:
        own *= math.sqrt(1 + estimate.n_questions / requests)
    if estimate.usd <= 0:
        return own
    parts = [
        stage.reach
        * stage.calls
        * float(members[stage.setting].usd_per_request)
        * members[stage.setting].usd_relative_sd
        for stage in estimate.stages
        if stage.setting in members
    ]
    return max(own, math.sqrt(sum(part**2 for part in parts)) / estimate.usd)


def _tokens(number: float | None) -> Decimal | None:
    return None if number is None else Decimal(repr(number)).quantize(TOKEN)


def _seconds(number: float | None) -> Decimal | None:
    return None if number is None else Decimal(repr(number)).quantize(MILLISECOND)

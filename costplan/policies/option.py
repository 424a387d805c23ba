"""A policy as an option of its class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from costplan.domain.option import Option, OptionPart, Source
from costplan.domain.recipe import Stage
from costplan.policies.estimate import PolicyEstimate
from costplan.policies.facts import NotMeasured

USD_UNIT = Decimal("1e-9")
MILLISECOND = Decimal("0.001")
TOKEN = Decimal("0.1")
REACH = Decimal("1e-9")
PLACES = 9
"""Decimal places to which an accuracy is kept."""


def make_option(
    estimate: PolicyEstimate,
    options: Mapping[str, Option],
    *,
    requests: float | None = None,
) -> Option:
    """Make the option that a policy is, from the options it is made of, by name.

    Its model and setting are those of its first stage. requests: how many of them the dollars will
    be paid for; None for very many. NotMeasured where it cannot be told which option a stage is.
    """
    by_setting = _find_members(estimate, options)
    members = [by_setting[stage.setting] for stage in estimate.stages]
    first = members[0]
    parts = share_out(estimate, members)
    usd = Decimal(repr(estimate.usd)).quantize(USD_UNIT)
    pools = {part.pool for part in parts}
    if parts:
        usd = sum((part.usd for part in parts), Decimal(0))
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
        provider=_join_providers(members),
        setting=first.setting,
        accuracy=type(accuracy)(
            mean,
            min(round(accuracy.low, PLACES), mean),
            max(round(accuracy.high, PLACES), mean),
            accuracy.grade,
        ),
        usd_per_request=usd,
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
        tokens_per_request=_all_tokens(sent, got, parts),
        input_tokens=sent,
        output_tokens=got,
        reasoning_tokens=_tokens(estimate.reasoning_tokens),
        policy=estimate.text,
        recipe=replace(estimate.recipe, batch=batch, stages=_name_providers(estimate, by_setting)),
        price=None,
        # Named where nothing is paid per request beside the GPUs.
        pool=pools.pop() if len(pools) == 1 and usd == 0 else None,
        parts=parts,
        notes=tuple(notes),
    )


def share_out(estimate: PolicyEstimate, members: Sequence[Option]) -> tuple[OptionPart, ...]:
    """Say what each provider and pool has of a policy, by the members behind its stages.

    Empty where one provider, paid per request, has all of it.
    """
    places: dict[tuple[str, str | None], list[int]] = {}
    for k, member in enumerate(members):
        places.setdefault((member.provider, member.pool), []).append(k)
    if len(places) == 1 and members[0].pool is None:
        return ()
    found = []
    for (provider, pool), mine in places.items():
        stages = [estimate.stages[k] for k in mine]
        reached = [stage.reach for stage in stages]
        # Later steps of a cascade see some of the requests that earlier ones saw; buckets do not.
        reach = sum(reached) if estimate.kind == "route" else max(reached)
        tokens = [_stage_tokens(estimate, estimate.stages[k], members[k]) for k in mine]
        known = [number for number in tokens if number is not None]
        found.append(
            OptionPart(
                provider=provider,
                pool=pool,
                usd=_exact(sum(_stage_usd(estimate, stage) for stage in stages), USD_UNIT),
                tokens=_exact(sum(known), TOKEN) if len(known) == len(tokens) else None,
                reach=min(_exact(reach, REACH), Decimal(1)),
            )
        )
    return tuple(found)


def _stage_usd(estimate: PolicyEstimate, stage: Stage) -> float:
    """Give the dollars of a stage per request of the policy; a lone stage has all of them."""
    return estimate.usd if stage.spend is None else stage.spend.usd


def _stage_tokens(estimate: PolicyEstimate, stage: Stage, member: Option) -> float | None:
    """Give the tokens of a stage per request of the policy; None where unknown."""
    spend = stage.spend or estimate
    if spend.input_tokens is not None and spend.output_tokens is not None:
        return spend.input_tokens + spend.output_tokens
    if member.tokens_per_request is None:
        return None
    return stage.reach * stage.calls * float(member.tokens_per_request)


def _find_members(
    estimate: PolicyEstimate, options: Mapping[str, Option]
) -> dict[tuple[str, str], Option]:
    """Find the option behind every stage; NotMeasured where two could be."""
    found: dict[tuple[str, str], Option] = {}
    for stage in estimate.stages:
        mine = [o for o in options.values() if (o.model, o.setting) == stage.setting]
        served = {(o.provider, o.pool, o.usd_per_request) for o in mine}
        if len(served) != 1:
            named = " and ".join(option.name for option in mine)
            raise NotMeasured(f"{named} share model and setting: give one another `model`")
        found[stage.setting] = mine[0]
    return found


def _all_tokens(
    sent: Decimal | None, got: Decimal | None, parts: Sequence[OptionPart]
) -> Decimal | None:
    if sent is not None and got is not None:
        return sent + got
    known = [part.tokens for part in parts if part.tokens is not None]
    return sum(known, Decimal(0)) if parts and len(known) == len(parts) else None


def _name_providers(
    estimate: PolicyEstimate, members: Mapping[tuple[str, str], Option]
) -> tuple[Stage, ...]:
    return tuple(
        replace(stage, provider=members[stage.setting].provider)
        if stage.setting in members
        else stage
        for stage in estimate.stages
    )


def _join_providers(members: Sequence[Option]) -> str:
    """Name who serves it."""
    providers = list(dict.fromkeys(option.provider for option in members))
    if len(providers) == 1:
        return providers[0]
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


def _exact(number: float, unit: Decimal) -> Decimal:
    return Decimal(repr(float(number))).quantize(unit)


def _tokens(number: float | None) -> Decimal | None:
    return None if number is None else _exact(number, TOKEN)


def _seconds(number: float | None) -> Decimal | None:
    return None if number is None else _exact(number, MILLISECOND)

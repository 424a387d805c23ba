"""A policy as an option of its class."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from costplan.domain.option import Option, Source
from costplan.policies.estimate import PolicyEstimate
from costplan.policies.facts import NotMeasured

USD_UNIT = Decimal("1e-9")
MILLISECOND = Decimal("0.001")
TOKEN = Decimal("0.1")
PLACES = 9
"""Decimal places to which an accuracy is kept."""


def make_option(estimate: PolicyEstimate, options: Mapping[str, Option]) -> Option:
    """Make the option that a policy is, from the options it is made of, by name.

    Its model and setting are those of its first stage. NotMeasured where it spans a pool of own
    GPUs, whose tokens a policy cannot share out yet, or several providers: their ceilings and
    discounts could not see which part is theirs.
    """
    by_setting = {(option.model, option.setting): option for option in options.values()}
    members = [
        by_setting[stage.setting] for stage in estimate.stages if stage.setting in by_setting
    ]
    if any(option.pool is not None for option in members):
        raise NotMeasured("it is served by a pool of own GPUs")
    providers = {option.provider for option in members}
    if len(providers) != 1:
        raise NotMeasured(f"it spans several providers ({', '.join(sorted(providers))})")
    first = members[0]
    accuracy = estimate.accuracy
    mean = round(accuracy.mean, PLACES)
    sent, got = _tokens(estimate.input_tokens), _tokens(estimate.output_tokens)
    return Option(
        name=estimate.name,
        model=first.model,
        provider=first.provider,
        setting=first.setting,
        accuracy=type(accuracy)(
            mean,
            min(round(accuracy.low, PLACES), mean),
            max(round(accuracy.high, PLACES), mean),
            accuracy.grade,
        ),
        usd_per_request=Decimal(repr(estimate.usd)).quantize(USD_UNIT),
        usd_relative_sd=estimate.usd_relative_sd,
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
        price=None,
        notes=(*describe(estimate), *estimate.notes),
    )


def describe(estimate: PolicyEstimate) -> tuple[str, ...]:
    """Say how a policy is built and what it brings, one sentence each."""
    said = []
    for k, stage in enumerate(estimate.stages, start=1):
        who = "/".join(part for part in stage.setting if part)
        rest = ", ".join(part for part in (stage.check, stage.threshold) if part)
        checked = f"; taken by {rest}" if rest else ""
        said.append(
            f"stage {k}: {who}, {stage.calls:.2g} calls, reached by {stage.reach:.1%}{checked}"
        )
    for path in estimate.paths:
        p95 = "" if path.p95_latency_s is None else f", 95 in 100 within {path.p95_latency_s:.3g} s"
        said.append(f"path of {path.stages}: {path.share:.1%} of requests at ${path.usd:.4g}{p95}")
    right = estimate.usd_per_accepted_right
    price = "" if right is None else f", ${right:.4g} per accepted right answer"
    said.append(f"{estimate.calls:.2f} calls per answer{price}")
    return tuple(said)


def _tokens(number: float | None) -> Decimal | None:
    return None if number is None else Decimal(repr(number)).quantize(TOKEN)


def _seconds(number: float | None) -> Decimal | None:
    return None if number is None else Decimal(repr(number)).quantize(MILLISECOND)

"""How a line's policy is built, and what an answer of a line costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal, localcontext

from costplan.domain.money import EXACT, round_to_foot
from costplan.domain.option import Option
from costplan.domain.recipe import Spend
from costplan.plan.part import Amount, Number, Part, Real

USD_UNIT = Decimal("1e-9")
TOKEN_UNIT = Decimal("0.1")


class StageUse(Part):
    """A stage of a policy."""

    model: str
    """Model that is asked; for a route, the one of this bucket."""
    setting: str
    """Position of its knob."""
    calls: Real
    """Expected calls once the stage is reached."""
    check: str
    """What decides whether the answer is taken; empty where nothing does."""
    threshold: str
    """From where it is taken, or the bucket of a route; empty where there is none."""
    reach: Real
    """Share of the line's requests that reach the stage, 0 to 1."""
    provider: str = ""
    """Who serves it."""
    usd_per_request: Amount | None = None
    """Dollars that the stage, with its check, takes per request of the line, reached or not; those
    of all stages add up to the line's. Null where they are not known apart."""
    input_tokens: Number | None = None
    """Input tokens that it takes per request of the line; null where unknown."""
    output_tokens: Number | None = None
    """Output tokens that it takes per request of the line."""
    reasoning_tokens: Number | None = None
    """Reasoning tokens that it takes per request of the line."""


class PathUse(Part):
    """One way a request can go through a policy."""

    stages: int
    """Stages run, or calls made by a vote or best-of, from 1."""
    share: Real
    """Share of the line's requests that go this way, 0 to 1."""
    usd_per_request: Amount
    """Mean dollars of a request that goes this way."""
    mean_latency_s: Number | None
    """Mean seconds; null where unknown."""
    p95_latency_s: Number | None
    """Seconds that 95 in 100 requests on this way stay within; null where unknown."""


def list_stages(option: Option) -> tuple[StageUse, ...]:
    """Write the stages of an option's policy; none for a single call."""
    if option.recipe is None:
        return ()
    stages = option.recipe.stages
    usd = _apportion(
        option.usd_per_request, [_read(stage.spend, "usd") for stage in stages], USD_UNIT
    )
    tokens = [
        _apportion(
            getattr(option, name),
            [_read(stage.spend, name) for stage in stages],
            TOKEN_UNIT,
        )
        for name in ("input_tokens", "output_tokens", "reasoning_tokens")
    ]
    return tuple(
        StageUse(
            model=stage.setting[0],
            setting=stage.setting[1],
            calls=stage.calls,
            check=stage.check,
            threshold=stage.threshold,
            reach=stage.reach,
            provider=stage.provider,
            usd_per_request=usd[place],
            input_tokens=tokens[0][place],
            output_tokens=tokens[1][place],
            reasoning_tokens=tokens[2][place],
        )
        for place, stage in enumerate(stages)
    )


def _read(spend: Spend | None, name: str) -> float | None:
    return None if spend is None else getattr(spend, name)


def _apportion(
    whole: Decimal | None, parts: Sequence[float | None], unit: Decimal
) -> Sequence[Decimal | None]:
    """Share out an amount in proportion, so that the parts add up to it; Nones where unknown."""
    if whole is None or len(parts) == 1:
        return [whole] * len(parts)
    known = [Decimal(repr(part)) for part in parts if part is not None and math.isfinite(part)]
    if len(known) < len(parts):
        return [None] * len(parts)
    with localcontext(EXACT):
        summed = sum(known, Decimal(0))
        if not summed:
            return [Decimal(0)] * len(parts) if not whole else [None] * len(parts)
        return round_to_foot([whole * part / summed for part in known], unit)


def list_paths(option: Option) -> tuple[PathUse, ...]:
    """Write the ways a request can go through an option's policy; none for a single call."""
    if option.recipe is None:
        return ()
    return tuple(
        PathUse(
            stages=path.stages,
            share=path.share,
            usd_per_request=Decimal(repr(path.usd)).quantize(USD_UNIT),
            mean_latency_s=_seconds(path.mean_latency_s),
            p95_latency_s=_seconds(path.p95_latency_s),
        )
        for path in option.recipe.paths
    )


def usd_per_right(option: Option) -> Decimal | None:
    """Give the dollars spent on all requests per right answer that is taken.

    None where no answer is right, and for own GPUs, which are paid whether they answer or not.
    """
    right = option.accuracy.mean if option.recipe is None else option.recipe.accepted_right
    own = option.pool is not None or any(part.pool is not None for part in option.parts)
    if own or right <= 0:
        return None
    return (option.usd_per_request / Decimal(repr(right))).quantize(USD_UNIT)


def _seconds(seconds: float | None) -> Decimal | None:
    return None if seconds is None else Decimal(repr(round(seconds, 3)))

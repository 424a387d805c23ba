"""The lines of a plan by who is paid: a policy of several stages is a slice per stage."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from costplan.domain.policy_text import split_policy
from costplan.plan.model import Line
from costplan.plan.recipe import StageUse

INFERENCE = "inference"
"""What a single call is booked as."""
KINDS = {"vote": "vote", "best_of": "best of", "cascade": "cascade", "route": "route"}


class Slice(NamedTuple):
    """What one model at one setting takes of a line; the slices of a line add up to it."""

    # A tuple is made four times as fast as a frozen dataclass, and a year has 60,000 of them.

    line: Line
    """The line."""
    service: str
    """"inference", "vote", "best of", "cascade, stage 1 of 2", "route, bucket 2 of 3"."""
    model: str
    provider: str
    setting: str
    requests: Decimal
    """Requests that reach it."""
    calls: Decimal
    """Calls of it."""
    input_tokens: Decimal | None
    output_tokens: Decimal | None
    reasoning_tokens: Decimal | None
    usd: Decimal
    """Dollars, exact."""
    stage: StageUse | None = None
    """Its stage; None for a single call."""


def slice_line(line: Line) -> Iterator[Slice]:
    """Cut a line into its stages; in one piece where their dollars are not known apart."""
    if not line.stages:
        yield _whole(line, INFERENCE)
        return
    kind = name_policy(line)
    known = [stage.usd_per_request for stage in line.stages]
    if len(line.stages) == 1:
        yield _whole(line, kind, line.stages[0])
        return
    costs = [usd for usd in known if usd is not None]
    if len(costs) < len(known):
        models = " + ".join(dict.fromkeys(stage.model for stage in line.stages))
        yield _whole(line, f"{kind} of {len(line.stages)} stages")._replace(model=models)
        return
    step = "bucket" if kind == "route" else "stage"
    whole = sum(costs, Decimal(0))
    left = line.usd
    for number, (stage, usd) in enumerate(zip(line.stages, costs, strict=True), start=1):
        last = number == len(costs)
        part = left if last else line.usd * usd / whole if whole else Decimal(0)
        left -= part
        reached = line.requests_planned * Decimal(repr(stage.reach))
        yield Slice(
            line=line,
            service=f"{kind}, {step} {number} of {len(costs)}",
            model=stage.model,
            provider=stage.provider or line.provider,
            setting=stage.setting,
            requests=reached,
            calls=reached * Decimal(repr(stage.calls)),
            input_tokens=_times(line, stage.input_tokens),
            output_tokens=_times(line, stage.output_tokens),
            reasoning_tokens=_times(line, stage.reasoning_tokens),
            usd=part,
            stage=stage,
        )


def name_policy(line: Line) -> str:
    """Name the kind of a line's policy: "cascade"."""
    split = split_policy(line.policy)
    if split is not None:
        return KINDS[split[0]]
    return "cascade" if len(line.stages) > 1 else "vote"


def _whole(line: Line, service: str, stage: StageUse | None = None) -> Slice:
    return Slice(
        line=line,
        service=service,
        model=line.model,
        provider=line.provider,
        setting=line.setting,
        requests=line.requests_planned,
        calls=line.requests_planned
        if line.calls == 1
        else line.requests_planned * Decimal(repr(line.calls)),
        input_tokens=line.input_tokens,
        output_tokens=line.output_tokens,
        reasoning_tokens=line.reasoning_tokens,
        usd=line.usd,
        stage=stage,
    )


def _times(line: Line, per_request: Decimal | None) -> Decimal | None:
    return None if per_request is None else per_request * line.requests_planned

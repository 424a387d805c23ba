"""How policies are built, stage by stage, for the page and the workbook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

from costplan.domain.money import EXACT
from costplan.plan.model import Line
from costplan.plan.recipe import StageUse
from costplan.report.slices import Slice, name_policy, slice_line


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage of a line's policy, or a bucket of a route."""

    line: Line
    stage: StageUse
    policy: str
    """"cascade", "vote", "best of", "route"."""
    order: str
    """Place among the stages: "1 of 3"."""
    taken: str
    """When its answer is taken, in words."""
    slice: Slice | None
    """Its requests and dollars; None where they are not known apart from other stages'."""


def list_stage_rows(lines: Sequence[Line]) -> Iterator[StageRow]:
    """List the stages of every line that has a policy, in order."""
    for line in lines:
        if not line.stages:
            continue
        with localcontext(EXACT):
            slices = list(slice_line(line))
        count = len(line.stages)
        kind = name_policy(line)
        apart = len(slices) == count
        for place, stage in enumerate(line.stages):
            yield StageRow(
                line,
                stage,
                kind,
                f"{place + 1} of {count}",
                _say_taken(kind, place, line.stages),
                slices[place] if apart else None,
            )


@dataclass(frozen=True, slots=True)
class WayRow:
    """What requests of a policy take that go one way through it, or all of them."""

    line: Line
    policy: str
    """"cascade", "vote", "best of", "route"."""
    way: str
    """"all requests", "ends at stage 1 of 2", "after 3 calls"."""
    share: float
    """Share of the line's requests, 0 to 1."""
    calls: float | None
    """Calls per answer; None where a way does not tell them."""
    usd_per_request: Decimal | None
    """Dollars per request; None for own GPUs."""
    usd_per_right: Decimal | None
    """Dollars per right answer; None for a single way, whose right answers are not known."""
    mean_latency_s: Decimal | None
    """Mean seconds; None where unknown."""
    p95_latency_s: Decimal | None
    """Seconds that 95 in 100 requests stay within; None where unknown."""


def list_way_rows(lines: Sequence[Line]) -> Iterator[WayRow]:
    """List, for every line that has a policy, all its requests and then each way they go."""
    for line in lines:
        if not line.stages:
            continue
        kind = name_policy(line)
        yield WayRow(
            line, kind, "all requests", 1.0, line.calls,
            None if line.pool else line.usd_per_request, line.usd_per_right,
            line.mean_latency_s, line.p95_latency_s,
        )  # fmt: skip
        repeated = len(line.stages) == 1
        for path in line.paths:
            yield WayRow(
                line, kind, _say_way(kind, path.stages, len(line.stages)), path.share,
                float(path.stages) if repeated else None, path.usd_per_request, None,
                path.mean_latency_s, path.p95_latency_s,
            )  # fmt: skip


def _say_way(kind: str, stages: int, count: int) -> str:
    if count == 1:
        return f"after {stages} call{'s' if stages > 1 else ''}"
    if kind == "route":
        return f"bucket {stages} of {count}"
    return f"ends at stage {stages} of {count}"


def per_reached(row: StageRow) -> Decimal | None:
    """Give the dollars per request that reaches a stage; None where unknown."""
    part = row.slice
    if part is None or not part.requests:
        return None
    with localcontext(EXACT):
        return part.usd / part.requests


def _say_taken(kind: str, place: int, stages: Sequence[StageUse]) -> str:
    stage = stages[place]
    said = ", ".join(part for part in (stage.check, stage.threshold) if part)
    if kind == "route":
        return f"asked for {said}" if said else "asked for its share"
    if kind == "vote":
        return "the answer with most votes" + (f" ({said})" if said else "")
    if kind == "best of":
        return f"first answer that passes: {said}" if said else "the best answer"
    if place == len(stages) - 1:
        return "always: last stage"
    return f"when it passes: {said}; else the next stage is asked"

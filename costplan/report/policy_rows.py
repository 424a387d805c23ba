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

"""Whether to plan again, by a rule that is stated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from costplan.domain.figures import write_percent, write_usd
from costplan.plan.track_split import CAUSES, Cause, ClassTrack

TOLERANCE = Decimal("0.10")
"""Share of the planned dollars by which the whole may be off."""
CLASS_TOLERANCE = Decimal("0.25")
"""Share of a class's planned dollars that one cause may add or take."""
CLASS_WEIGHT = Decimal("0.05")
"""Share of the dollars from which a class is worth planning again for."""
RULE = (
    "plan again when the spend is more than 10 % off the plan, when volume, mix, tokens per "
    "request or price moves a class with at least 5 % of the dollars by more than 25 % of its "
    "plan, when more than 10 % of the spend is for classes or models the plan does not have, or "
    "when the bill passes the dollar ceiling at this pace"
)
WORDS: dict[Cause, str] = {
    "volume": "volume",
    "mix": "mix",
    "tokens": "tokens per request",
    "price": "price",
    "unexplained": "what is unexplained",
}


def judge(
    plan_usd: Decimal,
    usd: Decimal,
    classes: Sequence[ClassTrack],
    projected_usd: Decimal | None,
    ceiling_usd: Decimal | None,
) -> Iterator[str]:
    """Give the reasons to plan again; none where the rule sees none."""
    off = usd - plan_usd
    if abs(off) > TOLERANCE * plan_usd:
        way = "above" if off > 0 else "below"
        yield f"the spend is {_off(off, plan_usd)} {way} the plan"
    if projected_usd is not None and ceiling_usd is not None and projected_usd > ceiling_usd:
        yield (
            f"at this pace the bill is {write_usd(projected_usd)}, above the ceiling of "
            f"{write_usd(ceiling_usd)}"
        )
    for one in classes:
        if not one.planned or max(one.plan_usd, one.usd) < CLASS_WEIGHT * max(plan_usd, usd):
            continue
        for cause in CAUSES[:-1]:
            step = one.steps[cause]
            if abs(step) > CLASS_TOLERANCE * one.plan_usd:
                verb = "adds" if step > 0 else "takes"
                yield (
                    f"{one.task_class}: {WORDS[cause]} {verb} {_off(step, one.plan_usd)} of its "
                    "plan"
                )
    strange = _unplanned(classes)
    if usd > 0 and strange > TOLERANCE * usd:
        yield f"{_off(strange, usd)} of the spend is for classes or models the plan does not have"


def _unplanned(classes: Sequence[ClassTrack]) -> Decimal:
    whole = Decimal(0)
    for one in classes:
        if not one.planned:
            whole += one.usd
            continue
        whole += sum((m.usd for m in one.models if m.model and not m.plan_requests), Decimal(0))
    return whole


def _off(part: Decimal, whole: Decimal) -> str:
    return write_percent(abs(part) / whole, 0) if whole else write_usd(abs(part))

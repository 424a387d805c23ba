"""Thinking that was counted on a benchmark and not on the class's own requests.

How long a model thinks differs between kinds of questions far more than accuracy does. Whoever
states tokens or a scale, or has own outcomes, knows; everybody else borrows them, and the bill's
interval says so. The ceiling is kept for the tokens that are taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from costplan.domain.estimate import Grade
from costplan.domain.option import Option
from costplan.plan.allocation import Allocation
from costplan.plan.case import ClassCase

MILLION = Decimal(1_000_000)
CENT = Decimal("0.01")


def borrowed_usd(part: ClassCase, option: Option) -> Decimal:
    """Give the dollars of a request that rest on tokens counted on a benchmark."""
    if option.recipe is None:
        return _borrowed_of_single(part, option)
    singles = {(o.model, o.setting): o for o in part.options if o.recipe is None}
    total = Decimal(0)
    for stage in option.recipe.stages:
        member = singles.get(stage.setting)
        if member is None or member.usd_per_request <= 0:
            continue
        usd = option.usd_per_request if stage.spend is None else Decimal(repr(stage.spend.usd))
        total += usd * _borrowed_of_single(part, member) / member.usd_per_request
    return min(total, option.usd_per_request)


def _borrowed_of_single(part: ClassCase, option: Option) -> Decimal:
    task, evidence = part.task, part.task.evidence
    if evidence is None or evidence.outcomes is not None or option.pool is not None:
        return Decimal(0)
    if option.accuracy.grade is Grade.STATED:
        return Decimal(0)
    if task.input_tokens is None:
        return option.usd_per_request
    stated = option.name in evidence.reasoning_tokens
    if stated or "reasoning_scale" in evidence.model_fields_set or option.price is None:
        return Decimal(0)
    thinking = option.reasoning_tokens or Decimal(0)
    return min(thinking * option.price.output_usd_per_mtok / MILLION, option.usd_per_request)


def borrowed_by_class(allocation: Allocation) -> dict[str, list[Decimal]]:
    """Give the dollars of an allocation that rest on borrowed tokens, option by option."""
    found: dict[str, list[Decimal]] = {}
    for part, option, share in allocation.parts():
        usd = part.task.requests * share * borrowed_usd(part, option)
        if usd > 0:
            found.setdefault(part.task.name, []).append(usd)
    return found


def widen_interval(
    allocation: Allocation, usd: Decimal, interval: tuple[Decimal, Decimal], confidence: float
) -> tuple[Decimal, Decimal]:
    """Widen the interval of a bill by what its borrowed tokens leave open."""
    classes = borrowed_by_class(allocation)
    if not classes or usd <= 0:
        return interval
    from costplan.evidence.costs import borrowed_reach

    spent = sum(float(amount) for amounts in classes.values() for amount in amounts)
    # Discounts take their part of the thinking too.
    scale = min(1.0, float(usd) / spent)
    down, up = borrowed_reach(
        ([scale * float(amount) for amount in amounts] for amounts in classes.values()), confidence
    )
    below, above = float(usd - interval[0]), float(interval[1] - usd)
    rest = max(float(usd) - scale * spent, 0.0) * float(interval[0] / usd)
    low = max(float(usd) - (below**2 + down**2) ** 0.5, rest)
    high = float(usd) + (above**2 + up**2) ** 0.5
    return Decimal(repr(low)).quantize(CENT), Decimal(repr(high)).quantize(CENT)


def say_borrowed(allocation: Allocation) -> Iterator[str]:
    """Say which classes borrow their tokens, what that means, and what settles it."""
    classes = borrowed_by_class(allocation)
    if not classes:
        return
    from costplan.evidence.costs import borrowed_factor

    yield (
        "models think as long as on the benchmark, not as on your requests, which half of the "
        f"time is off by more than a factor of {borrowed_factor():.1f}; the bill's interval holds "
        "that, the room below the ceiling does not; own token counts settle it (`costplan ingest "
        f"usage`, `costplan probe`, evidence.reasoning_tokens): {', '.join(classes)}"
    )

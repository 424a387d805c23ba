"""The dollar ceiling kept with confidence: how far the bill may stray from its forecast.

Costs are raw means of token counts; a planner that picks what looked cheap picks what was lucky.
So a plan of k dollars keeps k * exp(z * sd / k) under the ceiling, with z by the options that
compete and the questions behind them (calibrated by backtest on tables of real outcomes).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from statistics import median
from typing import Generic, TypeVar

from costplan.plan.allocation import Allocation
from costplan.plan.case import Case

STEPS = 20
"""Most planning budgets that are tried."""
FINE = 2_000
"""Part of the ceiling to which the margin is fitted."""
CENT = Decimal("0.01")
Planned = TypeVar("Planned")


def z_of(case: Case, confidence: float | None = None) -> float:
    """Standard errors to keep at a confidence, the workload's when absent.

    They grow with the options among which a class may choose: who picks among many picks those
    whose costs were measured too low. They grow too where questions are few.
    """
    from costplan.evidence.costs import margin_z
    from costplan.evidence.published import ASSUMED_QUESTIONS

    kept = [[o for o in part.options if o.usd_relative_sd > 0] for part in case.classes]
    uncertain = [len(options) for options in kept if options]
    asked = [
        max(float(o.source.n_questions or ASSUMED_QUESTIONS) for o in options)
        for options in kept
        if options
    ]
    sure = float(case.workload.confidence) if confidence is None else confidence
    return margin_z(median(uncertain), sure, median(asked)) if uncertain else 0.0


def usd_sd(allocation: Allocation) -> float:
    """Standard error of an allocation's dollars.

    Lines that rest on the same measurement err together, lines on the same benchmark's questions
    partly, others independently.
    """
    from costplan.evidence.cells import USUAL_RHO

    blocks: dict[tuple[str, str], dict[str, float]] = {}
    for part, option, share in allocation.parts():
        sd = float(part.task.requests * share * option.usd_per_request) * option.usd_relative_sd
        if sd > 0:
            block = blocks.setdefault((option.source.source, option.source.benchmark), {})
            block[option.name] = block.get(option.name, 0.0) + sd
    variance = 0.0
    for block in blocks.values():
        whole = sum(block.values())
        apart = sum(sd**2 for sd in block.values())
        variance += apart + USUAL_RHO * (whole**2 - apart)
    return math.sqrt(variance)


def usd_interval(usd: Decimal, sd: float, confidence: float) -> tuple[Decimal, Decimal]:
    """Interval of the bill, log-normal; the bill itself when nothing is uncertain."""
    if usd <= 0 or sd == 0:
        return usd, usd
    from costplan.evidence import costs

    low, high = costs.usd_interval(float(usd), sd, confidence)
    return Decimal(repr(low)).quantize(CENT), Decimal(repr(high)).quantize(CENT)


@dataclass(frozen=True, slots=True)
class Kept(Generic[Planned]):
    """The plan that keeps the ceiling with confidence."""

    planned: Planned
    """The plan; the cheapest found where none keeps the margin."""
    sure: bool
    """Whether the margin is kept."""


def keep(
    ceiling: Decimal,
    plan: Callable[[Decimal], Planned | None],
    read: Callable[[Planned], tuple[Decimal, float]],
    z: float,
) -> Kept[Planned] | None:
    """Find the plan of the largest budget whose dollars plus margin stay under the ceiling.

    `plan` gives the best plan of a budget or None, `read` its dollars and their standard error.
    None when not even the whole ceiling allows a plan.
    """
    whole = plan(ceiling)
    if whole is None:
        return None
    needed = with_margin(read(whole), z)
    if needed <= ceiling:
        return Kept(whole, sure=True)
    best: Planned | None = None
    cheapest = whole
    low, high, budget = Decimal(0), ceiling, ceiling
    for _ in range(STEPS):
        budget = _next_budget(low, high, budget * ceiling / needed)
        tried = plan(budget)
        if tried is None:
            low, needed = budget, ceiling
            continue
        needed = with_margin(read(tried), z)
        if needed > ceiling:
            high, cheapest = budget, tried
            continue
        best, low = tried, budget
        if ceiling - needed <= ceiling / FINE or high - low <= ceiling / FINE:
            break
    return Kept(cheapest, sure=False) if best is None else Kept(best, sure=True)


def _next_budget(low: Decimal, high: Decimal, guess: Decimal) -> Decimal:
    """Take the guess that the last margin suggests, or bisect where it leaves the bracket."""
    budget = guess if low < guess < high else (low + high) / 2
    return budget.quantize(Decimal("1e-6"), rounding=ROUND_DOWN)


def with_margin(read: tuple[Decimal, float], z: float) -> Decimal:
    """Give the ceiling that dollars with a standard error need at z standard errors."""
    usd, sd = read
    if usd <= 0 or sd == 0:
        return usd
    return usd * Decimal(repr(math.exp(min(z * sd / float(usd), 50.0))))

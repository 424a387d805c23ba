"""What a little more or less of a ceiling would do: prices and next steps."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.plan.case import Case
from costplan.plan.insight import NextStep
from costplan.plan.model import Ceiling
from costplan.plan.part import hold_quantity
from costplan.plan.problem import part_of_requests

if TYPE_CHECKING:
    from costplan.solve.problem import Limits, Problem
    from costplan.solve.solution import Solution
    from costplan.solve.verify import Audit

MORE_USD = Decimal(1000)
"""Dollars that the next step of a money ceiling is about, at most a tenth of the ceiling."""
MORE_SECONDS = Decimal(1)
"""Seconds that the next step of a latency ceiling is about."""
MONTH = re.compile(r" (\d{4}-\d{2})\.")
SOLVED = ("usd", "mean_latency_s")
"""Ceilings whose next step is found by solving again."""
MOST_BINDING = 3
"""Other ceilings that are named, at most."""
PRICE_SECONDS = 5.0
"""Seconds that pricing the limits may take."""


def list_ceilings(case: Case, problem: Problem, solution: Solution, audit: Audit) -> list[Ceiling]:
    """List every limit with what the plan uses and what one unit more or less is worth."""
    from costplan.solve.prices import prices as price_limits

    prices = price_limits(problem, time_limit_s=PRICE_SECONDS)
    return [
        Ceiling(
            name=_full_name(problem, usage.name),
            limit=_hold(case, usage.name, usage.limit),
            used=_hold(case, usage.name, usage.used),
            slack=_hold(case, usage.name, usage.slack),
            price_up=prices[usage.name].up if usage.name in prices else None,
            price_down=prices[usage.name].down if usage.name in prices else None,
        )
        for usage in audit.usages
        if usage.used is not None and usage.slack is not None
    ]


def _hold(case: Case, name: str, quantity: Decimal) -> Decimal:
    """Hold a quantity; shares within a month of a horizon as shares of that month again."""
    month = MONTH.search(name)
    if month is not None and name.endswith("share"):
        mine, everything = part_of_requests(case, month[1])
        quantity = quantity * everything / mine
    return hold_quantity(name, quantity)


def _full_name(problem: Problem, name: str) -> str:
    if name != "target":
        return name
    by_accuracy = problem.objective.target_accuracy is not None
    return "target_accuracy" if by_accuracy else "target_value"


def list_next_steps(problem: Problem, solution: Solution) -> list[NextStep]:
    """Say what the next dollars and the next second would buy, by solving again."""
    limits = problem.limits
    steps: list[tuple[str, Decimal, Limits]] = []
    if limits.usd is not None:
        more = _usd_step(limits.usd)
        steps.append(("usd", more, replace(limits, usd=limits.usd + more)))
    if limits.mean_latency_s is not None:
        steps.append(
            (
                "mean_latency_s",
                MORE_SECONDS,
                replace(limits, mean_latency_s=limits.mean_latency_s + MORE_SECONDS),
            )
        )
    return [_take_step(problem, solution, *step) for step in steps]


def list_binding(ceilings: Sequence[Ceiling]) -> list[NextStep]:
    """Say what one more unit of the other ceilings would bring, the dearest first."""
    priced = [
        NextStep(name=c.name, step=Decimal(1), value=c.price_up, accuracy=None)
        for c in ceilings
        if c.name not in SOLVED and c.name.endswith(("usd", "_s")) and (c.price_up or 0) > 0
        if c.price_up is not None
    ]
    return sorted(priced, key=lambda step: -step.value)[:MOST_BINDING]


def _usd_step(limit: Decimal) -> Decimal:
    step = MORE_USD
    while step > limit / 10 and step > Decimal("0.01"):
        step /= 10
    return step


def _take_step(
    problem: Problem, solution: Solution, name: str, more: Decimal, limits: Limits
) -> NextStep:
    from costplan.solve.room import solve

    loosened = solve(replace(problem, limits=limits), time_limit_s=PRICE_SECONDS)
    if not loosened.has_plan or loosened.objective is None or solution.objective is None:
        return NextStep(name=name, step=more, value=0.0, accuracy=None)
    before, after = solution.audit, loosened.audit
    accuracy = None
    if before is not None and after is not None and before.accuracy and after.accuracy:
        accuracy = float(after.accuracy - before.accuracy)
    gain = float(loosened.objective - solution.objective)
    if problem.objective.goal.value == "cost":
        gain = -gain
    return NextStep(name=name, step=more, value=max(gain, 0.0), accuracy=accuracy)

"""What a little more or less of a ceiling would do: prices, next steps, the frontier."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.plan.case import Case
from costplan.plan.model import Ceiling, FrontierPoint, NextStep

if TYPE_CHECKING:
    from costplan.solve.frontier import Frontier
    from costplan.solve.problem import Limits, Problem
    from costplan.solve.solution import Solution
    from costplan.solve.verify import Audit

MORE_USD = Decimal(1000)
"""Dollars that the next step of a money ceiling is about, at most a tenth of the ceiling."""
MORE_SECONDS = Decimal(1)
"""Seconds that the next step of a latency ceiling is about."""
PRICE_SECONDS = 5.0
"""Seconds that pricing the limits, or a point of the frontier, may take."""
SOLVED_POINTS = 16
"""Points of a frontier that is solved ceiling by ceiling."""
LARGE = 5_000
"""Options from which fewer points are solved."""
POINTS = 60
"""Most points of the frontier that a plan keeps."""


def list_ceilings(problem: Problem, solution: Solution, audit: Audit) -> list[Ceiling]:
    """List every limit with what the plan uses and what one unit more or less is worth."""
    from costplan.solve.prices import prices as price_limits

    prices = price_limits(problem, time_limit_s=PRICE_SECONDS)
    return [
        Ceiling(
            name=usage.name,
            limit=usage.limit,
            used=usage.used,
            slack=usage.slack,
            price_up=prices[usage.name].up if usage.name in prices else None,
            price_down=prices[usage.name].down if usage.name in prices else None,
        )
        for usage in audit.usages
        if usage.used is not None and usage.slack is not None
    ]


def list_next_steps(case: Case, problem: Problem, solution: Solution) -> list[NextStep]:
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


def _usd_step(limit: Decimal) -> Decimal:
    step = MORE_USD
    while step > limit / 10 and step > Decimal("0.01"):
        step /= 10
    return step


def _take_step(
    problem: Problem, solution: Solution, name: str, more: Decimal, limits: Limits
) -> NextStep:
    from costplan.solve.room import solve

    loosened = solve(replace(problem, limits=limits))
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


def trace_frontier(problem: Problem) -> list[FrontierPoint]:
    """Trace the best objective by dollars used, thinned to at most POINTS points.

    All breakpoints where money is the only limit of the whole plan, else the best plans of evenly
    spaced ceilings. Empty for a plan of least cost.
    """
    from costplan.solve.frontier import frontier_points, split_frontier

    if problem.objective.goal.value == "cost":
        return []
    traced = split_frontier(problem) if problem.splits else None
    if traced is not None:
        return _thin(_list_breakpoints(problem, traced))
    points = SOLVED_POINTS if problem.n_options <= LARGE else SOLVED_POINTS // 4
    found = frontier_points(problem, points, time_limit_s=PRICE_SECONDS)
    return _thin(
        [
            FrontierPoint(
                usd=point.solution.audit.bill_usd,
                value=float(point.solution.audit.value),
                accuracy=float(point.solution.audit.accuracy or 0),
            )
            for point in found
            if point.solution.audit is not None
        ]
    )


def _list_breakpoints(problem: Problem, traced: Frontier) -> list[FrontierPoint]:
    """Follow right answers and value along the breakpoints of an exact frontier."""
    import numpy as np

    requests, accuracy = problem.requests.floats, problem.accuracy.floats
    worth = problem.weight.floats
    right = requests * accuracy[traced.first_options]
    moved = traced.changed_class[1:]
    gained = requests[moved] * (accuracy[traced.after[1:]] - accuracy[traced.before[1:]])
    answers = np.concatenate([[right.sum()], right.sum() + np.cumsum(gained)])
    first = (worth * right).sum()
    values = np.concatenate([[first], first + np.cumsum(worth[moved] * gained)])
    whole = requests.sum() or 1.0
    return [
        FrontierPoint(usd=traced.used.at(i), value=float(value), accuracy=float(answer / whole))
        for i, (answer, value) in enumerate(zip(answers, values, strict=True))
    ]


def _thin(points: list[FrontierPoint]) -> list[FrontierPoint]:
    """Keep ends, and evenly spaced ones between them by value."""
    rising = sorted({point.usd: point for point in points}.values(), key=lambda p: p.usd)
    if len(rising) <= POINTS:
        return rising
    low, high = rising[0].value, rising[-1].value
    kept: dict[int, FrontierPoint] = {}
    for point in rising:
        kept[round((point.value - low) / (high - low or 1.0) * (POINTS - 1))] = point
    kept[0] = rising[0]
    return [kept[place] for place in sorted(kept)]

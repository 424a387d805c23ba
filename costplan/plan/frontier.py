"""The best plans for every amount of a ceiling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.plan.case import Case
from costplan.plan.insight import FrontierPoint

if TYPE_CHECKING:
    from costplan.solve.frontier import Frontier
    from costplan.solve.problem import Problem

SOLVED_POINTS = 16
"""Points of a frontier that is solved ceiling by ceiling."""
LARGE = 5_000
"""Options from which fewer points are solved."""
POINTS = 60
"""Most points of the frontier that a plan keeps."""
POINT_SECONDS = 5.0
"""Seconds that a point of a frontier may take."""
CURVE_SECONDS = 20.0
"""Seconds that all points beside a plan may take: the plan must not wait for its chart."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One point of a frontier, and what changes on the way to it."""

    amount: Decimal
    """The ceiling: dollars, or seconds."""
    usd: Decimal | None
    """Dollars that the plan uses; None on an exact frontier along latency."""
    objective: float
    """Best objective."""
    value: float
    """Value of that plan."""
    accuracy: float
    """Mean accuracy of that plan."""
    task_class: str | None
    """Class that changes; None at the first point and where points were solved one by one."""
    before: str | None
    """Option it leaves."""
    after: str | None
    """Option it takes."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A frontier."""

    ceiling: str
    """What rises: "usd" or "mean_latency_s"."""
    exact: bool
    """Whether these are all breakpoints, with straight lines between them."""
    splits: bool
    """Whether classes may be split."""
    stages: tuple[Stage, ...]
    """Points by rising ceiling."""


def trace_curve(
    case: Case, problem: Problem, *, ceiling: str = "usd", points: int | None = None
) -> Curve:
    """Trace the frontier of a case along a ceiling.

    Without `points` all breakpoints are found in one pass where this ceiling is the only limit of
    the whole plan; else, and with `points`, the best plans of evenly spaced ceilings, those with
    one option per class where the problem does not allow splits.
    """
    from costplan.solve.frontier import frontier_points, split_frontier

    problem = aim_high(problem)
    if points is None and problem.splits:
        traced = split_frontier(problem, ceiling)
        if traced is not None:
            return Curve(ceiling, True, True, tuple(_read_stages(case, problem, traced)))
    found = frontier_points(problem, points or SOLVED_POINTS, ceiling, time_limit_s=POINT_SECONDS)
    stages = [
        Stage(
            amount=point.amount,
            usd=audit.bill_usd,
            objective=float(audit.objective),
            value=float(audit.value),
            accuracy=float(audit.accuracy or 0),
            task_class=None,
            before=None,
            after=None,
        )
        for point in found
        if (audit := point.solution.audit) is not None
    ]
    return Curve(ceiling, False, problem.splits, tuple(stages))


def trace_frontier(problem: Problem) -> tuple[list[FrontierPoint], float]:
    """Trace the best objective by dollars used, thinned to at most POINTS points.

    Returns also by what part a point may be below the best plan, where there was no time to prove
    more. For a plan of least cost the same curve: the most that every amount of money buys.
    LimitError where a deadline comes before the first point.
    """
    from costplan.solve.deadline import left_s
    from costplan.solve.frontier import frontier_points, split_frontier

    problem = aim_high(problem)
    traced = split_frontier(problem) if problem.splits else None
    if traced is not None:
        answers, values = _follow(problem, traced)
        points = [
            FrontierPoint(usd=traced.used.at(i), value=value, accuracy=answer)
            for i, (answer, value) in enumerate(zip(answers, values, strict=True))
        ]
        return _thin(points), 0.0
    count = SOLVED_POINTS if problem.n_options <= LARGE else SOLVED_POINTS // 4
    left = left_s()
    shared = CURVE_SECONDS if left is None else min(CURVE_SECONDS, left)
    found = frontier_points(problem, count, time_limit_s=shared / (count + 2))
    points = [
        FrontierPoint(
            usd=audit.bill_usd,
            value=float(audit.value),
            accuracy=float(audit.accuracy or 0),
        )
        for point in found
        if (audit := point.solution.audit) is not None
    ]
    gaps = [point.solution.gap or 0.0 for point in found if point.solution.has_plan]
    return _thin(_undominated(points)), max(gaps, default=0.0)


def _undominated(points: list[FrontierPoint]) -> list[FrontierPoint]:
    """Leave out plans that time made worse than one for less money."""
    kept: list[FrontierPoint] = []
    for point in points:
        if not kept or point.value >= kept[-1].value or point.accuracy > kept[-1].accuracy:
            kept.append(point)
    return kept


def aim_high(problem: Problem) -> Problem:
    """Ask for the most that money buys where the plan asks for the least money: one curve."""
    from costplan.solve.problem import Goal, Objective

    if problem.objective.goal is not Goal.COST:
        return problem
    by_value = problem.objective.target_value is not None
    return replace(problem, objective=Objective(Goal.VALUE if by_value else Goal.ACCURACY))


def _follow(problem: Problem, traced: Frontier) -> tuple[list[float], list[float]]:
    """Follow mean accuracy and value along the breakpoints of an exact frontier."""
    import numpy as np

    counts, requests = np.diff(problem.first), problem.requests.floats
    right = np.repeat(requests, counts) * problem.accuracy.floats
    answers = traced.along(right)
    values = traced.along(np.repeat(problem.weight.floats, counts) * right)
    return (answers / (requests.sum() or 1.0)).tolist(), values.tolist()


def _read_stages(case: Case, problem: Problem, traced: Frontier) -> list[Stage]:
    answers, values = _follow(problem, traced)
    names = problem.option_names
    stages = []
    for i, (answer, value) in enumerate(zip(answers, values, strict=True)):
        moved = int(traced.changed_class[i])
        amount = Decimal(repr(float(traced.amounts[i])))
        stages.append(
            Stage(
                amount=traced.used.at(i) if traced.ceiling == "usd" else amount,
                usd=traced.used.at(i) if traced.ceiling == "usd" else None,
                objective=float(traced.objective[i]),
                value=value,
                accuracy=answer,
                task_class=None if moved < 0 else case.classes[moved].key,
                before=None if moved < 0 else names[int(traced.before[i])],
                after=None if moved < 0 else names[int(traced.after[i])],
            )
        )
    return stages


def _thin(points: list[FrontierPoint]) -> list[FrontierPoint]:
    """Keep both ends, and points evenly spaced by value between them."""
    rising = sorted({point.usd: point for point in points}.values(), key=lambda p: p.usd)
    if len(rising) <= POINTS:
        return rising
    low, high = rising[0].value, rising[-1].value
    kept: dict[int, FrontierPoint] = {}
    for point in rising:
        kept[round((point.value - low) / (high - low or 1.0) * (POINTS - 1))] = point
    kept[0] = rising[0]
    return [kept[place] for place in sorted(kept)]

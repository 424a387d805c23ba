"""From a problem to a solution that keeps the dollar ceiling with confidence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError, LimitError
from costplan.domain.estimate import Grade
from costplan.plan.alike import treat_alike
from costplan.plan.allocation import Allocation
from costplan.plan.case import Case
from costplan.plan.forecast import forecast_accuracy
from costplan.plan.margin import keep, usd_sd, z_of

if TYPE_CHECKING:
    from costplan.solve.problem import Problem
    from costplan.solve.solution import Solution


TARGET_STEPS = 18
"""Bisections of the planning target."""
ENOUGH = 0.05
"""Part of the time limit below which no further plan is begun."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a plan is to be made."""

    solver: str = "auto"
    """Name of the solver; `auto` picks by what the problem needs."""
    naive: bool = False
    """Take estimates at their word: no margin on the dollar ceiling."""
    time_limit_s: float | None = None
    """Seconds after which the solver gives what it has."""
    beside_s: float = 8.0
    """Seconds that prices, chart and explanations may take together, the time limit at most."""
    unknowns: bool = True
    """Whether to find what measuring could change."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A problem with its solution and what that means for the classes."""

    problem: Problem
    """Limits planned under; the dollar ceiling is the planning budget."""
    solution: Solution
    """The solver's answer."""
    allocation: Allocation
    """Options and shares."""


def solve_with_margin(
    case: Case, problem: Problem, manner: Manner
) -> tuple[Solved | Solution, bool]:
    """Solve, with the problem's dollar ceiling kept at the workload's confidence.

    Returns also whether it is kept so; a solution without a plan where the problem has none. All
    of it keeps the time limit; LimitError where that came before such a plan.
    """
    from costplan.solve.deadline import within

    with within(manner.time_limit_s):
        return _solve_within(case, problem, manner)


def _solve_within(case: Case, problem: Problem, manner: Manner) -> tuple[Solved | Solution, bool]:
    ceiling = problem.limits.usd
    again = not manner.naive and (ceiling is not None or _can_keep_target(case, problem))
    whole = _solve(case, problem, _halve(manner) if again and _varies(case) else manner)
    if isinstance(whole, Solved) and not manner.naive and _can_keep_target(case, problem):
        return _keep_target(case, whole, manner)
    if ceiling is None or manner.naive or not isinstance(whole, Solved):
        return whole, True

    cut: list[Decimal] = []

    def plan(budget: Decimal) -> Solved | None:
        if budget == ceiling:
            return whole if isinstance(whole, Solved) else None
        tighter = replace(problem, limits=replace(problem.limits, usd=budget))
        if _is_short(manner):
            cut.append(budget)
            return None
        try:
            solved = _solve(case, tighter, _halve(manner))
        except LimitError:
            cut.append(budget)
            return None
        return solved if isinstance(solved, Solved) else None

    def read(solved: Solved) -> tuple[Decimal, float]:
        audit = solved.allocation.audit(problem)
        return audit.bill_usd, usd_sd(solved.allocation)

    kept = keep(ceiling, plan, read, z_of(case))
    if kept is None:
        return whole, True
    if cut and not kept.sure:
        raise LimitError(
            "the time limit came before a plan that keeps the dollar ceiling with confidence; give "
            "it more with --time-limit, or take estimates at their word with --naive"
        )
    return kept.planned, kept.sure


def _varies(case: Case) -> bool:
    """Tell whether any option is an estimate, so that margins may be asked for."""
    options = (option for part in case.classes for option in part.options)
    return any(option.accuracy.grade is not Grade.STATED for option in options)


def _halve(manner: Manner) -> Manner:
    """Give the next plan half of the time that is left, so that there is some for those after."""
    from costplan.solve.deadline import left_s

    left = left_s()
    return manner if left is None else replace(manner, time_limit_s=left / 2)


def _is_short(manner: Manner) -> bool:
    """Tell whether too little of the time limit is left for another plan."""
    from costplan.solve.deadline import left_s

    left, limit = left_s(), manner.time_limit_s
    return left is not None and limit is not None and left < ENOUGH * limit


def _can_keep_target(case: Case, problem: Problem) -> bool:
    """Tell whether an accuracy target can be kept with confidence.

    Published curves forecast levels too badly: a plan that trusts them as little as they deserve
    would buy the dearest options for no reason, so there the target is met as forecast.
    """
    measured = {Grade.MEASURED, Grade.STATED}
    grades = {option.accuracy.grade for part in case.classes for option in part.options}
    return problem.objective.target_accuracy is not None and grades <= measured


def _keep_target(case: Case, whole: Solved, manner: Manner) -> tuple[Solved, bool]:
    """Raise the planning target until the accuracy reaches the stated one with confidence."""
    problem = whole.problem
    target = problem.objective.target_accuracy
    assert target is not None
    if _surely_reaches(whole, target):
        return whole, True
    best: Solved | None = None
    low, high = target, Decimal(1)
    for _ in range(TARGET_STEPS):
        middle = ((low + high) / 2).quantize(Decimal("1e-9"))
        if _is_short(manner):
            break
        aim = replace(problem.objective, target_accuracy=middle)
        try:
            tried = _solve(case, replace(problem, objective=aim), _halve(manner))
        except LimitError:
            break
        if isinstance(tried, Solved) and _surely_reaches(tried, target):
            best, high = tried, middle
        elif isinstance(tried, Solved):
            low = middle
        else:
            high = middle
    return (whole, True) if best is None else (best, True)


def _surely_reaches(solved: Solved, target: Decimal) -> bool:
    confidence = 2 * float(solved.allocation.case.workload.confidence) - 1
    audit = solved.allocation.audit(solved.problem)
    forecast = forecast_accuracy(solved.allocation, confidence)
    below = 0.0 if forecast is None else forecast.mean - forecast.low
    return float(audit.accuracy or 0) - below >= float(target) - 1e-12


def _solve(case: Case, problem: Problem, manner: Manner) -> Solved | Solution:
    from costplan.solve.room import solve
    from costplan.solve.solution import Solution, Status

    try:
        solution = solve(problem, solver=manner.solver, time_limit_s=manner.time_limit_s)
    except ValueError as error:
        raise InputError(
            [Fault(f"--solver {manner.solver}: {error}", advice="leave it to auto")]
        ) from error
    if solution.status is Status.LIMIT:
        if manner.time_limit_s is None:
            # Floats found a plan that no exact one follows: the limits miss by a hair.
            return Solution(Status.INFEASIBLE, solution.solver)
        raise LimitError("the time limit came before any plan; give it more with --time-limit")
    if not solution.has_plan:
        return solution
    solution = treat_alike(case, problem, solution)
    return Solved(problem, solution, Allocation.of_solution(case, problem, solution))

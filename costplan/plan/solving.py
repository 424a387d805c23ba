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


@dataclass(frozen=True, slots=True)
class Manner:
    """How a plan is to be made."""

    solver: str = "auto"
    """Name of the solver; `auto` picks by what the problem needs."""
    naive: bool = False
    """Take estimates at their word: no margin on the dollar ceiling."""
    time_limit_s: float | None = None
    """Seconds after which the solver gives what it has."""


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

    Returns also whether it is kept so; a solution without a plan where the problem has none.
    """
    ceiling = problem.limits.usd
    whole = _solve(case, problem, manner)
    if isinstance(whole, Solved) and not manner.naive and _can_keep_target(case, problem):
        return _keep_target(case, whole, manner)
    if ceiling is None or manner.naive or not isinstance(whole, Solved):
        return whole, True

    def plan(budget: Decimal) -> Solved | None:
        if budget == ceiling:
            return whole if isinstance(whole, Solved) else None
        tighter = replace(problem, limits=replace(problem.limits, usd=budget))
        solved = _solve(case, tighter, manner)
        return solved if isinstance(solved, Solved) else None

    def read(solved: Solved) -> tuple[Decimal, float]:
        audit = solved.allocation.audit(problem)
        return audit.bill_usd, usd_sd(solved.allocation)

    kept = keep(ceiling, plan, read, z_of(case))
    return (whole, True) if kept is None else (kept.planned, kept.sure)


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
        aim = replace(problem.objective, target_accuracy=middle)
        tried = _solve(case, replace(problem, objective=aim), manner)
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

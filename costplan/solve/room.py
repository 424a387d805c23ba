"""The door of the room: one call that picks a solver and lets no plan out unverified."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

from costplan.solve.problem import Problem
from costplan.solve.solution import Solution, Status
from costplan.solve.verify import verify

DEFAULT_GAP = 1e-9
"""A plan is optimal when it is proven to this part of the objective."""

SOLVERS = {
    "own": "costplan.solve.own:OwnSolver",
    "highs": "costplan.solve.highs:HighsSolver",
    "enumerate": "costplan.solve.enumerate:Enumeration",
}
"""Solvers by name, imported on use."""


class Solver(Protocol):
    """What every solver of the table can do."""

    name: str
    exact: bool

    def solve(
        self, problem: Problem, *, time_limit_s: float | None = None, gap: float = DEFAULT_GAP
    ) -> Solution:
        """Solve a problem; ValueError when it is not of the solver's kind."""


def solver_named(name: str) -> Solver:
    """Return a solver of the table; ValueError for an unknown name."""
    if name not in SOLVERS:
        raise ValueError(f"unknown solver {name!r}; known: auto, {', '.join(SOLVERS)}")
    module, _, attribute = SOLVERS[name].partition(":")
    found: Solver = getattr(import_module(module), attribute)()
    return found


def solve(
    problem: Problem,
    *,
    solver: str = "auto",
    time_limit_s: float | None = None,
    gap: float = DEFAULT_GAP,
) -> Solution:
    """Find the best plan and prove it to the gap, a part of the objective.

    "auto" takes the own solver where a single linear ceiling is all there is, else HiGHS. Every
    plan has been added up again exactly; one that breaks a limit is a bug and raises
    AssertionError. ValueError when the named solver cannot take the problem.
    """
    name = chosen_solver(problem) if solver == "auto" else solver
    solution = solver_named(name).solve(problem, time_limit_s=time_limit_s, gap=gap)
    if not solution.has_plan:
        return solution
    audit = solution.audit or verify(problem, solution.main, solution.splits)
    if not audit.ok:
        broken = [usage.name for usage in audit.violations] + list(audit.faults)
        raise AssertionError(f"{name} returned a plan that breaks {', '.join(broken)}")
    assert solution.status in {Status.OPTIMAL, Status.FEASIBLE}
    return solution


def chosen_solver(problem: Problem) -> str:
    """Return the solver that "auto" takes."""
    from costplan.solve.knapsack import is_knapsack

    return "own" if is_knapsack(problem) else "highs"

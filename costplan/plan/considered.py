"""Every option that was looked at for a class, and its fate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costplan.plan.case import Case
from costplan.plan.model import Considered

if TYPE_CHECKING:
    from costplan.solve.problem import Problem
    from costplan.solve.solution import Solution


def consider(case: Case, problem: Problem, solution: Solution) -> list[Considered]:
    """Say of every option and of every model left out what became of it."""
    return []

"""The mathematics of the allocation: problem, solvers, proof."""

from __future__ import annotations

from costplan.solve.build import ClassRow, OptionRow, build_problem
from costplan.solve.decimals import DecimalColumn
from costplan.solve.problem import (
    Commitment,
    Contract,
    Goal,
    Limits,
    Objective,
    Pool,
    Problem,
    Tier,
)
from costplan.solve.room import SOLVERS, solve
from costplan.solve.solution import Solution, Status
from costplan.solve.usages import Usage
from costplan.solve.verify import Audit, verify

__all__ = [
    "SOLVERS",
    "Audit",
    "ClassRow",
    "Commitment",
    "Contract",
    "DecimalColumn",
    "Goal",
    "Limits",
    "Objective",
    "OptionRow",
    "Pool",
    "Problem",
    "Solution",
    "Status",
    "Tier",
    "Usage",
    "build_problem",
    "solve",
    "verify",
]

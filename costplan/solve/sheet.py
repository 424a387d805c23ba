"""A linear or mixed-integer program as arrays, and HiGHS on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import ModuleType
from typing import Any

import numpy as np

from costplan.solve.decimals import Bools, Floats, Ints
from costplan.solve.running import run_interruptibly

FEASIBILITY = 1e-9
"""HiGHS's tolerance; what is still broken is found by the exact check."""
ROW_SIZE = 100.0
"""Rows are scaled so that their bound has this magnitude."""
PRIMAL_SIMPLEX = 4
"""HiGHS's number for it. Linear programs have many more columns than rows and are easy to begin:
it is as fast as the dual one at worst, and up to ten times faster where classes have floors."""
LEAST_BOUND = 1e-8
"""Part of the largest value of a row below which its bound does not set the scale."""


class Ending(StrEnum):
    """How HiGHS ended."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What HiGHS found; minimisation throughout."""

    ending: Ending
    x: Floats | None
    """Values of the columns; None when there is no feasible point."""
    objective: float
    bound: float
    """No point is below this (integer programs)."""
    basic_columns: Bools | None = None
    active_rows: Bools | None = None
    """Rows at one of their bounds in the final basis."""
    duals: Floats | None = None


@dataclass(slots=True, eq=False)
class Sheet:
    """Columns and rows, gathered piece by piece."""

    cost: list[Floats] = field(default_factory=list)
    lower: list[Floats] = field(default_factory=list)
    upper: list[Floats] = field(default_factory=list)
    integer: list[Bools] = field(default_factory=list)
    n_columns: int = 0
    indices: list[Ints] = field(default_factory=list)
    values: list[Floats] = field(default_factory=list)
    lengths: list[Ints] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)

    def columns(self, cost: Floats, lower: Floats, upper: Floats, integer: bool) -> int:
        """Add columns and return the index of the first."""
        self.cost.append(cost)
        self.lower.append(lower)
        self.upper.append(upper)
        self.integer.append(np.full(len(cost), integer))
        self.n_columns += len(cost)
        return self.n_columns - len(cost)

    def column(self, cost: float, lower: float, upper: float, integer: bool) -> int:
        """Add one column and return its index."""
        return self.columns(np.array([cost]), np.array([lower]), np.array([upper]), integer)

    def row(self, index: Ints, value: Floats, lower: float, upper: float) -> int:
        """Add one row and return its index."""
        self.indices.append(index)
        self.values.append(value)
        self.lengths.append(np.array([len(index)]))
        self.row_lower.append(lower)
        self.row_upper.append(upper)
        return len(self.row_lower) - 1

    def partition(self, counts: Ints) -> None:
        """Add one row per class over consecutive columns from 0: their sum is 1."""
        n = int(counts.sum())
        self.indices.append(np.arange(n))
        self.values.append(np.ones(n))
        self.lengths.append(counts)
        self.row_lower.extend([1.0] * len(counts))
        self.row_upper.extend([1.0] * len(counts))

    def run(
        self,
        *,
        gap: float,
        time_limit_s: float | None,
        relax: bool = False,
        target: float | None = None,
        start: Floats | None = None,
    ) -> Outcome:
        """Minimise with HiGHS; relax forgets that columns are whole.

        A whole program stops as soon as its cost is at most target, and begins at start.
        """
        import highspy

        solver = quiet_solver()
        solver.setOptionValue("primal_feasibility_tolerance", FEASIBILITY)
        solver.setOptionValue("dual_feasibility_tolerance", FEASIBILITY)
        solver.setOptionValue("mip_feasibility_tolerance", FEASIBILITY)
        solver.setOptionValue("small_matrix_value", 1e-12)
        solver.setOptionValue("mip_rel_gap", gap)
        solver.setOptionValue("mip_abs_gap", 0.0)
        integer = np.concatenate(self.integer)
        whole = bool(integer.any()) and not relax
        if not whole:
            solver.setOptionValue("simplex_strategy", PRIMAL_SIMPLEX)
        if target is not None:
            solver.setOptionValue("objective_target", target)
        if time_limit_s is not None:
            solver.setOptionValue("time_limit", max(0.0, time_limit_s))
        solver.passModel(self._model(highspy, integer if whole else None))
        if start is not None and whole:
            begin = highspy.HighsSolution()
            begin.col_value = start.tolist()
            solver.setSolution(begin)
        run_interruptibly(solver)
        if not whole and solver.getModelStatus() == highspy.HighsModelStatus.kUnknown:
            # The rows are scaled already; by its own scaling HiGHS can fail to tell that nothing
            # keeps them.
            solver.clearSolver()
            solver.setOptionValue("simplex_scale_strategy", 0)
            run_interruptibly(solver)
        return _outcome(highspy, solver, whole)

    def _model(self, highspy: ModuleType, integer: Bools | None) -> object:
        """Return HiGHS's own form of the program."""
        lp = highspy.HighsLp()
        lp.num_col_ = self.n_columns
        lp.num_row_ = len(self.row_lower)
        lp.col_cost_ = np.concatenate(self.cost)
        lp.col_lower_ = np.concatenate(self.lower)
        lp.col_upper_ = np.concatenate(self.upper)
        lp.row_lower_ = np.array(self.row_lower)
        lp.row_upper_ = np.array(self.row_upper)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.num_col_ = lp.num_col_
        lp.a_matrix_.num_row_ = lp.num_row_
        lengths = np.concatenate(self.lengths)
        lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        lp.a_matrix_.index_ = np.concatenate(self.indices).astype(np.int32)
        lp.a_matrix_.value_ = np.concatenate(self.values)
        if integer is not None:
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            lp.integrality_ = [kinds[int(flag)] for flag in integer]
        return lp


def quiet_solver() -> Any:  # noqa: ANN401 - untyped library
    """Return a HiGHS object that prints nothing."""
    import highspy

    # The public class prints a banner on stdout when it is made; the class below it does not.
    solver: Any = highspy.Highs.__mro__[1]()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    return solver


def _outcome(highspy: ModuleType, solver: Any, whole: bool) -> Outcome:  # noqa: ANN401 - untyped library
    """Read what HiGHS found."""
    status = solver.getModelStatus()
    info = solver.getInfo()
    kinds = highspy.HighsModelStatus
    if status in {kinds.kInfeasible, kinds.kUnboundedOrInfeasible}:
        return Outcome(Ending.INFEASIBLE, None, np.inf, np.inf)
    done = status == kinds.kOptimal
    feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    solution = solver.getSolution()
    x = np.array(solution.col_value) if done or feasible else None
    objective = float(info.objective_function_value) if x is not None else np.inf
    ending = Ending.OPTIMAL if done else Ending.STOPPED
    if whole:
        return Outcome(ending, x, objective, float(info.mip_dual_bound))
    if not done:
        return Outcome(ending, None, np.inf, -np.inf)
    basis = solver.getBasis()
    basic = highspy.HighsBasisStatus.kBasic
    return Outcome(
        ending,
        x,
        objective,
        objective,
        np.array([s == basic for s in basis.col_status]),
        np.array([s != basic for s in basis.row_status]),
        np.array(solution.row_dual),
    )


def scale_of(values: Floats, bound: float) -> float:
    """Return the factor that brings a row to ROW_SIZE.

    A bound that is next to nothing beside the row's values must not make those huge.
    """
    most = float(np.abs(values).max(initial=0.0))
    size = max(abs(bound), most * LEAST_BOUND) if bound else most
    return ROW_SIZE / size if size else 1.0

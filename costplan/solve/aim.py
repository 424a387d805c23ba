"""What a solver makes small, and how a proof is stated in the terms of the objective."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from costplan.solve.amounts import Amount, quality, total_requests
from costplan.solve.deadline import end_of
from costplan.solve.decimals import Ints
from costplan.solve.pick import Pick
from costplan.solve.problem import Goal, Problem
from costplan.solve.solution import Solution, Status
from costplan.solve.verify import Audit

Parts = tuple[Ints, dict[int, tuple[Pick, ...]]]
"""The main option of each class, and the picks of split classes."""
ROUNDING = 1e-9
"""What a proof in floats may be off by; a gap asked for below it is stated, not promised."""


@dataclass(frozen=True, slots=True, eq=False)
class Aim:
    """What is made small: minus quality, or an amount, plus perhaps the bill."""

    amount: Amount | None
    sign: int
    """-1 where the amount is made large."""
    bill: bool
    per: Fraction = Fraction(1)
    """The stated objective is the amount divided by this (requests, for accuracy)."""

    @classmethod
    def of(cls, problem: Problem) -> Aim:
        """Read the aim off the objective."""
        goal = problem.objective.goal
        per = total_requests(problem) if goal is Goal.ACCURACY else Fraction(1)
        return cls(quality(problem), -1, goal in {Goal.COST, Goal.NET_VALUE}, per or Fraction(1))

    @property
    def maximises(self) -> bool:
        """Whether the stated objective is made large."""
        return self.amount is not None and self.sign < 0


@dataclass(frozen=True, slots=True)
class Clock:
    """Time that is left."""

    end_s: float | None

    @classmethod
    def start(cls, time_limit_s: float | None) -> Clock:
        """Start counting down, to the deadline around it at most."""
        return cls(end_of(time_limit_s))

    @property
    def left_s(self) -> float | None:
        """Seconds left; None without a limit."""
        return None if self.end_s is None else self.end_s - time.monotonic()

    @property
    def over(self) -> bool:
        """Whether the time is used up."""
        left = self.left_s
        return left is not None and left <= 0


def finish(aim: Aim, parts: Parts, audit: Audit, least: float, gap: float, solver: str) -> Solution:
    """State what is proven about a verified plan: least is a bound on the aim's minimum.

    A bound on the wrong side of the objective is a rounding error of the bound, so the objective
    itself is the bound then.
    """
    objective = float(audit.objective)
    bound = -least / float(aim.per) if aim.maximises else least
    distance = bound - objective if aim.maximises else objective - bound
    return finish_within(aim, parts, audit, max(0.0, distance), gap, solver)


def finish_within(
    aim: Aim, parts: Parts, audit: Audit, distance: float, gap: float, solver: str
) -> Solution:
    """State that no plan is better than a verified plan by more than a distance."""
    objective = audit.objective
    bound: Decimal | None = None
    share = math.inf
    if math.isfinite(distance):
        step = Decimal(distance)
        bound = objective + step if aim.maximises else objective - step
        size = max(abs(float(bound)), abs(float(objective)))
        share = distance / size if size else 0.0
    return Solution(
        status=Status.OPTIMAL if share <= gap + ROUNDING else Status.FEASIBLE,
        solver=solver,
        main=parts[0],
        splits=parts[1],
        gpus=audit.gpus,
        objective=objective,
        bound=bound,
        gap=share,
        audit=audit,
    )

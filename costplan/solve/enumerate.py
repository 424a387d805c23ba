"""Every whole plan, one after the other: the slow truth for small problems."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from costplan.solve.aim import Aim, Clock, finish_within
from costplan.solve.problem import Problem
from costplan.solve.solution import Solution, Status
from costplan.solve.verify import Audit, verify

MOST_PLANS = 100_000


class Enumeration:
    """Looks at every plan with one option per class and keeps the best that verifies."""

    name = "enumerate"
    exact = True

    def solve(
        self, problem: Problem, *, time_limit_s: float | None = None, gap: float = 1e-9
    ) -> Solution:
        """Solve a small problem; ValueError with splits or above MOST_PLANS plans."""
        counts = np.diff(problem.first).tolist()
        if problem.splits:
            raise ValueError("plans with splits cannot be enumerated; use highs")
        if math.prod(counts) > MOST_PLANS:
            raise ValueError(f"more than {MOST_PLANS} plans; use highs")
        aim, clock = Aim.of(problem), Clock.start(time_limit_s)
        best: tuple[np.ndarray, Audit] | None = None
        for places in product(*(range(n) for n in counts)):
            if clock.over:
                return Solution(Status.LIMIT, self.name)
            main = problem.first[:-1] + np.array(places, dtype=np.int64)
            audit = verify(problem, main, {})
            if audit.ok and (best is None or _better(aim, audit, best[1])):
                best = (main, audit)
        if best is None:
            return Solution(Status.INFEASIBLE, self.name)
        return finish_within(aim, (best[0], {}), best[1], 0.0, gap, self.name)


def _better(aim: Aim, audit: Audit, than: Audit) -> bool:
    """Compare two plans by the objective, then by the bill."""
    left, right = audit.objective, than.objective
    if left == right:
        return audit.bill_usd < than.bill_usd
    return left > right if aim.maximises else left < right

"""The alternatives: HiGHS and CBC on the same problem, with nothing of costplan in the clock."""

from __future__ import annotations

import time

import numpy as np

from costplan.solve import Problem
from costplan.solve.aim import Aim, Clock
from costplan.solve.highs import prepare
from costplan.solve.sheet import Outcome


def highs_alone(problem: Problem, gap: float, limit_s: float) -> tuple[float, Outcome]:
    """Seconds that HiGHS takes for one option per class at a relative gap, and what it found."""
    run = prepare(problem, Aim.of(problem), Clock.start(None), gap)
    sheet, _ = run.program.sheet(whole=True, size=run.size)
    start = time.perf_counter()
    outcome = sheet.run(gap=gap, time_limit_s=limit_s)
    return time.perf_counter() - start, outcome


def cbc_alone(problem: Problem, gap: float, limit_s: float) -> tuple[float, float | None]:
    """Seconds that CBC takes for the same, file hand-over included, and its objective."""
    import pulp

    cost = np.repeat(problem.requests.floats, np.diff(problem.first)) * problem.usd.floats
    weight = np.repeat(problem.requests.floats * problem.weight.floats, np.diff(problem.first))
    gain = weight * problem.accuracy.floats
    model = pulp.LpProblem("plan", pulp.LpMaximize)
    x = [pulp.LpVariable(f"x{i}", cat="Binary") for i in range(problem.n_options)]
    model += pulp.LpAffineExpression(zip(x, gain.tolist(), strict=True))
    model += pulp.LpAffineExpression(zip(x, cost.tolist(), strict=True)) <= float(
        problem.limits.usd or 0
    )
    for c in range(problem.n_classes):
        low, high = int(problem.first[c]), int(problem.first[c + 1])
        model += pulp.LpAffineExpression((v, 1.0) for v in x[low:high]) == 1
    solver = pulp.PULP_CBC_CMD(msg=False, gapRel=gap, timeLimit=limit_s, threads=1)
    start = time.perf_counter()
    model.solve(solver)
    seconds = time.perf_counter() - start
    value = pulp.value(model.objective)
    return seconds, None if value is None else float(value)

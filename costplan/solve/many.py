"""Many ceilings over many classes: prices first, then HiGHS on the few options that matter.

The prices bound every plan, and an option that loses more against the bound than the best plan
found does cannot be in a better one. So HiGHS sees first the classes whose choice is close, and
last the options that are left, instead of all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from costplan.solve.aim import Aim, Clock, finish
from costplan.solve.decimals import Ints
from costplan.solve.improve import Draft, improve
from costplan.solve.linear import LinearProgram, Usable
from costplan.solve.master import Priced, price_limits
from costplan.solve.sheet import Ending, Outcome
from costplan.solve.solution import Solution, Status
from costplan.solve.verify import verify

LARGE = 1_500
"""Programs with fewer options go to HiGHS as they are."""
ATTEMPTS = 3
SPARE_OPTIONS = 100
"""Options per limit that a linear program gets at first beside the best of each class."""
PATIENCE_S = 60.0
"""Longest run of the final proof where no time limit is asked for."""

Search = Callable[[Usable, Clock, float, Ints], Solution]
"""Finds the best whole plan among some options: with a clock, a gap, and a plan to begin with."""


def whole_by_prices(
    program: LinearProgram, aim: Aim, clock: Clock, gap: float, search: Search
) -> Solution | None:
    """Find a whole plan and prove it; None when no plan was found this way.

    A plan drafted from the prices is improved until the gap is met. Where that is not enough,
    HiGHS searches all options that could be in a better plan.
    """
    priced = price_limits(program, clock)
    starts = priced.market.starts
    hit = np.where(priced.loss <= 0.0, np.arange(len(priced.loss)), len(priced.loss))
    draft = Draft(priced.market, priced.loss, np.minimum.reduceat(hit, starts))
    target = priced.bound + 0.99 * gap * abs(priced.bound)
    if not improve(draft, bound=priced.bound, target=target, clock=_share(clock)):
        return None
    main = program.usable.options[draft.picks]
    audit = verify(program.problem, main, {})
    if not audit.ok:
        return None
    best = finish(aim, (main, {}), audit, priced.bound, gap, "highs")
    if best.status is Status.OPTIMAL or clock.over:
        return best
    return _proven(program, aim, clock, gap, search, priced, best)


def _share(clock: Clock) -> Clock:
    """Give the improvement a third of the time that is left."""
    return Clock.start(PATIENCE_S / 3 if clock.left_s is None else clock.left_s / 3)


def _restated(found: Solution, aim: Aim, least: float, gap: float) -> Solution:
    """State a plan's proof by a bound on all plans."""
    assert found.audit is not None
    return finish(aim, (found.main, dict(found.splits)), found.audit, least, gap, "highs")


def _proven(
    program: LinearProgram,
    aim: Aim,
    clock: Clock,
    gap: float,
    search: Search,
    priced: Priced,
    best: Solution,
) -> Solution:
    """Search all options that can be in a better plan, and take the bound of that search."""
    assert best.objective is not None
    cost = -float(best.objective) * float(aim.per) if aim.maximises else float(best.objective)
    margin = (cost - priced.bound) * (1 + 1e-9) + 1e-12 * abs(cost)
    keep = (priced.loss <= margin) | np.isin(program.usable.options, best.main)
    left = clock if clock.left_s is not None else Clock.start(PATIENCE_S)
    found = search(program.usable.narrowed(keep), left, gap, best.main)
    if not found.has_plan:
        return best
    assert found.objective is not None
    better = found.objective > best.objective if aim.maximises else found.objective < best.objective
    plan = found if better else best
    if found.bound is None:
        # Time came before that search had any bound of its own.
        return _restated(plan, aim, priced.bound, gap)
    limit = max(found.bound, best.objective) if aim.maximises else min(found.bound, best.objective)
    least = -float(limit) * float(aim.per) if aim.maximises else float(limit)
    return _restated(plan, aim, max(least, priced.bound), gap)


def linear_by_prices(
    program: LinearProgram, size: float, clock: Clock
) -> tuple[LinearProgram, Outcome, int, float] | None:
    """Solve a large linear program on the options that matter at the best prices.

    Returns the narrowed program, its outcome, its first limit row, and the bound for all options;
    None when that does not prove the optimum.
    """
    priced = price_limits(program, clock)
    floored = np.isin(program.usable.classes, program.floors)
    spare = SPARE_OPTIONS * (len(program.rows) + 1)
    ascending = np.sort(priced.loss)
    for k in range(ATTEMPTS):
        last = min(len(ascending) - 1, len(program.usable.counts) + spare * 4**k)
        keep = (priced.loss <= ascending[last]) | floored
        part = replace(program, usable=program.usable.narrowed(keep))
        sheet, start = part.sheet(whole=False, size=size)
        outcome = sheet.run(gap=0.0, time_limit_s=clock.left_s, relax=True)
        if outcome.ending is Ending.OPTIMAL:
            assert outcome.duals is not None
            bound = program.dual_bound(outcome.duals, start, size)
            cost = outcome.objective * size
            if cost - bound <= 1e-10 * abs(cost):
                return part, outcome, start, bound
    return None

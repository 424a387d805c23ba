"""One option per class: the best plan from the bound, by fixing and searching the core."""

from __future__ import annotations

from costplan.solve.aim import Clock
from costplan.solve.core import Core, core_of, granule, loss_of
from costplan.solve.decimals import Ints
from costplan.solve.fill import Filled
from costplan.solve.knapsack import Knapsack
from costplan.solve.search import search

EXACT = 1e-14
SMALL = 20_000
"""Up to this many options the search goes on to the very best plan."""
WORK_PER_OPTION = 800
LEAST_WORK = 4_000_000


def best_whole(
    knapsack: Knapsack, filled: Filled, slope: float, clock: Clock, gap: float
) -> tuple[Ints, float]:
    """Return the options of the best plan found, and what at most it loses to the best of all.

    filled is the greedy plan, slope the gain per unit of the first step that did not fit.
    """
    if slope <= 0 or filled.left == 0:
        return filled.options, 0.0
    core = core_of(knapsack, filled, slope)
    size = abs(float(knapsack.gain[filled.options].sum()))
    n_options = len(knapsack.gain)
    work = LEAST_WORK + WORK_PER_OPTION * n_options

    def granule_of(part: Core) -> float:
        return granule(knapsack, filled, part)

    target = size * (EXACT if n_options <= SMALL else gap * 0.5)
    best, proven = search(core, target=target, work=work, clock=clock, granule_of=granule_of)
    options = filled.options.copy()
    options[core.group[best.changes]] = core.option[best.changes]
    loss = loss_of(knapsack, filled, options, slope)
    if proven and core.exact:
        return options, max(0.0, loss - best.loss)
    return options, loss

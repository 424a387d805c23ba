"""One option per class: the best plan from the bound, by fixing and searching the core."""

from __future__ import annotations

import math

from costplan.solve.aim import Clock
from costplan.solve.best import Best
from costplan.solve.core import Core, core_of, granule, loss_of, reduced_gains, room_of
from costplan.solve.decimals import Ints
from costplan.solve.fill import Filled
from costplan.solve.knapsack import Knapsack
from costplan.solve.lattice import least_loss
from costplan.solve.search import first_guess, search

EXACT = 1e-14
"""Part of the gain below which two plans are equal in floats."""
SMALL = 20_000
"""Up to this many options the search goes on past the gap, to the very best plan."""
EXTRA_WORK = 2_000_000
"""States it may make for that."""
LEAST_WORK, WORK_PER_OPTION, MOST_WORK = 4_000_000, 80, 100_000_000
"""States the search may make before it states what it has proven."""


def best_whole(knapsack: Knapsack, filled: Filled, clock: Clock, gap: float) -> tuple[Ints, float]:
    """Return the options of the best plan found, and what at most it loses to the best of all.

    filled is the greedy plan.
    """
    if filled.slope <= 0 or filled.left == 0:
        return filled.options, 0.0
    options, lost, bound = _searched(knapsack, filled, clock, gap, safe=False)
    if lost == math.inf:
        options, lost, _ = _searched(knapsack, filled, clock, gap, safe=True)
    return options, max(0.0, lost - bound)


def _searched(
    knapsack: Knapsack, filled: Filled, clock: Clock, gap: float, *, safe: bool
) -> tuple[Ints, float, float]:
    """Return a plan, what it loses against the bound, and what every plan loses at least.

    The loss is infinite when weights were rounded down and the plan does not fit after all.
    """
    core, best = _first_core(knapsack, filled, safe=safe)
    size = abs(float(knapsack.gain[filled.options].sum()))
    n_options = len(knapsack.gain)
    work = min(MOST_WORK, LEAST_WORK + WORK_PER_OPTION * n_options)

    def granule_of(part: Core) -> float:
        return granule(knapsack, filled, part)

    least = least_loss(knapsack, filled, core) if core.exact else 0.0
    target = least + size * gap * 0.5
    proven = search(core, best, target=target, work=work, clock=clock, granule_of=granule_of)
    if not proven and n_options <= SMALL and best.loss <= target:
        exact = least + size * EXACT
        proven = search(
            core, best, target=exact, work=EXTRA_WORK, clock=clock, granule_of=granule_of
        )
    options = filled.options.copy()
    options[core.group[best.changes]] = core.option[best.changes]
    bound = best.loss if proven and (core.exact or not safe) else least
    return options, loss_of(knapsack, filled, options), bound


def _first_core(knapsack: Knapsack, filled: Filled, *, safe: bool) -> tuple[Core, Best]:
    """Return a core that holds all changes that can matter, and the best single or pair in it.

    In a large problem few changes matter, so a small core is tried first: it is enough as soon as
    the best plan in it loses less than what was left out.
    """
    room = room_of(knapsack, filled)
    reduced = reduced_gains(knapsack, filled)
    limit = room if len(reduced) <= SMALL else room / 64
    while True:
        core = core_of(knapsack, filled, reduced, limit, safe=safe)
        best = first_guess(core, room)
        if best.loss <= limit or limit >= room:
            return core, best
        limit = min(room, max(limit * 8, best.loss))

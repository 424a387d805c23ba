"""Accuracy floors that a mix must reach, turned into places that a hull can be drawn through.

What a class can do is the convex hull of its options, cut where the accuracy is below the floor.
Its corners are the options that reach the floor and, on the cut, mixes of one option below it and
one that reaches it. No other mix is needed, whatever the objective and the ceiling.
"""

from __future__ import annotations

import numpy as np

from costplan.solve.amounts import Row, list_spend, rescaled, too_weak
from costplan.solve.blend import WHOLE, Blend
from costplan.solve.decimals import Bools, Floats, Ints
from costplan.solve.hull import upper_hulls
from costplan.solve.problem import Goal, Problem

AT_ONCE = 2_000_000
"""Pairs of options looked at together."""

Pairs = tuple[Ints, Ints]
"""Options below the floor of their class, and those beside them that reach it."""


def blend_floors(problem: Problem, row: Row | None, gain: Floats, usable: Bools) -> Blend | None:
    """Replace options below the floor of their class by mixes that just reach it.

    row is the only limit of the whole plan, gain what is made large, usable the options that no
    limit shuts out. None when no option is below a floor. A class that cannot reach its floor has
    no place.
    """
    weak = too_weak(problem)
    if not weak.any():
        return None
    low, high = _list_pairs(problem, row, gain, usable & weak, usable & ~weak)
    share = _shares(problem, low, high)
    mixed = share < WHOLE
    low, high, share = low[mixed], high[mixed], share[mixed]
    kept = np.flatnonzero(usable & ~weak)
    owner = problem.class_of()
    order = np.argsort(np.concatenate([owner[kept], owner[low]]), kind="stable")
    counts = np.bincount(owner[kept], minlength=problem.n_classes)
    counts += np.bincount(owner[low], minlength=problem.n_classes)
    return Blend(
        first=np.concatenate([[0], np.cumsum(counts)]),
        low=np.concatenate([kept, low])[order],
        high=np.concatenate([kept, high])[order],
        share=np.concatenate([np.zeros(len(kept), dtype=np.int64), share])[order],
    )


def _shares(problem: Problem, low: Ints, high: Ints) -> Ints:
    """Return the least shares of the stronger options that reach the floors, rounded up."""
    assert problem.min_accuracy is not None
    places = max(problem.accuracy.exponent, problem.min_accuracy.exponent)
    accuracy = rescaled(problem.accuracy, places)
    floor = rescaled(problem.min_accuracy, places)[problem.class_of()[low]]
    lack = (floor - accuracy[low]).astype(object) * -WHOLE
    return np.asarray(-(lack // (accuracy[high] - accuracy[low])), dtype=np.int64)


def _list_pairs(
    problem: Problem, row: Row | None, gain: Floats, weak: Bools, strong: Bools
) -> Pairs:
    """List the pairs whose mixes can be in a best plan."""
    first = problem.first
    n_weak = np.add.reduceat(weak, first[:-1], dtype=np.int64)
    n_strong = np.add.reduceat(strong, first[:-1], dtype=np.int64)
    both = (n_weak > 0) & (n_strong > 0)
    if not both.any():
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    amount = _beside_accuracy(problem, row)
    if amount is not None:
        return _neighbours(problem, amount, weak, strong, both)
    weight = np.zeros(problem.n_options) if row is None else row.amount.floats(first)
    if row is not None and row.at_least:
        weight = -weight
    ends = np.cumsum(np.where(both, n_weak * n_strong, 0))
    cuts = np.searchsorted(ends, np.arange(0, int(ends[-1]), AT_ONCE), side="right")
    found = [
        _best_pairs(problem, weight, gain, _all_pairs(problem, weak, strong, classes))
        for classes in np.split(np.flatnonzero(both), np.searchsorted(np.flatnonzero(both), cuts))
        if len(classes)
    ]
    return np.concatenate([p[0] for p in found]), np.concatenate([p[1] for p in found])


def _beside_accuracy(problem: Problem, row: Row | None) -> Floats | None:
    """Return the one amount that counts beside accuracy, shape (n_options,); None for two.

    Inside a class, weight and gain are then accuracy, this amount, or sums of both.
    """
    goal, first = problem.objective.goal, problem.first
    if goal in {Goal.VALUE, Goal.ACCURACY}:
        if row is None:
            return np.zeros(problem.n_options)
        return row.amount.floats(first) * (-1 if row.at_least else 1)
    alike = {Goal.NET_VALUE: ("usd",), Goal.COST: ("usd", "target", "target_accuracy")}[goal]
    plane = row is None or row.name in alike
    return list_spend(problem).floats(first) if plane else None


def _neighbours(problem: Problem, amount: Floats, weak: Bools, strong: Bools, both: Bools) -> Pairs:
    """Pair the neighbouring corners below and above each floor: one pair per class at most."""
    mine = (weak | strong) & np.repeat(both, np.diff(problem.first))
    at = np.flatnonzero(mine)
    counts = np.add.reduceat(mine, problem.first[:-1], dtype=np.int64)[both]
    first = np.concatenate([[0], np.cumsum(counts)])
    hulls = upper_hulls(amount[at], problem.accuracy.floats[at], first)
    corner = at[hulls.option]
    crossing = weak[corner[:-1]] & strong[corner[1:]] & ~np.isnan(hulls.slope)
    return corner[:-1][crossing], corner[1:][crossing]


def _all_pairs(problem: Problem, weak: Bools, strong: Bools, classes: Ints) -> Pairs:
    """Pair every option below the floor with every one that reaches it, in some classes."""
    chosen = np.zeros(problem.n_classes, dtype=np.bool_)
    chosen[classes] = True
    owner = problem.class_of()
    lows, highs = (np.flatnonzero(mask & chosen[owner]) for mask in (weak, strong))
    counts = np.bincount(owner[highs], minlength=problem.n_classes)
    starts = np.cumsum(counts) - counts
    each = counts[owner[lows]]
    place = np.arange(int(each.sum())) - np.repeat(np.cumsum(each) - each, each)
    return np.repeat(lows, each), highs[np.repeat(starts[owner[lows]], each) + place]


def _best_pairs(problem: Problem, weight: Floats, gain: Floats, pairs: Pairs) -> Pairs:
    """Keep the pairs whose mixes are corners among the mixes of their class."""
    assert problem.min_accuracy is not None
    low, high = pairs
    accuracy, owner = problem.accuracy.floats, problem.class_of()[low]
    floor = problem.min_accuracy.floats[owner]
    share = np.minimum(1.0, (floor - accuracy[low]) / (accuracy[high] - accuracy[low]))

    def mixed(values: Floats) -> Floats:
        return np.asarray(values[low] + share * (values[high] - values[low]))

    first = np.append(np.flatnonzero(np.diff(owner, prepend=-1)), len(owner))
    kept = np.sort(upper_hulls(mixed(weight), mixed(gain), first).option)
    return low[kept], high[kept]

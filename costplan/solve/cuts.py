"""Inequalities that cut off a whole plan which breaks a limit, and no plan that keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from costplan.solve.amounts import Amount, Row
from costplan.solve.decimals import Ints, Units
from costplan.solve.linear import LinearProgram
from costplan.solve.verify import Audit


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """At most so many of these columns are chosen."""

    columns: Ints
    most: int


def cut_off(program: LinearProgram, main: Ints, audit: Audit) -> Cut:
    """Cut off a plan that breaks a limit.

    On a linear row the cut covers every plan that takes, class by class, options at least as large
    as these; the classes needed for that to break the limit are kept few. Else it is this plan.
    """
    broken = {usage.name for usage in audit.violations}
    for row in program.rows:
        if row.name in broken and isinstance(row.amount, Amount):
            return _cover(program, row, row.amount, main)
    chosen = np.flatnonzero(np.isin(program.usable.options, main))
    return Cut(chosen, len(main) - 1)


def _cover(program: LinearProgram, row: Row, amount: Amount, main: Ints) -> Cut:
    """Cover a broken row by as few classes as break it with all others at their least."""
    usable, sign = program.usable, -1 if row.at_least else 1
    size: Units = amount.option_units[usable.options] * sign
    if amount.keep is not None:
        size = size * amount.keep[usable.options]
    place = np.searchsorted(usable.options, main)
    chosen = size[place]
    ends = np.concatenate([[0], np.cumsum(usable.counts)[:-1]])
    least = np.minimum.reduceat(size, ends)
    per_class = [int(n) for n in amount.class_units]
    rises = [n * (int(a) - int(b)) for n, a, b in zip(per_class, chosen, least, strict=True)]
    limit = sign * row.limit * 10**amount.exponent
    excess = sum((n * int(a) for n, a in zip(per_class, chosen, strict=True)), Fraction(0)) - limit
    kept = np.array([rise > 0 for rise in rises])
    for c in sorted(range(len(rises)), key=lambda c: (rises[c], c)):
        if kept[c] and rises[c] < excess:
            excess -= rises[c]
            kept[c] = False
    large = kept[usable.classes] & (size >= np.repeat(chosen, usable.counts))
    return Cut(np.flatnonzero(large), int(kept.sum()) - 1)

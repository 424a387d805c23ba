"""A bound below that of the slopes, for gains that are a rate times the weight plus whole grains.

Where every change adds rate * weight plus a multiple of a grain (value follows cost, plus a
constant per step, as in strongly correlated knapsacks), a plan gains at most rate * capacity and
the grains that fit. Only whole ones fit; the bound of the slopes counts a part of one, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from costplan.solve.core import Core, common_divisor, differences, gained_amount, units_left
from costplan.solve.decimals import Ints, Units
from costplan.solve.fill import Filled
from costplan.solve.knapsack import Knapsack

SAMPLE = 2_000
"""Changes that are asked for a common rate, those that lose least."""
RATES = 3
"""Rates tried: those that most pairs name."""
FEWEST = 0.02
"""Part of the pairs that must name a rate."""
LONGEST = 2**62
NEARLY = 1 - 1e-9
"""Part of the bound that counts, so that losses rounded in floats stay above it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Changes:
    """What each change of a core adds to gain and weight, in whole units."""

    group: Ints
    gain: Units
    rise: Ints


def least_loss(knapsack: Knapsack, filled: Filled, core: Core) -> float:
    """Return what every plan loses at least against the bound of the slopes, in gain.

    It holds for plans made of the greedy one and changes of the core. For any rate from 0 to the
    slope of the next step, gain less rate * weight rises by whole grains and, by the duality of
    linear programs, by (slope - rate) * left at most, left being the capacity not used, of which
    only what the rises have as a common divisor can be used. Where weights were rounded it is 0.
    """
    gained, left = gained_amount(knapsack), units_left(filled)
    if gained is None or left <= 0 or len(core.option) == 0 or not core.exact:
        return 0.0
    amount, sign = gained
    gain = sign * differences(amount, core.group, core.option, filled.options)
    changes = _Changes(core.group, gain, core.rise)
    per_unit = Fraction(1, 10**amount.exponent)
    slope = Fraction(filled.slope) / (per_unit * 10**knapsack.amount.exponent)
    spare = _exceeding(changes, slope)
    common = common_divisor(changes.rise)
    usable = left // common * common if common else 0
    least = Fraction(0)
    for rate in _list_rates(changes, np.argsort(core.loss, kind="stable")):
        if not 0 <= rate <= slope:
            continue
        room = (slope - rate) * usable + spare
        grain = _grain_of(changes, rate)
        whole = room // grain * grain if grain else 0
        least = max(least, slope * left - rate * usable - whole)
    return float(least * per_unit) * NEARLY


def _exceeding(changes: _Changes, slope: Fraction) -> Fraction:
    """Add up what the best change of each class gains above the slope: a hair, by rounding."""
    above = changes.gain.astype(np.float64) - float(slope) * changes.rise.astype(np.float64)
    near = np.flatnonzero(above > -1e-9 * float(np.abs(changes.gain).max(initial=0)))
    # in whole units, as fractions of thousands of changes would take seconds
    gain = changes.gain[near].astype(object) * slope.denominator
    gain -= changes.rise[near].astype(object) * slope.numerator
    most: dict[int, int] = {}
    for k in np.flatnonzero(gain > 0).tolist():
        group = int(changes.group[near[k]])
        most[group] = max(most.get(group, 0), gain[k])
    return Fraction(sum(most.values()), slope.denominator)


def _list_rates(changes: _Changes, order: Ints) -> Iterator[Fraction]:
    """Guess rates that changes have in common, from pairs that would add the same grains."""
    yield Fraction(0)
    near = order[:SAMPLE]
    near = near[np.lexsort((changes.gain[near], changes.rise[near]))]
    pairs = np.concatenate([np.stack([near[:-k], near[k:]]) for k in (1, 2)], axis=1)
    over = changes.rise[pairs[1]] - changes.rise[pairs[0]]
    pairs, over = pairs[:, over > 0], over[over > 0]
    if len(over) == 0:
        return
    more = changes.gain[pairs[1]] - changes.gain[pairs[0]]
    # Rates in floats are counted first: nearly always no two are alike, and none is made exact.
    rates = more.astype(np.float64) / over.astype(np.float64)
    rates = np.round(rates / (np.median(np.abs(rates)) or 1.0), 9)
    _, first, times = np.unique(rates, return_index=True, return_counts=True)
    common = np.flatnonzero(times >= max(2, FEWEST * len(over)))
    for k in common[np.argsort(-times[common], kind="stable")][:RATES].tolist():
        rate = Fraction(int(more[first[k]]), int(over[first[k]]))
        if rate > 0:
            yield rate


def _grain_of(changes: _Changes, rate: Fraction) -> Fraction:
    """Return the greatest number that gain less rate * weight is a multiple of in each change."""
    top, bottom = rate.numerator, rate.denominator
    gain, rise = changes.gain, changes.rise
    if int(np.abs(gain).max()) * bottom + int(np.abs(rise).max()) * top > LONGEST:
        gain, rise = gain.astype(object), rise.astype(object)
    return Fraction(common_divisor(gain * bottom - rise * top), bottom)

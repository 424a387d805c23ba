"""Dominance and upper hull of every class at once, and the steps between hull corners.

Points are options in the plane of weight (what the ceiling limits) and gain. A corner is an option
that is best for some price of the ceiling; a step leads from one corner to the next heavier one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costplan.solve.decimals import Bools, Floats, Ints

FEW = 5_000
"""Up to this many steps are sorted as they are, and as many places put right one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Hulls:
    """The corners of all classes, class by class, by rising weight."""

    option: Ints
    """Option of each corner, shape (n_corners,)."""
    start: Ints
    """Corners of class c are start[c] to start[c + 1]."""
    weight: Floats
    gain: Floats
    slope: Floats
    """Of the line from each corner to the next, NaN where the next is another class's."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """All steps in the order in which a falling price of the ceiling takes them."""

    corner: Ints
    """The corner each step leads from; it leads to the next one, shape (n_steps,)."""
    slope: Floats
    """Gain per unit of weight, falling."""


def upper_hulls(weight: Floats, gain: Floats, first: Ints, keep: Bools | None = None) -> Hulls:
    """Find the corners of every class; each class must have an option to keep.

    weight and gain have shape (n_options,). Among equal options the first one stays.
    """
    if keep is not None:
        weight = np.where(keep, weight, np.inf)
    counts = np.diff(first)
    if (counts == counts[0]).all():
        option, begins = _undominated(weight, gain, int(first[0]), int(counts[0]))
    else:
        option, begins = _undominated_ragged(weight, gain, first)
    return _hull(option, weight[option], gain[option], begins)


def _undominated(weight: Floats, gain: Floats, origin: int, m: int) -> tuple[Ints, Bools]:
    """Sort classes of m options each by weight and drop what a lighter option beats.

    Returns the options left, class by class, and which of them begin a class.
    """
    w = weight.reshape(-1, m)
    order = np.argsort(w, axis=1)
    order += np.arange(0, len(weight), m)[:, None]
    ws = weight.take(order)
    tied = (ws[:, 1:] == ws[:, :-1]) & (ws[:, 1:] < np.inf)
    rows = np.flatnonzero(tied.any(axis=1))
    del tied
    if len(rows):
        order[rows] = _ordered_ties(w[rows], gain.reshape(-1, m)[rows]) + rows[:, None] * m
    gs = gain.take(order)
    finite = ws < np.inf
    if not finite.all():
        gs[~finite] = -np.inf
    best = np.maximum.accumulate(gs, axis=1)
    kept = np.empty(w.shape, dtype=np.bool_)
    kept[:, 0] = True
    np.greater(gs[:, 1:], best[:, :-1], out=kept[:, 1:])
    begins = np.zeros(w.shape, dtype=np.bool_)
    begins[:, 0] = True
    return order[kept] + origin, begins[kept]


def _ordered_ties(weight: Floats, gain: Floats) -> Ints:
    """Sort rows by weight, then falling gain, then place."""
    by_gain = np.argsort(-gain, axis=1, kind="stable")
    by_weight = np.argsort(np.take_along_axis(weight, by_gain, 1), axis=1, kind="stable")
    return np.take_along_axis(by_gain, by_weight, 1)


def _undominated_ragged(weight: Floats, gain: Floats, first: Ints) -> tuple[Ints, Bools]:
    """Do the same for classes of different sizes, one size at a time."""
    counts = np.diff(first)
    options, classes = [], []
    for m in np.unique(counts):
        mine = np.flatnonzero(counts == m)
        at = (first[mine][:, None] + np.arange(m)).ravel()
        local, begins = _undominated(weight[at], gain[at], 0, int(m))
        options.append(at[local])
        classes.append(mine[np.cumsum(begins) - 1])
    owner = np.concatenate(classes)
    order = np.argsort(owner, kind="stable")
    owner = owner[order]
    begins = np.append(True, owner[1:] != owner[:-1])
    return np.concatenate(options)[order], begins


def _hull(option: Ints, w: Floats, g: Floats, begins: Bools) -> Hulls:
    """Drop every point on or under the line between its neighbours until none is left."""
    while True:
        slope = np.diff(g)
        with np.errstate(invalid="ignore", divide="ignore"):
            slope /= np.diff(w)
        slope[begins[1:]] = np.nan
        under = np.zeros(len(w), dtype=np.bool_)
        np.less_equal(slope[:-1], slope[1:], out=under[1:-1])
        if not under.any():
            break
        kept = ~under
        option, w, g, begins = option[kept], w[kept], g[kept], begins[kept]
    start = np.append(np.flatnonzero(begins), len(option))
    return Hulls(option, start, w, g, slope)


def steps_of(hulls: Hulls) -> Steps:
    """Order all steps by falling slope; equal slopes by class and weight."""
    inside = np.flatnonzero(~np.isnan(hulls.slope))
    return ordered(inside, hulls.slope[inside])


def ordered(corner: Ints, slope: Floats) -> Steps:
    """Order steps by falling slope; equal slopes by class and weight. corner is ascending.

    Slopes are positive, so their bits order like integers. Two counting sorts over the upper 32
    bits of their range cost a third of a sort of floats and keep equal slopes in place; what
    differs only in the bits left out is put right afterwards.
    """
    if len(slope) < FEW:
        order = np.argsort(-slope, kind="stable")
        return Steps(corner[order], slope[order])
    bits = slope.view(np.int64)
    fall = int(bits.max()) - bits
    fall >>= max(0, int(fall.max()).bit_length() - 32)
    key = fall.astype(np.uint32)
    order = np.argsort(key.astype(np.uint16), kind="stable")
    order = order[np.argsort((key >> 16).astype(np.uint16)[order], kind="stable")]
    falling = slope[order]
    wrong = np.flatnonzero(falling[1:] > falling[:-1])
    if len(wrong) > FEW:
        order = np.argsort(-slope, kind="stable")
    elif len(wrong):
        _put_right(order, slope, key, wrong)
    else:
        return Steps(corner[order], falling)
    return Steps(corner[order], slope[order])


def _put_right(order: Ints, slope: Floats, key: NDArray[np.uint32], wrong: Ints) -> None:
    """Sort the runs of equal keys in which slopes rise."""
    ascending = key[order]
    low = np.unique(np.searchsorted(ascending, ascending[wrong]))
    high = np.searchsorted(ascending, ascending[low], side="right")
    for start, end in zip(low.tolist(), high.tolist(), strict=True):
        mine = order[start:end]
        order[start:end] = mine[np.lexsort((mine, -slope[mine]))]

"""A whole plan under many ceilings: repair, fill, then improve a few classes at a time.

All work is on floats inside limits that are a hair tighter; whoever uses the plan verifies it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from costplan.solve.aim import Clock
from costplan.solve.decimals import Bools, Floats, Ints
from costplan.solve.master import Market
from costplan.solve.sheet import Sheet

INSIDE = 1e-11
"""Limits (scaled to 1) are tightened by this, so that sums in floats keep the exact ones."""
REPAIRS = 400
NUDGE = 1e-8
"""Part of the cost that a change counts as losing at least, so that repairs are few and large."""
FILLS = 60
ROUNDS = 80
IDLE = 16
"""Rounds without an improvement after which the search ends."""
WIDEN = 4
"""After this many of them more classes are opened at a time."""
CLOSEST, CLOSE_FOR_SIZE, COSTLY = 12, 24, 10
"""Classes opened in a round: the closest choices, the same for their size, and costly picks."""
OPTIONS = 5
"""Options of an opened class beside the one it has."""
SLICE_S = 3.0


@dataclass(slots=True, eq=False)
class Draft:
    """A whole plan on its way: one usable option per class."""

    market: Market
    loss: Floats
    """What each usable option costs above the best of its class, priced use included."""
    picks: Ints

    @property
    def slack(self) -> Floats:
        """What is left of each limit."""
        used = self.market.use[:, self.picks].sum(axis=1)
        return np.asarray(self.market.limit - INSIDE - used)

    @property
    def cost(self) -> float:
        """Cost of the plan."""
        return float(self.market.cost[self.picks].sum())


def improve(draft: Draft, *, bound: float, target: float, clock: Clock) -> bool:
    """Make a draft keep the limits, then cheaper until it costs at most target.

    No plan costs less than bound.

    Returns False when it could not be made to keep the limits; the draft is then of no use.
    """
    if not _repair(draft, clock):
        return False
    _fill(draft, clock)
    rng = np.random.default_rng(0)
    idle = 0
    for _ in range(ROUNDS):
        if draft.cost <= target or idle >= IDLE or clock.over:
            break
        idle = 0 if _reopen(draft, rng, bound, target, clock, 1 + idle // WIDEN) else idle + 1
    return True


def _repair(draft: Draft, clock: Clock) -> bool:
    """Make changes until every limit is kept, first among close options, then among all."""
    n_close = min(len(draft.loss), 2 * len(draft.picks)) - 1
    close = np.flatnonzero(draft.loss <= np.partition(draft.loss, n_close)[n_close])
    return _heal(draft, close, clock) or _heal(draft, np.arange(len(draft.loss)), clock)


def _heal(draft: Draft, options: Ints, clock: Clock) -> bool:
    """Take the change that heals most for what it loses, as long as one heals."""
    market = draft.market
    owner, use = market.owner[options], market.use[:, options]
    nudge = NUDGE * abs(draft.cost)
    for _ in range(REPAIRS):
        slack = draft.slack
        broken = np.minimum(slack, 0.0)
        if not broken.any():
            return True
        if clock.over:
            return False
        now = draft.picks[owner]
        after = slack[:, None] - use + market.use[:, now]
        healed = np.minimum(after, 0.0).sum(axis=0) - broken.sum()
        worse = np.maximum(draft.loss[options] - draft.loss[now], 0.0) + nudge
        heals = healed > 1e-9
        if not heals.any():
            return False
        score = np.where(heals, worse / np.where(heals, healed, 1.0), np.inf)
        best = int(np.argmin(score))
        draft.picks[owner[best]] = options[best]
    return False


def _fill(draft: Draft, clock: Clock) -> None:
    """Take changes that make the plan cheaper and fit, the most useful first."""
    market = draft.market
    for _ in range(FILLS):
        slack = draft.slack
        now = draft.picks[market.owner]
        gain = market.cost[now] - market.cost
        fits = gain > 0
        for k in range(len(slack)):
            fits &= market.use[k] - market.use[k, now] <= slack[k]
        at = np.flatnonzero(fits)
        if len(at) == 0 or clock.over:
            return
        _take_fitting(draft, at[np.argsort(-gain[at], kind="stable")][:200], slack)


def _take_fitting(draft: Draft, options: Ints, slack: Floats) -> None:
    """Take changes one after the other as long as they fit, one per class."""
    market, seen = draft.market, set()
    for o in options:
        c = int(market.owner[o])
        rise = market.use[:, o] - market.use[:, draft.picks[c]]
        if c not in seen and (rise <= slack).all():
            slack = slack - rise
            draft.picks[c] = o
            seen.add(c)


def _reopen(
    draft: Draft,
    rng: np.random.Generator,
    bound: float,
    target: float,
    clock: Clock,
    breadth: int,
) -> bool:
    """Choose a few classes anew, all others fixed; return whether the plan became cheaper."""
    market = draft.market
    chosen = _chosen_classes(draft, rng, breadth)
    opened = np.zeros(len(market.starts), dtype=np.bool_)
    opened[chosen] = True
    at = np.flatnonzero(opened[market.owner])
    owner = market.owner[at]
    order = at[np.lexsort((draft.loss[at], owner))]
    place = np.arange(len(at)) - np.repeat(
        np.flatnonzero(np.append(True, owner[1:] != owner[:-1])),
        np.unique(owner, return_counts=True)[1],
    )
    near = order[(place < OPTIONS) & (draft.loss[order] <= draft.cost - bound)]
    at = np.union1d(near, draft.picks[opened])
    owner = market.owner[at]
    counts = np.bincount(owner, minlength=len(market.starts))[opened]
    before = draft.picks[opened]
    saved = market.cost[at] - np.repeat(market.cost[before], counts)
    size = float(np.abs(saved).max(initial=0.0)) or 1.0
    sheet = Sheet()
    sheet.columns(saved / size, np.zeros(len(at)), np.ones(len(at)), True)
    sheet.partition(counts)
    room = draft.slack + market.use[:, before].sum(axis=1)
    for k in range(len(room)):
        values = market.use[k, at]
        scale = 1.0 / (float(np.abs(values).max(initial=0.0)) or 1.0)
        sheet.row(np.arange(len(at)), values * scale, -np.inf, room[k] * scale)
    left = SLICE_S if clock.left_s is None else min(SLICE_S, max(0.01, clock.left_s))
    needed = (target - draft.cost) / size
    outcome = sheet.run(gap=1e-3, time_limit_s=left, target=needed)
    if outcome.x is None:
        return False
    return _accepted(draft, at, counts, opened, outcome.x)


def _accepted(draft: Draft, at: Ints, counts: Ints, opened: Bools, x: Floats) -> bool:
    """Take a choice of the opened classes when it keeps the limits and is cheaper."""
    ends = np.concatenate([[0], np.cumsum(counts)[:-1]])
    most = np.repeat(np.maximum.reduceat(x, ends), counts)
    hit = np.where(x == most, np.arange(len(x)), len(x))
    picks = draft.picks.copy()
    picks[opened] = at[np.minimum.reduceat(hit, ends)]
    found = Draft(draft.market, draft.loss, picks)
    if (found.slack < -INSIDE / 2).any() or found.cost >= draft.cost:
        return False
    draft.picks = picks
    return True


def _chosen_classes(draft: Draft, rng: np.random.Generator, breadth: int) -> Ints:
    """Draw the classes to choose anew: close ones, in all or for their size, and costly picks."""
    market = draft.market
    other = draft.loss.copy()
    other[draft.picks] = np.inf
    changed = np.abs(market.cost - market.cost[draft.picks][market.owner])
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(changed > 0, other / changed, np.inf)
    losing = np.argsort(-draft.loss[draft.picks], kind="stable")[: 3 * COSTLY]
    return np.unique(
        np.concatenate(
            [
                _drawn(np.minimum.reduceat(other, market.starts), breadth * CLOSEST, rng),
                _drawn(np.minimum.reduceat(rate, market.starts), breadth * CLOSE_FOR_SIZE, rng),
                rng.choice(losing, size=min(COSTLY, len(losing)), replace=False),
            ]
        )
    )


def _drawn(score: Floats, n: int, rng: np.random.Generator) -> Ints:
    """Draw classes of small score, the smaller the likelier."""
    order = np.argsort(score, kind="stable")
    pool = order[np.isfinite(score[order])][: 12 * n]
    if len(pool) == 0:
        return pool
    weight = 1.0 / (np.arange(len(pool)) + 10.0)
    return rng.choice(pool, size=min(len(pool), n), replace=False, p=weight / weight.sum())

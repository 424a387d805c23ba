"""Find the best set of changes in a core: singles, pairs, then all sets with proof.

States are sets of changes of the classes seen so far. A lighter state with at least the same
profit makes a heavier one needless, and a state whose loss cannot come below the best plan's is
dropped. Work is counted, not timed, so that every run of the same problem gives the same plan.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from costplan.solve.aim import Clock
from costplan.solve.best import Best, ByWeight
from costplan.solve.core import Core
from costplan.solve.decimals import Floats, Ints

PAIR_ROUNDS = 2
NEARLY = 1 - 1e-3
"""Part of a granule that counts, so that rounding of losses does not matter."""
WIDTHS = (2**10, 2**13, 2**16, 2**19)
"""States kept per class, in one attempt after the other."""
MAX_NODES = 40_000_000
SPAN_STATES = 2**14
"""States that several classes at once may make."""
COMPLETE_EVERY = 64
"""Classes after which states are completed again, at the latest."""


def first_guess(core: Core, room: float) -> Best:
    """Return the best single change or pair of a core; room is what no change at all loses."""
    best = Best(room)
    kept = np.arange(len(core.rise))
    _single(core, kept, best)
    for bit in range(PAIR_ROUNDS):
        kept = kept[core.loss[kept] < best.loss]
        if len(kept) > 1:
            _pairs(core, kept, bit, best)
    return best


def search(
    core: Core,
    best: Best,
    *,
    target: float,
    work: int,
    clock: Clock,
    granule_of: Callable[[Core], float] = lambda core: 0.0,
) -> tuple[bool, int]:
    """Improve the best set of changes; return whether no other is better, and states made.

    Stops as soon as the loss is at most target. work is how many states may be made, in all
    attempts.
    granule_of gives a number of which every gain in a core is a multiple, or 0: a better plan is
    better by that much.
    """
    kept = np.flatnonzero(core.loss < best.loss)
    granule, left = 0.0, work
    for width in WIDTHS:
        if best.loss <= target:
            break
        granule = granule or granule_of(core.only(kept))
        kept = kept[core.loss[kept] < best.loss - granule * NEARLY]
        attempt = _Layers(core, kept, best, width, target, granule * NEARLY)
        proven = attempt.run(left, clock)
        left -= attempt.made
        if proven:
            return best.loss > target, work - left
        if left <= 0 or clock.over:
            break
    return False, work - left


def _single(core: Core, kept: Ints, best: Best) -> None:
    """Try every change alone."""
    fits = kept[core.rise[kept] <= core.capacity]
    if len(fits):
        profit = core.price * core.rise[fits] - core.loss[fits]
        k = int(np.argmax(profit))
        best.take(core, float(profit[k]), [int(fits[k])])


def _pairs(core: Core, kept: Ints, bit: int, best: Best) -> None:
    """Try pairs of changes of two classes whose numbers differ in one bit."""
    side = (core.group[kept] >> bit) & 1 == 1
    left, right = kept[side], kept[~side]
    if len(left) == 0 or len(right) == 0:
        return
    profit = core.price * core.rise[left] - core.loss[left]
    k, mate, total = ByWeight.of_changes(core, right).complete(
        core.capacity - core.rise[left], profit
    )
    if np.isfinite(total):
        best.take(core, total, [int(left[k]), mate])


@dataclass(slots=True, eq=False)
class _States:
    """Sets of changes: weight, loss, and the node that tells how each came about."""

    rise: Ints
    loss: Floats
    node: Ints


class _Layers:
    """One attempt: class by class, the likeliest first, with at most width states."""

    def __init__(
        self,
        core: Core,
        kept: Ints,
        best: Best,
        width: int,
        target: float,
        granule: float,
    ) -> None:
        self.core, self.best, self.width, self.target = core, best, width, target
        self.granule = granule
        self.made, self.exact = 0, True
        self.offsets: list[int] = [1]
        self.parents: list[Ints] = []
        self.changes: list[Ints] = []
        self.by_rise: Ints | None = None
        self._order(kept)

    def _order(self, kept: Ints) -> None:
        """Order classes by the slope nearest to the price, and bound what the later ones can do."""
        core = self.core
        _, where = np.unique(core.group[kept], return_inverse=True)
        rise, loss = core.rise[kept].astype(np.float64), core.loss[kept]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(rise == 0, np.inf, loss / np.abs(rise))
        nearest = np.full(int(where.max(initial=-1)) + 1, np.inf)
        np.minimum.at(nearest, where, ratio)
        rank = np.empty(len(nearest), dtype=np.int64)
        rank[np.argsort(nearest, kind="stable")] = np.arange(len(nearest))
        order = np.argsort(rank[where], kind="stable")
        self.kept = kept[order]
        sizes = np.bincount(rank[where], minlength=len(nearest))
        self.ends = np.concatenate([[0], np.cumsum(sizes)])
        self.place = np.repeat(np.arange(len(sizes)), sizes)
        rise, ratio = rise[order], ratio[order]
        self.least = _suffix_least(loss[order], self.ends)
        self.up = _suffix_least(np.where(rise > 0, ratio, np.inf), self.ends)
        self.down = _suffix_least(np.where(rise < 0, ratio, np.inf), self.ends)

    @property
    def limit(self) -> float:
        """A better set loses less than this."""
        return (self.best.loss - self.granule) * (1 - 1e-12)

    def run(self, work: int, clock: Clock) -> bool:
        """Go through the classes; return whether nothing is left to find above the target."""
        zero = np.zeros(1, dtype=np.int64)
        states = _States(zero, np.zeros(1), zero)
        n, j, span, mark, look = len(self.ends) - 1, 0, 1, 1, 0
        while j < n and self.least[j] < self.limit and self.best.loss > self.target:
            if j >= mark or j == 0:
                self._complete(states, j)
                mark = j + min(max(1, j), COMPLETE_EVERY)
            # Classes that add nothing are passed in ever longer spans, at the cost of one.
            span = min(span, mark - j, n - j, max(1, SPAN_STATES // len(states.rise)))
            after, states, grown = self._pass(states, j, j + span)
            span = 1 if grown else 2 * span
            j = after
            if len(states.rise) == 0:
                break
            look += 1
            spent = self.made > work or self.offsets[-1] > MAX_NODES
            if spent or (look % 16 == 0 and clock.over):
                self._complete(states, j)
                return False
        return self.exact or self.best.loss <= self.target

    def _pass(self, states: _States, j: int, end: int) -> tuple[int, _States, bool]:
        """Let each state take a change of classes from j to end, or none.

        Goes as far as the first class that adds a state worth keeping; returns the class after it,
        the states, and whether there is such a class.
        """
        core = self.core
        places = np.arange(self.ends[j], self.ends[end])
        places = places[core.loss[self.kept[places]] < self.limit]
        mine, n = self.kept[places], len(places)
        rise = np.add.outer(states.rise, core.rise[mine])
        loss = np.add.outer(states.loss, core.loss[mine])
        self.made += rise.size + len(states.rise)
        self._close(states, mine, rise.ravel(), loss.ravel())
        new = np.flatnonzero(self._hope(rise, loss, self.place[places] + 1))
        if len(new):
            grown = self.place[places[new % n]]
            end = int(grown.min()) + 1
            new = new[grown < end]
        old = np.flatnonzero(self._hope(states.rise, states.loss, end))
        kept = _States(states.rise[old], states.loss[old], states.node[old])
        if len(new) == 0:
            return end, kept, False
        nodes = self._remember(states.node[new // n], mine[new % n])
        merged = _States(
            np.concatenate([kept.rise, rise.ravel()[new]]),
            np.concatenate([kept.loss, loss.ravel()[new]]),
            np.concatenate([kept.node, nodes]),
        )
        return end, self._narrowed(self._undominated(merged), end), True

    def _close(self, states: _States, mine: Ints, rise: Ints, loss: Floats) -> None:
        """Compare the sets that fit with the best one."""
        core = self.core
        total = loss + core.price * (core.capacity - rise)
        total[rise > core.capacity] = np.inf
        k = int(np.argmin(total)) if len(total) else -1
        if k >= 0 and total[k] < self.best.loss:
            change = int(mine[k % len(mine)])
            path = [*self._path(int(states.node[k // len(mine)])), change]
            self.best.loss, self.best.changes = max(0.0, float(total[k])), path

    def _hope(self, rise: Ints, loss: Floats, j: Ints | int) -> np.ndarray:
        """Mark the states that classes from j on could still bring below the best loss."""
        left = (self.core.capacity - rise).astype(np.float64)
        rate = np.where(left >= 0, np.minimum(self.core.price, self.up[j]), self.down[j])
        np.abs(left, out=left)
        left *= rate
        np.maximum(left, self.least[j], out=left)
        left += loss
        return np.asarray(left < self.limit)

    def _undominated(self, states: _States) -> _States:
        """Drop what a lighter state with at least the same profit makes needless."""
        order = np.argsort(states.rise, kind="stable")
        rise, loss = states.rise[order], states.loss[order]
        profit = self.core.price * rise - loss
        most = np.maximum.accumulate(profit)
        leads = np.append(True, profit[1:] > most[:-1])
        order = order[leads]
        return _States(states.rise[order], states.loss[order], states.node[order])

    def _narrowed(self, states: _States, j: int) -> _States:
        """Keep at most width states, those with the least bound."""
        if len(states.rise) <= self.width:
            return states
        self.exact = False
        left = (self.core.capacity - states.rise).astype(np.float64)
        near = np.where(left >= 0, min(self.core.price, self.up[j]), self.down[j])
        score = states.loss + np.abs(left) * np.minimum(near, self.core.price)
        best = np.sort(np.argpartition(score, self.width)[: self.width])
        return _States(states.rise[best], states.loss[best], states.node[best])

    def _complete(self, states: _States, j: int) -> None:
        """Add to each state the best single change of the classes from j on."""
        core = self.core
        if self.by_rise is None:
            self.by_rise = np.argsort(core.rise[self.kept], kind="stable")
        # in the order of rises all along, so that each time only leaves some out
        self.by_rise = self.by_rise[self.by_rise >= self.ends[j]]
        rest = self.kept[self.by_rise]
        rest = rest[core.loss[rest] < self.limit]
        if len(rest) == 0 or len(states.rise) == 0:
            return
        self.made += len(rest) + len(states.rise)
        profit = core.price * states.rise - states.loss
        k, change, total = ByWeight.of_changes(core, rest).complete(
            core.capacity - states.rise, profit
        )
        if np.isfinite(total) and core.room - total < self.best.loss:
            path = [*self._path(int(states.node[k])), change]
            self.best.loss, self.best.changes = max(0.0, core.room - total), path

    def _remember(self, parents: Ints, changes: Ints) -> Ints:
        """Number new states and keep how they came about."""
        start = self.offsets[-1]
        self.parents.append(parents.astype(np.int32))
        self.changes.append(changes.astype(np.int32))
        self.offsets.append(start + len(parents))
        return np.arange(start, start + len(parents))

    def _path(self, node: int) -> list[int]:
        """Return the changes that led to a node."""
        path: list[int] = []
        while node > 0:
            chunk = bisect_right(self.offsets, node) - 1
            place = node - self.offsets[chunk]
            path.append(int(self.changes[chunk][place]))
            node = int(self.parents[chunk][place])
        return path[::-1]


def _suffix_least(ratio: Floats, ends: Ints) -> Floats:
    """Return the least ratio over the classes from each one on, infinite past the last."""
    if len(ratio) == 0:
        return np.full(1, np.inf)
    per_class = np.minimum.reduceat(ratio, ends[:-1])
    return np.append(np.minimum.accumulate(per_class[::-1])[::-1], np.inf)

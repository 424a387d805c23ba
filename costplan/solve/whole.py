"""One option per class: the best plan from the bound, by fixing, searching and branching.

What can still improve the greedy plan is a small core where classes are of a size; it is searched
with proof. Where one class is so large that its next step leaves much of the ceiling unused, the
bound counts a part of that step: then the class is fixed to each of its options in turn, and what
the rest makes of the ceiling is bounded, and searched, anew.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from costplan.solve.aim import Clock
from costplan.solve.best import Best
from costplan.solve.core import Core, core_of, granule, loss_of, reduced_gains, room_of, units_left
from costplan.solve.decimals import Floats, Ints
from costplan.solve.fill import Filled, fill_beside
from costplan.solve.hull import Hulls, Steps, steps_of
from costplan.solve.knapsack import Knapsack
from costplan.solve.lattice import least_loss
from costplan.solve.search import first_guess, search

EXACT = 1e-14
"""Part of the gain below which two plans are equal in floats."""
SMALL = 20_000
"""Up to this many options the search goes on past the gap, to the very best plan."""
EXTRA_WORK = 2_000_000
"""States it may make for that."""
LEAST_WORK, WORK_PER_OPTION, MOST_WORK = 16_000_000, 80, 100_000_000
"""States the search may make before it states what it has proven."""
NODE_WORK = 200_000
"""States made for one branch before it is branched again."""
QUICK_CHANGES, QUICK_WORK = 2_000, 100_000
"""Changes of a large problem that are searched first, and states made for that."""
WIDER, FARTHEST = 16, 4_096
"""How much wider the losses are that are looked at next, and the first least part of all: where
values follow costs, thousands of changes lose nothing."""
NODE_STATES = 10_000
"""States that could be made in the time that a branch takes besides them."""
CORNERS_PER_STATE = 4
"""Corners that are filled in the time of one state."""
NEARER, FULLER = 0.7, 0.5
"""Branching pays where it leaves at most this part of the distance, or of the unused ceiling."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """All plans in which some classes have one option each."""

    bound: float
    """No such plan gains more."""
    filled: Filled
    fixed: Mapping[int, int]


def best_whole(
    knapsack: Knapsack, hulls: Hulls, filled: Filled, clock: Clock, gap: float
) -> tuple[Ints, float]:
    """Return the options of the best plan found, and what at most it loses to the best of all.

    filled is the greedy plan.
    """
    if filled.slope <= 0 or units_left(filled) == 0:
        return filled.options, 0.0
    return _Tree(knapsack, hulls, filled, clock, gap).solve()


@dataclass(slots=True, eq=False)
class _Tree:
    """The best plan so far, and what is left to look through."""

    knapsack: Knapsack
    hulls: Hulls
    filled: Filled
    clock: Clock
    gap: float
    options: Ints = field(init=False)
    gain: float = field(init=False)
    work: int = field(init=False)
    steps: Steps | None = None

    def __post_init__(self) -> None:
        """Begin with the greedy plan."""
        self.options = self.filled.options
        self.gain = self._gain_of(self.options)
        self.work = min(MOST_WORK, LEAST_WORK + WORK_PER_OPTION * len(self.knapsack.gain))

    def solve(self) -> tuple[Ints, float]:
        """Close the gap, in small problems to the last digit."""
        size = abs(self.gain)
        root = Node(self.gain + room_of(self.knapsack, self.filled), self.filled, {})
        upper = self._close(root, size * self.gap * 0.5)
        if len(self.knapsack.gain) <= SMALL and 0 < upper - self.gain <= size * self.gap * 0.5:
            self.work = EXTRA_WORK
            upper = min(upper, self._close(root, size * EXACT))
        return self.options, max(0.0, upper - self.gain)

    def _close(self, root: Node, target: float) -> float:
        """Look through all plans of a node; return what no plan in it gains more than."""
        number = count()
        heap = [(-root.bound, next(number), root)]
        stuck = -math.inf
        while heap and -heap[0][0] > max(stuck, self.gain + target):
            node = heapq.heappop(heap)[2]
            bound = self._search(node, target, NODE_WORK)
            if bound <= self.gain + target:
                stuck = max(stuck, bound)
                continue
            children = [child for child in self._branch(node) if child.bound > self.gain]
            if not self._pays(node, children, bound - self.gain):
                stuck = max(stuck, self._search(node, target, self.work))
                continue
            for child in children:
                heapq.heappush(heap, (-child.bound, next(number), child))
            if self.work <= 0 or self.clock.over:
                break
        return max([self.gain, stuck, *(-item[0] for item in heap[:1])])

    def _pays(self, node: Node, children: Sequence[Node], distance: float) -> bool:
        """Tell whether branches are closer to the best plan, or leave less of the ceiling."""
        widest = max((child.bound for child in children), default=self.gain)
        room = max((room_of(self.knapsack, child.filled) for child in children), default=0.0)
        nearer = widest - self.gain <= NEARER * distance
        return nearer or room <= FULLER * room_of(self.knapsack, node.filled)

    def _branch(self, node: Node) -> Iterator[Node]:
        """Fix the class of the step that did not fit to each of its options."""
        if self.steps is None:
            self.steps = steps_of(self.hulls)
        step = node.filled.next_step(self.hulls)
        assert step is not None
        c = step[0]
        for option in self._hopeful(node, c):
            self.work -= NODE_STATES + len(self.hulls.option) // CORNERS_PER_STATE
            fixed = {**node.fixed, c: option}
            filled = fill_beside(self.knapsack, self.hulls, self.steps, fixed)
            if filled is None:
                continue
            gain = self._take(filled.options)
            yield Node(gain + room_of(self.knapsack, filled), filled, fixed)

    def _hopeful(self, node: Node, c: int) -> list[int]:
        """List the options of a class with which a plan of the node may beat the best one."""
        first, filled = self.knapsack.problem.first, node.filled
        reduced = reduced_gains(self.knapsack, filled)
        reduced[filled.options[c]] = 0.0
        mine = reduced[first[c] : first[c + 1]]
        hopeful = np.flatnonzero(mine > self.gain - node.bound)
        return [int(first[c]) + k for k in hopeful.tolist()]

    def _search(self, node: Node, target: float, work: int) -> float:
        """Search the core of a node; return what no plan in it gains more than."""
        found = self._searched(node, target, work, safe=False)
        if found is None:
            found = self._searched(node, target, work, safe=True)
        return node.bound if found is None else found

    def _searched(self, node: Node, target: float, work: int, *, safe: bool) -> float | None:
        """Search with weights rounded to one side; None when what it found does not fit.

        In a large problem few changes matter, so those that lose least are searched a little
        first: what is found there tells how many others can matter at all.
        """
        reduced = self._reduced(node)
        large = len(reduced) > SMALL
        farthest = (node.bound - self.gain) / FARTHEST
        limit = max(_nearest(reduced), farthest) if large else np.inf
        while True:
            distance = node.bound - self.gain
            if distance <= 0 or node.filled.slope <= 0:
                return min(node.bound, self.gain)
            core = core_of(self.knapsack, node.filled, reduced, min(limit, distance), safe=safe)
            whole = limit >= distance
            best = first_guess(core, distance)
            least = least_loss(self.knapsack, node.filled, core)
            proven, made = search(
                core,
                best,
                target=least + target,
                work=min(work if whole else QUICK_WORK, self.work),
                clock=self.clock,
                granule_of=lambda part: granule(self.knapsack, node.filled, part),
            )
            self.work -= made
            if best.changes and not self._take_changes(node, core, best):
                return None
            sure = proven and (core.exact or not safe)
            # changes outside the core lose more than the limit
            lost = min(best.loss if sure else least, limit)
            enough = best.loss <= (limit if proven else lost + target)
            if whole or enough or (work == NODE_WORK and best.loss > limit * WIDER):
                return node.bound - lost
            limit = min(limit * WIDER, best.loss * (1 + 1e-6))

    def _reduced(self, node: Node) -> Floats:
        """Return what options lose at a node's bound, negated; fixed classes have no others."""
        reduced = reduced_gains(self.knapsack, node.filled)
        for c in node.fixed:
            reduced[self.knapsack.problem.first[c] : self.knapsack.problem.first[c + 1]] = -np.inf
        return reduced

    def _take_changes(self, node: Node, core: Core, best: Best) -> bool:
        """Keep a node's plan with changes when it is better; return whether it fits."""
        options = node.filled.options.copy()
        options[core.group[best.changes]] = core.option[best.changes]
        if loss_of(self.knapsack, node.filled, options) == math.inf:
            return False
        self._take(options)
        return True

    def _take(self, options: Ints) -> float:
        """Keep a plan when it is better; return its gain."""
        gain = self._gain_of(options)
        if gain > self.gain:
            self.options, self.gain = options, gain
        return gain

    def _gain_of(self, options: Ints) -> float:
        return float(self.knapsack.gain[options].sum())


def _nearest(reduced: Floats) -> float:
    """Return the loss up to which the few nearest changes lose."""
    place = len(reduced) - QUICK_CHANGES
    return -float(np.partition(reduced, place)[place])

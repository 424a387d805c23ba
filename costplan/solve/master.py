"""Prices of many ceilings at once, from the dual of the split problem.

Every vector of nonnegative prices gives a bound: per class the option with the least cost plus
priced use, less the priced limits. The best prices are found by column generation: groups of
classes propose what they would take at the current prices, and a small linear program mixes the
proposals of all groups within the limits; its duals are the next prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from costplan.solve.aim import Clock
from costplan.solve.decimals import Floats, Ints
from costplan.solve.linear import LinearProgram
from costplan.solve.sheet import quiet_solver

GROUPS = 60
ROUNDS = 60
CLOSE = 1e-7
"""The search stops when bound and mix differ by this part of the cost."""


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """Costs and uses of the usable options, limits scaled to 1."""

    cost: Floats
    use: Floats
    """Shape (n_rows, n_usable)."""
    limit: Floats
    starts: Ints
    """First usable option of each class."""
    owner: Ints
    """Class of each usable option."""
    group_starts: Ints
    """First class of each group."""

    @classmethod
    def of(cls, program: LinearProgram) -> Market:
        """Gather the arrays of a program, floors turned into ceilings."""
        first, at = program.problem.first, program.usable.options
        counts = program.usable.counts
        use = np.empty((len(program.rows), len(at)))
        limit = np.empty(len(program.rows))
        for k, row in enumerate(program.rows):
            sign = -1.0 if row.at_least else 1.0
            values = row.amount.floats(first)[at]
            scale = sign / (abs(float(row.limit)) or float(np.abs(values).sum()) or 1.0)
            use[k], limit[k] = values * scale, float(row.limit) * scale
        n = len(counts)
        groups = np.unique(np.linspace(0, n, min(GROUPS, n) + 1).astype(np.int64)[:-1])
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        owner = program.usable.classes
        return cls(program.cost.floats(first)[at], use, limit, starts, owner, groups)

    def answer(self, prices: Floats) -> tuple[float, Floats, Floats, Floats]:
        """Return the bound at some prices, what each group proposes, and the reduced costs."""
        reduced = self.cost + prices @ self.use
        least = np.minimum.reduceat(reduced, self.starts)
        counts = np.diff(np.append(self.starts, len(reduced)))
        hit = np.where(reduced == np.repeat(least, counts), np.arange(len(reduced)), len(reduced))
        picks = np.minimum.reduceat(hit, self.starts)
        cost = np.add.reduceat(self.cost[picks], self.group_starts)
        use = np.add.reduceat(self.use[:, picks], self.group_starts, axis=1)
        return float(least.sum() - prices @ self.limit), cost, use, reduced

    def loss(self, reduced: Floats) -> Floats:
        """Return what each option lies above the best of its class."""
        counts = np.diff(np.append(self.starts, len(reduced)))
        return np.asarray(reduced - np.repeat(np.minimum.reduceat(reduced, self.starts), counts))


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """The best prices found."""

    bound: float
    """No plan, split or not, costs less."""
    loss: Floats
    """What each usable option costs above the best of its class, priced use included."""
    market: Market
    """The arrays they were found on."""


def price_limits(program: LinearProgram, clock: Clock) -> Priced:
    """Find prices of a program's rows whose bound is as high as rounds and time allow."""
    market = Market.of(program)
    n_rows, n_groups = len(market.limit), len(market.group_starts)
    size = float(np.abs(market.cost).sum()) / max(1, n_groups) or 1.0
    master = _Master(market, size)
    prices = np.zeros(n_rows)
    best, best_reduced, best_prices = -np.inf, market.cost, prices
    before, stalled = np.inf, 0
    for k in range(ROUNDS):
        bound, cost, use, reduced = market.answer(prices)
        if bound > best:
            best, best_reduced, best_prices = bound, reduced, prices
        if clock.over:
            break
        master.propose(cost, use)
        mixed, duals = master.mix()
        if mixed - best <= CLOSE * max(abs(mixed), abs(best)):
            break
        stalled = stalled + 1 if mixed == before else 0
        if stalled > 2:
            break
        before = mixed
        lean = 0.0 if k < 3 or stalled else 0.3
        prices = lean * best_prices + (1 - lean) * duals
    return Priced(best, market.loss(best_reduced), market)


class _Master:
    """The linear program that mixes proposals."""

    def __init__(self, market: Market, size: float) -> None:
        self.size = size
        self.n_rows, self.n_groups = len(market.limit), len(market.group_starts)
        self.solver: Any = quiet_solver()
        none = np.zeros(0)
        for limit in market.limit:
            self.solver.addRow(-np.inf, float(limit), 0, none.astype(np.int32), none)
        for _ in range(self.n_groups):
            self.solver.addRow(1.0, 1.0, 0, none.astype(np.int32), none)
        penalty = 20.0 * self.n_groups
        for k in range(self.n_rows):
            self.solver.addCol(penalty, 0.0, np.inf, 1, np.array([k], np.int32), np.array([-1.0]))

    def propose(self, cost: Floats, use: Floats) -> None:
        """Add one proposal of each group."""
        rows = np.arange(self.n_rows, dtype=np.int32)
        for g in range(self.n_groups):
            index = np.append(rows, np.int32(self.n_rows + g))
            value = np.append(use[:, g], 1.0)
            self.solver.addCol(cost[g] / self.size, 0.0, np.inf, len(index), index, value)

    def mix(self) -> tuple[float, Floats]:
        """Return the cost of the best mix, and the prices of the limits in it."""
        self.solver.run()
        duals = np.array(self.solver.getSolution().row_dual[: self.n_rows])
        mixed = float(self.solver.getInfo().objective_function_value) * self.size
        return mixed, np.maximum(0.0, -duals) * self.size

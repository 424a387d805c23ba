"""The best set of changes so far, and the best partner of a set by weight."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from costplan.solve.core import Core
from costplan.solve.decimals import Floats, Ints


@dataclass(slots=True, eq=False)
class Best:
    """The best set of changes so far."""

    loss: float
    """What it loses against the bound."""
    changes: list[int] = field(default_factory=list)
    """Indices into the core."""

    def take(self, core: Core, profit: float, changes: list[int]) -> None:
        """Take a set that fits when it is better."""
        loss = max(0.0, core.room - profit)
        if loss < self.loss:
            self.loss, self.changes = loss, changes


@dataclass(frozen=True, slots=True, eq=False)
class ByWeight:
    """Sets by rising weight, with the best profit up to each."""

    rise: Ints
    most: Floats
    at: Ints
    """Which set has that profit."""

    @classmethod
    def of(cls, rise: Ints, profit: Floats, at: Ints) -> ByWeight:
        """Sort sets and keep those that no lighter one beats."""
        order = np.argsort(rise, kind="stable")
        profit = profit[order]
        most = np.maximum.accumulate(profit)
        leads = np.append(True, most[1:] > most[:-1])
        order = order[leads]
        return cls(rise[order], most[leads], at[order])

    @classmethod
    def of_changes(cls, core: Core, index: Ints) -> ByWeight:
        """Sort single changes."""
        rise = core.rise[index]
        return cls.of(rise, core.price * rise - core.loss[index], index)

    def complete(self, room: Ints, profit: Floats) -> tuple[int, int, float]:
        """Give each set with some room its best partner; return set, partner and profit."""
        place = np.searchsorted(self.rise, room, side="right") - 1
        total = np.where(place >= 0, profit + self.most[np.maximum(place, 0)], -np.inf)
        k = int(np.argmax(total))
        return k, int(self.at[max(0, int(place[k]))]), float(total[k])

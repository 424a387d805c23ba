"""What a solver returns: the plan, what was proven about it, and its audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from costplan.solve.decimals import Ints
from costplan.solve.pick import Pick

if TYPE_CHECKING:
    from costplan.solve.verify import Audit


class Status(StrEnum):
    """What the solver can say."""

    OPTIMAL = "optimal"
    """Proven within the gap asked for."""
    FEASIBLE = "feasible"
    """Stopped with a larger proven gap."""
    INFEASIBLE = "infeasible"
    """Proven: no plan keeps every limit."""
    LIMIT = "limit"
    """Stopped without a plan."""


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A plan with its proof; without a plan when infeasible or stopped early."""

    status: Status
    """What is proven."""
    solver: str
    """Name of the solver that found it."""
    main: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Option with the largest share of each class, shape (n_classes,); empty without a plan."""
    splits: Mapping[int, tuple[Pick, ...]] = field(default_factory=dict)
    """Picks of the classes that are split over several options, by class."""
    gpus: tuple[int, ...] = ()
    """GPUs bought per pool."""
    objective: Decimal | None = None
    """Value, accuracy (0 to 1), net value or dollars of the plan, as the goal says."""
    bound: Decimal | None = None
    """No plan is better than this."""
    gap: float | None = None
    """Distance of objective and bound over the larger of the two magnitudes."""
    audit: Audit | None = None
    """The plan added up again, exactly."""

    @property
    def has_plan(self) -> bool:
        """Whether there is a plan."""
        return len(self.main) > 0

    def picks_of(self, c: int) -> tuple[Pick, ...]:
        """Return the options of class c with their shares, in option order."""
        split = self.splits.get(c)
        return ((int(self.main[c]), Decimal(1)),) if split is None else split

    @property
    def picks(self) -> Iterator[tuple[Pick, ...]]:
        """Run through the picks of all classes, in class order."""
        return (self.picks_of(c) for c in range(len(self.main)))

"""An allocation: which share of each class goes to which option."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.option import Option
from costplan.plan.case import Case, ClassCase

if TYPE_CHECKING:
    from costplan.solve.problem import Problem
    from costplan.solve.solution import Solution
    from costplan.solve.verify import Audit

Picks = tuple[tuple[int, Decimal], ...]
"""Places of options within their class, with shares that add up to exactly 1."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """Options and shares of every class, in the case's order."""

    case: Case
    """What is allocated."""
    picks: tuple[Picks, ...]
    """Picks of each class."""

    @staticmethod
    def of_solution(case: Case, problem: Problem, solution: Solution) -> Allocation:
        """Read a solver's answer."""
        first = problem.first
        return Allocation(
            case,
            tuple(
                tuple((option - int(first[c]), share) for option, share in picks)
                for c, picks in enumerate(solution.picks)
            ),
        )

    def parts(self) -> Iterator[tuple[ClassCase, Option, Decimal]]:
        """Go through classes, their chosen options and shares above 0."""
        for part, picks in zip(self.case.classes, self.picks, strict=True):
            for place, share in picks:
                if share > 0:
                    yield part, part.options[place], share

    def audit(self, problem: Problem) -> Audit:
        """Add the allocation up under a problem's limits."""
        import numpy as np

        from costplan.solve.verify import verify

        first = [int(start) for start in problem.first]
        main = [
            first[c] + max(picks, key=lambda pick: pick[1])[0] for c, picks in enumerate(self.picks)
        ]
        splits = {
            c: tuple((first[c] + place, share) for place, share in picks)
            for c, picks in enumerate(self.picks)
            if len(picks) > 1
        }
        return verify(problem, np.array(main, dtype=np.int64), splits)

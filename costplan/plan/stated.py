"""Dollars that are planned with, as the ceiling that a person would state for them."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal

from costplan.plan.case import Case
from costplan.plan.solving import Solved
from costplan.plan.worth import needed_ceiling, read_solved

POINTS = 8
"""Budgets at which the margin is looked up; in between it is drawn straight."""
CENT = Decimal("0.01")


@dataclass(slots=True)
class Stated:
    """Turns budgets into ceilings, by the margin that plans of such budgets need."""

    case: Case
    solved: Solved
    z: float
    known: list[tuple[float, float]] = field(default_factory=list)
    """Budgets with the part by which the ceiling is above them, ascending."""

    def ceiling_of(self, name: str, amount: Decimal) -> tuple[Decimal, bool]:
        """Give the ceiling to state, and whether it is exact."""
        if name != "usd" or self.z == 0:
            return amount, True
        if not self.known:
            self._look()
        return (amount * Decimal(repr(self._factor(float(amount))))).quantize(
            CENT, rounding=ROUND_CEILING
        ), False

    def _look(self) -> None:
        here = read_solved(self.case, self.solved, self.z)
        low, high = _span(self.solved, here.usd)
        found = {float(here.usd): _part(here.usd, here.ceiling)}
        for i in range(POINTS):
            budget = low * (high / low) ** (Decimal(i) / (POINTS - 1))
            there = needed_ceiling(self.case, self.solved.problem, budget.quantize(CENT), self.z)
            if there is not None and there.usd > 0:
                found[float(there.usd)] = _part(there.usd, there.ceiling)
        self.known = sorted(found.items())

    def _factor(self, budget: float) -> float:
        at = bisect_left(self.known, (budget, 0.0))
        if at == 0:
            return self.known[0][1]
        if at == len(self.known):
            return self.known[-1][1]
        (low, before), (high, after) = self.known[at - 1], self.known[at]
        return before + (after - before) * (budget - low) / (high - low)


def _span(solved: Solved, usd: Decimal) -> tuple[Decimal, Decimal]:
    """Give budgets far below and above the plan's own, neither 0."""
    from costplan.solve.least import least_usd

    least = least_usd(solved.problem) or usd
    low = max(min(least, usd), CENT)
    return low * Decimal("1.0001"), max(usd * 4, low * 2)


def _part(usd: Decimal, ceiling: Decimal) -> float:
    return float(ceiling / usd) if usd > 0 else 1.0

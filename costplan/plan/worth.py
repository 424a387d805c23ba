"""What a unit of every limit is worth, and how much of a stated dollar can be planned with.

The dollar ceiling is kept with a margin: a plan of k dollars needs a ceiling of k exp(z sd / k). So
a dollar more of ceiling is less than a dollar more to plan with; the rate between the two is
measured on plans of a little more and a little less money.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.errors import LimitError
from costplan.plan.allocation import Allocation
from costplan.plan.case import Case
from costplan.plan.margin import usd_sd, with_margin
from costplan.plan.solving import Solved

if TYPE_CHECKING:
    from costplan.solve.prices import Price
    from costplan.solve.problem import Problem

PRICE_SECONDS = 5.0
"""Seconds that pricing the limits may take."""
PART = Decimal("0.001")
"""Part of the dollars by which a plan is moved to measure the rate."""


@dataclass(frozen=True, slots=True)
class Worth:
    """Prices of the limits that a plan was made under."""

    prices: Mapping[str, Price] = field(default_factory=dict)
    """Price of each limit as planned with, by name; limits that were not reached are absent."""
    rate_up: float = 1.0
    """Dollars that one more dollar of ceiling adds to plan with."""
    rate_down: float = 1.0
    """Dollars that one dollar of ceiling less takes away."""

    def price(self, name: str) -> tuple[float | None, float | None]:
        """Price a limit as it is stated, up and down; None where it is not known."""
        found = self.prices.get(name)
        if found is None:
            return None, None
        if name != "usd":
            return found.up, found.down
        return found.up * self.rate_up, (
            None if found.down is None else found.down * self.rate_down
        )


def weigh_limits(case: Case, solved: Solved, z: float) -> Worth:
    """Price every limit of a solved problem; dollars with the margin of z standard errors."""
    from costplan.solve.prices import prices

    found = prices(solved.problem, time_limit_s=PRICE_SECONDS)
    money = found.get("usd")
    if money is None or z == 0 or not (money.up or money.down):
        return Worth(found)
    try:
        return Worth(found, *_rates(case, solved, z))
    except LimitError:
        # A price of dollars to plan with would pass for one of the stated ceiling.
        return Worth({name: price for name, price in found.items() if name != "usd"})


def needed_ceiling(case: Case, problem: Problem, budget: Decimal, z: float) -> Needed | None:
    """Solve with a budget to plan with; None where there is no plan."""
    return solve_at(case, problem, ("usd", budget), z)


def solve_at(
    case: Case, problem: Problem, limit: tuple[str, Decimal] | None, z: float
) -> Needed | None:
    """Solve with one limit set anew, by its name, or as it is; None where there is no plan.

    LimitError where a deadline comes before that is known.
    """
    from costplan.solve.deadline import check_time
    from costplan.solve.limits import with_value
    from costplan.solve.room import solve

    moved = problem if limit is None else with_value(problem, *limit)
    solution = solve(moved, time_limit_s=PRICE_SECONDS)
    if not solution.has_plan or solution.objective is None:
        if solution.status.value == "limit":
            check_time("any plan")
        return None
    return Needed.of(Allocation.of_solution(case, moved, solution), moved, z, solution.objective)


@dataclass(frozen=True, slots=True)
class Needed:
    """A plan, its bill and the ceiling under which it is kept with confidence."""

    allocation: Allocation
    """Options and shares."""
    usd: Decimal
    """The bill."""
    ceiling: Decimal
    """The bill with its margin."""
    objective: Decimal
    """What it achieves."""
    accuracy: Decimal | None
    """Its mean accuracy."""

    @staticmethod
    def of(allocation: Allocation, problem: Problem, z: float, objective: Decimal) -> Needed:
        """Add a plan up."""
        audit = allocation.audit(problem)
        ceiling = with_margin((audit.bill_usd, usd_sd(allocation)), z)
        return Needed(allocation, audit.bill_usd, ceiling, objective, audit.accuracy)


def _rates(case: Case, solved: Solved, z: float) -> tuple[float, float]:
    here = read_solved(case, solved, z)
    rates = []
    for factor in (1 + PART, 1 - PART):
        there = needed_ceiling(case, solved.problem, here.usd * factor, z)
        rates.append(rate_between(here, there))
    return rates[0], rates[1]


def read_solved(case: Case, solved: Solved, z: float) -> Needed:
    """Add up the plan that a problem was solved to."""
    objective = solved.solution.objective
    allocation = Allocation.of_solution(case, solved.problem, solved.solution)
    return Needed.of(allocation, solved.problem, z, objective or Decimal(0))


def rate_between(here: Needed, there: Needed | None) -> float:
    """Dollars to plan with per dollar of ceiling between two plans.

    Plans with one option per class jump, so there the part of the ceiling that is planned with is
    taken.
    """
    usual = float(here.usd / here.ceiling) if here.ceiling > 0 else 1.0
    if there is None or not here.allocation.case.workload.splits:
        return usual
    planned, ceiling = there.usd - here.usd, there.ceiling - here.ceiling
    return usual if planned * ceiling <= 0 else float(planned / ceiling)

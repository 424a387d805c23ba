"""How far a bill whose tokens were counted on benchmarks may end above its dollar ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from costplan.domain.figures import write_usd
from costplan.plan.model import Plan, PlanWarning

OVERRUN = "bill_may_pass_ceiling"
"""Code of the warning."""


def warn_of_overrun(plans: Sequence[tuple[str | None, Plan]]) -> tuple[PlanWarning, ...]:
    """Say by how many dollars a bill with borrowed tokens may end above its ceiling.

    plans: a plan, or those of months with their names, each under a ceiling of its own. Nothing
    where no interval of such a bill reaches beyond the ceiling.
    """
    over = [(*found, month) for month, plan in plans if (found := _find_overrun(plan)) is not None]
    if not over:
        return ()
    by, high, limit, month = max(over, key=lambda one: one[0])
    amounts = f"{write_usd(high)}, {write_usd(by)} above the ceiling of {write_usd(limit)}"
    if len(plans) == 1:
        said = f"the bill may end at {amounts}"
    else:
        said = f"the bill may end above its ceiling in {len(over)} of {len(plans)} months, the " \
               f"furthest in {month}: at {amounts}"  # fmt: skip
    why = "should requests take other token counts than the benchmarks did"
    return (PlanWarning(code=OVERRUN, task_class=None, message=f"{said}, {why}"),)


def _find_overrun(plan: Plan) -> tuple[Decimal, Decimal, Decimal] | None:
    """Give dollars above the ceiling, the end of the interval, and the ceiling."""
    totals = plan.totals
    limit = next((c.limit for c in plan.ceilings if c.name == "usd"), None)
    if totals is None or limit is None or not totals.usd_borrowed or not plan.confidence:
        return None
    by = totals.usd_interval.high - limit
    return (by, totals.usd_interval.high, limit) if by > 0 else None

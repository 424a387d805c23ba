"""What stands beside a plan, in the time there is: prices, next steps, explanations, the chart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costplan.domain.errors import LimitError
from costplan.domain.figures import write_percent
from costplan.plan.case import Case
from costplan.plan.considered import MOST_CLASSES, consider
from costplan.plan.frontier import trace_frontier
from costplan.plan.insight import Change, Considered, FrontierPoint, NextStep
from costplan.plan.marginal import SOLVED, list_ceilings, list_next_steps
from costplan.plan.model import Ceiling, PlanWarning
from costplan.plan.solving import Solved
from costplan.plan.worth import weigh_limits

if TYPE_CHECKING:
    from costplan.solve.problem import Problem
    from costplan.solve.verify import Audit

PRICES, STEPS, OPTIONS = 0.3, 0.4, 0.4
"""Parts of the time still left that prices, next steps and explanations may take, in this order."""
NOTICEABLE = 1e-3
"""Part by which a point of the chart may be below the best before it is said."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Everything beside the plan itself, and what there was no time for."""

    ceilings: list[Ceiling]
    """Every limit with its prices."""
    considered: list[Considered]
    """Options and their fates."""
    changes: list[Change]
    """Ceilings at which choices turn."""
    next_steps: list[NextStep]
    """What the next dollars and seconds would buy."""
    chart: list[FrontierPoint]
    """Best plans by dollars."""
    warnings: tuple[PlanWarning, ...]
    """What was left out; nothing where all was found."""


def look_beside(
    case: Case, problem: Problem, solved: Solved, audit: Audit, z: float, seconds: float
) -> Beside:
    """Find what stands beside a plan, all of it within some seconds.

    problem has the stated limits, solved those that were planned under.
    """
    from costplan.solve.deadline import within

    with within(seconds):
        with within(_part(PRICES)):
            worth = weigh_limits(case, solved, z)
        ceilings = list_ceilings(case, solved.problem, audit, worth)
        with within(_part(STEPS)):
            steps = list_next_steps(case, solved, ceilings, worth, z)
        with within(_part(OPTIONS)):
            considered, changes = consider(case, solved, ceilings, worth, z)
        chart, short = _draw(problem)
    out = list(_list_left_out(ceilings, steps))
    told = len({item.task_class for item in considered})
    most = min(len(case.classes), MOST_CLASSES)
    if told < most:
        out.append(f"the options of {most - told} classes")
    if not chart:
        out.append("the chart")
    return Beside(ceilings, considered, changes, steps, chart, tuple(_warn(out, short)))


def _part(part: float) -> float:
    from costplan.solve.deadline import left_s

    return part * (left_s() or 0.0)


def _draw(problem: Problem) -> tuple[list[FrontierPoint], float]:
    try:
        return trace_frontier(problem)
    except LimitError:
        return [], 0.0


def _list_left_out(ceilings: list[Ceiling], steps: list[NextStep]) -> Iterator[str]:
    """Name what ceilings and next steps lack for want of time."""
    unpriced = [c.name for c in ceilings if c.price_up is None and not c.name.startswith("pools.")]
    if unpriced:
        some = f"{len(unpriced)} ceilings" if len(unpriced) > 1 else unpriced[0]
        yield f"the price of {some}"
    found = {step.name for step in steps}
    missed = [c.name for c in ceilings if c.name in SOLVED and c.name not in found]
    if missed:
        yield f"what more of {' and '.join(missed)} would bring"


def _warn(out: list[str], short: float) -> Iterator[PlanWarning]:
    """Say what is missing beside the plan, and how far the chart may be below the best."""
    said = []
    if out:
        said.append(f"no time was left for {', '.join(out)}")
    if short > NOTICEABLE:
        said.append(f"points of the chart may be up to {write_percent(short)} below the best plan")
    if said:
        yield PlanWarning(
            code="left_out",
            task_class=None,
            message=f"{'; '.join(said)} (`costplan explain` and `costplan frontier` take more)",
        )

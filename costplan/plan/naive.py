"""The naive plan: measurements taken at their word, and what that hides."""

from __future__ import annotations

from dataclasses import replace

from costplan.domain.estimate import Estimate, Grade
from costplan.domain.figures import write_percent, write_range, write_usd
from costplan.domain.option import Option
from costplan.plan.allocation import Allocation
from costplan.plan.case import Case
from costplan.plan.lines import total_up
from costplan.plan.margin import usd_sd, with_margin, z_of
from costplan.plan.model import PlanWarning
from costplan.plan.problem import pose


def take_at_word(case: Case) -> Case:
    """Give every option the accuracy that was measured, as if it were exact."""
    return replace(
        case,
        classes=tuple(
            replace(part, options=tuple(_bare(option) for option in part.options))
            for part in case.classes
        ),
    )


def _bare(option: Option) -> Option:
    if option.accuracy.grade is Grade.STATED:
        return option
    raw = round(option.source.accuracy, 9)
    return replace(option, accuracy=Estimate(raw, raw, raw, option.accuracy.grade))


def confess(case: Case, planned: Allocation, naive_accuracy: float) -> PlanWarning:
    """Say what the naive plan's choices are really forecast to bring and to cost."""
    honest = Allocation(case, planned.picks)
    problem = pose(case)
    audit = honest.audit(problem)
    totals = total_up(honest, audit, float(case.workload.confidence))
    accuracy = totals.accuracy
    needed = with_margin((totals.usd, usd_sd(honest)), z_of(case))
    message = (
        f"taken at their word, the measurements promise {write_percent(naive_accuracy)}; these "
        f"choices are forecast to be right in {write_percent(accuracy.mean)} "
        f"({write_range(accuracy.low, accuracy.high)} %)"
    )
    ceiling = problem.limits.usd
    if ceiling is not None and needed > ceiling:
        sure = write_percent(case.workload.confidence, 0)
        message += f", and the ceiling would have to be {write_usd(needed)} to hold with {sure}"
    return PlanWarning(code="naive", task_class=None, message=message)

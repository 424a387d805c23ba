"""Today's plan inside a probe: shares by the real solver, and what a dollar is worth at it.

The schedule compares options by accuracy minus dollars; the exchange rate is the price that the
plan's own ceilings put on a dollar, in parts of all there is to win.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.errors import CostplanError
from costplan.domain.estimate import Estimate, Grade
from costplan.domain.option import Option
from costplan.plan.allocation import Allocation
from costplan.plan.case import Case, ClassCase
from costplan.plan.probing_beliefs import Believed
from costplan.plan.probing_stage import Stage
from costplan.plan.problem import pose
from costplan.probe.frontier import Fill, expected_accuracy, fill
from costplan.probe.schedule import Aim

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.solve.problem import Problem
    from costplan.solve.solution import Solution

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

PRICE_SECONDS = 3.0
"""Seconds that pricing the ceilings may take in a round."""
USD_PLACES = 9


@dataclass(frozen=True, slots=True, eq=False)
class Today:
    """The plan by what is believed now."""

    case: Case
    """The case with the accuracies and dollars that are believed."""
    allocation: Allocation | None
    """Its best plan; None when the beliefs leave none that keeps every limit."""
    fill: Fill
    """Shares of the asked classes, and accuracy per dollar, in the schedule's units."""


def make_aim(stage: Stage, believed: Believed, may: Mask) -> Aim:
    """Say what the plan is for, in the schedule's terms."""
    import numpy as np

    weight, requests = _weights(stage)
    floors = [float(stage.part(c).task.min_accuracy or 0) for c in range(len(stage.classes))]
    usd = np.where(np.isfinite(believed.usd), believed.usd, 0.0)
    ceiling = stage.case.workload.ceilings.usd
    return Aim(
        weight=weight,
        plan_usd=requests[:, None] * usd,
        ceiling_usd=float("inf") if ceiling is None else float(ceiling),
        may=may,
        floor=np.array(floors) if any(floors) else None,
    )


def _weights(stage: Stage) -> tuple[Array, Array]:
    """Give what each asked class is worth as a part of all classes, and its requests."""
    import numpy as np

    tasks = [stage.part(c).task for c in range(len(stage.classes))]
    requests = np.array([float(task.requests) for task in tasks])
    if _by_requests(stage.case):
        mine = requests
    else:
        mine = requests * np.array([float(task.worth) for task in tasks])
    return mine / max(_whole(stage.case), 1e-12), requests


def _by_requests(case: Case) -> bool:
    aim = case.workload.objective
    return aim.maximize == "accuracy" or aim.target_accuracy is not None


def _whole(case: Case) -> float:
    """Give all there is to win: requests, or requests times the worth of a right answer."""
    by_requests = _by_requests(case)
    return sum(
        float(part.task.requests) * (1.0 if by_requests else float(part.task.worth))
        for part in case.classes
    )


def plan_today(stage: Stage, believed: Believed, may: Mask) -> Today:
    """Make the best plan by what is believed; options outside may are left to their class."""
    case = _believing(stage, believed, may)
    problem = pose(case)
    solution = _solve(problem)
    if solution is None:
        return Today(case, None, _hull(stage, believed, may))
    allocation = Allocation.of_solution(case, problem, solution)
    price = _price(case, problem)
    return Today(case, allocation, Fill(_shares(stage, allocation), price))


def _believing(stage: Stage, believed: Believed, may: Mask) -> Case:
    """Put what is believed into the options of the asked classes."""
    mean = expected_accuracy(believed.posterior.logit, believed.posterior.covariance)
    rows = {name: c for c, name in enumerate(stage.classes)}

    def update(part: ClassCase) -> ClassCase:
        c = rows.get(part.task.name)
        if c is None:
            return part
        options = []
        for m in range(len(stage.options)):
            option = stage.option(c, m)
            if option is not None and may[c, m]:
                changed = _updated(option, float(mean[c, m]), float(believed.usd[c, m]))
                options.append(_timed(changed, believed.seconds.get((c, m))))
        return replace(part, options=tuple(options))

    return replace(stage.case, classes=tuple(update(part) for part in stage.case.classes))


def _updated(option: Option, mean: float, usd: float) -> Option:
    if option.accuracy.grade is Grade.STATED:
        return option
    mean = round(mean, 9)
    return replace(
        option,
        accuracy=Estimate(mean, mean, mean, option.accuracy.grade),
        usd_per_request=Decimal(repr(round(usd, USD_PLACES))),
    )


def _timed(option: Option, seconds: tuple[float, float] | None) -> Option:
    """Take measured seconds; nobody waits for a batch."""
    if seconds is None or (option.price is not None and option.price.batch):
        return option
    mean, p95 = (Decimal(repr(round(each, 3))) for each in seconds)
    return replace(option, mean_latency_s=mean, p95_latency_s=p95)


def _solve(problem: Problem) -> Solution | None:
    from costplan.solve.room import solve

    try:
        solution = solve(problem, time_limit_s=20.0)
    except CostplanError:
        return None
    return solution if solution.has_plan else None


def _shares(stage: Stage, allocation: Allocation) -> Array:
    import numpy as np

    shares = np.zeros(stage.place.shape)
    rows = {name: c for c, name in enumerate(stage.classes)}
    columns = {name: m for m, name in enumerate(stage.options)}
    for part, option, share in allocation.parts():
        c = rows.get(part.task.name)
        if c is not None:
            shares[c, columns[option.model, option.setting]] += float(share)
    return shares


def _price(case: Case, problem: Problem) -> float:
    """Give what a dollar is worth at the plan, in parts of all there is to win."""
    from costplan.solve.prices import prices

    aim = case.workload.objective
    found = prices(problem, time_limit_s=PRICE_SECONDS)
    whole = _whole(case)
    if aim.minimize is not None:
        target = found.get("target")
        slope = 0.0 if target is None else (target.down or target.up)
        if slope <= 0:
            return 0.0
        return 1 / slope if aim.target_accuracy is not None else 1 / (slope * whole)
    usd = found.get("usd")
    price = 0.0 if usd is None else (usd.up if usd.down is None else usd.down)
    if aim.maximize == "accuracy":
        return price
    own = 1.0 if aim.maximize == "net_value" else 0.0
    return (price + own) / max(whole, 1e-12)


def _hull(stage: Stage, believed: Believed, may: Mask) -> Fill:
    """Fill the dollar ceiling alone, where no plan keeps every limit."""
    aim = make_aim(stage, believed, may)
    mean = expected_accuracy(believed.posterior.logit, believed.posterior.covariance)
    return fill(aim.weight[:, None] * mean, aim.plan_usd, may, aim.ceiling_usd)


@dataclass(frozen=True, slots=True)
class Judged:
    """A plan, judged by what is believed now."""

    usd: Decimal
    """Dollars per period."""
    accuracy: float
    """Mean share of right answers over all requests."""
    value: float
    """Value in the workload's unit."""
    keeps_limits: bool
    """Whether it keeps every limit."""


def judge(today: Today, other: Allocation | None) -> Judged | None:
    """Judge a plan, made by other beliefs, by today's; None where an option of it is gone."""
    if other is None:
        return None
    picks = []
    for part, picked in zip(other.case.classes, other.picks, strict=True):
        now = next(p for p in today.case.classes if p.key == part.key)
        names = [option.name for option in now.options]
        moved = []
        for place, share in picked:
            name = part.options[place].name
            if name not in names:
                return None
            moved.append((names.index(name), share))
        picks.append(tuple(moved))
    audit = Allocation(today.case, tuple(picks)).audit(pose(today.case))
    return Judged(
        usd=audit.bill_usd,
        accuracy=0.0 if audit.accuracy is None else float(audit.accuracy),
        value=float(audit.value),
        keeps_limits=audit.ok,
    )

"""The plan in one sentence, what it assumes, and what its reader must know."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from costplan.domain.estimate import Grade
from costplan.domain.figures import (
    write_change,
    write_percent,
    write_period,
    write_points,
    write_range,
    write_usd,
    write_value,
)
from costplan.files.workload import find_doubts
from costplan.plan.allocation import Allocation
from costplan.plan.borrowed import say_borrowed
from costplan.plan.case import Case
from costplan.plan.margin import usd_sd, with_margin, z_of
from costplan.plan.model import Baseline, Plan, PlanWarning

SOON_DAYS = 180
"""How far ahead a model's end is worth a warning, in days."""
NOTICEABLE = 1e-6
"""Relative difference of objectives below which a plan does not beat a baseline."""


def pronounce(plan: Plan) -> str:
    """Say the plan in one sentence, opening with the difference to today where today is known."""
    if plan.totals is None:
        return _pronounce_infeasible(plan)
    totals, period = plan.totals, write_period(plan.workload.period, plan.workload.months)
    accuracy = totals.accuracy
    bought = f"{write_usd(totals.usd)} {period} buys {write_percent(accuracy.mean)} right answers"
    if accuracy.high > accuracy.low:
        bought += f" ({write_range(accuracy.low, accuracy.high)} %)"
    today = find_baseline(plan, "today")
    if today is None or today.usd is None or today.accuracy is None:
        return f"{bought}{_compare(plan)}."
    points = write_points(accuracy.mean - today.accuracy)
    money = write_change(totals.usd - today.usd)
    against = (
        f"{_capital(money)} {period} than today" if "same" not in money else "As much as today"
    )
    gains = [f"{points} of accuracy"]
    if plan.objective.maximize != "accuracy" and plan.value_unit == "usd":
        gained = write_change(Decimal(str(float(totals.value) - (today.value or 0.0))))
        gains.append(f"{gained} value")
    return f"{against}, {' and '.join(gains)}: {bought}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def find_baseline(plan: Plan, name: str) -> Baseline | None:
    """Find a baseline of a plan by name."""
    return next((b for b in plan.baselines if b.name == name), None)


def _compare(plan: Plan) -> str:
    rivals = [find_baseline(plan, name) for name in ("best_single", "class_blind_mix")]
    feasible = [rival for rival in rivals if rival is not None and rival.feasible]
    if not feasible or plan.totals is None:
        return ""
    if plan.objective.minimize:
        best = min(feasible, key=lambda rival: rival.usd or Decimal(0))
        if best.usd is None:
            return ""
        money = write_change(plan.totals.usd - best.usd)
        return f", {money} {'as' if 'same' in money else 'than'} {best.detail}"
    best = max(feasible, key=lambda rival: rival.value or 0.0)
    if best.accuracy is None:
        return ""
    points = write_points(plan.totals.accuracy.mean - best.accuracy)
    return f", {points} against the best simple way ({best.detail})"


def _pronounce_infeasible(plan: Plan) -> str:
    limits = " and ".join(member.limit for member in plan.conflict)
    if plan.smallest_usd is not None:
        least = write_usd(plan.smallest_usd, cents=True)
        return f"No plan keeps every limit; the smallest dollar ceiling that would do is {least}."
    if any(warning.code == "left_out" for warning in plan.warnings):
        return "No plan keeps every limit; which of them conflict was not found in the time."
    if not plan.conflict:
        return "No plan keeps every limit exactly: together they leave a hair too little room."
    if len(plan.conflict) == 1:
        return f"No plan keeps every limit: {limits} cannot be met whatever is chosen."
    return f"No plan keeps every limit: {limits} cannot hold together."


def list_assumptions(allocation: Allocation) -> list[str]:
    """List what is assumed, unpriced or only published, most important first."""
    chosen = list(allocation.parts())
    grades = Counter(
        option.accuracy.grade for _, option, _ in chosen if option.source.source != "workload"
    )
    said = []
    if grades[Grade.PUBLISHED] + grades[Grade.ASSUMED]:
        said.append(
            f"{grades[Grade.PUBLISHED] + grades[Grade.ASSUMED]} of {len(chosen)} accuracies come "
            "from published benchmarks, not from your questions: they rank options well and "
            "forecast levels badly, and are worth about 20 of your own questions per option"
        )
    said += say_borrowed(allocation)
    assumed = [option for _, option, _ in chosen if option.accuracy.grade is Grade.ASSUMED]
    names = sorted({option.name for option in assumed if option.recipe is None})
    if names:
        said.append(f"interpolated on the model's own curve, not measured: {', '.join(names)}")
    names = sorted({option.name for option in assumed if option.recipe is not None})
    if names:
        said.append(
            "put together from settings that were measured apart, so that how they fail together "
            f"is assumed: {', '.join(names)}"
        )
    for note, names in _gather_notes(allocation):
        said.append(f"{note}: {', '.join(names)}")
    return said


def _gather_notes(allocation: Allocation) -> Iterator[tuple[str, list[str]]]:
    notes: dict[str, list[str]] = {}
    for part, option, _ in allocation.parts():
        for note in option.notes:
            notes.setdefault(note, []).append(f"{option.name} in {part.task.name}")
    for note, names in notes.items():
        yield note, list(dict.fromkeys(names))


def list_warnings(
    plan: Plan, case: Case, allocation: Allocation, *, sure: bool, fell_back: bool = False
) -> list[PlanWarning]:
    """List what the reader must know before spending money on the plan."""
    said = [
        *_warn_of_fallback(fell_back),
        *_warn_of_margin(plan, allocation, sure),
        *_warn_of_target(plan),
        *_warn_of_worth(plan),
        *_warn_of_rivals(plan),
        *_warn_of_ends(case, allocation),
    ]
    said += _warn_of_prices(case, allocation)
    said += [
        PlanWarning(code=doubt.code, task_class=doubt.task_class, message=doubt.message)
        for doubt in find_doubts(case.workload)
    ]
    said += [
        PlanWarning(code=note.code, task_class=note.task_class, message=note.message)
        for note in case.notes
    ]
    return said


def _warn_of_fallback(fell_back: bool) -> Iterator[PlanWarning]:
    if fell_back:
        yield PlanWarning(
            code="fell_back",
            task_class=None,
            message="the evidence does not tell the classes apart: planning class by class "
            "promises no more than noise, so all classes get the best class-blind mix",
        )


def _warn_of_margin(plan: Plan, allocation: Allocation, sure: bool) -> Iterator[PlanWarning]:
    if not sure and plan.totals is not None:
        read = plan.totals.usd, usd_sd(allocation)
        needed = write_usd(with_margin(read, z_of(allocation.case)))
        yield PlanWarning(
            code="ceiling_unsure",
            task_class=None,
            message="the dollar ceiling is kept as forecast, but no plan keeps it with "
            f"{write_percent(plan.confidence, 0)} confidence; this one would need {needed}",
        )


def _warn_of_target(plan: Plan) -> Iterator[PlanWarning]:
    target = plan.objective.target
    if plan.totals is None or target is None or target > 1:
        return
    low = plan.totals.accuracy.low
    if low < target - 1e-9:
        yield PlanWarning(
            code="target_unsure",
            task_class=None,
            message=f"the target of {write_percent(target)} is met as forecast, but accuracy may "
            f"turn out as low as {write_percent(low)}",
        )


def _warn_of_worth(plan: Plan) -> Iterator[PlanWarning]:
    """Say when the last dollars bring less than they cost."""
    for ceiling in plan.ceilings:
        price = ceiling.price_down
        if ceiling.name != "usd" or price is None or plan.value_unit != "usd":
            continue
        if plan.objective.maximize == "value" and 0 < price < 1:
            yield PlanWarning(
                code="beyond_worth",
                task_class=None,
                message=f"the last dollar brings {write_usd(Decimal(repr(round(price, 2))))} of "
                "value: with objective {maximize: net_value} the plan would stop before that",
            )


def _warn_of_rivals(plan: Plan) -> Iterator[PlanWarning]:
    for rival in plan.baselines:
        if not rival.feasible or plan.totals is None or rival.usd is None:
            continue
        if plan.objective.minimize:
            gain = float(rival.usd - plan.totals.usd)
            scale = float(plan.totals.usd)
        elif plan.objective.maximize == "accuracy":
            gain, scale = plan.totals.accuracy.mean - (rival.accuracy or 0.0), 1.0
        else:
            gain, scale = float(plan.totals.value) - (rival.value or 0.0), float(plan.totals.value)
        if gain <= NOTICEABLE * max(scale, 1e-9) and plan.objective.maximize != "net_value":
            yield PlanWarning(
                code="no_better",
                task_class=None,
                message=f"the plan does not beat a simple one: {rival.detail} "
                f"({write_usd(rival.usd)}, "
                f"value {write_value(rival.value, plan.value_unit)})",
            )


def _warn_of_ends(case: Case, allocation: Allocation) -> Iterator[PlanWarning]:
    ending: dict[tuple[str, dt.date], list[str]] = {}
    for part, option, _ in allocation.parts():
        ends = case.ends.get(option.model)
        if ends is not None and ends <= case.starts + dt.timedelta(days=SOON_DAYS):
            ending.setdefault((option.model, ends), []).append(part.task.name)
    for (model, ends), classes in ending.items():
        yield PlanWarning(
            code="model_ends",
            task_class=classes[0] if len(classes) == 1 else None,
            message=f"{model} ends on {ends.isoformat()} ({', '.join(dict.fromkeys(classes))})",
        )


def _warn_of_prices(case: Case, allocation: Allocation) -> Iterator[PlanWarning]:
    notes = dict.fromkeys(
        (note, part.task.name)
        for part, option, _ in allocation.parts()
        if option.price is not None
        for note in option.price.notes
        if "ended on" not in note
    )
    for note, name in notes:
        yield PlanWarning(code="price", task_class=name, message=note)

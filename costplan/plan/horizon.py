"""Months planned one by one, each under its own dollar ceiling, put together into one plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from costplan.domain.money import total
from costplan.plan.case import Case
from costplan.plan.insight import Interval
from costplan.plan.model import Baseline, Ceiling, Conflict, Plan, Totals, UsdInterval
from costplan.plan.overrun import OVERRUN, warn_of_overrun
from costplan.plan.stop import Before
from costplan.plan.verdict import pronounce

T = TypeVar("T")
COUNT = re.compile(r"(\d+) of (\d+) (accuracies .*)")
LABEL = re.compile(r" \d{4}-\d{2}(?=[.,;]|$| and)")
"""How names of limits and classes carry their month."""


def is_monthly(case: Case) -> bool:
    """Tell whether the case has several months that each have the dollar ceiling."""
    horizon = case.workload.horizon
    return (
        horizon is not None
        and horizon.budget == "month"
        and len({part.month for part in case.classes}) > 1
    )


def split_months(case: Case) -> list[tuple[str, Case]]:
    """Cut a case into one case per month."""
    months = dict.fromkeys(part.month or "" for part in case.classes)
    return [
        (month, replace(case, classes=tuple(p for p in case.classes if p.month == month)))
        for month in months
    ]


def merge_plans(months: Sequence[str], plans: Sequence[Plan]) -> Plan:
    """Put the plans of months together; infeasible when one month is.

    What is uncertain in a class is uncertain in all its months alike, so ends of intervals add up.
    """
    first = plans[0]
    broken = [plan for plan in plans if plan.totals is None]
    merged = first.model_copy(
        update={
            "status": "infeasible" if broken else _worst_status(plans),
            "lines": () if broken else _join(plan.lines for plan in plans),
            "totals": None if broken else _merge_totals([p.totals for p in plans if p.totals]),
            "ceilings": () if broken else _join(map(_name_ceilings, months, plans)),
            "baselines": _merge_baselines(plans),
            "pools": _join(plan.pools for plan in plans),
            "bills": _join(plan.bills for plan in plans),
            "before": _merge_before(plans),
            "conflict": _join(map(_name_conflict, months, plans)),
            "smallest_usd": max((p.smallest_usd for p in broken if p.smallest_usd), default=None),
            "objective": _merge_objective(plans),
            "frontier": (),
            "next_steps": (),
            "prices": _once(_join(plan.prices for plan in plans)),
            "evidence": _once(_join(plan.evidence for plan in plans)),
            "assumptions": _merge_assumptions([plan.assumptions for plan in plans]),
            "warnings": _once(
                (
                    *(() if broken else warn_of_overrun(list(zip(months, plans, strict=True)))),
                    *(w for plan in plans for w in plan.warnings if w.code != OVERRUN),
                )
            ),
            "unknowns": tuple(
                unknown.model_copy(update={"gain": unknown.gain * len(plans)})
                for unknown in first.unknowns
            ),
        }
    )
    return merged.model_copy(update={"verdict": pronounce(merged)})


def _join(parts: Iterable[Sequence[T]]) -> tuple[T, ...]:
    return tuple(item for part in parts for item in part)


def _merge_assumptions(months: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Say what months assume alike once: counts added up, and everything it is assumed of."""
    counted: dict[str, list[int]] = {}
    named: dict[str, dict[str, None]] = {}
    for said in _join(months):
        count = COUNT.match(said)
        if count is not None:
            sums = counted.setdefault(count[3], [0, 0])
            sums[0], sums[1] = sums[0] + int(count[1]), sums[1] + int(count[2])
            continue
        head, _, names = said.rpartition(": ")
        named.setdefault(head, {}).update(dict.fromkeys(names.split(", ")))
    return (
        *(f"{some} of {all_} {said}" for said, (some, all_) in counted.items()),
        *(": ".join(part for part in (head, ", ".join(of)) if part) for head, of in named.items()),
    )


def _merge_before(plans: Sequence[Plan]) -> Before | None:
    """Join what the months replace; None where it is not the same kind in all of them."""
    parts = [plan.before for plan in plans if plan.before is not None]
    if len(parts) < len(plans) or len({part.baseline for part in parts}) != 1:
        return None
    return parts[0].model_copy(update={"picks": _join(part.picks for part in parts)})


def _once(items: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(items))


def _worst_status(plans: Sequence[Plan]) -> str:
    return "feasible" if any(plan.status == "feasible" for plan in plans) else "optimal"


def _name_ceilings(month: str, plan: Plan) -> list[Ceiling]:
    return [c.model_copy(update={"name": _in_month(c.name, month)}) for c in plan.ceilings]


def _name_conflict(month: str, plan: Plan) -> list[Conflict]:
    return [c.model_copy(update={"limit": _in_month(c.limit, month)}) for c in plan.conflict]


def _in_month(limit: str, month: str) -> str:
    """Names of teams and providers carry their month already."""
    return limit if month in limit else f"{month}.{limit}"


def _merge_totals(parts: Sequence[Totals]) -> Totals:
    requests = total([part.requests for part in parts])

    def weigh(read: Callable[[Totals], float]) -> float:
        return sum(read(part) * float(part.requests) for part in parts) / float(requests)

    latencies = [part.mean_latency_s for part in parts]
    known = [float(seconds) for seconds in latencies if seconds is not None]
    seconds = sum(
        latency * float(part.requests) for latency, part in zip(known, parts, strict=False)
    )
    return Totals(
        usd=total([part.usd for part in parts]),
        usd_list=total([part.usd_list for part in parts]),
        requests=requests,
        value=total([part.value for part in parts]),
        accuracy=Interval(
            mean=weigh(lambda part: part.accuracy.mean),
            low=weigh(lambda part: part.accuracy.low),
            high=weigh(lambda part: part.accuracy.high),
        ),
        mean_latency_s=(
            Decimal(repr(seconds / float(requests))) if len(known) == len(parts) else None
        ),
        usd_interval=UsdInterval(
            low=total([part.usd_interval.low for part in parts]),
            high=total([part.usd_interval.high for part in parts]),
        ),
        usd_borrowed=total([part.usd_borrowed for part in parts]),
    )


def _merge_baselines(plans: Sequence[Plan]) -> tuple[Baseline, ...]:
    groups = zip(*(plan.baselines for plan in plans), strict=True)
    requests = [float(plan.totals.requests) if plan.totals else 1.0 for plan in plans]
    return tuple(_merge_baseline(group, requests) for group in groups)


def _merge_baseline(group: Sequence[Baseline], requests: Sequence[float]) -> Baseline:
    amounts = [one.usd for one in group if one.usd is not None]
    whole = len(amounts) == len(group)
    weighed = [(one.accuracy or 0.0) * n for one, n in zip(group, requests, strict=True)]
    details = list(dict.fromkeys(LABEL.sub("", one.detail) for one in group))
    return Baseline(
        name=group[0].name,
        usd=total(amounts) if whole else None,
        accuracy=sum(weighed) / sum(requests) if whole else None,
        value=sum(one.value or 0.0 for one in group) if whole else None,
        feasible=all(one.feasible for one in group),
        detail=details[0] if len(details) == 1 else f"{details[0]}; it changes over the months",
    )


def _merge_objective(plans: Sequence[Plan]) -> object:
    first = plans[0].objective
    values = [plan.objective.value for plan in plans if plan.objective.value is not None]
    if first.maximize == "accuracy" or len(values) < len(plans):
        return first.model_copy(update={"value": None, "bound": None, "gap": None})
    bounds = [plan.objective.bound for plan in plans if plan.objective.bound is not None]
    gaps = [plan.objective.gap for plan in plans if plan.objective.gap is not None]
    return first.model_copy(
        update={
            "value": sum(values),
            "bound": sum(bounds) if len(bounds) == len(plans) else None,
            "gap": max(gaps, default=None),
        }
    )

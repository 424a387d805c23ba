"""The slider's plans for a saved plan, solved again from the workload it was made from."""

from __future__ import annotations

import hashlib
import math
import re
from decimal import Decimal
from pathlib import Path

from costplan.domain.errors import InputError
from costplan.plan.case import Case
from costplan.plan.load import load
from costplan.plan.model import Plan
from costplan.plan.naive import take_at_word
from costplan.plan.slider import trace_stops
from costplan.plan.solving import Manner
from costplan.plan.stop import Pick, Stop

NEAR = Decimal("0.005")
"""Dollars by which a plan solved again may differ."""
_MONTH = re.compile(r"^\d{4}-\d{2}\.")
"""How the limits of one month of a horizon begin: "2027-01.usd"."""


def add_stops(
    plan: Plan, *, beside: Path | None = None, workload: Path | None = None
) -> tuple[Plan, str]:
    """Give a plan with the plans of other ceilings, or say why it has none.

    The workload is the one given, or the file that the plan names, sought as named and beside the
    plan's own file. Raises InputError when the one given is at fault.
    """
    if plan.stops:
        return plan, ""
    if plan.totals is None:
        return plan, ""
    if plan.objective.minimize is not None:
        return plan, (
            "There is no slider: the plan costs the least that reaches its target, "
            "and a ceiling would not change it."
        )
    path = _find(plan, beside, workload)
    if path is None:
        return plan, (
            "There is no slider: the workload that the plan was made from is not at hand. "
            "Name it with --workload."
        )
    try:
        case = _load(plan, path)
    except InputError:
        if workload is not None:
            raise
        return plan, f"There is no slider: {path} can no longer be read as a workload."
    manner = Manner(naive=not plan.confidence)
    stops = trace_stops(case, manner) if _rests_on(plan, case, manner) else ()
    if not _agrees(plan, stops):
        return plan, (
            f"There is no slider: {path}, or what it rests on, has changed since the plan was "
            "made. Make the plan again."
        )
    return plan.model_copy(update={"stops": stops}), ""


def shared_limits(plan: Plan) -> dict[str, Decimal]:
    """Give the limits by name; those that every month of a horizon has stand once."""
    return {_MONTH.sub("", ceiling.name): ceiling.limit for ceiling in plan.ceilings}


def _find(plan: Plan, beside: Path | None, workload: Path | None) -> Path | None:
    if workload is not None:
        return workload
    if plan.workload.file is None:
        return None
    named = Path(plan.workload.file)
    places = [named] if beside is None else [named, beside.parent / named.name]
    for path in places:
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == plan.workload.digest:
            return path
    return None


def _load(plan: Plan, path: Path) -> Case:
    limits = shared_limits(plan)
    return load(
        path,
        usd=limits.get("usd"),
        mean_latency_s=limits.get("mean_latency_s"),
        splits=plan.splits,
        confidence=plan.confidence or None,
    )


def _rests_on(plan: Plan, case: Case, manner: Manner) -> bool:
    """Tell whether a plan looked at the case's options, at the case's costs and accuracies."""
    now = take_at_word(case) if manner.naive else case
    known: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for part in now.classes:
        for option in part.options:
            numbers = (float(option.usd_per_request), option.accuracy.mean)
            for name in {part.task.name, part.key}:
                known.setdefault((name, option.name), []).append(numbers)
    return all(
        any(
            math.isclose(usd, item.usd_per_request) and math.isclose(mean, item.accuracy.mean)
            for usd, mean in known.get((item.task_class, item.option), [])
        )
        for item in plan.considered
        if item.usd_per_request is not None and item.accuracy is not None
    )


def _agrees(plan: Plan, stops: tuple[Stop, ...]) -> bool:
    """Tell whether the stop of the plan's own ceiling is the plan."""
    if plan.totals is None or not stops:
        return False
    own = shared_limits(plan).get("usd", stops[-1].ceiling_usd)
    picks: dict[tuple[str, str | None], list[Pick]] = {}
    for stop in stops:
        fresh: dict[tuple[str, str | None], list[Pick]] = {}
        for pick in stop.picks:
            fresh.setdefault((pick.task_class, pick.month), []).append(pick)
        picks |= fresh
        if stop.ceiling_usd == own:
            mine = {(p.task_class, p.month, p.option): p.usd for few in picks.values() for p in few}
            theirs = {(li.task_class, li.month, li.option): li.usd for li in plan.lines}
            return mine.keys() == theirs.keys() and all(
                abs(mine[key] - usd) <= NEAR for key, usd in theirs.items()
            )
    return False


def _are_lines(plan: Plan, picks: list[Pick]) -> bool:
    mine = {(pick.task_class, pick.month, pick.option): pick for pick in picks}
    theirs = {(line.task_class, line.month, line.option): line for line in plan.lines}
    return mine.keys() == theirs.keys() and all(
        abs(mine[key].usd - line.usd) <= NEAR
        and math.isclose(mine[key].accuracy, line.accuracy.mean)
        for key, line in theirs.items()
    )

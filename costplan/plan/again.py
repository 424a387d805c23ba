"""A saved plan's class explained from its workload, by solving again at nearby ceilings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.plan.binding import Held
from costplan.plan.case import Case
from costplan.plan.considered import consider, consider_without_plan
from costplan.plan.fallback import choose
from costplan.plan.horizon import is_monthly, split_months
from costplan.plan.insight import Change, Considered, Reach
from costplan.plan.load import load
from costplan.plan.margin import z_of
from costplan.plan.marginal import list_ceilings
from costplan.plan.model import Ceiling, Plan
from costplan.plan.naive import take_at_word
from costplan.plan.problem import pose
from costplan.plan.reach import choose_ceiling, trace_reach
from costplan.plan.retrace import shared_limits
from costplan.plan.solving import Manner, Solved, solve_with_margin
from costplan.plan.worth import weigh_limits


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a class has what it has."""

    task_class: str
    """The class."""
    month: str | None
    """Month that is told of; None outside a horizon."""
    months: tuple[str, ...]
    """Months of the plan; none outside a horizon."""
    considered: tuple[Considered, ...]
    """Its options and the models left out."""
    binding: tuple[Ceiling, ...] = ()
    """Ceilings that hold its choice."""
    reach: tuple[Reach, ...] = ()
    """What it takes at other ceilings, the lowest first; empty where that was not looked for."""
    changes: tuple[Change, ...] = ()
    """Where the choice turns, as far as the plan knows; the reach says it in full."""
    note: str = ""
    """What could not be told, and why; empty where all was."""


GONE = (
    "The workload was not found as it was when the plan was made, so this is what the plan "
    "itself keeps: at which ceilings the choice turns is not known."
)


def explain_class(plan: Plan, name: str, month: str | None, beside: Path = Path()) -> Explained:
    """Explain a class of a plan, in a month of its horizon (the first when None).

    The workload is looked for where the plan names it, from here and from the folder of the plan.
    What the plan itself knows is all there is where it is gone or has changed. InputError for a
    month that the plan does not have, or of which nothing is known.
    """
    months = list_plan_months(plan)
    month = _choose_month(months, month)
    key = name if month is None else f"{name} {month}"
    kept = tuple(item for item in plan.considered if item.task_class == key)
    changes = tuple(change for change in plan.changes if change.task_class == key)
    bare = Explained(name, month, months, kept, changes=changes, note=GONE)
    case = _load_again(plan, beside)
    if case is not None:
        if is_monthly(case):
            case = dict(split_months(case))[month or ""]
        if any(part.key == key for part in case.classes):
            return _explain(bare, case, key, naive=not plan.confidence)
    if not kept:
        raise InputError(
            [
                Fault(
                    f"the plan keeps no options of {name!r}"
                    + (f" in {month}" if month is not None else ""),
                    advice="put the workload it was made from beside it, or make the plan again",
                )
            ]
        )
    return bare


def list_plan_months(plan: Plan) -> tuple[str, ...]:
    """List the months of a plan over a horizon; none for others."""
    named = [line.month for line in plan.lines if line.month is not None]
    if not named and plan.workload.months > 1:
        year, first = (int(part) for part in plan.workload.starts.split("-")[:2])
        counts = (year * 12 + first - 1 + i for i in range(plan.workload.months))
        named = [f"{count // 12:04d}-{count % 12 + 1:02d}" for count in counts]
    return tuple(dict.fromkeys(named))


def _choose_month(months: tuple[str, ...], month: str | None) -> str | None:
    if month is None:
        return months[0] if months else None
    if month not in months:
        has = f"it has {months[0]} to {months[-1]}" if months else "it has no months"
        raise InputError([Fault(f"the plan has no month {month!r}", advice=has)])
    return month


def _explain(bare: Explained, case: Case, key: str, *, naive: bool) -> Explained:
    case = take_at_word(case) if naive else case
    problem, manner = pose(case), Manner(naive=naive)
    solved, _ = solve_with_margin(case, problem, manner)
    if not isinstance(solved, Solved):
        said = (
            "No plan keeps every limit, so nothing is chosen: `costplan show` says what conflicts."
        )
        left = consider_without_plan(case, problem, key)
        return replace(bare, considered=tuple(left), changes=(), note=said)
    from costplan.plan.baselines import find_rivals

    z = 0.0 if naive else z_of(case)
    rivals = () if naive else find_rivals(case, problem, z)
    choice = choose(case, solved.allocation, rivals)
    solved = replace(solved, allocation=choice.allocation)
    worth = weigh_limits(case, solved, z)
    ceilings = list_ceilings(case, solved.problem, solved.allocation.audit(problem), worth)
    considered, changes = consider(case, solved, ceilings, worth, z, only=key)
    c = next(c for c, part in enumerate(case.classes) if part.key == key)
    held = Held.of(case, case.classes[c], solved.allocation.picks[c], ceilings, worth)
    found = replace(
        bare,
        considered=tuple(considered),
        changes=tuple(changes),
        binding=() if choice.fell_back else held.binding,
        note="",
    )
    if choice.fell_back:
        said = "All classes get the class-blind mix: planning class by class promises no more."
        return replace(found, note=said)
    name = choose_ceiling(solved, held)
    if name is None:
        return replace(found, note="No ceiling of the whole plan is set that could change it.")
    return replace(found, reach=trace_reach(case, solved, c, name, z))


def _load_again(plan: Plan, beside: Path) -> Case | None:
    named = Path(plan.workload.file or "")
    places = (named, beside / named, beside / named.name)
    file = next((p for p in places if _is_unchanged(p, plan.workload.digest)), None)
    if file is None:
        return None
    limits = shared_limits(plan)
    try:
        return load(
            file,
            usd=limits.get("usd"),
            mean_latency_s=limits.get("mean_latency_s"),
            splits=plan.splits,
            confidence=plan.confidence or None,
        )
    except InputError:
        return None


def _is_unchanged(path: Path, digest: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except (OSError, ValueError):  # a tampered path may hold a NUL
        return False

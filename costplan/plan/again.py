"""A saved plan's class explained by solving again at nearby ceilings."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

from costplan.domain.errors import InputError
from costplan.plan.considered import consider
from costplan.plan.load import load
from costplan.plan.model import Plan
from costplan.plan.problem import pose
from costplan.plan.solving import Manner, Solved, solve_with_margin


def explain_again(plan: Plan, key: str, beside: Path = Path()) -> Plan | None:
    """Look at nearby ceilings for where the choice of a class changes.

    The workload is looked for where the plan names it, from here and from the folder of the plan.
    None when it is gone or has changed since the plan was made; the plan is then all that is known.
    """
    named = Path(plan.workload.file or "")
    places = (named, beside / named, beside / named.name)
    file = next((p for p in places if _is_unchanged(p, plan.workload.digest)), None)
    if file is None:
        return None
    limits = {ceiling.name: ceiling.limit for ceiling in plan.ceilings}
    try:
        case = load(
            file,
            usd=_number(limits.get("usd")),
            mean_latency_s=_number(limits.get("mean_latency_s")),
            splits=plan.splits,
            confidence=None if plan.confidence == 0 else plan.confidence,
        )
    except InputError:
        return None
    solved, _ = solve_with_margin(case, pose(case), Manner(naive=plan.confidence == 0))
    if not isinstance(solved, Solved):
        return None
    considered, changes = consider(case, solved.problem, solved.solution, look=True, only=key)
    return plan.model_copy(update={"considered": tuple(considered), "changes": tuple(changes)})


def _number(limit: Decimal | None) -> Decimal | None:
    return None if limit is None else Decimal(limit)


def _is_unchanged(path: Path, digest: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except (OSError, ValueError):  # a tampered path may hold a NUL
        return False

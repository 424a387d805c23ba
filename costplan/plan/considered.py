"""Every option that was looked at for a class, and its fate."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.figures import write_seconds, write_usd
from costplan.domain.option import Option
from costplan.plan.case import Case, ClassCase
from costplan.plan.insight import Change, Considered
from costplan.plan.lines import write_accuracy

if TYPE_CHECKING:
    from costplan.solve.problem import Problem
    from costplan.solve.solution import Solution
    from costplan.solve.why import Change as SolvedChange
    from costplan.solve.why import OptionVerdict

MOST_CLASSES = 200
"""Classes that a plan explains; `costplan explain` solves again for others."""
FATES = {
    "chosen": "chosen",
    "shut_out": "shut_out",
    "dominated": "dominated",
    "off_hull": "off_hull",
    "available": "hull",
}


def consider(
    case: Case, problem: Problem, solution: Solution, *, look: bool = False, only: str | None = None
) -> tuple[list[Considered], list[Change]]:
    """Say of every option and of every model left out what became of it.

    Returns also at which ceilings choices would change: exactly where money is the only limit;
    otherwise only with `look`, which solves again at nearby ceilings. `only` is one class's key.
    """
    from costplan.solve.why import explain

    considered: list[Considered] = []
    changes: list[Change] = []
    for c, part in enumerate(case.classes):
        if (only is not None and part.key != only) or (only is None and c >= MOST_CLASSES):
            continue
        explanation = explain(problem, solution, c, look=look)
        names = problem.option_names
        considered += (_write(part, verdict, names) for verdict in explanation.options)
        considered += (
            Considered(
                task_class=part.key,
                option=exclusion.name,
                fate="left_out",
                reason=exclusion.reason,
                usd_per_request=None,
                accuracy=None,
                mean_latency_s=None,
            )
            for exclusion in part.exclusions
        )
        found = (explanation.up, explanation.down)
        changes += (_write_change(part, change, names) for change in found if change is not None)
    return considered, changes


def _write(part: ClassCase, verdict: OptionVerdict, names: Sequence[str]) -> Considered:
    option = next(o for o in part.options if o.name == names[verdict.option])
    return Considered(
        task_class=part.key,
        option=option.name,
        fate=FATES[verdict.verdict],
        reason=_say_why(part, verdict, names),
        usd_per_request=option.usd_per_request,
        accuracy=write_accuracy(option.accuracy),
        mean_latency_s=option.mean_latency_s,
    )


def _say_why(part: ClassCase, verdict: OptionVerdict, names: Sequence[str]) -> str:
    others = " and ".join(names[option] for option in verdict.beaten_by)
    if verdict.verdict == "chosen":
        share = float(verdict.share)
        return "takes the whole class" if share == 1 else f"takes {share:.1%} of the class"
    if verdict.verdict == "shut_out":
        option = next(o for o in part.options if o.name == names[verdict.option])
        return "; ".join(_say_limit(part, option, limit) for limit in verdict.limits)
    if verdict.verdict == "dominated":
        return f"{others} is at least as accurate and uses no more"
    if verdict.verdict == "off_hull":
        return f"a mix of {others} is as accurate for less"
    return "would be taken at another ceiling"


def _say_limit(part: ClassCase, option: Option, limit: str) -> str:
    task = part.task
    if limit.endswith("max_p95_latency_s") and task.max_p95_latency_s is not None:
        most = write_seconds(task.max_p95_latency_s)
        if option.p95_latency_s is None:
            return f"its latency is unknown, and max_p95_latency_s is {most}"
        return f"its p95 of {write_seconds(option.p95_latency_s)} is above {most}"
    if limit.endswith("min_accuracy") and task.min_accuracy is not None:
        return f"below min_accuracy, {float(task.min_accuracy):.1%}"
    return f"shut out by {limit}"


def _write_change(part: ClassCase, change: SolvedChange, names: Sequence[str]) -> Change:
    before, after = names[change.before], names[change.after]
    about = "" if change.exact else "about "
    turn = f"turns from {before} to {after}" if before != after else f"takes {after} alone"
    return Change(
        task_class=part.key,
        ceiling=change.ceiling,
        at=change.amount,
        option=after,
        message=f"at {about}{_write_amount(change.ceiling, change.amount)} of {change.ceiling} the "
        f"class {turn}",
    )


def _write_amount(ceiling: str, amount: Decimal) -> str:
    return write_usd(amount, cents=True) if ceiling == "usd" else write_seconds(amount)

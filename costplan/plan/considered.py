"""Every option that was looked at for a class, and its fate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from costplan.domain.errors import LimitError
from costplan.domain.figures import write_ceiling, write_seconds
from costplan.domain.option import Option
from costplan.plan.binding import Held
from costplan.plan.case import Case, ClassCase
from costplan.plan.insight import Change, Considered
from costplan.plan.lines import write_accuracy
from costplan.plan.model import Ceiling
from costplan.plan.solving import Solved
from costplan.plan.stated import Stated
from costplan.plan.worth import Worth

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
    case: Case,
    solved: Solved,
    ceilings: Sequence[Ceiling],
    worth: Worth,
    z: float,
    *,
    only: str | None = None,
) -> tuple[list[Considered], list[Change]]:
    """Say of every option and of every model left out what became of it.

    Returns also at which ceilings choices would change, where money is the only limit. `only` is
    one class's key; otherwise the first MOST_CLASSES are told of, as many as a deadline allows.
    """
    from costplan.solve.deadline import is_over
    from costplan.solve.why import explain

    considered: list[Considered] = []
    changes: list[Change] = []
    taken = _read_taken(solved)
    stated = Stated(case, solved, z)
    for c, part in enumerate(case.classes):
        if (only is not None and part.key != only) or (only is None and c >= MOST_CLASSES):
            continue
        if is_over():
            break
        explanation = explain(solved.problem, taken, c, look=False)
        names = solved.problem.option_names
        held = Held.of(case, part, solved.allocation.picks[c], ceilings, worth)
        considered += _write_all(part, explanation.options, names, held)
        found = (explanation.up, explanation.down)
        changes += _write_changes(part, found, names, stated)
    return considered, changes


def consider_without_plan(case: Case, problem: Problem, key: str) -> list[Considered]:
    """Say what limits of its own leave a class where no plan keeps every limit."""
    import numpy as np

    from costplan.solve.solution import Solution, Status
    from costplan.solve.why import explain

    c = next(c for c, part in enumerate(case.classes) if part.key == key)
    nothing = Solution(Status.INFEASIBLE, "", main=np.full(problem.n_classes, -1))
    explanation = explain(problem, nothing, c, look=False)
    part = case.classes[c]
    return list(_write_all(part, explanation.options, problem.option_names, None))


def _read_taken(solved: Solved) -> Solution:
    """Read what is really taken, which may be the class-blind mix instead of the solver's plan."""
    import numpy as np

    first, picks = solved.problem.first, solved.allocation.picks
    main = [int(first[c]) + max(p, key=lambda pick: pick[1])[0] for c, p in enumerate(picks)]
    splits = {
        c: tuple((int(first[c]) + place, share) for place, share in p)
        for c, p in enumerate(picks)
        if len(p) > 1
    }
    return replace(solved.solution, main=np.array(main, dtype=np.int64), splits=splits)


def _write_all(
    part: ClassCase, verdicts: Sequence[OptionVerdict], names: Sequence[str], held: Held | None
) -> Iterator[Considered]:
    options = {option.name: option for option in part.options}
    for verdict in verdicts:
        option = options[names[verdict.option]]
        yield Considered(
            task_class=part.key,
            option=option.name,
            fate=FATES[verdict.verdict],
            reason=_say_why(part, verdict, names, held),
            usd_per_request=option.usd_per_request,
            accuracy=write_accuracy(option.accuracy),
            mean_latency_s=option.mean_latency_s,
        )
    for exclusion in part.exclusions:
        yield Considered(
            task_class=part.key,
            option=exclusion.name,
            fate="left_out",
            reason=exclusion.reason,
            usd_per_request=None,
            accuracy=None,
            mean_latency_s=None,
        )


def _say_why(
    part: ClassCase, verdict: OptionVerdict, names: Sequence[str], held: Held | None
) -> str:
    others = " and ".join(names[option] for option in verdict.beaten_by)
    option = next(o for o in part.options if o.name == names[verdict.option])
    if verdict.verdict == "shut_out":
        return "; ".join(_say_limit(part, option, limit) for limit in verdict.limits)
    if verdict.verdict == "dominated":
        return f"{others} is at least as accurate and uses no more"
    if verdict.verdict == "off_hull":
        return f"a mix of {others} is as accurate for less"
    if held is None:
        return "no plan keeps every limit"
    if verdict.verdict == "chosen":
        return held.say_mix(option)
    return held.say_lack(option) or "would be taken at another ceiling"


def _say_limit(part: ClassCase, option: Option, limit: str) -> str:
    task = part.task
    if limit.endswith("max_p95_latency_s") and task.max_p95_latency_s is not None:
        most = write_seconds(task.max_p95_latency_s)
        if option.p95_latency_s is None:
            return f"its latency is unknown, and max_p95_latency_s is {most}"
        return f"its p95 of {write_seconds(option.p95_latency_s)} is above {most}"
    if limit.endswith("min_accuracy") and task.min_accuracy is not None:
        return f"below min_accuracy, {float(task.min_accuracy) * 100:.1f} %"
    if limit.endswith(("latency_s", "tokens")):
        what = "tokens" if limit.endswith("tokens") else "latency"
        return f"its {what} {'are' if what == 'tokens' else 'is'} unknown, and {limit} is limited"
    return f"shut out by {limit}"


def _write_changes(
    part: ClassCase,
    found: tuple[SolvedChange | None, ...],
    names: Sequence[str],
    stated: Stated,
) -> list[Change]:
    """Write the changes down; none where stating their ceilings takes too long."""
    try:
        return [_write_change(part, one, names, stated) for one in found if one is not None]
    except LimitError:
        return []


def _write_change(
    part: ClassCase, change: SolvedChange, names: Sequence[str], stated: Stated
) -> Change:
    before, after = names[change.before], names[change.after]
    at, exact = stated.ceiling_of(change.ceiling, change.amount)
    about = "" if exact and change.exact else "about "
    turn = f"turns from {before} to {after}" if before != after else f"takes {after} alone"
    return Change(
        task_class=part.key,
        ceiling=change.ceiling,
        at=at,
        option=after,
        message=f"at {about}{write_ceiling(change.ceiling, at)} of {change.ceiling} the "
        f"class {turn}",
    )

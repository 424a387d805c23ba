"""Simple ways to run the same workload, to compare a plan with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Literal

from costplan.domain.figures import write_percent, write_usd
from costplan.domain.option import Option
from costplan.plan.allocation import Allocation
from costplan.plan.case import Case, ClassCase
from costplan.plan.margin import keep, usd_sd, with_margin
from costplan.plan.model import Baseline, PlanWarning
from costplan.plan.months import NAMED_MONTH
from costplan.plan.problem import exact_accuracy, pose
from costplan.plan.today import is_today

if TYPE_CHECKING:
    from costplan.solve.problem import Problem
    from costplan.solve.usages import Usage

Name = Literal["cheapest", "best_single", "class_blind_mix", "highest_effort", "today"]
WHOLE = Decimal(1)
FINEST = Decimal("1e-15")
"""Step of the means of a mix: as fine as a workload may be written."""
HAIR = Decimal("1e-6")
"""Part of a limit that no figure shows."""
MOST_NAMED = 5
"""Classes that are named where a dollar ceiling is too low."""
LEAST_SHOWN = 0.005
"""Part of the requests from which an option is named in a mix: less is written as 0 %."""
MIX_SECONDS = 10.0
"""Seconds that one solve of the class-blind mix may take."""
Mix = list[tuple[str, Decimal]]
"""Shares of options by name."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A baseline with the allocation it consists of; None where it cannot be formed."""

    name: Name
    """Which one."""
    allocation: Allocation | None
    """What it does."""
    detail: str
    """What it consists of, or why it cannot be formed."""
    problem: Problem | None = None
    """Limits that it is judged under."""
    z: float = 0.0
    """Standard errors of dollars that it must keep below the ceiling, as the plan does."""
    forbidden: tuple[str, ...] = ()
    """What it does that the classes may not, with the reasons."""

    def judge(self) -> Baseline:
        """Add the baseline up; it is feasible where it keeps every limit as surely as a plan."""
        if self.allocation is None or self.problem is None:
            return Baseline(
                name=self.name,
                usd=None,
                accuracy=None,
                value=None,
                feasible=False,
                detail=self.detail,
            )
        audit = self.allocation.audit(self.problem)
        broken = list(dict.fromkeys([usage.name for usage in audit.violations]))
        hair = bool(broken) and all(is_by_a_hair(usage) for usage in audit.violations)
        if "usd" not in broken and not self._keeps_margin(audit.bill_usd):
            broken.append("the margin below usd")
            hair = False
        return Baseline(
            name=self.name,
            usd=audit.bill_usd,
            accuracy=None if audit.accuracy is None else float(audit.accuracy),
            value=float(audit.value),
            feasible=not broken and not self.forbidden,
            detail="; ".join(self._list_details(broken, hair)),
        )

    def _list_details(self, broken: Sequence[str], hair: bool) -> Iterator[str]:
        yield self.detail
        yield from self.forbidden
        if broken:
            yield f"breaks {', '.join(_join_limits(broken))}{' by a hair' if hair else ''}"

    def _keeps_margin(self, usd: Decimal) -> bool:
        assert self.allocation is not None
        assert self.problem is not None
        ceiling = self.problem.limits.usd
        return ceiling is None or with_margin((usd, usd_sd(self.allocation)), self.z) <= ceiling


def is_by_a_hair(usage: Usage) -> bool:
    """Tell whether a limit is broken by less than any figure shows."""
    return usage.slack is not None and abs(usage.slack) <= HAIR * abs(usage.limit)


def _join_limits(names: Sequence[str]) -> Iterator[str]:
    """Name limits once, with the months or the classes they are broken in."""
    classes: dict[str, list[str]] = {}
    months: dict[str, list[str]] = {}
    for name in names:
        if not name.startswith("classes."):
            found = NAMED_MONTH.search(name)
            months.setdefault(NAMED_MONTH.sub("", name), []).extend(found.groups() if found else ())
            continue
        owner, _, key = name.removeprefix("classes.").rpartition(".")
        classes.setdefault(key, []).append(owner)
    for key, broken in months.items():
        some = broken[0] if len(broken) == 1 else f"{len(broken)} months"
        yield f"{key} in {some}" if broken else key
    for key, owners in classes.items():
        more = len(owners) - MOST_NAMED
        yield f"{key} in {', '.join(owners[:MOST_NAMED])}{f' and {more} more' if more > 0 else ''}"


def find_rivals(case: Case, problem: Problem, z: float = 0.0) -> list[Rival]:
    """Form every baseline of a case, with z standard errors kept below the dollar ceiling."""
    rivals = [
        _pick_each(case, "cheapest", _cheapest, "each class at its cheapest option"),
        _best_single(case, problem, z),
        _class_blind_mix(case, z),
        _pick_each(
            case,
            "highest_effort",
            _highest_effort,
            "each class's most accurate model at its highest effort",
        ),
    ]
    if any(part.task.today for part in case.classes):
        rivals.append(_today(case))
    return [replace(r, problem=r.problem or problem, z=z) for r in rivals]


def find_mix(case: Case, problem: Problem, z: float) -> Rival:
    """Form the class-blind mix alone."""
    return replace(_class_blind_mix(case, z), problem=problem, z=z)


def _allowed(part: ClassCase) -> list[int]:
    """Places of single calls that the class's latency limit leaves; all where it leaves none."""
    limit = part.task.max_p95_latency_s
    places = [
        i
        for i, option in _singles(part)
        if limit is None or (option.p95_latency_s is not None and option.p95_latency_s <= limit)
    ]
    return places or [i for i, _ in _singles(part)]


def _singles(part: ClassCase) -> list[tuple[int, Option]]:
    """List options of one call with their places: simple ways know no policies."""
    return [(i, option) for i, option in enumerate(part.options) if option.recipe is None]


def true_usd(case: Case, option: Option) -> Decimal:
    """Dollars per request, own GPUs at their price per token when full."""
    if option.pool is None or option.tokens_per_request is None:
        return option.usd_per_request
    pool = case.workload.pools[option.pool]
    return pool.usd_per_gpu * option.tokens_per_request / pool.tokens_per_gpu


def _cheapest(case: Case, part: ClassCase) -> int:
    return min(
        _allowed(part),
        key=lambda i: (true_usd(case, part.options[i]), -part.options[i].accuracy.mean, i),
    )


def list_least(case: Case) -> list[PlanWarning]:
    """Say what the dearest classes cost at least: where a dollar ceiling that is too low stands."""
    least = []
    for part in case.classes:
        option = part.options[_cheapest(case, part)]
        least.append((true_usd(case, option) * part.task.requests, option.name, part.key))
    least.sort(key=lambda one: (-one[0], one[2]))
    return [
        PlanWarning(
            code="least_cost",
            task_class=key,
            message=f"costs at least {write_usd(usd, cents=True)}, with {name}",
        )
        for usd, name, key in least[:MOST_NAMED]
    ]


def _highest_effort(case: Case, part: ClassCase) -> int:
    _, best = max(_singles(part), key=lambda one: one[1].accuracy.mean)
    mine = [i for i, option in _singles(part) if option.model == best.model]
    return max(mine, key=lambda i: (true_usd(case, part.options[i]), -i))


def _pick_each(
    case: Case, name: Name, pick: Callable[[Case, ClassCase], int], detail: str
) -> Rival:
    picks = tuple(((pick(case, part), WHOLE),) for part in case.classes)
    return Rival(name, Allocation(case, picks), detail)


def _common(case: Case) -> list[str]:
    """Names of options that every class has and may use, in the first class's order.

    Where the classes' limits leave none, the names that every class has at all.
    """
    first = [option.name for option in case.classes[0].options]
    for usable in (_allowed, lambda part: [i for i, _ in _singles(part)]):
        names = [{part.options[i].name for i in usable(part)} for part in case.classes]
        shared = set.intersection(*names)
        if shared:
            return [name for name in first if name in shared]
    return []


def _everywhere(case: Case, shares: Iterable[tuple[str, Decimal]]) -> Allocation:
    mix = tuple(shares)
    places = [{option.name: i for i, option in enumerate(part.options)} for part in case.classes]
    return Allocation(
        case, tuple(tuple((place[name], share) for name, share in mix) for place in places)
    )


def _best_single(case: Case, problem: Problem, z: float) -> Rival:
    def rank(name: str, allocation: Allocation) -> tuple[bool, Decimal]:
        audit = allocation.audit(problem)
        kept = Rival("best_single", allocation, name, problem, z).judge().feasible
        worth = audit.objective if case.workload.objective.maximize else -audit.objective
        return kept, worth if kept else -audit.bill_usd

    tried = [(name, _everywhere(case, [(name, WHOLE)])) for name in _common(case)]
    if not tried:
        return Rival("best_single", None, "no option serves every class")
    name, allocation = max(tried, key=lambda one: rank(*one))
    return Rival("best_single", allocation, f"everything on {name}")


def _class_blind_mix(case: Case, z: float) -> Rival:
    from costplan.solve.room import solve

    names = _common(case)
    if not names:
        return Rival("class_blind_mix", None, "no option serves every class")
    merged = _merge(case, names)

    def plan(budget: Decimal | None) -> Mix | None:
        limited = replace(merged, limits=replace(merged.limits, usd=budget))
        solution = solve(limited, time_limit_s=MIX_SECONDS)
        if not solution.has_plan:
            return None
        return [(names[option], share) for option, share in solution.picks_of(0) if share > 0]

    def read(mix: Mix) -> tuple[Decimal, float]:
        allocation = _everywhere(case, mix)
        return allocation.audit(problem).bill_usd, usd_sd(allocation)

    problem = pose(case)
    ceiling = merged.limits.usd
    if ceiling is None or z == 0:
        mix = plan(ceiling)
    else:
        kept = keep(ceiling, plan, read, z)
        mix = None if kept is None else kept.planned
    single = replace(_best_single(case, problem, z), problem=problem, z=z)
    if single.allocation is not None and single.judge().feasible and not _fits(case, mix, z):
        # A single option is a mix too, and keeps what is asked of classes where the mix does not.
        return Rival("class_blind_mix", single.allocation, single.detail)
    if mix is None:
        return Rival("class_blind_mix", None, "no mix of shared options keeps the ceilings")
    shown = [(name, share) for name, share in mix if share >= LEAST_SHOWN]
    said = " + ".join(f"{write_percent(share, 0)} {name}" for name, share in shown)
    return Rival("class_blind_mix", _everywhere(case, mix), said)


def _fits(case: Case, mix: Mix | None, z: float) -> bool:
    if mix is None:
        return False
    return Rival("class_blind_mix", _everywhere(case, mix), "", pose(case), z).judge().feasible


def _merge(case: Case, names: list[str]) -> Problem:
    """Pose the case as one class whose options are the shared ones, with the same totals.

    Means are rounded away from the limits, so that what keeps them here keeps them class by class.
    """

    from costplan.domain.money import EXACT
    from costplan.solve.build import ClassRow, OptionRow, build_problem
    from costplan.solve.problem import Limits

    whole = pose(case)
    requests = sum((part.task.requests for part in case.classes), Decimal(0))
    worth = sum((part.task.requests * part.task.worth for part in case.classes), Decimal(0))
    by_accuracy = case.workload.objective.maximize == "accuracy" or (
        case.workload.objective.target_accuracy is not None
    )

    def mean(
        name: str,
        read: Callable[[ClassCase, Option], Decimal | None],
        per: Decimal,
        rounding: str = ROUND_CEILING,
    ) -> Decimal | None:
        parts = [(part, _named(part, name)) for part in case.classes]
        values = [(part.task.requests, read(part, option)) for part, option in parts]
        if per == 0 or any(value is None for _, value in values):
            return None
        total = sum((n * value for n, value in values if value is not None), Decimal(0))
        return EXACT.divide(total, per).quantize(FINEST, rounding=rounding, context=EXACT)

    rows = []
    for name in names:
        accuracy = (
            mean(name, lambda _, o: exact_accuracy(o), requests, ROUND_FLOOR)
            if by_accuracy or worth == 0
            else mean(name, lambda p, o: p.task.worth * exact_accuracy(o), worth, ROUND_FLOOR)
        )
        rows.append(
            OptionRow(
                name=name,
                provider="",
                accuracy=min(accuracy or Decimal(0), WHOLE),
                usd=mean(name, lambda _, o: true_usd(case, o), requests) or Decimal(0),
                mean_latency_s=mean(name, lambda _, o: o.mean_latency_s, requests),
            )
        )
    row = ClassRow(
        name="all",
        requests=requests,
        weight=EXACT.divide(worth, requests).quantize(FINEST, rounding=ROUND_FLOOR, context=EXACT),
        options=rows,
    )
    limits = Limits(usd=whole.limits.usd, mean_latency_s=whole.limits.mean_latency_s)
    return build_problem([row], limits=limits, objective=whole.objective, splits=True)


def _named(part: ClassCase, name: str) -> Option:
    return next(option for option in part.options if option.name == name)


def _today(case: Case) -> Rival:
    """Form what is done today, also with options that classes may not use any more."""
    shadow = replace(case, classes=tuple(_with_today(part) for part in case.classes))
    picks = []
    for part in shadow.classes:
        today = part.task.today
        if today is None:
            return Rival("today", None, f"class {part.task.name!r} does not say what it does today")
        found = [i for i, option in enumerate(part.options) if is_today(today, option)]
        if not found:
            said = today.model if today.setting is None else f"{today.model}/{today.setting}"
            why = next((e.reason for e in part.exclusions if e.name in (said, today.model)), "")
            because = f": {why}" if why else ""
            return Rival("today", None, f"{said} is no option of class {part.task.name!r}{because}")
        picks.append(((found[0], WHOLE),))
    detail = "what every class does today"
    forbidden = tuple(dict.fromkeys(p.today_note for p in case.classes if p.today is not None))
    if not forbidden:
        return Rival("today", Allocation(case, tuple(picks)), detail)
    allocation = Allocation(shadow, tuple(picks))
    return Rival("today", allocation, detail, pose(shadow), forbidden=forbidden)


def _with_today(part: ClassCase) -> ClassCase:
    return part if part.today is None else replace(part, options=(*part.options, part.today))

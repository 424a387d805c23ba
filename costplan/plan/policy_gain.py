"""What policies add to single settings at the same money, and what none of them can pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from costplan.domain.option import Option
from costplan.domain.policy import Auto, Policy
from costplan.plan.case import Case, ClassCase
from costplan.plan.gather import Sources, gather
from costplan.plan.load import load_sources, override
from costplan.plan.measured import Tables
from costplan.plan.problem import pose

if TYPE_CHECKING:
    from costplan.policies.oracle import Oracle
    from costplan.solve.problem import Problem
    from costplan.solve.verify import Audit

POINTS = 8
"""Ceilings that are compared."""
DIGITS = 3
"""Leading digits of a ceiling."""
POINT_SECONDS = 10.0
"""Seconds that a plan may take."""


@dataclass(frozen=True, slots=True)
class GainPoint:
    """The best plans at one ceiling."""

    usd: Decimal
    """The ceiling, forecast dollars without a margin."""
    single_accuracy: float
    """Mean accuracy with single settings."""
    single_value: float
    """Value with single settings."""
    accuracy: float
    """Mean accuracy with policies too."""
    value: float
    """Value with policies too."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What knowing every answer beforehand would bring, on the questions asked."""

    accuracy: float
    """Share right when the best recorded answer to each question is given: no policy over these
    settings passes it."""
    single_call: float
    """Share right when each question goes to the one setting that is best at it."""
    usd_per_request: float | None
    """Dollars of that; null where unknown."""
    n_questions: int
    """Questions counted."""


@dataclass(frozen=True, slots=True)
class ClassGain:
    """What policies add in a class."""

    task_class: str
    """The class."""
    requests: float
    """Its requests per period, over all months."""
    policies: int
    """Policies that were compared."""
    usd_per_request: float | None
    """Dollars at which policies add most; null where they add nothing."""
    single_accuracy: float | None
    """Best mix of single settings at these dollars."""
    accuracy: float | None
    """Best mix with policies."""
    option: str | None
    """The policy that this rests on."""
    oracle: Ceiling | None
    """What no policy passes; null without outcomes question by question."""
    left_out: tuple[tuple[str, str], ...]
    """Policies that are no options, and why."""

    @property
    def gain(self) -> float:
        """Accuracy that policies add, at most."""
        return (self.accuracy or 0.0) - (self.single_accuracy or 0.0)


@dataclass(frozen=True, slots=True)
class PolicyGain:
    """What policies add, in total and per class."""

    points: tuple[GainPoint, ...]
    """By rising ceiling."""
    classes: tuple[ClassGain, ...]
    """In the workload's order."""
    oracle_accuracy: float | None
    """Mean over all requests of the classes' ceilings; null where a class has none."""


def load_with_policies(path: Path | str, *, splits: bool | None = None) -> tuple[Case, Sources]:
    """Load a workload; classes that state no policies get proposals.

    Raises InputError with every fault of the files.
    """
    workload, sources = load_sources(path)
    if splits is not None:
        workload = override(workload, {"splits": splits})
    auto = (Policy(auto=Auto()),)
    classes = tuple(
        task if task.policies else task.model_copy(update={"policies": auto})
        for task in workload.classes
    )
    return gather(workload.model_copy(update={"classes": classes}), sources), sources


def measure_gain(case: Case, base: Path, points: int = POINTS) -> PolicyGain:
    """Compare the best plans with and without policies at the same ceilings.

    base: folder that paths in the workload are relative to.
    """
    tables = Tables(base)
    first = {part.task.name: part for part in reversed(case.classes)}
    classes = [
        _measure_class(case, part, tables)
        for part in sorted(first.values(), key=lambda p: _place(case, p))
    ]
    requests = sum(one.requests for one in classes)
    known = [one.oracle.accuracy * one.requests for one in classes if one.oracle is not None]
    whole = sum(known) / requests if len(known) == len(classes) and requests else None
    return PolicyGain(tuple(_compare(case, points)), tuple(classes), whole)


def without_policies(case: Case) -> Case:
    """Leave only single calls."""
    return replace(
        case,
        classes=tuple(
            replace(part, options=tuple(o for o in part.options if o.recipe is None))
            for part in case.classes
        ),
    )


def _place(case: Case, part: ClassCase) -> int:
    return [one.task.name for one in case.classes].index(part.task.name)


def _compare(case: Case, points: int) -> list[GainPoint]:
    both = pose(case)
    alone = pose(without_policies(case))
    found = []
    for usd in _list_ceilings(alone, both, points):
        single, mixed = _best(alone, usd), _best(both, usd)
        if single is None or mixed is None:
            continue
        found.append(
            GainPoint(
                usd=usd,
                single_accuracy=float(single.accuracy or 0),
                single_value=float(single.value),
                accuracy=float(mixed.accuracy or 0),
                value=float(mixed.value),
            )
        )
    return found


def _best(problem: Problem, usd: Decimal) -> Audit | None:
    """Solve at a ceiling; a plan of least cost becomes one of most value."""
    from costplan.solve.problem import Goal, Objective
    from costplan.solve.room import solve

    objective = problem.objective
    if objective.goal is Goal.COST:
        objective = Objective(Goal.VALUE)
    limited = replace(problem, objective=objective, limits=replace(problem.limits, usd=usd))
    return solve(limited, time_limit_s=POINT_SECONDS).audit


def _list_ceilings(alone: Problem, both: Problem, points: int) -> list[Decimal]:
    """List ceilings, evenly spaced by factor, from the cheapest plan to the dearest needed."""
    from costplan.solve.frontier import frontier_points, split_frontier

    ends: list[float] = []
    for problem in (alone, both):
        traced = split_frontier(problem) if problem.splits else None
        if traced is not None:
            ends += (float(traced.amounts[0]), float(traced.amounts[-1]))
        else:
            found = frontier_points(problem, 3, time_limit_s=POINT_SECONDS)
            ends += (float(point.amount) for point in found)
    # Below the cheapest single settings there is nothing to compare with.
    low, high = max(ends[0], 1e-6), max(ends)
    factor = (high / low) ** (1 / max(points - 1, 1))
    return list(dict.fromkeys(_round_up(low * factor**place) for place in range(points)))


def _round_up(usd: float) -> Decimal:
    amount = Decimal(repr(usd))
    unit = Decimal(1).scaleb(amount.adjusted() - DIGITS + 1)
    return amount.quantize(unit, rounding=ROUND_CEILING)


def _measure_class(case: Case, part: ClassCase, tables: Tables) -> ClassGain:
    limit = part.task.max_p95_latency_s
    options = [
        option
        for option in part.options
        if limit is None or (option.p95_latency_s is not None and option.p95_latency_s <= limit)
    ]
    singles = [option for option in options if option.recipe is None]
    priced = {id(option): _price(case, option) for option in options}
    best = _find_gain(_hull(singles, priced), _hull(options, priced))
    requests = sum(float(p.task.requests) for p in case.classes if p.task.name == part.task.name)
    usd, single, accuracy, name = best or (None, None, None, None)
    oracle = _find_oracle(part, tables)
    return ClassGain(
        task_class=part.task.name,
        requests=requests,
        policies=len([option for option in part.options if option.recipe is not None]),
        usd_per_request=usd,
        single_accuracy=single,
        accuracy=accuracy,
        option=name,
        oracle=None
        if oracle is None
        else Ceiling(oracle.accuracy, oracle.single_call, oracle.usd, oracle.n_questions),
        left_out=tuple(
            (exclusion.name, exclusion.reason)
            for exclusion in part.exclusions
            if exclusion.code in {"no_member", "not_measured", "not_planned", "no_proposal"}
        ),
    )


def _price(case: Case, option: Option) -> float:
    """Give dollars per request, own GPUs at their price per token when full."""
    served = [(part.pool, part.tokens) for part in option.parts]
    if not served:
        served = [(option.pool, option.tokens_per_request)]
    usd = option.usd_per_request
    for name, tokens in served:
        if name is not None and tokens is not None:
            pool = case.workload.pools[name]
            usd += pool.usd_per_gpu * tokens / pool.tokens_per_gpu
    return float(usd)


_Corner = tuple[float, float, Option]
"""Dollars, accuracy and the option that has them."""


def _find_gain(
    alone: Sequence[_Corner], both: Sequence[_Corner]
) -> tuple[float, float, float, str] | None:
    """Find the dollars at which mixes with policies pass mixes of single settings most."""
    import numpy as np

    if not alone:
        return None
    usd, accuracy = np.array([(p, a) for p, a, _ in alone]).T
    best: tuple[float, float, float, str] | None = None
    # Both are straight between corners, so that the greatest distance lies at one of them.
    for at, reached, option in both:
        under = float(np.interp(at, usd, accuracy, left=-1.0))
        more = reached - under
        if option.recipe is not None and under >= 0 and more > (best[2] - best[1] if best else 0):
            best = at, under, reached, option.name
    return best


def _hull(options: Sequence[Option], priced: Mapping[int, float]) -> list[_Corner]:
    """List the options that mixes are made of, by rising dollars."""
    points = sorted(
        ((priced[id(o)], o.accuracy.mean, o) for o in options),
        key=lambda p: (p[0], -p[1]),
    )
    hull: list[_Corner] = []
    for point in points:
        if hull and point[1] <= hull[-1][1]:
            continue
        while len(hull) > 1 and _slope(hull[-2], point) >= _slope(hull[-2], hull[-1]):
            hull.pop()
        hull.append(point)
    return hull


def _slope(a: _Corner, b: _Corner) -> float:
    return (b[1] - a[1]) / (b[0] - a[0]) if b[0] > a[0] else float("inf")


def _find_oracle(part: ClassCase, tables: Tables) -> Oracle | None:
    evidence = part.task.evidence
    if evidence is None or evidence.outcomes is None:
        return None
    from costplan.policies.oracle import find_oracle

    table = tables.join(evidence.outcomes, evidence.outcomes_class or part.task.name).table
    wanted = {(o.model, o.setting) for o in part.options if o.recipe is None}
    columns = [place for place, setting in enumerate(table.settings) if setting in wanted]
    return find_oracle(table, columns) if columns else None

"""The plans beside the plan: those of other dollar ceilings, and what the plan replaces."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import TYPE_CHECKING

from costplan.domain.money import EXACT
from costplan.plan.allocation import Allocation, Picks
from costplan.plan.baselines import Rival, find_mix
from costplan.plan.case import Case
from costplan.plan.fallback import choose, may_fall_back
from costplan.plan.horizon import is_monthly, split_months
from costplan.plan.margin import usd_sd, with_margin, z_of
from costplan.plan.naive import take_at_word
from costplan.plan.problem import exact_accuracy, in_month, pose
from costplan.plan.solving import Manner, Solved, solve_with_margin
from costplan.plan.stop import Before, Pick, ProviderBill, Stop

if TYPE_CHECKING:
    from costplan.solve.problem import Objective, Problem
    from costplan.solve.verify import Audit

STOPS = 40
"""Ceilings that are solved, at most, beside the plan's own."""
SCOUTS = 10
"""Of these, how many look first where the frontier bends."""
DIGITS = 3
"""Leading digits of a ceiling, so that a person can type it."""


def list_bills(case: Case, audit: Audit) -> list[ProviderBill]:
    """List what every provider that is used is paid, month by month over a horizon."""
    names = {
        in_month(option.provider, part.month): (option.provider, part.month)
        for part in case.classes
        for option in part.options
    }
    return [
        ProviderBill(
            provider=provider,
            usd_list=audit.list_usd[name],
            usd=audit.billed_usd[name],
            month=month,
        )
        for name, (provider, month) in names.items()
        if audit.list_usd.get(name) or audit.billed_usd.get(name)
    ]


def find_before(rivals: Iterable[Rival]) -> Before | None:
    """Say what the plan replaces: what is done today, else the best single option."""
    formed = {rival.name: rival.allocation for rival in rivals if rival.allocation is not None}
    for name in ("today", "best_single"):
        if name in formed:
            return Before.model_validate(
                {"baseline": name, "picks": tuple(pick for _, pick in _write_picks(formed[name]))}
            )
    return None


def trace_stops(case: Case, manner: Manner | None = None, most: int = STOPS) -> tuple[Stop, ...]:
    """Solve a case at dollar ceilings from the smallest that works to where money stops binding.

    Each stop is what `costplan optimize --usd` plans at that ceiling. None where the aim is least
    cost, which a ceiling does not change, or where no ceiling works.
    """
    manner = manner or Manner()
    if case.workload.objective.minimize is not None:
        return ()
    if manner.naive:
        case = take_at_word(case)
    own = case.workload.ceilings.usd
    cases = [part for _, part in split_months(case)] if is_monthly(case) else [case]
    with localcontext(EXACT):
        tracer = _Tracer([_Part(one, pose(one)) for one in cases], manner)
        ends = tracer.range()
        if ends is None:
            return ()
        tracer.solve_all(_spread(*ends, SCOUTS))
        tracer.refine(most)
        if own is not None:
            tracer.solve_all([own])
        return tuple(tracer.list_stops())


@dataclass(frozen=True, slots=True)
class _Part:
    """What has a dollar ceiling of its own: the case, or a month of it."""

    case: Case
    problem: Problem


@dataclass(frozen=True, slots=True)
class _Found:
    """The plan of a ceiling, part by part."""

    solved: tuple[Solved, ...]
    audits: tuple[Audit, ...]
    sure: bool

    @property
    def objective(self) -> float:
        """What the plan achieves; of accuracies the mean over months."""
        return sum(float(audit.objective) for audit in self.audits)

    @property
    def picks(self) -> tuple[Picks, ...]:
        """Picks of every class of every part."""
        return tuple(picks for solved in self.solved for picks in solved.allocation.picks)


@dataclass(slots=True)
class _Tracer:
    """Solved ceilings by their dollars."""

    parts: list[_Part]
    manner: Manner
    found: dict[Decimal, _Found] = field(default_factory=dict)
    tried: set[Decimal] = field(default_factory=set)

    def range(self) -> tuple[Decimal, Decimal] | None:
        """Find the smallest ceiling that works and the one from which money stops binding."""
        from costplan.solve.problem import Goal, Objective

        cheapest = self._plan(None, Objective(Goal.COST))
        dearest = self._plan(None)
        if cheapest is None or dearest is None:
            return None
        low, high = (_round_up(self._needed(found)) for found in (cheapest, dearest))
        return low, max(low, high)

    def solve_all(self, ceilings: Iterable[Decimal]) -> None:
        """Solve at ceilings not tried before."""
        for ceiling in ceilings:
            if ceiling in self.tried:
                continue
            self.tried.add(ceiling)
            found = self._plan(ceiling)
            if found is not None:
                self.found[ceiling] = found

    def refine(self, most: int) -> None:
        """Halve the gap in which most changes, until there are enough stops or nothing changes."""
        while len(self.found) < most:
            ceiling = self._best_gap()
            if ceiling is None:
                return
            self.solve_all([ceiling])

    def list_stops(self) -> Iterator[Stop]:
        """Write the stops, lowest first, each with what differs from the one before."""
        classes = [part for one in self.parts for part in one.case.classes]
        before: Sequence[object] = ()
        for ceiling, found in sorted(self.found.items(), key=lambda item: item[0]):
            changed = {
                part.key
                for part, old, new in itertools.zip_longest(classes, before, found.picks)
                if old != new
            }
            yield self._write_stop(ceiling, found, changed)
            before = found.picks

    def _write_stop(self, ceiling: Decimal, found: _Found, changed: set[str]) -> Stop:
        requests = [
            sum((part.task.requests for part in one.case.classes), Decimal(0)) for one in self.parts
        ]
        weighed = list(zip(found.audits, requests, strict=True))
        latencies = [audit.mean_latency_s for audit in found.audits]
        known = [latency for latency in latencies if latency is not None]
        latency = None
        if len(known) == len(latencies):
            latency = sum((s * n for s, n in zip(known, requests, strict=True)), Decimal(0))
            latency /= sum(requests, Decimal(0))
        right = sum(float(audit.accuracy or 0) * float(n) for audit, n in weighed)
        return Stop(
            ceiling_usd=ceiling,
            usd=sum((audit.bill_usd for audit in found.audits), Decimal(0)),
            usd_list=sum((usd for a in found.audits for usd in a.list_usd.values()), Decimal(0)),
            value=sum((audit.value for audit in found.audits), Decimal(0)),
            accuracy=right / float(sum(requests, Decimal(0))),
            mean_latency_s=latency,
            sure=found.sure,
            picks=tuple(
                pick
                for solved in found.solved
                for key, pick in _write_picks(solved.allocation)
                if key in changed
            ),
        )

    def _plan(self, ceiling: Decimal | None, aim: Objective | None = None) -> _Found | None:
        solutions, audits, all_sure = [], [], True
        for part in self.parts:
            limits = replace(part.problem.limits, usd=ceiling)
            posed = replace(part.problem, limits=limits, objective=aim or part.problem.objective)
            solved, sure = solve_with_margin(part.case, posed, self.manner)
            if not isinstance(solved, Solved):
                return None
            solved = self._never_worse_than_simple(part.case, posed, solved)
            solutions.append(solved)
            audits.append(solved.allocation.audit(posed))
            all_sure = all_sure and sure
        return _Found(tuple(solutions), tuple(audits), all_sure)

    def _never_worse_than_simple(self, case: Case, posed: Problem, solved: Solved) -> Solved:
        """Take the class-blind mix where a plan of this ceiling would."""
        from costplan.solve.problem import Goal

        if self.manner.naive or posed.objective.goal is Goal.COST or not may_fall_back(case):
            return solved
        ceilings = case.workload.ceilings.model_copy(update={"usd": posed.limits.usd})
        workload = case.workload.model_copy(update={"ceilings": ceilings})
        mix = find_mix(replace(case, workload=workload), posed, z_of(case))
        choice = choose(case, solved.allocation, [mix])
        return replace(solved, allocation=choice.allocation)

    def _needed(self, found: _Found) -> Decimal:
        """Give the ceiling under which a plan is kept with confidence, in its dearest part."""
        return max(
            self._needed_part(part, solved, audit)
            for part, solved, audit in zip(self.parts, found.solved, found.audits, strict=True)
        )

    def _needed_part(self, part: _Part, solved: Solved, audit: Audit) -> Decimal:
        if self.manner.naive:
            return audit.bill_usd
        z = z_of(part.case)
        return with_margin((audit.bill_usd, usd_sd(solved.allocation)), z)

    def _best_gap(self) -> Decimal | None:
        """Choose the next ceiling: the middle of the gap with most gain and money in it."""
        ceilings = sorted(self.found)
        gaps: list[tuple[float, Decimal]] = []
        gain = self._gain(ceilings[0], ceilings[-1]) if ceilings else 0.0
        money = float(ceilings[-1] - ceilings[0]) if ceilings else 0.0
        for low, high in itertools.pairwise(ceilings):
            middle = _round_up((low + high) / 2)
            differ = self.found[low].picks != self.found[high].picks
            if differ and low < middle < high and middle not in self.tried:
                part = self._gain(low, high) / (gain or 1.0) + float(high - low) / (4 * money)
                gaps.append((part, middle))
        return max(gaps)[1] if gaps else None

    def _gain(self, low: Decimal, high: Decimal) -> float:
        return self.found[high].objective - self.found[low].objective


def _round_up(ceiling: Decimal) -> Decimal:
    """Round up to DIGITS leading digits, but never finer than a cent."""
    if ceiling <= 0:
        return Decimal("0.01")
    place = max(ceiling.adjusted() - DIGITS + 1, -2)
    return ceiling.quantize(Decimal(1).scaleb(place), rounding=ROUND_CEILING) + Decimal(0)


def _spread(low: Decimal, high: Decimal, count: int) -> list[Decimal]:
    steps = [low + (high - low) * i / (count - 1) for i in range(count)]
    return [low, *(_round_up(step) for step in steps[1:-1]), high]


def _write_picks(allocation: Allocation) -> Iterator[tuple[str, Pick]]:
    """Write picks with the key of their class."""
    with localcontext(EXACT):
        for part, option, share in allocation.parts():
            yield (
                part.key,
                Pick(
                    task_class=part.task.name,
                    option=option.name,
                    share=share,
                    usd=part.task.requests * share * option.usd_per_request,
                    accuracy=float(exact_accuracy(option)),
                    month=part.month,
                ),
            )

"""The plans beside the plan: those of other dollar ceilings, and what the plan replaces."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import TYPE_CHECKING

from costplan.domain.money import EXACT
from costplan.plan.allocation import Allocation, Picks
from costplan.plan.baselines import Rival
from costplan.plan.case import Case
from costplan.plan.margin import usd_sd, with_margin, z_of
from costplan.plan.problem import exact_accuracy, pose
from costplan.plan.solving import Manner, Solved, solve_with_margin
from costplan.plan.stop import Before, Pick, ProviderBill, Stop

if TYPE_CHECKING:
    from costplan.solve.problem import Problem
    from costplan.solve.verify import Audit

STOPS = 60
"""Ceilings that are solved, at most, beside the plan's own."""
SCOUTS = 12
"""Of these, how many look first where the frontier bends."""
DIGITS = 3
"""Leading digits of a ceiling, so that a person can type it."""


def list_bills(audit: Audit) -> list[ProviderBill]:
    """List what every provider that is used is paid."""
    return [
        ProviderBill(provider=name, usd_list=usd_list, usd=audit.billed_usd[name])
        for name, usd_list in audit.list_usd.items()
        if usd_list or audit.billed_usd[name]
    ]


def find_before(rivals: Iterable[Rival]) -> Before | None:
    """Say what the plan replaces: what is done today, else the best single option."""
    formed = {rival.name: rival.allocation for rival in rivals if rival.allocation is not None}
    for name in ("today", "best_single"):
        if name in formed:
            return Before.model_validate(
                {"baseline": name, "picks": tuple(_write_picks(formed[name]))}
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
    with localcontext(EXACT):
        tracer = _Tracer(case, pose(case), manner)
        ends = tracer.range()
        if ends is None:
            return ()
        tracer.solve_all(_spread(*ends, SCOUTS))
        tracer.refine(most)
        own = case.workload.ceilings.usd
        if own is not None:
            tracer.solve_all([own])
        return tuple(tracer.list_stops())


@dataclass(frozen=True, slots=True)
class _Found:
    """The plan of a ceiling."""

    solved: Solved
    sure: bool
    audit: Audit


@dataclass(slots=True)
class _Tracer:
    """Solved ceilings by their dollars."""

    case: Case
    problem: Problem
    manner: Manner
    found: dict[Decimal, _Found] = field(default_factory=dict)
    tried: set[Decimal] = field(default_factory=set)

    def range(self) -> tuple[Decimal, Decimal] | None:
        """Find the smallest ceiling that works and the one from which money stops binding."""
        from costplan.solve.problem import Goal, Objective

        cheapest = self._plan(replace(self.problem, objective=Objective(Goal.COST)), None)
        dearest = self._plan(self.problem, None)
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
            found = self._plan(self.problem, ceiling)
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
        before: Sequence[object] = ()
        for ceiling, found in sorted(self.found.items(), key=lambda item: item[0]):
            allocation, audit = found.solved.allocation, found.audit
            changed = {
                (part.task.name, part.month)
                for part, old, new in itertools.zip_longest(
                    self.case.classes, before, allocation.picks
                )
                if old != new
            }
            yield Stop(
                ceiling_usd=ceiling,
                usd=audit.bill_usd,
                usd_list=sum(audit.list_usd.values(), Decimal(0)),
                value=audit.value,
                accuracy=0.0 if audit.accuracy is None else float(audit.accuracy),
                mean_latency_s=audit.mean_latency_s,
                sure=found.sure,
                picks=tuple(
                    pick
                    for pick in _write_picks(allocation)
                    if (pick.task_class, pick.month) in changed
                ),
            )
            before = allocation.picks

    def _plan(self, problem: Problem, ceiling: Decimal | None) -> _Found | None:
        posed = replace(problem, limits=replace(problem.limits, usd=ceiling))
        solved, sure = solve_with_margin(self.case, posed, self.manner)
        if not isinstance(solved, Solved):
            return None
        return _Found(solved, sure, solved.allocation.audit(posed))

    def _needed(self, found: _Found) -> Decimal:
        """Give the ceiling under which a plan is kept with confidence."""
        usd = found.audit.bill_usd
        if self.manner.naive:
            return usd
        z = z_of(self.case)
        return with_margin((usd, usd_sd(found.solved.allocation)), z)

    def _best_gap(self) -> Decimal | None:
        """Choose the next ceiling: the middle of the gap with most gain and money in it."""
        ceilings = sorted(self.found)
        gaps: list[tuple[float, Decimal]] = []
        gain = self._gain(ceilings[0], ceilings[-1]) if ceilings else 0.0
        money = float(ceilings[-1] - ceilings[0]) if ceilings else 0.0
        for low, high in itertools.pairwise(ceilings):
            middle = _round_up((low + high) / 2)
            same = (
                self.found[low].solved.allocation.picks == self.found[high].solved.allocation.picks
            )
            if not same and low < middle < high and middle not in self.tried:
                part = self._gain(low, high) / (gain or 1.0) + float(high - low) / (4 * money)
                gaps.append((part, middle))
        return max(gaps)[1] if gaps else None

    def _picks(self, ceiling: Decimal) -> tuple[Picks, ...]:
        return self.found[ceiling].solved.allocation.picks

    def _gain(self, low: Decimal, high: Decimal) -> float:
        return float(self.found[high].audit.objective - self.found[low].audit.objective)


def _round_up(ceiling: Decimal) -> Decimal:
    """Round up to DIGITS leading digits, but never finer than a cent."""
    if ceiling <= 0:
        return Decimal("0.01")
    place = max(ceiling.adjusted() - DIGITS + 1, -2)
    return ceiling.quantize(Decimal(1).scaleb(place), rounding=ROUND_CEILING) + Decimal(0)


def _spread(low: Decimal, high: Decimal, count: int) -> list[Decimal]:
    steps = [low + (high - low) * i / (count - 1) for i in range(count)]
    return [low, *(_round_up(step) for step in steps[1:-1]), high]


def _write_picks(allocation: Allocation) -> Iterator[Pick]:
    with localcontext(EXACT):
        for part, option, share in allocation.parts():
            yield Pick(
                task_class=part.task.name,
                option=option.name,
                share=share,
                usd=part.task.requests * share * option.usd_per_request,
                accuracy=float(exact_accuracy(option)),
                month=part.month,
            )

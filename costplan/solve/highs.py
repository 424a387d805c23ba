"""Every problem by HiGHS, on the same arrays, made exact afterwards.

HiGHS works with tolerances: its plan may break a limit by a hair. A linear program's basis is
solved again in fractions. A whole plan that breaks a limit is cut off by a valid inequality, and
HiGHS runs again, so what is finally proven is proven for the exact limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from costplan.solve.aim import Aim, Clock, Parts, finish
from costplan.solve.amounts import (
    Amount,
    Combination,
    Row,
    list_spend,
    plain_bill,
    rows,
)
from costplan.solve.bill import Bill, add_bill, fixed_rows
from costplan.solve.cuts import Cut, cut_off
from costplan.solve.decimals import Floats, Ints
from costplan.solve.linear import LinearProgram, Usable
from costplan.solve.many import LARGE, linear_by_prices, whole_by_prices
from costplan.solve.problem import Problem
from costplan.solve.sheet import Ending, Outcome, Sheet
from costplan.solve.solution import Solution, Status
from costplan.solve.verify import Audit, verify

MAX_CUT_ROUNDS = 400
LOOSE = 1e-11
"""Limits are widened by this part for whole plans, so that rounding shuts nothing out."""


class HighsSolver:
    """HiGHS on the whole problem."""

    name = "highs"
    exact = True

    def solve(
        self, problem: Problem, *, time_limit_s: float | None = None, gap: float = 1e-9
    ) -> Solution:
        """Solve any problem; a whole plan is proven to the gap."""
        return solve_aim(problem, Aim.of(problem), Clock.start(time_limit_s), gap)


def solve_aim(problem: Problem, aim: Aim, clock: Clock, gap: float) -> Solution:
    """Solve a problem for an aim that need not be its own objective."""
    if (Usable.of(problem).counts == 0).any():
        return Solution(Status.INFEASIBLE, "highs")
    run = prepare(problem, aim, clock, gap)
    if problem.splits:
        return run.split_plan()
    return run.whole_plan()


def prepare(problem: Problem, aim: Aim, clock: Clock, gap: float) -> Run:
    """Lay out a problem for HiGHS; each class must have an option that may be used."""
    return Run.of(problem, aim, Usable.of(problem), clock, gap)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One problem on its way through HiGHS."""

    problem: Problem
    aim: Aim
    program: LinearProgram
    bill: Bill | None
    """Set where the bill is not plain list spend and matters."""
    size: float
    """What the cost is divided by for HiGHS."""
    clock: Clock
    gap: float
    known: Ints | None = None
    """A whole plan to begin with."""

    @classmethod
    def of(cls, problem: Problem, aim: Aim, usable: Usable, clock: Clock, gap: float) -> Run:
        """Lay out the program, and the bill apart from it where it is not plain list spend."""
        limits = rows(problem)
        structured = not plain_bill(problem)
        ceiling = problem.limits.usd
        terms: list[tuple[Amount, Fraction]] = []
        if aim.amount is not None:
            terms.append((aim.amount, Fraction(aim.sign)))
        if not structured:
            if aim.bill:
                terms.append((list_spend(problem), Fraction(1)))
            if ceiling is not None:
                limits.append(Row("usd", list_spend(problem), Fraction(ceiling)))
        floors = np.zeros(0, dtype=np.int64)
        if problem.splits and problem.min_accuracy is not None:
            floors = np.flatnonzero(problem.min_accuracy.known)
        cost = Combination(tuple(terms))
        program = LinearProgram(problem, usable, cost, tuple(limits), floors)
        coefficients = np.abs(cost.floats(problem.first)[usable.options])
        if structured and aim.bill:
            coefficients += list_spend(problem).floats(problem.first)[usable.options]
        size = float(coefficients.sum()) / max(1, len(coefficients)) or 1.0
        bill = Bill.of(problem, usable) if structured else None
        return cls(problem, aim, program, bill, size, clock, gap)

    def whole_plan(self) -> Solution:
        """Find the best plan with one option per class."""
        large = len(self.program.usable.options) > LARGE
        if large and self.bill is None and self.program.rows and self.has_cost:
            found = whole_by_prices(self.program, self.aim, self.clock, self.gap, self._among)
            if found is not None:
                return found
        return self._whole_search()

    @property
    def has_cost(self) -> bool:
        """Whether anything is optimised; else any plan will do."""
        return self.aim.amount is not None or self.aim.bill

    def _among(self, usable: Usable, clock: Clock, gap: float, known: Ints) -> Solution:
        """Search among some of the options, from a plan that is known."""
        program = replace(self.program, usable=usable)
        return replace(self, program=program, clock=clock, gap=gap, known=known)._whole_search()

    def _whole_search(self, loosen: float = LOOSE) -> Solution:
        """Find the best whole plan by HiGHS, cutting off what breaks a limit."""
        cuts: list[Cut] = []
        for _ in range(MAX_CUT_ROUNDS):
            outcome = self._whole_outcome(cuts, loosen=loosen)
            if outcome.ending is Ending.INFEASIBLE:
                return Solution(Status.INFEASIBLE, "highs")
            if outcome.x is None:
                break
            main = self._chosen(outcome.x)
            audit = verify(self.problem, main, {})
            if audit.ok:
                return self.finish((main, {}), audit, outcome.bound * self.size)
            cuts.append(cut_off(self.program, main, audit))
            if self.clock.over:
                break
        return self._tightened_plan(cuts)

    def _whole_outcome(self, cuts: list[Cut], tighten: float = 0.0, loosen: float = 0.0) -> Outcome:
        """Run HiGHS on the whole-number program with the cuts found so far."""
        sheet, _ = self.program.sheet(whole=True, size=self.size, tighten=tighten, loosen=loosen)
        if self.bill is not None:
            self._add_bill(sheet, tighten)
        for cut in cuts:
            sheet.row(cut.columns, np.ones(len(cut.columns)), -np.inf, float(cut.most))
        begin = None
        if self.known is not None and self.bill is None:
            begin = np.isin(self.program.usable.options, self.known).astype(np.float64)
        return sheet.run(gap=self.gap, time_limit_s=self.clock.left_s, start=begin)

    def _add_bill(self, sheet: Sheet, tighten: float = 0.0) -> object:
        assert self.bill is not None
        ceiling = self.problem.limits.usd
        limit = None if ceiling is None else Fraction(ceiling) * (1 - Fraction(tighten))
        weight = 1.0 / self.size if self.aim.bill else 0.0
        return add_bill(sheet, self.program, self.bill, weight=weight, ceiling=limit)

    def _tightened_plan(self, cuts: list[Cut]) -> Solution:
        """Give up proving: find a plan inside limits that are a hair tighter."""
        best = Solution(Status.LIMIT, "highs")
        for tighten in (1e-9, 1e-7, 1e-5):
            outcome = self._whole_outcome(cuts, tighten)
            if outcome.x is None:
                continue
            main = self._chosen(outcome.x)
            audit = verify(self.problem, main, {})
            if audit.ok:
                relaxed = self._whole_outcome(cuts, loosen=LOOSE)
                return self.finish((main, {}), audit, relaxed.bound * self.size)
        return best

    def _chosen(self, x: Floats) -> Ints:
        """Return the option with the largest share of each class, the first one on a tie."""
        usable = self.program.usable
        ends = np.concatenate([[0], np.cumsum(usable.counts)[:-1]])
        share = np.round(x[: len(usable.options)], 6)
        most = np.repeat(np.maximum.reduceat(share, ends), usable.counts)
        at = np.where(share == most, np.arange(len(share)), len(share))
        return np.asarray(usable.options[np.minimum.reduceat(at, ends)])

    def split_plan(self) -> Solution:
        """Find the best plan with splits."""
        if self.bill is None:
            return self._linear_plan(self.program, Fraction(0), None)
        sheet, _ = self.program.sheet(whole=False, size=self.size)
        weight = 1.0 / self.size if self.aim.bill else 0.0
        limit = self.problem.limits.usd
        ceiling = None if limit is None else Fraction(limit)
        columns = add_bill(sheet, self.program, self.bill, weight=weight, ceiling=ceiling)
        outcome = sheet.run(gap=self.gap, time_limit_s=self.clock.left_s)
        if outcome.x is None:
            ending = outcome.ending is Ending.INFEASIBLE
            return Solution(Status.INFEASIBLE if ending else Status.LIMIT, "highs")
        choice = columns.choice(outcome.x)
        fixed, total, constant = fixed_rows(self.problem, self.bill, choice, ceiling)
        cost = self.program.cost
        if self.aim.bill:
            cost = Combination((*_terms(cost), *total.terms))
        program = replace(self.program, cost=cost, rows=(*self.program.rows, *fixed))
        return self._linear_plan(program, constant if self.aim.bill else Fraction(0), outcome)

    def _linear_plan(
        self, program: LinearProgram, constant: Fraction, proof: Outcome | None
    ) -> Solution:
        """Solve a linear program and make its vertex exact; proof has the bound of the whole."""
        narrowed = self._narrowed_plan(program) if proof is None else None
        if narrowed is not None:
            return narrowed
        sheet, start = program.sheet(whole=False, size=self.size)
        outcome = sheet.run(gap=self.gap, time_limit_s=self.clock.left_s, relax=True)
        if outcome.ending is not Ending.OPTIMAL:
            ending = outcome.ending is Ending.INFEASIBLE and proof is None
            return Solution(Status.INFEASIBLE if ending else Status.LIMIT, "highs")
        assert outcome.duals is not None
        bound = program.dual_bound(outcome.duals, start, self.size) + float(constant)
        if proof is not None:
            bound = min(bound, proof.bound * self.size)
        return self._closest(self._exact_parts(program, outcome, start), bound)

    def _closest(self, candidates: Iterator[Parts], bound: float) -> Solution:
        """Take the first plan that is proven, else the one nearest to its bound.

        The exact vertex may need another GPU or reach another tier once its shares are decimals;
        one a hair inside does not.
        """
        best = Solution(Status.LIMIT, "highs")
        for parts in candidates:
            audit = verify(self.problem, *parts)
            if not audit.ok:
                continue
            found = self.finish(parts, audit, bound)
            if found.status is Status.OPTIMAL:
                return found
            if best.gap is None or (found.gap is not None and found.gap < best.gap):
                best = found
        return best

    def _narrowed_plan(self, program: LinearProgram) -> Solution | None:
        """Solve a large linear program on the options that matter; None when that fails."""
        if len(program.usable.options) <= LARGE or not program.rows or not self.has_cost:
            return None
        found = linear_by_prices(program, self.size, self.clock)
        if found is None:
            return None
        part, outcome, start, bound = found
        for parts in self._exact_parts(part, outcome, start):
            audit = verify(self.problem, *parts)
            if audit.ok:
                return self.finish(parts, audit, bound)
        return None

    def _exact_parts(self, program: LinearProgram, outcome: Outcome, start: int) -> Iterator[Parts]:
        """Try the exact vertex first, then points a hair inside the limits."""
        yield from program.exact_plans(outcome, start)
        assert outcome.x is not None
        yield program.rounded_plan(outcome.x)
        for tighten in (1e-12, 1e-11, 1e-10, 1e-9, 1e-8):
            sheet, _ = program.sheet(whole=False, size=self.size, tighten=tighten)
            inside = sheet.run(gap=self.gap, time_limit_s=self.clock.left_s, relax=True)
            if inside.ending is Ending.OPTIMAL and inside.x is not None:
                yield program.rounded_plan(inside.x)

    def finish(self, parts: Parts, audit: Audit, least: float) -> Solution:
        """Wrap a verified plan with its bound; least bounds the cost that was made small."""
        return finish(self.aim, parts, audit, least, self.gap, "highs")


def _terms(cost: Amount | Combination) -> tuple[tuple[Amount, Fraction], ...]:
    """Return the terms of a combination."""
    return cost.terms if isinstance(cost, Combination) else ((cost, Fraction(1)),)

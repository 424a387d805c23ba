"""The linear program of a problem, with exact rows beside the floats HiGHS sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from costplan.solve.aim import Parts
from costplan.solve.amounts import Amount, Combination, Row, eligible
from costplan.solve.decimals import Bools, Floats, Ints, from_units
from costplan.solve.pick import SHARE_PLACES, Pick
from costplan.solve.problem import Problem
from costplan.solve.sheet import Outcome, Sheet, scale_of
from costplan.solve.vertex import Equation, decimal_shares, solve_exactly


@dataclass(frozen=True, slots=True, eq=False)
class Usable:
    """The options that no limit shuts out, class by class."""

    options: Ints
    """Their indices in the problem, ascending."""
    classes: Ints
    """The class of each."""
    counts: Ints
    """How many each class has, shape (n_classes,)."""

    @classmethod
    def of(cls, problem: Problem, keep: Bools | None = None) -> Usable:
        """Gather them; keep narrows them further."""
        usable = eligible(problem)
        if keep is not None:
            usable &= keep
        classes = problem.class_of()[usable]
        counts = np.bincount(classes, minlength=problem.n_classes)
        return cls(np.flatnonzero(usable), classes, counts)

    def narrowed(self, keep: Bools) -> Usable:
        """Keep some of them, mask of shape (n_usable,)."""
        classes = self.classes[keep]
        counts = np.bincount(classes, minlength=len(self.counts))
        return Usable(self.options[keep], classes, counts)


@dataclass(frozen=True, slots=True, eq=False)
class LinearProgram:
    """Minimise a linear cost of shares under rows and, with splits, class floors."""

    problem: Problem
    usable: Usable
    cost: Amount | Combination
    """What is made small."""
    rows: tuple[Row, ...]
    floors: Ints
    """Classes whose mix has an accuracy floor."""

    def sheet(
        self, *, whole: bool, size: float, tighten: float = 0.0, loosen: float = 0.0
    ) -> tuple[Sheet, int]:
        """Return the program for HiGHS and the index of its first limit row.

        size divides the cost. tighten and loosen move every limit by that part of itself.
        """
        first, at = self.problem.first, self.usable.options
        n = len(at)
        sheet = Sheet()
        upper = np.ones(n) if whole else np.full(n, np.inf)
        sheet.columns(self.cost.floats(first)[at] / size, np.zeros(n), upper, whole)
        sheet.partition(self.usable.counts)
        start = len(sheet.row_lower)
        shift = loosen - tighten
        for row in self.rows:
            values = row.amount.floats(first)[at]
            limit = float(row.limit)
            nonzero = np.flatnonzero(values)
            scale = scale_of(values, limit)
            slack = shift * max(abs(limit), float(np.abs(values).max(initial=0.0)) * 1e-3)
            low, high = -np.inf, (limit + slack) * scale
            if row.at_least:
                low, high = (limit - slack) * scale, np.inf
            sheet.row(nonzero, values[nonzero] * scale, low, high)
        self._add_floors(sheet, shift)
        return sheet, start

    def _add_floors(self, sheet: Sheet, shift: float) -> None:
        """Add one row per class floor."""
        column = self.problem.min_accuracy
        if column is None or len(self.floors) == 0:
            return
        ends = np.concatenate([[0], np.cumsum(self.usable.counts)])
        accuracy = self.problem.accuracy.floats[self.usable.options]
        limits = column.floats
        for c in self.floors:
            index = np.arange(ends[c], ends[c + 1])
            sheet.row(index, accuracy[index], float(limits[c]) * (1 - shift), np.inf)

    def exact_plans(self, outcome: Outcome, start: int) -> Iterator[Parts]:
        """Turn HiGHS's basis into plans in exact decimals, the closest to the vertex first."""
        assert outcome.basic_columns is not None
        basic = np.flatnonzero(outcome.basic_columns)
        per_class = np.bincount(self.usable.classes[basic], minlength=self.problem.n_classes)
        if (per_class == 0).any():
            return
        assert outcome.active_rows is not None
        core = per_class > 1
        mine = basic[core[self.usable.classes[basic]]]
        single = basic[~core[self.usable.classes[basic]]]
        main = np.zeros(self.problem.n_classes, dtype=np.int64)
        main[self.usable.classes[single]] = self.usable.options[single]
        active = np.flatnonzero(outcome.active_rows[start:])
        for units in (0, 2, 10**3, 10**5):
            equations = self._equations(mine, single, active, Fraction(units, 10**SHARE_PLACES))
            shares = solve_exactly(equations) if len(mine) else {}
            if shares is None:
                return
            yield self.parts(main, mine, [shares[int(j)] for j in mine])

    def _equations(
        self, mine: Ints, single: Ints, active: Ints, margin: Fraction
    ) -> list[Equation]:
        """Write down the active limits over the split classes, each short of its limit by a margin.

        The margin is the given part of the row's coefficients, to leave room for rounding.
        """
        owners = self.usable.classes[mine]
        equations: list[Equation] = [
            ({int(j): Fraction(1) for j in mine[owners == c]}, Fraction(1))
            for c in np.unique(owners)
        ]
        options = self.usable.options[single]
        classes = self.usable.classes[single]
        for k in active:
            if k < len(self.rows):
                row = self.rows[k]
                terms = {
                    int(j): row.amount.at(int(self.usable.classes[j]), int(self.usable.options[j]))
                    for j in mine
                }
                rhs = row.limit - row.amount.total(options, classes)
                sign = 1 if row.at_least else -1
            else:
                terms, rhs = self._floor_terms(int(self.floors[k - len(self.rows)]), mine)
                sign = 1
            terms = {j: v for j, v in terms.items() if v != 0}
            rhs += sign * margin * sum((abs(v) for v in terms.values()), Fraction(0))
            if terms:
                equations.append((terms, rhs))
        return equations

    def _floor_terms(self, c: int, mine: Ints) -> tuple[dict[int, Fraction], Fraction]:
        """Return the floor of a class over its basic options."""
        assert self.problem.min_accuracy is not None
        at = mine[self.usable.classes[mine] == c]
        accuracy = self.problem.accuracy
        terms = {int(j): Fraction(accuracy.at(int(self.usable.options[j]))) for j in at}
        return terms, Fraction(self.problem.min_accuracy.at(c))

    def parts(self, main: Ints, at: Ints, shares: list[Fraction]) -> Parts:
        """Round the shares of split classes to decimals that add up to 1."""
        by_class: dict[int, list[int]] = {}
        for k, j in enumerate(at):
            by_class.setdefault(int(self.usable.classes[j]), []).append(k)
        main = main.copy()
        splits: dict[int, tuple[Pick, ...]] = {}
        for c, ks in by_class.items():
            units = decimal_shares([shares[k] for k in ks], SHARE_PLACES)
            options = [int(self.usable.options[at[k]]) for k in ks]
            picks = [(o, u) for o, u in zip(options, units, strict=True) if u > 0]
            main[c] = max(picks, key=lambda pick: (pick[1], -pick[0]))[0]
            if len(picks) > 1:
                splits[c] = tuple((o, from_units(u, SHARE_PLACES)) for o, u in picks)
        return main, splits

    def rounded_plan(self, x: Floats) -> Parts:
        """Round a feasible point as it is, without its basis."""
        used = x > 1e-13
        owners = self.usable.classes
        main = np.zeros(self.problem.n_classes, dtype=np.int64)
        counts = np.bincount(owners[used], minlength=self.problem.n_classes)
        at = np.flatnonzero(used & (counts[owners] > 1))
        single = np.flatnonzero(used & (counts[owners] == 1))
        main[owners[single]] = self.usable.options[single]
        return self.parts(main, at, [Fraction(float(x[j])) for j in at])

    def dual_bound(self, duals: Floats, start: int, size: float) -> float:
        """Return the Lagrangian bound on the least cost for HiGHS's duals, signs corrected.

        Every choice of nonnegative multipliers gives a bound, so errors of the duals only weaken
        it: sum over classes of min over options (cost - multipliers * rows), plus the limits.
        """
        first, at = self.problem.first, self.usable.options
        left = self.cost.floats(first)[at] / size
        total = 0.0
        for k, row in enumerate(self.rows):
            values = row.amount.floats(first)[at]
            dual = float(duals[start + k]) * scale_of(values, float(row.limit))
            dual = max(0.0, dual) if row.at_least else min(0.0, dual)
            left -= dual * values
            total += dual * float(row.limit)
        if self.problem.min_accuracy is not None and len(self.floors):
            per_class = np.zeros(self.problem.n_classes)
            rows = duals[start + len(self.rows) : start + len(self.rows) + len(self.floors)]
            per_class[self.floors] = np.maximum(0.0, rows)
            left -= per_class[self.usable.classes] * self.problem.accuracy.floats[at]
            total += float(per_class @ self.problem.min_accuracy.floats)
        ends = np.concatenate([[0], np.cumsum(self.usable.counts)[:-1]])
        return (total + float(np.minimum.reduceat(left, ends).sum())) * size

"""Months that are alike get the same plan, where one ceiling covers all of them.

Months with the same classes, requests and options can change places, so the mean of their plans
keeps every limit that the plans keep and achieves the same: a solver's choice between them is
chance. Only shares can be averaged, so plans with one option per class stay as they are, and so do
bills that are no straight line of the shares (contracts, whole GPUs).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING

from costplan.plan.case import Case

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.solve.pick import Pick
    from costplan.solve.problem import Problem
    from costplan.solve.solution import Solution

    Ints = NDArray[np.int64]


def treat_alike(case: Case, problem: Problem, solution: Solution) -> Solution:
    """Give months that are alike the same plan; the objective stays the same to the last digit.

    Where a share cannot be divided evenly, months differ in its last decimal place. The solution
    stays as it was where no months are alike, or where the mean breaks a limit by such a digit.
    """
    from costplan.solve.amounts import plain_bill
    from costplan.solve.verify import verify

    if not problem.splits or problem.parts is not None or not plain_bill(problem):
        return solution
    main, splits = solution.main.copy(), dict(solution.splits)
    for months in _find_alike(case, problem):
        for classes in zip(*months, strict=True):
            for c, picks in _mean_picks(problem, solution, classes):
                main[c] = max(picks, key=lambda pick: (pick[1], -pick[0]))[0]
                splits.pop(c, None)
                if len(picks) > 1:
                    splits[c] = picks
    audit = verify(problem, main, splits)
    if not audit.ok or audit.objective != solution.objective:
        return solution
    return replace(solution, main=main, splits=splits, audit=audit)


def _find_alike(case: Case, problem: Problem) -> Iterator[list[list[int]]]:
    """Find groups of months that could change places, each month as the places of its classes."""
    months: dict[str, list[int]] = {}
    for c, part in enumerate(case.classes):
        if part.month is not None:
            months.setdefault(part.month, []).append(c)
    groups: list[list[list[int]]] = []
    for classes in months.values():
        group = next((g for g in groups if _is_like(case, problem, g[0], classes)), None)
        if group is None:
            groups.append([classes])
        else:
            group.append(classes)
    return (group for group in groups if len(group) > 1)


def _is_like(case: Case, problem: Problem, one: Sequence[int], other: Sequence[int]) -> bool:
    """Tell whether two months have the same classes with the same numbers in the same order."""
    import numpy as np

    parts = [(case.classes[a], case.classes[b]) for a, b in zip(one, other, strict=False)]
    if len(one) != len(other) or any(
        (a.task.name, a.task.team) != (b.task.name, b.task.team) for a, b in parts
    ):
        return False
    at, there = (np.array(classes) for classes in (one, other))
    per_class = (problem.requests, problem.weight, problem.min_accuracy, problem.max_p95_latency_s)
    options, others = _options_of(problem, at), _options_of(problem, there)
    per_option = (
        problem.usd,
        problem.accuracy,
        problem.mean_latency_s,
        problem.p95_latency_s,
        problem.tokens,
    )
    pairs = [(column, at, there) for column in per_class]
    pairs += [(column, options, others) for column in per_option]
    if len(options) != len(others):
        return False
    for column, left, right in pairs:
        if column is None:
            continue
        known = column.known
        same = (column.units[left] == column.units[right]) | ~known[left]
        if not (same & (known[left] == known[right])).all():
            return False
    return all(
        [(o.name, o.provider) for o in a.options] == [(o.name, o.provider) for o in b.options]
        for a, b in parts
    )


def _options_of(problem: Problem, classes: Ints) -> Ints:
    """Return the options of some classes, in order."""
    import numpy as np

    first = problem.first
    return np.concatenate([np.arange(first[c], first[c + 1]) for c in classes])


def _mean_picks(
    problem: Problem, solution: Solution, classes: Sequence[int]
) -> Iterator[tuple[int, tuple[Pick, ...]]]:
    """Divide what a class takes of its options over all its months evenly; nothing where it is."""
    from costplan.solve.decimals import from_units
    from costplan.solve.pick import SHARE_PLACES

    unit = 10**SHARE_PLACES
    taken: dict[int, int] = {}
    seen = set()
    for c in classes:
        start = int(problem.first[c])
        picks = tuple((option - start, share) for option, share in solution.picks_of(c))
        seen.add(picks)
        for place, share in picks:
            taken[place] = taken.get(place, 0) + int(share * unit)
    if len(seen) < 2:
        return
    n = len(classes)
    places = sorted(taken)
    over = list(chain.from_iterable([place] * (taken[place] % n) for place in places))
    for k, c in enumerate(classes):
        units = {place: taken[place] // n for place in places}
        for place in over[k::n]:
            units[place] += 1
        start = int(problem.first[c])
        yield (
            c,
            tuple(
                (start + place, Decimal(1) if some == unit else from_units(some, SHARE_PLACES))
                for place, some in units.items()
                if some
            ),
        )

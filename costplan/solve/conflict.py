"""Why there is no plan: a smallest set of conflicting limits, and how far each must give."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from itertools import combinations
from math import comb

import numpy as np

from costplan.solve.aim import Aim, Clock
from costplan.solve.amounts import eligible
from costplan.solve.deadline import check_time
from costplan.solve.decimals import WIDE, DecimalColumn
from costplan.solve.highs import solve_aim
from costplan.solve.knapsack import as_knapsack
from costplan.solve.least import PLACES, greatest_mix, least_of, least_usd
from costplan.solve.limits import class_limits, value_of, whole_limits, with_value, without
from costplan.solve.problem import Problem
from costplan.solve.shared import take_parts
from costplan.solve.solution import Status

MOST_SUBSETS = 400
"""Sets of one size are all tried up to this number; past it the set is only irreducible."""


@dataclass(frozen=True, slots=True)
class Yielding:
    """One limit of a conflict and how far it alone would have to give."""

    name: str
    """The limit."""
    limit: Decimal
    """Its stated value."""
    shortfall: Decimal | None
    """How much higher a ceiling, or lower a floor, would do; None when giving alone is no cure."""
    cures: bool
    """Whether a plan of the whole problem exists then; else only this conflict is gone."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A set of limits that no plan keeps, while every smaller part of it leaves a plan."""

    limits: tuple[Yielding, ...]
    """The limits, the bill first."""
    smallest: bool
    """Whether no conflict of fewer limits exists; else the set is only irreducible."""
    least_usd: Decimal | None
    """The smallest dollar ceiling that leaves a plan; None where money is not what is missing."""


def conflict_of(problem: Problem) -> Conflict | None:
    """Explain why there is no plan; None when there is one.

    LimitError where a deadline comes before the answer.
    """
    if feasible(problem):
        return None
    names, smallest = _smallest_set(problem)
    ordered = [n for n in (*whole_limits(problem), *class_limits(problem)) if n in set(names)]
    least = least_usd(problem) if problem.limits.usd is not None else None
    return Conflict(tuple(_yielding(problem, name, ordered) for name in ordered), smallest, least)


def feasible(problem: Problem) -> bool:
    """Say whether any plan keeps every limit; LimitError where a deadline comes before that."""
    knapsack = as_knapsack(problem)
    if knapsack is not None:
        from costplan.solve.own import lightest_fits

        return lightest_fits(knapsack)
    # A plan that only tolerances allow is none: what ends without an exact plan misses by a hair.
    found = solve_aim(problem, Aim(None, 1, False), Clock.start(None), 1.0)
    if found.status is Status.LIMIT:
        check_time("it was known whether the limits leave a plan")
    return found.has_plan


def _smallest_set(problem: Problem) -> tuple[list[str], bool]:
    """Return the names of a smallest set, and whether it is proven to be a smallest one."""
    whole, single = whole_limits(problem), class_limits(problem)
    found = _class_alone(problem)
    if found is None:
        bare = without(problem, single)
        if single and feasible(bare):
            part = _irreducible(problem, whole) if not _without_all(problem, whole) else []
            rest = without(problem, set(whole) - set(part))
            found = part + _irreducible(rest, single)
        else:
            found = _irreducible(bare, whole)
    for size in range(1, len(found)):
        # One class limit alone would have been found with its class.
        names = whole if size == 1 else [*whole, *single]
        if comb(len(names), size) > MOST_SUBSETS:
            return found, False
        smaller = next(_conflicting(problem, names, size), None)
        if smaller is not None:
            return smaller, True
    return found, True


def _without_all(problem: Problem, names: Sequence[str]) -> bool:
    """Say whether the limits that are left without these conflict already."""
    return not feasible(without(problem, names))


def _class_alone(problem: Problem) -> list[str] | None:
    """Find a class that its own limits leave without a plan."""
    usable = eligible(problem)
    counts = np.add.reduceat(usable, problem.first[:-1], dtype=np.int64)
    empty = [int(c) for c in np.flatnonzero(counts == 0)]
    if problem.splits and problem.min_accuracy is not None:
        empty += [int(c) for c in np.flatnonzero(problem.min_accuracy.known)]
    found: list[str] | None = None
    for c in sorted(set(empty)):
        part = one_class(problem, c)
        names = _reachable(part, c, problem)
        bare = without(part, whole_limits(part), keep_unknown=False)
        if not names or feasible(bare):
            continue
        sizes = range(1, len(names) + 1)
        least = next(kept for size in sizes for kept in _conflicting(bare, names, size))
        if len(least) == 1:
            return least
        found = found or least
    return found


def _reachable(part: Problem, c: int, problem: Problem) -> list[str]:
    """Name the limits of one class."""
    prefix = f"classes.{problem.class_names[c]}."
    return [name for name in class_limits(part) if name.startswith(prefix)]


def _conflicting(problem: Problem, names: Sequence[str], size: int) -> Iterator[list[str]]:
    """Run through the sets of so many limits that conflict, all other limits left out."""
    others = {*whole_limits(problem), *class_limits(problem)}
    for kept in combinations(names, size):
        if not feasible(without(problem, others - set(kept))):
            yield list(kept)


def one_class(problem: Problem, c: int) -> Problem:
    """Return the problem of one class alone."""
    low, high = int(problem.first[c]), int(problem.first[c + 1])

    def of_class(column: DecimalColumn | None) -> DecimalColumn | None:
        return None if column is None else column.part(slice(c, c + 1))

    def of_options(column: DecimalColumn | None) -> DecimalColumn | None:
        return None if column is None else column.part(slice(low, high))

    return replace(
        problem,
        class_names=[problem.class_names[c]],
        requests=problem.requests.part(slice(c, c + 1)),
        weight=problem.weight.part(slice(c, c + 1)),
        team=problem.team[c : c + 1],
        first=np.array([0, high - low]),
        option_names=[problem.option_names[o] for o in range(low, high)],
        provider=problem.provider[low:high],
        accuracy=problem.accuracy.part(slice(low, high)),
        usd=problem.usd.part(slice(low, high)),
        mean_latency_s=of_options(problem.mean_latency_s),
        p95_latency_s=of_options(problem.p95_latency_s),
        tokens=of_options(problem.tokens),
        pool=None if problem.pool is None else problem.pool[low:high],
        parts=take_parts(problem.parts, np.arange(low, high)),
        min_accuracy=of_class(problem.min_accuracy),
        max_p95_latency_s=of_class(problem.max_p95_latency_s),
    )


def _irreducible(problem: Problem, names: Sequence[str]) -> list[str]:
    """Drop limits, many at a time where possible, as long as the rest still conflicts."""
    kept = list(names)
    size = max(1, len(kept) // 2)
    while True:
        at = 0
        while at < len(kept):
            rest = kept[:at] + kept[at + size :]
            if feasible(without(problem, set(names) - set(rest))):
                at += size
            else:
                kept = rest
        if size == 1:
            return kept
        size = max(1, size // 2)


def _yielding(problem: Problem, name: str, names: Collection[str]) -> Yielding:
    """Find how far one limit would have to give."""
    limit = value_of(problem, name)
    least = _least(problem, name)
    cures = least is not None
    if least is None:
        others = {*whole_limits(problem), *class_limits(problem)} - set(names)
        least = _least(without(problem, others), name)
    if least is None:
        return Yielding(name, limit, None, cures=False)
    with localcontext(WIDE):
        return Yielding(name, limit, abs(least - limit), cures)


def _least(problem: Problem, name: str) -> Decimal | None:
    """Return the nearest value of a limit that leaves a plan; None when there is none."""
    if name.startswith("pools."):
        return _pool_least(problem, name)
    if name.startswith("classes.") and not (problem.splits and name.endswith("min_accuracy")):
        return _class_least(problem, name)
    if name.startswith("classes."):
        owner = name[len("classes.") : -len(".min_accuracy")]
        least = greatest_mix(problem, list(problem.class_names).index(owner))
    else:
        least = least_of(problem, name)
    return None if least is None else _that_works(problem, name, least)


def _that_works(problem: Problem, name: str, least: Decimal) -> Decimal | None:
    """Give a limit a little more until a plan keeps it: the nearest value may miss by a hair."""
    with localcontext(WIDE):
        outward = -PLACES if is_floor(name) else PLACES
        for step in (0, 1, 10, 1000):
            value = max(Decimal(0), least + outward * step)
            if feasible(moved(problem, name, value)):
                return value
    return None


def moved(problem: Problem, name: str, value: Decimal) -> Problem:
    """Return the problem with one limit of the plan or of a class set anew."""
    if not name.startswith("classes."):
        return with_value(problem, name, value)
    owner, _, key = name[len("classes.") :].rpartition(".")
    column: DecimalColumn | None = getattr(problem, key)
    assert column is not None
    held = [column.get(i) for i in range(problem.n_classes)]
    held[list(problem.class_names).index(owner)] = value
    changed = DecimalColumn.from_decimals(held)
    return replace(problem, **{key: changed})  # type: ignore[arg-type]


def is_floor(name: str) -> bool:
    """Say whether a limit gives by falling."""
    return name.startswith("target") or name.endswith(("min_share", "min_accuracy"))


def _class_least(problem: Problem, name: str) -> Decimal | None:
    """Try the values of a class's own options, the nearest first."""
    owner, _, key = name[len("classes.") :].rpartition(".")
    c = list(problem.class_names).index(owner)
    column: DecimalColumn | None = getattr(problem, key)
    assert column is not None
    options = problem.accuracy if key == "min_accuracy" else problem.p95_latency_s
    assert options is not None
    values = {options.get(o) for o in range(int(problem.first[c]), int(problem.first[c + 1]))}
    stated = column.at(c)
    floor = key == "min_accuracy"
    known = [v for v in values if v is not None and (v < stated if floor else v > stated)]
    for value in sorted(known, reverse=floor):
        if feasible(moved(problem, name, value)):
            return value
    return None


def _pool_least(problem: Problem, name: str) -> Decimal | None:
    """Return the fewest GPUs of a pool that leave a plan, by halving."""
    pool_name = name[len("pools.") : -len(".max_gpus")]
    low = int(value_of(problem, name))

    def works(n: int) -> bool:
        pools = tuple(replace(p, max_gpus=n) if p.name == pool_name else p for p in problem.pools)
        return feasible(replace(problem, pools=pools))

    high = max(1, 2 * low)
    while not works(high):
        if high > 10**6:
            return None
        high *= 8
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle) else (middle, high)
    return Decimal(high)

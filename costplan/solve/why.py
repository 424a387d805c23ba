"""Why a class's options were taken or not, and when its choice would change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from itertools import product

import numpy as np

from costplan.solve.amounts import (
    Amount,
    bill_matters,
    per_request,
    quality,
    rows,
    shut_out,
)
from costplan.solve.conflict import one_class
from costplan.solve.decimals import WIDE, from_units
from costplan.solve.fill import fill
from costplan.solve.frontier import with_ceiling
from costplan.solve.hull import steps_of, upper_hulls
from costplan.solve.knapsack import as_knapsack
from costplan.solve.prices import with_splits
from costplan.solve.problem import Problem
from costplan.solve.room import solve
from costplan.solve.shared import pool_tokens_at, usd_at, usd_outside
from costplan.solve.solution import Solution

SCAN = tuple(Decimal(p) / 100 for p in (1, 2, 5, 10, 20, 40, 80, 100, 200, 400))
"""Where a change is looked for when several limits bind: parts of the ceiling, up and down."""
HALVINGS = 10


class Verdict(StrEnum):
    """What became of an option."""

    CHOSEN = "chosen"
    """It takes a share of the class."""
    SHUT_OUT = "shut_out"
    """A limit of its own forbids it."""
    DOMINATED = "dominated"
    """Another option uses no more of anything limited and is at least as good."""
    OFF_HULL = "off_hull"
    """A mix of two options uses no more and is better; whole plans may still need it."""
    AVAILABLE = "available"
    """It would be taken at another price of the ceilings."""


@dataclass(frozen=True, slots=True)
class OptionVerdict:
    """One option of the class."""

    option: int
    """Index in the problem."""
    verdict: Verdict
    share: Decimal
    """Share of the class it takes."""
    limits: tuple[str, ...] = ()
    """Limits that shut it out."""
    beaten_by: tuple[int, ...] = ()
    """The option, or the two of the mix, that beat it."""


@dataclass(frozen=True, slots=True)
class Change:
    """The next change of the class's choice as a ceiling moves."""

    ceiling: str
    """The ceiling that moves."""
    amount: Decimal
    """Where the change begins."""
    before: int
    """Option with the largest share now."""
    after: int
    """Option that comes in."""
    exact: bool
    """Whether the amount is exact for plans with splits; else found by solving again nearby."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything known about the choice of one class."""

    options: tuple[OptionVerdict, ...]
    """All options of the class, in their order."""
    up: Change | None
    """The next change when the ceiling rises; None when none was found."""
    down: Change | None
    """The next change when it falls."""


def explain(
    problem: Problem, solution: Solution, c: int, *, ceiling: str = "usd", look: bool = True
) -> Explanation:
    """Explain the choice of class c in a plan.

    With a single ceiling the next changes are those of the plan with splits, exactly; with several
    limits the problem is solved again at nearby ceilings, which look=False leaves out.
    """
    verdicts = tuple(_verdicts(problem, solution, c))
    stated = getattr(problem.limits, ceiling)
    if stated is None:
        return Explanation(verdicts, None, None)
    steps = _step_changes(problem, c, ceiling)
    if steps is not None:
        return Explanation(verdicts, *steps)
    if not look:
        return Explanation(verdicts, None, None)
    return Explanation(
        verdicts,
        _scan(problem, solution, c, ceiling, up=True),
        _scan(problem, solution, c, ceiling, up=False),
    )


def _verdicts(problem: Problem, solution: Solution, c: int) -> Iterator[OptionVerdict]:
    """Judge every option of a class."""
    part = one_class(problem, c)
    low = int(problem.first[c])
    shares = {option - low: share for option, share in solution.picks_of(c)}
    reasons = [(_full_name(problem, c, name), mask) for name, mask in shut_out(part)]
    shut = [tuple(name for name, mask in reasons if mask[o]) for o in range(part.n_options)]
    usable = [o for o in range(part.n_options) if not shut[o]]
    costs = {o: _costs(part, o) for o in usable}
    gains = {o: _gain(part, o) for o in usable}
    masters = {o: _master(o, costs, gains) for o in usable}
    free = [o for o in usable if masters[o] is None]
    for o in range(part.n_options):
        option = low + o
        if o in shares:
            yield OptionVerdict(option, Verdict.CHOSEN, shares[o])
        elif shut[o]:
            yield OptionVerdict(option, Verdict.SHUT_OUT, Decimal(0), limits=shut[o])
        elif (master := masters[o]) is not None:
            yield OptionVerdict(option, Verdict.DOMINATED, Decimal(0), beaten_by=(low + master,))
        elif (mix := _better_mix(o, free, costs, gains)) is not None:
            pair = (low + mix[0], low + mix[1])
            yield OptionVerdict(option, Verdict.OFF_HULL, Decimal(0), beaten_by=pair)
        else:
            yield OptionVerdict(option, Verdict.AVAILABLE, Decimal(0))


def _full_name(problem: Problem, c: int, name: str) -> str:
    """Name a class's own limit in full."""
    own = name in {"max_p95_latency_s", "min_accuracy"}
    return f"classes.{problem.class_names[c]}.{name}" if own else name


def _costs(part: Problem, o: int) -> tuple[Fraction, ...]:
    """Return what one option uses of everything limited, floors negated, exactly."""
    found = []
    for row in rows(part):
        if row.name.startswith("target"):
            continue
        amount = row.amount.at(0, o)
        found.append(-amount if row.at_least else amount)
    if bill_matters(part):
        contracted = [name for name in part.provider_names if name in part.contracts]
        found += [per_request(part, *usd_at(part, name)).at(0, o) for name in contracted]
        found.append(per_request(part, *usd_outside(part, contracted)).at(0, o))
    for g in range(len(part.pools)):
        found.append(per_request(part, *pool_tokens_at(part, g)).at(0, o))
    return tuple(found)


def _gain(part: Problem, o: int) -> Fraction:
    """Return the quality of one option; for least cost, of what a target or a floor asks for."""
    amount = quality(part)
    if amount is None:
        target = next((row.amount for row in rows(part) if row.name.startswith("target")), None)
        amount = target if isinstance(target, Amount) else None
        if amount is None and part.splits and part.min_accuracy is not None:
            amount = per_request(part, part.accuracy)
    return Fraction(0) if amount is None else amount.at(0, o)


def _master(
    o: int, costs: dict[int, tuple[Fraction, ...]], gains: dict[int, Fraction]
) -> int | None:
    """Find an option that is at least as good and uses no more of anything."""
    mine, gain = costs[o], gains[o]
    for other, cost in costs.items():
        if other == o or gains[other] < gain or not _within(cost, mine):
            continue
        if gains[other] > gain or cost != mine or other < o:
            return other
    return None


def _better_mix(
    o: int,
    free: list[int],
    costs: dict[int, tuple[Fraction, ...]],
    gains: dict[int, Fraction],
) -> tuple[int, int] | None:
    """Find two options, not dominated, whose mix is as good and uses no more."""
    mine, gain = costs[o], gains[o]
    lower = [a for a in free if gains[a] < gain]
    higher = [b for b in free if gains[b] > gain]
    rough, roughly = {x: [float(v) for v in costs[x]] for x in free}, [float(v) for v in mine]
    level = {x: float(gains[x]) for x in free}
    for a, b in product(lower, higher):
        # Fractions are slow: floats tell first what they can tell surely.
        part = (float(gain) - level[a]) / ((level[b] - level[a]) or 1.0)
        if _surely_more(rough[a], rough[b], part, roughly):
            continue
        share = (gain - gains[a]) / (gains[b] - gains[a])
        mix = tuple(x + share * (y - x) for x, y in zip(costs[a], costs[b], strict=True))
        if _within(mix, mine):
            return a, b
    return None


def _surely_more(low: list[float], high: list[float], part: float, most: list[float]) -> bool:
    """Say whether a mix uses more of something, by more than floats may be wrong."""
    return any(
        x + part * (y - x) - z > 1e-6 * (abs(x) + abs(y) + abs(z))
        for x, y, z in zip(low, high, most, strict=True)
    )


def _within(costs: tuple[Fraction, ...], limit: tuple[Fraction, ...]) -> bool:
    """Say whether nothing is used more."""
    return all(x <= y for x, y in zip(costs, limit, strict=True))


def _step_changes(
    problem: Problem, c: int, ceiling: str
) -> tuple[Change | None, Change | None] | None:
    """Return the next changes up and down from the steps of a single ceiling; None for others."""
    loose = with_splits(problem)
    knapsack = None if loose is None else as_knapsack(loose)
    if loose is None or knapsack is None or knapsack.row is None or knapsack.row.name != ceiling:
        return None
    hulls = upper_hulls(knapsack.weight(), knapsack.gain, knapsack.first, knapsack.keep)
    steps = steps_of(hulls)
    filled = fill(knapsack, hulls, steps)
    if filled is None:
        return None, None
    corners = np.arange(hulls.start[c], hulls.start[c + 1])
    mine = np.flatnonzero(np.isin(steps.corner, corners))
    places = _places(problem, loose, c)

    def change(k: int, *, up: bool) -> Change:
        j = int(steps.corner[k])
        until = k if up else k + 1
        owners = np.repeat(np.arange(loose.n_classes), np.diff(hulls.start))
        done = np.bincount(owners[steps.corner[:until]], minlength=loose.n_classes)
        options = hulls.option[hulls.start[:-1] + done]
        amount = Fraction(knapsack.weight_units(options), 10**knapsack.exponent)
        assert knapsack.row is not None
        old, new = hulls.option[[j]], hulls.option[[j + 1]]
        if not up:
            old, new = new, old
        if knapsack.blend is not None:
            old, new = knapsack.blend.change(old, new)
        before, after = places[int(old[0])], places[int(new[0])]
        return Change(ceiling, _decimal(amount / knapsack.row.per), before, after, exact=True)

    partial = filled.left > 0
    later = mine[mine > filled.taken] if partial else mine[mine >= filled.taken]
    earlier = mine[mine < filled.taken]
    up = change(int(later[0]), up=True) if len(later) else None
    return up, change(int(earlier[-1]), up=False) if len(earlier) else None


def _places(problem: Problem, loose: Problem, c: int) -> dict[int, int]:
    """Return the index in the problem of each option of class c in the loosened problem."""
    low, high = int(problem.first[c]), int(problem.first[c + 1])
    start = int(loose.first[c])
    if loose.n_options == problem.n_options:
        return {o: o for o in range(low, high)}
    shut = np.zeros(problem.n_options, dtype=np.bool_)
    for _, mask in shut_out(problem):
        shut |= mask
    usable = [o for o in range(low, high) if not shut[o]]
    return {start + i: o for i, o in enumerate(usable)}


def _decimal(amount: Fraction) -> Decimal:
    """Return an amount as a decimal, exactly where it is one, else to 28 digits."""
    denominator = amount.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    if denominator == 1:
        places = max(amount.denominator.bit_length(), 1)
        return from_units(int(amount * 10**places), places)
    with localcontext() as context:
        context.prec = 28
        return Decimal(amount.numerator) / Decimal(amount.denominator)


def _scan(problem: Problem, solution: Solution, c: int, ceiling: str, *, up: bool) -> Change | None:
    """Solve at ceilings farther and farther away until the choice differs, then halve."""
    stated: Decimal = getattr(problem.limits, ceiling)
    held = dict(solution.picks_of(c))
    same = stated
    for part in SCAN:
        factor = 1 + part if up else 1 / (1 + part)
        with localcontext(WIDE):
            amount = (stated * factor).quantize(Decimal("1e-6"))
        found = solve(with_ceiling(problem, ceiling, amount))
        if not found.has_plan:
            return None
        if set(dict(found.picks_of(c))) != set(held):
            return _halved(problem, solution, c, ceiling, same, amount)
        same = amount
    return None


def _halved(
    problem: Problem, solution: Solution, c: int, ceiling: str, same: Decimal, other: Decimal
) -> Change:
    """Narrow down where the choice changes between two ceilings."""
    held = set(dict(solution.picks_of(c)))
    found = solve(with_ceiling(problem, ceiling, other))
    for _ in range(HALVINGS):
        with localcontext(WIDE):
            middle = ((same + other) / 2).quantize(Decimal("1e-6"))
        tried = solve(with_ceiling(problem, ceiling, middle))
        if tried.has_plan and set(dict(tried.picks_of(c))) != held:
            other, found = middle, tried
        else:
            same = middle
    came = [o for o, _ in found.picks_of(c) if o not in held]
    before = int(solution.main[c])
    after = came[0] if came else int(found.main[c])
    return Change(ceiling, other, before, after, exact=False)

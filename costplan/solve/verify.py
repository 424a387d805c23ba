"""Add a plan up again, independently of every solver, in exact integers and decimals.

No tolerance: a limit met with equality is met, and one unit of the last place above it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np

from costplan.solve.decimals import (
    WIDE,
    Bools,
    DecimalColumn,
    Ints,
    Units,
    exact_dot,
    from_units,
    products,
    scaled,
)
from costplan.solve.problem import Contract, Goal, Problem
from costplan.solve.solution import SHARE_PLACES, Pick

RATIO_PLACES = 28
"""Digits of a mean or a share; whether its limit is kept is decided without dividing."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of one limit a plan uses."""

    name: str
    """The limit: "usd", "teams.search.usd", "providers.openai.min_share", "target" …"""
    limit: Decimal
    """The limit as stated."""
    used: Decimal | None
    """What the plan uses; None when a number it needs is unknown."""
    at_least: bool
    """Whether the limit is a floor."""
    kept: bool
    """Whether the plan keeps it, decided exactly."""

    @property
    def slack(self) -> Decimal | None:
        """Distance to the limit, negative when it is broken."""
        if self.used is None:
            return None
        with localcontext(WIDE):
            return self.used - self.limit if self.at_least else self.limit - self.used


@dataclass(frozen=True, slots=True)
class Audit:
    """A plan added up."""

    usages: tuple[Usage, ...]
    """Every ceiling of the whole plan, and the limits of classes that are broken."""
    faults: tuple[str, ...]
    """What makes it no plan at all: shares that do not add up to 1, a foreign option."""
    bill_usd: Decimal
    """Provider bills after tiers and commitments, and GPUs."""
    list_usd: Mapping[str, Decimal]
    """List spend per provider, without pools."""
    billed_usd: Mapping[str, Decimal]
    """Bill per provider."""
    gpus: tuple[int, ...]
    """Fewest GPUs per pool that carry its tokens."""
    pool_tokens: tuple[Decimal, ...]
    """Tokens per pool."""
    value: Decimal
    """Requests * weight * accuracy, added up."""
    accuracy: Decimal | None
    """Request-weighted mean accuracy; None without requests."""
    mean_latency_s: Decimal | None
    """Request-weighted mean latency; None when one of them is unknown."""
    objective: Decimal
    """What the goal of the problem asks for."""

    @property
    def violations(self) -> tuple[Usage, ...]:
        """Return the limits that are broken."""
        return tuple(usage for usage in self.usages if not usage.kept)

    @property
    def ok(self) -> bool:
        """Whether it is a plan and keeps every limit."""
        return not self.faults and not self.violations


def verify(problem: Problem, main: Ints, splits: Mapping[int, Sequence[Pick]]) -> Audit:
    """Recompute every limit and the objective of a plan without any tolerance.

    main has shape (n_classes,); splits holds the picks of classes over several options.
    """
    faults = _faults(problem, main, splits)
    tally = _Tally.of(problem, main, splits)
    list_usd = {
        name: tally.total(problem.requests, problem.usd, tally.paid & (tally.provider == code))
        for code, name in enumerate(problem.provider_names)
    }
    billed = {name: _billed(problem.contracts.get(name), usd) for name, usd in list_usd.items()}
    pool_tokens = tuple(
        tally.total(problem.requests, problem.tokens, tally.pool == g)
        for g in range(len(problem.pools))
    )
    gpus = tuple(
        _gpus(tokens, pool.tokens_per_gpu)
        for tokens, pool in zip(pool_tokens, problem.pools, strict=True)
    )
    with localcontext(WIDE):
        bill = sum(billed.values(), Decimal(0)) + sum(
            (n * pool.usd_per_gpu for n, pool in zip(gpus, problem.pools, strict=True)), Decimal(0)
        )
    value = tally.total(problem.requests, problem.accuracy, tally.all, weight=problem.weight)
    correct = tally.total(problem.requests, problem.accuracy, tally.all)
    requests = tally.total(problem.requests, None, tally.all)
    usages = [
        *_money_usages(problem, tally, bill, list_usd),
        *_latency_usages(problem, tally),
        *_provider_usages(problem, tally, requests),
        *_target_usages(problem, value, correct, requests),
        *_pool_usages(problem, gpus),
        *_class_usages(problem, tally),
    ]
    accuracy = _ratio(correct, requests)
    objective = {
        Goal.VALUE: value,
        Goal.ACCURACY: accuracy if accuracy is not None else Decimal(0),
        Goal.NET_VALUE: WIDE.subtract(value, bill),
        Goal.COST: bill,
    }[problem.objective.goal]
    return Audit(
        usages=tuple(usages),
        faults=tuple(faults),
        bill_usd=bill,
        list_usd=list_usd,
        billed_usd=billed,
        gpus=gpus,
        pool_tokens=pool_tokens,
        value=value,
        accuracy=accuracy,
        mean_latency_s=tally.mean_latency(tally.all),
        objective=objective,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Tally:
    """The picks as flat arrays: whole classes first, then the parts of split ones."""

    problem: Problem
    classes: Ints
    options: Ints
    shares: Sequence[int]
    """Shares of the split parts in units of 10**-SHARE_PLACES."""
    n_whole: int
    provider: Ints
    pool: Ints
    paid: Bools
    all: Bools

    @classmethod
    def of(cls, problem: Problem, main: Ints, splits: Mapping[int, Sequence[Pick]]) -> _Tally:
        whole = np.ones(len(main), dtype=np.bool_)
        whole[list(splits)] = False
        parts = [(c, o, share) for c in sorted(splits) for o, share in splits[c]]
        at = np.flatnonzero(whole)
        classes = np.concatenate([at, np.array([p[0] for p in parts], dtype=np.int64)])
        options = np.concatenate([main[at], np.array([p[1] for p in parts], dtype=np.int64)])
        pool = np.full(len(options), -1) if problem.pool is None else problem.pool[options]
        return cls(
            problem,
            classes,
            options,
            [scaled(p[2], SHARE_PLACES) for p in parts],
            len(at),
            problem.provider[options],
            pool,
            pool < 0,
            np.ones(len(options), dtype=np.bool_),
        )

    def total(
        self,
        per_class: DecimalColumn,
        per_option: DecimalColumn | None,
        keep: Bools,
        weight: DecimalColumn | None = None,
    ) -> Decimal:
        """Add up class number * option number * share over the parts that count."""
        n = self.n_whole
        at = np.flatnonzero(keep)
        left: Units = per_class.units[self.classes[at]]
        places = per_class.exponent
        if weight is not None:
            left = products(left, weight.units[self.classes[at]])
            places += weight.exponent
        right: Units = np.ones(len(at), dtype=np.int64)
        if per_option is not None:
            right = per_option.units[self.options[at]]
            places += per_option.exponent
        cut = int(np.searchsorted(at, n))
        units = exact_dot(left[:cut], right[:cut]) * 10**SHARE_PLACES
        for i in range(cut, len(at)):
            units += int(left[i]) * int(right[i]) * self.shares[int(at[i]) - n]
        return from_units(units, places + SHARE_PLACES)

    def knows(self, column: DecimalColumn | None, keep: Bools) -> bool:
        """Say whether a number is known wherever it counts and there are requests."""
        at = np.flatnonzero(keep)
        if column is None:
            return len(at) == 0
        if column.missing is None:
            return True
        gaps = column.missing[self.options[at]]
        return not bool(gaps.any())

    def mean_latency(self, keep: Bools) -> Decimal | None:
        """Return the request-weighted mean latency of the parts, where it is known."""
        column = self.problem.mean_latency_s
        if not self.knows(column, keep):
            return None
        seconds = self.total(self.problem.requests, column, keep)
        return _ratio(seconds, self.total(self.problem.requests, None, keep))


def _faults(problem: Problem, main: Ints, splits: Mapping[int, Sequence[Pick]]) -> list[str]:
    """Find what makes the picks no plan."""
    if len(main) != problem.n_classes:
        raise ValueError(f"{len(main)} picks for {problem.n_classes} classes")
    foreign = (main < problem.first[:-1]) | (main >= problem.first[1:])
    faults = [
        f"class {problem.class_names[int(c)]}: foreign option" for c in np.flatnonzero(foreign)
    ]
    for c, parts in splits.items():
        name = problem.class_names[c]
        if not problem.splits and len(parts) > 1:
            faults.append(f"class {name}: split although splits are not allowed")
        with localcontext(WIDE):
            whole = sum((share for _, share in parts), Decimal(0))
        if whole != 1 or any(share <= 0 for _, share in parts):
            faults.append(f"class {name}: shares are not positive parts of 1")
        if any(not problem.first[c] <= o < problem.first[c + 1] for o, _ in parts):
            faults.append(f"class {name}: foreign option")
    return faults


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    """Divide, to RATIO_PLACES digits; None when there is nothing to divide by."""
    if whole == 0:
        return None
    with localcontext() as context:
        context.prec = RATIO_PLACES
        return part / whole


def _billed(contract: Contract | None, spend_usd: Decimal) -> Decimal:
    """Apply tiers step by step and the commitment where it is cheaper."""
    if contract is None:
        return spend_usd
    with localcontext(WIDE):
        bill, start = Decimal(0), Decimal(0)
        for i, tier in enumerate(contract.tiers):
            last = i == len(contract.tiers) - 1
            end = spend_usd
            if tier.up_to_usd is not None and not last:
                end = min(spend_usd, tier.up_to_usd)
            bill += max(Decimal(0), end - start) * tier.multiplier
            start = max(start, end)
        if not contract.tiers:
            bill = spend_usd
        signed = contract.commitment
        if signed is None:
            return bill
        return min(bill, max(signed.usd, signed.multiplier * spend_usd))


def _gpus(tokens: Decimal, tokens_per_gpu: Decimal) -> int:
    """Return the fewest GPUs that carry the tokens; an absurd number where none can."""
    if tokens == 0:
        return 0
    if tokens_per_gpu == 0:
        return 2**62
    with localcontext(WIDE):
        whole, rest = divmod(tokens, tokens_per_gpu)
        return int(whole) + (rest > 0)


def _usage(
    name: str, limit: Decimal, used: Decimal | None, at_least: bool = False, *, per: Decimal
) -> Usage:
    """Compare used with limit * per exactly, and report used / per."""
    with localcontext(WIDE):
        if used is None:
            return Usage(name, limit, None, at_least, kept=per == 0)
        kept = used >= limit * per if at_least else used <= limit * per
    ratio = used if per == 1 else _ratio(used, per)
    return Usage(name, limit, Decimal(0) if ratio is None else ratio, at_least, kept)


def _money_usages(
    problem: Problem, tally: _Tally, bill: Decimal, list_usd: Mapping[str, Decimal]
) -> list[Usage]:
    """Compare the bill, the teams and the providers with their dollars."""
    limits, one = problem.limits, Decimal(1)
    found = [] if limits.usd is None else [_usage("usd", limits.usd, bill, per=one)]
    for name, limit in limits.team_usd.items():
        keep = tally.paid & _team(problem, tally, name)
        used = tally.total(problem.requests, problem.usd, keep)
        found.append(_usage(f"teams.{name}.usd", limit, used, per=one))
    for name, limit in limits.provider_usd.items():
        used = list_usd.get(name, Decimal(0))
        found.append(_usage(f"providers.{name}.usd", limit, used, per=one))
    return found


def _team(problem: Problem, tally: _Tally, name: str) -> Bools:
    """Mark the parts of a team's classes; none for an unknown team."""
    code = problem.team_names.index(name) if name in problem.team_names else -2
    return np.asarray(problem.team[tally.classes] == code)


def _latency_usages(problem: Problem, tally: _Tally) -> list[Usage]:
    """Compare mean latencies with their ceilings."""
    named = [(f"teams.{n}.mean_latency_s", v, _team(problem, tally, n))
             for n, v in problem.limits.team_mean_latency_s.items()]  # fmt: skip
    if problem.limits.mean_latency_s is not None:
        named.insert(0, ("mean_latency_s", problem.limits.mean_latency_s, tally.all))
    found = []
    for name, limit, keep in named:
        requests = tally.total(problem.requests, None, keep)
        known = tally.knows(problem.mean_latency_s, keep)
        used = tally.total(problem.requests, problem.mean_latency_s, keep) if known else None
        found.append(_usage(name, limit, used, per=requests))
    return found


def _provider_usages(problem: Problem, tally: _Tally, requests: Decimal) -> list[Usage]:
    """Compare tokens and shares of providers with their limits."""
    codes = {name: code for code, name in enumerate(problem.provider_names)}
    found = []
    for name, limit in problem.limits.provider_tokens.items():
        keep = tally.paid & (tally.provider == codes.get(name, -2))
        known = tally.knows(problem.tokens, keep)
        used = tally.total(problem.requests, problem.tokens, keep) if known else None
        found.append(_usage(f"providers.{name}.tokens", limit, used, per=Decimal(1)))
    for key, floors in (("min_share", True), ("max_share", False)):
        for name, limit in getattr(problem.limits, f"provider_{key}").items():
            used = tally.total(problem.requests, None, tally.provider == codes.get(name, -2))
            found.append(_usage(f"providers.{name}.{key}", limit, used, floors, per=requests))
    return found


def _target_usages(
    problem: Problem, value: Decimal, correct: Decimal, requests: Decimal
) -> list[Usage]:
    """Compare value and accuracy with the targets of a least-cost plan."""
    goal, found = problem.objective, []
    if goal.target_value is not None:
        found.append(_usage("target", goal.target_value, value, True, per=Decimal(1)))
    if goal.target_accuracy is not None:
        name = "target" if goal.target_value is None else "target_accuracy"
        found.append(_usage(name, goal.target_accuracy, correct, True, per=requests))
    return found


def _pool_usages(problem: Problem, gpus: Sequence[int]) -> list[Usage]:
    """Compare the GPUs needed with those that can be had."""
    return [
        Usage(f"pools.{pool.name}.max_gpus", Decimal(pool.max_gpus), Decimal(n), False,
              kept=n <= pool.max_gpus)
        for pool, n in zip(problem.pools, gpus, strict=True)
    ]  # fmt: skip


def _class_usages(problem: Problem, tally: _Tally) -> list[Usage]:
    """Find the classes whose accuracy floor or p95 limit is broken."""
    found: list[Usage] = []
    for c in _below_floor(problem, tally):
        assert problem.min_accuracy is not None
        name = f"classes.{problem.class_names[c]}.min_accuracy"
        mixed = tally.total(_ones(problem), problem.accuracy, tally.classes == c)
        found.append(_usage(name, problem.min_accuracy.at(c), mixed, True, per=Decimal(1)))
    if problem.max_p95_latency_s is not None:
        limited = problem.max_p95_latency_s.known
        for i in np.flatnonzero(limited[tally.classes]):
            c, o = int(tally.classes[i]), int(tally.options[i])
            column, limit = problem.p95_latency_s, problem.max_p95_latency_s.at(c)
            p95 = None if column is None else column.get(o)
            if p95 is None or p95 > limit:
                name = f"classes.{problem.class_names[c]}.max_p95_latency_s"
                found.append(Usage(name, limit, p95, False, kept=False))
    return found


def _ones(problem: Problem) -> DecimalColumn:
    """Return a column of ones, one per class."""
    return DecimalColumn(np.ones(problem.n_classes, dtype=np.int64), 0)


def _below_floor(problem: Problem, tally: _Tally) -> list[int]:
    """Return the classes whose mix lies below their floor, exactly."""
    if problem.min_accuracy is None:
        return []
    shares = {int(c): Decimal(0) for c in tally.classes[tally.n_whole :]}
    with localcontext(WIDE):
        for i, units in enumerate(tally.shares):
            at = tally.n_whole + i
            part = problem.accuracy.at(int(tally.options[at])) * from_units(units, SHARE_PLACES)
            shares[int(tally.classes[at])] += part
    for i in range(tally.n_whole):
        c = int(tally.classes[i])
        if problem.min_accuracy.get(c) is not None:
            shares[c] = problem.accuracy.at(int(tally.options[i]))
    floors = ((c, problem.min_accuracy.get(c)) for c in shares)
    return sorted(c for c, floor in floors if floor is not None and shares[c] < floor)

"""How much of every limit a plan uses, compared exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np

from costplan.solve.decimals import WIDE, Bools, DecimalColumn
from costplan.solve.pick import SHARE_PLACES
from costplan.solve.problem import Problem
from costplan.solve.shared import requests_at, tokens_at
from costplan.solve.tally import Tally, ratio


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


def _usage(
    name: str, limit: Decimal, used: Decimal | None, at_least: bool = False, *, per: Decimal
) -> Usage:
    """Compare used with limit * per exactly, and report used / per."""
    with localcontext(WIDE):
        if used is None:
            return Usage(name, limit, None, at_least, kept=False)
        kept = used >= limit * per if at_least else used <= limit * per
    part = used if per == 1 else ratio(used, per)
    return Usage(name, limit, Decimal(0) if part is None else part, at_least, kept)


def money_usages(
    problem: Problem, tally: Tally, bill: Decimal, list_usd: Mapping[str, Decimal]
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


def _team(problem: Problem, tally: Tally, name: str) -> Bools:
    """Mark the parts of a team's classes; none for an unknown team."""
    code = problem.team_names.index(name) if name in problem.team_names else -2
    return np.asarray(problem.team[tally.classes] == code)


def latency_usages(problem: Problem, tally: Tally) -> list[Usage]:
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


def provider_usages(problem: Problem, tally: Tally, requests: Decimal) -> list[Usage]:
    """Compare tokens and shares of providers with their limits."""
    found = []
    for name, limit in problem.limits.provider_tokens.items():
        tokens = tokens_at(problem, name)
        used = tally.total_of(tokens) if tally.knows_of(tokens) else None
        found.append(_usage(f"providers.{name}.tokens", limit, used, per=Decimal(1)))
    for key, floors in (("min_share", True), ("max_share", False)):
        for name, limit in getattr(problem.limits, f"provider_{key}").items():
            used = tally.total_of(requests_at(problem, name))
            found.append(_usage(f"providers.{name}.{key}", limit, used, floors, per=requests))
    return found


def target_usages(
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


def pool_usages(problem: Problem, gpus: Sequence[int]) -> list[Usage]:
    """Compare the GPUs needed with those that can be had."""
    return [
        Usage(f"pools.{pool.name}.max_gpus", Decimal(pool.max_gpus), Decimal(n), False,
              kept=n <= pool.max_gpus)
        for pool, n in zip(problem.pools, gpus, strict=True)
    ]  # fmt: skip


def class_usages(problem: Problem, tally: Tally) -> list[Usage]:
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


def _below_floor(problem: Problem, tally: Tally) -> list[int]:
    """Return the classes whose mix lies below their floor, exactly."""
    floor, accuracy = problem.min_accuracy, problem.accuracy
    if floor is None:
        return []
    share = np.full(len(tally.classes), 10**SHARE_PLACES, dtype=object)
    share[tally.n_whole :] = tally.shares
    at = np.flatnonzero(floor.known[tally.classes])
    reached = np.zeros(problem.n_classes, dtype=object)
    parts = accuracy.units[tally.options[at]].astype(object) * share[at]
    np.add.at(reached, tally.classes[at], parts)
    mine = np.unique(tally.classes[at])
    needed = floor.units[mine].astype(object) * 10 ** (SHARE_PLACES + accuracy.exponent)
    return [int(c) for c in mine[reached[mine] * 10**floor.exponent < needed]]

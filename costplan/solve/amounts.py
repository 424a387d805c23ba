"""Amounts that are linear in the shares, exact and as floats, and the limits on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from costplan.solve.decimals import (
    Bools,
    DecimalColumn,
    Floats,
    Ints,
    Units,
    exact_dot,
    exact_sum,
    products,
)
from costplan.solve.problem import Goal, Problem
from costplan.solve.shared import pool_tokens_at, requests_at, tokens_at, unknown_at, usd_at


@dataclass(frozen=True, slots=True, eq=False)
class Amount:
    """Sum over options of class number * option number * share."""

    class_units: Units
    """Integers, shape (n_classes,)."""
    option_units: Units
    """Integers, shape (n_options,)."""
    exponent: int
    """A coefficient is the product of both times 10**-exponent."""
    keep: Bools | None = None
    """Options that count, shape (n_options,); None when all do."""

    def floats(self, first: Ints) -> Floats:
        """Return the coefficients as floats, shape (n_options,)."""
        per_class = self.class_units.astype(np.float64) / float(10**self.exponent)
        found = np.repeat(per_class, np.diff(first))
        found *= self.option_units.astype(np.float64, copy=False)
        if self.keep is not None:
            found *= self.keep
        return found

    def units_at(self, c: int, o: int) -> int:
        """Return the coefficient of option o of class c in units of 10**-exponent."""
        if self.keep is not None and not self.keep[o]:
            return 0
        return int(self.class_units[c]) * int(self.option_units[o])

    def at(self, c: int, o: int) -> Fraction:
        """Return the coefficient of option o of class c exactly."""
        return Fraction(self.units_at(c, o), 10**self.exponent)

    def total_units(self, options: Ints, classes: Ints | None = None) -> int:
        """Add up one option per class, exactly, in units of 10**-exponent."""
        left = self.class_units if classes is None else self.class_units[classes]
        right = self.option_units[options]
        if self.keep is not None:
            right = right * self.keep[options]
        return exact_dot(left, right)

    def total(self, options: Ints, classes: Ints) -> Fraction:
        """Add up one option for each of some classes, exactly."""
        return Fraction(self.total_units(options, classes), 10**self.exponent)


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """Amounts added up with exact multipliers, less a constant part."""

    terms: tuple[tuple[Amount, Fraction], ...]
    """Amounts and what each is multiplied by."""

    def floats(self, first: Ints) -> Floats:
        """Return the coefficients as floats, shape (n_options,)."""
        found = np.zeros(int(first[-1]))
        for amount, factor in self.terms:
            found += amount.floats(first) * float(factor)
        return found

    def at(self, c: int, o: int) -> Fraction:
        """Return the coefficient of option o of class c exactly."""
        return sum((factor * amount.at(c, o) for amount, factor in self.terms), Fraction(0))

    def total(self, options: Ints, classes: Ints) -> Fraction:
        """Add up one option for each of some classes, exactly."""
        return sum((f * a.total(options, classes) for a, f in self.terms), Fraction(0))


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One linear limit of the whole plan."""

    name: str
    """Name of the limit as the plan states it."""
    amount: Amount | Combination
    """What is limited."""
    limit: Fraction
    """Most of it, or least of it."""
    at_least: bool = False
    """Whether the limit is a floor."""
    per: Fraction = Fraction(1)
    """The stated limit is the row's limit divided by this (requests, for means and shares)."""


def value_amount(problem: Problem) -> Amount:
    """Return requests * weight * accuracy."""
    left = products(problem.requests.units, problem.weight.units)
    places = problem.requests.exponent + problem.weight.exponent + problem.accuracy.exponent
    return Amount(left, problem.accuracy.units, places)


def per_request(
    problem: Problem, column: DecimalColumn | None, keep: Bools | None = None
) -> Amount:
    """Return requests * column, or requests alone without a column."""
    if column is None:
        ones = np.ones(problem.n_options, dtype=np.int64)
        return Amount(problem.requests.units, ones, problem.requests.exponent, keep)
    places = problem.requests.exponent + column.exponent
    return Amount(problem.requests.units, column.units, places, keep)


def list_spend(problem: Problem, keep: Bools | None = None) -> Amount:
    """Return requests * list price of the options without a pool."""
    if problem.pool is not None:
        paid = ~problem.in_pool()
        keep = paid if keep is None else keep & paid
    return per_request(problem, problem.usd, keep)


def total_requests(problem: Problem, classes: Bools | None = None) -> Fraction:
    """Add up the requests of some classes exactly."""
    units = problem.requests.units if classes is None else problem.requests.units[classes]
    return Fraction(exact_sum(units), 10**problem.requests.exponent)


def of_team(problem: Problem, name: str) -> Bools:
    """Mark the classes of a team, shape (n_classes,)."""
    code = problem.team_names.index(name) if name in problem.team_names else -2
    return np.asarray(problem.team == code)


def plain_bill(problem: Problem) -> bool:
    """Say whether the bill is list spend: no contract that a provider has, and no GPUs."""
    named = set(problem.provider_names) & set(problem.contracts)
    return not named and not problem.pools


def bill_matters(problem: Problem) -> bool:
    """Say whether the bill is limited or part of the objective."""
    billed = problem.objective.goal in {Goal.COST, Goal.NET_VALUE}
    return billed or problem.limits.usd is not None


def eligible(problem: Problem) -> Bools:
    """Mark the options that may be used at all, shape (n_options,)."""
    keep = np.ones(problem.n_options, dtype=np.bool_)
    for reason in shut_out(problem):
        keep &= ~reason[1]
    return keep


def shut_out(problem: Problem) -> Iterable[tuple[str, Bools]]:
    """List the options that a limit shuts out by itself, limit by limit."""
    limits = problem.limits
    if problem.max_p95_latency_s is not None:
        yield "max_p95_latency_s", _too_slow(problem)
    if problem.min_accuracy is not None and not problem.splits:
        yield "min_accuracy", too_weak(problem)
    unknown = _unknown(problem.mean_latency_s, problem.n_options)
    if limits.mean_latency_s is not None and unknown.any():
        yield "mean_latency_s", unknown
    for name in limits.team_mean_latency_s:
        if unknown.any():
            in_team = np.repeat(of_team(problem, name), np.diff(problem.first))
            yield f"teams.{name}.mean_latency_s", unknown & in_team
    if _lacks_tokens(problem):
        for name in limits.provider_tokens:
            yield f"providers.{name}.tokens", unknown_at(problem, tokens_at(problem, name))
        for g in range(len(problem.pools)):
            yield "pools", unknown_at(problem, pool_tokens_at(problem, g))


def _lacks_tokens(problem: Problem) -> bool:
    """Say whether the tokens of any option or part are unknown."""
    parts = problem.parts
    known = problem.tokens is not None and problem.tokens.missing is None
    return not known or (parts is not None and parts.tokens.missing is not None)


def _unknown(column: DecimalColumn | None, n_options: int) -> Bools:
    """Mark the options without a number."""
    if column is None:
        return np.ones(n_options, dtype=np.bool_)
    if column.missing is None:
        return np.zeros(n_options, dtype=np.bool_)
    return column.missing


def _too_slow(problem: Problem) -> Bools:
    """Mark options above their class's p95 limit, or of unknown p95 under one."""
    limit = problem.max_p95_latency_s
    assert limit is not None
    counts = np.diff(problem.first)
    limited = np.repeat(limit.known, counts)
    if problem.p95_latency_s is None:
        return limited
    above = _above(problem.p95_latency_s, limit, counts)
    return np.asarray(limited & (above | _unknown(problem.p95_latency_s, problem.n_options)))


def too_weak(problem: Problem) -> Bools:
    """Mark options below their class's accuracy floor."""
    floor = problem.min_accuracy
    assert floor is not None
    counts = np.diff(problem.first)
    below = _above(problem.accuracy, floor, counts, sign=-1)
    return np.asarray(np.repeat(floor.known, counts) & below)


def _above(column: DecimalColumn, limit: DecimalColumn, counts: Ints, sign: int = 1) -> Bools:
    """Compare options with a number of their class exactly: sign * (option - class) > 0."""
    places = max(column.exponent, limit.exponent)
    left = rescaled(column, places)
    right = np.repeat(rescaled(limit, places), counts)
    return np.asarray(left > right if sign > 0 else left < right, dtype=np.bool_)


def rescaled(column: DecimalColumn, places: int) -> Units:
    """Return the units of a column at more decimal places."""
    factor = 10 ** (places - column.exponent)
    most = int(np.abs(column.units).max()) if len(column.units) else 0
    if most * factor < 2**63:
        return np.asarray(column.units * factor)
    return np.asarray(column.units.astype(object) * factor)


def rows(problem: Problem) -> list[Row]:
    """List the linear limits of the whole plan; the bill is not one of them."""
    limits = problem.limits
    found = []
    counts = np.diff(problem.first)
    for name, usd in limits.team_usd.items():
        keep = np.repeat(of_team(problem, name), counts)
        found.append(Row(f"teams.{name}.usd", list_spend(problem, keep), Fraction(usd)))
    for name, usd in limits.provider_usd.items():
        spend = per_request(problem, *usd_at(problem, name))
        found.append(Row(f"providers.{name}.usd", spend, Fraction(usd)))
    for name, tokens in limits.provider_tokens.items():
        amount = per_request(problem, *tokens_at(problem, name))
        found.append(Row(f"providers.{name}.tokens", amount, Fraction(tokens)))
    return found + _share_rows(problem) + _latency_rows(problem) + _target_rows(problem)


def _share_rows(problem: Problem) -> list[Row]:
    """List the least and greatest shares of providers."""
    whole, found = total_requests(problem), []
    for key, at_least in (("min_share", True), ("max_share", False)):
        for name, share in getattr(problem.limits, f"provider_{key}").items():
            amount = per_request(problem, *requests_at(problem, name))
            row = f"providers.{name}.{key}"
            found.append(Row(row, amount, Fraction(share) * whole, at_least, per=whole))
    return found


def _latency_rows(problem: Problem) -> list[Row]:
    """List the ceilings on mean latency."""
    found, limits = [], problem.limits
    if limits.mean_latency_s is not None:
        whole = total_requests(problem)
        amount = per_request(problem, problem.mean_latency_s)
        limit = Fraction(limits.mean_latency_s) * whole
        found.append(Row("mean_latency_s", amount, limit, per=whole))
    for name, seconds in limits.team_mean_latency_s.items():
        classes = of_team(problem, name)
        keep, whole = np.repeat(classes, np.diff(problem.first)), total_requests(problem, classes)
        amount = per_request(problem, problem.mean_latency_s, keep)
        limit = Fraction(seconds) * whole
        found.append(Row(f"teams.{name}.mean_latency_s", amount, limit, per=whole))
    return found


def _target_rows(problem: Problem) -> list[Row]:
    """List the quality targets of a least-cost plan."""
    goal, found = problem.objective, []
    if goal.target_value is not None:
        found.append(Row("target", value_amount(problem), Fraction(goal.target_value), True))
    if goal.target_accuracy is not None:
        whole = total_requests(problem)
        name = "target" if goal.target_value is None else "target_accuracy"
        amount = per_request(problem, problem.accuracy)
        found.append(Row(name, amount, Fraction(goal.target_accuracy) * whole, True, per=whole))
    return found


def quality(problem: Problem) -> Amount | None:
    """Return what is made large apart from the bill; None for least cost."""
    goal = problem.objective.goal
    if goal is Goal.COST:
        return None
    if goal is Goal.ACCURACY:
        return per_request(problem, problem.accuracy)
    return value_amount(problem)

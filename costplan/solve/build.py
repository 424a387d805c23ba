"""Plain rows to a Problem: every digit kept, every impossible number refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

import numpy as np

from costplan.solve.decimals import DecimalColumn, Ints
from costplan.solve.problem import Contract, Limits, Objective, Pool, Problem


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option of a class."""

    name: str
    """Name, unique inside its class."""
    provider: str
    """Provider whose limits and contract it counts against."""
    accuracy: Decimal
    """Share of right answers, 0 to 1."""
    usd: Decimal = Decimal(0)
    """List price per request; not used with a pool."""
    mean_latency_s: Decimal | None = None
    """Mean seconds per request; None is unknown."""
    p95_latency_s: Decimal | None = None
    """95th percentile of the seconds; None is unknown."""
    tokens: Decimal | None = None
    """Tokens per request; None is unknown."""
    pool: str | None = None
    """Pool of own GPUs it runs on."""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One task class with its options."""

    name: str
    """Name, unique in the problem."""
    requests: Decimal
    """Requests in the period, not negative."""
    weight: Decimal
    """Value of one right answer."""
    options: Sequence[OptionRow] = field(default_factory=tuple)
    """At least one option."""
    team: str | None = None
    """Team whose limits it counts against."""
    min_accuracy: Decimal | None = None
    """Least accuracy, 0 to 1."""
    max_p95_latency_s: Decimal | None = None
    """Slowest p95 that any of its options may have."""


def build_problem(
    classes: Sequence[ClassRow],
    *,
    limits: Limits | None = None,
    pools: Sequence[Pool] = (),
    contracts: Mapping[str, Contract] | None = None,
    objective: Objective | None = None,
    splits: bool = False,
) -> Problem:
    """Build the arrays; ValueError names the class or limit with an impossible number."""
    _check_rows(classes)
    _check_terms(pools, contracts or {})
    options = [option for row in classes for option in row.options]
    teams = _codes(row.team for row in classes if row.team is not None)
    providers = _codes(option.provider for option in options)
    pool_codes = {pool.name: i for i, pool in enumerate(pools)}
    for option in options:
        if option.pool is not None and option.pool not in pool_codes:
            raise ValueError(f"option {option.name!r} runs on the unknown pool {option.pool!r}")
    counts = np.array([len(row.options) for row in classes], dtype=np.int64)
    column = DecimalColumn.from_decimals
    return Problem(
        class_names=tuple(row.name for row in classes),
        requests=column([row.requests for row in classes]),
        weight=column([row.weight for row in classes]),
        team=_coded(teams, [row.team for row in classes]),
        team_names=tuple(teams),
        first=np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)]),
        option_names=tuple(option.name for option in options),
        provider=_coded(providers, [option.provider for option in options]),
        provider_names=tuple(providers),
        accuracy=column([option.accuracy for option in options]),
        usd=column([option.usd for option in options]),
        mean_latency_s=column([option.mean_latency_s for option in options]),
        p95_latency_s=column([option.p95_latency_s for option in options]),
        tokens=column([option.tokens for option in options]),
        pool=_coded(pool_codes, [option.pool for option in options]) if pools else None,
        pools=tuple(pools),
        min_accuracy=_perhaps([row.min_accuracy for row in classes]),
        max_p95_latency_s=_perhaps([row.max_p95_latency_s for row in classes]),
        limits=limits or Limits(),
        contracts=dict(contracts or {}),
        objective=objective or Objective(),
        splits=splits,
    )


def _perhaps(values: list[Decimal | None]) -> DecimalColumn | None:
    """Return a column, or None when nothing in it is known."""
    return DecimalColumn.from_decimals(values) if any(v is not None for v in values) else None


def _codes(names: Iterable[str]) -> dict[str, int]:
    """Number the names in order of first appearance."""
    return {name: code for code, name in enumerate(dict.fromkeys(names))}


def _coded(codes: dict[str, int], names: Sequence[str | None]) -> Ints:
    """Return the code of each name, -1 for None."""
    found = [-1 if name is None else codes[name] for name in names]
    return np.array(found, dtype=np.int64)


def _check_rows(classes: Sequence[ClassRow]) -> None:
    """Refuse an empty class and any number outside its range."""
    if not classes:
        raise ValueError("a problem needs at least one class")
    names = [row.name for row in classes]
    if len(set(names)) != len(names):
        raise ValueError("class names must be unique")
    for row in classes:
        if not row.options:
            raise ValueError(f"class {row.name!r} has no option")
        _check_range(row.name, "requests", row.requests)
        _check_range(row.name, "weight", row.weight)
        for option in row.options:
            where = f"{row.name}/{option.name}"
            _check_range(where, "accuracy", option.accuracy, Decimal(1))
            _check_range(where, "usd", option.usd)
            for key in ("mean_latency_s", "p95_latency_s", "tokens"):
                number = getattr(option, key)
                if number is not None:
                    _check_range(where, key, number)


def _check_range(where: str, key: str, number: Decimal, most: Decimal | None = None) -> None:
    """Refuse what is not a number from 0 to most."""
    if not number.is_finite() or number < 0 or (most is not None and number > most):
        raise ValueError(f"{where}: {key} is {number}")


def _check_terms(pools: Sequence[Pool], contracts: Mapping[str, Contract]) -> None:
    """Refuse negative prices and tiers out of order."""
    for pool in pools:
        _check_range(pool.name, "usd_per_gpu", pool.usd_per_gpu)
        _check_range(pool.name, "tokens_per_gpu", pool.tokens_per_gpu)
        if pool.max_gpus < 0:
            raise ValueError(f"{pool.name}: max_gpus is {pool.max_gpus}")
    for name, contract in contracts.items():
        bounds = [tier.up_to_usd for tier in contract.tiers]
        ends = [bound for bound in bounds[:-1] if bound is not None]
        ordered = all(a < b for a, b in pairwise(ends))
        last = bounds[-1] if bounds else None
        if len(ends) < len(bounds) - 1 or not ordered or (last and ends and last <= ends[-1]):
            raise ValueError(f"{name}: tiers are not in order of up_to_usd")
        for tier in contract.tiers:
            _check_range(name, "multiplier", tier.multiplier)
        if contract.commitment is not None:
            _check_range(name, "commitment usd", contract.commitment.usd)
            _check_range(name, "commitment multiplier", contract.commitment.multiplier)

"""Plain rows to a Problem: every digit kept, every impossible number refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from itertools import pairwise

import numpy as np

from costplan.solve.decimals import WIDE, DecimalColumn, Ints
from costplan.solve.problem import Contract, Limits, Objective, Parts, Pool, Problem


@dataclass(frozen=True, slots=True)
class PartRow:
    """What an option asks of one of the providers or pools that share it."""

    provider: str
    """Provider whose limits and contract it counts against."""
    usd: Decimal
    """List dollars per request of the option."""
    tokens: Decimal | None
    """Tokens per request of the option; None is unknown."""
    reach: Decimal
    """Share of the option's requests that reach it, 0 to 1."""
    pool: str | None = None
    """Pool of own GPUs that serves the tokens."""


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
    parts: Sequence[PartRow] = ()
    """What each provider or pool has of it, where several share it; provider and pool above are
    then not used, and usd is the sum of the parts."""


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
    providers = _codes(one.provider for option in options for one in (option.parts or (option,)))
    pool_codes = {pool.name: i for i, pool in enumerate(pools)}
    for option in options:
        for one in option.parts or (option,):
            if one.pool is not None and one.pool not in pool_codes:
                raise ValueError(f"option {option.name!r} runs on the unknown pool {one.pool!r}")
    usd, tokens, parts = _share_out(options, providers, pool_codes)
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
        provider=_coded(providers, [None if o.parts else o.provider for o in options]),
        provider_names=tuple(providers),
        accuracy=column([option.accuracy for option in options]),
        usd=usd,
        mean_latency_s=column([option.mean_latency_s for option in options]),
        p95_latency_s=column([option.p95_latency_s for option in options]),
        tokens=tokens,
        pool=_coded(pool_codes, [None if o.parts else o.pool for o in options]) if pools else None,
        pools=tuple(pools),
        parts=parts,
        min_accuracy=_perhaps([row.min_accuracy for row in classes]),
        max_p95_latency_s=_perhaps([row.max_p95_latency_s for row in classes]),
        limits=limits or Limits(),
        contracts=dict(contracts or {}),
        objective=objective or Objective(),
        splits=splits,
    )


def _share_out(
    options: Sequence[OptionRow], providers: dict[str, int], pools: dict[str, int]
) -> tuple[DecimalColumn, DecimalColumn, Parts | None]:
    """Lay out dollars and tokens of the options, and of the parts of those that are shared."""
    shared = [(o, part) for o, option in enumerate(options) for part in option.parts]
    column, n = DecimalColumn.from_decimals, len(options)
    # Laid out together, so that options and parts are held at the same places.
    usd = column([*(option.usd for option in options), *(part.usd for _, part in shared)])
    tokens = column([*(option.tokens for option in options), *(part.tokens for _, part in shared)])
    if not shared:
        return usd, tokens, None
    own, theirs = np.arange(n), np.arange(n, n + len(shared))
    parts = Parts(
        option=np.array([o for o, _ in shared], dtype=np.int64),
        provider=_coded(providers, [part.provider for _, part in shared]),
        pool=_coded(pools, [part.pool for _, part in shared]),
        usd=usd.part(theirs),
        tokens=tokens.part(theirs),
        reach=column([part.reach for _, part in shared]),
    )
    return usd.part(own), tokens.part(own), parts


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
            _check_parts(where, option)


def _check_parts(where: str, option: OptionRow) -> None:
    """Refuse parts out of range, and ones that do not add up to the option."""
    for part in option.parts:
        _check_range(where, "usd of a part", part.usd)
        _check_range(where, "reach of a part", part.reach, Decimal(1))
        if part.tokens is not None:
            _check_range(where, "tokens of a part", part.tokens)
    with localcontext(WIDE):
        if option.parts and sum((part.usd for part in option.parts), Decimal(0)) != option.usd:
            raise ValueError(f"{where}: the dollars of its parts do not add up to its own")


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

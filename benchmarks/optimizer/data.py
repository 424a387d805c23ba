"""Problems of any size: realistic, weakly and strongly correlated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import overload

import numpy as np

from costplan.solve import DecimalColumn, Limits, Objective, Problem

KINDS = ("realistic", "weak", "strong", "flat", "steep", "steep-volumes")


@dataclass(frozen=True, slots=True)
class Numbered(Sequence[str]):
    """Names made on demand, so that two million of them take no memory."""

    stem: str
    n: int

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, i: int) -> str: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[str]: ...
    def __getitem__(self, i: int | slice) -> str | Sequence[str]:
        if isinstance(i, slice):
            return [f"{self.stem}-{k}" for k in range(self.n)[i]]
        return f"{self.stem}-{range(self.n)[i]}"


def problem(
    kind: str,
    n_classes: int,
    n_options: int = 20,
    *,
    seed: int = 0,
    tightness: float = 0.35,
    splits: bool = False,
) -> Problem:
    """Build a problem with one dollar ceiling, between the cheapest and the best plan.

    realistic: accuracy saturates in the logarithm of the price, with noise, as measured curves do.
    weak: value follows cost with noise. strong: value is cost plus a constant per step taken.
    flat: accuracy is a straight line in the price, the same for every class, rounded. steep: value
    is cost plus a constant, or nothing; steep-volumes: the same per request, with real volumes.
    """
    rng = np.random.default_rng(seed)
    makers = {
        "realistic": _realistic,
        "weak": _weak,
        "strong": _strong,
        "flat": _flat,
        "steep": _steep,
        "steep-volumes": _steep_volumes,
    }
    requests, weight, usd, accuracy = makers[kind](rng, n_classes, n_options)
    cost = requests.floats[:, None] * usd.floats.reshape(n_classes, n_options)
    gain = (requests.floats * weight.floats)[:, None] * accuracy.floats.reshape(cost.shape)
    best = np.take_along_axis(cost, gain.argmax(axis=1)[:, None], axis=1)
    low, high = float(cost.min(axis=1).sum()), float(best.sum())
    ceiling = Decimal(f"{low + tightness * (high - low):.2f}")
    count = n_classes * n_options
    return Problem(
        class_names=Numbered("class", n_classes),
        requests=requests,
        weight=weight,
        team=np.full(n_classes, -1),
        team_names=(),
        first=np.arange(0, count + 1, n_options),
        option_names=Numbered("option", count),
        provider=np.zeros(count, dtype=np.int64),
        provider_names=("one",),
        accuracy=accuracy,
        usd=usd,
        limits=Limits(usd=ceiling),
        objective=Objective(),
        splits=splits,
    )


Columns = tuple[DecimalColumn, DecimalColumn, DecimalColumn, DecimalColumn]


def _realistic(rng: np.random.Generator, n: int, m: int) -> Columns:
    requests = np.maximum(20, rng.lognormal(9.0, 1.6, n)).astype(np.int64)
    weight = np.maximum(1, rng.lognormal(2.5, 1.2, n)).astype(np.int64)
    price = np.exp(rng.uniform(np.log(1e-4), np.log(0.5), (n, m)))
    strength = rng.normal(0.0, 0.35, (n, m))
    ease = rng.normal(3.0, 1.2, (n, 1))
    accuracy = 1 / (1 + np.exp(-(ease + 0.55 * np.log(price) + strength)))
    return (
        DecimalColumn(requests, 0),
        DecimalColumn(weight, 2),
        DecimalColumn((price.ravel() * 1e6).astype(np.int64), 6),
        DecimalColumn((accuracy.ravel() * 1e4).astype(np.int64), 4),
    )


def _weak(rng: np.random.Generator, n: int, m: int) -> Columns:
    cost = rng.integers(1, 10_001, (n, m))
    value = np.maximum(1, cost + rng.integers(-1_000, 1_001, (n, m)))
    return _from_amounts(cost, value, n)


def _strong(rng: np.random.Generator, n: int, m: int) -> Columns:
    steps = rng.integers(1, 1_001, (n, m))
    cost = np.cumsum(np.sort(steps, axis=1), axis=1)
    value = np.cumsum(np.sort(steps, axis=1) + 100, axis=1)
    return _from_amounts(cost, value, n)


def _flat(rng: np.random.Generator, n: int, m: int) -> Columns:
    requests = rng.integers(1_000, 1_000_000, n)
    price = rng.integers(100, 50_000, (n, m))
    accuracy = np.round(3000 + price * 0.12).astype(np.int64)
    return (
        DecimalColumn(requests, 0),
        DecimalColumn(np.full(n, 1), 0),
        DecimalColumn(price.ravel(), 6),
        DecimalColumn(accuracy.ravel(), 4),
    )


def _from_amounts(cost: np.ndarray, value: np.ndarray, n: int) -> Columns:
    """One request per class whose price and accuracy are the amounts, in small units."""
    return (
        DecimalColumn(np.full(n, 1_000_000), 0),
        DecimalColumn(np.full(n, 1), 0),
        DecimalColumn(cost.ravel().astype(np.int64), 6),
        DecimalColumn(value.ravel().astype(np.int64), 6),
    )


def _steep(rng: np.random.Generator, n: int, m: int) -> Columns:
    """Value is cost plus a constant, or nothing for nothing."""
    cost = rng.integers(1, 1_001, (n, m))
    value = cost + 100
    cost[:, 0] = 0
    value[:, 0] = 0
    return _from_amounts(cost, value, n)


def _steep_volumes(rng: np.random.Generator, n: int, m: int) -> Columns:
    requests = np.maximum(20, rng.lognormal(9.0, 1.6, n)).astype(np.int64)
    price = rng.integers(100, 50_000, (n, m))
    accuracy = 1000 + price // 10
    price[:, 0] = 0
    accuracy[:, 0] = 0
    return (
        DecimalColumn(requests, 0),
        DecimalColumn(np.full(n, 1), 0),
        DecimalColumn(price.ravel(), 6),
        DecimalColumn(accuracy.ravel(), 4),
    )


def many_ceilings(n_classes: int, n_options: int = 20, *, seed: int = 0) -> Problem:
    """Build a realistic problem with six team budgets, two token capacities and a mean latency.

    Every ceiling lies between what the cheapest plan and the unlimited best plan use.
    """
    base = problem("realistic", n_classes, n_options, seed=seed)
    rng = np.random.default_rng(seed + 1)
    count = base.n_options
    teams = tuple(f"team-{i}" for i in range(6))
    team = rng.integers(0, len(teams), n_classes)
    provider = rng.integers(0, 3, count)
    price = base.usd.floats
    tokens = (price * 1e6 / rng.uniform(2, 20, count)).astype(np.int64) + 50
    seconds = (tokens / rng.uniform(50, 200, count) * 10).astype(np.int64) + 5
    counts = np.diff(base.first)
    spend = np.repeat(base.requests.floats, counts) * price
    shape = (n_classes, n_options)
    cheapest = price.reshape(shape).argmin(axis=1) + base.first[:-1]
    best = base.accuracy.floats.reshape(shape).argmax(axis=1) + base.first[:-1]

    def between(amount: np.ndarray, part: float) -> Decimal:
        low, high = float(amount[cheapest].sum()), float(amount[best].sum())
        return Decimal(f"{low + part * (high - low):.2f}")

    owner = np.repeat(team, counts)
    volume = np.repeat(base.requests.floats, counts)
    in_all = float(base.requests.floats.sum())
    limits = Limits(
        usd=between(spend, 0.5),
        team_usd={t: between(spend * (owner == i), 0.35) for i, t in enumerate(teams)},
        provider_tokens={
            p: between(volume * tokens * (provider == i), 0.25)
            for i, p in enumerate(("one", "two"))
        },
        mean_latency_s=(between(volume * seconds / 10, 0.3) / Decimal(in_all)).quantize(
            Decimal("0.001")
        ),
    )
    return replace(
        base,
        team=team,
        team_names=teams,
        provider=provider,
        provider_names=("one", "two", "three"),
        tokens=DecimalColumn(tokens, 0),
        mean_latency_s=DecimalColumn(seconds, 1),
        limits=limits,
    )

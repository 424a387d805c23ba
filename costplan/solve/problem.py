"""The allocation as arrays: classes, their options, every limit and the objective."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

import numpy as np

from costplan.solve.decimals import Bools, DecimalColumn, Ints


class Goal(StrEnum):
    """What the plan makes as large, or the cost as small, as the limits allow."""

    VALUE = "value"
    ACCURACY = "accuracy"
    NET_VALUE = "net_value"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class Objective:
    """What is optimised, with the target that a least-cost plan must reach."""

    goal: Goal = Goal.VALUE
    """Value, request-weighted accuracy, value minus the bill, or (least) cost."""
    target_value: Decimal | None = None
    """Least value of the plan; only with least cost."""
    target_accuracy: Decimal | None = None
    """Least request-weighted mean accuracy of the plan, 0 to 1; only with least cost."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Every ceiling of the plan as a whole; what has no entry is not limited."""

    usd: Decimal | None = None
    """Greatest bill, after tiers and commitments and with GPUs."""
    team_usd: Mapping[str, Decimal] = field(default_factory=dict)
    """Greatest list spend per team, without pools."""
    mean_latency_s: Decimal | None = None
    """Greatest request-weighted mean latency of all requests."""
    team_mean_latency_s: Mapping[str, Decimal] = field(default_factory=dict)
    """The same over a team's requests."""
    provider_usd: Mapping[str, Decimal] = field(default_factory=dict)
    """Greatest list spend per provider, without pools."""
    provider_tokens: Mapping[str, Decimal] = field(default_factory=dict)
    """Greatest tokens per provider, without pools."""
    provider_min_share: Mapping[str, Decimal] = field(default_factory=dict)
    """Least share of all requests per provider, pools included, 0 to 1."""
    provider_max_share: Mapping[str, Decimal] = field(default_factory=dict)
    """Greatest share of all requests per provider, pools included, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Pool:
    """Own GPUs, bought in whole numbers."""

    name: str
    """Name of the pool as options refer to it."""
    usd_per_gpu: Decimal
    """Price of one GPU for the period."""
    tokens_per_gpu: Decimal
    """Tokens one GPU serves in the period."""
    max_gpus: int
    """Most GPUs that can be had."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a volume discount: list spend up to a bound is paid at the multiplier."""

    up_to_usd: Decimal | None
    """Upper bound in list dollars; None has no end."""
    multiplier: Decimal
    """What a list dollar inside the step costs."""


@dataclass(frozen=True, slots=True)
class Commitment:
    """An optional commitment: pay at least usd, and multiplier times list spend."""

    usd: Decimal
    """Least payment once signed."""
    multiplier: Decimal
    """What a list dollar costs once signed."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What a provider's list spend costs; with tiers and a commitment the cheaper of both."""

    tiers: tuple[Tier, ...] = ()
    """Steps in order of their bounds; empty means list price."""
    commitment: Commitment | None = None
    """Taken where it makes the provider's bill smaller."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What options that several providers or pools share ask of each, shape (n_parts,) each."""

    option: Ints
    """Index of the option."""
    provider: Ints
    """Index into provider_names."""
    pool: Ints
    """Index into pools, -1 for none."""
    usd: DecimalColumn
    """List dollars per request of the option, at the places of the problem's usd."""
    tokens: DecimalColumn
    """Tokens per request, perhaps unknown, at the places of the problem's tokens."""
    reach: DecimalColumn
    """Share of the option's requests that reach it, 0 to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Everything a solver needs, in arrays of n_classes or n_options."""

    class_names: Sequence[str]
    """Shape (n_classes,)."""
    requests: DecimalColumn
    """Requests of each class in the period, not negative."""
    weight: DecimalColumn
    """Value of one right answer of each class, in dollars or in the user's own unit."""
    team: Ints
    """Index into team_names of each class, -1 for none."""
    team_names: tuple[str, ...]
    """Teams in order of their code."""
    first: Ints
    """Options of class c are first[c] to first[c + 1], shape (n_classes + 1,)."""
    option_names: Sequence[str]
    """Shape (n_options,)."""
    provider: Ints
    """Index into provider_names of each option, -1 where its parts have it."""
    provider_names: tuple[str, ...]
    """Providers in order of their code."""
    accuracy: DecimalColumn
    """Share of right answers of each option, 0 to 1."""
    usd: DecimalColumn
    """List price per request; not used for options of a pool."""
    mean_latency_s: DecimalColumn | None = None
    """Mean seconds per request, perhaps unknown; None when nothing needs it."""
    p95_latency_s: DecimalColumn | None = None
    """95th percentile of the seconds, perhaps unknown; None when nothing needs it."""
    tokens: DecimalColumn | None = None
    """Tokens per request, perhaps unknown; None when nothing needs them."""
    pool: Ints | None = None
    """Index into pools of each option, -1 for none; None when no option has one."""
    pools: tuple[Pool, ...] = ()
    """Own GPUs on offer."""
    parts: Parts | None = None
    """Of options that several providers or pools share, whose usd is the sum of their parts and
    whose pool is -1; None when there are none."""
    min_accuracy: DecimalColumn | None = None
    """Least accuracy of each class (missing: none), met by the mix when splits are allowed."""
    max_p95_latency_s: DecimalColumn | None = None
    """Slowest p95 of any option of each class (missing: no limit)."""
    limits: Limits = field(default_factory=Limits)
    """Ceilings of the whole plan."""
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    """Contract per provider; none means list price."""
    objective: Objective = field(default_factory=Objective)
    """What is optimised."""
    splits: bool = False
    """Whether a class may be split over several options."""

    @property
    def n_classes(self) -> int:
        """Number of task classes."""
        return len(self.first) - 1

    @property
    def n_options(self) -> int:
        """Number of options of all classes."""
        return int(self.first[-1])

    def class_of(self) -> Ints:
        """Return the class of each option, shape (n_options,)."""
        return np.repeat(np.arange(self.n_classes), np.diff(self.first))

    def in_pool(self) -> Bools:
        """Return which options run on own GPUs, shape (n_options,)."""
        if self.pool is None:
            return np.zeros(self.n_options, dtype=np.bool_)
        return np.asarray(self.pool >= 0)

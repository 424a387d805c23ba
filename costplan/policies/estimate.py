"""What a policy is worth: accuracy with its interval, cost, latency, and how to build it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.estimate import Estimate, Grade
from costplan.domain.recipe import Path, Recipe, Setting, Stage
from costplan.policies.table import Array


@dataclass(frozen=True, slots=True)
class PolicyEstimate:
    """A policy with what it should achieve and cost; amounts are per request."""

    kind: str
    """"vote", "best_of", "cascade" or "route"."""
    name: str
    """Name of the option it makes, unique for its parts."""
    text: str
    """The policy in one line, as a workload may hold it."""
    stages: tuple[Stage, ...]
    """Stages in order; the buckets of a route."""
    paths: tuple[Path, ...]
    """Ways a request can go."""
    accuracy: Estimate
    """Share of right answers, with its interval."""
    replayed: float
    """Share of right answers of the policy as played on the questions, before any shrinkage."""
    sd: float
    """Standard deviation behind the interval, widening included."""
    leans_on: Mapping[Setting, float]
    """How much the accuracy moves with that of each setting it is made of."""
    usd: float
    """Dollars, checks included."""
    usd_relative_sd: float
    """Standard error of the dollars relative to them."""
    mean_latency_s: float | None
    """Mean seconds over all paths; None where unknown."""
    p95_latency_s: float | None
    """Seconds that 95 in 100 requests stay within, over all paths; None where unknown."""
    calls: float
    """Expected model calls per answer."""
    input_tokens: float | None
    """Input tokens of all calls."""
    output_tokens: float | None
    """Output tokens of all calls, reasoning included."""
    reasoning_tokens: float | None
    """Reasoning tokens of all calls."""
    accepted: float
    """Share of requests whose answer a check took, or that nothing checked."""
    accepted_right: float
    """Share of requests whose answer is right and was not turned down by the last check."""
    n_questions: int
    """Questions it was evaluated on; 0 for one from aggregates."""
    notes: tuple[str, ...] = ()
    """What was assumed."""

    @property
    def usd_per_accepted_right(self) -> float | None:
        """Dollars spent on all requests per right answer that is taken; None when there is none."""
        return self.usd / self.accepted_right if self.accepted_right > 0 else None

    @property
    def recipe(self) -> Recipe:
        """How it is built."""
        return Recipe(
            kind=self.kind,
            stages=self.stages,
            paths=self.paths,
            calls=self.calls,
            accepted=self.accepted,
            accepted_right=self.accepted_right,
            sd=self.sd,
            leans_on=tuple(self.leans_on.items()),
        )


@dataclass(frozen=True, slots=True)
class Trust:
    """How sure intervals are to be."""

    confidence: float = 0.9
    """Probability that an interval is meant to hold, inside (0, 1)."""
    widen: float = 1.1
    """Factor on standard deviations: 1.1, or 1.3 and 1.5 where classes are small."""

    @property
    def reach(self) -> float:
        """Widened standard deviations on either side."""
        return self.widen * NormalDist().inv_cdf(0.5 + self.confidence / 2)


def standard_error(values: Array) -> float:
    """Give the standard error of the mean of values from 0 to 1, never 0.

    Two more questions, one right and one wrong, keep it open where all are alike.
    """
    more = np.concatenate([values, (0.0, 1.0)])
    return float(more.std()) / math.sqrt(len(more))


def between(mean: float, sd: float, trust: Trust, grade: Grade) -> Estimate:
    """Give an accuracy with its interval, which bends at 0 and 1 (a normal one in logits).

    Within a standard deviation of 0 or 1 it reaches to there: nothing seen excludes it.
    """
    mean = min(max(mean, 0.0), 1.0)
    edge = min(max(sd, 1e-6), 0.5)
    inner = min(max(mean, edge), 1 - edge)
    centre = math.log(inner / (1 - inner))
    reach = trust.reach * sd / (inner * (1 - inner))
    low, high = (_sigmoid(centre + sign * reach) for sign in (-1, 1))
    if mean < edge:
        low = 0.0
    if mean > 1 - edge:
        high = 1.0
    return Estimate(mean, min(low, mean), max(high, mean), grade)


def relative_error(usd: Array) -> float:
    """Give the standard error of mean dollars relative to them."""
    n, mean = len(usd), float(usd.mean()) if len(usd) else 0.0
    if n < 2 or mean <= 0:
        return 0.0 if mean <= 0 else 1.0
    return float(usd.std(ddof=1)) / mean / math.sqrt(n)


def mean_or_none(values: Array, weights: Array | None = None) -> float | None:
    """Average values; None where one of them is unknown."""
    if not len(values) or not np.isfinite(values).all():
        return None
    return float(np.average(values, weights=weights))


def _sigmoid(x: float) -> float:
    return 0.5 * (1 + math.tanh(0.5 * x))

"""Seconds as weighted points: of one call, of the slowest of several, of calls in a row."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.policies.table import Array

MOST = 64
"""Points kept of one question's distribution; more are merged, which keeps their mean."""

_WHOLE = np.ones(1)


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """A distribution of seconds; the weights add up to 1."""

    seconds: Array
    """Values."""
    weight: Array
    """Their chances."""

    @property
    def mean(self) -> float:
        """Mean seconds."""
        return float(self.seconds @ self.weight)

    def quantile(self, share: float) -> float:
        """Give the smallest value that covers a share."""
        order = np.argsort(self.seconds, kind="stable")
        covered = np.cumsum(self.weight[order])
        at = int(np.searchsorted(covered, share * covered[-1] * (1 - 1e-12)))
        return float(self.seconds[order][min(at, len(order) - 1)])

    def after(self, seconds: float) -> Points:
        """Shift by a fixed time."""
        if seconds == 0:
            return self
        return Points(self.seconds + seconds, self.weight)

    def then(self, other: Points) -> Points:
        """Add an independent time."""
        if len(self.weight) == len(other.weight) == 1:
            return Points(self.seconds + other.seconds, self.weight)
        seconds = (self.seconds[:, None] + other.seconds).ravel()
        return _merge(seconds, (self.weight[:, None] * other.weight).ravel())

    def slowest(self, n: int) -> Points:
        """Take the slowest of n independent times."""
        order = np.argsort(self.seconds, kind="stable")
        covered = np.concatenate([[0.0], np.cumsum(self.weight[order])])
        return Points(self.seconds[order], np.diff(covered**n))


def one_of(seconds: Array) -> Points:
    """Take one of the recorded times at random."""
    if len(seconds) == 1:
        return Points(seconds, _WHOLE)
    return _merge(seconds, np.full(len(seconds), 1 / len(seconds)))


def slowest_of(seconds: Array, n: int) -> Points:
    """Take the slowest of n recorded times, drawn without replacement.

    Where fewer were recorded, drawn with replacement.
    """
    m = len(seconds)
    ordered = np.sort(seconds)
    if n > m:
        below = (np.arange(m + 1) / m) ** n
        return _merge(ordered, np.diff(below))
    ways = math.comb(m, n)
    return _merge(ordered, np.array([math.comb(i, n - 1) / ways for i in range(m)]))


def in_a_row(first: Points, each: Points, calls: int) -> Points:
    """Make further calls one after another."""
    total = first
    for _ in range(calls):
        total = total.then(each)
    return total


def mix(parts: Iterable[tuple[float, Points]]) -> Points | None:
    """Mix distributions by weight; None where all weights are 0."""
    kept = [(weight, points) for weight, points in parts if weight > 0]
    if not kept:
        return None
    weight = np.concatenate([w * points.weight for w, points in kept])
    return Points(np.concatenate([p.seconds for _, p in kept]), weight / weight.sum())


def log_normal(mean: float, p95: float | None) -> Points:
    """Give 49 points of a log-normal time by mean and 95th percentile; one point without it."""
    if p95 is None or p95 <= mean or mean <= 0:
        return Points(np.array([mean]), np.array([1.0]))
    z = 1.6448536269514722
    # p95 / mean = exp(z s - s^2 / 2): its greatest value is at s = z.
    spread = z - math.sqrt(max(z * z - 2 * math.log(p95 / mean), 0.0))
    share = (np.arange(49) + 0.5) / 49
    normal = np.array([NormalDist().inv_cdf(s) for s in share.tolist()])
    seconds = np.exp(spread * normal)
    return Points(seconds * mean / seconds.mean(), np.full(49, 1 / 49))


def _merge(seconds: Array, weight: Array) -> Points:
    kept = weight > 0
    seconds, weight = seconds[kept], weight[kept]
    if len(seconds) <= MOST:
        return Points(seconds, weight)
    order = np.argsort(seconds, kind="stable")
    seconds, weight = seconds[order], weight[order]
    middle = np.cumsum(weight) - 0.5 * weight
    group = np.minimum((middle / weight.sum() * MOST).astype(np.int64), MOST - 1)
    total = np.bincount(group, weights=weight, minlength=MOST)
    mean = np.bincount(group, weights=weight * seconds, minlength=MOST)
    some = total > 0
    return Points(np.asarray(mean[some] / total[some]), np.asarray(total[some]))

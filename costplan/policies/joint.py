"""Who is right together with whom: patterns of right answers over settings, shrunk.

Hard questions are hard for everybody, so settings are never taken as independent. The measured
shares of the 2^K patterns are pulled, with the weight of 20 questions, to a mixture of the two
extremes that the accuracies allow, and are then raked so that every setting keeps the accuracy
that is believed of it (Deming & Stephan 1940). For two settings and no rake this is

    q = (n q_raw + 20 (p_i p_j + s (min(p_i, p_j) - p_i p_j))) / (n + 20)
    accuracy = p_i (1 - r) + r q + (1 - f) (p_j - q)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.policies.picking import Rates
from costplan.policies.table import Array, Table

PULL_QUESTIONS = 20.0
"""Questions' worth of pull to the mixture."""
USUAL_DEPENDENCE = 0.6
"""Share of the greatest possible covariance, where unmeasured; 0.5 to 0.7 on real tables."""
EDGE = 1e-6


def measure_dependence(table: Table) -> float:
    """Pool over pairs of settings the share of the greatest covariance that they show, 0 to 1."""
    score = np.where(table.count > 0, table.score, np.nan)
    covered = greatest = 0.0
    for i in range(score.shape[1]):
        both = np.isfinite(score[:, [i]]) & np.isfinite(score[:, i + 1 :])
        n = both.sum(axis=0)
        a = np.where(both, score[:, [i]], 0.0)
        b = np.where(both, score[:, i + 1 :], 0.0)
        some = n > 1
        size = np.maximum(n, 1)
        p, q = a.sum(axis=0) / size, b.sum(axis=0) / size
        covered += float(((a * b).sum(axis=0) / size - p * q)[some].sum())
        greatest += float((np.minimum(p, q) - p * q)[some].sum())
    return min(max(covered / greatest, 0.0), 1.0) if greatest > 0 else USUAL_DEPENDENCE


def list_patterns(settings: int) -> Array:
    """List the 2^K patterns of right (1) and wrong (0), (2^K, K)."""
    codes = np.arange(2**settings)[:, None]
    return np.asarray((codes >> np.arange(settings)) & 1, dtype=float)


def count_patterns(score: Array) -> Array:
    """Give the mean chance of each pattern over questions with scores (Q, K)."""
    patterns = list_patterns(score.shape[1])
    chance = np.ones((len(score), len(patterns)))
    for k in range(score.shape[1]):
        chance *= np.where(patterns[:, k] > 0, score[:, [k]], 1 - score[:, [k]])
    return np.asarray(chance.mean(axis=0))


def mixed_patterns(accuracy: Sequence[float], dependence: float) -> Array:
    """Mix independent settings with ones that fail on the same questions as far as they can."""
    p = np.asarray(accuracy, dtype=float)
    patterns = list_patterns(len(p))
    alone = np.prod(np.where(patterns > 0, p, 1 - p), axis=1)
    # Comonotone: one uniform draw per question, and a setting is right when it lies below p.
    right_from = np.where(patterns > 0, p, 1.0).min(axis=1)
    wrong_to = np.where(patterns > 0, 0.0, p).max(axis=1)
    together = np.maximum(right_from - wrong_to, 0.0)
    return np.asarray((1 - dependence) * alone + dependence * together)


def shrink_patterns(
    counted: Array, questions: int, accuracy: Sequence[float], dependence: float
) -> Array:
    """Pull counted patterns to the mixture and give every setting its accuracy."""
    p = np.clip(np.asarray(accuracy, dtype=float), EDGE, 1 - EDGE)
    prior = mixed_patterns(p.tolist(), min(dependence, 1 - EDGE))
    pulled = (questions * counted + PULL_QUESTIONS * prior) / (questions + PULL_QUESTIONS)
    patterns = list_patterns(len(p))
    for _ in range(500):
        before = pulled
        for k in range(len(p)):
            right = patterns[:, k] > 0
            have = pulled[right].sum()
            pulled = pulled * np.where(right, p[k] / have, (1 - p[k]) / (1 - have))
        if np.abs(pulled - before).max() < 1e-13:
            break
    return np.asarray(pulled)


def cascade_accuracy(patterns: Array, rates: Sequence[Rates]) -> float:
    """Give the accuracy of a cascade over K settings whose K - 1 checks have these rates."""
    right = list_patterns(len(rates) + 1)
    reach = _reach(right, rates)
    accuracy = reach[-1] * right[:, -1]
    for k, check in enumerate(rates):
        accuracy = accuracy + reach[k] * right[:, k] * (1 - check.false_reject)
    return float(patterns @ accuracy)


def cascade_reach(patterns: Array, rates: Sequence[Rates]) -> list[float]:
    """Give the share of the requests that reach each of the K stages."""
    return [float(patterns @ reach) for reach in _reach(list_patterns(len(rates) + 1), rates)]


def _reach(right: Array, rates: Sequence[Rates]) -> list[Array]:
    """Give the chance that each pattern reaches each stage."""
    reach = [np.ones(len(right))]
    for k, check in enumerate(rates):
        down = np.where(right[:, k] > 0, check.false_reject, 1 - check.false_accept)
        reach.append(reach[-1] * down)
    return reach


def pair_accuracies(
    table: Table, accuracy: Array, dependence: float, rates: Rates
) -> tuple[Array, Array]:
    """Give accuracy and turned-down share of all cascades i > j at once, (M, M).

    accuracy: believed ones, (M,). Pairs without a common question are NaN.
    """
    known = (table.count > 0).astype(float)
    score = np.where(table.count > 0, table.score, 0.0)
    n = known.T @ known
    with np.errstate(invalid="ignore", divide="ignore"):
        raw = np.where(n > 0, (score.T @ score) / n, np.nan)
    p_i, p_j = accuracy[:, None], accuracy[None, :]
    least = np.minimum(p_i, p_j)
    prior = p_i * p_j + dependence * (least - p_i * p_j)
    q = (n * raw + PULL_QUESTIONS * prior) / (n + PULL_QUESTIONS)
    q = np.clip(q, np.maximum(p_i + p_j - 1, 0.0), least)
    f, r = rates.false_accept, rates.false_reject
    return p_i * (1 - r) + r * q + (1 - f) * (p_j - q), p_i * r + (1 - p_i) * (1 - f)

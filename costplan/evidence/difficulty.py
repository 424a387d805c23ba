"""What an option would score on all questions of its class, where it answered only some of them.

Whoever answered fewer may have met the hard ones. The others' answers to the same questions tell:

    score[q,m] = mean[m] + s[m] (d[q] + e[q,m]),  d ~ N(0, rho),  e ~ N(0, 1 - rho)

with s the standard deviation of an option's scores, d how easy a question is, and rho the
correlation of two options' scores on one question. Generalised least squares gives the means: an
incomplete block design whose blocks are questions, with recovery of the information between blocks
(Yates, Annals of Eugenics 10, 1940). Where all answered the same questions they are plain means.

Arrays of a class are (Q, M) over its questions and options.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from costplan.evidence.logistic import Array

PULL = 2.0
"""Weight, in answers, of the class's mean in the accuracy that an option's spread is taken at."""
LEAST = 0.03
"""Nearest that this accuracy comes to 0 and 1."""
MOST_TOGETHER = 0.98
ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Level:
    """Means of a class's options on all of its questions; arrays are (M,)."""

    mean: Array
    """Mean score, 0 to 1; 0 without an answer."""
    worth: Array
    """Answers to questions of their own that would tell as much; 0 without an answer."""
    together: Array
    """Part of the variance of the means that they have in common, 0 to 1."""


def level_class(answered: NDArray[np.bool_], score: Array, phi: Array, rho: float) -> Level:
    """Estimate what the options would score on all of the questions.

    score: 0 to 1, anything where not answered. phi: variance of a score over p (1 - p), (M,).
    rho: correlation of two options' scores on one question, 0 to 1.
    """
    n = answered.sum(0).astype(float)
    score = np.where(answered, score, 0.0)
    plain = score.sum(0) / np.maximum(n, 1.0)
    there = np.flatnonzero(n)
    if (answered[:, there] == answered[:, there[:1]]).all():
        return Level(plain, n, np.full(len(n), rho))
    x = answered[:, there].astype(float)
    weight = rho / (1 - rho + rho * x.sum(1))
    inner = np.diag(n[there]) - x.T @ (weight[:, None] * x)
    mean = plain[there]
    for _ in range(ROUNDS):  # spreads are those at the accuracy on all questions
        spread = _spreads(n[there], mean, phi[there])
        u = score[:, there] / spread
        right = u.sum(0) - x.T @ (weight * u.sum(1))
        mean = np.clip(np.linalg.solve(inner, right) * spread, 0.0, 1.0)
    error = (1 - rho) * np.linalg.inv(inner)
    worth = 1 / np.diagonal(error)
    pairs = len(there) * (len(there) - 1)
    common = max(float(error.sum() - np.trace(error)), 0.0) / max(pairs, 1)
    found = Level(np.zeros_like(n), np.zeros_like(n), np.full(len(n), rho))
    found.mean[there] = mean
    found.worth[there] = worth
    found.together[there] = np.minimum(common * worth, MOST_TOGETHER)
    return found


def _spreads(n: Array, mean: Array, phi: Array) -> Array:
    """Give the standard deviations of single scores, kept from 0 by the class's mean."""
    usual = (n * mean).sum() / n.sum()
    p = np.clip((n * mean + PULL * usual) / (n + PULL), LEAST, 1 - LEAST)
    return np.asarray(np.sqrt(phi * p * (1 - p)))

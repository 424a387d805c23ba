"""Logits, shares, and the moments of a share whose logit is Gaussian."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

HERMITE_X, HERMITE_W = np.polynomial.hermite_e.hermegauss(15)
HERMITE_W = HERMITE_W / HERMITE_W.sum()


def sigmoid(x: Array) -> Array:
    """Map logits to shares without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, dtype=float))))


def logit(p: Array) -> Array:
    """Map shares inside (0, 1) to logits."""
    p = np.asarray(p, dtype=float)
    return np.asarray(np.log(p) - np.log1p(-p))


def moments(mean: Array, variance: Array) -> tuple[Array, Array]:
    """Give mean and standard deviation of sigmoid(N(mean, variance)), by Gauss-Hermite.

    Where the variance is small they tend to sigmoid(mean) and p (1 - p) sd.
    """
    sd = np.sqrt(variance)
    p = sigmoid(mean[..., None] + sd[..., None] * HERMITE_X)
    first = p @ HERMITE_W
    second = ((p - first[..., None]) ** 2) @ HERMITE_W
    return first, np.sqrt(second)

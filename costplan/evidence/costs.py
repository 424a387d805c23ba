"""What a plan will cost: raw means with their error, and the margin that keeps a ceiling.

    sd^2 = sum_c w_c^2 sum_ij x_i x_j k_i k_j rho_ij sqrt(v_i v_j) (1/n_c + 1/N_c)

k are raw mean costs (shrinking them does not help), v their squared coefficients of variation
between questions, n the questions measured and N those of the future. The relative error of a
sum of right-skewed costs is taken as log-normal: the margin is k exp(z sd / k) <= ceiling.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from costplan.evidence.belief import two_sided
from costplan.evidence.cells import USUAL_RHO, Cells
from costplan.evidence.logistic import Array

USUAL_CV2 = 0.64
"""Squared coefficient of variation of a request's cost, where unmeasured."""
CV2_PRIOR = 10.0
"""Questions' worth of pull to the option's pooled value."""
MARGIN_Z = 2.5
"""Standard errors of cost kept free below a ceiling, where many options compete."""
INTERVAL_WIDEN = 1.5
"""Factor on the standard error in intervals of cost, calibrated on real tables."""


@dataclass(frozen=True, slots=True)
class Spend:
    """One line of a plan, as far as its dollars are uncertain."""

    task_class: str
    """The class; lines of one class are correlated."""
    usd: float
    """Expected dollars of the line."""
    n_questions: float
    """Questions on which the cost per request was measured, at least 1."""
    requests: float
    """Requests that will be paid, at least 1."""
    cv2: float = USUAL_CV2
    """Squared coefficient of variation of the cost between requests."""


def shrunken_cv2(cells: Cells) -> Array:
    """Pull each cell's cost spread to its option's pooled one; (C, M), never NaN."""
    weight = np.maximum(cells.usd_n - 1, 0.0)
    cv2 = np.nan_to_num(cells.usd_cv2)
    pooled_n = weight.sum(0)
    pooled = np.where(pooled_n > 0, (weight * cv2).sum(0) / np.maximum(pooled_n, 1.0), USUAL_CV2)
    pulled = (weight * cv2 + CV2_PRIOR * pooled) / (weight + CV2_PRIOR)
    return np.asarray(np.where(cells.usd_n > 0, pulled, pooled))


def plan_usd(
    shares: Array, weights: Array, cells: Cells, cv2: Array, future_questions: Array | None = None
) -> tuple[float, float]:
    """Give dollars per question of an allocation (C, M) and their standard deviation."""
    part = np.where(shares > 0, shares * np.nan_to_num(cells.usd), 0.0) * weights[:, None]
    spread = part * np.sqrt(cv2)
    seen = spread / np.sqrt(np.maximum(cells.usd_n, 1.0))
    variance = _correlated(seen, cells.rho)
    if future_questions is not None:
        variance += _correlated(
            spread / np.sqrt(np.maximum(future_questions, 1))[:, None], cells.rho
        )
    return float(part.sum()), math.sqrt(max(float(variance.sum()), 0.0))


def spend_usd(lines: Iterable[Spend], rho: float = USUAL_RHO) -> tuple[float, float]:
    """Give the dollars of a plan's lines and their standard deviation."""
    by_class: dict[str, list[Spend]] = {}
    total = 0.0
    for line in lines:
        by_class.setdefault(line.task_class, []).append(line)
        total += line.usd
    variance = 0.0
    for group in by_class.values():
        spread = [line.usd * math.sqrt(line.cv2) for line in group]
        seen = [s / math.sqrt(max(x.n_questions, 1.0)) for s, x in zip(spread, group, strict=True)]
        paid = [s / math.sqrt(max(x.requests, 1.0)) for s, x in zip(spread, group, strict=True)]
        variance += _correlated_sum(seen, rho) + _correlated_sum(paid, 0.0)
    return total, math.sqrt(variance)


def margin_z(options: float, confidence: float = 0.9) -> float:
    """Give the standard errors of cost to keep free, by the usual number of options per class.

    Whoever picks among many options picks those whose costs were measured too low, by 0.7 to 1.2
    standard errors with 34 options and by none with 4 (measured in split halves), hence
    1.5 + 0.29 log(options), at most 2.5, at a confidence of 0.9.
    """
    normal = NormalDist()
    base = min(MARGIN_Z, 1.5 + 0.29 * math.log(max(options, 1.0)))
    return base * normal.inv_cdf(confidence) / normal.inv_cdf(0.9)


def with_margin(usd: float, sd: float, z: float = MARGIN_Z) -> float:
    """Give the dollars that must fit under a ceiling: usd exp(z sd / usd)."""
    return usd * math.exp(z * sd / usd) if usd > 0 else usd


def usd_interval(usd: float, sd: float, confidence: float = 0.9) -> tuple[float, float]:
    """Give the interval usd exp(+- z 1.5 sd / usd)."""
    if usd <= 0:
        return usd, usd
    reach = two_sided(confidence) * INTERVAL_WIDEN * sd / usd
    return usd * math.exp(-reach), usd * math.exp(reach)


def _correlated(spread: Array, rho: float) -> Array:
    """Variance of sums over options whose errors correlate by rho, per class."""
    return np.asarray(rho * spread.sum(1) ** 2 + (1 - rho) * (spread**2).sum(1))


def _correlated_sum(spread: Sequence[float], rho: float) -> float:
    """Variance of a sum of parts whose errors correlate by rho."""
    return rho * sum(spread) ** 2 + (1 - rho) * sum(s * s for s in spread)

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
"""Questions' worth of pull to what option and class lead to expect."""
NEVER = 1e-9
"""Squared coefficient of variation below which costs do not vary."""
UNSEEN = 0.25
"""How far, relative to the rest, a request may cost more of a kind that the questions missed."""
MARGIN_Z = 2.5
"""Standard errors of cost kept free below a ceiling, where nothing else is said."""
MANY_Z = 2.1
"""Standard errors to keep where many options compete and each has many questions."""
FEW_Z, FEW_QUESTIONS = 20.0, 5.0
"""Standard errors more with few questions: FEW_Z / (questions + FEW_QUESTIONS)."""
BORROWED_LEVEL, BORROWED_OPTION = 1.25, 0.78
"""How far thinking on one benchmark is from that on another, in natural logarithms of the tokens:
common to all options, and of one option beyond that (root mean squares of the ordered pairs)."""
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
    """Pull each cell's cost spread to what its option and its class lead to expect; never NaN.

    Spreads differ between classes as much as between options, hence option times class over all.
    n questions miss with chance 1 / (n + 1) what a further one shows: costs that hardly vary may
    hide a dear request. Costs that do not vary at all are prices per call or averages, and kept.
    Shape (C, M).
    """
    weight = np.where(np.isfinite(cells.usd_cv2), np.maximum(cells.usd_n - 1, 0.0), 0.0)
    cv2 = np.nan_to_num(cells.usd_cv2)
    if weight.sum() == 0:
        return np.full(weight.shape, USUAL_CV2)
    overall = float((weight * cv2).sum() / weight.sum())
    constant = ((cv2 <= NEVER) | (weight == 0)).all(0) & (weight.sum(0) > 0)
    of_option = np.where(constant, 0.0, _pooled(weight, cv2, overall, 0))[None, :]
    of_class = _pooled(weight, cv2, overall, 1)[:, None]
    expected = of_option * of_class / overall if overall > 0 else np.zeros(weight.shape)
    pulled = (weight * cv2 + CV2_PRIOR * expected) / (weight + CV2_PRIOR)
    # A single cost says nothing about its spread.
    varies = (pulled > NEVER) & ((cv2 > NEVER) | (weight == 0))
    return np.asarray(pulled + np.where(varies, UNSEEN**2 / (cells.usd_n + 1.0), 0.0))


def _pooled(weight: Array, cv2: Array, overall: float, axis: int) -> Array:
    total = (weight * cv2).sum(axis) + CV2_PRIOR * overall
    return np.asarray(total / (weight.sum(axis) + CV2_PRIOR))


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


def margin_z(options: float, confidence: float = 0.9, questions: float = math.inf) -> float:
    """Give the standard errors of cost to keep free, by the usual options and questions per class.

    Whoever picks among many options picks those whose costs were measured too low, by 0.7 to 1.2
    standard errors with 34 options and by none with 4; and few costs know little of their own
    spread. Hence min(2.1, 1.1 + 0.29 log(options)) + 20 / (questions + 5) at a confidence of 0.9,
    fitted to the share of ceilings kept in split tables.
    """
    normal = NormalDist()
    base = min(MANY_Z, 1.1 + 0.29 * math.log(max(options, 1.0)))
    base += FEW_Z / (max(questions, 1.0) + FEW_QUESTIONS)
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


def borrowed_reach(
    classes: Iterable[Sequence[float]], confidence: float = 0.9
) -> tuple[float, float]:
    """Give how far below and above its forecast a bill may be whose thinking is borrowed.

    classes: dollars of thinking that each option has of each class, counted on a benchmark. Each
    is log-normal around its forecast; options of a class share the level, classes share nothing.
    The sides are added up apart, as independent errors are. What is spread over many classes is
    likely dearer than forecast, for a few that think long outweigh the others: the upper side
    takes the mean's excess over the median, as far as classes are many.
    """
    spread = math.hypot(BORROWED_LEVEL, BORROWED_OPTION)
    rho = (BORROWED_LEVEL / spread) ** 2
    reach = two_sided(confidence) * spread
    parts = sorted(sorted(dollars) for dollars in classes)
    variance = sum(_correlated_sum(dollars, rho) for dollars in parts)
    sums = [sum(dollars) for dollars in parts]
    whole = sum(sums)
    if whole <= 0:
        return 0.0, 0.0
    alone = sum(usd**2 for usd in sums) / whole**2
    excess = (1.0 - alone) * whole * math.expm1(0.5 * spread**2)
    far = math.sqrt(variance)
    return far * (1.0 - math.exp(-reach)), far * math.expm1(reach) + excess


def borrowed_factor() -> float:
    """Give the factor by which half of all borrowed thinking is off, in either direction."""
    return math.exp(two_sided(0.5) * math.hypot(BORROWED_LEVEL, BORROWED_OPTION))


def _correlated(spread: Array, rho: float) -> Array:
    """Variance of sums over options whose errors correlate by rho, per class."""
    return np.asarray(rho * spread.sum(1) ** 2 + (1 - rho) * (spread**2).sum(1))


def _correlated_sum(spread: Sequence[float], rho: float) -> float:
    """Variance of a sum of parts whose errors correlate by rho."""
    return rho * sum(spread) ** 2 + (1 - rho) * sum(s * s for s in spread)

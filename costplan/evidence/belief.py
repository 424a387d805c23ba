"""What is believed about the options of every class, jointly, and forecasts made from it.

Every class has logits with a covariance of its own plus a part that it shares with other classes
(the option effects, or the benchmark that stands for several classes). Forecasts of totals and of
differences use the joint covariance: a level that is common to all options cancels in a difference.

    beliefs.classes["triage"].estimate(("o3", "high"), confidence=0.9)   -> Estimate
    beliefs.forecast(shares, weights, confidence=0.9)                    -> Forecast of a total
    beliefs.forecast(shares, weights, minus=other_shares)                -> Forecast of a difference
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from statistics import NormalDist

import numpy as np

from costplan.domain.estimate import Estimate, Grade
from costplan.evidence.logistic import Array, moments, sigmoid

Option = tuple[str, str]
"""Model and setting."""
Shares = Mapping[str, Mapping[Option, float]]
"""For each class the share of each option, or any coefficients of their accuracies."""

WIDEN = 1.1
"""Factor on standard deviations with many questions, calibrated on real tables: see `widening`."""
FEW_WIDEN = 2.0
"""More with few: 2 / (questions + 2), which is 0.17 with 10 of them."""


def widening(median_questions: float) -> float:
    """Give the factor on the standard deviation for this many questions in the median class."""
    return WIDEN + FEW_WIDEN / (max(median_questions, 0.0) + FEW_WIDEN)


def two_sided(confidence: float) -> float:
    """Give the z of a two-sided normal interval; confidence inside (0, 1)."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    return NormalDist().inv_cdf(0.5 + confidence / 2.0)


@dataclass(frozen=True, slots=True)
class Forecast:
    """A total or a difference of accuracies with its uncertainty, in the units of the weights."""

    mean: float
    """Expected value."""
    sd: float
    """Standard deviation, the widening factor included."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    confidence: float
    """Probability that the interval is meant to hold."""


@dataclass(frozen=True)
class Belief:
    """What is believed about the accuracies of one class's options."""

    options: tuple[Option, ...]
    """Model and setting of each of the M options."""
    logit: Array
    """Posterior means in logits, (M,)."""
    own: Array
    """Covariance that belongs to this class alone, (M, M)."""
    loading: Array
    """How the logits move with the shared block, (M, R)."""
    block: str
    """Key of the shared block."""
    shared: Array
    """Covariance of the shared block, (R, R)."""
    grades: tuple[Grade, ...]
    """How good the evidence of each option is."""
    n_questions: Array
    """Questions behind each option in this class or benchmark, (M,); 0 means none."""
    phi: Array
    """Variance of one question's score divided by p (1 - p), (M,)."""
    widen: float = WIDEN
    """Factor on every standard deviation."""
    notes: tuple[str, ...] = ()
    """Assumptions that a reader must see."""
    place: Mapping[Option, int] = field(init=False, repr=False)
    """Index of each option."""

    def __post_init__(self) -> None:
        """Index the options."""
        object.__setattr__(self, "place", {option: i for i, option in enumerate(self.options)})

    @cached_property
    def variance(self) -> Array:
        """Variances of the logits, (M,), without the widening factor."""
        through = ((self.loading @ self.shared) * self.loading).sum(1)
        return np.asarray(np.maximum(np.diagonal(self.own) + through, 0.0))

    @cached_property
    def _moments(self) -> tuple[Array, Array]:
        return moments(self.logit, self.variance)

    @property
    def mean(self) -> Array:
        """Expected accuracies, (M,)."""
        return self._moments[0]

    @property
    def sd(self) -> Array:
        """Standard deviations of the accuracies, (M,), widened."""
        return self.widen * self._moments[1]

    @property
    def sd_logit(self) -> Array:
        """Standard deviations of the logits, (M,), widened."""
        return self.widen * np.sqrt(self.variance)

    @cached_property
    def slope(self) -> Array:
        """Accuracy per logit, such that slope x sd_logit = sd; p (1 - p) where sd is small."""
        p = sigmoid(self.logit)
        sd = np.sqrt(self.variance)
        return np.where(sd > 1e-9, self._moments[1] / np.maximum(sd, 1e-9), p * (1 - p))

    def estimate(
        self, option: Option, confidence: float = 0.9, future_questions: float | None = None
    ) -> Estimate:
        """Give the accuracy of an option with its interval.

        With future_questions the interval is for the share of right answers among that many
        new questions; without, for the share that a very large number of them would show.
        """
        i = self.place[option]
        mean, logit = float(self.mean[i]), float(self.logit[i])
        variance = float(self.variance[i])
        if future_questions is not None:
            spread = float(self.phi[i]) / max(mean * (1 - mean), 1e-6) / max(future_questions, 1.0)
            variance += spread
        reach = two_sided(confidence) * self.widen * variance**0.5
        low, high = sigmoid(np.array([logit - reach, logit + reach]))
        return Estimate(mean, min(float(low), mean), max(float(high), mean), self.grades[i])

    def draw(self, size: int, seed: int) -> Array:
        """Draw accuracies of all options from the posterior, (size, M), for the value of asking."""
        rng = np.random.default_rng(seed)
        covariance = self.own + self.loading @ self.shared @ self.loading.T
        values, vectors = np.linalg.eigh(covariance)
        noise = rng.standard_normal((size, len(values))) * np.sqrt(np.maximum(values, 0.0))
        return sigmoid(self.logit + self.widen * noise @ vectors.T)

    def estimates(self, confidence: float = 0.9) -> dict[Option, Estimate]:
        """Give every option's accuracy with its interval."""
        return {option: self.estimate(option, confidence) for option in self.options}


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What is believed about all classes, jointly."""

    classes: Mapping[str, Belief]
    """One belief per class; those with the same block key share its uncertainty."""

    @staticmethod
    def join(parts: Iterable[Beliefs]) -> Beliefs:
        """Put beliefs about different classes together."""
        classes: dict[str, Belief] = {}
        for part in parts:
            for name, belief in part.classes.items():
                if name in classes:
                    raise ValueError(f"two beliefs about class {name!r}")
                classes[name] = belief
        return Beliefs(classes)

    def forecast(
        self,
        shares: Shares,
        weights: Mapping[str, float],
        *,
        confidence: float = 0.9,
        minus: Shares | None = None,
        future_questions: Mapping[str, float] | None = None,
    ) -> Forecast:
        """Forecast sum over classes of weight x sum over options of share x accuracy.

        weights: 1 / number of classes, request shares, or values in dollars. minus: another
        allocation to compare with; the forecast is then of the difference. Shares may be any
        coefficients, such as the derivative of a vote's accuracy; then only sd is meaningful.
        future_questions: size of the batch on which it will be judged, per class.
        """
        mean, variance = 0.0, 0.0
        lowest, highest = 0.0, 0.0
        moved: dict[str, Array] = {}
        blocks: dict[str, Array] = {}
        widen = 0.0
        for name in sorted(set(shares) | set(minus or {})):
            belief, weight = self.classes[name], weights[name]
            x = _coefficients(belief, shares.get(name, {}), (minus or {}).get(name, {}))
            index = np.flatnonzero(x)
            if not len(index) or weight == 0:
                continue
            h = weight * x[index] * belief.slope[index]
            p = belief.mean[index]
            mean += weight * float(x[index] @ p)
            lowest += weight * float(np.minimum(x[index], 0).sum())
            highest += weight * float(np.maximum(x[index], 0).sum())
            part = float(h @ belief.own[np.ix_(index, index)] @ h)
            if future_questions is not None:
                batch = float(np.abs(x[index]) @ (belief.phi[index] * p * (1 - p)))
                part += weight**2 * batch / max(future_questions[name], 1.0)
            g = h @ belief.loading[index]
            moved[belief.block] = moved.get(belief.block, 0.0) + belief.widen * g
            blocks[belief.block] = belief.shared
            variance += belief.widen**2 * part
            widen = max(widen, belief.widen)
        variance += sum(float(g @ blocks[key] @ g) for key, g in moved.items())
        sd = max(variance, 0.0) ** 0.5
        reach = two_sided(confidence) * sd
        low, high = min(lowest, highest), max(lowest, highest)
        return Forecast(
            mean, sd, max(mean - reach, min(low, mean)), min(mean + reach, max(high, mean)),
            confidence,
        )  # fmt: skip


def _coefficients(
    belief: Belief, plus: Mapping[Option, float], minus: Mapping[Option, float]
) -> Array:
    """Lay out shares minus shares in the order of the belief's options."""
    x = np.zeros(len(belief.options))
    for option, share in plus.items():
        x[belief.place[option]] += share
    for option, share in minus.items():
        x[belief.place[option]] -= share
    return x

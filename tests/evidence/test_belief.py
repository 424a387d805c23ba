"""Forecasts of totals and differences against draws from the same posterior."""

from __future__ import annotations

import numpy as np
import pytest

from costplan.domain.estimate import Grade
from costplan.evidence.belief import Belief, Beliefs, two_sided, widening

OPTIONS = (("a", "low"), ("a", "high"), ("b", "fixed"))


def _belief(seed, level=0.0, shared_sd=0.2):
    rng = np.random.default_rng(seed)
    own = 0.02 * np.eye(3) + level**2
    return Belief(
        options=OPTIONS,
        logit=rng.normal(0.5, 0.5, 3),
        own=own,
        loading=np.eye(3),
        block="bench",
        shared=shared_sd**2 * np.eye(3),
        grades=(Grade.MEASURED,) * 3,
        n_questions=np.full(3, 50.0),
        phi=np.ones(3),
        widen=1.0,
    )


def _simulate(beliefs, shares, weights, size=200_000):
    """Draw totals with the shared block drawn once for all classes."""
    rng = np.random.default_rng(0)
    common = rng.standard_normal((size, 3)) * 0.2
    total = np.zeros(size)
    for name, part in shares.items():
        belief = beliefs.classes[name]
        root = np.linalg.cholesky(belief.own)
        z = belief.logit + common + rng.standard_normal((size, 3)) @ root.T
        p = 1 / (1 + np.exp(-z))
        for option, share in part.items():
            total += weights[name] * share * p[:, OPTIONS.index(option)]
    return total


def test_a_total_equals_simulation():
    """Mean and spread over classes that share a benchmark equal those of joint draws."""
    beliefs = Beliefs({"x": _belief(1), "y": _belief(2)})
    shares = {"x": {OPTIONS[1]: 0.7, OPTIONS[0]: 0.3}, "y": {OPTIONS[1]: 1.0}}
    weights = {"x": 0.4, "y": 0.6}
    forecast = beliefs.forecast(shares, weights)
    total = _simulate(beliefs, shares, weights)
    assert forecast.mean == pytest.approx(total.mean(), abs=1e-3)
    assert forecast.sd == pytest.approx(total.std(), rel=0.03)
    low, high = np.quantile(total, [0.05, 0.95])
    assert forecast.low == pytest.approx(low, abs=0.005)
    assert forecast.high == pytest.approx(high, abs=0.005)


def test_a_common_level_cancels_in_a_difference():
    """Savings and gains are more certain than levels when the level is common to all options."""
    beliefs = Beliefs({"x": _belief(1, level=1.2)})
    weights = {"x": 1.0}
    one, two = {"x": {OPTIONS[0]: 1.0}}, {"x": {OPTIONS[1]: 1.0}}
    level = beliefs.forecast(one, weights)
    difference = beliefs.forecast(one, weights, minus=two)
    assert difference.sd < 0.5 * level.sd
    assert difference.mean == pytest.approx(
        level.mean - beliefs.forecast(two, weights).mean, abs=1e-12
    )


def test_a_future_batch_adds_its_own_noise():
    """Judged on few new questions the interval is wider, on very many it is the posterior's."""
    belief = _belief(1)
    beliefs = Beliefs({"x": belief})
    shares, weights = {"x": {OPTIONS[0]: 1.0}}, {"x": 1.0}
    plain = beliefs.forecast(shares, weights)
    few = beliefs.forecast(shares, weights, future_questions={"x": 20})
    many = beliefs.forecast(shares, weights, future_questions={"x": 1e9})
    p = plain.mean
    assert few.sd**2 == pytest.approx(plain.sd**2 + p * (1 - p) / 20, rel=1e-6)
    assert many.sd == pytest.approx(plain.sd, rel=1e-6)
    wide = belief.estimate(OPTIONS[0], 0.9, future_questions=20)
    assert wide.low < belief.estimate(OPTIONS[0], 0.9).low


def test_intervals_stay_inside_what_is_possible():
    """No interval leaves 0 to the sum of weights, whatever the confidence."""
    beliefs = Beliefs({"x": _belief(1, level=3.0)})
    for confidence in (0.01, 0.5, 0.9, 0.999999):
        forecast = beliefs.forecast({"x": {OPTIONS[0]: 1.0}}, {"x": 2.0}, confidence=confidence)
        assert 0 <= forecast.low <= forecast.mean <= forecast.high <= 2.0
        estimate = beliefs.classes["x"].estimate(OPTIONS[0], confidence)
        assert 0 <= estimate.low <= estimate.mean <= estimate.high <= 1


def test_draws_have_the_posterior_moments():
    """Posterior draws have the mean and spread that the belief states, and a seed."""
    belief = _belief(4, level=0.3)
    draws = belief.draw(100_000, seed=1)
    assert np.allclose(draws.mean(0), belief.mean, atol=2e-3)
    assert np.allclose(draws.std(0), belief.sd, rtol=0.03)
    assert (belief.draw(5, seed=1) == belief.draw(5, seed=1)).all()


def test_two_beliefs_about_one_class_are_refused():
    """Joining beliefs needs different classes."""
    with pytest.raises(ValueError, match="two beliefs"):
        Beliefs.join([Beliefs({"x": _belief(1)}), Beliefs({"x": _belief(2)})])


def test_confidence_and_widening_have_their_range():
    """Confidence lies inside 0 and 1; small classes get wider intervals."""
    with pytest.raises(ValueError, match="confidence"):
        two_sided(1.0)
    assert two_sided(0.95) == pytest.approx(1.959964, abs=1e-6)
    assert widening(5) > widening(10) > widening(50) > widening(10_000) > 1.1
    assert widening(10) == pytest.approx(1.1 + 2 / 12)

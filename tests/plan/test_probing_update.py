"""Answers weighed into beliefs for a forecast, against sums over a grid."""

from __future__ import annotations

import numpy as np
import pytest

from costplan.plan.probing_beliefs import Believed
from costplan.plan.probing_update import update, update_beliefs
from costplan.probe.schedule import Posterior

LOGITS = np.linspace(-7, 7, 561)


@pytest.mark.parametrize(("n", "right"), [(4, 2), (4, 4), (12, 3), (60, 51)])
def test_one_option_is_believed_as_a_sum_over_a_grid_says(n, right):
    """Mean and spread agree with Bayes' rule on a grid, near enough for a forecast."""
    mean, variance = 0.4, 0.9
    p = 1 / (1 + np.exp(-LOGITS))
    density = -((LOGITS - mean) ** 2) / (2 * variance) + right * np.log(p)
    density = density + (n - right) * np.log1p(-p)
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    exact = float(weight @ LOGITS)
    spread = float(weight @ (LOGITS - exact) ** 2) ** 0.5
    logit, covariance = update(
        np.array([mean]), np.array([[variance]]), np.array([0]), np.array([n]), np.array([right])
    )
    assert logit[0] == pytest.approx(exact, abs=0.15)
    assert covariance[0, 0] ** 0.5 == pytest.approx(spread, rel=0.1)


def test_an_option_without_answers_learns_through_its_neighbour():
    """Two options that belong together move together, as on a grid of both."""
    mean, covariance = np.array([0.2, 0.5]), np.array([[1.0, 0.7], [0.7, 0.8]])
    inverse = np.linalg.inv(covariance)
    a, b = np.meshgrid(LOGITS, LOGITS, indexing="ij")
    x, y = a - mean[0], b - mean[1]
    density = -0.5 * (inverse[0, 0] * x * x + 2 * inverse[0, 1] * x * y + inverse[1, 1] * y * y)
    p = 1 / (1 + np.exp(-a))
    density = density + 5 * np.log(p) + 15 * np.log1p(-p)
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    logit, after = update(mean, covariance, np.array([0]), np.array([20.0]), np.array([5.0]))
    assert logit[1] == pytest.approx(float((weight * b).sum()), abs=0.05)
    exact = float((weight * (b - (weight * b).sum()) ** 2).sum()) ** 0.5
    assert after[1, 1] ** 0.5 == pytest.approx(exact, rel=0.05)


def test_truth_drawn_from_the_beliefs_is_covered_as_promised():
    """Over many draws the intervals after the answers hold the truth as often as they say."""
    rng = np.random.default_rng(3)
    root = rng.normal(size=(4, 4)) * 0.5
    covariance = root @ root.T + 0.1 * np.eye(4)
    prior = Believed(Posterior(np.full((1, 4), 0.3), covariance[None]), None, np.zeros((1, 4)), {})
    n = np.array([[4.0, 12.0, 30.0, 0.0]])
    held, whole = 0, 0
    for _ in range(400):
        truth = 0.3 + np.linalg.cholesky(covariance) @ rng.normal(size=4)
        right = rng.binomial(n[0].astype(int), 1 / (1 + np.exp(-truth))).astype(float)
        after = update_beliefs(prior, n, right[None]).posterior
        reach = 1.645 * np.sqrt(np.diagonal(after.covariance[0]))
        held += int((np.abs(after.logit[0] - truth) <= reach).sum())
        whole += 4
    assert held / whole == pytest.approx(0.9, abs=0.03)


def test_no_answers_change_nothing_and_extremes_stay_finite():
    """A class without answers keeps its beliefs; thousands of right answers stay a number."""
    prior = Believed(
        Posterior(np.zeros((2, 1)), np.ones((2, 1, 1))), None, np.zeros((2, 1)), {}
    )  # fmt: skip
    after = update_beliefs(prior, np.array([[0.0], [5000.0]]), np.array([[0.0], [5000.0]]))
    assert after.posterior.logit[0, 0] == 0
    assert after.posterior.covariance[0, 0, 0] == 1
    assert 3 < after.posterior.logit[1, 0] < 12
    assert 0 < after.posterior.covariance[1, 0, 0] < 1

"""The closed form against dense Gaussian algebra, simulation and its own symmetries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costplan.evidence import logit as model
from costplan.evidence.logistic import moments, sigmoid
from costplan.evidence.logit import Anchor, fit_logits


def _dense(z, noise, spreads, tails):
    """Posterior and -2 log likelihood from the full covariance of all cells."""
    a2, t2, b2 = np.square(spreads)
    cells = [(c, m) for c in range(z.shape[0]) for m in range(z.shape[1])]
    prior = np.array(
        [
            [
                model.MU_SD**2
                + (c == d) * a2
                + (m == k) * b2 * tails.of_options[m]
                + (c == d and m == k) * t2 * tails.of_cells[c, m]
                for d, k in cells
            ]
            for c, m in cells
        ]
    )
    error = np.array(
        [
            [
                (c == d)
                * np.sqrt(noise.variance[c, m] * noise.variance[d, k])
                * (1.0 if m == k else noise.paired)
                for d, k in cells
            ]
            for c, m in cells
        ]
    )
    seen = noise.seen.ravel()
    v = (prior + error)[np.ix_(seen, seen)]
    k = prior[:, seen]
    inverse = np.linalg.inv(v)
    values = z[noise.seen]
    return (
        np.linalg.slogdet(v)[1] + values @ inverse @ values,
        (k @ inverse @ values).reshape(z.shape),
        np.diag(prior - k @ inverse @ k.T).reshape(z.shape),
    )


@pytest.mark.parametrize("shape", [(4, 3), (2, 9), (1, 5), (5, 1), (3, 3)])
@pytest.mark.parametrize("paired", [0.0, 0.4])
def test_equals_dense_algebra(shape, paired):
    """Posterior and likelihood equal the textbook formulas on the full covariance matrix."""
    rng = np.random.default_rng(1)
    seen = np.ones(shape, dtype=bool)
    seen[0, 0] = False
    noise = model._Noise(np.where(seen, 0.2 + rng.random(shape), 0.0), seen, paired)
    z = np.where(seen, rng.normal(size=shape), 0.0)
    tails = model._Tails(1 + rng.random(shape[1]), 1 + rng.random(shape))
    trial = np.array([[0.5, 0.3, 0.7], [0.1, 1.0, 0.2], [2.0, 0.03, 1.0]])
    truth = [_dense(z, noise, spreads, tails) for spreads in trial]
    found = model._deviance(z, noise, tails, trial, None)
    assert np.ptp(found - [deviance for deviance, _, _ in truth]) < 1e-10
    fit = model._posterior(z, noise, tails, trial[0], None)
    assert np.allclose(fit.logit, truth[0][1], atol=1e-10)
    assert np.allclose(fit.variance, truth[0][2], atol=1e-10)


def test_an_anchor_acts_as_a_measurement_of_the_option_effects():
    """A Gaussian factor with a tiny variance pins the option effects to its mean."""
    pinned = np.array([1.0, -1.0, 0.5])
    anchor = Anchor(np.eye(3) * 1e8, pinned * 1e8)
    fit = fit_logits(np.full((2, 3), 5.0), np.full((2, 3), 0.5), anchor=anchor)
    assert np.allclose(fit.effects, pinned, atol=1e-3)


def test_shrinks_towards_truth_in_simulation():
    """On data from the model the estimates beat raw shares and their spread is calibrated."""
    rng = np.random.default_rng(3)
    truth = rng.normal(0, 1, 30)[None] + rng.normal(0, 0.7, 20)[:, None]
    truth = truth + rng.normal(0, 0.3, truth.shape)
    n = np.full(truth.shape, 25.0)
    share = rng.binomial(25, sigmoid(truth)) / 25
    fit = fit_logits(n, share)
    mean, sd = moments(fit.logit, fit.variance)
    error = mean - sigmoid(truth)
    assert np.sqrt((error**2).mean()) < 0.75 * np.sqrt(((share - sigmoid(truth)) ** 2).mean())
    assert 0.8 < np.sqrt(((error / sd) ** 2).mean()) < 1.25
    assert abs(error.mean()) < 0.012  # three standard errors of 600 cells of 25


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 6))
def test_any_counts_give_finite_estimates(seed, classes, options):
    """All right, all wrong, missing cells, one class or one option never give a NaN."""
    rng = np.random.default_rng(seed)
    n = rng.integers(0, 40, (classes, options)).astype(float)
    share = np.where(rng.random(n.shape) < 0.4, rng.integers(0, 2, n.shape), rng.random(n.shape))
    fit = fit_logits(n, share, rng.uniform(0.02, 1.5, n.shape), paired=0.3)
    mean, sd = moments(fit.logit, fit.variance)
    assert np.isfinite(fit.logit).all()
    assert ((mean > 0) & (mean < 1) & (sd > 0) & (sd < 0.51)).all()


def test_few_answers_against_all_others_do_not_run_away():
    """Eight answers for each cell, most of them wrong, give finite estimates with errors."""
    sixteenths = [
        [2, 2, 2, 2, 2, 9, 7, 6, 16, 16],
        [0, 0, 0, 0, 0, 2, 4, 2, 14, 14],
        [0, 0, 2, 9, 0, 12, 12, 11, 16, 16],
        [0, 2, 0, 0, 2, 0, 0, 0, 10, 10],
    ]
    share = np.array(sixteenths) / 16
    fit = fit_logits(np.full(share.shape, 8.0), share, 0.9, paired=0.2)
    mean, sd = moments(fit.logit, fit.variance)
    assert np.abs(fit.logit).max() < 10
    assert (np.sqrt(fit.variance) > 0.1).all()
    assert (np.abs(mean - share) < np.maximum(4 * sd, 0.15)).all()


def test_order_of_classes_and_options_changes_nothing():
    """Permuting rows and columns permutes the estimates."""
    rng = np.random.default_rng(5)
    n = rng.integers(1, 60, (6, 8)).astype(float)
    share = rng.random(n.shape)
    rows, columns = rng.permutation(6), rng.permutation(8)
    one = fit_logits(n, share)
    two = fit_logits(n[rows][:, columns], share[rows][:, columns])
    assert np.allclose(one.logit[rows][:, columns], two.logit, atol=1e-9)
    assert np.allclose(one.variance[rows][:, columns], two.variance, atol=1e-9)


def test_an_outstanding_option_keeps_its_distance():
    """One option far above many equal ones is pulled less than a Gaussian prior would."""
    rng = np.random.default_rng(7)
    truth = np.r_[np.full(25, 0.5), 0.95]
    share = rng.binomial(25, truth, (5, 26)) / 25
    fit = fit_logits(np.full((5, 26), 25.0), share)
    assert moments(fit.logit, fit.variance)[0][:, -1].mean() > share[:, -1].mean() - 0.04


@pytest.mark.parametrize(("mean", "variance"), [(0.0, 1.0), (2.0, 0.25), (-1.0, 2.0)])
def test_moments_equal_simulation(mean, variance):
    """Mean and spread of a logistic normal equal those of many draws."""
    draws = sigmoid(np.random.default_rng(0).normal(mean, variance**0.5, 400_000))
    first, sd = moments(np.array([mean]), np.array([variance]))
    assert first[0] == pytest.approx(draws.mean(), abs=1e-3)
    assert sd[0] == pytest.approx(draws.std(), abs=1e-3)

"""Filling a ceiling against linear programming."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from costplan.plan.backtest_fill import Ladder, fill_with_margin


def _linear_program(gain, usd, usable, weights, budget):
    """The best accuracy within the budget, by HiGHS."""
    classes, options = gain.shape
    value = (weights[:, None] * gain).ravel()
    cost = (weights[:, None] * usd).ravel()
    one = np.kron(np.eye(classes), np.ones(options))
    bounds = [(0, 1 if ok else 0) for ok in usable.ravel()]
    return linprog(-value, cost[None], [budget], one, np.ones(classes), bounds, method="highs")


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 5), st.integers(1, 7), st.floats(0.0, 1.3))
def test_the_fill_is_the_linear_optimum(seed, classes, options, way):
    """At any budget the shares are a plan within it, and as good as the linear program's."""
    rng = np.random.default_rng(seed)
    gain = np.round(rng.random((classes, options)), 2)
    usd = np.round(rng.random((classes, options)), 2)
    usable = rng.random((classes, options)) < 0.8
    usable[np.arange(classes), rng.integers(0, options, classes)] = True
    weights = rng.dirichlet(np.ones(classes))
    ladder = Ladder(gain, np.where(usable, usd, np.nan), usable, weights)
    budget = ladder.base_usd + way * (ladder.full_usd - ladder.base_usd) + 1e-9
    shares = ladder.fill(budget)
    assert shares is not None
    assert np.allclose(shares.sum(1), 1)
    assert (shares[~usable] == 0).all()
    assert ((shares > 0) & (shares < 1)).any(1).sum() <= 1
    assert (weights @ (shares * usd).sum(1)) <= budget * (1 + 1e-9)
    best = _linear_program(gain, usd, usable, weights, budget)
    assert weights @ (shares * gain).sum(1) == pytest.approx(-best.fun, abs=1e-7)


def test_below_the_cheapest_plan_there_is_none():
    """A budget below the cheapest options gives no plan."""
    ladder = Ladder(np.array([[0.5]]), np.array([[1.0]]), np.array([[True]]), np.ones(1))
    assert ladder.fill(0.9) is None
    assert ladder.fill(1.0) is not None


def test_the_margin_is_kept_and_used():
    """The plan's cost with its margin comes up to the ceiling and not above it."""
    ladder = Ladder(
        np.array([[0.2, 0.9]]), np.array([[1.0, 9.0]]), np.ones((1, 2), dtype=bool), np.ones(1)
    )
    usd = np.array([1.0, 9.0])

    def read(shares):
        return float(shares[0] @ usd), 0.05 * float(shares[0] @ usd)

    shares, promised = fill_with_margin(ladder.fill, read, 6.0, 2.5, ladder.base_usd)
    assert promised
    margined = read(shares)[0] * np.exp(2.5 * 0.05)
    assert 5.99 < margined <= 6.0


def test_where_no_plan_keeps_the_margin_the_cheapest_is_given_without_promise():
    """A ceiling barely above the cheapest plan gives that plan and no promise."""
    ladder = Ladder(
        np.array([[0.2, 0.9]]), np.array([[1.0, 9.0]]), np.ones((1, 2), dtype=bool), np.ones(1)
    )
    shares, promised = fill_with_margin(
        ladder.fill, lambda x: (float(x[0] @ [1.0, 9.0]), 0.5), 1.1, 2.5, ladder.base_usd
    )
    assert not promised
    assert shares.tolist() == [[1.0, 0.0]]

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costplan.policies.picking import Rates, pick_at_once, pick_in_turn
from costplan.policies.voting import correlated, recorded


@given(st.integers(0, 10), st.integers(1, 10))
def test_a_test_picks_as_pass_at_k(right, n):
    """With a test the best of n of m samples is right unless all of them are wrong."""
    expected = 1 - comb(10 - right, n) / comb(10, n)
    for pick in (pick_at_once, pick_in_turn):
        done = pick(recorded(right, 10), n, Rates())
        assert done.right == pytest.approx(expected)
        assert done.accepted_right == pytest.approx(expected)


@pytest.mark.parametrize("pick", [pick_at_once, pick_in_turn])
@pytest.mark.parametrize("repeats", [0.0, 0.5, 1.0])
def test_a_verifier_picks_as_a_simulation_does(pick, repeats):
    """Two hundred thousand drawn requests give the same shares."""
    rng = np.random.default_rng(3)
    size, n, rates = 200_000, 4, Rates(0.2, 0.3)
    right = rng.random((size, n)) < rng.beta(2, 3, size)[:, None]
    same = rng.random(size)[:, None] < repeats
    lenient = np.where(same, rng.random((size, 1)), rng.random((size, n)))
    wrong_taken, right_down = lenient < 0.2, lenient >= 0.7
    taken = np.where(right, ~right_down, wrong_taken)
    if pick is pick_in_turn:
        first = np.where(taken.any(1), taken.argmax(1), n - 1)
    else:
        weight = np.where(taken.any(1)[:, None], taken, True)
        first = (weight * rng.random((size, n))).argmax(1)
    rows = np.arange(size)
    done = pick(correlated(0.4, 1 / 6), n, rates, repeats)
    assert done.right == pytest.approx(right[rows, first].mean(), abs=0.005)
    assert done.accepted == pytest.approx(taken.any(1).mean(), abs=0.005)
    assert done.accepted_right == pytest.approx((right & taken)[rows, first].mean(), abs=0.005)
    if pick is pick_in_turn:
        ends = np.bincount(first, minlength=n) / size
        assert done.ends == pytest.approx(ends, abs=0.005)


@given(st.floats(0, 1), st.floats(0, 0.95), st.integers(1, 8), st.floats(0, 1), st.floats(0, 1))
@settings(deadline=None)
def test_a_useless_check_never_looks_useful(p, rho, n, f, repeats):
    """A check that takes right and wrong answers alike leaves the accuracy of one call."""
    for pick in (pick_at_once, pick_in_turn):
        done = pick(correlated(p, rho), n, Rates(f, 1 - f), repeats)
        assert done.right == pytest.approx(p, abs=1e-9)


@given(st.floats(0, 1), st.floats(0, 0.95), st.integers(1, 8))
@settings(deadline=None)
def test_a_perfect_check_never_hurts(p, rho, n):
    """More calls under a perfect check never lower the accuracy."""
    draws = correlated(p, rho)
    assert (
        pick_at_once(draws, n + 1, Rates()).right >= pick_at_once(draws, n, Rates()).right - 1e-12
    )
    assert pick_at_once(draws, n, Rates()).right >= p - 1e-12

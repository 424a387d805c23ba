from __future__ import annotations

import itertools
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from costplan.policies.ballots import replay
from costplan.policies.voting import Draws, Rule, correlated, count_right, recorded, rule_of, vote


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 15])
@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_a_vote_of_independent_calls_is_the_binomial_majority(n, p):
    """With one wrong answer the vote is right as often as a binomial majority, ties halved."""
    k = np.arange(n + 1)
    worth = np.where(2 * k > n, 1.0, np.where(2 * k == n, 0.5, 0.0))
    expected = stats.binom.pmf(k, n, p) @ worth
    done = vote(correlated(p, 0.0), rule_of(n, None, decided=False, agree=None))
    assert done.right == pytest.approx(expected, abs=1e-12)
    assert done.calls == pytest.approx(n)


@pytest.mark.parametrize("rho", [0.05, 0.4, 0.9])
def test_correlated_calls_follow_the_beta_binomial_law(rho):
    """Right answers among correlated calls are beta-binomial with that correlation."""
    size = (1 - rho) / rho
    expected = stats.betabinom.pmf(range(8), 7, 0.6 * size, 0.4 * size)
    assert count_right(correlated(0.6, rho), 7) == pytest.approx(expected, abs=1e-12)


def test_calls_that_always_agree_bring_nothing():
    """At a correlation of 1 a vote is as good as one call."""
    done = vote(correlated(0.37, 1.0), rule_of(9, None, decided=False, agree=None))
    assert done.right == pytest.approx(0.37, abs=1e-9)


@given(st.integers(1, 6), st.integers(0, 6), st.integers(1, 3), st.booleans(), st.data())
@settings(max_examples=40, deadline=None)
def test_a_vote_on_recorded_samples_is_the_mean_over_all_their_orders(
    n, right, wrong_answers, decided, data
):
    """Every order of the samples and every labelling of the wrong ones, played one by one."""
    samples = data.draw(st.integers(max(n, right), 6))
    rule = rule_of(n, None, decided=decided, agree=data.draw(st.sampled_from([None, *range(2, n)])))
    total, calls, worlds = 0.0, 0.0, 0
    wrong = samples - right
    for labels in itertools.product(range(wrong_answers), repeat=wrong):
        answers = [-1] * right + list(labels)
        for order in itertools.permutations(answers, n):
            won, used = _play(order, rule)
            total, calls, worlds = total + won, calls + used, worlds + 1
    done = vote(recorded(right, samples), rule, wrong_answers)
    assert done.right == pytest.approx(total / worlds, abs=1e-9)
    assert done.calls == pytest.approx(calls / worlds, abs=1e-9)
    assert sum(done.ends.values()) == pytest.approx(1)
    assert sum(done.taken(0)) == pytest.approx(1)


def _play(order, rule):
    for used in range(1, len(order) + 1):
        seen = order[:used]
        groups = sorted((seen.count(a) for a in set(seen)), reverse=True)
        lead = groups[0] - (groups[1] if len(groups) > 1 else 0)
        if used < rule.start:
            continue
        if rule.agree is not None and groups[0] >= rule.agree:
            break
        if rule.decided and lead > rule.n - used:
            break
    seen = order[:used]
    top = max(seen.count(a) for a in set(seen))
    leaders = [a for a in set(seen) if seen.count(a) == top]
    return (1 / len(leaders) if -1 in leaders else 0.0), used


@given(st.floats(0.01, 0.99), st.floats(0, 0.95), st.integers(2, 9), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_stopping_when_decided_changes_calls_and_not_the_answer(p, rho, n, wrong_answers):
    """An early stop saves calls and never changes how often the vote is right."""
    draws = correlated(p, rho)
    whole = vote(draws, rule_of(n, None, decided=False, agree=None), wrong_answers)
    early = vote(draws, rule_of(n, None, decided=True, agree=None), wrong_answers)
    assert early.right == pytest.approx(whole.right, abs=1e-9)
    assert early.calls <= n + 1e-9


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 5))
def test_a_vote_of_one_is_the_setting_itself(p, rho, wrong_answers):
    """One call is no vote."""
    done = vote(correlated(p, rho), rule_of(1, None, decided=True, agree=None), wrong_answers)
    assert done.right == pytest.approx(p, abs=1e-9)
    assert done.calls == pytest.approx(1)


@given(st.floats(0, 1), st.integers(2, 7))
@settings(deadline=None)
def test_one_wrong_value_is_the_worst_case(p, n):
    """The more the wrong answers scatter, the better the vote."""
    rule = rule_of(n, None, decided=False, agree=None)
    rights = [vote(correlated(p, 0.2), rule, values).right for values in (1, 2, 5)]
    assert rights[0] <= rights[1] + 1e-9 <= rights[2] + 2e-9


def test_draws_without_replacement_are_hypergeometric():
    """Right answers among n of m samples are hypergeometric."""
    expected = [comb(7, k) * comb(5, 4 - k) / comb(12, 4) for k in range(5)]
    assert count_right(recorded(7, 12), 4) == pytest.approx(expected)


def test_partial_scores_keep_their_chance():
    """A score in parts is no count of right answers: it is the chance of every call."""
    assert recorded(2.5, 5) == Draws(2.5, 2.5, 0)


def test_known_answers_are_replayed_from_every_sample_on():
    """Two of three say the same wrong thing: the right one never wins, agreement says so."""
    done = replay(np.array([4.0, 9.0, 9.0]), np.array([1.0, 0.0, 0.0]), Rule(3, 3))
    assert done.right == 0.0
    assert done.agreed == {2: (0.0, 1.0)}
    spread = replay(
        np.array([4.0, 9.0, 8.0, 4.0]), np.array([1.0, 0.0, 0.0, 1.0]), Rule(4, 2, agree=2)
    )
    # From sample 0 and 2: 4 wins after all four and after three; from 3: at once; from 1: four.
    assert spread.right == pytest.approx(1.0)
    assert spread.ends == pytest.approx({2: 0.25, 3: 0.25, 4: 0.5})

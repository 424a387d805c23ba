"""What to ask next."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.stats import beta as beta_distribution

from benchmarks.probe.race import race
from benchmarks.probe.worlds import drawn_world
from costplan.probe.frontier import expected_accuracy, fill
from costplan.probe.schedule import (
    Aim,
    Asking,
    Posterior,
    advise,
    beta_posterior,
    first_steps,
)


def case(seed, classes=3, options=4):
    """Draw a random problem."""
    rng = np.random.default_rng(seed)
    value = rng.uniform(0, 1, (classes, options))
    usd = rng.uniform(0.1, 5, (classes, options))
    may = rng.uniform(size=(classes, options)) < 0.8
    may[:, 0] = True
    return value, usd, may


LP_TOLERANCE = 1e-5
"""HiGHS allows a violation of 1e-7 dollars, which buys this much at the steepest slope."""


def exact(value, usd, may, ceiling):
    """Solve the same linear program with HiGHS."""
    classes, options = value.shape
    bounds = [(0, 1 if allowed else 0) for allowed in may.ravel()]
    one = np.kron(np.eye(classes), np.ones(options))
    return linprog(
        -value.ravel(),
        A_ub=usd.reshape(1, -1),
        b_ub=[ceiling],
        A_eq=one,
        b_eq=np.ones(classes),
        bounds=bounds,
    )


@given(seed=st.integers(0, 10**6), part=st.floats(0, 1.2))
@settings(deadline=None)
def test_the_fill_is_the_linear_programs_optimum(seed, part):
    """Hulls filled by slope reach the optimum that HiGHS proves, and its price of a dollar."""
    value, usd, may = case(seed)
    low = np.where(may, usd, np.inf).min(1).sum()
    high = np.where(may, usd, 0).max(1).sum()
    ceiling = low + part * (high - low) + 1e-9
    plan = fill(value, usd, may, ceiling)
    best = exact(value, usd, may, ceiling)
    assert np.allclose(plan.shares.sum(1), 1)
    assert (plan.shares * usd).sum() <= ceiling + 1e-9
    reached = (plan.shares * value).sum()
    assert reached == pytest.approx(-best.fun, abs=LP_TOLERANCE)
    # the price of a dollar is a slope of the concave frontier at this ceiling
    for step in (0.01, 0.3, -0.01, -0.3):
        other = exact(value, usd, may, ceiling + step)
        if other.status == 0:
            assert -other.fun <= reached + plan.last_slope * step + LP_TOLERANCE


def test_an_impossible_ceiling_gives_the_cheapest_options():
    """Below the cheapest plan the fill is the cheapest plan, with the price of the first step."""
    value, usd = np.array([[0.2, 0.8]]), np.array([[1.0, 2.0]])
    plan = fill(value, usd, np.ones((1, 2), bool), 0.5)
    assert plan.shares.tolist() == [[1.0, 0.0]]
    assert plan.last_slope == pytest.approx(0.6)


def test_expected_accuracy_is_the_integral():
    """The closed form is within a hundredth of the integral over the normal."""
    rng = np.random.default_rng(1)
    for mean, sd in ((0.0, 1.0), (2.0, 0.5), (-1.0, 2.0)):
        drawn = 1 / (1 + np.exp(-rng.normal(mean, sd, 200_000)))
        found = expected_accuracy(np.array([[mean]]), np.array([[[sd**2]]]))
        assert found[0, 0] == pytest.approx(drawn.mean(), abs=0.01)


def test_the_beta_posterior_has_the_moments_of_the_beta():
    """Means and variances in logits are those of draws from the Beta distribution."""
    asked = np.array([[10, 40]])
    score = np.array([[0.7, 0.45]])
    found = beta_posterior(asked, score)
    mean = (7 + 18 + 1) / 52
    for m, (n, y) in enumerate(((10, 0.7), (40, 0.45))):
        drawn = beta_distribution(n * y + 2 * mean, n * (1 - y) + 2 * (1 - mean)).rvs(
            200_000, random_state=3
        )
        logits = np.log(drawn / (1 - drawn))
        assert found.logit[0, m] == pytest.approx(logits.mean(), abs=0.02)
        assert found.covariance[0, m, m] == pytest.approx(logits.var(), rel=0.05)
    assert found.covariance[0, 0, 1] == 0


def setting(logit, sd, usd, ceiling, asked=10, available=100, weight=None):
    """Make the inputs of the advice from lists."""
    logit, usd = np.array(logit, float), np.array(usd, float)
    spread = np.broadcast_to(np.array(sd, float), logit.shape)
    covariance = np.stack([np.diag(row**2) for row in spread])
    classes = len(logit)
    share = np.full(classes, 1 / classes) if weight is None else np.array(weight)
    aim = Aim(share, usd * share[:, None], ceiling, np.ones(logit.shape, bool))
    counts = np.full(logit.shape, asked)
    return Posterior(logit, covariance), aim, Asking(counts, np.full(classes, available), usd)


def test_a_settled_choice_asks_nothing():
    """Where one option is clearly best nothing is worth asking."""
    advice = advise(*setting([[3.0, -3.0]], 0.1, [[1, 2]], 10))
    assert advice.settled
    assert advice.steps == ()
    assert advice.weakest == 1.0
    assert advice.shares.tolist() == [[1.0, 0.0]]


def test_only_what_can_still_win_is_asked():
    """Two close options are asked; one that cannot win is not, nor a class that is settled."""
    posterior, aim, asking = setting(
        [[1.0, 1.1, -4.0, -4.0], [4.0, -4.0, -4.0, -4.0]], 0.3, [[1, 1, 1, 1]] * 2, 99
    )
    advice = advise(posterior, aim, asking)
    assert not advice.settled
    assert {step.class_index for step in advice.steps} == {0}
    assert [m for m, _ in advice.steps[0].up_to] == [0, 1]
    assert {up_to for _, up_to in advice.steps[0].up_to} == {15}
    assert advice.steps[0].usd == pytest.approx(10)
    assert advice.best_share[0, 2] == 0


def test_a_dear_option_that_money_cannot_buy_is_not_asked():
    """At a tight ceiling the price of a dollar keeps an option out that is a little better."""
    tight = advise(*setting([[1.0, 1.1, 1.3]], 0.2, [[1, 1.01, 500]], 1.005))
    loose = advise(*setting([[1.0, 1.1, 1.3]], 0.2, [[1, 1.01, 500]], 1000))
    assert tight.usd_price > 0
    assert tight.best_share[0, 2] == 0
    assert loose.usd_price == 0
    assert loose.best_share[0, 2] > 0.4


def test_evpi_is_that_of_two_independent_options():
    """The gain of knowing two options agrees with a large independent simulation."""
    posterior, aim, asking = setting([[0.5, 0.7]], [[0.4, 0.6]], [[1, 1]], 99)
    found = np.mean([advise(posterior, aim, asking, seed=s).evpi[0] for s in range(60)])
    rng = np.random.default_rng(0)
    p = 1 / (1 + np.exp(-rng.normal([0.5, 0.7], [0.4, 0.6], (400_000, 2))))
    assert found == pytest.approx(p.max(1).mean() - p.mean(0).max(), abs=0.002)


def test_the_heavier_class_goes_first():
    """Of two equally unsure classes the one with more value is asked first."""
    weight = [0.1, 0.9]
    posterior, aim, asking = setting([[0, 0.1]] * 2, 0.5, [[1, 1]] * 2, 99, weight=weight)
    assert advise(posterior, aim, asking).steps[0].class_index == 1


def test_a_class_without_questions_left_does_not_keep_the_probe_going():
    """When all questions are asked the advice is settled, and says what is still unknown."""
    posterior, aim, asking = setting([[0, 0.1]], 0.5, [[1, 1]], 99, asked=10, available=10)
    advice = advise(posterior, aim, asking)
    assert advice.steps == ()
    assert advice.settled
    assert advice.evpi[0] > 0.01


def test_the_first_questions_are_asked_of_everything():
    """Every option that a class may take is asked the same first questions."""
    posterior, aim, asking = setting([[0, 0], [0, 0]], 1, [[1, 3]] * 2, 99, asked=0, available=4)
    del posterior
    steps = first_steps(aim, asking)
    assert [step.up_to for step in steps] == [((0, 4), (1, 4))] * 2
    assert [step.usd for step in steps] == [16, 16]


def test_the_same_inputs_give_the_same_advice():
    """Advice is a function of its inputs and its seed."""
    inputs = setting([[0, 0.1, 0.3]] * 4, 0.5, [[1, 2, 3]] * 4, 1.2)
    first, second = advise(*inputs, seed=5), advise(*inputs, seed=5)
    assert first.steps == second.steps
    assert np.array_equal(first.evpi, second.evpi)


def test_the_rule_needs_fewer_dollars_where_there_are_many_options():
    """On drawn answers the rule reaches the plan of even asking for half the dollars."""
    ratios = race(drawn_world(2, 12), 0.3, 2, 3).ratios
    assert ratios
    assert np.median(ratios) <= 0.5


def test_asking_evenly_is_compared_with_itself_as_equal():
    """Where the rule asks evenly the comparison measures 1: it adds no noise of its own."""
    found = race(drawn_world(3, 3), 0.6, 2, 3)
    assert found.ratios
    assert set(found.ratios) == {1.0}
    assert set(found.control) != {1.0}


@pytest.mark.parametrize("options", [2, 3])
def test_with_few_options_the_rule_is_even_asking(options):
    """Where no class has more than three options all are asked alike, whatever is believed."""
    rng = np.random.default_rng(2)
    usd = rng.uniform(0.1, 9, (4, options))
    posterior, aim, asking = setting(
        rng.normal(0, 1, usd.shape), 0.5, usd, 6, asked=4, available=50
    )
    for _ in range(12):
        steps = advise(posterior, aim, asking, tolerance=0.0).steps
        asked = asking.asked.copy()
        for step in steps:
            for m, up_to in step.up_to:
                assert up_to > asked[step.class_index, m]
                asked[step.class_index, m] = up_to
        assert len(np.unique(asked)) == 1
        asking = replace(asking, asked=asked)
    assert asking.asked.max() == 50


def test_a_third_option_enters_beside_two_that_are_asked_evenly():
    """An option that was not asked at first is asked when it may be the best."""
    posterior, aim, asking = setting([[1.0, 1.1, 1.2]], [[0.2, 0.2, 0.9]], [[1, 1, 1]], 99)
    late = replace(asking, asked=np.array([[10, 10, 0]]))
    steps = advise(posterior, aim, late).steps
    assert 2 in [m for m, _ in steps[0].up_to]


@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=60)
def test_no_option_falls_far_behind_even_asking(seed):
    """With M options in play each has 2/M of the questions that the same dollars buy evenly."""
    rng = np.random.default_rng(seed)
    classes, options = int(rng.integers(1, 5)), int(rng.integers(3, 9))
    posterior, aim, asking = setting(
        rng.normal(0, 1, (classes, options)), 0.6,
        10 ** rng.uniform(-2, 2, (classes, options)), 1e9, available=300,
    )  # fmt: skip
    asking = replace(asking, asked=rng.integers(4, 300, (classes, options)))
    advice = advise(posterior, aim, asking, tolerance=0.0)
    asked = asking.asked.copy()
    for step in advice.steps:
        more = 0.0
        for m, up_to in step.up_to:
            assert asking.asked[step.class_index, m] < up_to <= 300
            more += float(
                (up_to - asked[step.class_index, m]) * asking.ask_usd[step.class_index, m]
            )
            asked[step.class_index, m] = up_to
        assert step.usd == pytest.approx(more)
    if advice.steps:
        spent = float((asking.asked * asking.ask_usd).sum())
        even = spent / float(asking.ask_usd.sum())
        assert (asked >= np.minimum(np.floor(2 / options * even), 300)).all()


def drawn_problem(seed):
    """Draw what is believed of a few classes, at a ceiling that binds or does not."""
    rng = np.random.default_rng(seed)
    classes, options = int(rng.integers(1, 4)), int(rng.integers(2, 7))
    usd = 10 ** rng.uniform(-1, 1, (classes, options))
    low, high = usd.min(1).mean(), usd.max(1).mean()
    return setting(
        rng.normal(0, 1, (classes, options)), rng.uniform(0.02, 0.8, (classes, options)), usd,
        low + rng.uniform(0, 1.1) * (high - low), weight=rng.dirichlet(np.ones(classes)),
    )  # fmt: skip


def gain_of_knowing(posterior, aim, seed, draws=300):
    """Plan again for each of many curves; gives the mean gain and its error."""
    rng = np.random.default_rng([seed, 1])
    value = aim.weight[:, None] * expected_accuracy(posterior.logit, posterior.covariance)
    today = fill(value, aim.plan_usd, aim.may, aim.ceiling_usd).shares
    gains = []
    for _ in range(draws):
        logit = np.array(
            [rng.multivariate_normal(z, v) for z, v in zip(posterior.logit, posterior.covariance,
                                                           strict=True)]
        )  # fmt: skip
        value = aim.weight[:, None] / (1 + np.exp(-logit))
        best = fill(value, aim.plan_usd, aim.may, aim.ceiling_usd).shares
        gains.append(float((value * (best - today)).sum()))
    return np.mean(gains), np.std(gains) / np.sqrt(draws)


@given(seed=st.integers(0, 10**6), tolerance=st.sampled_from([0.001, 0.003, 0.01]))
@settings(deadline=None, max_examples=40)
def test_it_never_stops_while_plausible_curves_give_better_plans(seed, tolerance):
    """While plans made for other plausible curves gain more than the tolerance, it asks on.

    The gain is that of whole plans under the ceiling, solved for each curve; by duality the gain
    at today's price of a dollar, by which the rule stops, is never less.
    """
    posterior, aim, asking = drawn_problem(seed)
    gain, error = gain_of_knowing(posterior, aim, seed)
    advice = advise(posterior, aim, asking, tolerance=tolerance)
    if gain > 1.2 * tolerance + 4 * error:
        assert not advice.settled
        assert advice.steps
    if not advice.settled:  # money and questions are left: something is asked
        assert advice.steps


@given(seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=60)
def test_it_stops_at_once_where_nothing_can_change(seed):
    """When every curve within five standard deviations gives the same plan nothing is asked."""
    posterior, aim, asking = drawn_problem(seed)
    value = aim.weight[:, None] * expected_accuracy(posterior.logit, posterior.covariance * 0)
    today = fill(value, aim.plan_usd, aim.may, aim.ceiling_usd)
    cost = today.last_slope * aim.plan_usd / aim.weight[:, None]
    worth = value / aim.weight[:, None] - cost
    ahead = np.sort(worth, 1)
    gap = float((ahead[:, -1] - ahead[:, -2]).min())
    taken = np.where(today.shares > 0, worth, np.inf).min(1)
    mixed = bool((ahead[:, -1] - taken > 1e-9).any()) or bool((today.shares > 0).sum() > len(taken))
    sure = Posterior(posterior.logit, posterior.covariance * 0 + np.eye(worth.shape[1]) * 1e-12)
    if not mixed and gap > 1e-4:
        # an accuracy moves by at most a quarter of its logit
        sd = gap / (0.25 * 2 * 5)
        sure = Posterior(
            posterior.logit, np.eye(worth.shape[1]) * np.full((len(worth), 1, 1), sd**2)
        )
    advice = advise(sure, aim, asking, tolerance=1e-5)
    assert advice.settled
    assert advice.steps == ()


def test_an_option_near_the_floor_is_asked():
    """Where a class has a floor, knowing whether its cheap option reaches it is worth more."""
    posterior, aim, asking = setting([[1.0, 2.5]], 0.3, [[1, 30]], 5)
    free = advise(posterior, aim, asking)
    near = advise(posterior, replace(aim, floor=np.array([0.73])), asking)
    assert near.evpi[0] > free.evpi[0]


def test_what_cannot_be_asked_is_left_to_those_that_can():
    """An option that is closed gets no step; with every option closed nothing is asked."""
    posterior, aim, asking = setting([[1.0, 1.1, 1.05]], 0.4, [[1, 1, 1]], 99)
    closed = replace(asking, closed=np.array([[False, True, False]]))
    steps = advise(posterior, aim, closed).steps
    assert steps
    assert all(m != 1 for step in steps for m, _ in step.up_to)
    assert all(
        m != 1
        for step in first_steps(aim, replace(closed, asked=asking.asked * 0))
        for m, _ in step.up_to
    )
    shut = replace(asking, closed=np.ones((1, 3), bool))
    assert advise(posterior, aim, shut).steps == ()


def test_the_others_are_asked_when_no_challenger_has_a_question_left():
    """A class goes on with its other options once those that carry most of the gain are through."""
    posterior, aim, asking = setting([[1.0, 1.05, 0.9]], 0.5, [[1, 1, 1]], 99, available=20)
    late = replace(asking, asked=np.array([[20, 20, 8]]))
    assert [m for m, _ in advise(posterior, aim, late).steps[0].up_to] == [2]

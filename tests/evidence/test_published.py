"""Published curves: shrinkage, transfer, interpolation, and what must be said."""

from __future__ import annotations

import math

import numpy as np
import pytest

from costplan.domain.estimate import Grade
from costplan.domain.measurement import Measurement
from costplan.evidence.published import BRIDGE_SD, Transfer, read_curve


def _row(model, setting, accuracy, n=198, **more):
    return Measurement("epoch", "gpqa", "science", model, setting, n, accuracy, **more)


ROWS = [
    _row("o3", "low", 0.70, output_tokens=2000.0),
    _row("o3", "high", 0.82, output_tokens=8000.0),
    _row("gpt-4o", "fixed", 0.48),
    _row("r1", "fixed", 0.71),
]


def test_estimates_keep_the_published_order_and_admit_the_level():
    """Options rank as published; their intervals are wide because the level is unknown."""
    belief = read_curve(ROWS).carry_over(["triage"]).classes["triage"]
    mean = {option: estimate.mean for option, estimate in belief.estimates().items()}
    assert mean["o3", "high"] > mean["r1", "fixed"] > mean["gpt-4o", "fixed"]
    estimate = belief.estimate(("o3", "high"), 0.9)
    assert estimate.grade is Grade.PUBLISHED
    assert estimate.high - estimate.low > 0.5
    assert belief.sd_logit[0] == pytest.approx(1.1 * math.hypot(1.6, 0.45), abs=0.05)


def test_transfer_has_the_measured_spreads():
    """Levels differ by 1.6, options by 0.45 each, neighbouring efforts by 0.3 logits."""
    options = [("m", "low"), ("m", "medium"), ("m", "high"), ("n", "fixed")]
    cov = Transfer().covariance(options, [2.0, 3.0, 4.0, None])

    def apart(i, j):
        return math.sqrt(cov[i, i] + cov[j, j] - 2 * cov[i, j])

    assert cov[0, 0] == pytest.approx(1.6**2 + 0.45**2)
    assert cov[0, 3] == pytest.approx(1.6**2)
    assert apart(0, 1) == pytest.approx(0.3)
    assert 0.3 < apart(0, 2) < apart(0, 3) == pytest.approx(math.sqrt(2) * 0.45)
    assert np.linalg.eigvalsh(cov).min() > 0


def test_differences_are_more_certain_than_levels():
    """The level is common to all options of a class, so a gain has its own narrow interval."""
    beliefs = read_curve(ROWS).carry_over(["a", "b"])
    weights = {"a": 0.5, "b": 0.5}
    high = {name: {("o3", "high"): 1.0} for name in weights}
    low = {name: {("o3", "low"): 1.0} for name in weights}
    assert beliefs.forecast(high, weights, minus=low).sd < 0.6 * beliefs.forecast(high, weights).sd
    one = beliefs.forecast({"a": high["a"]}, {"a": 1.0})
    assert beliefs.forecast(high, weights).sd < 0.8 * one.sd


def test_own_counts_have_no_transfer():
    """Without transfer the measurements are the class's own, graded measured, nearly binomial."""
    belief = read_curve(ROWS).carry_over(["own"], None).classes["own"]
    estimate = belief.estimate(("r1", "fixed"), 0.95)
    assert estimate.grade is Grade.MEASURED
    half = 1.1 * 1.96 * math.sqrt(0.71 * 0.29 / 198)
    assert estimate.mean == pytest.approx(0.71, abs=0.02)
    assert (estimate.high - estimate.low) / 2 == pytest.approx(half, rel=0.2)


def test_a_setting_between_two_measured_ones_is_interpolated():
    """Halfway in effort is halfway in logits, less certain, graded assumed, with a note."""
    curve = read_curve(ROWS)
    medium = ("o3", "medium")
    assert curve.can_interpolate(medium)
    wider = curve.with_settings([medium])
    at = {option: i for i, option in enumerate(wider.options)}
    ends = [wider.logit[at["o3", s]] for s in ("low", "high")]
    assert wider.logit[at[medium]] == pytest.approx(sum(ends) / 2)
    assert wider.bridge[at[medium]] == pytest.approx(BRIDGE_SD**2 * 2 / 4)
    assert wider.output_tokens[at[medium]] == pytest.approx(4000.0)
    belief = wider.carry_over(["x"]).classes["x"]
    assert belief.estimate(medium).grade is Grade.ASSUMED
    assert any("interpolated" in note for note in belief.notes)


@pytest.mark.parametrize("option", [("o3", "max"), ("r1", "high"), ("new", "low"), ("o3", "8k")])
def test_nothing_is_extrapolated(option):
    """Outside the measured settings, on another knob or for another model there is no estimate."""
    curve = read_curve(ROWS)
    assert not curve.can_interpolate(option)
    with pytest.raises(ValueError, match="not between"):
        curve.with_settings([option])


def test_unknown_sizes_are_assumed_and_said():
    """A source without n gets 100 questions and a note; a published error replaces both."""
    unknown = read_curve([_row("a", "fixed", 0.5, None), _row("b", "fixed", 0.6, None)])
    assert (unknown.n_questions == 100).all()
    assert any("100 are assumed" in note for note in unknown.notes)
    exact = read_curve([_row("a", "fixed", 0.5, None, accuracy_se=0.05), ROWS[2]])
    assert exact.n_questions[0] == pytest.approx(0.25 / 0.05**2)
    assert not any("assumed" in note for note in exact.notes)


def test_an_implausible_error_cannot_outweigh_the_questions():
    """An error rounded to almost nothing counts at most fifty samples per question."""
    curve = read_curve([_row("a", "fixed", 0.5, 100, accuracy_se=1e-9), ROWS[2]])
    assert curve.n_questions[0] == 5000


def test_runs_of_one_option_are_pooled_and_said():
    """Two runs of one model and setting are one measurement of all their questions."""
    curve = read_curve([_row("a", "fixed", 0.4, 100), _row("a", "fixed", 0.6, 300)])
    assert curve.options == (("a", "fixed"),)
    assert curve.n_questions[0] == 400
    assert any("pooled" in note for note in curve.notes)


def test_sources_are_never_mixed():
    """Measurements of two benchmarks, or none, are a programming error."""
    other = Measurement("epoch", "math", "math", "o3", "low", 100, 0.5)
    with pytest.raises(ValueError, match="one source and benchmark"):
        read_curve([ROWS[0], other])
    with pytest.raises(ValueError, match="one source and benchmark"):
        read_curve([])


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_all_right_and_all_wrong_stay_inside(accuracy):
    """A perfect or an empty score gives an estimate inside 0 and 1 with an interval."""
    curve = read_curve([_row("a", "fixed", accuracy, 30, accuracy_se=0.0)])
    estimate = curve.carry_over(["x"]).classes["x"].estimate(("a", "fixed"))
    assert 0 < estimate.low < estimate.mean < estimate.high < 1


def test_the_order_of_measurements_changes_nothing():
    """Rows in any order give the same curve to the last bit."""
    one, two = read_curve(ROWS), read_curve(ROWS[::-1])
    assert one.options == two.options
    assert np.array_equal(one.logit, two.logit)

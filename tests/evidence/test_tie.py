"""Neighbouring settings of one model are tied."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costplan.domain.measurement import Measurement
from costplan.evidence.cells import measured_cells
from costplan.evidence.combined import combine_evidence
from costplan.evidence.estimates import estimate_cells
from costplan.evidence.logit import fit_logits
from costplan.evidence.published import read_curve
from costplan.evidence.tie import RISE, RISE_SD, place_settings, tie_settings


def _rows(name, n, accuracies, source="own"):
    return [
        Measurement(source, name, "", model, setting, n, a)
        for (model, setting), a in accuracies.items()
    ]


def _tie(options):
    return tie_settings(options, place_settings(options))


@pytest.mark.parametrize(
    "settings",
    [
        ["high", "fixed"],
        ["default"],
        ["n=1", "n=4", "adaptive"],
        ["io", "cot", "tot_b5"],
        ["n=4", "budget=8192"],
        ["on", "enabled"],
    ],
)
def test_settings_without_an_order_are_not_tied(settings):
    """Settings that name no common knob, or the same place on it, say nothing of each other."""
    assert _tie([("a", setting) for setting in settings]) is None


def test_settings_of_different_models_are_not_tied():
    """Low of one model says nothing of high of another."""
    assert _tie([("a", "low"), ("b", "high")]) is None


@pytest.mark.parametrize(
    "settings", [["low", "medium", "high"], ["n=1", "n=4", "n=16"], ["off", "4k", "16_000"]]
)
def test_a_tie_expects_the_usual_rise_between_neighbours(settings):
    """A tie is the density of two independent steps of 0.3 with spread 0.5, written out."""
    tie = _tie([("a", setting) for setting in reversed(settings)])
    steps = np.array([[0, 1, -1], [1, -1, 0]])
    assert tie.precision == pytest.approx(steps.T @ steps / RISE_SD**2)
    assert tie.pull == pytest.approx(steps.T @ np.full(2, RISE) / RISE_SD**2)


def test_few_questions_borrow_from_the_neighbour_and_many_do_not():
    """A drop from low to high is doubted with 10 questions and believed with 1,000."""
    drop = {("a", "low"): 0.7, ("a", "high"): 0.4, ("b", "fixed"): 0.5, ("c", "fixed"): 0.6}
    fall = {}
    for n in (10, 1000):
        found = estimate_cells(measured_cells([*_rows("x", n, drop), *_rows("y", n, drop)]))
        place = {option: i for i, option in enumerate(found.cells.options)}
        mean = found.mean[0]
        fall[n] = float(mean[place["a", "low"]] - mean[place["a", "high"]])
    assert fall[10] < 0.15
    assert fall[1000] == pytest.approx(0.3, abs=0.03)


def test_untied_options_take_no_other_path():
    """Where nothing is tied the fit is bit for bit that of the bare cells."""
    cells = measured_cells(_rows("x", 40, {("a", "low"): 0.7, ("b", "high"): 0.4}))
    bare = fit_logits(cells.n, cells.mean, cells.phi, paired=0.5 * cells.paired)
    assert np.array_equal(estimate_cells(cells).fit.logit, bare.logit)


def test_a_tie_is_counted_once_beside_a_curve():
    """A curve of the same settings holds the tie: it does not enter a second time."""
    curve = read_curve(_rows("bench", 500, {("a", "low"): 0.5, ("a", "high"): 0.5}, "s"))
    options = curve.options
    assert tie_settings(options, place_settings(options), frozenset(options)) is None
    wider = (*options, ("a", "max"))
    assert tie_settings(wider, place_settings(wider), frozenset(options)) is not None
    cells = measured_cells(_rows("mine", 10, {("a", "low"): 0.5, ("a", "high"): 0.5}))
    belief = combine_evidence(cells, curve).classes["mine"]
    low, high = (float(belief.logit[belief.place["a", s]]) for s in ("low", "high"))
    assert 0 < high - low < 0.15


@given(st.permutations([("a", "low"), ("a", "medium"), ("a", "max"), ("b", "n=1"), ("b", "n=8")]))
def test_the_order_of_options_changes_nothing(options):
    """Shuffled options have the same tie, shuffled."""
    usual = sorted(options)
    at = [usual.index(option) for option in options]
    whole, tie = _tie(usual), _tie(options)
    assert np.array_equal(tie.precision, whole.precision[np.ix_(at, at)])
    assert np.array_equal(tie.pull, whole.pull[at])

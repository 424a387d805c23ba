"""Published curve and own questions together."""

from __future__ import annotations

import numpy as np
import pytest

from costplan.domain.estimate import Grade
from costplan.domain.measurement import Measurement
from costplan.evidence.cells import measured_cells
from costplan.evidence.combined import combine_evidence
from costplan.evidence.published import Transfer, read_curve


def _published(accuracies, n=500):
    return read_curve(
        [Measurement("s", "bench", "", m, "fixed", n, a) for m, a in accuracies.items()]
    )


def _own(name, n, accuracies):
    return [Measurement("own", name, "", m, "fixed", n, a) for m, a in accuracies.items()]


CURVE = {"a": 0.9, "b": 0.8, "c": 0.6, "d": 0.4}


def test_local_questions_set_the_level_and_the_curve_fills_the_gaps():
    """An option without local questions is placed by its published distance to those with."""
    cells = measured_cells(_own("mine", 100, {"a": 0.6, "b": 0.42, "d": 0.1}))
    belief = combine_evidence(cells, _published(CURVE)).classes["mine"]
    mean = {model: float(belief.mean[belief.place[model, "fixed"]]) for model in CURVE}
    assert mean["d"] < mean["c"] < mean["b"] < mean["a"]
    assert mean["c"] < 0.4
    grades = {option[0]: grade for option, grade in zip(belief.options, belief.grades, strict=True)}
    assert grades["c"] is Grade.PUBLISHED
    assert grades["a"] is Grade.MEASURED


def test_local_questions_win_when_there_are_many():
    """With thousands of local questions the curve no longer moves an estimate."""
    own = {"a": 0.3, "b": 0.5, "c": 0.7, "d": 0.6}
    cells = measured_cells(_own("mine", 5000, own))
    belief = combine_evidence(cells, _published(CURVE)).classes["mine"]
    for model, share in own.items():
        assert belief.mean[belief.place[model, "fixed"]] == pytest.approx(share, abs=0.02)


def test_a_curve_narrows_differences_when_local_questions_are_few():
    """With ten local questions per option the curve makes the ranking more certain."""
    cells = measured_cells(_own("mine", 10, {"a": 0.6, "b": 0.6, "c": 0.4, "d": 0.2}))
    alone = combine_evidence(cells, _published(CURVE), Transfer(option=50.0, step=50.0))
    both = combine_evidence(cells, _published(CURVE))
    plus, minus = {"mine": {("a", "fixed"): 1.0}}, {"mine": {("c", "fixed"): 1.0}}
    weights = {"mine": 1.0}
    with_curve = both.forecast(plus, weights, minus=minus)
    without = alone.forecast(plus, weights, minus=minus)
    assert with_curve.sd < without.sd


def test_the_combination_is_calibrated():
    """In simulation with the measured transfer, errors are as large as stated."""
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(60):
        effect = rng.normal(0, 1, 6)
        truth = 1 / (1 + np.exp(-(effect + rng.normal(0, 0.7))))
        bench = 1 / (1 + np.exp(-(effect + rng.normal(0, 1.2) + rng.normal(0, 0.45, 6))))
        names = [f"m{i}" for i in range(6)]
        curve = _published(dict(zip(names, rng.binomial(500, bench) / 500, strict=True)))
        own = dict(zip(names[:4], rng.binomial(30, truth[:4]) / 30, strict=True))
        belief = combine_evidence(measured_cells(_own("x", 30, own)), curve).classes["x"]
        scores.append((belief.mean - truth) / belief.sd)
    assert 0.75 < np.sqrt(np.mean(np.square(scores))) < 1.2

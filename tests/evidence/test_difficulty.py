"""Means on all questions, against the full mixed model, brute force and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costplan.domain.outcomes import Outcomes
from costplan.evidence.cells import collect_answers, count_cells
from costplan.evidence.difficulty import level_class
from costplan.evidence.estimates import estimate_cells


def _full_model(answered, score, spread, rho):
    """Generalised least squares with the covariance of every single answer written out."""
    rows, columns = np.nonzero(answered)
    covariance = np.where(rows[:, None] == rows[None], rho, 0.0) + (1 - rho) * np.eye(len(rows))
    design = np.eye(answered.shape[1])[columns]
    inverse = np.linalg.inv(covariance)
    error = np.linalg.inv(design.T @ inverse @ design)
    return error @ design.T @ inverse @ (score[rows, columns] / spread[columns]) * spread, error


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 5), st.floats(0, 0.9))
def test_equals_the_full_mixed_model(seed, questions, options, rho):
    """Levels and their errors are those of the model with every answer's covariance."""
    rng = np.random.default_rng(seed)
    answered = rng.random((questions, options)) < 0.6
    answered[rng.integers(0, questions, options), range(options)] = True
    score = rng.uniform(0.3, 0.7, answered.shape)
    found = level_class(answered, score, np.ones(options), rho)
    n = answered.sum(0)
    plain = np.where(answered, score, 0.0).sum(0) / n
    mean = plain
    for _ in range(4):
        p = (n * mean + 2 * (n * mean).sum() / n.sum()) / (n + 2)
        spread = np.sqrt(np.clip(p, 0.03, 0.97) * (1 - np.clip(p, 0.03, 0.97)))
        mean, error = _full_model(answered, score, spread, rho)
        mean = np.clip(mean, 0, 1)
    assert np.allclose(found.mean, mean, atol=1e-9)
    assert np.allclose(found.worth, 1 / np.diagonal(error), rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 20), st.integers(1, 6), st.floats(0, 0.98))
def test_any_answers_give_finite_levels(seed, questions, options, rho):
    """All right, all wrong, options without an answer, questions that one option alone answered."""
    rng = np.random.default_rng(seed)
    answered = rng.random((questions, options)) < rng.random(options)
    score = rng.integers(0, 2, answered.shape) * rng.integers(0, 2, options)
    found = level_class(answered, score.astype(float), rng.uniform(0.02, 1.5, options), rho)
    none = answered.sum(0) == 0
    assert ((found.mean >= 0) & (found.mean <= 1)).all()
    assert ((found.together >= 0) & (found.together < 1)).all()
    assert (found.worth[~none] > 0).all()
    assert (found.worth[none] == 0).all()


def test_the_same_questions_have_plain_means():
    """Where every option answered everything nothing is corrected."""
    rng = np.random.default_rng(1)
    score = rng.integers(0, 2, (30, 4)).astype(float)
    found = level_class(np.ones(score.shape, bool), score, np.ones(4), 0.4)
    assert np.array_equal(found.mean, score.sum(0) / 30)
    assert (found.worth == 30).all()
    assert (found.together == 0.4).all()


def test_without_correlation_nothing_is_corrected():
    """Questions that are hard for nobody in particular tell nothing of each other."""
    rng = np.random.default_rng(2)
    answered = rng.random((30, 4)) < 0.5
    score = rng.integers(0, 2, answered.shape).astype(float)
    found = level_class(answered, score, np.ones(4), 0.0)
    plain = np.where(answered, score, 0).sum(0) / answered.sum(0)
    assert np.allclose(found.mean, plain)
    assert np.allclose(found.worth, answered.sum(0))
    assert np.allclose(found.together, 0.0, atol=1e-12)


def test_whoever_met_the_hard_questions_is_not_worse_for_it():
    """A copy of a model that was asked the hard half alone is levelled with it."""
    hard = np.repeat([0.0, 1.0], 40)
    flips = np.random.default_rng(3).random((80, 6)) < 0.1
    score = np.where(flips, 1 - hard[:, None], hard[:, None])
    answered = np.ones(score.shape, bool)
    answered[40:, 5] = False
    found = level_class(answered, score, np.ones(6), 0.64)
    plain = score[:40, 5].mean()
    assert plain < 0.2
    assert found.mean[5] == pytest.approx(found.mean[:5].mean(), abs=0.06)
    assert found.worth[5] < 80


def _simulated(rng, asked):
    """Answers of options to the first of a class's questions, some questions harder than others."""
    questions, options = int(max(asked)), len(asked)
    hard = rng.normal(0, 2, (questions, 1))
    p = 1 / (1 + np.exp(hard - rng.normal(0.5, 0.7, options)))
    q, m = np.nonzero(np.arange(questions)[:, None] < np.array(asked))
    return p, Outcomes.of_columns(
        {
            "task_class": ["c"] * len(q),
            "question_id": [f"{i:03}" for i in q],
            "model": [f"m{i}" for i in m],
            "correct": (rng.random(len(q)) < p[q, m]).astype(float),
        }
    )


def test_levels_are_nearer_to_the_truth_of_all_questions():
    """Over many drawn tables levels miss the options' differences by much less than means do."""
    rng = np.random.default_rng(4)
    asked = (60, 60, 60, 5, 5, 5)
    missed = {"mean": 0.0, "level": 0.0}
    for _ in range(300):
        p, outcomes = _simulated(rng, asked)
        cells = count_cells(collect_answers(outcomes))
        truth = p.mean(0)[3:] - p.mean(0)[0]
        for name in missed:
            found = getattr(cells, name)[0]
            missed[name] += float(((found[3:] - found[0] - truth) ** 2).sum())
    assert missed["level"] < 0.75 * missed["mean"]


def test_the_stated_worth_is_what_levels_miss():
    """Errors of levels have the variance that their worth says."""
    rng = np.random.default_rng(5)
    ratios = []
    for _ in range(400):
        hard = rng.normal(0, 1, (60, 1))
        score = 0.5 + 0.1 * (np.sqrt(0.5) * hard + np.sqrt(0.5) * rng.normal(0, 1, (60, 5)))
        answered = np.arange(60)[:, None] < np.array([60, 60, 30, 6, 6])
        found = level_class(answered, score, np.full(5, 0.04), 0.5)
        ratios.append((found.mean - 0.5) ** 2 * found.worth / 0.01)
    assert np.mean(ratios, 0) == pytest.approx(np.ones(5), abs=0.25)


def test_estimates_rest_on_levels():
    """The estimate of an option that met the hard questions alone is not drawn down by them."""
    rng = np.random.default_rng(6)
    hard = np.repeat([0.1, 0.9], 40)
    rows = [(q, m) for q in range(80) for m in range(6) if m < 5 or q < 40]
    outcomes = Outcomes.of_columns(
        {
            "task_class": ["c"] * len(rows),
            "question_id": [f"{q:02}" for q, _ in rows],
            "model": [f"m{m}" for _, m in rows],
            "correct": [float(rng.random() < hard[q]) for q, _ in rows],
        }
    )
    cells = count_cells(collect_answers(outcomes))
    found = estimate_cells(cells)
    assert cells.mean[0, 5] < 0.25
    assert found.mean[0, 5] == pytest.approx(found.mean[0, :5].mean(), abs=0.05)
    note = next(note for note in found.notes if note.code == "different-questions")
    assert "which moves m5" in note.message


def test_levels_are_nearer_on_real_outcomes():
    """On tables of real answers levels miss what all questions say by less, or by as much."""
    levels = pytest.importorskip("benchmarks.forecasts.levels")
    if not levels.SHARED.exists():
        pytest.skip("shared reference data is not beside the repository")
    worlds = {world.name: world for world in levels.shared_worlds()}
    for name, most in (("agents", 0.93), ("arc", 0.95), ("votes", 0.9), ("thoughts", 1.08)):
        plain, level = levels.measure_miss(worlds[name], 40)
        assert level < most * plain, name

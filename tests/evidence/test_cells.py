"""Counting against pandas, and what repeated samples and aggregates do."""

from __future__ import annotations

import numpy as np
import pytest

from costplan.domain.measurement import Measurement
from costplan.domain.outcomes import Outcomes
from costplan.evidence.cells import (
    USUAL_PAIRED,
    collect_answers,
    count_cells,
    measure_usage,
    measured_cells,
)


def _table(seed=0, samples=2):
    rng = np.random.default_rng(seed)
    rows = [
        (c, f"q{q}", m, s, float(rng.random() < 0.6), float(rng.lognormal()), float(rng.random()))
        for c in ("alpha", "beta")
        for q in range(30)
        for m in ("m1", "m2", "m3")
        for s in range(samples)
        if rng.random() < 0.9
    ]
    c, q, m, s, y, k, t = zip(*rows, strict=True)
    usd = [None if i % 17 == 0 else k[i] for i in range(len(k))]
    return {
        "dataset": ["d"] * len(c),
        "task_class": c,
        "question_id": q,
        "model": m,
        "budget_or_effort": ["fixed"] * len(c),
        "sample": s,
        "correct": y,
        "cost_usd": usd,
        "latency_s": t,
        "output_tokens": [100 * v for v in t],
    }


def test_cells_equal_pandas():
    """Counts, means and cost spreads equal a group-by of the question means."""
    outcomes = Outcomes.of_columns(_table())
    cells = count_cells(collect_answers(outcomes))
    frame = outcomes.to_frame()
    question = frame.groupby(["task_class", "model", "question_id"])[["correct", "cost_usd"]].mean()
    cell = question.groupby(["task_class", "model"])
    for c, name in enumerate(cells.classes):
        for m, (model, _) in enumerate(cells.options):
            mine = cell.get_group((name, model))
            assert cells.n[c, m] == len(mine)
            assert cells.mean[c, m] == pytest.approx(mine.correct.mean())
            assert cells.usd[c, m] == pytest.approx(mine.cost_usd.mean())
            cv2 = mine.cost_usd.var() / mine.cost_usd.mean() ** 2
            assert cells.usd_cv2[c, m] == pytest.approx(cv2)
    assert (cells.questions == 30).all()


def test_order_of_rows_changes_nothing():
    """A shuffled table gives the same cells to the last bit."""
    table = _table()
    order = np.random.default_rng(1).permutation(len(table["correct"]))
    one = count_cells(collect_answers(Outcomes.of_columns(table)))
    two = count_cells(
        collect_answers(Outcomes.of_columns({k: [v[i] for i in order] for k, v in table.items()}))
    )
    for name in ("n", "mean", "phi", "usd", "usd_n", "usd_cv2"):
        assert np.array_equal(getattr(one, name), getattr(two, name), equal_nan=True), name
    assert (one.rho, one.paired) == (two.rho, two.paired)


def test_phi_is_one_for_single_answers_and_less_for_averages():
    """Right-or-wrong answers have the binomial variance; averages of samples have less."""
    single = count_cells(collect_answers(Outcomes.of_columns(_table(samples=1))))
    assert np.allclose(single.phi, 1.0)
    many = count_cells(collect_answers(Outcomes.of_columns(_table(samples=8))))
    assert (many.phi < 0.5).all()


def test_correlations_are_found():
    """A cost factor and a difficulty common to all options show as correlations."""
    rng = np.random.default_rng(2)
    questions, options = 300, 4
    hard = rng.random(questions)
    factor = rng.lognormal(0, 0.5, questions)
    q = np.repeat(np.arange(questions), options)
    m = np.tile(np.arange(options), questions)
    outcomes = Outcomes.of_columns(
        {
            "task_class": ["c"] * len(q),
            "question_id": [str(i) for i in q],
            "model": [f"m{i}" for i in m],
            "correct": (hard[q] > 0.5).astype(float),
            "cost_usd": factor[q] * (1 + m),
        }
    )
    cells = count_cells(collect_answers(outcomes))
    assert cells.rho > 0.97
    assert cells.paired > 0.97


def test_what_cannot_be_measured_uses_the_usual_correlation():
    """All right on the same questions has the usual correlation; no common question has none."""
    table = {"task_class": ["c"] * 4, "model": ["m", "n", "m", "n"], "correct": [1.0] * 4}
    cells = count_cells(
        collect_answers(Outcomes.of_columns(table | {"question_id": ["1", "1", "2", "2"]}))
    )
    assert cells.paired == USUAL_PAIRED
    outcomes = Outcomes.of_columns(
        {"task_class": ["c"], "question_id": ["1"], "model": ["m"], "correct": [1.0]}
    )
    cells = count_cells(collect_answers(outcomes))
    assert (cells.rho, cells.paired) == (0.0, 0.0)
    assert np.isnan(cells.usd).all()


def test_usage_means_and_percentile():
    """Latency's 95th percentile is a value that at least 95 % of the rows do not exceed."""
    outcomes = Outcomes.of_columns(_table())
    answers = collect_answers(outcomes)
    usage = measure_usage(outcomes, answers)
    frame = outcomes.to_frame().groupby(["task_class", "model"])
    for c, name in enumerate(answers.classes):
        for m, (model, _) in enumerate(answers.options):
            mine = frame.get_group((name, model))
            assert usage.mean_latency_s[c, m] == pytest.approx(mine.latency_s.mean())
            expected = np.quantile(mine.latency_s, 0.95, method="inverted_cdf")
            assert usage.p95_latency_s[c, m] == pytest.approx(expected)
            assert usage.output_tokens[c, m] == pytest.approx(mine.output_tokens.mean())
    assert np.isnan(usage.reasoning_tokens).all()


def test_aggregates_make_the_same_cells():
    """Counts of the user's own questions give the cells that the questions would give."""
    outcomes = Outcomes.of_columns(_table(samples=1))
    cells = count_cells(collect_answers(outcomes))
    rows = [
        Measurement("own", name, "", model, setting, int(cells.n[c, m]), float(cells.mean[c, m]))
        for c, name in enumerate(cells.classes)
        for m, (model, setting) in enumerate(cells.options)
    ]
    again = measured_cells(rows)
    assert np.array_equal(again.n, cells.n)
    assert np.allclose(again.mean, cells.mean)
    with pytest.raises(ValueError, match="how many"):
        measured_cells([Measurement("own", "c", "", "m", "s", None, 0.5)])

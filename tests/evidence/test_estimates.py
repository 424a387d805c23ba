"""Estimates of outcomes: odd tables, and forecasts in both shapes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costplan.domain.outcomes import Outcomes
from costplan.evidence.estimates import estimate_outcomes


def _outcomes(rows):
    c, q, m, y, usd = zip(*rows, strict=True)
    return Outcomes.of_columns(
        {"task_class": c, "question_id": q, "model": m, "correct": y, "cost_usd": usd}
    )


def _grid(classes, models, questions, right=lambda c, m, q: (q * 7 + m * 3 + c) % 3 > 0):
    return [
        (f"c{c}", f"q{q}", f"m{m}", float(right(c, m, q)), 0.1 * (1 + m))
        for c in range(classes)
        for m in range(models)
        for q in range(questions)
    ]


ODD = {
    "one question": _grid(1, 3, 1),
    "one option": _grid(3, 1, 20),
    "one class": _grid(1, 4, 20),
    "all right": _grid(2, 3, 20, lambda *_: True),
    "all wrong": _grid(2, 3, 20, lambda *_: False),
    "one row": _grid(1, 1, 1),
    "fractions": [(c, q, m, 0.37 * y, k) for c, q, m, y, k in _grid(2, 3, 20)],
    "blank costs": [(c, q, m, y, None) for c, q, m, y, _ in _grid(2, 3, 20)],
    "option missing in a class": [r for r in _grid(2, 3, 20) if (r[0], r[2]) != ("c0", "m0")],
    "free": [(c, q, m, y, 0.0) for c, q, m, y, _ in _grid(2, 3, 20)],
}


@pytest.mark.parametrize("rows", ODD.values(), ids=ODD)
def test_odd_tables_give_finite_estimates(rows):
    """Whatever is odd, every estimate lies inside 0 and 1 with a positive spread."""
    estimates = estimate_outcomes(_outcomes(rows))
    assert ((estimates.mean > 0) & (estimates.mean < 1)).all()
    assert (estimates.sd > 0).all()
    assert np.isfinite(estimates.cv2).all()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("one question", "one-question"),
        ("blank costs", "unpriced"),
        ("option missing in a class", "unmeasured"),
    ],
)
def test_consequences_are_said(name, code):
    """What the table lacks is named with its consequence."""
    assert code in {note.code for note in estimate_outcomes(_outcomes(ODD[name])).notes}


def test_a_plan_rests_on_measured_and_priced_cells_only():
    """Cells without cost or with fewer than four questions cannot enter a plan."""
    rows = _grid(1, 3, 20)
    rows = [r for r in rows if r[2] != "m1" or int(r[1][1:]) < 3]
    rows = [(*r[:4], None) if r[2] == "m2" else r for r in rows]
    estimates = estimate_outcomes(_outcomes(rows))
    assert estimates.usable.tolist() == [[True, False, False]]
    assert "few-questions" in {note.code for note in estimates.notes}


def test_both_forecasts_agree():
    """The array forecast and the one by class names are the same."""
    estimates = estimate_outcomes(_outcomes(_grid(3, 4, 25)))
    rng = np.random.default_rng(0)
    shares = np.zeros((3, 4))
    shares[np.arange(3), rng.integers(0, 4, 3)] = 1.0
    other = np.full((3, 4), 0.0)
    other[:, 0] = 1.0
    weights = np.array([0.5, 0.2, 0.3])
    named = dict(zip(estimates.cells.classes, weights, strict=True))

    def by_name(x):
        return {
            name: {o: float(v) for o, v in zip(estimates.cells.options, x[c], strict=True) if v}
            for c, name in enumerate(estimates.cells.classes)
        }

    for minus in (None, other):
        one = estimates.forecast(shares, weights, minus=minus)
        two = estimates.beliefs().forecast(
            by_name(shares), named, minus=None if minus is None else by_name(minus)
        )
        assert (one.mean, one.sd) == pytest.approx((two.mean, two.sd), rel=1e-9, abs=1e-12)
        assert (one.low, one.high) == pytest.approx((two.low, two.high), rel=1e-9, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_outcomes_give_estimates(data):
    """Any table of scores and costs, however thin, gives estimates without a NaN."""
    row = st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from([f"q{i}" for i in range(8)]),
        st.sampled_from(["m1", "m2", "m3"]),
        st.floats(0, 1),
        st.one_of(st.none(), st.floats(0, 1e6)),
    )
    estimates = estimate_outcomes(_outcomes(data.draw(st.lists(row, min_size=1, max_size=60))))
    assert ((estimates.mean > 0) & (estimates.mean < 1)).all()
    assert np.isfinite(estimates.cv2).all()
    shares = np.zeros_like(estimates.mean)
    shares[:, 0] = 1.0
    forecast = estimates.forecast(shares, np.full(len(shares), 1 / len(shares)))
    assert 0 <= forecast.low <= forecast.mean <= forecast.high <= 1 + 1e-12

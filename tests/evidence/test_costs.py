"""Cost errors against resampling, and the margin's arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from costplan.domain.outcomes import Outcomes
from costplan.evidence.cells import collect_answers, count_cells
from costplan.evidence.costs import (
    Spend,
    margin_z,
    plan_usd,
    shrunken_cv2,
    spend_usd,
    usd_interval,
    with_margin,
)


def _draw(rng, questions):
    factor = rng.lognormal(0, 0.6, questions)
    own = rng.lognormal(0, 0.6, (questions, 2))
    return factor[:, None] * own * [1.0, 3.0]


def _cells(usd):
    q, m = np.indices(usd.shape).reshape(2, -1)
    table = {
        "task_class": ["c"] * len(q),
        "question_id": [f"{i:05d}" for i in q],
        "model": [f"m{i}" for i in m],
        "correct": [1.0] * len(q),
        "cost_usd": usd.ravel(),
    }
    return count_cells(collect_answers(Outcomes.of_columns(table)))


def test_the_standard_error_equals_resampling():
    """The error of a mixed plan's cost equals its spread over many fresh samples."""
    rng = np.random.default_rng(0)
    shares = np.array([[0.4, 0.6]])
    n, future = 100, 50
    gaps = [
        float((shares * (_draw(rng, n).mean(0) - _draw(rng, future).mean(0))).sum())
        for _ in range(4000)
    ]
    cells = _cells(_draw(np.random.default_rng(1), 20_000))
    cells = type(cells)(
        **{k: getattr(cells, k) for k in cells.__dataclass_fields__} | {"usd_n": np.full((1, 2), n)}
    )
    weights = np.array([1.0])
    cv2 = shrunken_cv2(_cells(_draw(np.random.default_rng(1), 20_000)))
    usd, sd = plan_usd(shares, weights, cells, cv2, np.array([future]))
    assert usd == pytest.approx(0.4 * cells.usd[0, 0] + 0.6 * cells.usd[0, 1])
    assert sd == pytest.approx(np.std(gaps), rel=0.06)


def test_cost_spreads_are_pulled_and_never_blank():
    """An option without known costs takes the class's spread; where none is known, the usual."""
    usd = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, np.nan]])
    cv2 = shrunken_cv2(_cells(usd))
    assert np.isfinite(cv2).all()
    assert cv2[0, 1] >= cv2[0, 0] > 0.25
    assert shrunken_cv2(_cells(usd[:1])) == pytest.approx(0.64)


def test_costs_that_hardly_vary_may_hide_a_dear_request():
    """Nineteen like costs of twenty are no proof; exactly equal ones are a price per call."""
    hardly = np.full((10, 1), 0.0041)
    hardly[0] = 0.00411
    dear = np.append(np.tile(hardly, (2, 1))[:19], [[0.0057]], axis=0)
    assert shrunken_cv2(_cells(hardly))[0, 0] > 0.5 * dear.var() / dear.mean() ** 2
    assert shrunken_cv2(_cells(np.full((10, 1), 0.0041)))[0, 0] == 0.0
    beside = _cells(np.column_stack([np.full(10, 0.0041), np.geomspace(0.1, 9, 10)]))
    assert shrunken_cv2(beside)[0, 0] == 0.0
    large = np.tile(hardly, (100, 1))
    assert shrunken_cv2(_cells(large))[0, 0] < 1e-4


def test_margin_and_interval():
    """The margin is k exp(z sd / k), intervals are log-normal, zero cost stays zero."""
    assert with_margin(100.0, 10.0, 2.5) == pytest.approx(100 * math.exp(0.25))
    low, high = usd_interval(100.0, 10.0, 0.9)
    assert low * high == pytest.approx(1e4)
    assert high == pytest.approx(100 * math.exp(1.644854 * 1.5 * 0.1), rel=1e-6)
    assert with_margin(0.0, 0.0) == 0.0
    assert usd_interval(0.0, 0.0) == (0.0, 0.0)


def test_lines_of_a_plan_add_up():
    """Lines of one class err together, lines of different classes do not."""
    lines = [Spend("a", 60.0, 100, 1e9, 0.64), Spend("a", 40.0, 100, 1e9, 0.64)]
    usd, together = spend_usd(lines, rho=1.0)
    assert usd == 100.0
    assert together == pytest.approx(100 * 0.8 / 10, rel=1e-6)
    _, apart = spend_usd([lines[0], Spend("b", 40.0, 100, 1e9, 0.64)], rho=1.0)
    assert apart == pytest.approx(math.hypot(60, 40) * 0.08, rel=1e-6)


def test_more_competing_options_and_fewer_questions_need_more_margin():
    """The margin grows with the options that compete, with confidence, and with few questions."""
    assert margin_z(1) == pytest.approx(1.1)
    assert margin_z(4) < margin_z(12) < margin_z(34) <= 2.1
    assert margin_z(1000) == 2.1
    assert margin_z(34, 0.99) > margin_z(34, 0.9)
    assert margin_z(34, 0.9, 10) > margin_z(34, 0.9, 25) > margin_z(34, 0.9, 200) > margin_z(34)
    assert margin_z(34, 0.9, 10) == pytest.approx(margin_z(34) + 20 / 15)

"""What is named as odd about a curve, and what is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from costplan.domain.outcomes import Outcomes
from costplan.evidence.cells import collect_answers, count_cells
from costplan.evidence.diagnosis import (
    CurvePoint,
    along_knob,
    diagnose,
    find_outliers,
    measure_cut_off,
)
from costplan.evidence.estimates import estimate_cells
from costplan.files.outcomes import read_outcomes

SHARED = Path(__file__).parents[3] / "shared" / "data" / "outcomes"


def curve(*accuracies, n=400, spend=(100, 1000, 5000), model="m", **more):
    settings = ("low", "medium", "high")
    return [
        CurvePoint(model, setting, accuracy, n, reasoning_tokens=tokens, **more)
        for setting, accuracy, tokens in zip(settings, accuracies, spend, strict=False)
    ]


def codes(points):
    return [finding.code for finding in diagnose(points)]


def test_a_rising_curve_is_not_odd():
    """More thinking, more tokens, more right answers: nothing to say."""
    assert codes(curve(0.5, 0.6, 0.7)) == []


def test_a_fall_beyond_chance_is_told_from_one_within_it():
    """Ten points of 400 questions are a fall; one point, or ten of 20 questions, may be chance."""
    (found,) = diagnose(curve(0.5, 0.7, 0.6))
    assert (found.code, found.settings) == ("falls", ("medium", "high"))
    assert "70.0 %" in found.message
    assert "60.0 %" in found.message
    assert codes(curve(0.5, 0.7, 0.69)) == ["dips"]
    assert codes(curve(0.5, 0.7, 0.6, n=20)) == ["dips"]


def test_a_slow_decline_is_seen_as_a_whole():
    """Three small steps down are one fall from the best to the worst."""
    (found,) = diagnose(curve(0.70, 0.66, 0.62))
    assert (found.code, found.settings) == ("falls", ("low", "high"))


def test_false_alarms_are_rare():
    """Flat curves on the same questions, measured with noise, are seldom called falling."""
    rng = np.random.default_rng(0)

    def measure():
        hard = 1 / (1 + np.exp(-(0.5 + 2.0 * rng.standard_normal(200))))
        return (rng.random((3, 200)) < hard).mean(1)

    falls = sum("falls" in codes(curve(*measure(), n=200)) for _ in range(400))
    assert falls / 400 < 0.03


def test_neighbours_that_spend_the_same_are_an_ignored_knob():
    """Within five per cent the knob did nothing; tokens count before dollars."""
    (found,) = diagnose(curve(0.5, 0.6, 0.7, spend=(100, 4900, 5000)))
    assert (found.code, found.settings) == ("ignored-knob", ("medium", "high"))
    by_usd = [CurvePoint("m", s, 0.5, usd=u) for s, u in (("low", 0.01), ("high", 0.0101))]
    assert codes(by_usd) == ["ignored-knob"]
    none = [CurvePoint("m", s, 0.5, reasoning_tokens=0) for s in ("low", "high")]
    assert "does not think at all" in diagnose(none)[0].message


def test_a_setting_that_spends_less_than_a_lower_one_is_named():
    """High below medium hints at swapped settings."""
    assert codes(curve(0.5, 0.6, 0.7, spend=(100, 9000, 5000))) == ["spends-less"]


def test_budgets_sort_by_number_and_settings_without_order_are_left():
    """16000 is above 8000; labels without order or tokens say nothing about a knob."""
    points = [CurvePoint("m", s, 0.5) for s in ("16000", "off", "8000")]
    assert [p.setting for p in along_knob(points)] == ["off", "8000", "16000"]
    assert codes([CurvePoint("m", s, a, 1000) for s, a in (("red", 0.9), ("blue", 0.1))]) == []


def test_unknown_sizes_are_taken_as_the_usual():
    """Without a number of questions, 100 are assumed: five points are within their chance."""
    assert codes([CurvePoint("m", s, a) for s, a in (("low", 0.6), ("high", 0.55))]) == ["dips"]


def table(rows, **extra):
    """Rows of (class, question, model, correct, output tokens, dollars)."""
    names = ("task_class", "question_id", "model", "correct", "output_tokens", "cost_usd")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    columns["budget_or_effort"] = ["high"] * len(rows)
    return Outcomes.of_columns(columns | extra)


def cut_off(outcomes):
    answers = collect_answers(outcomes)
    share, end = measure_cut_off(outcomes, answers)
    return share, end


def test_rows_that_say_they_were_cut_off_are_counted():
    """The column decides where there is one."""
    rows = [("c", f"q{i}", "m", 1, 100 + i, 0.1) for i in range(10)]
    share, end = cut_off(table(rows, truncated=[1, 1] + [0] * 8))
    assert share[0, 0] == pytest.approx(0.2)
    assert np.isnan(end[0, 0])
    found = diagnose([CurvePoint("m", "high", 0.5, 10, cut_off=0.2)])
    assert [f.code for f in found] == ["cut-off"]
    assert "20 % of the answers of m at high were cut off" in found[0].message


@pytest.mark.parametrize(
    ("tokens", "share"),
    [
        ([8192] * 10 + list(range(500, 530)), 0.25),
        ([8193] * 10 + list(range(500, 530)), 0.0),
        ([8192, *range(500, 539)], 0.0),
        ([8192] * 40, 0.0),
        ([8192] * 5 + list(range(500, 505)), 0.0),
    ],
    ids=["at a limit", "at no usual limit", "a single one", "an average repeated", "too few"],
)
def test_answers_that_pile_up_at_a_limit_look_cut_off(tokens, share):
    """Many that end at exactly the largest length, a usual limit, were cut off there."""
    rows = [("c", f"q{i}", "m", 1, t, 0.1) for i, t in enumerate(tokens)]
    found, end = cut_off(table(rows))
    assert found[0, 0] == pytest.approx(share)
    assert (end[0, 0] == 8192) == (share > 0)


def estimates(change=lambda c, m, right, usd: (right, usd), classes=5, models=6, n=60):
    rng = np.random.default_rng(2)
    rows = []
    for c in range(classes):
        for m in range(models):
            p = 1 / (1 + np.exp(-(-0.5 + 0.3 * c + 0.3 * m)))
            for i in range(n):
                right, usd = change(c, m, float(rng.random() < p), 0.01 * 2**m * (c + 1))
                rows.append((f"c{c}", f"q{i}", f"m{m}", right, 100, usd))
    return estimate_cells(count_cells(collect_answers(table(rows))))


def test_a_broken_run_is_an_outlier_and_nothing_else_is():
    """One option that fails in one class is named there, with what was expected."""
    whole = estimates()
    assert not any(find_outliers(whole, c) for c in range(5))
    broken = estimates(lambda c, m, right, usd: (0.0 if (c, m) == (3, 4) else right, usd))
    (found,) = find_outliers(broken, 3)
    assert (found.code, found.model) == ("outlier", "m4")
    assert "right in 0.0 %" in found.message
    assert not any(find_outliers(broken, c) for c in (0, 1, 2, 4))


def test_a_cost_that_does_not_fit_is_an_outlier():
    """A hundredth of what option and class suggest is a run that never started."""
    cheap = estimates(lambda c, m, right, usd: (right, usd / 100 if (c, m) == (1, 2) else usd))
    (found,) = find_outliers(cheap, 1)
    assert found.model == "m2"
    assert "a run that never started" in found.message


def test_few_classes_cannot_tell_an_outlier():
    """With two classes nobody knows which of them is odd."""
    broken = estimates(lambda c, m, right, usd: (0.0 if (c, m) == (1, 4) else right, usd), 2)
    assert find_outliers(broken, 1) == []


def test_known_oddities_of_agent_data_are_found():
    """The harness failures on gaia and the run that never started, that the source tells of."""
    path = SHARED / "openhands_index.csv"
    if not path.exists():
        pytest.skip("shared reference data is not beside the repository")
    whole = estimate_cells(count_cells(collect_answers(read_outcomes(path))))
    named = {
        (name, finding.model)
        for c, name in enumerate(whole.cells.classes)
        for finding in find_outliers(whole, c)
    }
    assert named >= {
        ("gaia", "claude-sonnet-4-6"), ("gaia", "DeepSeek-V4-Pro"), ("commit0", "Qwen3-Coder-480B"),
    }  # fmt: skip
    assert len(named) <= 5

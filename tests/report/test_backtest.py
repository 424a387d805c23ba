"""What the backtest says to people and to spreadsheets."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from costplan.domain.outcomes import Outcomes
from costplan.plan.backtest import Backtest, run_backtest
from costplan.plan.backtest_split import split_datasets
from costplan.report.backtest import render, write_rows
from costplan.report.backtest_words import say_meaning


def draw_outcomes(classes=3, models=4, questions=40, seed=0, dataset="made") -> Outcomes:
    """Draw outcomes in which better models cost more, and classes like different ones."""
    rng = np.random.default_rng(seed)
    rows = [
        (dataset, f"c{c}", f"q{q}", f"m{m}", "fixed", 0,
         float(rng.random() < 0.3 + 0.15 * ((m + c) % models)),
         float(0.01 * 3**m * rng.lognormal(0, 0.5)))
        for c in range(classes) for q in range(questions) for m in range(models)
    ]  # fmt: skip
    names = (
        "dataset", "task_class", "question_id", "model", "budget_or_effort", "sample", "correct",
        "cost_usd",
    )  # fmt: skip
    columns = dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))
    return Outcomes.of_columns(columns)


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    """Judge a small made table."""
    return run_backtest(draw_outcomes(), splits=6)


def shown(backtest: Backtest, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    render(backtest, console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 160])
def test_figures_of_every_ceiling_stand_whole_in_the_tables(backtest, width):
    """Forecast, what came true, gap and all rivals are shown in percent, naive plans below."""
    text = shown(backtest, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "…" not in text
    for row in backtest.ceilings:
        for share in (
            row.forecast, row.realised, row.naive_forecast, row.naive_realised, row.best_single,
            row.class_blind_mix, row.hindsight, row.oracle, row.unmargined,
        ):  # fmt: skip
            assert share is None or f"{share * 100:.1f} %" in text
    assert text.count("naive  ") == len(backtest.ceilings)


def test_the_chart_has_the_line_and_every_ceiling(backtest):
    """The calibration chart marks plans and means, and its axes are the same."""
    text = shown(backtest)
    chart = text[text.index("Came true (%)") : text.index("What this means")].splitlines()
    assert sum(line.count("●") for line in chart[1:]) >= 2
    assert any("·" in line for line in chart[1:])
    ticks = [float(tick) for tick in chart[-2].replace("|", " ").split()]
    assert float(chart[2].split("|")[0]) == ticks[-1]


def test_rows_are_unrounded_and_open_in_a_spreadsheet(backtest):
    """One row per ceiling, numbers as they are, unknown blank, no formula in a name."""
    text = write_rows([replace(backtest, dataset="=1+1")])
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["fraction"]) for row in rows] == [c.fraction for c in backtest.ceilings]
    for row, ceiling in zip(rows, backtest.ceilings, strict=True):
        assert row["dataset"] == "'=1+1"
        assert row["realised"] == ("" if ceiling.realised is None else repr(ceiling.realised))


def words(backtest: Backtest, **changes: object) -> str:
    rows = tuple(replace(row, gap_sd=0.01) for row in backtest.ceilings)
    summary = replace(backtest.summary, **changes)
    return " ".join(say_meaning(replace(backtest, summary=summary, ceilings=rows)))


@pytest.mark.parametrize(
    ("gap", "said"),
    [(0.01, "The forecast holds"), (0.02, "nearly holds"), (0.05, "does not hold here, it is too")],
)
def test_the_verdict_follows_the_gap(backtest, gap, said):
    """Within 1.5 points a forecast holds, within 2.5 nearly, beyond it does not."""
    text = words(backtest, mean_abs_gap=gap, mean_gap=gap, worst_gap=gap)
    assert said in text
    assert f"missed by {gap * 100:.1f} points" in text


def test_narrow_intervals_are_owned_up_to(backtest):
    """Intervals that hold much less than they are named for are called too narrow."""
    assert "too narrow" in words(backtest, covered_80=0.6, covered_95=0.8)
    assert "too narrow" not in words(backtest, covered_80=0.8, covered_95=0.95)


def test_gain_over_the_mix_is_not_claimed_where_there_is_none(backtest):
    """A gain below half a point is never called better."""
    assert "was better than" in words(backtest, mean_gain_over_mix=0.02)
    assert "was better than" not in words(backtest, mean_gain_over_mix=0.001)


def test_what_nobody_can_plan_is_said():
    """Ceilings below the cheapest plan give dashes and a sentence, no figures."""
    backtest = run_backtest(draw_outcomes(), [1e-6, 1.0], splits=3)
    text = shown(backtest)
    assert "At 0.0001 % some or all splits had no plan that cheap" in " ".join(text.split())
    nothing = run_backtest(draw_outcomes(), [1e-6], splits=3)
    assert "No plan meets any of these ceilings" in shown(nothing)


def test_one_class_is_called_what_it_is():
    """With one class nothing is claimed about choosing class by class."""
    text = " ".join(say_meaning(run_backtest(draw_outcomes(classes=1), splits=3)))
    assert "With one class the plan is the mix" in text


def test_datasets_come_apart_whole():
    """Each dataset keeps its own rows, and nothing is lost."""
    one, other = draw_outcomes(dataset="b", classes=2), draw_outcomes(dataset="a", seed=1)
    frame = np.concatenate
    both = Outcomes.of_columns(
        {
            name: frame([one.to_frame()[name], other.to_frame()[name]])
            for name in one.to_frame().columns
        }
    )
    parts = split_datasets(both)
    assert [part.dataset.names for part in parts] == [("a",), ("b",)]
    assert sorted(map(len, parts)) == sorted([len(one), len(other)])
    alone = run_backtest(one, splits=3)
    again = run_backtest(parts[1], splits=3)
    assert alone.ceilings == again.ceilings

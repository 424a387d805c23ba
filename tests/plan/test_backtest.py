"""The backtest: what it promises on real tables, and what it does with odd ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from costplan.domain.errors import InputError
from costplan.domain.outcomes import Labels, Outcomes
from costplan.evidence.cells import collect_answers
from costplan.files.outcomes import read_outcomes
from costplan.plan.backtest import run_backtest
from costplan.plan.backtest_json import backtest_document, backtest_rows
from costplan.plan.backtest_split import draw_splits

SHARED = Path(__file__).parents[3] / "shared" / "data" / "outcomes"


def _shared(name, dataset=None):
    path = SHARED / f"{name}.csv"
    if not path.exists():
        pytest.skip("shared reference data is not beside the repository")
    outcomes = read_outcomes(path)
    if dataset is None:
        return outcomes
    rows = np.flatnonzero(outcomes.dataset.codes == outcomes.dataset.names.index(dataset))
    part = outcomes.take(rows)
    return replace(part, dataset=Labels.of(part.dataset.decode()))


def _columns(classes=3, models=4, questions=40, seed=0):
    """Draw outcomes in which better models cost more."""
    rng = np.random.default_rng(seed)
    rows = [
        ("made", f"c{c}", f"q{q}", f"m{m}", "fixed", 0, float(rng.random() < 0.3 + 0.15 * m),
         float(0.01 * 3**m * rng.lognormal(0, 0.5)))
        for c in range(classes)
        for q in range(questions)
        for m in range(models)
    ]  # fmt: skip
    names = (
        "dataset", "task_class", "question_id", "model", "budget_or_effort", "sample", "correct",
        "cost_usd",
    )  # fmt: skip
    return dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))


def _text(backtest):
    return json.dumps(backtest_document(backtest), allow_nan=False)


@pytest.fixture(scope="module")
def openhands():
    """The agent table, 20 splits, full halves and 25 questions per class."""
    outcomes = _shared("openhands_index")
    full = run_backtest(outcomes, splits=20)
    return full, run_backtest(outcomes, splits=20, questions_per_class=25)


def test_forecasts_hold_on_agent_data(openhands):
    """Mean gap within 1.5 points with full halves, within 2.5 with 25 questions per class."""
    full, few = openhands
    assert abs(full.summary.mean_gap) < 0.015
    assert abs(few.summary.mean_gap) < 0.025


def test_plans_beat_the_class_blind_mix_on_agent_data(openhands):
    """At least 2 points above the mix on average; never more than 0.3 below without a margin."""
    full, few = openhands
    assert full.summary.mean_gain_over_mix > 0.02
    for backtest in (full, few):
        assert all(row.unmargined_gain_over_mix > -0.003 for row in backtest.ceilings)
        assert all(row.gain_over_mix > -0.005 for row in backtest.ceilings)


def test_ceilings_hold_on_agent_data(openhands):
    """Promised ceilings hold within 5 % in 97 % and within 1 % in 92 % of the splits."""
    full, _ = openhands
    assert full.summary.ceilings_held_5pct >= 0.97
    assert full.summary.ceilings_held_1pct >= 0.92


def test_most_accuracy_costs_little_of_the_money(openhands):
    """95 % of the best single option's accuracy costs at most 40 % of its money."""
    assert openhands[0].money_to_keep_95 <= 0.40


def test_naive_planning_overstates_and_overspends(openhands):
    """The figures beside them show what raw means without a margin would have promised."""
    full, few = openhands
    assert few.summary.naive_mean_gap > 0.025
    assert full.summary.naive_ceilings_held_1pct < 0.75


def test_intervals_cover_over_the_tables_together():
    """80 and 95 % intervals cover 80 and 95 % within 5 points over the tables together."""
    tables = [
        _shared("openhands_index"),
        _shared("arc_agi1_effort"),
        _shared("sampling_budgets", "gsm8k_votes"),
    ]
    for few in (None, 25):
        backtests = [run_backtest(t, splits=20, questions_per_class=few) for t in tables]
        covered_80 = np.mean([b.summary.covered_80 for b in backtests])
        covered_95 = np.mean([b.summary.covered_95 for b in backtests])
        assert 0.75 <= covered_80 <= 0.90  # one table's splits are not independent
        assert covered_95 >= 0.90


@pytest.mark.parametrize("few", [None, 25])
def test_one_class_of_votes_loses_next_to_nothing(few):
    """With one class the plan is the mix: only the margin costs, at most half a point."""
    backtest = run_backtest(
        _shared("sampling_budgets", "gsm8k_votes"), splits=20, questions_per_class=few
    )
    for row in backtest.ceilings:
        if row.planned:
            assert row.gain_over_mix > -0.005
            assert row.unmargined_gain_over_mix > -0.003


def test_unpriced_options_are_named_and_not_planned():
    """Options without known costs are left out of plans, and the notes say so."""
    backtest = run_backtest(_shared("arc_agi1_effort"), splits=3)
    assert sum(note.code == "unpriced" for note in backtest.notes) == 2


def test_without_a_common_option_the_baselines_are_unknown():
    """Datasets without a common option have no single best and no mix, and still a forecast."""
    backtest = run_backtest(_shared("sampling_budgets"), splits=5)
    document = backtest_document(backtest)
    assert document["best_single_option"] is None
    assert all(row["class_blind_mix"] is None for row in document["ceilings"])
    assert all(row["forecast"] is not None for row in document["ceilings"])


def test_the_same_seed_gives_the_same_bytes_and_another_other_ones():
    """A backtest is reproducible, and its seed matters."""
    outcomes = Outcomes.of_columns(_columns())
    assert _text(run_backtest(outcomes, splits=4)) == _text(run_backtest(outcomes, splits=4))
    other = _text(run_backtest(outcomes, splits=4, seed=1))
    assert _text(run_backtest(outcomes, splits=4)) != other


def test_the_order_of_rows_changes_nothing():
    """Shuffled rows give the same document to the byte."""
    columns = _columns()
    order = np.random.default_rng(3).permutation(len(columns["correct"]))
    shuffled = {name: [values[i] for i in order] for name, values in columns.items()}
    one = run_backtest(Outcomes.of_columns(columns), splits=4)
    two = run_backtest(Outcomes.of_columns(shuffled), splits=4)
    assert _text(one) == _text(two)


def test_the_document_has_the_keys_that_others_rely_on():
    """Every key of the contract stands in the document, dollars as text."""
    document = backtest_document(run_backtest(Outcomes.of_columns(_columns()), splits=4))
    assert {"dataset", "splits", "seed", "classes", "options", "questions"} <= set(document)
    row = document["ceilings"][-1]
    assert {
        "fraction", "usd", "forecast", "realised", "gap", "gap_sd", "cost_over_ceiling",
        "coverage", "best_single", "class_blind_mix", "hindsight", "oracle",
    } <= set(row)  # fmt: skip
    assert set(row["cost_over_ceiling"]) == {"mean", "share_over_1pct", "share_over_5pct"}
    assert {"p80", "p95"} == set(row["coverage"])
    assert isinstance(row["usd"], str)
    assert {
        "mean_abs_gap", "worst_gap", "mean_gain_over_mix", "worst_gain_over_mix", "ceilings_held",
        "coverage",
    } <= set(document["summary"])  # fmt: skip
    assert (document["classes"], document["options"], document["questions"]) == (3, 4, 120)


def test_better_knowledge_is_never_worse():
    """Hindsight beats the plan and the oracle beats hindsight, on average."""
    backtest = run_backtest(Outcomes.of_columns(_columns(seed=5)), splits=10)
    for row in backtest.ceilings:
        if row.planned and row.hindsight is not None and row.oracle is not None:
            assert row.oracle >= row.hindsight
    top = backtest.ceilings[-1]
    assert top.hindsight >= top.realised - 1e-9
    assert len(backtest_rows(backtest)) == len(backtest.ceilings)


def test_folds_hold_every_question_out_once():
    """k splits of k folds judge every question exactly once, in every class."""
    answers = collect_answers(Outcomes.of_columns(_columns(questions=23)))
    held = sum(h.astype(int) for _, h in draw_splits(answers, 5, 0, 5, None))
    assert (held == 1).all()
    for planning, judged in draw_splits(answers, 4, 0, 2, 6):
        assert (np.bincount(answers.class_of[planning]) == 6).all()
        assert (planning ^ judged).all()


ODD = {
    "a class with one question": lambda c: {k: v[: -39 * 4] for k, v in c.items()},
    "all right": lambda c: c | {"correct": [1.0] * len(c["correct"])},
    "all wrong": lambda c: c | {"correct": [0.0] * len(c["correct"])},
    "fractions": lambda c: c | {"correct": [0.3 * v for v in c["correct"]]},
    "blank costs": lambda c: c | {
        "cost_usd": [None if i % 3 else v for i, v in enumerate(c["cost_usd"])]
    },
    "free options": lambda c: c | {
        "cost_usd": [v * (m != "m0") for m, v in zip(c["model"], c["cost_usd"], strict=True)]
    },
    "an option missing in a class": lambda c: {
        k: [v for v, a, b in zip(c[k], c["model"], c["task_class"], strict=True)
            if (a, b) != ("m3", "c1")] for k in c
    },
}  # fmt: skip


@pytest.mark.parametrize("change", ODD.values(), ids=ODD)
def test_odd_tables_have_no_nan(change):
    """Whatever is odd, the document is valid JSON without a NaN."""
    backtest = run_backtest(Outcomes.of_columns(change(_columns())), splits=4)
    _text(backtest)
    assert backtest.ceilings[-1].planned > 0


@pytest.mark.parametrize("shape", [(1, 4, 30), (3, 1, 30), (1, 1, 2), (2, 2, 3)])
def test_small_tables_are_judged(shape):
    """One class, one option or two questions are enough for a document."""
    _text(run_backtest(Outcomes.of_columns(_columns(*shape)), splits=3))


def test_nothing_to_judge_is_a_fault():
    """Without costs, or with one question only, the fault says why."""
    columns = _columns()
    blank = columns | {"cost_usd": [None] * len(columns["correct"])}
    with pytest.raises(InputError, match="no option with known costs"):
        run_backtest(Outcomes.of_columns(blank))
    free = columns | {"cost_usd": [0.0] * len(columns["correct"])}
    with pytest.raises(InputError, match="costs nothing"):
        run_backtest(Outcomes.of_columns(free))
    with pytest.raises(InputError, match="one question"):
        run_backtest(Outcomes.of_columns(_columns(questions=1)))


@pytest.mark.parametrize(
    "arguments",
    [{"ceilings": ()}, {"ceilings": (0.0,)}, {"splits": 0}, {"folds": 1}, {"confidence": 0.3}],
)
def test_arguments_out_of_range_are_refused(arguments):
    """Ceilings, splits, folds and confidence have their range."""
    with pytest.raises(ValueError, match="must"):
        run_backtest(Outcomes.of_columns(_columns()), **arguments)

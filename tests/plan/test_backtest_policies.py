"""Cascades out of sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from costplan.domain.errors import InputError
from costplan.domain.policy import Policy
from costplan.files.outcomes import read_outcomes
from costplan.plan.backtest_policies import CheckTried, backtest_cascades, replay_pairs
from costplan.policies.evaluate import evaluate
from costplan.policies.measured import Evidence
from costplan.policies.picking import Rates
from costplan.policies.table import lay_out

TABLES = Path(__file__).parents[3] / "shared" / "data" / "outcomes"
COLUMNS = (
    "dataset,task_class,question_id,model,budget_or_effort,sample,correct,"
    "input_tokens,output_tokens,cost_usd,latency_s"
)


def shared(name):
    """Read a shared table."""
    if not (TABLES / name).exists():
        pytest.skip("shared reference data is not beside the repository")
    return read_outcomes(TABLES / name)


def test_cascades_add_seven_five_and_three_points_and_keep_their_promise():
    """At equal money, by a perfect, a 90 % and an 80 % check; intervals hold as often as said."""
    checks = [CheckTried(error) for error in (0.0, 0.1, 0.2)]
    done = backtest_cascades(shared("openhands_index.csv"), checks, (0.1, 0.25), 6, seed=0)
    for check, points in zip(checks, (0.07, 0.05, 0.03), strict=True):
        mine = [result for result in done.results if result.check == check]
        assert np.mean([result.gain for result in mine]) == pytest.approx(points, abs=0.01)
        assert all(abs(result.gap) < 0.015 for result in mine)
        taken = sum(result.taken for result in mine)
        kept = sum(result.taken * result.covered for result in mine) / taken
        assert taken > 60
        assert 0.84 < kept < 0.99


def test_pairs_are_replayed_as_each_cascade_alone():
    """All pairs at once come to what the evaluation of every cascade says, dollars included."""
    table = lay_out(shared("openhands_index.csv"), "swt-bench")
    accuracy, dollars = replay_pairs(table, Rates(0.1, 0.05), 0.01, hardness=1.5)
    evidence = Evidence(table, {str(m): s for m, s in enumerate(table.settings)})
    check = {"kind": "verifier", "false_accept": 0.1, "false_reject": 0.05, "usd": 0.01}
    for i, j in ((0, 1), (3, 7), (7, 3), (12, 2)):
        steps = {"steps": [str(i), str(j)], "check": check | {"hardness": 1.5}}
        alone = evaluate(Policy.model_validate({"cascade": steps}), evidence)
        if len(table.shared([i, j])) == (table.count[:, i] > 0).sum():
            assert accuracy[i, j] == pytest.approx(alone.replayed)
            assert dollars[i, j] == pytest.approx(alone.usd)


def write_table(path, questions):
    """Write outcomes of two settings on a few questions."""
    rows = [
        f"own,a,{q},{model},x,0,{int((q * seven) % 10 < right)},10,10,{usd},1"
        for q in range(questions)
        for model, seven, right, usd in (("s", 7, 5, 0.01), ("b", 3, 8, 0.1))
    ]
    path.write_text("\n".join([COLUMNS, *rows]) + "\n")
    return path


def test_too_few_questions_are_a_fault_and_a_low_ceiling_is_no_plan(tmp_path):
    """Seven questions cannot be halved; below the cheapest setting nothing is claimed."""
    with pytest.raises(InputError, match="8 questions"):
        backtest_cascades(
            read_outcomes(write_table(tmp_path / "few.csv", 7)), [CheckTried(0.0)], (0.5,), 2
        )
    table = read_outcomes(write_table(tmp_path / "some.csv", 30))
    (low,) = backtest_cascades(table, [CheckTried(0.0)], (0.001,), 2).results
    assert (low.planned, low.gain, low.covered) == (0, None, None)


def test_a_useless_check_adds_nothing_and_a_costly_one_less(tmp_path):
    """A check that takes half of all answers brings no gain; its price takes from the gain."""
    table = read_outcomes(write_table(tmp_path / "some.csv", 200))
    checks = [CheckTried(0.5), CheckTried(0.0), CheckTried(0.0, price=0.05)]
    useless, free, paid = backtest_cascades(table, checks, (0.5,), 3).results
    assert useless.gain < 0.01
    assert free.gain > paid.gain

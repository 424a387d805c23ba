from __future__ import annotations

import pytest
from policy_worlds import evidence_of, shared_outcomes

from costplan.domain.policy import Policy
from costplan.policies.evaluate import evaluate
from costplan.policies.table import lay_out


@pytest.mark.parametrize(("option", "one", "hundred"), [("io", 0.073, 0.33), ("cot", 0.040, 0.49)])
def test_best_of_a_hundred_is_what_tree_of_thoughts_published(option, one, hundred):
    """Game of 24: one call and best of 100 as in the paper's table, for their dollars."""
    evidence = evidence_of(lay_out(shared_outcomes("sampling_budgets.csv"), "game24"))
    for n, published in ((1, one), (100, hundred)):
        best = {"option": f"gpt-4-2023/{option}", "n": n, "check": {"kind": "test"}}
        done = evaluate(Policy.model_validate({"best_of": best}), evidence)
        assert done.replayed == pytest.approx(published, abs=0.005)
        assert done.accepted_right == pytest.approx(done.replayed)
        assert done.calls == n


def test_partial_scores_pick_the_best_one():
    """Crosswords are scored in parts: a test picks the best grid, and no more than the oracle."""
    evidence = evidence_of(lay_out(shared_outcomes("sampling_budgets.csv"), "crosswords5x5"))
    table = evidence.table
    column = evidence.column("gpt-4-2023/io")
    best = {"option": "gpt-4-2023/io", "n": 10, "check": {"kind": "test"}}
    done = evaluate(Policy.model_validate({"best_of": best}), evidence)
    most = [table.row_score[table.rows(q, column)].max() for q in range(len(table.questions))]
    assert done.replayed == pytest.approx(sum(most) / len(most))

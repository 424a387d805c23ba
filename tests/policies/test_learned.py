"""Routes by a difficulty that is learned from outcomes."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from policy_worlds import evidence_of

from costplan.domain.outcomes import Outcomes
from costplan.domain.policy import Policy
from costplan.policies.evaluate import evaluate
from costplan.policies.facts import NotMeasured
from costplan.policies.learned import learn_difficulty
from costplan.policies.table import lay_out

ROUTE = Policy.model_validate(
    {
        "route": {
            "by": "learned",
            "buckets": {
                "easy": {"option": "small/x", "share": 0.6},
                "hard": {"option": "big/x", "share": 0.4},
            },
        }
    }
)


def make_table(*, pull, questions=400, seed=1):
    """Long questions are hard for the small setting, by `pull` logits per doubling."""
    rng = np.random.default_rng(seed)
    length = np.exp(rng.normal(6, 1, questions))
    centred = np.log2(length) - np.log2(np.exp(6))
    rows = {key: [] for key in (
        "dataset", "task_class", "question_id", "model", "budget_or_effort", "sample",
        "correct", "input_tokens", "output_tokens", "cost_usd", "latency_s",
    )}  # fmt: skip
    for model, skill, slope, usd in (("small", 0.8, pull, 1.0), ("big", 2.5, 0.0, 10.0)):
        chance = 1 / (1 + np.exp(-(skill - slope * centred)))
        right = rng.random(questions) < chance
        for q in range(questions):
            values = ("d", "c", f"q{q:03}", model, "x", 0, float(right[q]), length[q], 10, usd, 1.0)
            for key, value in zip(rows, values, strict=True):
                rows[key].append(value)
    return lay_out(Outcomes.of_columns(rows), "c"), length


@pytest.fixture(autouse=True)
def _needs_sklearn():
    pytest.importorskip("sklearn")


def test_a_learned_route_beats_a_blind_split_where_length_tells_difficulty():
    """Requests that the small setting answers stay with it, so that the same money brings more."""
    table, _ = make_table(pull=1.2)
    done = evaluate(ROUTE, evidence_of(table))
    small, big = (np.nanmean(table.score[:, table.place((m, "x"))]) for m in ("small", "big"))
    assert done.usd == pytest.approx(0.6 * 1 + 0.4 * 10, rel=0.01)
    assert done.replayed > 0.6 * small + 0.4 * big + 0.05


def test_where_nothing_tells_difficulty_nothing_is_learned():
    """A length that has nothing to do with being right makes no route."""
    table, _ = make_table(pull=0.0)
    with pytest.raises(NotMeasured, match="say nothing of a question's difficulty"):
        evaluate(ROUTE, evidence_of(table))


def test_the_chance_is_calibrated_on_questions_not_seen():
    """Among questions with about the same chance, that share is right, in thirds."""
    table, _ = make_table(pull=1.2, questions=900)
    column = table.place(("small", "x"))
    learned = learn_difficulty(table, column, np.arange(900), (0.5, 0.5))
    order = np.argsort(learned.chance)
    for third in np.array_split(order, 3):
        right = table.score[third, column].mean()
        assert learned.chance[third].mean() == pytest.approx(right, abs=0.05)
    assert learned.slope == pytest.approx(1, abs=0.25)


def test_the_formula_given_out_ranks_as_the_buckets_do():
    """A caller who computes the formula finds the buckets that the plan was judged on."""
    table, _ = make_table(pull=1.2)
    column = table.place(("small", "x"))
    learned = learn_difficulty(table, column, np.arange(400), (0.6, 0.4))
    numbers = re.fullmatch(
        r"1 / \(1 \+ exp\(-\((\S+) ([+-]) (\S+) ln\(input_tokens\) ([+-]) (\S+) "
        r"ln\(input_tokens\)\^2\)\)\)",
        learned.formula,
    )
    constant, s1, c1, s2, c2 = numbers.groups()
    log = np.log(np.nanmean(table.input_tokens, axis=1))
    logit = float(constant) + float(s1 + c1) * log + float(s2 + c2) * log**2
    chance = 1 / (1 + np.exp(-logit))
    same = (chance >= learned.thresholds[0]) == (learned.buckets == 0)
    assert same.mean() > 0.95
    assert (learned.buckets == 0).mean() == pytest.approx(0.6, abs=0.01)


def test_a_learned_route_keeps_its_promise_on_new_requests():
    """The accuracy told on 400 questions is met on 2,000 new ones about within its interval."""
    inside = []
    for seed in range(16):
        table, _ = make_table(pull=1.2, seed=seed)
        done = evaluate(ROUTE, evidence_of(table))
        fresh, _ = make_table(pull=1.2, questions=2000, seed=1000 + seed)
        column = table.place(("small", "x"))
        learned = learn_difficulty(table, column, np.arange(400), (0.6, 0.4))
        constant, *pairs = re.findall(r"[+-]? ?\d[\d.e+-]*(?= |\))", learned.formula[14:])
        c0, c1, c2 = (float(x.replace(" ", "")) for x in (constant, *pairs[:2]))
        log = np.log(np.nanmean(fresh.input_tokens, axis=1))
        easy = 1 / (1 + np.exp(-(c0 + c1 * log + c2 * log**2))) >= learned.thresholds[0]
        small, big = (fresh.score[:, fresh.place((m, "x"))] for m in ("small", "big"))
        real = np.where(easy, small, big).mean()
        inside.append(done.accuracy.low <= real <= done.accuracy.high)
    assert np.mean(inside) >= 0.75


def test_without_scikit_learn_the_route_says_what_to_install(monkeypatch):
    """A missing extra is a reason, not a traceback."""
    table, _ = make_table(pull=1.2)
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(NotMeasured, match=r"costplan\[learn\]"):
        evaluate(ROUTE, evidence_of(table))

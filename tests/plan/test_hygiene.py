"""Settings whose measurement looks wrong are named, and kept out unless the user insists."""

from __future__ import annotations

import random

import pytest

from costplan.domain.workload import Workload
from costplan.plan.build import build_plan
from costplan.plan.gather import Sources, gather

HEADER = (
    "dataset,task_class,question_id,model,budget_or_effort,sample,correct,input_tokens,"
    "output_tokens,cost_usd,latency_s,reasoning_tokens,truncated,refused"
)
KNOB = {
    # setting: accuracy, reasoning tokens, share cut off, share refused
    "low": (0.5, 500, 0.0, 0.0),
    "medium": (0.65, 1500, 0.0, 0.0),
    "high": (0.75, 4000, 0.0, 0.0),
}


def make_case(folder, knob, first=None, **task):
    """A class measured on 200 questions, hardest last, of one model at some settings.

    first: question from which on a setting was asked, where not all of them.
    """
    dice = random.Random(1)
    rows = [HEADER]
    for setting, (accuracy, tokens, cut, refused) in knob.items():
        for question in range((first or {}).get(setting, 0), 200):
            right = int(question < 200 * accuracy)
            spent = round(tokens * dice.uniform(0.9, 1.1))
            flags = int(dice.random() < cut), int(dice.random() < refused)
            rows.append(
                f"own,chat,{question},thinker,{setting},0,{right},100,{spent + 50},"
                f"{spent / 1e6:.6f},1,{spent},{flags[0]},{flags[1]}"
            )
    (folder / "outcomes.csv").write_text("\n".join(rows) + "\n", "utf-8")
    chat = {"name": "chat", "requests": 100, "evidence": {"outcomes": "outcomes.csv"}} | task
    workload = {"name": "w", "starts": "2026-11-25", "classes": [chat]}
    return gather(Workload.model_validate(workload), Sources({}, (), folder))


def names(case):
    """Settings that are options."""
    return [option.setting for option in case.classes[0].options]


def test_a_knob_that_works_is_left_alone(tmp_path):
    """More effort that spends more and is better is no oddity."""
    case = make_case(tmp_path, KNOB)
    assert sorted(names(case)) == ["high", "low", "medium"]
    assert [note for note in case.notes if note.code == "effort"] == []


def test_a_setting_that_met_the_hard_questions_has_not_fallen(tmp_path):
    """High is right in half of the hard half, where medium is in three tenths of it."""
    case = make_case(tmp_path, KNOB, first={"high": 100})
    assert sorted(names(case)) == ["high", "low", "medium"]
    assert [note for note in case.notes if note.code == "effort"] == []


@pytest.mark.parametrize(
    ("setting", "facts", "said"),
    [
        ("high", (0.66, 1510, 0.0, 0.0), "the knob seems to be ignored"),
        ("high", (0.45, 4000, 0.0, 0.0), "more than chance explains"),
        ("high", (0.75, 4000, 0.3, 0.0), "were cut off"),
        ("high", (0.75, 4000, 0.0, 0.4), "refused"),
    ],
    ids=["ignored", "worse", "cut off", "refuses"],
)
def test_what_looks_wrong_is_named_and_kept_out(tmp_path, setting, facts, said):
    """The odd setting is no option, the plan says why, and insisting keeps it in."""
    case = make_case(tmp_path, KNOB | {setting: facts})
    assert setting not in names(case)
    (left,) = [e for e in case.classes[0].exclusions if e.code == "odd"]
    assert left.name == f"thinker/{setting}"
    assert said in left.reason
    plan = build_plan(case)
    assert any(w.code == "effort" and "kept out" in w.message for w in plan.warnings)
    insisted = make_case(
        tmp_path, KNOB | {setting: facts}, models={"insist": [f"thinker/{setting}"]}
    )
    assert setting in names(insisted)
    assert any("planned with" in n.message for n in insisted.notes if n.code == "effort")


def test_a_setting_that_is_surely_better_is_no_idle_knob(tmp_path):
    """Equal spend with clearly more right answers is named, and planned with."""
    case = make_case(tmp_path, KNOB | {"high": (0.9, 1510, 0.0, 0.0)})
    assert "high" in names(case)
    assert any("ignored" in n.message for n in case.notes if n.code == "effort")


def test_a_few_answers_cut_off_are_only_named(tmp_path):
    """Three in a hundred cut off is worth a word, and no reason to do without the setting."""
    case = make_case(tmp_path, KNOB | {"high": (0.75, 4000, 0.04, 0.0)})
    assert "high" in names(case)
    assert any("cut off" in n.message for n in case.notes if n.code == "effort")


def test_the_last_setting_is_never_kept_out(tmp_path):
    """A class whose only setting is odd is still planned, with the warning."""
    case = make_case(tmp_path, {"high": (0.6, 4000, 0.5, 0.0)})
    assert names(case) == ["high"]
    assert any("planned with" in n.message for n in case.notes if n.code == "effort")


def test_a_published_curve_is_looked_at_too(case, profile, row):
    """Settings of a curve that spend the same are one setting: the higher one is kept out."""
    rows = (
        row("thinker", "low", 0.5, output_tokens=700.0, reasoning_tokens=400.0),
        row("thinker", "medium", 0.6, output_tokens=1500.0, reasoning_tokens=1200.0),
        row("thinker", "high", 0.61, output_tokens=1510.0, reasoning_tokens=1210.0),
    )
    task = {
        "name": "a", "requests": 10, "input_tokens": 100, "output_tokens": 50,
        "evidence": {"benchmark": "quiz"},
    }  # fmt: skip
    made = case([task], profiles={"thinker": profile()}, rows=rows)
    assert "high" not in names(made)
    assert "medium" in names(made)

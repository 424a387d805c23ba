"""Plans from own outcomes."""

from __future__ import annotations

import csv
import random
from decimal import Decimal
from pathlib import Path

import pytest

from costplan.domain.errors import InputError
from costplan.domain.workload import Workload
from costplan.plan.build import Manner, build_plan
from costplan.plan.gather import Sources, gather

COLUMNS = [
    "dataset",
    "task_class",
    "question_id",
    "model",
    "budget_or_effort",
    "sample",
    "correct",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "latency_s",
]
SKILL = {
    ("small", "low"): (0.5, 0.01),
    ("small", "high"): (0.6, 0.02),
    ("big", "low"): (0.65, 0.06),
}


def write_outcomes(
    path: Path, classes: dict[str, float], *, questions: int, seed: int, cost: bool = True
) -> None:
    """Draw outcomes of three options; a class's number is added to every accuracy."""
    dice = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for name, ease in classes.items():
            for question in range(questions):
                for (model, setting), (skill, usd) in SKILL.items():
                    right = int(dice.random() < skill + ease)
                    spent = f"{usd * dice.uniform(0.5, 1.5):.6f}" if cost else ""
                    writer.writerow(
                        ["own", name, question, model, setting, 0, right, 100, 200, spent, 2.5]
                    )


def make_case(folder: Path, names: list[str], **keys):
    """A case whose classes rest on the outcomes in a folder."""
    classes = [
        {"name": name, "requests": 1000, "evidence": {"outcomes": "outcomes.csv"}}
        | keys.pop(name, {})
        for name in names
    ]
    workload = Workload.model_validate(
        {"name": "test", "starts": "2026-11-25", "classes": classes} | keys
    )
    return gather(workload, Sources({}, (), folder))


def test_measured_dollars_and_seconds_are_taken_as_they_are(tmp_path):
    """The option costs what its questions cost on average, and is graded measured."""
    write_outcomes(tmp_path / "outcomes.csv", {"chat": 0.1}, questions=50, seed=1)
    case = make_case(tmp_path, ["chat"])
    option = next(o for o in case.classes[0].options if o.name == "big/low")
    with (tmp_path / "outcomes.csv").open() as stream:
        rows = [r for r in csv.DictReader(stream) if r["model"] == "big"]
    mean = sum(Decimal(r["cost_usd"]) for r in rows) / len(rows)
    assert abs(option.usd_per_request - mean) < Decimal("1e-8")
    assert option.accuracy.grade == "measured"
    assert option.source.n_questions == 50
    assert option.mean_latency_s == Decimal("2.5")
    assert option.accuracy.low < option.accuracy.mean < option.accuracy.high


def test_more_questions_make_narrower_intervals(tmp_path):
    """What was asked more often is known better."""

    def width(questions: int) -> float:
        write_outcomes(tmp_path / "outcomes.csv", {"chat": 0.1}, questions=questions, seed=1)
        plan = build_plan(make_case(tmp_path, ["chat"], ceilings={"usd": 30}))
        return plan.totals.accuracy.high - plan.totals.accuracy.low

    assert width(400) < width(100) < width(25)


def test_the_ceiling_keeps_a_margin_unless_naive(tmp_path):
    """Measured dollars are uncertain; the margin shrinks the bill, and naive plans do not."""
    write_outcomes(tmp_path / "outcomes.csv", {"chat": 0.1, "mail": -0.2}, questions=40, seed=2)
    case = make_case(tmp_path, ["chat", "mail"], ceilings={"usd": 50})
    careful, naive = build_plan(case), build_plan(case, Manner(naive=True))
    assert careful.totals.usd < naive.totals.usd <= 50
    assert careful.totals.usd_interval.high < naive.totals.usd_interval.high


def test_a_target_is_reached_with_confidence(tmp_path):
    """Least cost for a target buys more when it must be surer, and the naive plan buys least."""
    write_outcomes(tmp_path / "outcomes.csv", {"chat": 0.1, "mail": -0.1}, questions=60, seed=6)

    def spent(confidence: str, **manner) -> Decimal:
        aim = {"minimize": "cost", "target_accuracy": Decimal("0.55")}
        case = make_case(tmp_path, ["chat", "mail"], objective=aim, confidence=Decimal(confidence))
        return build_plan(case, Manner(**manner)).totals.usd

    assert spent("0.6") < spent("0.8") < spent("0.95")


def test_a_naive_plan_admits_what_it_hides(tmp_path):
    """Few questions flatter the best option; the naive plan says what its choices will bring."""
    write_outcomes(tmp_path / "outcomes.csv", {"chat": 0.1, "mail": -0.2}, questions=8, seed=5)
    case = make_case(tmp_path, ["chat", "mail"], ceilings={"usd": 60})
    naive = build_plan(case, Manner(naive=True))
    honest = build_plan(case)
    assert naive.totals.accuracy.mean > honest.totals.accuracy.mean
    assert naive.totals.accuracy.low == naive.totals.accuracy.high
    assert naive.warnings[0].code == "naive"


def test_classes_that_do_not_differ_get_the_same_mix(tmp_path):
    """When planning class by class promises only noise, all classes get the class-blind mix."""
    write_outcomes(tmp_path / "outcomes.csv", {"a": 0.0, "b": 0.0, "c": 0.0}, questions=12, seed=9)
    plan = build_plan(make_case(tmp_path, ["a", "b", "c"], ceilings={"usd": 45}))
    assert "fell_back" in {warning.code for warning in plan.warnings}
    mixes = [
        {line.option: line.share for line in plan.lines if line.task_class == name}
        for name in "abc"
    ]
    assert mixes[0] == mixes[1] == mixes[2]
    assert plan.totals.usd <= 45


def test_own_outcomes_and_a_published_curve_go_together(tmp_path, profile, row):
    """A curve narrows what few questions say."""
    write_outcomes(tmp_path / "outcomes.csv", {"chat": 0.1}, questions=8, seed=4)
    rows = tuple(
        row(model, setting, skill, n_questions=1000)
        for (model, setting), (skill, _) in SKILL.items()
    )
    profiles = {"small": profile(), "big": profile()}

    def interval(evidence: dict[str, str]) -> float:
        workload = Workload.model_validate(
            {
                "name": "test",
                "starts": "2026-11-25",
                "classes": [{"name": "chat", "requests": 10, "evidence": evidence}],
            }
        )
        made = gather(workload, Sources(profiles, rows, tmp_path))
        option = next(o for o in made.classes[0].options if o.name == "big/low")
        return option.accuracy.high - option.accuracy.low

    alone = interval({"outcomes": "outcomes.csv"})
    together = interval({"outcomes": "outcomes.csv", "benchmark": "quiz"})
    assert together < alone


def test_a_class_that_the_file_does_not_know_is_a_fault(tmp_path):
    """The fault names the classes that are there."""
    write_outcomes(tmp_path / "outcomes.csv", {"chat": 0.1}, questions=5, seed=1)
    with pytest.raises(InputError, match="no task_class 'mail'") as caught:
        make_case(tmp_path, ["mail"])
    assert "chat" in caught.value.faults[0].advice


def test_outcomes_without_dollars_are_no_options(tmp_path):
    """An unknown cost is never zero."""
    write_outcomes(tmp_path / "outcomes.csv", {"chat": 0.1}, questions=9, seed=1, cost=False)
    with pytest.raises(InputError, match="neither cost_usd"):
        make_case(tmp_path, ["chat"])


def test_tokens_at_a_price_fill_blank_dollars_without_a_complaint(tmp_path, profile):
    """Only options without dollars and without priced tokens are said to have no cost."""
    write_outcomes(tmp_path / "outcomes.csv", {"chat": 0.1}, questions=30, seed=5, cost=False)
    task = {"name": "chat", "requests": 10, "evidence": {"outcomes": "outcomes.csv"}}
    workload = Workload.model_validate({"name": "t", "starts": "2026-11-25", "classes": [task]})
    case = gather(workload, Sources({"small": profile()}, (), tmp_path))
    assert {option.model for option in case.classes[0].options} == {"small"}
    said = [note.message for note in case.notes if "no cost is known" in note.message]
    assert said == ["no cost is known for big/low; not planned"]

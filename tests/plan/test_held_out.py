"""The forecast checked on held-out questions of the plan's own outcomes."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from costplan.domain.workload import Workload
from costplan.plan.build import Manner, build_plan
from costplan.plan.gather import Sources, gather
from costplan.plan.held_out import HeldOut, say_held_out, warn_of_held_out

HEAD = [
    "dataset", "task_class", "question_id", "model", "budget_or_effort", "sample", "correct",
    "input_tokens", "output_tokens", "cost_usd", "latency_s",
]  # fmt: skip
SKILL = {("small", "low"): (0.5, 0.01), ("small", "high"): (0.6, 0.02), ("big", "low"): (0.7, 0.06)}


def write_rows(path: Path, rows: list[list[object]]) -> None:
    """Write an outcomes table."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([HEAD, *rows])


def draw(classes: tuple[str, ...], questions: int, seed: int = 3) -> list[list[object]]:
    """Draw the rows of three options."""
    dice = random.Random(seed)
    return [
        ["own", name, q, model, setting, 0, int(dice.random() < skill), 100, 200,
         round(usd * dice.uniform(0.5, 1.5), 6), 2.5]
        for name in classes
        for q in range(questions)
        for (model, setting), (skill, usd) in SKILL.items()
    ]  # fmt: skip


def plan_of(folder: Path, names: tuple[str, ...] = ("chat", "mail"), manner=None, **keys):
    """Plan classes that rest on the outcomes of a folder."""
    classes = [
        {"name": name, "requests": 1000, "evidence": {"outcomes": "outcomes.csv"}} for name in names
    ]
    keys = {"ceilings": {"usd": 60}} | keys
    workload = Workload.model_validate(
        {"name": "test", "starts": "2026-11-25", "classes": classes} | keys
    )
    return build_plan(gather(workload, Sources({}, (), folder)), manner)


def checks_of(plan) -> list[str]:
    """Read the check lines of a plan."""
    return [said for said in plan.assumptions if said.startswith("checked on held-out")]


def test_a_plan_says_how_its_forecast_did_on_held_out_questions(tmp_path):
    """One line with forecast and truth, and no warning where they agree."""
    write_rows(tmp_path / "outcomes.csv", draw(("chat", "mail"), 120))
    plan = plan_of(tmp_path)
    (line,) = checks_of(plan)
    assert "outcomes.csv" in line
    assert "240 questions" in line
    assert not [w for w in plan.warnings if w.code == "forecast_off"]


def test_the_order_of_rows_and_classes_changes_nothing(tmp_path):
    """The check is of the outcomes, not of how they lie in the file."""
    rows = draw(("chat", "mail"), 40)
    write_rows(tmp_path / "outcomes.csv", rows)
    before = checks_of(plan_of(tmp_path))
    random.Random(1).shuffle(rows)
    write_rows(tmp_path / "outcomes.csv", rows)
    assert checks_of(plan_of(tmp_path)) == before
    assert checks_of(plan_of(tmp_path, ("mail", "chat"))) == before


def test_small_classes_and_naive_plans_are_not_checked(tmp_path):
    """Nine questions cannot judge; a naive plan does not ask."""
    write_rows(tmp_path / "outcomes.csv", draw(("chat", "mail"), 9))
    assert not checks_of(plan_of(tmp_path))
    write_rows(tmp_path / "outcomes.csv", draw(("chat", "mail"), 30))
    assert not checks_of(plan_of(tmp_path, manner=Manner(naive=True)))


def test_months_are_checked_once(tmp_path):
    """All months rest on the same questions."""
    write_rows(tmp_path / "outcomes.csv", draw(("chat", "mail"), 30))
    plan = plan_of(
        tmp_path, horizon={"start": "2026-12", "months": 3}, starts=None, ceilings={"usd": 90}
    )
    assert len(checks_of(plan)) == 1


def test_a_difference_beyond_chance_is_a_warning():
    """Two standard errors are chance, more are not."""
    near = HeldOut("own.csv", 100, 0.70, 0.61, 0.05)
    far = HeldOut("own.csv", 100, 0.72, 0.61, 0.05)
    assert not list(warn_of_held_out([near]))
    (warning,) = warn_of_held_out([far])
    assert warning.code == "forecast_off"
    assert "+11.0 points" in warning.message
    assert "72.0 %" in next(say_held_out([far]))


def blank_costs(rows):
    """Every other cost is unknown."""
    return [[*r[:9], "" if i % 2 else r[9], r[10]] for i, r in enumerate(rows)]


def recase(rows):
    """Classes are spelled in three ways."""
    ways = (str, str.upper, lambda text: f"{text.title()} ")
    return [[r[0], ways[i % 3](r[1]), *r[2:]] for i, r in enumerate(rows)]


ODD: dict[str, Callable[[list[list[object]]], list[list[object]]]] = {
    "one question": lambda rows: [r for r in rows if r[1] == "mail" or r[2] == 0],
    "all right": lambda rows: [[*r[:6], 1, *r[7:]] for r in rows],
    "all wrong": lambda rows: [[*r[:6], 0, *r[7:]] for r in rows],
    "one option": lambda rows: [r for r in rows if r[3] == "big"],
    "blank costs": blank_costs,
    "option missing": lambda rows: [r for r in rows if r[1] == "mail" or r[3] == "big"],
    "fractions": lambda rows: [[*r[:6], 0.25 + 0.5 * r[6], *r[7:]] for r in rows],
    "duplicates": lambda rows: [*rows, *rows],
    "spellings": recase,
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_outcomes_give_a_plan_without_holes(tmp_path, kind):
    """No NaN reaches a plan, and every odd table gives finite numbers in order."""
    write_rows(tmp_path / "outcomes.csv", ODD[kind](draw(("chat", "mail"), 24)))
    plan = plan_of(tmp_path, ceilings={"usd": 200})
    assert "NaN" not in plan.model_dump_json()
    assert "nan" not in " ".join(plan.assumptions)
    for line in plan.lines:
        assert 0 <= line.accuracy.low <= line.accuracy.mean <= line.accuracy.high <= 1
        assert math.isfinite(float(line.usd))
    assert plan.totals.usd_interval.low <= plan.totals.usd <= plan.totals.usd_interval.high


def test_spellings_and_duplicates_change_no_choice(tmp_path):
    """Rows that say the same twice, or in capitals, count as what they are."""
    rows = draw(("chat", "mail"), 24)
    write_rows(tmp_path / "outcomes.csv", rows)
    plain = plan_of(tmp_path)
    for kind, code in (("duplicates", "repeated"), ("spellings", "is counted as")):
        write_rows(tmp_path / "outcomes.csv", ODD[kind](rows))
        plan = plan_of(tmp_path)
        assert [line.usd for line in plan.lines] == [line.usd for line in plain.lines]
        assert any(code in warning.message for warning in plan.warnings)

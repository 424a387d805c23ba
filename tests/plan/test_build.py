"""From a case to a plan."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costplan.domain.workload import Workload
from costplan.plan.build import build_plan
from costplan.plan.gather import Sources, gather
from costplan.plan.saved import dump_plan, read_plan
from costplan.plan.solving import Manner


@pytest.fixture(autouse=True)
def _still_clock(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1796000000")


def two_classes(stated):
    """Easy questions that a cheap option answers, hard ones that need thinking."""
    return [
        {
            "name": "easy",
            "requests": 1000,
            "value_usd": Decimal("0.5"),
            "options": [stated("fast", "0.9", "0.01"), stated("deep", "0.92", "0.20")],
        },
        {
            "name": "hard",
            "requests": 100,
            "value_usd": Decimal(20),
            "options": [stated("fast", "0.3", "0.02"), stated("deep", "0.8", "0.50")],
        },
    ]


def test_thinking_goes_where_it_pays(case, stated):
    """Under a ceiling the hard class is bought thinking first."""
    plan = build_plan(case(two_classes(stated), ceilings={"usd": 60}))
    assert {(line.task_class, line.option) for line in plan.lines} == {
        ("easy", "fast"),
        ("hard", "deep"),
    }
    assert plan.totals.usd == 60
    assert plan.status == "optimal"


def test_a_ceiling_between_two_options_splits_the_class(case, stated):
    """With 36 dollars for the hard class, half of it thinks: 18 points a request dearer."""
    plan = build_plan(case(two_classes(stated), ceilings={"usd": 36}))
    shares = {(line.task_class, line.option): line.share for line in plan.lines}
    assert shares["hard", "deep"] == Decimal("0.5")
    assert plan.totals.usd == 36


def test_without_splits_every_class_has_one_option(case, stated):
    """The same money buys less when a class may not be split."""
    split = build_plan(case(two_classes(stated), ceilings={"usd": 36}))
    whole = build_plan(case(two_classes(stated), ceilings={"usd": 36}, splits=False))
    assert all(line.share == 1 for line in whole.lines)
    assert whole.totals.value < split.totals.value


def test_least_cost_reaches_its_target(case, stated):
    """Minimising cost for a target spends no more than the target needs."""
    aim = {"minimize": "cost", "target_accuracy": Decimal("0.87")}
    plan = build_plan(case(two_classes(stated), objective=aim))
    assert plan.totals.accuracy.mean >= 0.87
    assert plan.totals.usd < 60


def test_today_is_a_baseline_and_opens_the_verdict(case, stated):
    """What is done now is compared with, in dollars and accuracy."""
    classes = [task | {"today": {"model": "deep"}} for task in two_classes(stated)]
    plan = build_plan(case(classes, ceilings={"usd": 60}))
    today = {baseline.name: baseline for baseline in plan.baselines}["today"]
    assert today.usd == 250
    assert plan.verdict.startswith("$190 less a month than today, −1.8 points of accuracy")


def test_a_plan_no_better_than_a_simple_one_says_so(case, stated):
    """One class, one option: nothing is gained, and the plan admits it."""
    lone = [{"name": "one", "requests": 10, "options": [stated("only", "0.5", "1")]}]
    plan = build_plan(case(lone, ceilings={"usd": 100}))
    assert "no_better" in {warning.code for warning in plan.warnings}


def test_estimates_leave_room_below_the_ceiling(case, profile, row):
    """Uncertain token counts keep a margin; naive plans do not; a higher confidence keeps more."""
    rows = tuple(
        row("thinker", setting, accuracy, reasoning_tokens=tokens, n_questions=50)
        for setting, accuracy, tokens in (("none", 0.4, 0.0), ("high", 0.8, 5000.0))
    )
    task = {
        "name": "questions",
        "requests": 1000,
        "input_tokens": 100,
        "output_tokens": 100,
        "evidence": {"benchmark": "quiz"},
    }

    def used(confidence: str, **manner) -> Decimal:
        made = case(
            [task],
            profiles={"thinker": profile()},
            rows=rows,
            ceilings={"usd": 20},
            confidence=Decimal(confidence),
        )
        return build_plan(made, Manner(**manner)).totals.usd

    assert used("0.99") < used("0.9") < used("0.6") < 20
    assert used("0.9", naive=True) == pytest.approx(Decimal(20), abs=Decimal("0.000001"))


def test_a_saved_plan_reads_back_the_same(case, stated, tmp_path):
    """What was written is what is read, to the last digit."""
    plan = build_plan(case(two_classes(stated), ceilings={"usd": Decimal("36.37")}))
    path = tmp_path / "plan.json"
    path.write_text(dump_plan(plan), "utf-8")
    assert read_plan(path) == plan


def test_the_same_inputs_give_the_same_bytes(case, stated):
    """Nothing in a plan depends on the run."""
    made = case(two_classes(stated), ceilings={"usd": Decimal("36.37")})
    assert dump_plan(build_plan(made)) == dump_plan(build_plan(made))


def recompute(plan: dict) -> tuple[Decimal, Decimal]:
    """Add up a plan's JSON by its own rules: dollars of the lines, and what the totals say."""
    lines = Decimal(0)
    for line in plan["lines"]:
        requests = Decimal(str(line["requests"])) * Decimal(str(line["share"]))
        lines += requests * Decimal(line["usd_per_request"])
    return lines, Decimal(plan["totals"]["usd"])


amounts = st.decimals("0.0001", "9.9999", places=4)
option_lists = st.lists(st.tuples(st.decimals("0", "1", places=3), amounts), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(
    classes=st.lists(st.tuples(st.integers(1, 10**6), option_lists), min_size=1, max_size=5),
    room=st.decimals("0", "1", places=3),
)
def test_dollars_add_up_and_the_ceiling_holds_exactly(classes, room, tmp_path_factory):
    """The JSON alone gives the totals to the last digit, and they never pass the ceiling."""
    tasks = [
        {
            "name": f"class {i}",
            "requests": requests,
            "options": [
                {"name": f"o{j}", "accuracy": accuracy, "usd_per_request": usd}
                for j, (accuracy, usd) in enumerate(options)
            ],
        }
        for i, (requests, options) in enumerate(classes)
    ]
    least = sum(Decimal(n) * min(usd for _, usd in options) for n, options in classes)
    most = sum(Decimal(n) * max(usd for _, usd in options) for n, options in classes)
    ceiling = (least + (most - least) * room).quantize(Decimal("1e-9"))
    workload = Workload.model_validate(
        {"name": "any", "starts": "2026-11-25", "classes": tasks, "ceilings": {"usd": ceiling}}
    )
    folder = tmp_path_factory.mktemp("case")
    plan = build_plan(gather(workload, Sources({}, (), folder)))
    lines, totals = recompute(json.loads(dump_plan(plan)))
    assert lines == totals
    assert totals <= ceiling

"""What is worth measuring first brings more than it costs to ask."""

from __future__ import annotations

from decimal import Decimal

from costplan.plan.build import build_plan

TASK = {"name": "questions", "requests": 1000, "input_tokens": 100, "output_tokens": 100,
        "evidence": {"benchmark": "quiz", "reasoning_scale": 1}}  # fmt: skip


def unknowns_of(case, profile, row, **keys):
    """Plan one class with two models, and give what measuring could change."""
    rows = (row("thinker", "high", 0.8), row("plain", "high", 0.75, reasoning_tokens=400.0))
    models = {"thinker": profile(), "plain": profile(model="plain")}
    task = TASK | keys.pop("task", {})
    return build_plan(case([task], profiles=models, rows=rows, **keys)).unknowns


def test_questions_that_cost_more_than_they_bring_are_not_named(case, profile, row):
    """The same class is named at the value at which its questions pay, and not below it."""
    (unknown,) = unknowns_of(case, profile, row, task={"value_usd": 1})
    assert unknown.gain > float(unknown.usd) > 0
    even = Decimal(f"{float(unknown.usd) / unknown.gain:.6f}")
    for part, named in ((Decimal("0.3"), False), (Decimal(3), True)):
        found = unknowns_of(case, profile, row, task={"value_usd": part * even})
        assert bool(found) is named


def test_the_months_of_a_year_pay_together(case, profile, row):
    """What does not pay in one month may pay in twelve, for the questions are asked once."""
    (unknown,) = unknowns_of(case, profile, row, task={"value_usd": 1})
    task = {"value_usd": Decimal("0.3") * Decimal(f"{float(unknown.usd) / unknown.gain:.6f}")}
    assert not unknowns_of(case, profile, row, task=task)
    year = {"horizon": {"start": "2026-12", "months": 12}, "starts": None}
    assert unknowns_of(case, profile, row, task=task, **year)

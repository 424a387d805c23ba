"""What stands beside a plan keeps the time, and says what it lacks."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from costplan.domain.errors import LimitError
from costplan.plan.build import build_plan
from costplan.plan.load import load
from costplan.plan.solving import Manner


def write(folder: Path, n_classes: int = 40, **ceilings: object) -> Path:
    """Write a workload of classes with stated options under ceilings that are hard to prove."""
    classes = [
        {
            "name": f"c{c}",
            "team": f"t{c % 3}",
            "requests": 1000 + 37 * c,
            "weight": 1 + c % 7,
            "options": [
                {
                    "name": f"o{o}",
                    "model": f"m{o}",
                    "provider": ("p", "q", "r")[(c + o) % 3],
                    "accuracy": round(0.3 + 0.06 * o + ((c * 31 + o * 17) % 50) / 1000, 3),
                    "usd_per_request": round(0.001 * 1.6**o + ((c * 13 + o * 7) % 30) / 1e4, 4),
                    "mean_latency_s": 1 + (c * 5 + o * 11) % 23,
                    "tokens_per_request": 100 + (c * 71 + o * 131) % 900,
                }
                for o in range(8)
            ],
        }
        for c in range(n_classes)
    ]
    usd = ceilings.pop("usd", 12 * n_classes)
    limits = {
        "usd": usd,
        "mean_latency_s": 9,
        "teams": {f"t{k}": {"usd": round(float(usd) / 2.8, 2)} for k in range(3)},
        "providers": {k: {"tokens": 300_000 * n_classes} for k in ("p", "q")},
    } | ceilings
    file = folder / "workload.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "name": "many",
                "period": "month",
                "objective": {"maximize": "value"},
                "splits": False,
                "ceilings": limits,
                "classes": classes,
            }
        ),
        encoding="utf-8",
    )
    return file


@pytest.mark.parametrize("limit", [0.5, 1.5])
def test_the_time_limit_holds_for_the_whole_plan(tmp_path, limit):
    """Plan, prices, chart and explanations take twice the limit and two seconds at most."""
    case = load(write(tmp_path, 120))
    begun = time.process_time()
    plan = build_plan(case, Manner(time_limit_s=limit))
    assert time.process_time() - begun < 2 * limit + 2
    assert plan.lines


def test_what_there_was_no_time_for_is_said(tmp_path):
    """A plan without time for anything beside it names what is missing, and no price is 0."""
    case = load(write(tmp_path))
    plan = build_plan(case, Manner(beside_s=0.0, time_limit_s=20))
    assert plan.lines
    assert not plan.frontier
    assert not plan.next_steps
    assert {ceiling.price_up for ceiling in plan.ceilings if ceiling.slack == 0} <= {None}
    said = next(warning.message for warning in plan.warnings if warning.code == "left_out")
    assert "the chart" in said
    assert "the price of" in said
    assert "the options of 40 classes" in said


def test_all_is_there_where_time_suffices(tmp_path):
    """A small plan has its prices, its next steps, its chart and every class's options."""
    case = load(write(tmp_path, 4))
    plan = build_plan(case)
    assert not [warning for warning in plan.warnings if warning.code == "left_out"]
    assert {item.task_class for item in plan.considered} == {f"c{c}" for c in range(4)}
    assert plan.frontier
    assert {step.name for step in plan.next_steps} >= {"usd", "mean_latency_s"}


def test_a_conflict_that_time_cuts_short_is_no_hair(tmp_path, monkeypatch):
    """Where the search for conflicting limits has no time, the plan is infeasible and says so."""

    def take_too_long(problem):
        raise LimitError("too long")

    monkeypatch.setattr("costplan.solve.conflict.feasible", take_too_long)
    plan = build_plan(load(write(tmp_path, 4, usd=0.01)))
    assert plan.status == "infeasible"
    assert "hair" not in plan.verdict
    assert [warning.code for warning in plan.warnings] == ["left_out"]
    assert not plan.conflict

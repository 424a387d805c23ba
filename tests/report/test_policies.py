"""Policies on a terminal, so that they can be built."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from costplan.plan.build import build_plan
from costplan.plan.load import load
from costplan.plan.model import Plan
from costplan.report.terminal import render

WORKLOAD = Path(__file__).parents[2] / "examples" / "policies" / "workload.yaml"


@pytest.fixture(scope="module")
def plan() -> Plan:
    """The plan of the example that has policies."""
    return build_plan(load(WORKLOAD))


def show(plan: Plan, width: int = 160) -> str:
    """What a terminal of some width prints."""
    out = io.StringIO()
    render(plan, Console(file=out, width=width, no_color=True))
    return out.getvalue()


def test_every_stage_is_shown_with_share_check_dollars_and_seconds(plan):
    """A cascade is shown in order: who reaches a stage, what takes the answer, what it costs."""
    line = next(line for line in plan.lines if len(line.stages) == 3)
    text = show(plan)
    place = text.index(line.policy[:40])
    for number, stage in enumerate(line.stages, start=1):
        found = text.index(f"  {number} {stage.model}/{stage.setting}", place)
        row = text[found : text.index("\n", found)]
        assert f"{stage.reach:.1%}".replace("%", " %") in row
        assert (stage.check or "always") in row
        assert "$" in row
        assert row.rstrip().endswith(" s")


def test_shares_of_the_paths_add_up(plan):
    """Paths of a policy cover all requests, and their dollars are those of the line."""
    for line in plan.lines:
        if not line.stages:
            assert line.calls == 1
            continue
        assert sum(path.share for path in line.paths) == pytest.approx(1)
        spent = sum(Decimal(repr(path.share)) * path.usd_per_request for path in line.paths)
        assert float(spent) == pytest.approx(float(line.usd_per_request), rel=1e-6)
        reached = sum(stage.reach * stage.calls for stage in line.stages)
        assert reached == pytest.approx(line.calls)


def test_the_price_of_a_right_answer_stands_beside_that_of_a_request(plan):
    """A single call pays its price over its accuracy; every line shows both."""
    text = show(plan)
    for line in plan.lines:
        assert line.usd_per_right > line.usd_per_request
        if not line.stages:
            expected = float(line.usd_per_request) / line.accuracy.mean
            assert float(line.usd_per_right) == pytest.approx(expected)
    rows = text[text.index("What an answer costs") :].splitlines()[2:]
    table = rows[: len(plan.lines) + len({line.task_class for line in plan.lines})]
    assert [row.count("$") for row in table if row.startswith("  ")] == [2] * len(plan.lines)


def test_a_saved_plan_keeps_its_policies(plan):
    """Stages and paths survive JSON; plans saved before there were any are still read."""
    again = Plan.model_validate(json.loads(plan.model_dump_json()))
    assert show(again) == show(plan)
    old = json.loads(plan.model_dump_json())
    for line in old["lines"]:
        for key in ("stages", "paths", "calls", "usd_per_right"):
            del line[key]
    assert "How the policies are built" not in show(Plan.model_validate(old))


@pytest.mark.parametrize("width", [80, 100, 140])
def test_policies_fit_the_terminal(plan, width):
    """No line is wider than the terminal, and no name is cut or taken for a style."""
    text = show(plan, width)
    assert max(map(len, text.splitlines())) <= width
    squeezed = "".join(text.split())
    for line in plan.lines:
        assert line.option.replace(" ", "") in squeezed

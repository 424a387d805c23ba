"""A class explained from its workload: what binds, what lacks, and what other ceilings take."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from costplan.domain.errors import InputError
from costplan.plan.again import explain_class
from costplan.plan.build import build_plan
from costplan.plan.load import load

WORKLOAD = """
name: test
starts: 2026-11-25
ceilings: {usd: 200}
classes:
  - name: a
    requests: 100
    value_usd: 10
    options:
      - {name: low, accuracy: 0.5, usd_per_request: 1}
      - {name: high, accuracy: 0.9, usd_per_request: 3}
      - {name: near, accuracy: 0.69, usd_per_request: 2}
      - {name: dear, accuracy: 0.95, usd_per_request: 9}
"""


def plan_of(folder: Path, text: str = WORKLOAD):
    """A plan of a workload in a folder."""
    path = folder / "workload.yaml"
    path.write_text(text, encoding="utf-8")
    return build_plan(load(path))


def test_a_mix_names_the_ceiling_that_binds_it(tmp_path):
    """The share of an option is said with the ceiling, its amount and its price."""
    found = explain_class(plan_of(tmp_path), "a", None)
    reasons = {item.option: item.reason for item in found.considered}
    assert reasons["low"] == (
        "takes 50.0 % of the class: usd binds at $200.00 (one dollar more brings $2.00)"
    )
    assert "brings $2.00" in reasons["high"]
    assert [ceiling.name for ceiling in found.binding] == ["usd"]


def test_an_option_in_reach_says_what_it_lacks_and_that_is_enough(tmp_path):
    """Made as much cheaper as it is said to need, and a hair more, an option is taken."""
    found = explain_class(plan_of(tmp_path), "a", None)
    reason = next(item.reason for item in found.considered if item.option == "dear")
    assert reason == "would be taken if $5.75 a request cheaper"
    cheaper = WORKLOAD.replace("usd_per_request: 9", "usd_per_request: 3.24")
    assert "dear" in {line.option for line in plan_of(tmp_path, cheaper).lines}
    still = WORKLOAD.replace("usd_per_request: 9", "usd_per_request: 3.26")
    assert "dear" not in {line.option for line in plan_of(tmp_path, still).lines}


def test_the_reach_says_what_each_ceiling_takes(tmp_path):
    """Ranges of the ceiling follow each other, and plans inside them take what they say."""
    plan = plan_of(tmp_path)
    found = explain_class(plan, "a", None)
    assert [set(reach.options) for reach in found.reach] == [
        {"low", "high"},
        {"high", "dear"},
    ]
    for reach in found.reach:
        high = reach.high or reach.low * 2
        usd = (reach.low + high) / 2
        again = build_plan(load(tmp_path / "workload.yaml", usd=usd))
        assert {line.option for line in again.lines} == set(reach.options)


def test_a_month_is_told_of_by_its_name(tmp_path):
    """The first month is told of unless another is named; an unknown one is refused."""
    monthly = WORKLOAD.replace("starts: 2026-11-25", "horizon: {start: 2027-01, months: 3}")
    monthly = monthly.replace("    value_usd", "    growth_per_month: 0.5\n    value_usd")
    plan = plan_of(tmp_path, monthly)
    first = explain_class(plan, "a", None)
    last = explain_class(plan, "a", "2027-03")
    assert (first.month, last.month) == ("2027-01", "2027-03")
    assert first.considered[0].reason != last.considered[0].reason
    with pytest.raises(InputError, match="no month '2028-01'"):
        explain_class(plan, "a", "2028-01")


def test_a_workload_that_is_gone_leaves_what_the_plan_keeps(tmp_path):
    """Without the workload the plan's own options are told, and that this is all."""
    plan = plan_of(tmp_path)
    (tmp_path / "workload.yaml").unlink()
    found = explain_class(plan, "a", None)
    assert len(found.considered) == 4
    assert not found.reach
    assert "was not found" in found.note


def test_an_infeasible_plan_still_tells_of_its_options(tmp_path):
    """Where nothing can be chosen, options are listed with what shuts them out."""
    tight = WORKLOAD.replace("usd: 200", "usd: 50")
    found = explain_class(plan_of(tmp_path, tight), "a", None)
    assert {item.option for item in found.considered} == {"low", "high", "near", "dear"}
    assert "No plan keeps every limit" in found.note
    assert all(item.fate != "chosen" for item in found.considered)


def test_ceilings_are_those_to_state(case, profile, row):
    """With a margin below the ceiling, the plan at the ceiling of a change takes the change."""
    rows = tuple(row("thinker", s, a) for s, a in (("none", 0.4), ("low", 0.6), ("high", 0.8)))
    task = {
        "name": "a",
        "requests": 1000,
        "input_tokens": 500,
        "output_tokens": 100,
        "evidence": {"benchmark": "quiz"},
    }

    def plan(usd):
        made = case([task], profiles={"thinker": profile()}, rows=rows, ceilings={"usd": usd})
        return build_plan(made)

    whole = plan(Decimal(6))
    assert whole.totals is not None
    for change in whole.changes:
        above = {line.option for line in plan(change.at * Decimal("1.02")).lines}
        below = {line.option for line in plan(change.at * Decimal("0.98")).lines}
        assert above != below

"""`costplan frontier --policies` and the gateway export of a plan with policies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

WORKLOAD = "examples/policies/workload.yaml"
ROOT = Path(__file__).parents[2]


def test_gains_are_shown_for_people_and_programs(costplan):
    """The table names the policies that pay; JSON has the same figures, and the oracle."""
    shown = costplan("frontier", WORKLOAD, "--policies", "--points", "3")
    assert shown.returncode == 0
    assert "No more than" in shown.stdout
    facts = json.loads(
        costplan("frontier", WORKLOAD, "--policies", "--points", "3", "--json").stdout
    )
    assert len(facts["points"]) == 3
    assert {one["class"] for one in facts["classes"]} == {
        "invoice-fields", "refund-decisions", "code-fixes",
    }  # fmt: skip
    for one in facts["classes"]:
        assert one["gain"] > 0
        assert one["option"].replace(" ", "") in "".join(shown.stdout.split())
    assert facts["classes"][0]["oracle"]["n_questions"] == 100
    assert facts["classes"][2]["oracle"] is None


def test_policies_go_by_dollars(costplan):
    """Comparing along latency is refused as a wrong use."""
    done = costplan("frontier", WORKLOAD, "--policies", "--along", "mean_latency_s", code=2)
    assert "by dollars" in done.stderr


@pytest.mark.parametrize("gateway", ["litellm", "openrouter", "envoy", "vllm-router"])
def test_the_export_says_what_a_gateway_cannot_hold(costplan, tmp_path, gateway):
    """Cascades and best-ofs need the caller: every gateway's export says so on standard error."""
    plan, out = tmp_path / "plan.json", tmp_path / "gateway.out"
    assert costplan("optimize", WORKLOAD, "-o", plan).returncode == 0
    done = costplan("export", plan, "--gateway", gateway, "-o", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "refund-decisions: " in done.stderr
    assert "invoice-fields: the caller must make 5 calls and let the check pick" in done.stderr
    assert out.read_text("utf-8")

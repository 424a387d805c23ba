"""`costplan explain`, beside what its findings are."""

from __future__ import annotations

import json

WORKLOAD = """
name: Two classes
period: month
starts: 2027-01-01
ceilings: {usd: 300}
classes:
  - name: triage
    requests: 10_000
    options: &options
      - {name: quick, accuracy: 0.50, usd_per_request: 0.010}
      - {name: deep, accuracy: 0.85, usd_per_request: 0.070}
  - name: "[contracts]"
    requests: 1_000
    options: *options
"""


def test_without_a_class_the_classes_are_listed(costplan, tmp_path):
    """Whoever does not know the names reads them, with what each class does."""
    (tmp_path / "w.yaml").write_text(WORKLOAD)
    plan = tmp_path / "p.json"
    costplan("optimize", tmp_path / "w.yaml", "-o", plan)
    said = costplan("explain", plan).stdout
    assert said.startswith("2 classes; ")
    assert "triage" in said
    assert "[contracts]" in said
    listed = json.loads(costplan("explain", plan, "--json").stdout)["classes"]
    assert [one["class"] for one in listed] == ["triage", "[contracts]"]
    assert all(set(one["options"]) <= {"quick", "deep"} and one["options"] for one in listed)
    for one in listed:
        assert costplan("explain", plan, one["class"]).stdout


def test_a_plan_without_classes_has_none_to_list(costplan, tmp_path):
    """An infeasible plan lists nothing and says why."""
    (tmp_path / "w.yaml").write_text(WORKLOAD.replace("usd: 300", "usd: 3"))
    plan = tmp_path / "p.json"
    costplan("optimize", tmp_path / "w.yaml", "-o", plan, code=4)
    assert "no plan keeps every limit" in costplan("explain", plan, code=3).stderr

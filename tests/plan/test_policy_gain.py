"""What policies add to single settings."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from costplan.plan.policy_gain import load_with_policies, measure_gain, without_policies
from costplan.plan.problem import pose
from costplan.solve.room import solve

WORKLOAD = Path(__file__).parents[2] / "examples" / "policies" / "workload.yaml"


@pytest.fixture(scope="module")
def loaded():
    """The example with policies, and what is measured of it."""
    case, sources = load_with_policies(WORKLOAD)
    return case, measure_gain(case, sources.base, 5)


def test_policies_never_make_a_plan_worse(loaded):
    """With more options the best plan at a ceiling brings at least as much value."""
    _, gain = loaded
    assert len(gain.points) == 5
    assert [p.usd for p in gain.points] == sorted(p.usd for p in gain.points)
    for point in gain.points:
        assert point.value >= point.single_value - 1e-6
    assert max(point.accuracy - point.single_accuracy for point in gain.points) > 0.05


def test_each_point_is_the_best_plan_at_its_ceiling(loaded):
    """The figures are those of solving the case with and without policies."""
    case, gain = loaded
    point = gain.points[2]
    for one, value in ((without_policies(case), point.single_value), (case, point.value)):
        problem = pose(one)
        limited = replace(problem, limits=replace(problem.limits, usd=point.usd))
        assert float(solve(limited).objective) == pytest.approx(value)


def test_the_oracle_is_above_every_replayed_policy(loaded):
    """No policy of a class was right more often on its questions than the best answers are."""
    case, gain = loaded
    for part, one in zip(case.classes, gain.classes, strict=True):
        assert one.task_class == part.task.name
        if one.oracle is None:
            assert part.task.evidence.outcomes is None
            continue
        replayed = [o.source.accuracy for o in part.options if o.accuracy.grade == "measured"]
        assert one.oracle.accuracy >= max(replayed) - 1e-9
        assert one.oracle.accuracy >= one.oracle.single_call
    assert gain.oracle_accuracy is None


def test_the_gain_of_a_class_is_the_greatest_distance_between_the_curves(loaded):
    """At the dollars named, the policy lies above every mix of two single settings."""
    case, gain = loaded
    for part, one in zip(case.classes, gain.classes, strict=True):
        usd, limit = one.usd_per_request, part.task.max_p95_latency_s
        singles = [
            (float(o.usd_per_request), o.accuracy.mean)
            for o in part.options
            if o.recipe is None and (limit is None or o.p95_latency_s <= limit)
        ]
        mixes = [
            a + (b - a) * (usd - k) / (m - k) if m > k else a
            for k, a in singles
            for m, b in singles
            if k <= usd <= m
        ]
        assert one.single_accuracy == pytest.approx(max(mixes))
        assert one.gain > 0


def test_classes_without_policies_get_proposals(tmp_path):
    """A class that states none is looked at with the checks that its outcomes hold."""
    text = WORKLOAD.read_text("utf-8").split("  - name: code-fixes")[0]
    head, middle = text.split("  - name: refund-decisions")
    task = middle.split("    policies:")[0]
    (tmp_path / "w.yaml").write_text(f"{head}  - name: refund-decisions{task}", "utf-8")
    outcomes = WORKLOAD.with_name("outcomes.csv").read_bytes()
    (tmp_path / "outcomes.csv").write_bytes(outcomes)
    case, sources = load_with_policies(tmp_path / "w.yaml")
    kinds = {o.recipe.kind for o in case.classes[1].options if o.recipe is not None}
    checks = {
        stage.check
        for option in case.classes[1].options
        if option.recipe is not None
        for stage in option.recipe.stages
    }
    assert "cascade" in kinds
    assert checks & {"confidence", "agreement", "verifier as measured"}
    gain = measure_gain(case, sources.base, 3)
    assert gain.oracle_accuracy is not None
    assert all(isinstance(point.usd, Decimal) for point in gain.points)

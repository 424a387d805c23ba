"""What-if in words."""

from __future__ import annotations

import pytest

import costplan
from costplan.plan.simulation import Range, simulate
from costplan.plan.whatif import Scenario
from costplan.report.whatif import write_scenarios

PUBLISHED = "evidence: {benchmark: gpqa-diamond}, input_tokens: 100, output_tokens: 10"
STATED = "options: [{name: a, accuracy: 0.5, usd_per_request: 1}]"


@pytest.mark.parametrize(("knows", "strays"), [(PUBLISHED, True), (STATED, False)])
def test_a_simulation_says_what_it_leaves_out(tmp_path, capsys, knows, strays):
    """Budgets of simulated volumes stand beside the interval that the bill has without them."""
    path = tmp_path / "workload.yaml"
    path.write_text(f"name: w\nclasses: [{{name: c, requests: 1000, value_usd: 1, {knows}}}]")
    plan = costplan.optimize(costplan.load(path))
    spread = simulate(plan, [Range.parse("requests=20%")], seed=1)
    write_scenarios([Scenario((), plan)], [], spread, as_json=False)
    assert ("the bill as it stands is itself likely" in capsys.readouterr().out) is strays

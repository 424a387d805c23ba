"""The shared instances with proven optima, straight into problems."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from costplan.solve import Status, solve, verify
from costplan.solve.conflict import conflict_of
from costplan.solve.prices import prices

FOLDER = Path(__file__).parents[2].parent / "shared" / "reference" / "optimizer" / "instances"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json")) or ["pub-001"]


def expectations(key: str) -> list[str]:
    paths = sorted(FOLDER.glob("*.json"))
    expected = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))["expected"] for path in paths
    }
    return [name for name, stated in expected.items() if key in stated] or ["pub-001"]


@pytest.mark.parametrize("solver", ["auto", "highs"])
@pytest.mark.parametrize("name", NAMES)
def test_status_and_objective_are_those_proven(name, solver, instances):
    """Every public instance gives the stated status and objective within the stated tolerance."""
    data = instances.load(name)
    expected = data["expected"]
    problem = instances.to_problem(data)
    found = solve(problem, solver=solver)
    assert found.status == expected["status"]
    if found.status is Status.OPTIMAL:
        assert abs(found.objective - expected["objective"]) <= expected["tolerance"]
        assert verify(problem, found.main, found.splits).ok


@pytest.mark.parametrize("name", expectations("example_plan"))
def test_the_audit_agrees_with_the_example_plans(name, instances):
    """Every example plan of the instances keeps all limits and adds up to the stated objective."""
    data = instances.load(name)
    expected = data["expected"]
    problem = instances.to_problem(data)
    main, splits = instances.to_plan(problem, data)
    audit = verify(problem, main, splits)
    assert not audit.faults
    for usage in audit.violations:
        assert -usage.slack <= Decimal("1e-9") * abs(usage.limit), usage
    assert abs(audit.objective - expected["objective"]) <= expected["tolerance"]


@pytest.mark.parametrize("name", expectations("value_per_extra_usd"))
def test_the_ceiling_has_the_stated_price_on_both_sides(name, instances):
    """The next and the last dollar are worth what the instance says, also where they differ."""
    data = instances.load(name)
    price = prices(instances.to_problem(data))["usd"]
    expected = data["expected"]
    assert price.up == pytest.approx(float(expected["value_per_extra_usd"]), abs=1e-6)
    assert price.down == pytest.approx(float(expected["value_per_removed_usd"]), abs=1e-6)


@pytest.mark.parametrize("name", expectations("least_budget_usd"))
def test_the_least_budget_is_the_stated_one(name, instances):
    """An infeasible instance names the smallest ceiling that works, if money is what is missing."""
    data = instances.load(name)
    conflict = conflict_of(instances.to_problem(data))
    assert conflict is not None
    assert conflict.least_usd == data["expected"]["least_budget_usd"]

"""The shared instances with proven optima, straight into problems."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from costplan.solve import Status, solve, verify


def _reader() -> ModuleType:
    if "solve_instances" not in sys.modules:
        path = Path(__file__).with_name("instances.py")
        spec = importlib.util.spec_from_file_location("solve_instances", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["solve_instances"] = module
        spec.loader.exec_module(module)
    return sys.modules["solve_instances"]


instances = _reader()
NAMES = instances.names() or ["pub-001"]


@pytest.mark.parametrize("solver", ["auto", "highs"])
@pytest.mark.parametrize("name", NAMES)
def test_status_and_objective_are_those_proven(name, solver):
    """Every public instance gives the stated status and objective within the stated tolerance."""
    data = instances.load(name)
    expected = data["expected"]
    problem = instances.to_problem(data)
    found = solve(problem, solver=solver)
    assert found.status == expected["status"]
    if found.status is Status.OPTIMAL:
        assert abs(found.objective - expected["objective"]) <= expected["tolerance"]
        assert verify(problem, found.main, found.splits).ok

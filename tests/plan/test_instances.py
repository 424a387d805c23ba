"""Instances with proven optima, through the YAML that a user would write."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from costplan.files.catalogue import Catalogue
from costplan.files.workload import load_workload
from costplan.plan.build import build_plan
from costplan.plan.gather import Sources, gather

FOLDER = Path(__file__).parents[3] / "shared" / "reference" / "optimizer" / "instances"
PATHS = sorted(FOLDER.glob("*.json"))

pytestmark = pytest.mark.skipif(
    not PATHS, reason="shared reference data is not beside the repository"
)

OPTION_KEYS = {
    "name": "name",
    "model": "model",
    "provider": "provider",
    "accuracy": "accuracy",
    "cost_per_request": "usd_per_request",
    "mean_latency_s": "mean_latency_s",
    "p95_latency_s": "p95_latency_s",
    "tokens_per_request": "tokens_per_request",
    "gpu_pool": "pool",
}
PROVIDER_KEYS = {
    "provider_budgets_usd": "usd",
    "provider_token_capacity": "tokens",
    "provider_min_request_share": "min_share",
    "provider_max_request_share": "max_share",
}


def known(facts: dict[str, Any]) -> dict[str, Any]:
    """What is not null."""
    return {key: value for key, value in facts.items() if value is not None}


def write_class(task: dict[str, Any]) -> dict[str, Any]:
    """A class as a workload states it."""
    options = [
        known({key: option.get(name) for name, key in OPTION_KEYS.items()})
        for option in task["options"]
    ]
    return known(
        {
            "name": task["name"],
            "team": task.get("team"),
            "requests": task["volume"],
            "weight": task["weight"],
            "max_p95_latency_s": task.get("slo_p95_s"),
            "min_accuracy": task.get("min_accuracy"),
            "options": options,
        }
    )


def write_workload(instance: dict[str, Any]) -> dict[str, Any]:
    """An instance as a workload, by the table of its format."""
    limits = instance["constraints"]
    latency = dict(limits.get("mean_latency_s") or {})
    ceilings: dict[str, Any] = known(
        {"usd": limits.get("budget_usd"), "mean_latency_s": latency.pop("global", None)}
    )
    teams = {t: {"usd": usd} for t, usd in (limits.get("team_budgets_usd") or {}).items()}
    for team, seconds in latency.items():
        teams.setdefault(team, {})["mean_latency_s"] = seconds
    providers: dict[str, Any] = {}
    for name, key in PROVIDER_KEYS.items():
        for provider, value in (limits.get(name) or {}).items():
            providers.setdefault(provider, {})[key] = value
    contracts: dict[str, Any] = {}
    for provider, tiers in (limits.get("price_tiers") or {}).items():
        contracts.setdefault(provider, {})["tiers"] = [known(tier) for tier in tiers]
    for provider, terms in (limits.get("commitments") or {}).items():
        contracts.setdefault(provider, {})["commitment"] = {
            "usd": terms["commit_usd"],
            "multiplier": terms["multiplier"],
        }
    aim: dict[str, Any] = {"maximize": "value"}
    if instance["mode"] == "minimize_cost":
        aim = {"minimize": "cost", "target_value": limits["min_value"]}
    return {
        "name": instance["id"],
        "starts": "2026-11-25",
        "objective": aim,
        "splits": instance["plan"] == "fractional",
        "ceilings": ceilings | {"teams": teams, "providers": providers},
        "pools": limits.get("gpu_pools") or {},
        "contracts": contracts,
        "classes": [write_class(task) for task in instance["classes"]],
    }


class Exact(yaml.SafeDumper):
    """Writes decimals as the digits they are."""


Exact.add_representer(
    Decimal, lambda dumper, value: dumper.represent_scalar("tag:yaml.org,2002:float", str(value))
)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_proven_optimum_is_met(path: Path, tmp_path: Path) -> None:
    """The plan has the stated status and objective, and its JSON keeps every stated limit."""
    instance = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    workload = tmp_path / "workload.yaml"
    workload.write_text(yaml.dump(write_workload(instance), Dumper=Exact, sort_keys=False), "utf-8")
    loaded, _ = load_workload(workload, Catalogue({}, ()))
    plan = build_plan(gather(loaded, Sources({}, (), tmp_path)))
    expected = instance["expected"]
    assert plan.status == expected["status"]
    if expected["status"] == "infeasible":
        least = expected.get("least_budget_usd")
        assert (plan.smallest_usd is None) == (least is None)
        if least is not None:
            assert abs(plan.smallest_usd - Decimal(str(least))) <= Decimal("0.01")
        assert plan.conflict
        return
    minimizes = instance["mode"] == "minimize_cost"
    found = plan.totals.usd if minimizes else plan.totals.value
    assert abs(found - Decimal(str(expected["objective"]))) <= Decimal(str(expected["tolerance"]))
    assert all(ceiling.slack >= 0 for ceiling in plan.ceilings)

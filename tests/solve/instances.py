"""Read the shared optimizer instances straight into problems."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costplan.solve import (
    ClassRow,
    Commitment,
    Contract,
    Goal,
    Limits,
    Objective,
    OptionRow,
    Pool,
    Problem,
    Tier,
    build_problem,
)

FOLDER = Path(__file__).parents[2].parent / "shared" / "reference" / "optimizer" / "instances"


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def load(name: str) -> dict[str, Any]:
    if not FOLDER.is_dir():
        pytest.skip("shared reference data is not beside the repository")
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return found


def to_problem(data: dict[str, Any]) -> Problem:
    terms = data["constraints"]
    latency = dict(terms.get("mean_latency_s", {}))
    overall = latency.pop("global", None)
    limits = Limits(
        usd=terms.get("budget_usd"),
        team_usd=terms.get("team_budgets_usd", {}),
        mean_latency_s=overall,
        team_mean_latency_s=latency,
        provider_usd=terms.get("provider_budgets_usd", {}),
        provider_tokens=terms.get("provider_token_capacity", {}),
        provider_min_share=terms.get("provider_min_request_share", {}),
        provider_max_share=terms.get("provider_max_request_share", {}),
    )
    pools = [
        Pool(name, pool["usd_per_gpu"], pool["tokens_per_gpu"], int(pool["max_gpus"]))
        for name, pool in terms.get("gpu_pools", {}).items()
    ]
    objective = Objective()
    if data["mode"] == "minimize_cost":
        objective = Objective(Goal.COST, target_value=terms["min_value"])
    return build_problem(
        [class_row(row) for row in data["classes"]],
        limits=limits,
        pools=pools,
        contracts=contracts(terms),
        objective=objective,
        splits=data["plan"] == "fractional",
    )


def contracts(terms: dict[str, Any]) -> dict[str, Contract]:
    found = {}
    tiers, signed = terms.get("price_tiers", {}), terms.get("commitments", {})
    for name in {**tiers, **signed}:
        steps = tuple(Tier(t["up_to_usd"], t["multiplier"]) for t in tiers.get(name, ()))
        offer = signed.get(name)
        commitment = Commitment(offer["commit_usd"], offer["multiplier"]) if offer else None
        found[name] = Contract(steps, commitment)
    return found


def class_row(row: dict[str, Any]) -> ClassRow:
    options = [
        OptionRow(
            name=option["name"],
            provider=option["provider"],
            accuracy=option["accuracy"],
            usd=option["cost_per_request"],
            mean_latency_s=option["mean_latency_s"],
            p95_latency_s=option["p95_latency_s"],
            tokens=option["tokens_per_request"],
            pool=option.get("gpu_pool"),
        )
        for option in row["options"]
    ]
    return ClassRow(
        name=row["name"],
        requests=row["volume"],
        weight=row["weight"],
        options=options,
        team=row["team"],
        min_accuracy=row["min_accuracy"],
        max_p95_latency_s=row["slo_p95_s"],
    )


def to_plan(problem: Problem, data: dict[str, Any]) -> tuple[Any, dict[int, Any]]:
    import numpy as np

    main = np.zeros(problem.n_classes, dtype=np.int64)
    splits = {}
    for c, row in enumerate(data["classes"]):
        shares = data["expected"]["example_plan"][row["name"]]
        names = [option["name"] for option in row["options"]]
        low = int(problem.first[c])
        picks = [(low + names.index(name), share) for name, share in shares.items() if share > 0]
        picks = [(o, share.quantize(Decimal("1e-15"))) for o, share in picks]
        if len(picks) > 1:
            picks[-1] = (picks[-1][0], 1 - sum(share for _, share in picks[:-1]))
            splits[c] = tuple(picks)
        main[c] = max(picks, key=lambda pick: pick[1])[0]
    return main, splits

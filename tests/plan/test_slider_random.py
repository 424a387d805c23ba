"""The slider's stops against planning anew, over random workloads of every kind."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from costplan.domain.errors import InputError
from costplan.plan.build import build_plan
from costplan.plan.load import load
from costplan.plan.retrace import add_stops

RATES = {"kind": "verifier", "false_accept": 0.1, "false_reject": 0.05}
TRIED = 6
"""Stops of a plan that are planned anew."""


def random_workload(seed: int, kind: str) -> dict[str, Any]:
    """A workload of a few classes with stated options, or of published curves."""
    dice = random.Random(f"{seed} {kind}")
    options = []
    usd, accuracy = 0.001, 0.3
    for k in range(dice.randint(2, 5)):
        usd *= dice.uniform(1.2, 4)
        accuracy += (0.97 - accuracy) * dice.uniform(0.05, 0.6)
        options.append({
            "name": f"m{k}", "accuracy": round(accuracy, 3), "usd_per_request": round(usd, 5),
            "mean_latency_s": round(dice.uniform(0.5, 20), 1), "provider": dice.choice("ab"),
        })  # fmt: skip
    classes = []
    for c in range(dice.randint(1, 5)):
        task: dict[str, Any] = {
            "name": f"c{c}", "requests": dice.randint(10, 5000), "team": dice.choice("xy"),
            "value_usd": round(dice.uniform(0.01, 3), 2), "options": options,
        }  # fmt: skip
        if kind == "floors" and dice.random() < 0.6:
            task["min_accuracy"] = round(dice.uniform(0.2, accuracy), 2)
        if kind == "policies":
            task["policies"] = [
                {"cascade": {"steps": ["m0", f"m{len(options) - 1}"], "check": RATES}},
                {"vote": {"option": "m0", "n": 3}},
            ]
        if kind == "horizon":
            task["growth_per_month"] = dice.choice([0, 0.05, -0.1])
        classes.append(task)
    most = sum(task["requests"] for task in classes) * usd
    ceilings: dict[str, Any] = {"usd": round(most * dice.uniform(0.3, 0.9), 2)}
    if kind == "ceilings":
        ceilings["mean_latency_s"] = 15
        ceilings["teams"] = {"x": {"usd": round(most * dice.uniform(0.2, 0.9), 2)}}
        ceilings["providers"] = {"a": {"usd": round(most * dice.uniform(0.2, 0.9), 2)}}
    work: dict[str, Any] = {
        "name": "random", "period": "month", "ceilings": ceilings, "classes": classes,
        "objective": {"maximize": dice.choice(["value", "accuracy", "net_value"])},
        "splits": kind != "whole",
    }  # fmt: skip
    if kind == "horizon":
        budget = dice.choice(["month", "total"])
        work["horizon"] = {"start": "2027-01", "months": 3, "budget": budget}
        if budget == "total":
            ceilings["usd"] *= 3
    else:
        work["starts"] = "2027-01-01"
    return work


def published_workload(seed: int) -> dict[str, Any]:
    """Classes that rest on the same published benchmark: a class-blind mix may be as good."""
    dice = random.Random(seed)
    names = dice.sample(["ifbench", "gpqa-diamond"], 1)
    classes = [
        {
            "name": f"c{c}", "requests": dice.randint(100, 900), "input_tokens": 1000 + c,
            "output_tokens": 200, "value_usd": 1, "evidence": {"benchmark": names[0]},
            "models": {"allow": ["gpt-5*"]},
        }
        for c in range(3)
    ]  # fmt: skip
    return {
        "name": "published", "period": "month", "starts": "2026-11-25", "classes": classes,
        "objective": {"maximize": "value"}, "ceilings": {"usd": round(dice.uniform(5, 60), 2)},
    }  # fmt: skip


def follow(stops):
    """Every stop with its choices in full."""
    state: dict[tuple[str, str | None], dict[str, Decimal]] = {}
    for stop in stops:
        fresh: dict[tuple[str, str | None], dict[str, Decimal]] = {}
        for pick in stop.picks:
            fresh.setdefault((pick.task_class, pick.month), {})[pick.option] = pick.share
        state = state | fresh
        yield stop, {(*unit, option): share for unit, mine in state.items()
                     for option, share in mine.items()}  # fmt: skip


def assert_stops_are_plans(file, work):
    """Stops are what `optimize --usd` plans; where there is no slider, the page says why."""
    file.write_text(json.dumps(work))
    try:
        plan = build_plan(load(file))
    except InputError:
        pytest.skip("a random workload that cannot be read is no workload")
    found, note = add_stops(plan)
    if plan.totals is None:
        assert found.stops == ()
        return 0
    assert found.stops or note
    stops = list(follow(found.stops))
    own = plan.workload and Decimal(str(work["ceilings"]["usd"]))
    picked = {0, len(stops) - 1} | {i * len(stops) // TRIED for i in range(TRIED)}
    for place, (stop, chosen) in enumerate(stops):
        if place not in picked and stop.ceiling_usd != own:
            continue
        again = build_plan(load(file, usd=stop.ceiling_usd))
        assert again.totals is not None
        assert again.totals.usd == stop.usd
        assert float(again.totals.value) == pytest.approx(float(stop.value), rel=1e-9)
        assert again.totals.accuracy.mean == pytest.approx(stop.accuracy, rel=1e-9)
        assert chosen == {
            (line.task_class, line.month, line.option): line.share for line in again.lines
        }
    return len(stops)


@pytest.mark.parametrize("kind", ["whole", "policies", "floors", "horizon", "ceilings"])
@pytest.mark.parametrize("seed", range(4))
def test_stops_of_random_workloads_are_what_optimize_plans(tmp_path, seed, kind):
    """Bill, value, accuracy and choices at a stop are those of planning with that ceiling."""
    assert_stops_are_plans(tmp_path / "workload.yaml", random_workload(seed, kind))


@pytest.mark.parametrize("seed", [0, 1])
def test_stops_fall_back_to_the_class_blind_mix_where_a_plan_does(tmp_path, seed):
    """Where telling classes apart promises nothing, a stop is the mix that planning takes."""
    assert assert_stops_are_plans(tmp_path / "workload.yaml", published_workload(seed))

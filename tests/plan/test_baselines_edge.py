"""Simple ways at the very edge of the limits."""

from __future__ import annotations

from pathlib import Path

import yaml

from costplan.plan.build import build_plan
from costplan.plan.load import load


def plan_of(folder: Path, objective: dict, usd: float, high: float, requests: tuple[int, int]):
    """Plan two classes with a cheap and a good option each."""
    options = [
        {"name": "low", "model": "l", "provider": "p", "accuracy": 0.6, "usd_per_request": 1},
        {"name": "high", "model": "h", "provider": "p", "accuracy": high, "usd_per_request": 3},
    ]
    classes = [
        {"name": name, "requests": n, "weight": w, "min_accuracy": 0.7, "options": options}
        for name, n, w in zip("ab", requests, (3, 7), strict=True)
    ]
    file = folder / "workload.yaml"
    file.write_text(
        yaml.safe_dump(
            {
                "name": "edge",
                "period": "month",
                "objective": objective,
                "splits": True,
                "ceilings": {"usd": usd},
                "classes": classes,
            }
        ),
        encoding="utf-8",
    )
    return build_plan(load(file))


def mix_of(plan):
    """Return the class-blind mix."""
    return next(one for one in plan.baselines if one.name == "class_blind_mix")


def test_a_mix_at_the_floor_keeps_it(tmp_path):
    """Shares of one half, a third and a seventh that just reach a target keep the floors of it."""
    for high in (0.8, 0.9, 0.95, 1.0):
        for requests in ((10, 5), (7, 3), (11, 13)):
            objective = {"minimize": "cost", "target_accuracy": 0.7}
            mix = mix_of(plan_of(tmp_path, objective, 1000, high, requests))
            assert mix.feasible, mix.detail


def test_a_mix_that_misses_by_a_hair_says_so(tmp_path):
    """A mix that breaks a floor by less than its figures show is said to do so by a hair."""
    short = plan_of(tmp_path, {"maximize": "value"}, 29.999999999999, 0.8, (10, 5))
    assert short.status == "infeasible"
    assert mix_of(short).detail.endswith("breaks min_accuracy in a, b by a hair")
    exact = plan_of(tmp_path, {"maximize": "value"}, 30, 0.8, (10, 5))
    assert mix_of(exact).feasible


def test_a_limit_broken_in_many_months_is_named_once(tmp_path):
    """A year under one ceiling has each limit per month: a baseline names it with their number."""
    text = """
name: Year
period: month
horizon: {start: 2027-01, months: 6, budget: total}
ceilings: {usd: 900, teams: {a: {usd: 50, mean_latency_s: 5}}}
classes:
  - name: one
    team: a
    requests: 100
    requests_by_month: {2027-03: 10}
    options:
      - {name: slow, accuracy: 0.9, usd_per_request: 1, mean_latency_s: 9}
      - {name: fast, accuracy: 0.5, usd_per_request: 0.2, mean_latency_s: 1}
"""
    path = tmp_path / "w.yaml"
    path.write_text(text)
    (rival,) = [b for b in build_plan(load(path)).baselines if b.name == "highest_effort"]
    assert "breaks teams.a.usd in 5 months, teams.a.mean_latency_s in 6 months" in rival.detail

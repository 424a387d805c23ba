"""Settings that look wrong, and what is known before the call, through the commands."""

from __future__ import annotations

import json
import random

HEADER = (
    "dataset,task_class,question_id,model,budget_or_effort,sample,correct,input_tokens,"
    "output_tokens,cost_usd,latency_s,reasoning_tokens,truncated,refused"
)
MODELS = {
    # model: settings with accuracy, reasoning tokens, share cut off, share refused
    "idle": {"low": (0.6, 1500, 0, 0), "high": (0.61, 1510, 0, 0)},
    "worse": {"low": (0.7, 800, 0, 0), "high": (0.5, 3000, 0, 0)},
    "cut": {"low": (0.6, 900, 0, 0), "high": (0.8, 5000, 0.3, 0)},
    "shy": {"low": (0.6, 900, 0, 0), "high": (0.8, 5000, 0, 0.4)},
    "fine": {"low": (0.55, 500, 0, 0), "high": (0.75, 4000, 0, 0)},
}
ODD = {
    "idle/high": "knob seems to be ignored",
    "worse/high": "more than chance explains",
    "cut/high": "were cut off",
    "shy/high": "refused",
}


def write_outcomes(folder):
    """Two hundred questions of five models, each odd in its own way but one."""
    dice, rows = random.Random(3), [HEADER]
    for model, knob in MODELS.items():
        for setting, (accuracy, tokens, cut, refused) in knob.items():
            for q in range(200):
                spent = round(tokens * dice.uniform(0.9, 1.1))
                flags = int(dice.random() < cut), int(dice.random() < refused)
                rows.append(
                    f"own,chat,{q},{model},{setting},0,{int(q < 200 * accuracy)},100,{spent + 50},"
                    f"{spent / 1e6:.6f},1,{spent},{flags[0]},{flags[1]}"
                )
    (folder / "outcomes.csv").write_text("\n".join(rows) + "\n", "utf-8")


def write_workload(folder, more=""):
    path = folder / "w.yaml"
    path.write_text(
        "name: w\nstarts: 2026-11-25\nclasses:\n  - name: chat\n    requests: 100\n"
        f"    evidence: {{outcomes: outcomes.csv}}\n{more}"
    )
    return str(path)


def test_every_odd_setting_is_named_and_kept_out_unless_insisted_on(costplan, tmp_path):
    """An ignored knob, effort that harms, answers cut off and refusals: plan and explain say so."""
    write_outcomes(tmp_path)
    saved = str(tmp_path / "plan.json")
    plan = json.loads(costplan("optimize", write_workload(tmp_path), "-o", saved, "--json").stdout)
    said = " ".join(w["message"] for w in plan["warnings"] if w["code"] == "effort")
    for name, why in ODD.items():
        assert name in said
        assert why in said
    assert not {line["option"] for line in plan["lines"]} & set(ODD)
    told = " ".join(costplan("explain", saved, "chat").stdout.split())
    for why in ODD.values():
        assert why in told
    # The odd ones look best: insisted on, one of them is planned, with the warning.
    insisted = write_workload(tmp_path, "    models: {insist: ['cut/high', 'shy/high']}\n")
    plan = json.loads(costplan("optimize", insisted, "--json").stdout)
    assert {line["option"] for line in plan["lines"]} <= {"cut/high", "shy/high"}
    assert any("planned with" in w["message"] for w in plan["warnings"] if w["code"] == "effort")


def test_auto_plans_a_route_by_what_is_known_before_the_call(costplan, tmp_path):
    """A column known_tier that tells difficulty becomes a route, printed to be built."""
    dice = random.Random(4)
    rows = [
        "dataset,task_class,question_id,model,budget_or_effort,sample,correct,input_tokens,"
        "output_tokens,cost_usd,latency_s,known_tier"
    ]
    for q in range(300):
        tier = "deep" if q % 3 == 0 else "plain"
        for model, right, usd in (
            ("small", 0.2 if tier == "deep" else 0.9, 0.001), ("big", 0.9, 0.02),
        ):  # fmt: skip
            correct = int(dice.random() < right)
            rows.append(f"own,chat,{q},{model},x,0,{correct},100,50,{usd},1,{tier}")
    (tmp_path / "outcomes.csv").write_text("\n".join(rows) + "\n", "utf-8")
    path = write_workload(tmp_path, "    policies: auto\nceilings: {usd: 0.9}\n")
    plan = json.loads(costplan("optimize", path, "--json").stdout)
    name = "route known_tier(deep: big/x, plain: small/x)"
    (line,) = [line for line in plan["lines"] if line["option"] == name]
    assert line["share"] > 0.95
    assert plan["totals"]["accuracy"]["mean"] > 0.85
    shown = costplan("optimize", path).stdout
    assert "known_tier deep" in " ".join(shown.split())

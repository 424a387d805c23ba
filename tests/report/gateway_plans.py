"""Plans for the tests of gateways."""

from __future__ import annotations

from costplan.plan.model import Plan


def line(task_class, model, setting, provider, *, share=1, policy="single", **more):
    """Make a line of a plan."""
    return {
        "class": task_class, "team": None, "requests": 1000, "option": f"{model}/{setting}",
        "model": model, "provider": provider, "setting": setting, "policy": policy,
        "share": share, "requests_planned": 1000 * share, "usd": "1", "usd_per_request": "0.001",
        "value": 1, "accuracy": {"mean": 0.5, "low": 0.4, "high": 0.6, "grade": "published"},
        "mean_latency_s": None, "p95_latency_s": None, "batch": False, "input_tokens": None,
        "cached_input_tokens": None, "output_tokens": None, "reasoning_tokens": None, **more,
    }  # fmt: skip


def plan(lines, *, ceilings=(), prices=()):
    """Make a plan of some lines."""
    return Plan.model_validate(
        {
            "schema_version": 1, "costplan_version": "0.1.0",
            "created_at": "2026-11-24T00:00:00+00:00", "seed": 1, "confidence": 0.9,
            "workload": {"name": "Support\nQ1", "period": "month", "starts": "2027-01-01",
                         "digest": "ab" * 32, "file": None},
            "status": "optimal", "solver": "highs", "splits": True, "value_unit": "usd",
            "objective": {"maximize": "value", "value": 1.0, "bound": 1.0, "gap": 0.0},
            "verdict": "", "lines": lines, "totals": None,
            "ceilings": [
                {"name": name, "limit": limit, "used": 1, "slack": 1, "price_up": None,
                 "price_down": None} for name, limit in ceilings
            ],
            "baselines": (), "pools": (), "conflict": (), "smallest_usd": None,
            "next_steps": (), "frontier": (),
            "prices": [
                {"model": model, "provider": provider, "as_of": "2027-01-01",
                 "input_usd_per_mtok": "0.25", "cached_input_usd_per_mtok": "0.025",
                 "output_usd_per_mtok": "2", "batch": False, "source": "t"}
                for model, provider in prices
            ],
            "evidence": (), "considered": (), "assumptions": (), "warnings": (),
        }
    )  # fmt: skip


CASCADE = (
    "cascade {steps: [gpt-5-mini/low, gpt-5/high], "
    "check: {kind: verifier, false_accept: 0.1, false_reject: 0.05}}"
)


def usual_plan():
    """A plan of every kind of knob: effort, budget, adaptive, off, switch, split, cascade, vote."""
    return plan(
        [
            line("ticket-triage", "gpt-5-mini", "low", "openai"),
            line("contract-review", "claude-sonnet-4-5", "8000", "anthropic"),
            line("research", "claude-opus-4-6", "medium", "anthropic"),
            line("greeting", "claude-sonnet-4-5", "off", "anthropic"),
            line("images", "gemini-2.5-flash", "4096", "google"),
            line("images-off", "gemini-2.5-flash", "off", "google"),
            line("images-free", "gemini-2.5-flash", "dynamic", "google"),
            line("summaries", "gemini-3-flash-preview", "low", "google"),
            line("chat", "deepseek-v3.2", "off", "openrouter"),
            line("code", "gpt-oss-120b", "high", "openrouter"),
            line("new-model", "gpt-5.6-sol", "low", "openai"),
            line("split", "gpt-5-mini", "minimal", "openai", share=0.75),
            line("split", "gpt-5", "medium", "openai", share=0.25),
            line("escalate", "gpt-5-mini", "low", "openai", policy=CASCADE),
            line(
                "vote", "gpt-5-nano", "low", "openai",
                policy="vote {option: gpt-5-nano/low, n: 5, early_stop: true}",
            ),
        ],
        ceilings=[("usd", 40_000), ("providers.openai.usd", 25_000), ("mean_latency_s", 20)],
        prices=[("gpt-5-mini", "openai")],
    )  # fmt: skip

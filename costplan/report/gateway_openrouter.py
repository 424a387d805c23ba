"""OpenRouter: one preset per task class, each sent once to POST /presets/{slug}/chat/completions.

Callers then ask for the model "@preset/{slug}". What a caller sends himself wins.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from costplan.plan.model import Plan, PlanWarning
from costplan.report.gateway_targets import Serving, Target, list_limits, slug, warn
from costplan.report.gateway_wire import knob_fields

VENDORS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "deepseek": "deepseek",
    "xai": "x-ai",
    "mistral": "mistralai",
    "qwen": "qwen",
}
"""Provider to OpenRouter's name of the maker."""


def write_openrouter(plan: Plan, servings: tuple[Serving, ...]) -> tuple[str, list[PlanWarning]]:
    """Write the presets as JSON, and say what OpenRouter cannot hold."""
    cannot: list[PlanWarning] = []
    presets: list[dict[str, Any]] = []
    seen: Counter[str] = Counter()
    for serving in servings:
        for target in serving.targets:
            preset = _preset(serving, target, cannot)
            if preset is None:
                continue
            seen[preset["slug"]] += 1
            if seen[preset["slug"]] > 1:
                preset["slug"] += f"-{seen[preset['slug']]}"
            presets.append({**preset, "path": f"/api/v1/presets/{preset['slug']}/chat/completions"})
        cannot += _say_split(serving)
    cannot += [
        warn(
            "ceiling",
            f"the ceiling {name} is not part of a preset; a key may have a credit limit",
        )
        for name in list_limits(plan)
    ]
    cannot.append(warn("default_not_cap", "what a caller sends himself wins over the preset"))
    content = {"plan": plan.workload.name, "digest": plan.workload.digest, "presets": presets}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n", cannot


def _preset(serving: Serving, target: Target, cannot: list[PlanWarning]) -> dict[str, Any] | None:
    model = _model_id(target)
    fields = knob_fields(target, "openrouter")
    if model is None or fields is None:
        said = f"OpenRouter cannot be told {target.model} at '{target.knob}' by {target.provider}"
        cannot.append(warn("setting", said, serving.task_class))
        return None
    if target.provider != "openrouter":
        said = (
            f"{target.model} is planned at {target.provider}: OpenRouter may call it other than "
            f"{model} and asks a fee of its own"
        )
        cannot.append(warn("other_host", said, serving.task_class))
    fields["max_tokens"] = fields.pop("max_completion_tokens", target.setting.max_output_tokens)
    body = {"model": model, **fields, "messages": [{"role": "user", "content": "-"}]}
    return {
        "slug": slug(target.public).replace(".", "-"),
        "class": serving.task_class,
        "share": float(target.weight),
        "body": body,
    }


def _model_id(target: Target) -> str | None:
    if target.provider == "openrouter":
        return target.profile.model
    maker = VENDORS.get(target.provider)
    return None if maker is None else f"{maker}/{target.profile.model}"


def _say_split(serving: Serving) -> list[PlanWarning]:
    said = []
    if sum(1 for target in serving.targets if target.weight) > 1:
        text = "a preset has no shares: the caller must draw among its presets by `share`"
        said.append(warn("shares", text, serving.task_class))
    if any(target.fallbacks for target in serving.targets):
        text = "a preset checks no answer: the caller must ask the next step's preset itself"
        said.append(warn("cascade", text, serving.task_class))
    return said

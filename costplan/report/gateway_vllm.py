"""vLLM Semantic Router: configuration v0.3, one entry point and one recipe per task class.

Its `confidence` algorithm escalates from model to model by log-probabilities: the one gateway
here that holds a cascade, where the check is the model's own confidence.
"""

from __future__ import annotations

from typing import Any

from costplan.plan.model import Plan, PlanWarning
from costplan.providers.table import PROVIDERS
from costplan.report.gateway_targets import (
    Serving,
    Target,
    dump_yaml,
    head_of,
    list_limits,
    slug,
    warn,
)

OTHERS = ("anthropic", "google", "ollama")
"""Providers whose own protocol is not OpenAI's: the router would have to translate the knob."""


def write_vllm_router(plan: Plan, servings: tuple[Serving, ...]) -> tuple[str, list[PlanWarning]]:
    """Write the router's configuration, and say what it cannot hold."""
    cannot: list[PlanWarning] = []
    models: dict[str, dict[str, Any]] = {}
    recipes, entrypoints = [], []
    for serving in servings:
        kept = [t for t in serving.targets if _holds(serving, t, models, cannot)]
        groups = _group(serving, kept, cannot)
        for public, decision in groups:
            name = slug(public)
            recipes.append({"name": name, "routing": {"decisions": [decision]}})
            entrypoints.append({"model_names": [public], "recipe": name})
    cannot += [
        warn("ceiling", f"the ceiling {name} is not kept by the router")
        for name in list_limits(plan)
    ]
    cannot.append(warn("cap", "the router sets no cap on output tokens: callers must send it"))
    cannot.append(warn("ids", "the router reports models, not the plan's identifiers"))
    content: dict[str, Any] = {
        "version": "v0.3",
        "listeners": [{"name": "http", "address": "0.0.0.0", "port": 8801, "timeout": "900s"}],
        "providers": {
            "defaults": {"model": next(iter(models), "")},
            "models": list(models.values()),
        },
        "routing": {"modelCards": [{"name": name} for name in models], "decisions": []},
        "entrypoints": entrypoints,
        "recipes": recipes,
    }
    return dump_yaml(head_of(plan, "vLLM Semantic Router"), content), cannot


def _holds(
    serving: Serving,
    target: Target,
    models: dict[str, dict[str, Any]],
    cannot: list[PlanWarning],
) -> bool:
    """Add the target's model; say where the setting cannot be held."""
    setting = target.setting
    if target.provider not in PROVIDERS or target.provider in OTHERS:
        said = f"{target.model} is served by {target.provider}: its knob is not OpenAI's"
        cannot.append(warn("unknown_host", said, serving.task_class))
        return False
    switched = setting.switch is not None and target.provider != "vllm"
    if setting.budget is not None or setting.body or switched:
        said = (
            f"{target.model} at '{target.knob}': the router says efforts, and a switch to vLLM only"
        )
        cannot.append(warn("setting", said, serving.task_class))
        return False
    models.setdefault(target.model, _model(target))
    return True


def _model(target: Target) -> dict[str, Any]:
    _, endpoint = PROVIDERS["openai-chat" if target.provider == "openai" else target.provider]
    backend: dict[str, Any] = {
        "name": target.provider,
        "base_url": endpoint.base_url,
        "provider": target.provider,
    }
    if endpoint.key_env:
        backend["api_key_env"] = endpoint.key_env
    model: dict[str, Any] = {
        "name": target.model,
        "provider_model_id": target.profile.model,
        "backend_refs": [backend],
    }
    efforts = [s.effort for s in target.profile.settings.values() if s.effort is not None]
    modes = {"modes": ["enabled", "disabled"], "default_mode": "enabled"}
    if efforts:
        model["reasoning"] = {
            "type": "top_level_reasoning_effort",
            "parameter": "reasoning_effort",
            "levels": list(dict.fromkeys(efforts)),
            "default": next(effort for effort in efforts if effort != "none"),
            **({"disabled": "none", **modes} if "none" in efforts else {}),
        }
    elif target.profile.knob.kind == "switch":
        model["reasoning"] = {
            "type": "chat_template_kwargs",
            "parameter": "enable_thinking",
            **modes,
        }
    return model


def _group(
    serving: Serving, targets: list[Target], cannot: list[PlanWarning]
) -> list[tuple[str, dict[str, Any]]]:
    """Give public names with their decisions; a cascade by confidence is one decision."""
    kinds = {check.kind for check in serving.checks}
    if kinds == {"confidence"} and len(targets) == len(serving.checks) + 1:
        decision = _decision([_ref(target) for target in targets])
        decision["algorithm"] = {
            "type": "confidence",
            "confidence": {
                "confidence_method": "hybrid",
                "threshold": float(serving.checks[0].threshold or 0),
                "on_error": "skip",
            },
        }
        said = (
            "the router's confidence is of log-probabilities, not the one the model states: "
            "measure its threshold anew"
        )
        cannot.append(warn("confidence", said, serving.task_class))
        return [(serving.task_class, decision)]
    if serving.checks:
        said = f"the router checks no answer by {', '.join(sorted(kinds))}: the caller must go on"
        cannot.append(warn("cascade", said, serving.task_class))
    named: dict[str, list[Target]] = {}
    for target in targets:
        named.setdefault(target.public, []).append(target)
    found = []
    for public, mine in named.items():
        if len(mine) > 1:
            said = "the router splits no class by shares: its largest share serves all of it"
            cannot.append(warn("shares", said, serving.task_class))
        first = max(mine, key=lambda target: target.weight)
        found.append((public, _decision([_ref(first)])))
    return found


def _decision(refs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": "all", "priority": 1, "modelRefs": refs}


def _ref(target: Target) -> dict[str, Any]:
    setting = target.setting
    ref: dict[str, Any] = {"model": target.model}
    if target.profile.knob.kind in ("effort", "switch"):
        ref["use_reasoning"] = setting.switch != "off" and setting.effort != "none"
    if setting.effort is not None and ref.get("use_reasoning"):
        ref["reasoning_effort"] = setting.effort
    return ref

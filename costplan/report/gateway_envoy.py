"""Envoy AI Gateway: AIGatewayRoute (v1beta1), one rule per task class on the header of its name.

Body mutations overwrite what a caller sends: of the four gateways, the only one that enforces.
They act on the body as it goes to the backend, so fields are the vendor's own.
"""

from __future__ import annotations

import json
from typing import Any

from costplan.plan.model import Plan, PlanWarning
from costplan.report.gateway_targets import Serving, Target, dump_yaml, head_of, list_limits, warn
from costplan.report.gateway_wire import knob_fields

MOST_RULES = 15
"""Rules that one route may have."""
MOST_FIELDS = 16
"""Fields that one mutation may set."""
KNOBS = ("reasoning_effort", "reasoning", "thinking", "output_config", "max_tokens",
         "max_completion_tokens")  # fmt: skip
"""Fields by which a caller could move effort or cap, removed where the plan does not set them."""


def write_envoy(plan: Plan, servings: tuple[Serving, ...]) -> tuple[str, list[PlanWarning]]:
    """Write the routes, and say what the gateway cannot hold."""
    cannot: list[PlanWarning] = []
    rules: list[dict[str, Any]] = []
    for serving in servings:
        named: dict[str, list[Target]] = {}
        for target in serving.targets:
            named.setdefault(target.public, []).append(target)
        for public, targets in named.items():
            refs = [ref for t in targets if (ref := _backend(serving, t, cannot)) is not None]
            if refs:
                rules.append(_rule(public, refs))
        if any(target.fallbacks for target in serving.targets):
            said = "the gateway checks no answer: the caller must ask the next step by its name"
            cannot.append(warn("cascade", said, serving.task_class))
    cannot += [
        warn("ceiling", f"the ceiling {name} needs a rate limit policy of its own")
        for name in list_limits(plan)
    ]
    if any(t.provider == "anthropic" for serving in servings for t in serving.targets):
        said = "models of anthropic answer at /anthropic/v1/messages, in their own protocol only"
        cannot.append(warn("protocol", said))
    cannot.append(
        warn("ids", "spend is told apart by class and backend: the gateway has no deployment id")
    )
    routes = [rules[i : i + MOST_RULES] for i in range(0, len(rules), MOST_RULES)]
    documents = [_route(number, part, len(routes)) for number, part in enumerate(routes, start=1)]
    providers = sorted({ref["name"] for rule in rules for ref in rule["backendRefs"]})
    head = (
        f"{head_of(plan, 'Envoy AI Gateway')}\nneeds AIServiceBackends named: "
        f"{', '.join(providers)}; and a Gateway named ai-gateway"
    )
    return dump_yaml(head, *documents), cannot


def _backend(serving: Serving, target: Target, cannot: list[PlanWarning]) -> dict[str, Any] | None:
    fields = _fields(target)
    if fields is None or len(fields) > MOST_FIELDS:
        said = f"no top-level field says '{target.knob}' of {target.model} to {target.provider}"
        cannot.append(warn("setting", said, serving.task_class))
        return None
    mutation: dict[str, Any] = {
        "set": [
            {"path": key, "value": json.dumps(value, separators=(",", ":"))}
            for key, value in fields.items()
        ],
        "remove": [key for key in KNOBS if key not in fields],
    }
    ref: dict[str, Any] = {
        "name": target.provider.replace("_", "-").lower(),
        "modelNameOverride": target.profile.model,
        "bodyMutation": mutation,
    }
    if 0 < target.weight < 1:
        ref["weight"] = max(round(float(target.weight) * 1_000_000), 1)
    return ref


def _fields(target: Target) -> dict[str, Any] | None:
    """Give the top-level fields to set; None where the setting is nested deeper."""
    fields = knob_fields(target)
    if fields is None or target.provider == "google":
        # Gemini keeps cap and thinking inside generationConfig, which holds the caller's own too.
        return None
    return fields


def _rule(public: str, refs: list[dict[str, Any]]) -> dict[str, Any]:
    header = {"type": "Exact", "name": "x-ai-eg-model", "value": public}
    return {"matches": [{"headers": [header]}], "backendRefs": refs}


def _route(number: int, rules: list[dict[str, Any]], routes: int) -> dict[str, Any]:
    name = "costplan" if routes == 1 else f"costplan-{number}"
    gateway = {"name": "ai-gateway", "kind": "Gateway", "group": "gateway.networking.k8s.io"}
    costs = ("InputToken", "CachedInputToken", "OutputToken")
    keys = ("llm_input_token", "llm_cached_input_token", "llm_output_token")
    return {
        "apiVersion": "aigateway.envoyproxy.io/v1beta1",
        "kind": "AIGatewayRoute",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "parentRefs": [gateway],
            "rules": rules,
            "llmRequestCosts": [
                {"metadataKey": key, "type": cost} for key, cost in zip(keys, costs, strict=True)
            ],
        },
    }

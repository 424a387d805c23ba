"""LiteLLM proxy: `litellm --config FILE`.

Effort, budget and switch stand as the vendor's own fields, so that no mapping of LiteLLM's moves
them; `allowed_openai_params` keeps an effort that its price list does not know yet.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from costplan.plan.model import Plan, PlanWarning
from costplan.plan.months import add_months
from costplan.report.gateway_targets import Serving, Target, dump_yaml, head_of, list_limits, warn
from costplan.report.gateway_wire import knob_fields

VENDORS = {
    "openai": ("openai", "OPENAI_API_KEY"),
    "anthropic": ("anthropic", "ANTHROPIC_API_KEY"),
    "google": ("gemini", "GEMINI_API_KEY"),
    "deepseek": ("deepseek", "DEEPSEEK_API_KEY"),
    "xai": ("xai", "XAI_API_KEY"),
    "mistral": ("mistral", "MISTRAL_API_KEY"),
    "qwen": ("dashscope", "DASHSCOPE_API_KEY"),
    "openrouter": ("openrouter", "OPENROUTER_API_KEY"),
    "vllm": ("hosted_vllm", "HOSTED_VLLM_API_KEY"),
}
"""Provider to LiteLLM's prefix and the variable with the key."""
DAYS = {"day": "1d", "week": "7d", "month": "30d", "quarter": "90d", "year": "365d"}
MILLION = Decimal(1_000_000)


def write_litellm(plan: Plan, servings: tuple[Serving, ...]) -> tuple[str, list[PlanWarning]]:
    """Write the proxy's configuration, and say what it cannot hold."""
    cannot: list[PlanWarning] = []
    models: list[dict[str, Any]] = []
    fallbacks: dict[str, list[str]] = {}
    for serving in servings:
        for target in serving.targets:
            entry = _entry(plan, serving, target, cannot)
            if entry is not None:
                models.append(entry)
                fallbacks.setdefault(entry["model_name"], []).extend(target.fallbacks)
        cannot += _say_cascade(serving)
    router: dict[str, Any] = {"routing_strategy": "simple-shuffle", "num_retries": 2}
    known = {model["model_name"] for model in models}
    kept = {k: [name for name in v if name in known] for k, v in fallbacks.items()}
    if any(kept.values()):
        router["fallbacks"] = [{k: v} for k, v in kept.items() if v]
    budgets, settings = _budgets(plan, cannot)
    if budgets:
        router["provider_budget_config"] = budgets
    cannot += _say_always(plan)
    content = {
        "model_list": models,
        "router_settings": router,
        "litellm_settings": {"drop_params": True, **settings},
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
    }
    return dump_yaml(head_of(plan, "LiteLLM proxy"), content), cannot


def _entry(
    plan: Plan, serving: Serving, target: Target, cannot: list[PlanWarning]
) -> dict[str, Any] | None:
    vendor = VENDORS.get(target.provider)
    if vendor is None:
        said = f"{target.provider} serves {target.model}: its model id there is not in the profile"
        cannot.append(warn("unknown_host", said, serving.task_class))
        return None
    knob = _knob(target)
    if knob is None:
        said = f"no way to say setting '{target.knob}' of {target.model} to {target.provider}"
        cannot.append(warn("setting", said, serving.task_class))
        return None
    prefix, key = vendor
    params: dict[str, Any] = {
        "model": f"{prefix}/{target.profile.model}",
        "api_key": f"os.environ/{key}",
        **knob,
        "max_tokens": target.setting.max_output_tokens,
    }
    if target.provider == "vllm":
        params["api_base"] = "os.environ/HOSTED_VLLM_API_BASE"
    if 0 < target.weight < 1:
        params["weight"] = float(target.weight)
    if "*" in target.public:
        said = "LiteLLM takes a star in a name for a wildcard: its callers ask for '-' instead"
        cannot.append(warn("name", said, serving.task_class))
    return {
        "model_name": target.public.replace("*", "-"),
        "litellm_params": params,
        "model_info": {"id": target.id, **_price(plan, target)},
    }


def _knob(target: Target) -> dict[str, Any] | None:
    """Give the fields that LiteLLM passes on; None where the setting cannot be said."""
    setting = target.setting
    if target.provider == "google":
        return _gemini_knob(target)
    fields = knob_fields(target)
    if fields is None:
        return None
    fields = {k: v for k, v in fields.items() if k not in ("max_tokens", "max_completion_tokens")}
    if target.provider == "anthropic":
        return fields
    knob: dict[str, Any] = {}
    if "reasoning_effort" in fields:
        knob["reasoning_effort"] = fields.pop("reasoning_effort")
        knob["allowed_openai_params"] = ["reasoning_effort"]
    if fields:
        knob["extra_body"] = fields
    return knob if knob or setting.body is not None or target.profile.knob.kind == "fixed" else None


def _gemini_knob(target: Target) -> dict[str, Any] | None:
    """Give a budget as LiteLLM's Claude-like union, which it turns into thinkingConfig."""
    setting = target.setting
    if setting.body:
        return None
    if setting.effort is not None:
        return {"reasoning_effort": setting.effort}
    budget = {"off": 0, "on": -1, "adaptive": -1}.get(setting.switch or "", setting.budget)
    if budget is None:
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _price(plan: Plan, target: Target) -> dict[str, float]:
    """Give the plan's own prices, so that the spend rows are in them."""
    for price in plan.prices:
        if (price.model, price.provider, price.batch) == (target.model, target.provider, False):
            cached = price.cached_input_usd_per_mtok
            found = {
                "input_cost_per_token": float(price.input_usd_per_mtok / MILLION),
                "output_cost_per_token": float(price.output_usd_per_mtok / MILLION),
            }
            if cached is not None:
                found["cache_read_input_token_cost"] = float(cached / MILLION)
            return found
    return {}


def _budgets(
    plan: Plan, cannot: list[PlanWarning]
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Give dollar ceilings per provider and of the whole."""
    budgets: dict[str, dict[str, Any]] = {}
    whole: dict[str, Any] = {}
    times: dict[str, None] = {}
    for name, (limits, monthly) in list_limits(plan).items():
        parts = name.split(".")
        limit, time = float(limits[0]), _duration(plan, monthly=monthly)
        if name == "usd":
            whole = {"max_budget": limit, "budget_duration": time}
        elif len(parts) == 3 and (parts[0], parts[2]) == ("providers", "usd"):
            if parts[1] not in VENDORS:
                continue
            budgets[VENDORS[parts[1]][0]] = {"budget_limit": limit, "time_period": time}
        else:
            cannot.append(warn("ceiling", f"the ceiling {name} is not kept by the proxy"))
            continue
        times[time] = None
        if len(limits) > 1:
            said = f"the ceiling {name} differs between months: that of the first is set"
            cannot.append(warn("period", said))
    if times:
        said = f"budgets run for {' and '.join(times)} from the proxy's start, not from " \
               f"{plan.workload.starts}"  # fmt: skip
        cannot.append(warn("period", said))
    return budgets, whole


def _duration(plan: Plan, *, monthly: bool) -> str:
    """Give the time that a ceiling is for: a period, or all months of a horizon."""
    months = plan.workload.months
    if monthly or months == 1:
        return DAYS["month" if monthly else plan.workload.period]
    start = dt.date.fromisoformat(plan.workload.starts)
    return f"{(add_months(start, months) - start).days}d"


def _say_cascade(serving: Serving) -> Iterator[PlanWarning]:
    if any(target.fallbacks for target in serving.targets):
        later = ", ".join(dict.fromkeys(t.public for t in serving.targets if not t.weight))
        said = (
            "the proxy goes on to the next step only when a call fails: whoever checks the answer "
            f"must ask {later} when it is turned down"
        )
        yield warn("cascade", said, serving.task_class)


def _say_always(plan: Plan) -> Iterator[PlanWarning]:
    yield warn(
        "default_not_cap",
        "a caller who sends an effort or a thinking budget overrides the configured one; "
        "max_tokens is overridden likewise",
    )
    if any(line.share < 1 for line in plan.lines):
        yield warn("shares", "shares are kept on average: each call is drawn by weight")

"""What a provider says of a model for nothing: which settings it takes, and when it ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from costplan.providers.fault import text_of
from costplan.providers.request import Request, Switch
from costplan.providers.wire import Endpoint, Wire, headers_of, inner, objects, text_or_none

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model takes; None is what the provider does not say."""

    efforts: frozenset[str] | None = None
    """Efforts that it takes."""
    switches: frozenset[Switch] | None = None
    """Positions of the switch that it takes."""
    takes_budget: bool | None = None
    """Whether it takes a budget."""
    output_limit: int | None = None
    """Most output tokens."""
    ends: dt.date | None = None
    """Day on which it stops answering."""
    retired: bool = False
    """Whether it has stopped answering."""

    def complaints(self, request: Request, today: dt.date) -> list[str]:
        """Say what speaks against a request; empty where nothing does."""
        setting, found = request.setting, []
        if self.retired:
            found.append(f"{request.model} is retired")
        elif self.ends is not None and self.ends <= today:
            found.append(f"{request.model} ended on {self.ends}")
        if setting.effort and self.efforts is not None and setting.effort not in self.efforts:
            known = ", ".join(effort for effort in EFFORTS if effort in self.efforts) or "none"
            found.append(f"effort '{setting.effort}' is not taken; known: {known}")
        if setting.budget is not None and self.takes_budget is False:
            found.append("a budget is not taken")
        if setting.switch and self.switches is not None and setting.switch not in self.switches:
            known = ", ".join(sorted(self.switches)) or "none"
            found.append(f"switch '{setting.switch}' is not taken; known: {known}")
        if self.output_limit is not None and request.max_output_tokens > self.output_limit:
            limit = f"{self.output_limit:,}"
            found.append(f"max_output_tokens is {request.max_output_tokens:,}, the limit {limit}")
        return found


def ask_capabilities(protocol: str, endpoint: Endpoint, model: str) -> Wire | None:
    """Write the free request that tells about a model; None where the provider has none."""
    name = quote(model, safe="")
    keyed = bool(endpoint.key_env)
    if protocol == "anthropic":
        headers = headers_of(endpoint, anthropic_version="2026-10-21")
        url = f"{endpoint.base_url}/v1/models/{name}"
        return Wire("GET", url, headers, {}, "x-api-key" if keyed else "")
    if protocol == "gemini":
        url = f"{endpoint.base_url}/models/{quote(model.removeprefix('models/'), safe='')}"
        return Wire("GET", url, headers_of(endpoint), {}, "x-goog-api-key" if keyed else "")
    bearer = ("authorization" if keyed else "", "Bearer ")
    if protocol == "ollama":
        url = f"{endpoint.base_url}/api/show"
        return Wire("POST", url, headers_of(endpoint), {"model": model}, *bearer)
    if protocol in {"openai_chat", "openai_responses"}:
        return Wire("GET", f"{endpoint.base_url}/models", headers_of(endpoint), {}, *bearer)
    return None


def read_capabilities(protocol: str, model: str, body: Mapping[str, Any]) -> Capabilities:
    """Read what the free request answered."""
    if protocol == "anthropic":
        return _anthropic(body)
    if protocol == "gemini":
        limit = body.get("outputTokenLimit")
        return Capabilities(output_limit=limit if isinstance(limit, int) else None)
    if protocol == "ollama":
        return _ollama(body)
    listed = [entry for entry in objects(body.get("data")) if entry.get("id") == model]
    return _listed(listed[0]) if listed else Capabilities()


def is_listed(body: Mapping[str, Any], model: str) -> bool | None:
    """Whether a list of models has this one; None where the body is no list."""
    entries = objects(body.get("data"))
    if not entries:
        return None
    return any(model in (entry.get("id"), *_aliases(entry)) for entry in entries)


def _aliases(entry: Mapping[str, Any]) -> list[str]:
    aliases = entry.get("aliases")
    return [name for name in aliases if isinstance(name, str)] if isinstance(aliases, list) else []


def _supported(found: Mapping[str, Any], name: str) -> bool:
    return inner(found, name).get("supported") is True


def _anthropic(body: Mapping[str, Any]) -> Capabilities:
    """Read GET /v1/models/{id}."""
    capabilities = inner(body, "capabilities")
    types = inner(inner(capabilities, "thinking"), "types")
    efforts = inner(capabilities, "effort")
    words = {
        "adaptive": Switch.ADAPTIVE,
        "disabled": Switch.OFF,
        "between_tools": Switch.BETWEEN_TOOLS,
    }
    switches = {switch for name, switch in words.items() if _supported(types, name)}
    if _supported(types, "enabled"):
        switches.add(Switch.ON)
    limit = body.get("max_tokens")
    return Capabilities(
        efforts=frozenset(e for e in EFFORTS if _supported(efforts, e)) if efforts else None,
        switches=frozenset(switches) if types else None,
        takes_budget=_supported(types, "enabled") if types else None,
        output_limit=limit if isinstance(limit, int) else None,
        ends=_day(body.get("retires_at")),
        retired=body.get("lifecycle") == "retired",
    )


def _ollama(body: Mapping[str, Any]) -> Capabilities:
    """Read POST /api/show; an unknown level would be answered at the default without an error."""
    if "thinking" not in body:
        return Capabilities()
    values = inner(body, "thinking").get("values")
    levels = values if isinstance(values, list) else []
    efforts = frozenset(value for value in levels if isinstance(value, str))
    flags = {Switch.ON: True in levels, Switch.OFF: False in levels}
    booleans = frozenset(switch for switch, there in flags.items() if there)
    return Capabilities(
        efforts=efforts, switches=booleans if booleans else None, takes_budget=False
    )


def _listed(entry: Mapping[str, Any]) -> Capabilities:
    """Read an entry of OpenRouter's list; those of others say nothing of reasoning."""
    reasoning = inner(entry, "reasoning")
    limit = inner(entry, "top_provider").get("max_completion_tokens")
    common = limit if isinstance(limit, int) else None
    if not reasoning:
        return Capabilities(output_limit=common)
    supported = reasoning.get("supported_efforts")
    budget = reasoning.get("supports_max_tokens")
    switches = {Switch.ON} if reasoning.get("mandatory") is True else {Switch.ON, Switch.OFF}
    return Capabilities(
        efforts=frozenset(e for e in supported if isinstance(e, str))
        if isinstance(supported, list)
        else None,
        switches=frozenset(switches),
        takes_budget=budget if isinstance(budget, bool) else None,
        output_limit=common,
        ends=_day(entry.get("expiration_date")),
    )


def _day(value: object) -> dt.date | None:
    """Read the day of a date or a time."""
    text = text_or_none(value)
    try:
        return dt.date.fromisoformat(text_of(text)[:10]) if text else None
    except ValueError:
        return None

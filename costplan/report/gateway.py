"""A plan as configuration of a gateway: one public name per task class, and what it cannot hold.

made = write_gateway(plan, "litellm", profiles)
made.text       the file
made.cannot     what of the plan the gateway cannot keep, for the reader
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType

from costplan.domain.errors import Fault, InputError
from costplan.domain.profile import Profile
from costplan.plan.model import Plan, PlanWarning
from costplan.report.gateway_targets import Serving, read_servings

GATEWAYS: Mapping[str, str] = MappingProxyType(
    {
        "litellm": "costplan.report.gateway_litellm:write_litellm",
        "openrouter": "costplan.report.gateway_openrouter:write_openrouter",
        "envoy": "costplan.report.gateway_envoy:write_envoy",
        "vllm-router": "costplan.report.gateway_vllm:write_vllm_router",
    }
)
"""Gateway to "module:function", imported on use."""


@dataclass(frozen=True, slots=True)
class GatewayFile:
    """Configuration of a gateway."""

    text: str
    """The file: JSON for OpenRouter, YAML for the others."""
    cannot: tuple[PlanWarning, ...]
    """What of the plan this gateway cannot hold."""


Writer = Callable[[Plan, "tuple[Serving, ...]"], tuple[str, list[PlanWarning]]]


def write_gateway(plan: Plan, gateway: str, profiles: Mapping[str, Profile]) -> GatewayFile:
    """Write a plan's configuration for a gateway.

    Raises InputError for an unknown gateway, a plan without lines, or a plan none of whose models
    has a profile.
    """
    if gateway not in GATEWAYS:
        known = ", ".join(GATEWAYS)
        raise InputError([Fault(f"unknown gateway '{gateway}'", advice=f"one of {known}")])
    if not plan.lines:
        raise InputError([Fault("the plan serves nothing: there is nothing to configure")])
    servings, cannot = read_servings(plan, profiles)
    if not any(serving.targets for serving in servings):
        said = "; ".join(warning.message for warning in cannot)
        raise InputError([Fault(f"no line of the plan can be served by a gateway: {said}")])
    module, _, name = GATEWAYS[gateway].partition(":")
    writer: Writer = getattr(import_module(module), name)
    text, more = writer(plan, servings)
    return GatewayFile(text, tuple(dict.fromkeys([*cannot, *more])))

"""Settings as fields of a request body, written by the very adapters that probe them."""

from __future__ import annotations

from typing import Any

from costplan.providers import request as wire
from costplan.providers.fault import CallError
from costplan.providers.table import PROVIDERS, adapter
from costplan.report.gateway_targets import Target

OURS = ("model", "messages", "contents", "input", "stream", "stream_options", "n", "store")
"""Fields of a body that are the caller's."""


def knob_fields(target: Target, provider: str | None = None) -> dict[str, Any] | None:
    """Give the fields that say the setting and its cap to a provider; None where it cannot.

    provider: name of an adapter in `costplan.providers.table`; the target's own when absent.
    """
    name = provider or target.provider
    name = "openai-chat" if name == "openai" else name
    if name not in PROVIDERS:
        return None
    protocol, endpoint = PROVIDERS[name]
    setting = target.setting
    request = wire.Request(
        question_id="gateway",
        model=target.profile.model,
        messages=(wire.Message(wire.Role.USER, "x"),),
        setting=wire.Setting(
            label=target.knob,
            effort=setting.effort,
            budget=setting.budget,
            switch=None if setting.switch is None else wire.Switch(setting.switch),
            body=setting.body or {},
        ),
        max_output_tokens=setting.max_output_tokens,
        stream=False,
    )
    try:
        body = adapter(protocol, endpoint).encode(request).body
    except CallError:
        return None
    return {key: value for key, value in body.items() if key not in OURS}

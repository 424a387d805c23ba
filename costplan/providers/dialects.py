"""How the servers that speak Chat Completions differ from each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from costplan.providers.request import Switch, Tier
from costplan.providers.wire import Json

OPENAI_TIERS = {Tier.STANDARD: "default", Tier.FLEX: "flex", Tier.PRIORITY: "priority"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One variant of Chat Completions."""

    cap: str = "max_completion_tokens"
    """Field that caps the output."""
    effort: Callable[[str], Json] | None = lambda effort: {"reasoning_effort": effort}
    """Writes an effort; None where there is none."""
    budget: Callable[[int], Json] | None = None
    """Writes a budget; None where there is none."""
    switch: Callable[[bool], Json] | None = None
    """Writes a switch; None where there is none."""
    extras: Mapping[str, Any] = field(default_factory=dict)
    """Fields that every request carries."""
    tiers: Mapping[Tier, str] = field(default_factory=dict)
    """Words of the service tiers that the server has."""
    usage_option: bool = True
    """Whether a stream must be asked for its usage."""
    beside: bool = False
    """Whether reasoning tokens are counted beside the completion."""
    inline_think: bool = False
    """Whether the server may leave <think> in the content, when no parser is set."""
    cap_covers_reasoning: bool = True
    """Whether the cap bounds reasoning too; else the budget bounds it, and must be set."""


def _kwargs(on: bool) -> Json:
    return {"chat_template_kwargs": {"enable_thinking": on}}


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "openai": Dialect(extras={"n": 1, "store": False}, tiers=OPENAI_TIERS),
        "deepseek": Dialect(
            cap="max_tokens",
            switch=lambda on: {"thinking": {"type": "enabled" if on else "disabled"}},
        ),
        "xai": Dialect(beside=True, tiers={Tier.STANDARD: "default", Tier.PRIORITY: "priority"}),
        "mistral": Dialect(cap="max_tokens", usage_option=False),
        "qwen": Dialect(
            cap="max_tokens",
            budget=lambda tokens: {"thinking_budget": tokens},
            switch=lambda on: {"enable_thinking": on},
            cap_covers_reasoning=False,
        ),
        "openrouter": Dialect(
            effort=lambda effort: {"reasoning": {"effort": effort}},
            budget=lambda tokens: {"reasoning": {"max_tokens": tokens}},
            switch=lambda on: {"reasoning": {"enabled": on}},
            usage_option=False,
        ),
        "vllm": Dialect(
            budget=lambda tokens: {"thinking_token_budget": tokens},
            switch=_kwargs,
            inline_think=True,
        ),
        "sglang": Dialect(
            budget=lambda tokens: {"custom_params": {"thinking_budget": tokens}},
            switch=_kwargs,
            inline_think=True,
        ),
        "llama_cpp": Dialect(
            cap="max_tokens",
            # builds differ in which of the two names they read; neither refuses the other
            budget=lambda tokens: {
                "thinking_budget_tokens": tokens,
                "reasoning_budget_tokens": tokens,
            },
            switch=_kwargs,
            inline_think=True,
        ),
    }
)
"""Name in a profile to the variant."""

BINARY = {Switch.ON: True, Switch.OFF: False}

"""Token counts of every provider, in one convention.

Input includes cached tokens, output includes reasoning; None is unknown, 0 is a known zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from costplan.providers.fault import CallError, Charge, FaultKind


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call consumed, as the provider counts it."""

    input_tokens: int
    """Prompt, cached and tool-prompt tokens included."""
    output_tokens: int
    """Everything generated, reasoning included."""
    cached_input_tokens: int | None = None
    """Part of the input that was read from a cache."""
    cache_write_tokens: int | None = None
    """Part of the input that was written to a cache."""
    cache_write_by_lifetime: Mapping[str, int] = field(default_factory=dict)
    """The written tokens by lifetime: "5m", "30m", "1h", "12h"."""
    reasoning_tokens: int | None = None
    """Part of the output that is reasoning."""
    other_billed: Mapping[str, int] = field(default_factory=dict)
    """Counts that are billed beside tokens: {"web_search_requests": 1}."""
    reported_cost_usd: Decimal | None = None
    """Dollars that the provider itself states."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The object as received."""


def mismatch(message: str, raw: Mapping[str, Any]) -> CallError:
    """Make the fault of an answer that cannot be priced."""
    return CallError(
        FaultKind.USAGE_MISMATCH,
        f"{message}: {dict(raw)!r}"[:600],
        charge=Charge.CERTAIN,
        body={"usage": dict(raw)},
    )


def _mapping(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}


def _count(raw: Mapping[str, Any], name: str) -> int | None:
    """Read a count of at least 0; missing and null are None."""
    value = raw.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise mismatch(f"usage does not add up ({name} is no count)", raw)
    return value


def _needed(raw: Mapping[str, Any], name: str) -> int:
    value = _count(raw, name)
    if value is None:
        raise mismatch(f"usage does not add up ({name} is missing)", raw)
    return value


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _checked(usage: Usage) -> Usage:
    """Refuse parts that exceed their whole."""
    parts = (usage.cached_input_tokens or 0) + (usage.cache_write_tokens or 0)
    if parts > usage.input_tokens:
        raise mismatch("usage does not add up (cached tokens exceed the input)", usage.raw)
    if (usage.reasoning_tokens or 0) > usage.output_tokens:
        raise mismatch("usage does not add up (reasoning exceeds the output)", usage.raw)
    return usage


def _output(
    raw: Mapping[str, Any],
    input_tokens: int,
    completion: int,
    reasoning: int | None,
    *,
    total: int | None,
    beside: bool = False,
) -> int:
    """Decide from the total whether reasoning is inside the completion or beside it.

    beside says where the vendor puts it when there is no total.
    """
    if total is None:
        return completion + (reasoning or 0) if beside else completion
    if input_tokens + completion == total:
        return completion
    if input_tokens + completion + (reasoning or 0) == total:
        return completion + (reasoning or 0)
    raise mismatch("usage does not add up", raw)


def _dollars(value: object) -> Decimal | None:
    """Read a stated price; a JSON number's shortest text is the text that was sent."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except ArithmeticError:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


TICKS_PER_USD = Decimal(10) ** 10
"""xAI states its price in ticks of 1e-10 dollars."""


def chat_usage(raw: Mapping[str, Any], *, beside: bool = False) -> Usage:
    """Read the usage of Chat Completions in every dialect."""
    prompt = _needed(raw, "prompt_tokens")
    details = _mapping(raw, "prompt_tokens_details")
    made = _mapping(raw, "completion_tokens_details")
    reasoning = _first(_count(made, "reasoning_tokens"), _count(raw, "reasoning_tokens"))
    ticks = _count(raw, "cost_in_usd_ticks")
    return _checked(
        Usage(
            input_tokens=prompt,
            output_tokens=_output(
                raw,
                prompt,
                _needed(raw, "completion_tokens"),
                reasoning,
                total=_count(raw, "total_tokens"),
                beside=beside,
            ),
            cached_input_tokens=_first(
                _count(details, "cached_tokens"), _count(raw, "prompt_cache_hit_tokens")
            ),
            cache_write_tokens=_count(details, "cache_write_tokens"),
            cache_write_by_lifetime=_lifetimes(details),
            reasoning_tokens=reasoning,
            reported_cost_usd=_dollars(raw.get("cost"))
            if ticks is None
            else Decimal(ticks) / TICKS_PER_USD,
            raw=raw,
        )
    )


def _lifetimes(details: Mapping[str, Any]) -> dict[str, int]:
    """Read OpenAI's cache writes by lifetime."""
    found = _mapping(details, "cache_write_tokens_details")
    names = {"30m": "ttl_30m_tokens", "12h": "ttl_12h_tokens"}
    counts = {lifetime: _count(found, name) for lifetime, name in names.items()}
    return {lifetime: count for lifetime, count in counts.items() if count is not None}


def responses_usage(raw: Mapping[str, Any]) -> Usage:
    """Read the usage of OpenAI Responses."""
    asked = _needed(raw, "input_tokens")
    details = _mapping(raw, "input_tokens_details")
    reasoning = _count(_mapping(raw, "output_tokens_details"), "reasoning_tokens")
    return _checked(
        Usage(
            input_tokens=asked,
            output_tokens=_output(
                raw,
                asked,
                _needed(raw, "output_tokens"),
                reasoning,
                total=_count(raw, "total_tokens"),
            ),
            cached_input_tokens=_count(details, "cached_tokens"),
            cache_write_tokens=_count(details, "cache_write_tokens"),
            cache_write_by_lifetime=_lifetimes(details),
            reasoning_tokens=reasoning,
            raw=raw,
        )
    )


def anthropic_usage(raw: Mapping[str, Any]) -> Usage:
    """Read the usage of Anthropic Messages, whose input count excludes the cache."""
    read = _count(raw, "cache_read_input_tokens") or 0
    written = _count(raw, "cache_creation_input_tokens") or 0
    made = _mapping(raw, "cache_creation")
    names = {"5m": "ephemeral_5m_input_tokens", "1h": "ephemeral_1h_input_tokens"}
    lifetimes = {lifetime: _count(made, name) or 0 for lifetime, name in names.items()}
    if made and sum(lifetimes.values()) != written:
        raise mismatch("usage does not add up (cache writes by lifetime)", raw)
    tools = _mapping(raw, "server_tool_use")
    return _checked(
        Usage(
            input_tokens=_needed(raw, "input_tokens") + read + written,
            output_tokens=_needed(raw, "output_tokens"),
            cached_input_tokens=read,
            cache_write_tokens=written,
            cache_write_by_lifetime={name: n for name, n in lifetimes.items() if n},
            reasoning_tokens=_count(_mapping(raw, "output_tokens_details"), "thinking_tokens"),
            other_billed={name: n for name in tools if (n := _count(tools, name))},
            raw=raw,
        )
    )


def gemini_usage(raw: Mapping[str, Any]) -> Usage:
    """Read Gemini's usageMetadata; a missing count is 0 when the total adds up without it."""
    asked = _needed(raw, "promptTokenCount") + (_count(raw, "toolUsePromptTokenCount") or 0)
    total = _count(raw, "totalTokenCount")
    thoughts = _count(raw, "thoughtsTokenCount")
    candidates = _count(raw, "candidatesTokenCount")
    cached = _count(raw, "cachedContentTokenCount")
    if total is None:
        if candidates is None or thoughts:
            raise mismatch("usage does not add up (totalTokenCount is missing)", raw)
    else:
        thoughts, candidates, cached = thoughts or 0, candidates or 0, cached or 0
    return _checked(
        Usage(
            input_tokens=asked,
            output_tokens=_output(raw, asked, candidates, thoughts, total=total, beside=True),
            cached_input_tokens=cached,
            reasoning_tokens=thoughts,
            raw=raw,
        )
    )


def ollama_usage(raw: Mapping[str, Any]) -> Usage:
    """Read Ollama's counts, where eval_count covers reasoning and answer."""
    return Usage(
        # the server leaves the prompt's count out when all of it was cached; that is no zero
        input_tokens=_needed(raw, "prompt_eval_count"),
        output_tokens=_needed(raw, "eval_count"),
        raw=raw,
    )


def bedrock_usage(raw: Mapping[str, Any]) -> Usage:
    """Read the usage of Bedrock Converse, whose input count excludes the cache."""
    plain = _needed(raw, "inputTokens")
    read = _count(raw, "cacheReadInputTokens")
    written = _count(raw, "cacheWriteInputTokens")
    made = _needed(raw, "outputTokens")
    whole = plain + (read or 0) + (written or 0)
    total = _count(raw, "totalTokens")
    if total is not None and total not in {plain + made, whole + made}:
        raise mismatch("usage does not add up", raw)
    return _checked(
        Usage(
            input_tokens=whole,
            output_tokens=made,
            cached_input_tokens=read,
            cache_write_tokens=written,
            raw=raw,
        )
    )


NORMALISERS: Mapping[str, Callable[[Mapping[str, Any]], Usage]] = {
    "openai_chat": chat_usage,
    "openai_responses": responses_usage,
    "anthropic": anthropic_usage,
    "gemini": gemini_usage,
    "ollama": ollama_usage,
    "bedrock": bedrock_usage,
}
"""Protocol to the function that reads its usage object."""

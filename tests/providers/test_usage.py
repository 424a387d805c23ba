"""Token counts of every convention."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costplan.providers.fault import CallError, Charge, FaultKind
from costplan.providers.usage import (
    NORMALISERS,
    anthropic_usage,
    bedrock_usage,
    chat_usage,
    gemini_usage,
    ollama_usage,
    responses_usage,
)


def test_every_recorded_convention_gives_its_hand_computed_counts(recorded):
    """Thirteen usage objects become the counts that were computed by hand, or the fault."""
    cases = recorded("usage_cases")["cases"]
    assert len(cases) == 13
    for case in cases:
        expect = case["expect"]
        normalise = NORMALISERS[case["protocol"]]
        if "fault" in expect:
            with pytest.raises(CallError, match=expect["fault"]) as caught:
                normalise(case["usage"])
            assert caught.value.kind is FaultKind.USAGE_MISMATCH
            assert caught.value.charge is Charge.CERTAIN
            assert not caught.value.retry
            continue
        usage = normalise(case["usage"])
        assert usage.input_tokens == expect["input"], case["name"]
        assert usage.cached_input_tokens == expect["cached"], case["name"]
        assert usage.output_tokens == expect["output"], case["name"]
        assert usage.reasoning_tokens == expect["reasoning"], case["name"]
        if "cache_write" in expect:
            assert usage.cache_write_tokens == expect["cache_write"]
        assert usage.raw == case["usage"]


COUNT = st.integers(0, 10**7)


@given(prompt=COUNT, visible=COUNT, reasoning=COUNT)
def test_reasoning_inside_and_beside_the_completion_come_to_the_same(prompt, visible, reasoning):
    """A vendor that counts reasoning beside the answer gives the same output as one inside."""
    total = prompt + visible + reasoning
    details = {"completion_tokens_details": {"reasoning_tokens": reasoning}}
    inside = chat_usage(
        {
            "prompt_tokens": prompt,
            "completion_tokens": visible + reasoning,
            "total_tokens": total,
            **details,
        }
    )
    beside = chat_usage(
        {"prompt_tokens": prompt, "completion_tokens": visible, "total_tokens": total, **details}
    )
    no_total = chat_usage(
        {"prompt_tokens": prompt, "completion_tokens": visible, **details}, beside=True
    )
    gemini = gemini_usage(
        {
            "promptTokenCount": prompt,
            "candidatesTokenCount": visible,
            "thoughtsTokenCount": reasoning,
            "totalTokenCount": total,
        }
    )
    for usage in (inside, beside, no_total, gemini):
        assert usage.input_tokens == prompt
        assert usage.output_tokens == visible + reasoning
        assert usage.reasoning_tokens == reasoning


@pytest.mark.parametrize(
    ("normalise", "raw"),
    [
        (chat_usage, {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 16}),
        (chat_usage, {"prompt_tokens": 10}),
        (chat_usage, {"prompt_tokens": 10, "completion_tokens": -5}),
        (chat_usage, {"prompt_tokens": True, "completion_tokens": 5}),
        (chat_usage, {"prompt_tokens": 10.5, "completion_tokens": 5}),
        (
            chat_usage,
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 11},
            },
        ),
        (
            chat_usage,
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "completion_tokens_details": {"reasoning_tokens": 6},
            },
        ),
        (responses_usage, {"input_tokens": 10, "output_tokens": 5, "total_tokens": 1}),
        (
            anthropic_usage,
            {
                "input_tokens": 1,
                "output_tokens": 1,
                "cache_creation_input_tokens": 5,
                "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 0},
            },
        ),
        (gemini_usage, {"promptTokenCount": 5, "thoughtsTokenCount": 9, "candidatesTokenCount": 1}),
        (ollama_usage, {"eval_count": 4}),
        (bedrock_usage, {"inputTokens": 1, "outputTokens": 1, "totalTokens": 9}),
    ],
)
def test_counts_that_cannot_be_right_are_refused(normalise, raw):
    """A count that is missing, negative, no integer or larger than its whole is a fault."""
    with pytest.raises(CallError, match="does not add up"):
        normalise(raw)


def test_unknown_stays_unknown():
    """A count that the provider does not state is None, and a stated zero is zero."""
    bare = chat_usage({"prompt_tokens": 10, "completion_tokens": 5})
    assert bare.cached_input_tokens is None
    assert bare.reasoning_tokens is None
    assert bare.reported_cost_usd is None
    zero = chat_usage(
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }
    )
    assert zero.cached_input_tokens == 0
    assert zero.reasoning_tokens == 0


def test_stated_prices_keep_every_digit():
    """OpenRouter's dollars and xAI's ticks become exact decimals."""
    base = {"prompt_tokens": 10, "completion_tokens": 5}
    assert chat_usage({**base, "cost": 0.0002264}).reported_cost_usd == Decimal("0.0002264")
    ticks = chat_usage({**base, "cost_in_usd_ticks": 2264000})
    assert ticks.reported_cost_usd == Decimal("0.0002264")
    assert chat_usage({**base, "cost": "lots"}).reported_cost_usd is None


def test_cache_writes_are_kept_by_lifetime():
    """Writes that cost differently stay apart, for Anthropic and for OpenAI."""
    usage = anthropic_usage(
        {
            "input_tokens": 1,
            "output_tokens": 1,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
        }
    )
    assert usage.cache_write_by_lifetime == {"5m": 10, "1h": 20}
    assert usage.input_tokens == 31
    assert usage.other_billed == {"web_search_requests": 2}
    openai = responses_usage(
        {
            "input_tokens": 40,
            "output_tokens": 1,
            "input_tokens_details": {
                "cached_tokens": 0,
                "cache_write_tokens": 40,
                "cache_write_tokens_details": {"ttl_30m_tokens": 30, "ttl_12h_tokens": 10},
            },
        }
    )
    assert openai.cache_write_by_lifetime == {"30m": 30, "12h": 10}

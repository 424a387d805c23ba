"""Requests and replies of every protocol against the recordings."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costplan.providers.fault import CallError, Charge, FaultKind
from costplan.providers.reply import Finish
from costplan.providers.request import Message, Request, Role, Setting, Switch, Tier
from costplan.providers.table import PROTOCOLS, adapter
from costplan.providers.wire import Endpoint, Framing, Seen

TRAIN = "A train leaves at 14:10 and arrives at 16:05. How many minutes? Answer with the number."


def asked(model="m", setting=None, cap=2048, **more):
    """Make a request of one question."""
    return Request(
        question_id="q1",
        model=model,
        messages=(Message(Role.USER, TRAIN),),
        setting=setting or Setting("fixed"),
        max_output_tokens=cap,
        stream=more.pop("stream", False),
        **more,
    )


SPEAKERS = {
    "openai_responses": (
        "openai_responses",
        Endpoint("https://api.openai.com/v1", "OPENAI_API_KEY"),
        asked(
            "gpt-6.1-sol",
            Setting("low", effort="low", body={"text": {"verbosity": "low"}}),
            tier=Tier.STANDARD,
        ),
    ),
    "openai_chat": (
        "openai_chat",
        Endpoint("https://api.openai.com/v1", "OPENAI_API_KEY", "openai"),
        asked("gpt-6.1-sol", Setting("low", effort="low"), tier=Tier.STANDARD),
    ),
    "anthropic_adaptive": (
        "anthropic",
        Endpoint("https://api.anthropic.com", "ANTHROPIC_API_KEY"),
        asked(
            "claude-opus-5-5",
            Setting("low", effort="low", switch=Switch.ADAPTIVE),
            16000,
            tier=Tier.STANDARD,
        ),
    ),
    "anthropic_thinking": (
        "anthropic",
        Endpoint("https://api.anthropic.com", "ANTHROPIC_API_KEY"),
        asked("claude-haiku-4-5", Setting("2048", budget=2048), 4096),
    ),
    "gemini": (
        "gemini",
        Endpoint("https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY"),
        asked("gemini-3.8-flash", Setting("low", effort="low"), tier=Tier.STANDARD),
    ),
    "deepseek": (
        "openai_chat",
        Endpoint("https://api.deepseek.com", "DEEPSEEK_API_KEY", "deepseek"),
        asked("deepseek-v4-pro", Setting("high", effort="high", switch=Switch.ON), 8192),
    ),
    "openrouter": (
        "openai_chat",
        Endpoint("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "openrouter"),
        asked(
            "deepseek/deepseek-v4-pro",
            Setting("high", effort="high"),
            8192,
            user_body={
                "provider": {
                    "order": ["deepseek"],
                    "allow_fallbacks": False,
                    "require_parameters": True,
                }
            },
        ),
    ),
    "vllm": (
        "openai_chat",
        Endpoint("http://localhost:8000/v1", None, "vllm"),
        asked(
            "Qwen/Qwen3-8B",
            Setting("512", budget=512, switch=Switch.ON),
            user_body={"temperature": 0.6, "seed": 1},
        ),
    ),
    "llama_cpp": (
        "openai_chat",
        Endpoint("http://localhost:8080/v1", None, "llama_cpp"),
        asked(
            "qwen3-8b",
            Setting("on", switch=Switch.ON, body={"reasoning_format": "deepseek"}),
            user_body={"seed": 1},
        ),
    ),
    "ollama": (
        "ollama",
        Endpoint("http://localhost:11434"),
        asked(
            "gpt-oss:20b",
            Setting("low", effort="low"),
            user_body={"options": {"num_ctx": 8192, "seed": 1}},
        ),
    ),
}
NAMES = list(SPEAKERS)


def speaker(name):
    """Give adapter and request of a recording."""
    protocol, endpoint, request = SPEAKERS[name]
    return adapter(protocol, endpoint), request


def check(answer, expect, headers=None):
    """Compare an answer with what a recording expects."""
    found = {
        "text": answer.text,
        "finish": str(answer.finish),
        "input_tokens": answer.usage.input_tokens,
        "cached_input_tokens": answer.usage.cached_input_tokens,
        "cache_write_tokens": answer.usage.cache_write_tokens,
        "output_tokens": answer.usage.output_tokens,
        "reasoning_tokens": answer.usage.reasoning_tokens,
        "served_model": answer.served_model,
        "service_tier": answer.served_tier,
        "reasoning_text": answer.reasoning_text,
        "upstream": answer.upstream,
        "cost_usd": str(answer.usage.reported_cost_usd),
    }
    compared = {key: found[key] for key in expect if key in found}
    assert compared == {key: expect[key] for key in compared}
    assert len(compared) >= 1


@pytest.mark.parametrize("name", NAMES)
def test_requests_go_over_the_wire_as_recorded(recorded, name):
    """Method, address, headers and body are the recorded ones, with the key named but not held."""
    speaks, request = speaker(name)
    expect = recorded(name)["request"]
    wire = speaks.encode(request)
    assert (wire.method, wire.url) == (expect["method"], expect["url"])
    key = {n: v for n, v in expect["headers"].items() if "$" in v}
    rest = {n: v for n, v in expect["headers"].items() if "$" not in v}
    assert dict(wire.headers) == rest
    if key:
        header, value = key.popitem()
        assert header == wire.key_header
        assert value == f"{wire.key_prefix}${SPEAKERS[name][1].key_env}"
    else:
        assert not wire.key_header
    body = dict(wire.body)
    if name == "ollama":  # the recording leaves out what keeps a long prompt whole
        assert body.pop("truncate") is False
    expected = {k: v for k, v in expect["body"].items() if (k, v) != ("stream", False)}
    assert {k: v for k, v in body.items() if (k, v) != ("stream", False)} == expected
    json.dumps(body)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in {"ollama", "gemini"}])
def test_streams_are_asked_for_with_their_usage(recorded, name):
    """A streaming request differs from a plain one by the recorded patch."""
    protocol, endpoint, request = SPEAKERS[name]
    speaks = adapter(protocol, endpoint)
    plain = speaks.encode(request).body
    from dataclasses import replace

    stream = speaks.encode(replace(request, stream=True)).body
    patch = recorded(name)["stream"]["request_patch"]
    assert dict(stream) == {**plain, **patch}


def test_gemini_streams_from_its_own_address(recorded):
    """Gemini's stream is another method, not a field of the body."""
    from dataclasses import replace

    speaks, request = speaker("gemini")
    wire = speaks.encode(replace(request, stream=True))
    assert wire.url == recorded("gemini")["stream"]["url"]
    assert wire.body == speaks.encode(request).body


def test_other_recorded_requests_are_written(recorded):
    """Budgets, switches and gateways that have two shapes are written in the second one too."""
    speaks, _ = speaker("gemini")
    lite = speaks.encode(asked("gemini-2.5-flash-lite", Setting("512", budget=512)))
    expect = recorded("gemini")["request_budget"]
    assert (wire_url := lite.url) == expect["url"], wire_url
    assert lite.body == expect["body"]
    speaks, _ = speaker("openrouter")
    setting = Setting("512", budget=512, body={"reasoning": {"exclude": True}})
    budget = speaks.encode(asked("google/gemini-2.5-flash-lite", setting))
    assert budget.body == recorded("openrouter")["request_budget"]["body"]
    speaks, _ = speaker("vllm")
    off = speaks.encode(asked("Qwen/Qwen3-8B", Setting("off", switch=Switch.OFF), 256))
    assert off.body == recorded("vllm")["request_off"]["body"]
    speaks, _ = speaker("ollama")
    body = speaks.encode(asked("qwen3:8b", Setting("off", switch=Switch.OFF))).body
    assert body["think"] is recorded("ollama")["request_switch"]["body"]["think"] is False


@pytest.mark.parametrize("name", NAMES)
def test_replies_are_read_as_recorded(recorded, name):
    """Every recorded reply with status 200 gives the recorded text, end and counts."""
    speaks, request = speaker(name)
    read = 0
    for case in recorded(name).values():
        if not (isinstance(case, dict) and case.get("status") == 200 and "body" in case):
            continue
        headers = {k.lower(): v for k, v in case["headers"].items()}
        check(speaks.decode(request, case["body"], headers), case["expect"])
        read += 1
    assert read >= 2


@pytest.mark.parametrize("name", NAMES)
def test_truncated_answers_are_empty_cut_and_paid(recorded, name):
    """An answer whose cap went on reasoning is empty, ends with length, and keeps its bill."""
    speaks, request = speaker(name)
    case = recorded(name)["truncated"]
    answer = speaks.decode(request, case["body"], case["headers"])
    assert answer.text == ""
    assert answer.finish is Finish.LENGTH
    assert answer.usage.output_tokens == case["expect"]["output_tokens"] > 0


def feed(speaks, recording):
    """Run a recorded stream through the fold; gives body and what each event brought."""
    fold = speaks.fold()
    seen = []
    if speaks.framing is Framing.NDJSON:
        seen = [fold.feed("", line) for line in recording["lines"] if line]
        return fold.body(), seen
    name = ""
    for line in recording["lines"]:
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            seen.append(fold.feed(name, line[6:]))
            name = ""
    return fold.body(), seen


@pytest.mark.parametrize("name", NAMES)
def test_streams_fold_into_the_same_answer(recorded, name):
    """A stream gives text, end and counts as recorded, and the first token at its event."""
    speaks, request = speaker(name)
    recording = recorded(name)["stream"]
    body, seen = feed(speaks, recording)
    expect = recording["expect"]
    check(speaks.decode(request, body, {}), expect)
    if "first_visible_event" in expect:
        assert seen.index(Seen.VISIBLE) == expect["first_visible_event"]
    if "first_token_event" in expect:
        assert seen.index(Seen.REASONING) == expect["first_token_event"]


@pytest.mark.parametrize("name", NAMES)
def test_streams_that_are_cut_are_broken_wherever_they_end(recorded, name):
    """Cut before any of its last events, a stream is a fault that may be on the bill."""
    speaks, _ = speaker(name)
    lines = recorded(name)["stream"]["lines"]
    whole, _ = feed(speaks, {"lines": lines})
    broken = 0
    for end in range(len(lines)):
        if all(line in {"", "data: [DONE]"} for line in lines[end:]):
            assert feed(speaks, {"lines": lines[:end]})[0] == whole
            continue
        with pytest.raises(CallError) as caught:
            feed(speaks, {"lines": lines[:end]})
        assert caught.value.kind is FaultKind.BROKEN_STREAM
        assert caught.value.charge is Charge.POSSIBLE
        assert caught.value.retry
        broken += 1
    assert broken >= 3


def test_an_error_inside_a_stream_is_a_fault(recorded):
    """Anthropic's error event and OpenRouter's error chunk are faults worth a retry."""
    for name in ("anthropic_adaptive", "openrouter"):
        speaks, _ = speaker(name)
        with pytest.raises(CallError, match="synthetic") as caught:
            feed(speaks, recorded(name)["stream_error"])
        assert caught.value.kind is FaultKind.OVERLOADED
        assert caught.value.retry
        assert caught.value.charge is Charge.POSSIBLE


@pytest.mark.parametrize("name", NAMES)
def test_recorded_errors_are_classified(recorded, name):
    """Each recorded error is retried exactly when its own name says so, after its own wait."""
    speaks, _ = speaker(name)
    recording = recorded(name)
    limited = recording["rate_limited"]
    fault = speaks.classify(limited["status"], limited["body"], limited["headers"])
    expected = FaultKind.RATE_LIMITED if limited["status"] == 429 else FaultKind.OVERLOADED
    assert fault.kind is expected
    assert fault.retry
    waits = {
        "openai_responses": 6.8,
        "openai_chat": 6.8,
        "anthropic_adaptive": 12,
        "anthropic_thinking": 12,
        "gemini": 38.209315,
        "openrouter": 5,
        "vllm": 1,
    }
    assert fault.wait_s == pytest.approx(waits[name]) if name in waits else fault.wait_s is None
    for error in recording.get("other_errors", []):
        fault = speaks.classify(error["status"], error["body"], error["headers"])
        never = "never retry" in error["name"] or "stop" in error["name"]
        assert fault.retry is not never, error["name"]
        assert "synthetic" in str(fault)
        if "credit" in error["name"] or "quota" in error["name"]:
            assert fault.kind is FaultKind.QUOTA
        param = error["body"]["error"]
        if isinstance(param, dict) and param.get("param"):
            assert fault.param == param["param"]


def test_a_response_that_failed_is_a_fault():
    """Responses answers 200 for a failed or a queued response; neither is an answer."""
    speaks, request = speaker("openai_responses")
    failed = {"status": "failed", "error": {"code": "server_error", "message": "oops"}}
    with pytest.raises(CallError, match="oops") as caught:
        speaks.decode(request, failed, {})
    assert caught.value.kind is FaultKind.OVERLOADED
    with pytest.raises(CallError, match="queued") as caught:
        speaks.decode(request, {"status": "queued"}, {})
    assert caught.value.kind is FaultKind.UNFINISHED
    fold = speaks.fold()
    event = {"type": "error", "code": "rate_limit_exceeded", "message": "too fast"}
    with pytest.raises(CallError, match="too fast") as caught:
        fold.feed("error", json.dumps(event))
    assert caught.value.kind is FaultKind.RATE_LIMITED


def test_a_capped_response_that_claims_to_be_complete_is_cut():
    """llama.cpp calls a Responses reply completed that its cap cut off; it counts as cut."""
    speaks, request = speaker("openai_responses")
    body = {
        "status": "completed",
        "model": request.model,
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "1"}]}],
        "usage": {"input_tokens": 5, "output_tokens": 2048, "total_tokens": 2053},
    }
    assert speaks.decode(request, body, {}).finish is Finish.LENGTH


def test_refusals_are_an_outcome_of_their_own():
    """A refusal is neither an error nor an answer, in Chat and in Responses."""
    speaks, request = speaker("openai_chat")
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    message = {"role": "assistant", "content": None, "refusal": "No."}
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}
    assert speaks.decode(request, body, {}).finish is Finish.REFUSAL
    body["choices"][0] = {"message": {"content": ""}, "finish_reason": "content_filter"}
    assert speaks.decode(request, body, {}).finish is Finish.REFUSAL
    speaks, request = speaker("openai_responses")
    part = {"type": "refusal", "refusal": "No."}
    body = {
        "status": "completed",
        "output": [{"type": "message", "content": [part]}],
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
    }
    assert speaks.decode(request, body, {}).finish is Finish.REFUSAL


def test_gemini_continuation_is_unfinished():
    """An answer that goes on in another call is not taken for a whole one."""
    speaks, request = speaker("gemini")
    body = {
        "candidates": [{"finishReason": "CONTINUATION", "content": {"parts": [{"text": "a"}]}}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
    }
    with pytest.raises(CallError) as caught:
        speaks.decode(request, body, {})
    assert caught.value.kind is FaultKind.UNFINISHED
    assert not caught.value.retry


def test_mistral_content_comes_as_a_list():
    """Mistral's list of thinking and text is split, in a reply and in a stream."""
    speaks = adapter("openai_chat", Endpoint("http://x", None, "mistral"))
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "115"},
    ]
    usage = {"prompt_tokens": 1, "completion_tokens": 3, "total_tokens": 4}
    body = {
        "choices": [{"message": {"content": content}, "finish_reason": "model_length"}],
        "usage": usage,
    }
    answer = speaks.decode(asked(), body, {})
    assert (answer.text, answer.reasoning_text, answer.finish) == ("115", "hm", Finish.LENGTH)
    fold = speaks.fold()
    chunk = {"choices": [{"delta": {"content": content[:1]}}]}
    assert fold.feed("", json.dumps(chunk)) is Seen.REASONING
    chunk = {"choices": [{"delta": {"content": "115"}, "finish_reason": "stop"}], "usage": usage}
    assert fold.feed("", json.dumps(chunk)) is Seen.VISIBLE
    assert speaks.decode(asked(), fold.body(), {}).reasoning_text == "hm"


@given(cuts=st.lists(st.integers(1, 40), max_size=6), closed=st.booleans())
def test_think_tags_that_no_parser_took_out_are_not_the_answer(cuts, closed):
    """However a stream is cut, <think> text is reasoning and the first visible token follows it."""
    speaks = adapter("openai_chat", Endpoint("http://x", None, "vllm"))
    whole = "<think>\n1 h 55 min\n</think>\n\n115" if closed else "<think>\n1 h 55 min and so on"
    ends = sorted({min(cut, len(whole)) for cut in cuts} | {len(whole)})
    fold, begin, seen = speaks.fold(), 0, []
    for end in ends:
        chunk = {"choices": [{"delta": {"content": whole[begin:end]}}]}
        seen.append((fold.feed("", json.dumps(chunk)), end))
        begin = end
    last = {
        "choices": [{"delta": {}, "finish_reason": "stop" if closed else "length"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 9, "total_tokens": 10},
    }
    fold.feed("", json.dumps(last))
    answer = speaks.decode(asked(), fold.body(), {})
    assert answer.text == ("115" if closed else "")
    assert answer.reasoning_text.startswith("1 h 55 min")
    visible = [end for kind, end in seen if kind is Seen.VISIBLE]
    answer_begins = whole.find("115") if closed else len(whole) + 1
    assert visible == [end for end in ends if end > answer_begins]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("extra", ["setting", "user_body"])
def test_raw_json_must_not_change_what_the_price_rests_on(name, extra):
    """A cap, a model, a tier or a number of samples in the raw body is refused before sending."""
    protocol, endpoint, _ = SPEAKERS[name]
    speaks = adapter(protocol, endpoint)
    caps = {
        "openai_responses": {"max_output_tokens": 9},
        "openai_chat": {"max_tokens": 9},
        "anthropic": {"max_tokens": 9},
        "gemini": {"generationConfig": {"maxOutputTokens": 9}},
        "ollama": {"options": {"num_predict": 9}},
    }
    body = caps[protocol]
    more = {"user_body": body} if extra == "user_body" else {}
    setting = Setting("x", body=body) if extra == "setting" else Setting("x")
    with pytest.raises(CallError, match="must not set") as caught:
        speaks.encode(asked(setting=setting, **more))
    assert caught.value.kind is FaultKind.BAD_REQUEST


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("openai_responses", Setting("x", budget=1024)),
        ("openai_responses", Setting("x", switch=Switch.ON)),
        ("openai_chat", Setting("x", budget=1024)),
        ("deepseek", Setting("x", switch=Switch.ADAPTIVE)),
        ("anthropic_thinking", Setting("x", budget=100)),
        ("anthropic_thinking", Setting("x", budget=2048)),
        ("anthropic_thinking", Setting("x", switch=Switch.ON)),
        ("anthropic_thinking", Setting("x", budget=1024, switch=Switch.ADAPTIVE)),
        ("gemini", Setting("x", budget=1, effort="low")),
        ("gemini", Setting("x", switch=Switch.BETWEEN_TOOLS)),
        ("ollama", Setting("x", budget=5)),
        ("ollama", Setting("x", effort="low", switch=Switch.OFF)),
    ],
)
def test_settings_that_a_protocol_cannot_say_are_refused(name, setting):
    """A setting is never dropped in silence: what has no field is a fault before sending."""
    speaks, _ = speaker(name)
    with pytest.raises(CallError, match="setting 'x'"):
        speaks.encode(asked(setting=setting))


def test_conversations_and_system_prompts_are_written():
    """Roles, order and the system prompt arrive in every protocol's own place."""
    turns = (
        Message(Role.USER, "a"),
        Message(Role.ASSISTANT, "b"),
        Message(Role.USER, "c"),
    )
    request = Request("q", "m", turns, Setting("fixed"), 10, system="S", stream=False)
    bodies = {name: adapter(name, Endpoint("http://x")).encode(request).body for name in PROTOCOLS}
    plain = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    with_system = [{"role": "system", "content": "S"}, *plain]
    assert bodies["openai_responses"]["input"] == plain
    assert bodies["openai_responses"]["instructions"] == "S"
    assert bodies["openai_chat"]["messages"] == with_system
    assert bodies["anthropic"]["messages"] == plain
    assert bodies["anthropic"]["system"] == "S"
    assert bodies["ollama"]["messages"] == with_system
    assert [c["role"] for c in bodies["gemini"]["contents"]] == ["user", "model", "user"]
    assert bodies["gemini"]["systemInstruction"] == {"parts": [{"text": "S"}]}


KEYS = st.sampled_from(
    """choices message content delta usage finish_reason error output type text status done
    response candidates usageMetadata parts stop_reason prompt_tokens completion_tokens
    input_tokens output_tokens candidatesTokenCount promptTokenCount index eval_count
    thinking""".split()  # noqa: SIM905 - a list of these words would take a page
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)


def answers(act):
    """Whether there was an answer; a fault is the only other way."""
    try:
        act()
    except CallError as fault:
        return not str(fault)
    return True


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(body=st.dictionaries(KEYS, JSON, max_size=8), name=st.sampled_from(list(PROTOCOLS)))
def test_garbage_is_a_fault_and_never_a_traceback(body, name):
    """Whatever JSON a server sends, each protocol answers or raises CallError."""
    speaks = adapter(name, Endpoint("http://x"))
    request = asked()
    answers(lambda: speaks.decode(request, body, {}))
    answers(lambda: (fold := speaks.fold(), fold.feed("x", json.dumps(body)), fold.body()))
    assert str(speaks.classify(500, body, {}))


def test_the_output_that_can_be_billed_is_bounded():
    """Where the cap leaves reasoning open, a budget bounds the bill, or the call is refused."""
    from costplan.providers.table import PROVIDERS, most_output_tokens

    openai, qwen = PROVIDERS["openai-chat"][1], PROVIDERS["qwen"][1]
    plain = asked(setting=Setting("x", effort="high"), cap=500)
    assert most_output_tokens(openai, plain) == 500
    budget = asked(setting=Setting("x", budget=4000, switch=Switch.ON), cap=500)
    assert most_output_tokens(qwen, budget) == 4500
    raw = asked(setting=Setting("x", body={"thinking_budget": 4000}), cap=500)
    assert most_output_tokens(qwen, raw) == 4500
    off = asked(setting=Setting("x", switch=Switch.OFF), cap=500)
    assert most_output_tokens(qwen, off) == 500
    with pytest.raises(CallError, match="a budget must bound"):
        most_output_tokens(qwen, plain)

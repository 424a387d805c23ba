"""Bedrock through the real boto3, over the loopback."""

from __future__ import annotations

import asyncio
import json
import struct
import zlib

import pytest
from loopback_server import http, loopback

from costplan.providers.fault import CallError, Charge, FaultKind
from costplan.providers.reply import Finish
from costplan.providers.request import Message, Request, Role, Setting, Switch, Tier

boto3 = pytest.importorskip("boto3")
from costplan.providers.bedrock import Bedrock, encode  # noqa: E402

# boto3's own use of the standard library is not ours to judge
pytestmark = pytest.mark.filterwarnings("default")
USAGE = {
    "inputTokens": 176,
    "outputTokens": 90,
    "totalTokens": 266,
    "cacheReadInputTokens": 1024,
    "cacheWriteInputTokens": 0,
}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch):
    """Give boto3 credentials that open nothing."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-aws-key")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def frame(kind, payload, message_type="event"):
    """Write one message of AWS's event stream."""
    name = ":event-type" if message_type == "event" else ":exception-type"
    fields = {name: kind, ":content-type": "application/json", ":message-type": message_type}
    headers = b""
    for key, value in fields.items():
        headers += bytes([len(key)]) + key.encode() + b"\x07"
        headers += struct.pack(">H", len(value)) + value.encode()
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", len(headers) + len(body) + 16, len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


def stream(stop="end_turn", text="115", usage=USAGE):
    """Write a whole stream."""
    reasoning = {"delta": {"reasoningContent": {"text": "hm"}}, "contentBlockIndex": 0}
    visible = {"delta": {"text": text}, "contentBlockIndex": 1}
    return [
        frame("messageStart", {"role": "assistant"}),
        frame("contentBlockDelta", reasoning),
        frame("contentBlockStop", {"contentBlockIndex": 0}),
        *([frame("contentBlockDelta", visible)] if text else []),
        frame("messageStop", {"stopReason": stop}),
        frame("metadata", {"usage": usage, "metrics": {"latencyMs": 1234}}),
    ]


def asked(setting=None, **more):
    """Make a request."""
    return Request(
        "q",
        "anthropic.claude-haiku-4-5",
        (Message(Role.USER, "How many?"),),
        setting or Setting("fixed"),
        2048,
        **{"timeout_s": 5.0, **more},
    )


def send(data, status=200, headers=None, request=None):
    """Send one request to a server that gives these bytes; gives what it saw and the reply."""
    seen = {}

    async def handler(first, fields, body, writer):
        seen.update(first=first, body=json.loads(body))
        kind = {"content-type": "application/vnd.amazon.eventstream"} if status == 200 else {}
        writer.write(http(status, {**kind, **(headers or {})}, data))

    async def run():
        async with loopback(handler) as url:
            bedrock = Bedrock(region="us-east-1", endpoint_url=url)
            try:
                return await bedrock.send(request or asked())
            finally:
                bedrock.close()

    return seen, asyncio.run(run())


def test_a_stream_is_read_through_boto3():
    """Text, end, counts and times come out of a real event stream; the request is as asked."""
    setting = Setting("low", effort="low", switch=Switch.ADAPTIVE)
    seen, reply = send(b"".join(stream()), request=asked(setting, tier=Tier.PRIORITY, system="S"))
    assert seen["first"].split(" ")[1].endswith("/converse-stream")
    assert seen["body"] == {
        "messages": [{"role": "user", "content": [{"text": "How many?"}]}],
        "system": [{"text": "S"}],
        "inferenceConfig": {"maxTokens": 2048},
        "serviceTier": {"type": "priority"},
        "outputConfig": {"effort": "low"},
        "additionalModelRequestFields": {"thinking": {"type": "adaptive"}},
    }
    answer = reply.answer
    assert (answer.text, answer.reasoning_text, answer.finish) == ("115", "hm", Finish.STOP)
    assert (answer.usage.input_tokens, answer.usage.cached_input_tokens) == (1200, 1024)
    assert answer.usage.reasoning_tokens is None
    assert answer.server_s == 1.234
    assert 0 < reply.first_reasoning_s <= reply.first_visible_s <= reply.total_s


def test_a_cap_within_the_thought_is_cut_and_paid():
    """No text block and max_tokens is an empty answer that was cut off."""
    _, reply = send(b"".join(stream("max_tokens", text="")))
    assert (reply.answer.text, reply.answer.finish) == ("", Finish.LENGTH)


@pytest.mark.parametrize(
    ("code", "status", "kind", "retry"),
    [
        ("ThrottlingException", 429, FaultKind.RATE_LIMITED, True),
        ("AccessDeniedException", 403, FaultKind.AUTH, False),
        ("ValidationException", 400, FaultKind.BAD_REQUEST, False),
        ("ResourceNotFoundException", 404, FaultKind.NOT_FOUND, False),
        ("ModelNotReadyException", 429, FaultKind.OVERLOADED, True),
        ("ServiceUnavailableException", 503, FaultKind.OVERLOADED, True),
    ],
)
def test_errors_are_classified_and_asked_once(code, status, kind, retry):
    """Each exception has its kind, costs nothing, and boto3 does not ask again by itself."""
    with pytest.raises(CallError) as caught:
        send({"message": "synthetic"}, status, {"x-amzn-errortype": code})
    assert (caught.value.kind, caught.value.retry) == (kind, retry)
    assert caught.value.charge is Charge.NONE
    assert "secret-aws-key" not in str(caught.value)


def test_an_exception_inside_a_stream_may_be_charged():
    """A stream that breaks off with an exception is a fault that may be on the bill."""
    events = [*stream()[:2], frame("throttlingException", {"message": "slow"}, "exception")]
    with pytest.raises(CallError) as caught:
        send(b"".join(events))
    assert caught.value.kind is FaultKind.RATE_LIMITED
    assert caught.value.charge is Charge.POSSIBLE


@pytest.mark.parametrize("keep", [0, 2, 4, 5])
def test_a_stream_that_ends_early_is_no_answer(keep):
    """Without its end or its usage a stream is a fault."""
    with pytest.raises(CallError) as caught:
        send(b"".join(stream()[:keep]))
    assert caught.value.kind in {FaultKind.BROKEN_STREAM, FaultKind.USAGE_MISMATCH}
    assert caught.value.charge is not Charge.NONE


def test_a_silent_server_is_a_timeout():
    """No reply within the limit is a timeout that may be on the bill."""

    async def handler(first, fields, body, writer):
        await asyncio.sleep(3)

    async def run():
        async with loopback(handler) as url:
            bedrock = Bedrock(region="us-east-1", endpoint_url=url)
            try:
                await bedrock.send(asked(timeout_s=0.4))
            finally:
                bedrock.close()

    with pytest.raises(CallError) as caught:
        asyncio.run(run())
    assert caught.value.kind is FaultKind.TIMEOUT


@pytest.mark.parametrize(
    "setting",
    [Setting("x", budget=4096), Setting("x", switch=Switch.ON), Setting("x", budget=1500)],
)
def test_every_setting_is_said_or_refused(setting):
    """A budget below the cap is written; what cannot be said is a fault before sending."""
    if setting.budget == 1500:
        thinking = encode(asked(setting))["additionalModelRequestFields"]["thinking"]
        assert thinking == {"type": "enabled", "budget_tokens": 1500}
    else:
        with pytest.raises(CallError, match="setting 'x'"):
            encode(asked(setting))

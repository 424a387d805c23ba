"""OpenAI Responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costplan.providers import openai_errors
from costplan.providers.fault import CallError, Charge, FaultKind
from costplan.providers.reply import Answer, Finish
from costplan.providers.request import Request, Tier
from costplan.providers.usage import mismatch, responses_usage
from costplan.providers.wire import (
    Endpoint,
    Framing,
    Json,
    Seen,
    Wire,
    broken,
    cannot_say,
    headers_of,
    inner,
    objects,
    parse,
    text_or_none,
    with_extras,
)

TIERS = {Tier.STANDARD: "default", Tier.FLEX: "flex", Tier.PRIORITY: "priority"}
FIXED = (
    "model",
    "input",
    "instructions",
    "max_output_tokens",
    "service_tier",
    "stream",
    "background",
    "tools",
    "previous_response_id",
    "conversation",
)
"""Fields of the body that a setting's raw JSON must leave alone."""


class OpenAIResponses:
    """Requests and replies of POST /responses."""

    framing = Framing.SSE

    def __init__(self, endpoint: Endpoint) -> None:
        """Speak to an address that ends before /responses."""
        self.endpoint = endpoint

    def encode(self, request: Request) -> Wire:
        """Write the request."""
        setting = request.setting
        if setting.budget is not None or setting.switch is not None:
            raise cannot_say(request, "Responses knows efforts only, no budget and no switch")
        body: Json = {"model": request.model, "input": _input(request)}
        if request.system is not None:
            body["instructions"] = request.system
        if setting.effort is not None:
            body["reasoning"] = {"effort": setting.effort}
        body["max_output_tokens"] = request.max_output_tokens
        if request.tier is not None:
            body["service_tier"] = TIERS[request.tier]
        body["store"] = False
        if request.stream:
            body["stream"] = True
        return Wire(
            "POST",
            f"{self.endpoint.base_url}/responses",
            headers_of(self.endpoint),
            with_extras(body, request, FIXED),
            "authorization" if self.endpoint.key_env else "",
            "Bearer ",
        )

    def decode(
        self, request: Request, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Answer:
        """Read a response object that has ended."""
        if body.get("error"):
            raise openai_errors.error_inside(body)
        status = str(body.get("status", ""))
        if status not in {"completed", "incomplete"}:
            raise CallError(
                FaultKind.UNFINISHED, f"the response is '{status}'", charge=Charge.POSSIBLE
            )
        usage = body.get("usage")
        if not isinstance(usage, Mapping):
            raise mismatch("the reply does not say its usage", {})
        counted = responses_usage(usage)
        text, refused, reasoning, tool = _read_output(objects(body.get("output")))
        raw = str(inner(body, "incomplete_details").get("reason", status))
        finish = _finish(status, raw, refused=refused, tool=tool and not text)
        # llama.cpp says "completed" when the cap cut the answer off
        if finish is Finish.STOP and counted.output_tokens >= request.max_output_tokens:
            finish = Finish.LENGTH
        milliseconds = headers.get("openai-processing-ms", "")
        return Answer(
            text=text,
            finish=finish,
            finish_raw=raw,
            usage=counted,
            reasoning_text=reasoning or None,
            served_model=text_or_none(body.get("model")),
            served_tier=text_or_none(body.get("service_tier")),
            request_id=headers.get("x-request-id") or text_or_none(body.get("id")),
            server_s=int(milliseconds) / 1000 if milliseconds.isdecimal() else None,
        )

    def fold(self) -> ResponsesFold:
        """Start reading a stream."""
        return ResponsesFold()

    def classify(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> CallError:
        """Say what a status other than 200 means."""
        return openai_errors.classify(status, body, headers)


def _input(request: Request) -> str | list[Json]:
    """Write one question as a text, a conversation as a list."""
    if len(request.messages) == 1 and request.messages[0].role == "user":
        return request.messages[0].text
    return [{"role": str(m.role), "content": m.text} for m in request.messages]


def _read_output(items: list[Json]) -> tuple[str, bool, str, bool]:
    """Give visible text, whether it was refused, reasoning text, whether a tool was called."""
    text, refused, reasoning, tool = "", False, "", False
    for item in items:
        kind = item.get("type")
        if kind == "reasoning":
            parts = objects(item.get("summary")) + objects(item.get("content"))
            reasoning += "".join(str(part.get("text", "")) for part in parts)
        elif kind == "message":
            for part in objects(item.get("content")):
                refused |= part.get("type") == "refusal"
                text += str(part.get("text", "")) if part.get("type") == "output_text" else ""
        else:
            tool = True
    return text, refused, reasoning, tool


def _finish(status: str, raw: str, *, refused: bool, tool: bool) -> Finish:
    """Name why the answer ended."""
    if status == "incomplete":
        words = {"max_output_tokens": Finish.LENGTH, "content_filter": Finish.REFUSAL}
        return words.get(raw, Finish.OTHER)
    if refused:
        return Finish.REFUSAL
    return Finish.TOOL if tool else Finish.STOP


REASONING_EVENTS = frozenset(
    {"response.reasoning_summary_text.delta", "response.reasoning_text.delta"}
)
TERMINAL_EVENTS = frozenset({"response.completed", "response.incomplete", "response.failed"})


class ResponsesFold:
    """Waits for the terminal event, which alone carries the usage and the whole response."""

    def __init__(self) -> None:
        """Start before the first event."""
        self.done = False
        self._body: Json = {}

    def feed(self, event: str, data: str) -> Seen:
        """Take one event."""
        if data == "[DONE]":
            return Seen.NOTHING
        value = parse(data)
        kind = str(value.get("type", event))
        if kind == "error":
            raise openai_errors.error_inside({"error": value.get("error", value)})
        if kind in TERMINAL_EVENTS:
            self._body = dict(inner(value, "response"))
            self.done = True
        elif kind == "response.output_text.delta" and value.get("delta"):
            return Seen.VISIBLE
        elif kind in REASONING_EVENTS and value.get("delta"):
            return Seen.REASONING
        return Seen.NOTHING

    def body(self) -> Json:
        """Give the response object of the terminal event."""
        if not self.done:
            raise broken("the stream ended before the response did")
        return self._body

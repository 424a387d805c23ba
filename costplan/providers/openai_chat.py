"""Chat Completions, in the dialects of the servers that speak it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costplan.providers import openai_errors
from costplan.providers.dialects import BINARY, DIALECTS
from costplan.providers.fault import CallError, Charge, FaultKind
from costplan.providers.reply import Answer, Finish
from costplan.providers.request import Request
from costplan.providers.usage import chat_usage, mismatch
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
    merge,
    objects,
    parse,
    text_or_none,
    with_extras,
)

FIXED = (
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "n_predict",
    "n",
    "best_of",
    "service_tier",
    "tools",
    "plugins",
    "models",
    "web_search_options",
)
"""Fields of the body that a setting's raw JSON must leave alone."""

FINISHES = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "model_length": Finish.LENGTH,
    "content_filter": Finish.REFUSAL,
    "tool_calls": Finish.TOOL,
    "function_call": Finish.TOOL,
}
FAILED = {
    "insufficient_system_resource": FaultKind.OVERLOADED,
    "error": FaultKind.OVERLOADED,
    "abort": FaultKind.UNFINISHED,
}
"""Finish reasons that mean there is no answer."""


class OpenAIChat:
    """Requests and replies of POST /chat/completions."""

    framing = Framing.SSE

    def __init__(self, endpoint: Endpoint) -> None:
        """Speak the endpoint's dialect to an address that ends before /chat/completions."""
        self.endpoint = endpoint
        name = endpoint.dialect or "openai"
        if name not in DIALECTS:
            raise ValueError(f"unknown dialect '{name}'; known: {', '.join(DIALECTS)}")
        self.dialect = DIALECTS[name]

    def encode(self, request: Request) -> Wire:
        """Write the request."""
        messages = [{"role": str(m.role), "content": m.text} for m in request.messages]
        if request.system is not None:
            messages.insert(0, {"role": "system", "content": request.system})
        body: Json = {"model": request.model, "messages": messages}
        body = merge(body, self._knob(request))
        body[self.dialect.cap] = request.max_output_tokens
        body |= self.dialect.extras
        if request.tier is not None and self.dialect.tiers:
            if request.tier not in self.dialect.tiers:
                raise cannot_say(request, f"the server has no tier '{request.tier}'")
            body["service_tier"] = self.dialect.tiers[request.tier]
        if request.stream:
            body["stream"] = True
            if self.dialect.usage_option:
                body["stream_options"] = {"include_usage": True}
        return Wire(
            "POST",
            f"{self.endpoint.base_url}/chat/completions",
            headers_of(self.endpoint),
            with_extras(body, request, FIXED),
            "authorization" if self.endpoint.key_env else "",
            "Bearer ",
        )

    def _knob(self, request: Request) -> Json:
        """Write effort, budget and switch. Raises CallError where the server has no field."""
        setting, dialect = request.setting, self.dialect
        knob: Json = {}
        if setting.switch is not None:
            if dialect.switch is None or setting.switch not in BINARY:
                raise cannot_say(request, f"the server has no switch '{setting.switch}'")
            knob = merge(knob, dialect.switch(BINARY[setting.switch]))
        if setting.budget is not None:
            if dialect.budget is None:
                raise cannot_say(request, "the server has no reasoning budget")
            knob = merge(knob, dialect.budget(setting.budget))
        if setting.effort is not None:
            if dialect.effort is None:
                raise cannot_say(request, "the server has no reasoning effort")
            knob = merge(knob, dialect.effort(setting.effort))
        return knob

    def decode(
        self, request: Request, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Answer:
        """Read a completion."""
        if body.get("error"):
            raise openai_errors.error_inside(body)
        choices = objects(body.get("choices"))
        if not choices:
            raise broken("the reply holds no choice")
        choice = choices[0]
        raw = str(choice.get("finish_reason") or "")
        _refuse_failures(raw)
        usage = body.get("usage")
        if not isinstance(usage, Mapping):
            raise mismatch("the reply does not say its usage", {})
        message = inner(choice, "message")
        text, reasoning = self._texts(message)
        finish = FINISHES.get(raw, Finish.OTHER)
        if message.get("refusal") and finish is Finish.STOP:
            finish = Finish.REFUSAL
        return Answer(
            text=text,
            finish=finish,
            finish_raw=raw,
            usage=chat_usage(usage, beside=self.dialect.beside),
            reasoning_text=reasoning or None,
            served_model=text_or_none(body.get("model")),
            served_tier=text_or_none(body.get("service_tier")),
            upstream=text_or_none(body.get("provider")),
            request_id=headers.get("x-request-id") or text_or_none(body.get("id")),
            server_s=_server_s(body, headers),
        )

    def _texts(self, message: Mapping[str, Any]) -> tuple[str, str]:
        """Give visible and reasoning text."""
        text, inside = split_content(message.get("content"))
        found = message.get("reasoning_content") or message.get("reasoning") or inside
        reasoning = found if isinstance(found, str) else ""
        if self.dialect.inline_think and not reasoning:
            return split_think(text)
        return text, reasoning

    def fold(self) -> ChatFold:
        """Start reading a stream."""
        return ChatFold(inline_think=self.dialect.inline_think)

    def classify(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> CallError:
        """Say what a status other than 200 means."""
        return openai_errors.classify(status, body, headers)


def _refuse_failures(raw: str) -> None:
    """Raise the fault of a finish reason that means there is no answer."""
    if raw in FAILED:
        raise CallError(FAILED[raw], f"the reply ended with '{raw}'", charge=Charge.POSSIBLE)
    if not raw:
        raise CallError(
            FaultKind.BROKEN_STREAM, "the reply has no finish reason", charge=Charge.POSSIBLE
        )


def split_content(content: object) -> tuple[str, str]:
    """Give visible and reasoning text of a content that is a text, null or Mistral's list."""
    if isinstance(content, str):
        return content, ""
    text = reasoning = ""
    for part in objects(content):
        if part.get("type") == "thinking":
            inside = part.get("thinking")
            reasoning += (
                inside
                if isinstance(inside, str)
                else "".join(str(piece.get("text", "")) for piece in objects(inside))
            )
        elif part.get("type") == "text":
            text += str(part.get("text", ""))
    return text, reasoning


OPEN, CLOSE = "<think>", "</think>"


def split_think(content: str) -> tuple[str, str]:
    """Give visible and reasoning text of a content whose <think> no parser took out."""
    opened = content.lstrip().startswith(OPEN)
    before, close, after = content.partition(CLOSE)
    if close:
        return after.lstrip("\n"), before.lstrip().removeprefix(OPEN).strip("\n")
    if opened:
        return "", content.lstrip().removeprefix(OPEN).strip("\n")
    return content, ""


def _server_s(body: Mapping[str, Any], headers: Mapping[str, str]) -> float | None:
    """Read how long the server says it worked."""
    timings = inner(body, "timings")
    parts = [timings.get("prompt_ms"), timings.get("predicted_ms")]
    if all(isinstance(part, int | float) for part in parts):
        return sum(float(part) for part in parts if part is not None) / 1000
    milliseconds = headers.get("openai-processing-ms", "")
    return int(milliseconds) / 1000 if milliseconds.isdecimal() else None


class ChatFold:
    """Puts the chunks of a completion together."""

    def __init__(self, *, inline_think: bool = False) -> None:
        """Start before the first chunk."""
        self.done = False
        self._inline = inline_think
        self._top: Json = {}
        self._choice: Json = {}
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._thinking: bool | None = None if inline_think else False

    def feed(self, event: str, data: str) -> Seen:
        """Take one chunk."""
        if data == "[DONE]":
            self.done = True
            return Seen.NOTHING
        chunk = parse(data)
        if chunk.get("error"):
            raise openai_errors.error_inside(chunk)
        for name, value in chunk.items():
            if name not in {"choices", "object"} and value is not None:
                self._top[name] = value
        choices = objects(chunk.get("choices"))
        if not choices:
            return Seen.NOTHING
        choice = choices[0]
        for name in ("finish_reason", "native_finish_reason"):
            if choice.get(name):
                self._choice[name] = choice[name]
        return self._delta(inner(choice, "delta"))

    def _delta(self, delta: Mapping[str, Any]) -> Seen:
        """Keep what a chunk adds and say which kind of text it is."""
        text, inside = split_content(delta.get("content"))
        shown = delta.get("reasoning_content") or delta.get("reasoning") or inside
        reasoning = shown if isinstance(shown, str) else ""
        refusal = delta.get("refusal")
        if isinstance(refusal, str):
            self._refusal.append(refusal)
        if reasoning:
            self._reasoning.append(reasoning)
            self._thinking = False
        if not text:
            return Seen.REASONING if reasoning else Seen.NOTHING
        self._text.append(text)
        return self._visible(text)

    def _visible(self, text: str) -> Seen:
        """Tell an answer from a <think> that no parser took out."""
        if self._thinking is False:
            return Seen.VISIBLE
        so_far = "".join(self._text).lstrip()
        if self._thinking is None:
            if OPEN.startswith(so_far):  # also while only a part of the tag is there
                return Seen.REASONING if so_far == OPEN else Seen.NOTHING
            self._thinking = so_far.startswith(OPEN)
            if not self._thinking:
                return Seen.VISIBLE
        _, close, after = so_far.partition(CLOSE)
        if close and after.strip():
            self._thinking = False
            return Seen.VISIBLE
        return Seen.REASONING

    def body(self) -> Json:
        """Give the completion. Raises CallError when its end or its usage is missing."""
        if not self._choice.get("finish_reason"):
            raise broken("the stream ended before the answer did")
        if "usage" not in self._top:
            raise broken("the stream ended before the usage came")
        message: Json = {"role": "assistant", "content": "".join(self._text)}
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if any(self._refusal):
            message["refusal"] = "".join(self._refusal)
        choice = {"index": 0, "message": message, **self._choice}
        return {**self._top, "object": "chat.completion", "choices": [choice]}

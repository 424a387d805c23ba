"""Anthropic Messages, with budgets and with adaptive thinking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costplan.providers.fault import (
    CallError,
    Charge,
    FaultKind,
    fault_of_status,
    text_of,
)
from costplan.providers.reply import Answer, Finish
from costplan.providers.request import Request, Switch, Tier
from costplan.providers.usage import anthropic_usage, mismatch
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

VERSION = "2026-10-21"
TIERS = {Tier.STANDARD: "standard_only", Tier.PRIORITY: "auto"}
FIXED = ("model", "messages", "system", "max_tokens", "service_tier", "stream", "tools", "speed")
"""Fields of the body that a setting's raw JSON must leave alone."""

FINISHES = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "refusal": Finish.REFUSAL,
    "tool_use": Finish.TOOL,
}
KIND_BY_TYPE = {
    "invalid_request_error": FaultKind.BAD_REQUEST,
    "authentication_error": FaultKind.AUTH,
    "billing_error": FaultKind.QUOTA,
    "permission_error": FaultKind.AUTH,
    "not_found_error": FaultKind.NOT_FOUND,
    "request_too_large": FaultKind.BAD_REQUEST,
    "rate_limit_error": FaultKind.RATE_LIMITED,
    "api_error": FaultKind.OVERLOADED,
    "timeout_error": FaultKind.OVERLOADED,
    "overloaded_error": FaultKind.OVERLOADED,
}


class Anthropic:
    """Requests and replies of POST /v1/messages."""

    framing = Framing.SSE

    def __init__(self, endpoint: Endpoint) -> None:
        """Speak to an address that ends before /v1/messages."""
        self.endpoint = endpoint

    def encode(self, request: Request) -> Wire:
        """Write the request."""
        body: Json = {"model": request.model, "max_tokens": request.max_output_tokens}
        thinking = _thinking(request)
        if thinking is not None:
            body["thinking"] = thinking
        if request.setting.effort is not None:
            body["output_config"] = {"effort": request.setting.effort}
        if request.tier is not None:
            if request.tier not in TIERS:
                raise cannot_say(request, f"Anthropic has no tier '{request.tier}'")
            body["service_tier"] = TIERS[request.tier]
        if request.system is not None:
            body["system"] = request.system
        body["messages"] = [{"role": str(m.role), "content": m.text} for m in request.messages]
        if request.stream:
            body["stream"] = True
        return Wire(
            "POST",
            f"{self.endpoint.base_url}/v1/messages",
            headers_of(self.endpoint, anthropic_version=VERSION),
            with_extras(body, request, FIXED),
            "x-api-key" if self.endpoint.key_env else "",
        )

    def decode(
        self, request: Request, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Answer:
        """Read a message."""
        if body.get("type") == "error":
            raise _error_inside(body)
        raw = str(body.get("stop_reason") or "")
        if not raw:
            raise broken("the reply has no stop reason")
        usage = body.get("usage")
        if not isinstance(usage, Mapping):
            raise mismatch("the reply does not say its usage", {})
        blocks = objects(body.get("content"))
        reasoning = "".join(
            str(block.get("thinking", "")) for block in blocks if block.get("type") == "thinking"
        )
        return Answer(
            text="".join(
                str(block.get("text", "")) for block in blocks if block.get("type") == "text"
            ),
            finish=FINISHES.get(raw, Finish.OTHER),
            finish_raw=raw,
            usage=anthropic_usage(usage),
            reasoning_text=reasoning or None,
            served_model=text_or_none(body.get("model")),
            served_tier=text_or_none(usage.get("service_tier")),
            request_id=headers.get("request-id") or text_or_none(body.get("id")),
        )

    def fold(self) -> MessageFold:
        """Start reading a stream."""
        return MessageFold()

    def classify(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> CallError:
        """Say what a status other than 200 means."""
        error = inner(body, "error")
        message = text_of(error.get("message"), text_of(body.get("message")))
        return fault_of_status(
            status, headers, message, kind=KIND_BY_TYPE.get(str(error.get("type")))
        )


def _thinking(request: Request) -> Json | None:
    """Write the thinking union; None where the setting says nothing of it."""
    setting = request.setting
    if setting.budget is not None:
        if setting.switch not in {None, Switch.ON}:
            raise cannot_say(request, f"a budget cannot stand beside switch '{setting.switch}'")
        if not 1024 <= setting.budget < request.max_output_tokens:
            raise cannot_say(
                request,
                f"the budget of {setting.budget} must be at least 1024 and below"
                f" max_output_tokens ({request.max_output_tokens})",
            )
        return {"type": "enabled", "budget_tokens": setting.budget}
    if setting.switch is Switch.ON:
        raise cannot_say(request, "switch 'on' needs a budget; newer models take 'adaptive'")
    if setting.switch is None:
        return None
    if setting.switch is Switch.ADAPTIVE:
        return {"type": "adaptive", "display": "omitted"}
    names = {Switch.OFF: "disabled", Switch.BETWEEN_TOOLS: "between_tools"}
    return {"type": names[setting.switch]}


def _error_inside(body: Mapping[str, Any]) -> CallError:
    """Say what an error means that came with status 200."""
    error = inner(body, "error")
    return CallError(
        KIND_BY_TYPE.get(str(error.get("type")), FaultKind.OVERLOADED),
        text_of(error.get("message"), "the provider reported an error inside its reply"),
        charge=Charge.POSSIBLE,
    )


DELTAS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "signature_delta": "signature",
}
"""Type of a delta to the field of the block that it adds to."""


class MessageFold:
    """Puts the events of a message together."""

    def __init__(self) -> None:
        """Start before message_start."""
        self.done = False
        self._message: Json = {}
        self._blocks: dict[int, Json] = {}
        self._pieces: dict[tuple[int, str], list[str]] = {}

    def feed(self, event: str, data: str) -> Seen:
        """Take one event."""
        value = parse(data)
        kind = value.get("type", event)
        if kind == "error":
            raise _error_inside(value)
        if kind == "message_start":
            self._message = dict(inner(value, "message"))
        elif kind == "content_block_start":
            self._blocks[_index(value)] = dict(inner(value, "content_block"))
        elif kind == "content_block_delta":
            return self._delta(_index(value), inner(value, "delta"))
        elif kind == "message_delta":
            self._message |= inner(value, "delta")
            counts = {k: v for k, v in inner(value, "usage").items() if v is not None}
            self._message["usage"] = {**inner(self._message, "usage"), **counts}
        elif kind == "message_stop":
            self.done = True
        return Seen.NOTHING

    def _delta(self, index: int, delta: Mapping[str, Any]) -> Seen:
        """Keep what a delta adds."""
        name = DELTAS.get(str(delta.get("type")), "")
        piece = delta.get(name)
        if not isinstance(piece, str) or not piece:
            return Seen.NOTHING
        self._pieces.setdefault((index, name), []).append(piece)
        seen = {"text": Seen.VISIBLE, "thinking": Seen.REASONING}
        return seen.get(name, Seen.NOTHING)

    def body(self) -> Json:
        """Give the message. Raises CallError when the stream ended too early."""
        if not self.done:
            raise broken("the stream ended before the message did")
        for (index, name), pieces in self._pieces.items():
            block = self._blocks.setdefault(index, {"type": name})
            block[name] = str(block.get(name) or "") + "".join(pieces)
        self._pieces = {}
        return {**self._message, "content": [self._blocks[i] for i in sorted(self._blocks)]}


def _index(value: Mapping[str, Any]) -> int:
    index = value.get("index", 0)
    return index if isinstance(index, int) else 0

"""Ollama's own chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costplan.providers.fault import CallError, Charge, FaultKind, fault_of_status, text_of
from costplan.providers.reply import Answer, Finish
from costplan.providers.request import Request, Switch
from costplan.providers.usage import ollama_usage
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
    parse,
    text_or_none,
    with_extras,
)

FIXED = ("model", "messages", "stream", "options.num_predict", "tools")
"""Fields of the body that a setting's raw JSON must leave alone."""
FINISHES = {"stop": Finish.STOP, "length": Finish.LENGTH}
NANOSECOND = 1e-9


class Ollama:
    """Requests and replies of POST /api/chat."""

    framing = Framing.NDJSON

    def __init__(self, endpoint: Endpoint) -> None:
        """Speak to an address that ends before /api/chat."""
        self.endpoint = endpoint

    def encode(self, request: Request) -> Wire:
        """Write the request; the context is made large enough, and a longer prompt is refused."""
        messages = [{"role": str(m.role), "content": m.text} for m in request.messages]
        if request.system is not None:
            messages.insert(0, {"role": "system", "content": request.system})
        body: Json = {"model": request.model, "messages": messages}
        think = _think(request)
        if think is not None:
            body["think"] = think
        body["stream"] = request.stream
        # else the server cuts a long prompt in silence and answers another question
        body["truncate"] = False
        body["options"] = {
            "num_predict": request.max_output_tokens,
            "num_ctx": _context(request),
        }
        return Wire(
            "POST",
            f"{self.endpoint.base_url}/api/chat",
            headers_of(self.endpoint),
            with_extras(body, request, FIXED),
            "authorization" if self.endpoint.key_env else "",
            "Bearer ",
        )

    def decode(
        self, request: Request, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Answer:
        """Read the last object of a chat."""
        if body.get("error"):
            raise _error_inside(body)
        if body.get("done") is not True:
            raise broken("the reply is not done")
        message = inner(body, "message")
        raw = str(body.get("done_reason") or "")
        times = [body.get("total_duration"), body.get("load_duration", 0)]
        known = all(isinstance(value, int) for value in times)
        counts = ("prompt_eval_count", "eval_count")
        return Answer(
            text=text_or_none(message.get("content")) or "",
            finish=FINISHES.get(raw, Finish.OTHER),
            finish_raw=raw,
            usage=ollama_usage({name: body[name] for name in counts if name in body}),
            reasoning_text=text_or_none(message.get("thinking")),
            served_model=text_or_none(body.get("model")),
            server_s=(times[0] - times[1]) * NANOSECOND if known else None,
        )

    def fold(self) -> OllamaFold:
        """Start reading a stream."""
        return OllamaFold()

    def classify(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> CallError:
        """Say what a status other than 200 means."""
        return fault_of_status(status, headers, text_of(body.get("error")))


def _think(request: Request) -> bool | str | None:
    """Write the switch or the level; None where the setting says neither."""
    setting = request.setting
    if setting.budget is not None:
        raise cannot_say(request, "Ollama has no reasoning budget")
    if setting.effort is not None:
        if setting.switch not in {None, Switch.ON}:
            raise cannot_say(request, "Ollama takes an effort or a switch, not both")
        return setting.effort
    if setting.switch is None:
        return None
    if setting.switch not in {Switch.ON, Switch.OFF}:
        raise cannot_say(request, f"Ollama has no switch '{setting.switch}'")
    return setting.switch is Switch.ON


def _context(request: Request) -> int:
    """Size the context in tokens: the cap and the prompt at two bytes a token, in steps of 1024."""
    texts = [message.text for message in request.messages] + [request.system or ""]
    prompt = sum(len(text.encode()) for text in texts) // 2
    return -(-(request.max_output_tokens + prompt + 512) // 1024) * 1024


def _error_inside(body: Mapping[str, Any]) -> CallError:
    """Make the fault of an error that came with status 200."""
    return CallError(
        FaultKind.OVERLOADED, text_of(body.get("error"), "error"), charge=Charge.POSSIBLE
    )


class OllamaFold:
    """Puts the lines of a chat together."""

    def __init__(self) -> None:
        """Start before the first line."""
        self.done = False
        self._last: Json = {}
        self._pieces: dict[str, list[str]] = {"content": [], "thinking": []}

    def feed(self, event: str, data: str) -> Seen:
        """Take one line."""
        value = parse(data)
        if value.get("error"):
            raise _error_inside(value)
        message = inner(value, "message")
        for name, pieces in self._pieces.items():
            pieces.append(text_or_none(message.get(name)) or "")
        if value.get("done") is True:
            self._last = value
            self.done = True
        if message.get("content"):
            return Seen.VISIBLE
        return Seen.REASONING if message.get("thinking") else Seen.NOTHING

    def body(self) -> Json:
        """Give the whole chat. Raises CallError when the stream ended too early."""
        if not self.done:
            raise broken("the stream ended before the answer did")
        texts = {name: "".join(pieces) for name, pieces in self._pieces.items()}
        return {**self._last, "message": {"role": "assistant", **texts}}

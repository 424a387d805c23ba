"""Gemini generateContent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from costplan.providers.fault import (
    CallError,
    Charge,
    FaultKind,
    duration_s,
    fault_of_status,
    text_of,
)
from costplan.providers.reply import Answer, Finish
from costplan.providers.request import Request, Role, Switch, Tier
from costplan.providers.usage import gemini_usage, mismatch
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

TIERS = {Tier.STANDARD: "standard", Tier.FLEX: "flex", Tier.PRIORITY: "priority"}
FIXED = (
    "contents",
    "systemInstruction",
    "serviceTier",
    "tools",
    "cachedContent",
    "generationConfig.maxOutputTokens",
    "generationConfig.candidateCount",
)
"""Fields of the body that a setting's raw JSON must leave alone."""

BLOCKED = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
    }
)


class Gemini:
    """Requests and replies of POST /v1beta/models/{model}:generateContent."""

    framing = Framing.SSE

    def __init__(self, endpoint: Endpoint) -> None:
        """Speak to an address that ends before /models."""
        self.endpoint = endpoint

    def encode(self, request: Request) -> Wire:
        """Write the request."""
        roles = {Role.USER: "user", Role.ASSISTANT: "model"}
        config: Json = {"maxOutputTokens": request.max_output_tokens}
        thinking = _thinking(request)
        if thinking:
            config["thinkingConfig"] = thinking
        body: Json = {
            "contents": [
                {"role": roles[m.role], "parts": [{"text": m.text}]} for m in request.messages
            ]
        }
        if request.system is not None:
            body["systemInstruction"] = {"parts": [{"text": request.system}]}
        body["generationConfig"] = config
        if request.tier is not None:
            body["serviceTier"] = TIERS[request.tier]
        method = "streamGenerateContent?alt=sse" if request.stream else "generateContent"
        model = quote(request.model.removeprefix("models/"), safe="")
        return Wire(
            "POST",
            f"{self.endpoint.base_url}/models/{model}:{method}",
            headers_of(self.endpoint),
            with_extras(body, request, FIXED),
            "x-goog-api-key" if self.endpoint.key_env else "",
        )

    def decode(
        self, request: Request, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> Answer:
        """Read a response, with or without candidates."""
        if body.get("error"):
            raise _error_inside(body)
        usage = body.get("usageMetadata")
        if not isinstance(usage, Mapping):
            raise mismatch("the reply does not say its usage", {})
        candidates = objects(body.get("candidates"))
        if candidates:
            candidate = candidates[0]
            raw = str(candidate.get("finishReason") or "")
            finish = _finish(raw)
            parts = objects(inner(candidate, "content").get("parts"))
        else:
            raw = str(inner(body, "promptFeedback").get("blockReason") or "")
            finish, parts = Finish.REFUSAL, []
            if not raw:
                raise broken("the reply holds neither a candidate nor a block reason")
        thoughts = "".join(str(p.get("text", "")) for p in parts if p.get("thought"))
        served = text_or_none(body.get("modelVersion"))
        return Answer(
            text="".join(str(p.get("text", "")) for p in parts if not p.get("thought")),
            finish=finish,
            finish_raw=raw,
            usage=gemini_usage(usage),
            reasoning_text=thoughts or None,
            served_model=served.removeprefix("models/") if served else None,
            served_tier=headers.get("x-gemini-service-tier"),
            request_id=text_or_none(body.get("responseId")),
        )

    def fold(self) -> GeminiFold:
        """Start reading a stream."""
        return GeminiFold()

    def classify(
        self, status: int, body: Mapping[str, Any], headers: Mapping[str, str]
    ) -> CallError:
        """Say what a status other than 200 means; the wait stands in the body here."""
        error = inner(body, "error")
        daily, wait_s = _details(objects(error.get("details")))
        message = text_of(error.get("message"))
        kind = FaultKind.QUOTA if daily else None
        if status == 400 and "API key" in message:
            kind = FaultKind.AUTH
        return fault_of_status(status, headers, message, kind=kind, wait_s=wait_s)


def _thinking(request: Request) -> Json:
    """Write the thinking config; empty where the setting says nothing of it."""
    setting = request.setting
    said = [v for v in (setting.effort, setting.budget, setting.switch) if v is not None]
    if len(said) > 1:
        raise cannot_say(request, "Gemini takes one of effort, budget and switch")
    if setting.effort is not None:
        return {"thinkingLevel": setting.effort.upper(), "includeThoughts": True}
    if setting.budget is not None:
        return {"thinkingBudget": setting.budget}
    if setting.switch is None:
        return {}
    budgets = {Switch.OFF: 0, Switch.ON: -1, Switch.ADAPTIVE: -1}
    if setting.switch not in budgets:
        raise cannot_say(request, f"Gemini has no switch '{setting.switch}'")
    return {"thinkingBudget": budgets[setting.switch]}


def _finish(raw: str) -> Finish:
    """Name why the answer ended. Raises CallError where it has not."""
    if raw == "CONTINUATION":
        raise CallError(
            FaultKind.UNFINISHED,
            "the answer goes on in a further call; lower max_output_tokens",
            charge=Charge.CERTAIN,
        )
    if raw in {"", "FINISH_REASON_UNSPECIFIED"}:
        raise broken("the reply has no finish reason")
    if raw in BLOCKED:
        return Finish.REFUSAL
    return {"STOP": Finish.STOP, "MAX_TOKENS": Finish.LENGTH}.get(raw, Finish.OTHER)


def _details(details: list[Json]) -> tuple[bool, float | None]:
    """Read from an error's details whether a daily quota is used up, and the wait."""
    daily, wait_s = False, None
    for detail in details:
        kind = str(detail.get("@type", ""))
        if kind.endswith("QuotaFailure"):
            ids = [str(v.get("quotaId", "")) for v in objects(detail.get("violations"))]
            daily |= any("PerDay" in quota for quota in ids)
        elif kind.endswith("RetryInfo"):
            wait_s = duration_s(str(detail.get("retryDelay", "")))
    return daily, wait_s


def _error_inside(body: Mapping[str, Any]) -> CallError:
    """Say what an error means that came with status 200."""
    error = inner(body, "error")
    code = error.get("code")
    fault = fault_of_status(
        code if isinstance(code, int) else 500, {}, text_of(error.get("message"))
    )
    fault.status, fault.charge = None, Charge.POSSIBLE
    return fault


class GeminiFold:
    """Puts the chunks of a response together; counts are cumulative, the last ones hold."""

    def __init__(self) -> None:
        """Start before the first chunk."""
        self.done = False
        self._top: Json = {}
        self._candidate: Json = {}
        self._parts: list[Json] = []

    def feed(self, event: str, data: str) -> Seen:
        """Take one chunk."""
        chunk = parse(data)
        if chunk.get("error"):
            raise _error_inside(chunk)
        self._top |= {k: v for k, v in chunk.items() if k != "candidates"}
        candidates = objects(chunk.get("candidates"))
        if not candidates:
            return Seen.NOTHING
        self._candidate |= {k: v for k, v in candidates[0].items() if k != "content"}
        parts = objects(inner(candidates[0], "content").get("parts"))
        self._parts += parts
        if any(part.get("text") and not part.get("thought") for part in parts):
            return Seen.VISIBLE
        return Seen.REASONING if any(part.get("text") for part in parts) else Seen.NOTHING

    def body(self) -> Json:
        """Give the response. Raises CallError when the stream ended too early."""
        blocked = bool(inner(self._top, "promptFeedback").get("blockReason"))
        if not self._candidate.get("finishReason") and not blocked:
            raise broken("the stream ended before the answer did")
        if not self._candidate:
            return self._top
        content = {"role": "model", "parts": self._parts}
        return {**self._top, "candidates": [{**self._candidate, "content": content}]}

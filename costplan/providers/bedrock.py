"""Amazon Bedrock Converse through boto3, which signs; an extra."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from costplan.providers.fault import CallError, Charge, FaultKind, text_of
from costplan.providers.reply import Answer, Finish, Reply
from costplan.providers.request import Request, Switch, Tier
from costplan.providers.served import check_served
from costplan.providers.usage import bedrock_usage, mismatch
from costplan.providers.wire import Json, Seen, broken, cannot_say, inner, text_or_none, with_extras

TIERS = {Tier.STANDARD: "default", Tier.FLEX: "flex", Tier.PRIORITY: "priority"}
FIXED = ("modelId", "messages", "system", "inferenceConfig.maxTokens", "serviceTier", "toolConfig")
"""Arguments that a setting's raw JSON must leave alone."""
FINISHES = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "model_context_window_exceeded": Finish.LENGTH,
    "guardrail_intervened": Finish.REFUSAL,
    "content_filtered": Finish.REFUSAL,
    "tool_use": Finish.TOOL,
}
KINDS = {
    "AccessDeniedException": FaultKind.AUTH,
    "UnrecognizedClientException": FaultKind.AUTH,
    "ExpiredTokenException": FaultKind.AUTH,
    "InvalidSignatureException": FaultKind.AUTH,
    "ThrottlingException": FaultKind.RATE_LIMITED,
    "ServiceQuotaExceededException": FaultKind.QUOTA,
    "ResourceNotFoundException": FaultKind.NOT_FOUND,
    "ValidationException": FaultKind.BAD_REQUEST,
    "ModelTimeoutException": FaultKind.OVERLOADED,
    "ModelNotReadyException": FaultKind.OVERLOADED,
    "ModelErrorException": FaultKind.OVERLOADED,
    "ModelStreamErrorException": FaultKind.OVERLOADED,
    "InternalServerException": FaultKind.OVERLOADED,
    "ServiceUnavailableException": FaultKind.OVERLOADED,
}


def encode(request: Request) -> Json:
    """Write the arguments of ConverseStream."""
    setting = request.setting
    body: Json = {
        "modelId": request.model,
        "messages": [
            {"role": str(m.role), "content": [{"text": m.text}]} for m in request.messages
        ],
        "inferenceConfig": {"maxTokens": request.max_output_tokens},
    }
    if request.system is not None:
        body["system"] = [{"text": request.system}]
    if request.tier is not None:
        body["serviceTier"] = {"type": TIERS[request.tier]}
    if setting.effort is not None:
        body["outputConfig"] = {"effort": setting.effort}
    thinking = _thinking(request)
    if thinking:
        body["additionalModelRequestFields"] = {"thinking": thinking}
    return with_extras(body, request, FIXED)


def _thinking(request: Request) -> Json:
    """Write Anthropic's thinking field, which Bedrock passes on."""
    setting = request.setting
    if setting.budget is not None:
        if setting.switch not in {None, Switch.ON} or setting.budget >= request.max_output_tokens:
            raise cannot_say(request, "a budget stands alone and below max_output_tokens")
        return {"type": "enabled", "budget_tokens": setting.budget}
    if setting.switch is Switch.ON:
        raise cannot_say(request, "switch 'on' needs a budget")
    names = {Switch.OFF: "disabled", Switch.ADAPTIVE: "adaptive"}
    names[Switch.BETWEEN_TOOLS] = "between_tools"
    return {"type": names[setting.switch]} if setting.switch is not None else {}


class ConverseFold:
    """Puts the events of a stream together."""

    def __init__(self) -> None:
        """Start before messageStart."""
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._stop = ""
        self._metadata: Mapping[str, Any] = {}

    def feed(self, event: Mapping[str, Any]) -> Seen:
        """Take one event. Raises CallError for an exception inside the stream."""
        for name, value in event.items():
            if name.endswith("Exception"):
                raise _fault(name[:1].upper() + name[1:], inner(event, name), Charge.POSSIBLE)
            if name == "contentBlockDelta":
                return self._delta(inner(value, "delta"))
            if name == "messageStop":
                self._stop = str(value.get("stopReason", ""))
            if name == "metadata":
                self._metadata = value
        return Seen.NOTHING

    def _delta(self, delta: Mapping[str, Any]) -> Seen:
        text = text_or_none(delta.get("text"))
        reasoning = text_or_none(inner(delta, "reasoningContent").get("text"))
        if text:
            self._text.append(text)
            return Seen.VISIBLE
        if reasoning:
            self._reasoning.append(reasoning)
            return Seen.REASONING
        return Seen.NOTHING

    def answer(self, request_id: str | None) -> Answer:
        """Give the answer. Raises CallError when the stream ended too early."""
        usage = self._metadata.get("usage")
        if not self._stop:
            raise broken("the stream ended before the answer did")
        if not isinstance(usage, Mapping):
            raise mismatch("the reply does not say its usage", {})
        milliseconds = inner(self._metadata, "metrics").get("latencyMs")
        return Answer(
            text="".join(self._text),
            finish=FINISHES.get(self._stop, Finish.OTHER),
            finish_raw=self._stop,
            usage=bedrock_usage(usage),
            reasoning_text="".join(self._reasoning) or None,
            served_tier=text_or_none(inner(self._metadata, "serviceTier").get("type")),
            request_id=request_id,
            server_s=milliseconds / 1000 if isinstance(milliseconds, int | float) else None,
        )


class Bedrock:
    """Sends requests to Bedrock; credentials are found by boto3 as for every AWS tool."""

    def __init__(
        self, *, region: str | None = None, endpoint_url: str | None = None, calls: int = 64
    ) -> None:
        """Allow so many calls at once. Raises CallError when boto3 is not installed."""
        try:
            import boto3
        except ImportError:
            raise CallError(
                FaultKind.BAD_REQUEST, "Bedrock needs boto3: pip install 'costplan[bedrock]'"
            ) from None
        self._session = boto3.session.Session(region_name=region)
        self._endpoint_url = endpoint_url
        self._calls = calls
        self._clients: dict[float, Any] = {}
        self._threads = ThreadPoolExecutor(calls, thread_name_prefix="bedrock")

    def _client(self, timeout_s: float) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """Make a client that waits so long and never asks twice by itself."""
        if timeout_s not in self._clients:
            from botocore.config import Config

            self._clients[timeout_s] = self._session.client(
                "bedrock-runtime",
                endpoint_url=self._endpoint_url,
                config=Config(
                    connect_timeout=15,
                    read_timeout=timeout_s,
                    retries={"total_max_attempts": 1},
                    max_pool_connections=self._calls,
                ),
            )
        return self._clients[timeout_s]

    async def send(self, request: Request) -> Reply:
        """Make one attempt. Raises CallError.

        A call that is cancelled or late ends here at once; its thread ends with its connection.
        """
        arguments = encode(request)
        client = self._client(request.timeout_s)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(request.timeout_s):
                reply = await loop.run_in_executor(self._threads, _call, client, arguments)
        except TimeoutError:
            message = f"no end of the reply within {request.timeout_s:g} s"
            raise CallError(FaultKind.TIMEOUT, message, charge=Charge.POSSIBLE) from None
        check_served(request, reply.answer)
        return reply

    def close(self) -> None:
        """Let no more calls start."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _call(client: Any, arguments: Json) -> Reply:  # noqa: ANN401
    """Send and read to the end, in a thread."""
    fault: CallError
    first: dict[Seen, float] = {}
    sent_at, began = datetime.now(UTC), time.perf_counter()
    fold = ConverseFold()
    try:
        response = client.converse_stream(**arguments)
        for event in response["stream"]:
            seen = fold.feed(event)
            if seen is not Seen.NOTHING and seen not in first:
                first[seen] = time.perf_counter() - began
        total_s = time.perf_counter() - began
        request_id = response["ResponseMetadata"].get("RequestId")
        return Reply(
            answer=fold.answer(request_id),
            sent_at=sent_at,
            total_s=total_s,
            first_reasoning_s=first.get(Seen.REASONING),
            first_visible_s=first.get(Seen.VISIBLE),
        )
    except CallError as inside:
        fault = inside
    except Exception as error:
        fault = _sort(error)
    # raised here, where no frame of boto3 with a signature hangs on the traceback
    raise fault


def _sort(error: Exception) -> CallError:
    """Say what boto3's exception means for the call and for the bill."""
    from botocore import exceptions

    if isinstance(error, exceptions.EventStreamError | exceptions.ClientError):
        said = error.response.get("Error", {})
        code = str(said.get("Code", ""))
        inside = isinstance(error, exceptions.EventStreamError)
        return _fault(
            code[:1].upper() + code[1:],
            {"message": said.get("Message")},
            Charge.POSSIBLE if inside else Charge.NONE,
        )
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return CallError(FaultKind.AUTH, "no AWS credentials were found")
    if isinstance(error, exceptions.ParamValidationError | exceptions.NoRegionError):
        return CallError(FaultKind.BAD_REQUEST, str(error))
    if isinstance(error, exceptions.EndpointConnectionError | exceptions.ConnectTimeoutError):
        return CallError(FaultKind.UNREACHABLE, f"no connection ({type(error).__name__})")
    if isinstance(error, exceptions.ReadTimeoutError):
        return CallError(FaultKind.TIMEOUT, "Bedrock fell silent", charge=Charge.POSSIBLE)
    if isinstance(error, exceptions.BotoCoreError) or type(error).__module__.startswith("urllib3"):
        return broken(f"the connection broke ({type(error).__name__})")
    raise error


def _fault(code: str, said: Mapping[str, Any], charge: Charge) -> CallError:
    """Make the fault of an exception that Bedrock names."""
    kind = KINDS.get(code, FaultKind.OVERLOADED)
    return CallError(kind, f"{code}: {text_of(said.get('message'))}".rstrip(": "), charge=charge)

"""AWS Bedrock model invocation logs."""

from __future__ import annotations

import json
from dataclasses import replace

from costplan.ingest.engine import Shape, moment, number, quote, text
from costplan.ingest.head import Head
from costplan.ingest.usage.format import PER_REQUEST, LogFormat

_THINKING: dict[str, Shape] = {
    "thinking": {"budget_tokens": "VARCHAR"},
    "reasoning_effort": "VARCHAR",
}
_READ, _WRITE = "input.cacheReadInputTokenCount", "input.cacheWriteInputTokenCount"
_BODY = "input.inputBodyJson"


def _recognise(head: Head) -> bool:
    return head.has("modelId", "requestId", "operation") and (
        head.has("schemaType") or head.has("inputTokenCount")
    )


BEDROCK = LogFormat(
    name="bedrock",
    recognise=_recognise,
    shape={
        **dict.fromkeys(
            ["timestamp", "requestId", "operation", "modelId", "errorCode", "accountId", "region"],
            "VARCHAR",
        ),
        "identity": {"arn": "VARCHAR"},
        "requestMetadata": "JSON",
        "input": {
            "inputTokenCount": "VARCHAR",
            "cacheReadInputTokenCount": "VARCHAR",
            "cacheWriteInputTokenCount": "VARCHAR",
            "inputBodyJson": {"additionalModelRequestFields": _THINKING, **_THINKING},
        },
        "output": {
            "outputTokenCount": "VARCHAR",
            "outputBodyJson": {"metrics": {"latencyMs": "VARCHAR"}},
        },
    },
    required="requestId IS NOT NULL AND modelId IS NOT NULL",
    rows={
        **PER_REQUEST,
        "request_id": text("requestId"),
        "start": moment("timestamp"),
        "model": text("modelId"),
        "setting": (
            f"COALESCE({_BODY}.additionalModelRequestFields.thinking.budget_tokens,"
            f" {_BODY}.thinking.budget_tokens,"
            f" {_BODY}.additionalModelRequestFields.reasoning_effort, {_BODY}.reasoning_effort)"
        ),
        "kind": (
            f"CASE WHEN {text('errorCode')} IS NOT NULL THEN 'failed'"
            " WHEN regexp_matches(modelId, 'embed|rerank|image|video|canvas|reel')"
            " THEN 'skipped' ELSE 'used' END"
        ),
        "input": f"{number('input.inputTokenCount')} + COALESCE({number(_READ)}, 0)"
        f" + COALESCE({number(_WRITE)}, 0)",
        "cached": number(_READ),
        "output": number("output.outputTokenCount"),
        "latency_s": "TRY_CAST(output.outputBodyJson.metrics.latencyMs AS DOUBLE) / 1000",
    },
    keys={
        "role": f"regexp_extract({text('identity.arn')}, '([^/]+)/[^/]*$', 1)",
        "accountId": text("accountId"),
        "region": text("region"),
        "operation": text("operation"),
        "model": text("modelId"),
    },
    objects={"requestMetadata": "requestMetadata"},
    numeric=("input.inputTokenCount", "output.outputTokenCount"),
    cannot_say=("reasoning_tokens", "usd"),
)

_STRUCTURE = quote(json.dumps(BEDROCK.shape)).replace("{", "{{").replace("}", "}}")


def _recognise_events(head: Head) -> bool:
    return head.has("events", "message") and "ModelInvocationLog" in head.text


BEDROCK_EVENTS = replace(
    BEDROCK,
    name="bedrock-events",
    recognise=_recognise_events,
    shape={"message": "VARCHAR"},
    wrapper="events",
    explode=(
        "SELECT item.*, _line FROM (SELECT json_transform(CASE WHEN json_valid(message)"
        f" THEN CAST(message AS JSON) END, {_STRUCTURE})"
        " AS item, _line FROM ({source}))"
    ),
    alone=True,
)
"""The same records as the text of events, as they come from CloudWatch."""

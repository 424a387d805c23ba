"""LiteLLM spend rows: JSON, CSV from Postgres, pages of the API."""

from __future__ import annotations

from costplan.ingest.engine import Shape, decimal, moment, number, text
from costplan.ingest.head import Head
from costplan.ingest.usage.format import PER_REQUEST, LogFormat

_USAGE: Shape = {
    "cache_read_input_tokens": "VARCHAR",
    "prompt_tokens_details": {"cached_tokens": "VARCHAR"},
    "completion_tokens_details": {"reasoning_tokens": "VARCHAR"},
}
_CACHED = (
    "COALESCE(metadata.usage_object.prompt_tokens_details.cached_tokens,"
    " metadata.additional_usage_values.prompt_tokens_details.cached_tokens,"
    " metadata.usage_object.cache_read_input_tokens,"
    " metadata.additional_usage_values.cache_read_input_tokens)"
)
_REASONING = (
    "COALESCE(metadata.usage_object.completion_tokens_details.reasoning_tokens,"
    " metadata.additional_usage_values.completion_tokens_details.reasoning_tokens)"
)
_NOT_TEXT = "embedding|image|speech|transcription|moderation|rerank|search|ocr|video|file|batch"


def _recognise(head: Head) -> bool:
    return head.has("request_id", "startTime", "spend", "prompt_tokens")


LITELLM = LogFormat(
    name="litellm",
    recognise=_recognise,
    shape={
        **dict.fromkeys(
            [
                "request_id",
                "call_type",
                "startTime",
                "endTime",
                "request_duration_ms",
                "model",
                "model_group",
                "model_id",
                "prompt_tokens",
                "completion_tokens",
                "spend",
                "status",
                "cache_hit",
                "team_id",
                "organization_id",
                "end_user",
                "user",
                "session_id",
                "agent_id",
            ],
            "VARCHAR",
        ),
        "request_tags": ["VARCHAR"],
        "metadata": {
            "usage_object": _USAGE,
            "additional_usage_values": _USAGE,
            "spend_logs_metadata": "JSON",
            "user_api_key_alias": "VARCHAR",
            "user_api_key_team_alias": "VARCHAR",
            "attempted_retries": "VARCHAR",
            "status": "VARCHAR",
            "error_information": {"error_code": "VARCHAR", "error_class": "VARCHAR"},
        },
        "proxy_server_request": {
            "reasoning_effort": "VARCHAR",
            "reasoning": {"effort": "VARCHAR"},
            "thinking": {"budget_tokens": "VARCHAR"},
            "body": {"reasoning_effort": "VARCHAR", "thinking": {"budget_tokens": "VARCHAR"}},
        },
    },
    required="request_id IS NOT NULL AND startTime IS NOT NULL",
    rows={
        **PER_REQUEST,
        "request_id": text("request_id"),
        "start": moment("startTime"),
        "finish": moment("endTime"),
        "team": f"COALESCE({text('metadata.user_api_key_team_alias')}, {text('team_id')})",
        "model": f"COALESCE({text('model')}, {text('model_group')})",
        "setting": (
            "COALESCE(proxy_server_request.reasoning_effort,"
            " proxy_server_request.reasoning.effort, proxy_server_request.body.reasoning_effort,"
            " proxy_server_request.thinking.budget_tokens,"
            " proxy_server_request.body.thinking.budget_tokens)"
        ),
        "kind": (
            f"CASE WHEN regexp_matches(call_type, '{_NOT_TEXT}') THEN 'skipped'"
            " WHEN COALESCE(NULLIF(status, ''), metadata.status) = 'failure'"
            " OR NULLIF(metadata.error_information.error_class, '') IS NOT NULL THEN 'failed'"
            " WHEN lower(cache_hit) = 'true' THEN 'cache_hit' ELSE 'used' END"
        ),
        "input": number("prompt_tokens"),
        "cached": number(_CACHED),
        "output": number("completion_tokens"),
        "reasoning": number(_REASONING),
        "usd": decimal("spend"),
        "latency_s": "TRY_CAST(request_duration_ms AS DOUBLE) / 1000",
        "retries": number("metadata.attempted_retries"),
    },
    keys={
        "model_group": text("model_group"),
        "key_alias": text("metadata.user_api_key_alias"),
        "team": f"COALESCE({text('metadata.user_api_key_team_alias')}, {text('team_id')})",
        "team_id": text("team_id"),
        "user": text('"user"'),
        "end_user": text("end_user"),
        "organization_id": text("organization_id"),
        "agent_id": text("agent_id"),
        "model_id": text("model_id"),
        "call_type": text("call_type"),
        "model": text("model"),
    },
    objects={"metadata": "metadata.spend_logs_metadata"},
    tags="request_tags",
    numeric=("prompt_tokens", "completion_tokens", "spend", "request_duration_ms"),
    wrapper="data",
)

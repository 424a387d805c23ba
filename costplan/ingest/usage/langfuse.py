"""Langfuse observations: exports v2 (JSON lines, JSON, CSV, Parquet) and objects of the API."""

from __future__ import annotations

from dataclasses import replace

from costplan.ingest.engine import Shape, decimal, moment, text
from costplan.ingest.head import Head
from costplan.ingest.usage.format import PER_REQUEST, LogFormat

_OUT = "regexp_matches(e.key, 'output|completion|reasoning')"
_IN = f"regexp_matches(e.key, 'input|prompt|cache') AND NOT {_OUT}"


def _sum(condition: str) -> str:
    return (
        f"COALESCE(list_sum(list_transform(list_filter(map_entries(u), lambda e: {condition}),"
        " lambda e: COALESCE(e.value, 0))), 0)"
    )


def _first(*keys: str) -> str:
    return "COALESCE(" + ", ".join(f"u['{key}']" for key in keys) + ", NULL)"


_CACHED = _first(
    "input_cached_tokens",
    "input_cache_read",
    "cache_read_input_tokens",
    "input_cached",
    "input_cache_read_tokens",
    "cached_tokens",
)
_REASONING = _first("output_reasoning_tokens", "output_reasoning", "reasoning_tokens", "reasoning")
_PLAIN_IN = _first("input", "prompt_tokens", "input_tokens", "prompt")
_PLAIN_OUT = _first("output", "completion_tokens", "output_tokens", "completion")

EXPLODE = f"""
WITH read AS (SELECT *, TRY_CAST(usage_details AS MAP(VARCHAR, DOUBLE)) AS u FROM ({{source}})),
summed AS (
  SELECT *, {_sum(_IN)} AS parts_in, {_sum(_OUT)} AS parts_out, {_PLAIN_IN} AS plain_in,
    {_PLAIN_OUT} AS plain_out, u['total'] AS stated FROM read
)
SELECT *, plain_in IS NOT NULL AND stated IS NOT NULL
    AND COALESCE(plain_in, 0) + COALESCE(plain_out, 0) = stated AS nested,
  stated IS NULL OR parts_in + parts_out = stated AS disjoint FROM summed
"""


_PARAMETERS: Shape = {
    "reasoning_effort": "VARCHAR",
    "effort": "VARCHAR",
    "thinking": {"budget_tokens": "VARCHAR"},
}


def _recognise(head: Head) -> bool:
    return head.has("usage_details", "type", "start_time")


LANGFUSE = LogFormat(
    name="langfuse",
    recognise=_recognise,
    shape={
        **dict.fromkeys(
            [
                "id",
                "type",
                "name",
                "trace_name",
                "start_time",
                "end_time",
                "latency",
                "provided_model_name",
                "total_cost",
                "level",
                "environment",
                "user_id",
                "session_id",
                "version",
            ],
            "VARCHAR",
        ),
        "usage_details": "JSON",
        "model_parameters": _PARAMETERS,
        "metadata": "JSON",
        "tags": ["VARCHAR"],
    },
    required="id IS NOT NULL AND type IS NOT NULL",
    rows={
        **PER_REQUEST,
        "request_id": text("id"),
        "start": moment("start_time"),
        "finish": moment("end_time"),
        "model": text("provided_model_name"),
        "setting": (
            "COALESCE(model_parameters.reasoning_effort, model_parameters.effort,"
            " model_parameters.thinking.budget_tokens)"
        ),
        "kind": (
            "CASE WHEN type <> 'GENERATION' THEN 'skipped' WHEN level = 'ERROR' THEN 'failed'"
            " ELSE 'used' END"
        ),
        "input": "CASE WHEN cardinality(u) > 0 THEN"
        " CAST(CASE WHEN nested THEN plain_in ELSE parts_in END AS BIGINT) END",
        "cached": f"CAST({_CACHED} AS BIGINT)",
        "output": "CASE WHEN cardinality(u) > 0 THEN"
        " CAST(CASE WHEN nested THEN plain_out ELSE parts_out END AS BIGINT) END",
        "reasoning": f"CAST({_REASONING} AS BIGINT)",
        "usd": decimal("total_cost"),
        "latency_s": "TRY_CAST(latency AS DOUBLE)",
        "odd": "CASE WHEN NOT nested AND NOT disjoint"
        " THEN 'usage parts do not add up to total' END",
    },
    keys={
        "name": text("name"),
        "trace_name": text("trace_name"),
        "environment": text("environment"),
        "user_id": text("user_id"),
        "version": text("version"),
        "model": text("provided_model_name"),
    },
    objects={"metadata": "metadata"},
    tags="tags",
    numeric=("latency", "total_cost"),
    wrapper="data",
    explode=EXPLODE,
    alone=True,
)


_API_NAMES = {
    "trace_name": "traceName",
    "start_time": "startTime",
    "end_time": "endTime",
    "user_id": "userId",
    "session_id": "sessionId",
    "model_parameters": "modelParameters",
    "provided_model_name": "COALESCE(providedModelName, model)",
    "total_cost": "COALESCE(totalCost, costDetails.total, calculatedTotalCost)",
    # Before there were details, an observation had one sum each way, not always of tokens.
    "usage_details": (
        "COALESCE(NULLIF(CAST(usageDetails AS VARCHAR), '{{}}')::JSON,"
        " CASE WHEN COALESCE(usage.unit, 'TOKENS') = 'TOKENS' AND"
        " COALESCE(usage.input, usage.output) IS NOT NULL THEN json_object("
        "'input', TRY_CAST(usage.input AS BIGINT), 'output', TRY_CAST(usage.output AS BIGINT))"
        " END)"
    ),
}
_KEPT = ("id", "type", "name", "level", "environment", "version", "latency", "metadata", "tags")


def _recognise_api(head: Head) -> bool:
    return head.has("type", "startTime", "modelParameters") and (
        head.has("usageDetails") or head.has("usage", "traceId")
    )


_RENAMED = ", ".join([*_KEPT, "_line", *(f"{sql} AS {key}" for key, sql in _API_NAMES.items())])

LANGFUSE_API = replace(
    LANGFUSE,
    name="langfuse-api",
    recognise=_recognise_api,
    shape={
        **{key: LANGFUSE.shape[key] for key in _KEPT},
        **dict.fromkeys(
            [
                "traceName",
                "startTime",
                "endTime",
                "userId",
                "sessionId",
                "providedModelName",
                "model",
                "totalCost",
                "calculatedTotalCost",
            ],
            "VARCHAR",
        ),
        "modelParameters": _PARAMETERS,
        "usageDetails": "JSON",
        "usage": dict.fromkeys(("input", "output", "unit"), "VARCHAR"),
        "costDetails": {"total": "VARCHAR"},
    },
    explode=EXPLODE.replace("{source}", f"SELECT {_RENAMED} FROM ({{source}})"),
)

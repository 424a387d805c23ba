"""OpenTelemetry GenAI spans in OTLP/JSON, with the names of all versions and of OpenLLMetry."""

from __future__ import annotations

from costplan.ingest.engine import Shape, number, quote, text
from costplan.ingest.head import Head
from costplan.ingest.usage.format import PER_REQUEST, LogFormat

_VALUE = dict.fromkeys(("stringValue", "intValue", "doubleValue", "boolValue"), "VARCHAR")
_ATTRIBUTES: Shape = [{"key": "VARCHAR", "value": _VALUE}]
_LONGEST = 200
"""Attributes longer than this are texts, not labels; they are dropped where they are read."""


def _pick(names: tuple[str, ...], keys: str = "ks", values: str = "vs") -> str:
    parts = [f"{values}[list_position({keys}, {quote(name)})]" for name in names]
    return f"COALESCE({', '.join(parts)})" if len(parts) > 1 else parts[0]


def _lists(attributes: str) -> tuple[str, str]:
    kept = (
        f"list_filter({attributes}, lambda x: x.key IS NOT NULL"
        f" AND COALESCE(length(x.value.stringValue), 0) <= {_LONGEST}"
        " AND NOT regexp_matches(x.key, 'message|prompt\\.|completion\\.|instructions|content'))"
    )
    value = (
        "COALESCE(x.value.intValue, x.value.stringValue, x.value.doubleValue, x.value.boolValue)"
    )
    return (
        f"list_transform({kept}, lambda x: x.key)",
        f"list_transform({kept}, lambda x: {value})",
    )


_OPERATION = ("gen_ai.operation.name", "llm.request.type", "openinference.span.kind")
_INPUT = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.usage.prompt_tokens",
    "llm.token_count.prompt",
)
_OUTPUT = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.usage.completion_tokens",
    "llm.token_count.completion",
)
_REASONING = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.output_tokens.reasoning",
    "gen_ai.usage.details.reasoning_tokens",
    "llm.usage.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
)
_CACHED = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.input_tokens.cached",
    "gen_ai.usage.details.cache_read_tokens",
    "llm.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
)
_MODEL = (
    "gen_ai.response.model",
    "gen_ai.request.model",
    "llm.response.model",
    "llm.request.model",
    "llm.model_name",
)
_SETTING = (
    "gen_ai.request.reasoning.level",
    "gen_ai.request.reasoning_effort",
    "gen_ai.openai.request.reasoning_effort",
    "gen_ai.response.reasoning_effort",
    "llm.request.reasoning_effort",
)
_INFERENCE = (
    "'chat', 'text_completion', 'generate_content', 'completion', 'generate', 'inference', 'LLM'"
)
_RK, _RV = _lists("rs.resource.attributes")
_SK, _SV = _lists("sp.attributes")

EXPLODE = f"""
WITH resources AS (
  SELECT _line, unnest(CASE WHEN resourceSpans IS NULL THEN [NULL] ELSE resourceSpans END) AS rs
  FROM ({{source}})
), scopes AS (
  SELECT _line, rs IS NULL AS broken, {_RK} AS rk, {_RV} AS rv,
    unnest(CASE WHEN rs IS NULL THEN [NULL] ELSE rs.scopeSpans END) AS sc FROM resources
), flat AS (
  SELECT _line, broken, rk, rv,
    unnest(CASE WHEN sc IS NULL THEN [NULL] ELSE sc.spans END) AS sp FROM scopes
), spans AS MATERIALIZED (
  SELECT _line, broken, rk, rv, {_SK} AS ks, {_SV} AS vs, sp.traceId AS trace, sp.spanId AS span,
    NULLIF(sp.parentSpanId, '') AS parent, sp.startTimeUnixNano AS began,
    sp.endTimeUnixNano AS ended, sp.status.code AS code FROM flat
), marked AS MATERIALIZED (
  SELECT *, {_pick(_OPERATION)} AS operation,
    COALESCE({_pick(_INPUT)}, {_pick(_OUTPUT)}) IS NOT NULL AS counted FROM spans
), named AS (
  SELECT trace, span, any_value(ks) AS ks, any_value(vs) AS vs, any_value(parent) AS parent
  FROM marked GROUP BY trace, span
), wrapping AS (
  SELECT DISTINCT trace, parent AS span FROM marked
  WHERE parent IS NOT NULL AND counted AND COALESCE(operation, 'chat') IN ({_INFERENCE})
)
SELECT m.*, p.ks AS pk, p.vs AS pv, g.ks AS gk, g.vs AS gv, w.span IS NOT NULL AS wraps
FROM marked m
LEFT JOIN named p ON p.trace = m.trace AND p.span = m.parent
LEFT JOIN named g ON g.trace = p.trace AND g.span = p.parent
LEFT JOIN wrapping w ON w.trace = m.trace AND w.span = m.span
"""


def _recognise(head: Head) -> bool:
    return head.has("resourceSpans")


_ERROR = "gen_ai.response.error", "error.type"

OTEL_TRACES = LogFormat(
    name="otel-traces",
    recognise=_recognise,
    shape={
        "resourceSpans": [
            {
                "resource": {"attributes": _ATTRIBUTES},
                "scopeSpans": [
                    {
                        "spans": [
                            {
                                **dict.fromkeys(
                                    [
                                        "traceId",
                                        "spanId",
                                        "parentSpanId",
                                        "startTimeUnixNano",
                                        "endTimeUnixNano",
                                    ],
                                    "VARCHAR",
                                ),
                                "attributes": _ATTRIBUTES,
                                "status": {"code": "VARCHAR"},
                            }
                        ]
                    }
                ],
            }
        ]
    },
    required="NOT broken AND span IS NOT NULL",
    rows={
        **PER_REQUEST,
        "request_id": "trace || '/' || span",
        "start": f"make_timestamp_ns({number('began')})::TIMESTAMP",
        "finish": f"make_timestamp_ns({number('ended')})::TIMESTAMP",
        "model": _pick(_MODEL),
        "team": f"COALESCE({_pick(('service.namespace',), 'rk', 'rv')}, {_pick(('team',))})",
        "setting": _pick(_SETTING),
        "kind": (
            "CASE WHEN wraps AND counted THEN 'skipped'"
            f" WHEN operation IS NULL AND NOT counted THEN 'skipped'"
            f" WHEN COALESCE(operation, 'chat') NOT IN ({_INFERENCE}) THEN 'skipped'"
            f" WHEN code IN ('2', 'STATUS_CODE_ERROR') OR {_pick(_ERROR)} IS NOT NULL"
            " THEN 'failed' ELSE 'used' END"
        ),
        "input": number(_pick(_INPUT)),
        "cached": number(_pick(_CACHED)),
        "output": number(_pick(_OUTPUT)),
        "reasoning": number(_pick(_REASONING)),
        "usd": f"CAST(TRY_CAST({_pick(('gen_ai.usage.cost',))} AS DOUBLE) AS DECIMAL(38, 12))",
    },
    keys={
        "service.name": text(_pick(("service.name",), "rk", "rv")),
        "model": _pick(_MODEL),
        "provider": _pick(("gen_ai.provider.name", "gen_ai.system")),
    },
    attribute=(
        "COALESCE(vs[list_position(ks, {key})], rv[list_position(rk, {key})],"
        " pv[list_position(pk, {key})], gv[list_position(gk, {key})])"
    ),
    explode=EXPLODE,
    cannot_say=(),
)

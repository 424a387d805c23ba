"""Azure's diagnostic logs as JSON, from a storage account or an event hub.

A request through API Management has two records that share its correlation id: GatewayLlmLogs
counts tokens, GatewayLogs times the request. A model's own RequestResponse record has no tokens.
"""

from __future__ import annotations

from costplan.ingest.engine import moment, number, text
from costplan.ingest.head import Head
from costplan.ingest.usage.format import PER_REQUEST, LogFormat


def _property(field: str) -> str:
    """Read a property, which is written small in some sinks and large in others."""
    large = field[0].upper() + field[1:]
    return f"NULLIF(COALESCE(properties ->> '$.{field}', properties ->> '$.{large}'), '')"


_LLM, _GATEWAY, _OWN = (
    "ends_with(lower(category), 'gatewayllmlogs')",
    "ends_with(lower(category), 'gatewaylogs')",
    "lower(category) = 'requestresponse'",
)
_MODEL = (
    f"COALESCE({_property('modelName')}, {_property('deploymentName')},"
    f" {_property('modelDeploymentName')})"
)
_STATUS = f"COALESCE({_property('responseCode')}, NULLIF(resultSignature, ''))"

EXPLODE = f"""
SELECT min(_line) AS _line, any_value(id) AS id, min(time) AS time,
  bool_or(kind IS NOT NULL) AS known, bool_or(kind = 'llm' OR kind = 'own') AS asked,
  max(model) AS model, max(api) AS api, max(subscription) AS subscription, max(region) AS region,
  max(operation) AS operation, max(prompt) AS prompt, max(completion) AS completion,
  max(cached) AS cached, max(reasoning) AS reasoning,
  max(milliseconds) FILTER (WHERE kind <> 'llm') AS milliseconds,
  max(status) FILTER (WHERE kind <> 'llm') AS status,
  max(prompt_given) AS prompt_given, max(completion_given) AS completion_given
FROM (
  SELECT _line, time, COALESCE({_property("correlationId")}, NULLIF(correlationId, '')) AS id,
    CASE WHEN {_LLM} THEN 'llm' WHEN {_GATEWAY} THEN 'gateway' WHEN {_OWN} THEN 'own' END AS kind,
    {_MODEL} AS model, {_property("apiId")} AS api,
    {_property("apimSubscriptionId")} AS subscription,
    COALESCE(NULLIF(location, ''), NULLIF(region, '')) AS region,
    NULLIF(operationName, '') AS operation, {number(_property("promptTokens"))} AS prompt,
    {number(_property("completionTokens"))} AS completion,
    {number(_property("promptCachedTokens"))} AS cached,
    {number(_property("reasoningTokens"))} AS reasoning,
    TRY_CAST(durationMs AS DOUBLE) AS milliseconds, {_STATUS} AS status,
    {_property("promptTokens")} AS prompt_given,
    {_property("completionTokens")} AS completion_given
  FROM ({{source}})
)
GROUP BY COALESCE(id, 'record ' || uuid()::VARCHAR)
"""
"""One row a request: the parts that gateway and model log of it put together."""


def _recognise(head: Head) -> bool:
    if not head.has("category", "properties", "time"):
        return False
    return any(name in head.text for name in ("GatewayLlmLogs", "RequestResponse"))


AZURE_DIAGNOSTICS = LogFormat(
    name="azure-diagnostics",
    recognise=_recognise,
    shape={
        **dict.fromkeys(
            [
                "time",
                "category",
                "correlationId",
                "operationName",
                "durationMs",
                "resultSignature",
                "location",
                "region",
            ],
            "VARCHAR",
        ),
        "properties": "JSON",
    },
    required="known AND id IS NOT NULL OR NOT known",
    rows={
        **PER_REQUEST,
        "request_id": text("id"),
        "start": moment("time"),
        "model": text("model"),
        "kind": (
            "CASE WHEN NOT COALESCE(asked, FALSE) THEN 'skipped'"
            " WHEN TRY_CAST(status AS INTEGER) >= 400 THEN 'failed' ELSE 'used' END"
        ),
        # A Claude behind the gateway counts what it read from its cache beside its input.
        "input": (
            "CASE WHEN cached > prompt OR starts_with(lower(model), 'claude')"
            " THEN prompt + COALESCE(cached, 0) ELSE prompt END"
        ),
        "cached": "cached",
        "output": "completion",
        "reasoning": "reasoning",
        "latency_s": "milliseconds / 1000",
    },
    keys={
        "deployment": text("model"),
        "apiId": text("api"),
        "subscription": text("subscription"),
        "operation": text("operation"),
        "region": text("region"),
    },
    numeric=("prompt_given", "completion_given"),
    cannot_say=("usd", "setting"),
    wrapper="records",
    explode=EXPLODE,
)

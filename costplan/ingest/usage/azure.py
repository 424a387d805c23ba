"""Azure OpenAI: the gateway's LLM log behind API Management, and Azure Monitor metrics."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from costplan.ingest.engine import moment, number, text
from costplan.ingest.head import Head
from costplan.ingest.usage.format import PER_REQUEST, LogFormat, ReportFormat, ReportRow
from costplan.ingest.usage.report_json import instant, load_documents, whole

_COLUMNS = [
    "TimeGenerated",
    "TimeGenerated [UTC]",
    "CorrelationId",
    "ModelName",
    "DeploymentName",
    "PromptTokens",
    "CompletionTokens",
    "SequenceNumber",
    "ApiId",
    "SubscriptionId",
    "OperationName",
    "Region",
]

EXPLODE = """
SELECT min(_line) AS _line, any_value(CorrelationId) AS CorrelationId,
  min(TimeGenerated) AS TimeGenerated, min("TimeGenerated [UTC]") AS portal,
  max(ModelName) AS ModelName,
  max(DeploymentName) AS DeploymentName, max(ApiId) AS ApiId,
  max(SubscriptionId) AS SubscriptionId, max(OperationName) AS OperationName,
  max(Region) AS Region,
  arg_max(PromptTokens, TRY_CAST(PromptTokens AS BIGINT)) AS PromptTokens,
  arg_max(CompletionTokens, TRY_CAST(CompletionTokens AS BIGINT)) AS CompletionTokens
FROM ({source})
GROUP BY COALESCE(CorrelationId, uuid()::VARCHAR)
"""
"""A large message is split over rows; its tokens count once per correlation id."""


def _is_log(head: Head) -> bool:
    return head.has("CorrelationId", "PromptTokens", "CompletionTokens")


_PORTAL = "TRY_CAST(TRY_STRPTIME(portal, '%m/%d/%Y, %I:%M:%S.%f %p') AS TIMESTAMP)"
"""A time as the portal's own CSV export writes it."""

AZURE_LLM_LOG = LogFormat(
    name="azure-llm-log",
    recognise=_is_log,
    shape=dict.fromkeys(_COLUMNS, "VARCHAR"),
    required="CorrelationId IS NOT NULL",
    rows={
        **PER_REQUEST,
        "request_id": text("CorrelationId"),
        "start": f"COALESCE({moment('TimeGenerated')}, {moment('portal')}, {_PORTAL})",
        "model": f"COALESCE({text('ModelName')}, {text('DeploymentName')})",
        "kind": "'used'",
        "input": number("PromptTokens"),
        "output": number("CompletionTokens"),
    },
    keys={
        "DeploymentName": text("DeploymentName"),
        "ApiId": text("ApiId"),
        "SubscriptionId": text("SubscriptionId"),
        "OperationName": text("OperationName"),
        "model": text("ModelName"),
    },
    numeric=("PromptTokens", "CompletionTokens"),
    cannot_say=("reasoning_tokens", "cached_input_tokens", "latency", "usd", "failed", "setting"),
    wrapper="value",
    explode=EXPLODE,
)


def _is_query_result(head: Head) -> bool:
    return head.has("tables", "columns", "rows") and "PromptTokens" in head.text


def _read_query_result(path: Path) -> Iterator[ReportRow]:
    """Read what the Log Analytics query API returns: columns beside rows of plain values."""
    found: dict[str, dict[str, Any]] = {}
    for document in load_documents(path):
        for table in document.get("tables") or []:
            names = [column.get("name") for column in table.get("columns") or []]
            for values in table.get("rows") or []:
                record = dict(zip(names, values, strict=False))
                one = found.setdefault(str(record.get("CorrelationId")), record)
                for key in ("PromptTokens", "CompletionTokens"):
                    one[key] = max(whole(one.get(key)) or 0, whole(record.get(key)) or 0)
    for identity, record in found.items():
        start = instant(record.get("TimeGenerated"))
        model = record.get("ModelName") or record.get("DeploymentName")
        yield ReportRow(
            request_id=identity,
            start=start,
            until=start,
            keys={
                key: record.get(key)
                for key in ("DeploymentName", "ApiId", "SubscriptionId", "OperationName")
            },
            model=model,
            n=1,
            input=record["PromptTokens"],
            output=record["CompletionTokens"],
        )


AZURE_QUERY_RESULT = ReportFormat(
    name="azure-llm-query",
    recognise=_is_query_result,
    read=_read_query_result,
    keys=("DeploymentName", "ApiId", "SubscriptionId", "OperationName", "model"),
    cannot_say=(
        "reasoning_tokens",
        "cached_input_tokens",
        "latency",
        "usd",
        "failed",
        "setting",
        "percentiles",
    ),
)

_METRICS = {
    "azureopenairequests": "n",
    "processedprompttokens": "input",
    "generatedtokens": "output",
    "generatedcompletiontokens": "output",
}
_NAMES = ("value", "localizedValue")
_NEWER = {"modelrequests": "n", "inputtokens": "input", "outputtokens": "output"}
"""Names of the same counts for all models of a resource; where both are there, the older count."""


def _is_metrics(head: Head) -> bool:
    return head.has("timeseries", "metadatavalues") or (
        head.has("timeseries", "timeStamp")
        and any(word in head.text for word in ("ProcessedPromptTokens", "InputTokens"))
    )


def _meters(metrics: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Pair what is counted with its metric, each count once."""
    found: list[tuple[str, dict[str, Any]]] = []
    for known in (_METRICS, _NEWER):
        taken = {meter for meter, _ in found}
        for metric in metrics:
            name = metric.get("name") or {}
            words = [str(name.get(k, "")).replace(" ", "").lower() for k in _NAMES]
            meter = next((known[word] for word in words if word in known), None)
            if meter is not None and meter not in taken:
                found.append((meter, metric))
    return found


def _read_metrics(path: Path) -> Iterator[ReportRow]:
    sums: dict[tuple[Any, ...], dict[str, int]] = {}
    width = dt.timedelta(days=1)
    for document in load_documents(path):
        width = _width(str(document.get("interval") or ""))
        for meter, metric in _meters(document.get("value") or []):
            for series in metric.get("timeseries") or []:
                keys = _dimensions(series)
                for point in series.get("data") or []:
                    if point.get("total") is None:
                        continue
                    cell = sums.setdefault((str(point["timeStamp"]), keys), {})
                    failed = meter == "n" and dict(keys).get("statuscode", "200")[:1] in "45"
                    into = "failed" if failed else meter
                    cell[into] = cell.get(into, 0) + (whole(point["total"]) or 0)
    for (time, keys), cell in sums.items():
        named = {k: v for k, v in keys if k != "statuscode"}
        start = instant(time)
        yield ReportRow(
            request_id=f"{time}|{keys}",
            start=start,
            until=None if start is None else start + width,
            keys={"deployment": named.get("modeldeploymentname"), **named},
            model=named.get("modelname") or named.get("modeldeploymentname"),
            n=cell.get("n"),
            failed=cell.get("failed", 0),
            input=cell.get("input"),
            output=cell.get("output"),
        )


def _dimensions(series: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    pairs = {
        str((item.get("name") or {}).get("value", "")).lower(): str(item.get("value"))
        for item in series.get("metadatavalues") or []
    }
    return tuple(sorted(pairs.items()))


def _width(interval: str) -> dt.timedelta:
    known = {"PT1M": 60, "PT5M": 300, "PT15M": 900, "PT30M": 1800, "PT1H": 3600, "PT6H": 21600}
    return dt.timedelta(seconds=known.get(interval, 86400))


AZURE_METRICS = ReportFormat(
    name="azure-metrics",
    recognise=_is_metrics,
    read=_read_metrics,
    keys=("deployment", "modeldeploymentname", "modelname", "apiname", "region"),
    cannot_say=(
        "reasoning_tokens",
        "cached_input_tokens",
        "latency",
        "usd",
        "setting",
        "percentiles",
    ),
)

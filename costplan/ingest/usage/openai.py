"""OpenAI's organisation usage and costs: pages of the API, and the CSV of its console."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from costplan.ingest.head import Head
from costplan.ingest.usage.format import ReportFormat, ReportRow
from costplan.ingest.usage.report_json import (
    dollars,
    instant,
    load_csv,
    load_items,
    other_labels,
    whole,
)

_COMPLETIONS = "organization.usage.completions"
_GROUPS = ("project_id", "api_key_id", "user_id", "model", "service_tier", "batch")
_NO_LABELS = (
    *("object", "line_item", "start_time", "end_time", "start_time_iso", "end_time_iso"),
    *("amount_value", "amount_currency", "quantity", "num_model_requests"),
)
_TIMES = ("start_time", "end_time", "start_time_iso", "end_time_iso")
_BATCH = {"true": "batch", "false": "not batch"}
"""What a class is called that is made by whether requests came in batches."""


def _buckets(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    rows = load_csv(path)
    if rows is not None:
        for row in rows:
            amount = {"value": row.get("amount_value"), "currency": row.get("amount_currency")}
            counts = {key: whole(value) for key, value in row.items() if _counts(key)}
            yield row, {**row, **counts, "amount": amount} if _says(row) else {}
        return
    for bucket in load_items(path, "data"):
        results = bucket.get("results") or bucket.get("result") or []
        if not results:
            yield dict(bucket), {}
        for result in results:
            yield dict(bucket), dict(result)


def _counts(column: str) -> bool:
    return column.endswith(("_tokens", "_requests"))


def _says(row: dict[str, Any]) -> bool:
    """Tell a row from an empty bucket, which has its times and nothing else."""
    return any(value is not None for key, value in row.items() if key not in _TIMES)


def _keys(result: dict[str, Any]) -> dict[str, str | None]:
    keys = {g: None if result.get(g) is None else str(result[g]) for g in _GROUPS}
    return {**keys, "batch": _BATCH.get(str(keys["batch"]).lower(), keys["batch"])}


def _others(result: dict[str, Any]) -> list[str]:
    return other_labels(result, (*_GROUPS, *_NO_LABELS))


def _empty(bucket: dict[str, Any]) -> ReportRow:
    start, until = instant(bucket.get("start_time")), instant(bucket.get("end_time"))
    return ReportRow(f"{start}|{until}|empty", start, until, {}, n=0)


def _is_usage(head: Head) -> bool:
    return head.has("num_model_requests", "start_time") or (
        head.has("start_time", "end_time", "results", "object")
        and "organization.costs.result" not in head.text
    )


def _read_usage(path: Path) -> Iterator[ReportRow]:
    for bucket, result in _buckets(path):
        if not result:
            yield _empty(bucket)
            continue
        start, until = instant(bucket.get("start_time")), instant(bucket.get("end_time"))
        keys = _keys(result)
        yield ReportRow(
            request_id="|".join(
                ["usage", str(start), str(until), *map(str, keys.values()), *_others(result)]
            ),
            start=start,
            until=until,
            keys=keys,
            model=keys["model"],
            team=keys["project_id"],
            n=whole(result.get("num_model_requests")),
            input=whole(result.get("input_tokens")),
            cached=whole(result.get("input_cached_tokens")),
            output=whole(result.get("output_tokens")),
            # Embeddings, images and the like have reports of the same shape.
            skipped=not str(result.get("object") or _COMPLETIONS).startswith(_COMPLETIONS),
        )


OPENAI_USAGE = ReportFormat(
    name="openai-usage",
    recognise=_is_usage,
    read=_read_usage,
    keys=("project_id", "api_key_id", "user_id", "model", "service_tier", "batch"),
    cannot_say=("reasoning_tokens", "latency", "usd", "failed", "setting", "percentiles"),
)


def _model_of(line_item: str | None) -> str | None:
    """Take the model out of "gpt-5-2025-08-07, input"; other line items name no model."""
    if line_item is None:
        return None
    head, comma, _ = line_item.partition(",")
    return head if comma else None


def _is_costs(head: Head) -> bool:
    return "organization.costs.result" in head.text or head.has("amount_value", "start_time_iso")


def _read_costs(path: Path) -> Iterator[ReportRow]:
    for bucket, result in _buckets(path):
        if not result:
            continue
        start, until = instant(bucket.get("start_time")), instant(bucket.get("end_time"))
        keys = _keys(result)
        item = result.get("line_item")
        amount = result.get("amount") or {}
        currency = str(amount.get("currency") or "usd").lower()
        keys["model"] = _model_of(item)
        yield ReportRow(
            request_id="|".join(
                [
                    *("costs", str(start), str(until), *map(str, keys.values()), str(item)),
                    *_others(result),
                ]
            ),
            start=start,
            until=until,
            keys=keys,
            model=keys["model"],
            team=keys["project_id"],
            usd=dollars(amount.get("value")),
            why=None if currency == "usd" else f"amount in {currency}, not in usd",
        )


OPENAI_COSTS = ReportFormat(
    name="openai-costs",
    recognise=_is_costs,
    read=_read_costs,
    keys=("project_id", "api_key_id", "model"),
    cannot_say=("requests", "tokens", "reasoning_tokens", "latency", "failed", "setting"),
    spend_only=True,
)

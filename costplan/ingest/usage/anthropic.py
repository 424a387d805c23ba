"""Anthropic's admin usage and cost reports."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from costplan.ingest.head import Head
from costplan.ingest.usage.format import ReportFormat, ReportRow
from costplan.ingest.usage.report_json import dollars, instant, load_items, other_labels, whole

_GROUPS = (
    "workspace_id",
    "api_key_id",
    "model",
    "service_tier",
    "context_window",
    "inference_geo",
    "account_id",
    "service_account_id",
    "speed",
)
_LINE = ("description", "cost_type", "token_type")
_CENTS = Decimal(100)


def _results(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for bucket in load_items(path, "data"):
        for result in bucket.get("results") or [{}]:
            yield dict(bucket), dict(result)


def _row(bucket: dict[str, Any], result: dict[str, Any], kind: str, extra: str = "") -> ReportRow:
    start, until = instant(bucket.get("starting_at")), instant(bucket.get("ending_at"))
    keys = {g: None if result.get(g) is None else str(result[g]) for g in _GROUPS}
    others = other_labels(result, (*_GROUPS, "amount", "currency", *_LINE))
    identity = "|".join([kind, str(start), str(until), *map(str, keys.values()), extra, *others])
    return ReportRow(identity, start, until, keys, keys["model"], keys["workspace_id"])


def _is_usage(head: Head) -> bool:
    return head.has("uncached_input_tokens") or (
        head.has("starting_at", "ending_at", "results") and not head.has("amount")
    )


def _read_usage(path: Path) -> Iterator[ReportRow]:
    from dataclasses import replace

    for bucket, result in _results(path):
        row = _row(bucket, result, "usage")
        if not result:
            yield row
            continue
        created = result.get("cache_creation") or {}
        cached = whole(result.get("cache_read_input_tokens"))
        written = sum(
            whole(created.get(f"ephemeral_{span}_input_tokens")) or 0 for span in ("5m", "1h")
        )
        uncached = whole(result.get("uncached_input_tokens"))
        yield replace(
            row,
            n=whole(result.get("requests")),
            input=None if uncached is None else uncached + (cached or 0) + written,
            cached=cached,
            output=whole(result.get("output_tokens")),
        )


ANTHROPIC_USAGE = ReportFormat(
    name="anthropic-usage",
    recognise=_is_usage,
    read=_read_usage,
    keys=("workspace_id", "api_key_id", "model", "service_tier", "context_window"),
    cannot_say=(
        "requests",
        "reasoning_tokens",
        "latency",
        "usd",
        "failed",
        "setting",
        "percentiles",
    ),
)


def _is_costs(head: Head) -> bool:
    return head.has("starting_at", "amount", "currency")


def _read_costs(path: Path) -> Iterator[ReportRow]:
    from dataclasses import replace

    for bucket, result in _results(path):
        if not result:
            continue
        parts = [str(result.get(k)) for k in _LINE]
        row = _row(bucket, result, "costs", "|".join(parts))
        cents = dollars(result.get("amount"))
        currency = str(result.get("currency") or "USD").upper()
        yield replace(
            row,
            usd=None if cents is None else cents / _CENTS,
            why=None if currency == "USD" else f"amount in {currency}, not in USD",
        )


ANTHROPIC_COSTS = ReportFormat(
    name="anthropic-costs",
    recognise=_is_costs,
    read=_read_costs,
    keys=("workspace_id", "model", "service_tier"),
    cannot_say=("requests", "tokens", "reasoning_tokens", "latency", "failed", "setting"),
    spend_only=True,
)

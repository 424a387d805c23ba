"""Anthropic's admin usage and cost reports, and those of its analytics.

Analytics have three forms: buckets of results as the admin reports have, a line per person, and a
line per group whose labels and amounts stand in objects of their own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from costplan.domain.errors import Fault, InputError
from costplan.ingest.head import Container, Head
from costplan.ingest.usage.format import ReportFormat, ReportRow
from costplan.ingest.usage.report_json import (
    dollars,
    instant,
    load_csv,
    load_items,
    other_labels,
    whole,
)

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
    "product",
    "agent_id",
    "environment_id",
    "user_profile_id",
    "actor",
)
_LINE = ("description", "cost_type", "token_type")
_CONSOLE = {
    "workspace_id": "workspace",
    "api_key_id": "api_key",
    "model": "model_version",
    "service_tier": "usage_type",
    "context_window": "context_window",
    "inference_geo": "inference_geo",
    "speed": "speed",
    "uncached_input_tokens": "usage_input_tokens_no_cache",
    "cache_read_input_tokens": "usage_input_tokens_cache_read",
    "output_tokens": "usage_output_tokens",
}
"""Names of the report, and the columns of the console's CSV."""
_AMOUNT_COLUMNS = ("uncached_input_tokens", "cache_read_input_tokens", "output_tokens")
_OVERLAP = "rbac_group_id"
_UNTIMED = "no time: ask for the report with a bucket_width"
_AMOUNTS = ("amount", "list_amount", "currency", "starting_at", "ending_at")
_CENTS = Decimal(100)


def _results(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield every line with its bucket; an empty bucket has an empty line.

    Raises InputError for groups of people that overlap.
    """
    rows = load_csv(path)
    for item in load_items(path, "data") if rows is None else _name_columns(rows):
        bucket = dict(item)
        if "results" in bucket:
            lines = [dict(result) for result in bucket["results"] or [{}]]
        else:
            amounts = bucket.get("usage") or bucket.get("cost") or {}
            lines = [{**bucket, **(bucket.get("group") or {}), **amounts}]
        for line in lines:
            if line.get(_OVERLAP) is not None:
                message = f"grouped by {_OVERLAP}: who is in several groups counts in each"
                advice = "ask for the report without that group"
                raise InputError([Fault(message, str(path), advice=advice)])
            yield bucket, line


def _name_columns(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the days of the console's CSV with the names of the report."""
    for row in rows:
        day = dt.datetime.fromisoformat(str(row["usage_date_utc"])[:10])
        yield {
            "starting_at": day.isoformat(),
            "ending_at": (day + dt.timedelta(days=1)).isoformat(),
            **{name: row.get(column) for name, column in _CONSOLE.items()},
            "cache_creation": {
                f"ephemeral_{span}_input_tokens": row.get(f"usage_input_tokens_cache_write_{span}")
                for span in ("5m", "1h")
            },
        }


def _label(value: object) -> str | None:
    """Write what a line is grouped by; of an actor its identifier."""
    if isinstance(value, Mapping):
        names = ("user_id", "service_account_id", "api_key_id", "id", "email_address", "name")
        return next((str(value[key]) for key in names if value.get(key)), None)
    return None if value is None else str(value)


def _row(bucket: dict[str, Any], result: dict[str, Any], kind: str, extra: str = "") -> ReportRow:
    start, until = instant(bucket.get("starting_at")), instant(bucket.get("ending_at"))
    keys = {group: _label(result.get(group)) for group in _GROUPS}
    others = other_labels(result, (*_GROUPS, *_AMOUNTS, *_AMOUNT_COLUMNS, *_LINE))
    identity = "|".join([kind, str(start), str(until), *map(str, keys.values()), extra, *others])
    why = _UNTIMED if result and start is None else None
    return ReportRow(identity, start, until, keys, keys["model"], keys["workspace_id"], why=why)


_JSON = {Container.JSON_OBJECT, Container.JSON_ARRAY, Container.JSON_LINES}


def _is_usage(head: Head) -> bool:
    if head.container is Container.CSV:
        return head.has("usage_date_utc", "usage_input_tokens_no_cache", "usage_output_tokens")
    return head.container in _JSON and (
        head.has("uncached_input_tokens", "starting_at")
        or (head.has("starting_at", "ending_at", "results") and not head.has("amount"))
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
        output = whole(result.get("output_tokens"))
        yield replace(
            row,
            # What runs code counts its runs and no tokens.
            skipped=not (uncached or cached or written or output) and "requests" in result,
            n=whole(result.get("requests")),
            input=None if uncached is None else uncached + (cached or 0) + written,
            cached=cached,
            output=output,
        )


ANTHROPIC_USAGE = ReportFormat(
    name="anthropic-usage",
    recognise=_is_usage,
    read=_read_usage,
    keys=(
        *("workspace_id", "api_key_id", "product", "agent_id", "environment_id", "actor"),
        *("model", "service_tier", "context_window"),
    ),
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
    return head.container in _JSON and head.has("starting_at", "amount", "currency")


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
            why=row.why if currency == "USD" else f"amount in {currency}, not in USD",
        )


ANTHROPIC_COSTS = ReportFormat(
    name="anthropic-costs",
    recognise=_is_costs,
    read=_read_costs,
    keys=("workspace_id", "api_key_id", "product", "agent_id", "actor", "model", "service_tier"),
    cannot_say=("requests", "tokens", "reasoning_tokens", "latency", "failed", "setting"),
    spend_only=True,
)

"""OpenRouter: activity per day, the dashboard's CSV per request, generation records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from costplan.ingest.engine import decimal, moment, number, text
from costplan.ingest.head import Container, Head
from costplan.ingest.usage.format import PER_REQUEST, LogFormat, ReportFormat, ReportRow
from costplan.ingest.usage.report_json import dollars, load_items, other_labels, whole


def _is_export(head: Head) -> bool:
    return head.container in {Container.CSV, Container.PARQUET} and head.has(
        "generation_id", "tokens_prompt", "cost_total"
    )


def _zero(column: str) -> str:
    return f"COALESCE({number(text(column))}, 0)"


OPENROUTER_EXPORT = LogFormat(
    name="openrouter-export",
    recognise=_is_export,
    shape=dict.fromkeys(
        [
            "generation_id",
            "created_at",
            "cost_total",
            "byok_usage_inference",
            "tokens_prompt",
            "tokens_completion",
            "tokens_reasoning",
            "tokens_cached",
            "model_permaslug",
            "provider_name",
            "finish_reason_normalized",
            "generation_time_ms",
            "app_name",
            "api_key_name",
            "cancelled",
        ],
        "VARCHAR",
    ),
    required="generation_id IS NOT NULL",
    rows={
        **PER_REQUEST,
        "request_id": text("generation_id"),
        "start": moment("created_at"),
        "model": text("model_permaslug"),
        "kind": (
            "CASE WHEN finish_reason_normalized = 'error' OR lower(cancelled) = 'true'"
            " THEN 'failed' ELSE 'used' END"
        ),
        "input": _zero("tokens_prompt"),
        "cached": _zero("tokens_cached"),
        "output": _zero("tokens_completion"),
        "reasoning": _zero("tokens_reasoning"),
        "usd": f"COALESCE({decimal(text('cost_total'))}, 0)"
        f" + COALESCE({decimal(text('byok_usage_inference'))}, 0)",
        "latency_s": f"TRY_CAST({text('generation_time_ms')} AS DOUBLE) / 1000",
    },
    keys={
        "app_name": text("app_name"),
        "api_key_name": text("api_key_name"),
        "model": text("model_permaslug"),
        "provider_name": text("provider_name"),
    },
    numeric=(
        "cost_total",
        "tokens_prompt",
        "tokens_completion",
        "tokens_reasoning",
        "tokens_cached",
        "generation_time_ms",
    ),
    cannot_say=("setting",),
)


def _is_generation(head: Head) -> bool:
    return head.has("native_tokens_prompt", "native_tokens_completion")


OPENROUTER_GENERATION = LogFormat(
    name="openrouter-generation",
    recognise=_is_generation,
    shape={
        **dict.fromkeys(
            [
                "id",
                "created_at",
                "model",
                "total_cost",
                "is_byok",
                "upstream_inference_cost",
                "native_tokens_prompt",
                "native_tokens_completion",
                "native_tokens_reasoning",
                "native_tokens_cached",
                "latency",
                "generation_time",
                "app_id",
                "provider_name",
                "finish_reason",
                "cancelled",
            ],
            "VARCHAR",
        )
    },
    required="id IS NOT NULL",
    rows={
        **PER_REQUEST,
        "request_id": text("id"),
        "start": moment("created_at"),
        "model": text("model"),
        "kind": (
            "CASE WHEN finish_reason = 'error' OR lower(cancelled) = 'true'"
            " THEN 'failed' ELSE 'used' END"
        ),
        "input": number("native_tokens_prompt"),
        "cached": number("native_tokens_cached"),
        "output": number("native_tokens_completion"),
        "reasoning": number("native_tokens_reasoning"),
        # With a key of one's own the total is OpenRouter's fee; the vendor bills the rest.
        "usd": f"{decimal('total_cost')} + CASE WHEN lower(is_byok) = 'true'"
        f" THEN COALESCE({decimal('upstream_inference_cost')}, 0) ELSE 0 END",
        "latency_s": "TRY_CAST(generation_time AS DOUBLE) / 1000",
    },
    keys={
        "app_id": text("app_id"),
        "model": text("model"),
        "provider_name": text("provider_name"),
    },
    numeric=("native_tokens_prompt", "native_tokens_completion", "total_cost"),
    cannot_say=("setting",),
    wrapper="data",
)


_NO_LABELS = ("date", "model_permaslug", "usage", "byok_usage_inference")


def _is_activity(head: Head) -> bool:
    return head.has("model_permaslug", "requests", "prompt_tokens", "usage", "date")


def _read_activity(path: Path) -> Iterator[ReportRow]:
    for item in load_items(path, "data"):
        day = dt.datetime.fromisoformat(str(item["date"])[:10])
        model = item.get("model_permaslug") or item.get("model")
        keys = {
            "model": item.get("model"),
            "provider_name": item.get("provider_name"),
            "endpoint_id": item.get("endpoint_id"),
        }
        yield ReportRow(
            request_id="|".join(
                [
                    *(str(day.date()), str(model), str(keys["provider_name"])),
                    *(str(keys["endpoint_id"]), *other_labels(item, (*keys, *_NO_LABELS))),
                ]
            ),
            start=day,
            until=day + dt.timedelta(days=1),
            keys=keys,
            model=model,
            n=whole(item.get("requests")),
            input=whole(item.get("prompt_tokens")),
            cached=whole(item.get("cached_tokens")),
            output=whole(item.get("completion_tokens")),
            reasoning=whole(item.get("reasoning_tokens")),
            usd=dollars(item.get("usage"), item.get("byok_usage_inference")),
        )


OPENROUTER_ACTIVITY = ReportFormat(
    name="openrouter-activity",
    recognise=_is_activity,
    read=_read_activity,
    keys=("model", "provider_name", "endpoint_id"),
    cannot_say=("latency", "setting", "percentiles"),
)

"""Helicone's exports: CSV, and JSON or lines with the names of its API."""

from __future__ import annotations

from costplan.ingest.engine import decimal, moment, number, text
from costplan.ingest.head import Head
from costplan.ingest.usage.format import PER_REQUEST, LogFormat

_UNDOUBLED = "replace(request_properties, '\"\"', '\"')"

_MODEL = f"COALESCE({text('model')}, {text('response_model')}, {text('request_model')})"
_READ = number(text("prompt_cache_read_tokens"))
_NO_CACHE = "00000000-0000-0000-0000-000000000000"


def _recognise(head: Head) -> bool:
    return head.has("response_id", "response_status", "request_created_at", "prompt_tokens")


HELICONE = LogFormat(
    name="helicone",
    recognise=_recognise,
    shape=dict.fromkeys(
        [
            "response_id",
            "response_created_at",
            "response_status",
            "request_created_at",
            "request_properties",
            "request_user_id",
            "model",
            "prompt_tokens",
            "prompt_cache_read_tokens",
            "prompt_cache_write_tokens",
            "completion_tokens",
            "latency",
            "cost",
            "request_id",
            "response_model",
            "request_model",
            "delay_ms",
            "costUSD",
            "cache_reference_id",
        ],
        "VARCHAR",
    ),
    required="request_created_at IS NOT NULL",
    rows={
        **PER_REQUEST,
        "request_id": f"COALESCE({text('response_id')}, {text('request_id')})",
        "start": moment("request_created_at"),
        "finish": moment("response_created_at"),
        "model": _MODEL,
        "kind": (
            f"CASE WHEN NULLIF({text('cache_reference_id')}, '{_NO_CACHE}') IS NOT NULL"
            " THEN 'cache_hit'"
            " WHEN TRY_CAST(response_status AS INTEGER) BETWEEN 200 AND 299 THEN 'used'"
            " ELSE 'failed' END"
        ),
        # Whatever the vendor, Helicone takes what was cached off the prompt and counts it beside.
        "input": f"{number('prompt_tokens')} + COALESCE({_READ}, 0)"
        f" + COALESCE({number(text('prompt_cache_write_tokens'))}, 0)",
        "cached": _READ,
        "output": number("completion_tokens"),
        "usd": f"COALESCE({decimal('cost')}, {decimal('costUSD')})",
        "latency_s": (
            f"TRY_CAST(COALESCE({text('latency')}, {text('delay_ms')}) AS DOUBLE) / 1000"
        ),
    },
    keys={"request_user_id": text("request_user_id"), "model": _MODEL},
    objects={
        "property": "TRY_CAST(CASE WHEN json_valid(request_properties) THEN request_properties"
        f" ELSE {_UNDOUBLED} END AS JSON)"
    },
    numeric=("prompt_tokens", "completion_tokens", "latency", "cost", "delay_ms", "costUSD"),
    cannot_say=("reasoning_tokens", "setting"),
    wrapper="data",
)

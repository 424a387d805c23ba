"""Helicone's CSV export."""

from __future__ import annotations

from costplan.ingest.engine import decimal, moment, number, text
from costplan.ingest.head import Head
from costplan.ingest.usage.format import PER_REQUEST, LogFormat

_UNDOUBLED = "replace(request_properties, '\"\"', '\"')"


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
            "completion_tokens",
            "latency",
            "cost",
        ],
        "VARCHAR",
    ),
    required="request_created_at IS NOT NULL",
    rows={
        **PER_REQUEST,
        "request_id": text("response_id"),
        "start": moment("request_created_at"),
        "finish": moment("response_created_at"),
        "model": text("model"),
        "kind": (
            "CASE WHEN TRY_CAST(response_status AS INTEGER) BETWEEN 200 AND 299 THEN 'used'"
            " ELSE 'failed' END"
        ),
        "input": number("prompt_tokens"),
        "output": number("completion_tokens"),
        "usd": decimal("cost"),
        "latency_s": f"TRY_CAST({text('latency')} AS DOUBLE) / 1000",
    },
    keys={"request_user_id": text("request_user_id"), "model": text("model")},
    objects={
        "property": "TRY_CAST(CASE WHEN json_valid(request_properties) THEN request_properties"
        f" ELSE {_UNDOUBLED} END AS JSON)"
    },
    numeric=("prompt_tokens", "completion_tokens", "latency", "cost"),
    cannot_say=("reasoning_tokens", "cached_input_tokens", "setting"),
)

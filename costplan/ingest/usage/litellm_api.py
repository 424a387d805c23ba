"""Spend rows live from a LiteLLM gateway, page by page; prompts are dropped as they arrive."""

from __future__ import annotations

import datetime as dt
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costplan.domain.errors import Fault, InputError, ProviderError
from costplan.ingest.usage.litellm import LITELLM

if TYPE_CHECKING:
    import httpx

PAGE_SIZE = 100
ATTEMPTS = 4


def fetch_spend(
    address: str, start: str, end: str, key_env: str, say: Callable[[str], None]
) -> Path:
    """Fetch the spend rows of a span of days into a temporary file of JSON lines.

    Raises InputError for missing dates or key, ProviderError where the gateway refuses.
    """
    first, last = _dates(start, end)
    key = os.environ.get(key_env)
    if not key:
        raise InputError([Fault(f"no gateway key: set {key_env}, or name it with --key-env")])
    import httpx

    with (
        httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=60) as client,
        tempfile.NamedTemporaryFile(
            "w", suffix=".jsonl", prefix="costplan-spend-", delete=False, encoding="utf-8"
        ) as out,
    ):
        try:
            for row in _rows(client, address, first, last, say):
                out.write(json.dumps(_slim(row)) + "\n")
            count = out.tell()
        except BaseException:
            Path(out.name).unlink(missing_ok=True)
            raise
    if not count:
        Path(out.name).unlink(missing_ok=True)
        raise InputError([Fault(f"no spend rows from {first} to {last}", address)])
    return Path(out.name)


def _dates(start: str, end: str) -> tuple[str, str]:
    try:
        first, last = (dt.date.fromisoformat(word) for word in (start, end))
    except ValueError as error:
        advice = "give --start and --end as YYYY-MM-DD"
        raise InputError([Fault("a gateway needs a span of days", advice=advice)]) from error
    if last < first:
        raise InputError([Fault("--end is before --start")])
    return f"{first} 00:00:00", f"{last} 23:59:59"


def _rows(
    client: httpx.Client, address: str, first: str, last: str, say: Callable[[str], None]
) -> Iterator[Mapping[str, Any]]:
    page = 1
    while True:
        params: dict[str, str | int] = {
            "start_date": first,
            "end_date": last,
            "page": page,
            "page_size": PAGE_SIZE,
        }
        body = _get(client, address.rstrip("/") + "/spend/logs/v2", params)
        if not isinstance(body, dict) or not isinstance(body.get("data"), list):
            raise ProviderError(f"{address}: /spend/logs/v2 did not answer with a page of rows")
        yield from (row for row in body["data"] if isinstance(row, dict))
        pages = int(body.get("total_pages") or 1)
        say(f"page {page} of {pages}")
        if page >= pages or not body["data"]:
            return
        page += 1


def _get(client: httpx.Client, url: str, params: Mapping[str, str | int]) -> Any:  # noqa: ANN401
    import httpx

    reason = ""
    for attempt in range(ATTEMPTS):
        try:
            reply = client.get(url, params=params)
        except httpx.HTTPError as error:
            reason = type(error).__name__
        else:
            if reply.status_code == 200:
                try:
                    return reply.json()
                except ValueError as error:
                    raise ProviderError(f"{url} did not answer with JSON") from error
            reason = f"status {reply.status_code}"
            if reply.status_code < 500 and reply.status_code != 429:
                break
        if attempt + 1 < ATTEMPTS:
            time.sleep(min(0.5 * 2**attempt, 8))
    raise ProviderError(f"{url} failed: {reason}")


def _slim(row: Mapping[str, Any]) -> dict[str, Any]:
    """Keep only what is counted: no prompt, no answer, no header."""
    kept = _keep(row, LITELLM.shape)
    return kept if isinstance(kept, dict) else {}


def _keep(value: Any, shape: Any) -> Any:  # noqa: ANN401
    if isinstance(shape, Mapping):
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                return None
        if not isinstance(value, Mapping):
            return None
        return {key: _keep(value[key], inner) for key, inner in shape.items() if key in value}
    return value

"""FOCUS: charges per period and resource, as gateways, clouds and cost tools export them.

EffectiveCost counts, which spreads what was paid in advance over what it pays for; BilledCost where
a file lacks it. Taxes, and services that are no AI, are told by what stands for their model.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from costplan.domain.errors import Fault, InputError
from costplan.ingest.head import Container, Head, open_text_bytes, read_head, truncated
from costplan.ingest.usage.format import ReportFormat, ReportRow
from costplan.ingest.usage.report_json import dollars, instant, whole

TAX = "(tax)"
"""What stands for the model of a tax."""
OTHER_SERVICES = "(other services)"
"""What stands for the model of services that are no AI."""
_COLUMNS = (
    "x_TaskClass",
    "ServiceName",
    "SubAccountName",
    "SubAccountId",
    "BillingAccountName",
    "BillingAccountId",
    "ResourceName",
    "ResourceId",
)
_TAGS = ("task_class", "task", "use_case", "feature", "model_group", "api_key_alias", "team_alias",
         "cost_center")  # fmt: skip
_KEYS = ("x_TaskClass", *(f"tag:{tag}" for tag in _TAGS[:4]), *_COLUMNS[1:],
         *(f"tag:{tag}" for tag in _TAGS[4:]))  # fmt: skip
_IDENTITY = (
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "BillingAccountId",
    "SubAccountId",
    "ProviderName",
    "ServiceProviderName",
    "ServiceName",
    "ResourceId",
    "SkuId",
    "SkuPriceId",
    "SkuMeter",
    "ConsumedUnit",
    "RegionId",
    "Tags",
    "x_TaskClass",
)
_UNIT = re.compile(r"(?:(\d+)\s+)?(request|token)s?$", re.I)
_DAY = dt.timedelta(days=1)


def _recognise(head: Head) -> bool:
    return head.has("ChargePeriodStart", "BillingCurrency") and (
        head.has("BilledCost") or head.has("EffectiveCost")
    )


def _read(path: Path) -> Iterator[ReportRow]:
    seen: dict[str, int] = {}
    spans: set[tuple[dt.datetime, dt.datetime]] = set()
    for number, record in enumerate(_records(path), start=1):
        if str(record.get("x_Scenario") or "Actual").strip().lower() not in {"actual", "actuals"}:
            said = f"record {number} is of scenario {record['x_Scenario']!r}: planned, not spent"
            raise InputError([Fault(said, str(path), advice="give the actual charges alone")])
        identity = _identify(record)
        # A file may hold like rows that are all due; the same file given twice may not count twice.
        seen[identity] = seen.get(identity, 0) + 1
        row = _row(record, f"{identity}|{seen[identity]}")
        yield row
        if row.start is not None and row.until is not None:
            spans.add((row.start, row.until))
    yield from _further_days(spans)


def _identify(record: Mapping[str, Any]) -> str:
    """Shorten what tells a charge from others to a digest: tags can be long, and rows many."""
    parts = (str(record.get(column) or "") for column in _IDENTITY)
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def _further_days(spans: set[tuple[dt.datetime, dt.datetime]]) -> Iterator[ReportRow]:
    """Mark the days inside longer charge periods as covered."""
    days = {
        start + _DAY * place
        for start, until in spans
        for place in range(1, -((start - until) // _DAY))
    }
    for day in sorted(days):
        yield ReportRow(f"{day}|day", day, None, {}, n=0)


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    head = read_head(path)
    if head.container is Container.PARQUET:
        yield from _parquet_records(path)
        return
    try:
        with open_text_bytes(path) as file:
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            yield from csv.DictReader(text, delimiter=head.delimiter)
    except EOFError as error:
        raise truncated(path) from error
    except csv.Error as error:
        raise InputError([Fault(f"not CSV: {error}", str(path))]) from error


def _parquet_records(path: Path) -> Iterator[Mapping[str, Any]]:
    from costplan.ingest.engine import connect

    with connect() as connection:
        cursor = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in cursor.description or ()]
        while rows := cursor.fetchmany(10_000):
            for values in rows:
                yield {
                    name: value if value is None or isinstance(value, dict) else str(value)
                    for name, value in zip(names, values, strict=True)
                }


def _row(record: Mapping[str, Any], identity: str) -> ReportRow:
    tags = _tags(record.get("Tags"))
    details = _tags(record.get("SkuPriceDetails"))
    currency = str(record.get("BillingCurrency") or "").strip().upper()
    usd = dollars(record.get("EffectiveCost") or record.get("BilledCost") or None)
    why = None
    if usd is None:
        why = "no cost"
    elif currency != "USD":
        why = f"amount in {currency or 'no currency'}, not in USD"
    start, until = instant(record.get("ChargePeriodStart")), instant(record.get("ChargePeriodEnd"))
    model = (
        details.get("x_ModelId")
        or details.get("ModelId")
        or tags.get("model")
        or record.get("ResourceName")
        or record.get("ResourceId")
    )
    aside = _aside(record)
    tokens = {} if aside else _tokens(record, details)
    return ReportRow(
        request_id=identity,
        start=start,
        until=until,
        keys={} if aside else _labels(tuple(map(record.get, _COLUMNS)), _tag_values(tags)),
        model=aside or (str(model) if model else None),
        team=record.get("SubAccountName") or record.get("SubAccountId") or None,
        n=tokens.get("n"),
        input=tokens.get("input"),
        cached=tokens.get("cached"),
        output=tokens.get("output"),
        usd=usd,
        why=why if why or start else "no charge period",
    )


def _aside(record: Mapping[str, Any]) -> str:
    """Name what a charge is when it is none for asking a model."""
    if record.get("ChargeCategory") == "Tax":
        return TAX
    category = record.get("ServiceCategory") or ""
    return OTHER_SERVICES if category and category != "AI and Machine Learning" else ""


@lru_cache(maxsize=100_000)
def _labels(columns: tuple[str | None, ...], tags: tuple[str | None, ...]) -> dict[str, str | None]:
    """Give what can stand for the class; rows alike share one value."""
    found = {column: text or None for column, text in zip(_COLUMNS, columns, strict=True)}
    return found | {f"tag:{tag}": text for tag, text in zip(_TAGS, tags, strict=True)}


def _tag_values(tags: Mapping[str, Any]) -> tuple[str | None, ...]:
    return tuple(None if tags.get(tag) in (None, "") else str(tags[tag]) for tag in _TAGS)


def _tokens(record: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, int]:
    """Read what was consumed: requests, or the tokens of one meter."""
    unit = _UNIT.match(str(record.get("ConsumedUnit") or "").strip())
    if unit is None or record.get("ConsumedQuantity") in (None, ""):
        return {}
    quantity = whole(Decimal(str(record["ConsumedQuantity"])) * int(unit[1] or 1))
    if quantity is None or quantity < 0:
        return {}  # a correction: its dollars count
    if unit[2].lower() == "request":
        return {"n": quantity}

    def say(key: str) -> str:
        return str(details.get(f"x_{key}") or details.get(key) or "").lower()

    meter = str(record.get("SkuMeter") or "").lower()
    direction = say("TokenDirection") or ("output" if "output" in meter else "")
    if direction == "output":
        return {"output": quantity}
    if direction != "input" and "input" not in meter:
        return {}
    action = say("TokenCacheAction")
    cached = action == "read" or (not action and "cached" in meter)
    return {"input": quantity, "cached": quantity if cached else 0}


def _tags(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else _object(str(value or ""))


@lru_cache(maxsize=100_000)
def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


FOCUS = ReportFormat(
    name="focus",
    recognise=_recognise,
    read=_read,
    keys=_KEYS,
    cannot_say=("reasoning_tokens", "latency", "failed", "setting", "percentiles"),
)

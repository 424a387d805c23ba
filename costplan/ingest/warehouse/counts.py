"""Counts that a warehouse made, read back: the rows of the printed SQL, or of Ibis."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.ingest.head import Container, Head, open_text_bytes
from costplan.ingest.usage.rows import UNLABELLED
from costplan.ingest.usage.tally import Counts, Group, Tally

NAME = "warehouse-counts"
COLUMNS = ("class", "model", "setting", "measure", "bucket", "requests", "total")
_NOTHING = {"", "NULL", "\\N", "nan", "NaN", "None", "NaT", "<NA>"}
_SHORT = {"latency_ms": "latency"}


def is_counts(head: Head) -> bool:
    """Tell whether a CSV is the result of the printed SQL."""
    return head.container is Container.CSV and {c.lower() for c in head.columns} >= set(COLUMNS)


def read_counts(path: Path) -> Tally:
    """Read the result of the printed SQL.

    Raises InputError, with the line, where a value is not what the SQL gives.
    """
    with open_text_bytes(path) as file:
        text = file.read().decode("utf-8-sig")
    reader = csv.DictReader(text.splitlines())
    rows = [{str(k).lower(): v for k, v in row.items()} for row in reader]
    return tally_rows(rows, str(path))


def tally_rows(rows: Iterable[Mapping[str, object]], file: str = "") -> Tally:
    """Add up rows of the columns in `COLUMNS`, with first_at and last_at."""
    tally = Tally()
    for line, row in enumerate(rows, start=2):
        try:
            _add(tally, row)
        except (ValueError, InvalidOperation, KeyError, TypeError) as error:
            message = "not a row of the printed SQL"
            raise InputError([Fault(message, file, line=line)]) from error
    _finish(tally)
    return tally


def _add(tally: Tally, row: Mapping[str, object]) -> None:
    label = _text(row["class"]) or UNLABELLED
    group: Group = (label, None, _text(row["model"]), _text(row["setting"]))
    measure, requests = str(row["measure"]), int(Decimal(str(row["requests"])))
    if requests < 0:
        raise ValueError(requests)
    counts = tally.groups.setdefault(group, Counts())
    tally.stretch(_moment(row.get("first_at")), _moment(row.get("last_at")))
    total = _text(row["total"])
    if measure == "usd":
        counts.rows += requests
        tally.kinds["used"] = tally.kinds.get("used", 0) + requests
        _know(counts, "n", requests, requests)
        if total is not None:
            counts.usd += Decimal(total)
            counts.known["usd"] = counts.known.get("usd", 0) + requests
        return
    value = int(Decimal(total or "0").to_integral_value())
    short = _SHORT.get(measure, measure)
    if short != "latency":
        _know(counts, short, requests, value)
    key = (label, short, int(Decimal(str(row["bucket"]))))
    before = tally.cells.get(key, (0, 0))
    tally.cells[key] = (before[0] + requests, before[1] + value)


def _know(counts: Counts, key: str, requests: int, value: int) -> None:
    counts.known[key] = counts.known.get(key, 0) + requests
    counts.weight[key] = counts.weight.get(key, 0) + requests
    counts.sums[key] = counts.sums.get(key, 0) + value


def _finish(tally: Tally) -> None:
    for counts in tally.groups.values():
        for key in ("input", "cached", "output", "reasoning", "failed", "retries", "n"):
            counts.sums.setdefault(key, 0)
        if counts.known.get("reasoning") and counts.known["reasoning"] == counts.known["output"]:
            counts.sums["visible"] = counts.sums["output"] - counts.sums["reasoning"]
    if tally.first is not None and tally.last is not None:
        day = tally.first.date()
        while day <= tally.last.date():
            tally.days[day] = 0
            day += dt.timedelta(days=1)


def _text(value: object) -> str | None:
    return None if value is None or str(value) in _NOTHING else str(value)


def _moment(value: object) -> dt.datetime | None:
    known = _text(value)
    if known is None:
        return None
    text = known.strip().replace(" UTC", "").replace("Z", "+00:00")
    moment = dt.datetime.fromisoformat(text)
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment

"""Vendor reports: JSON as pages, arrays or lines, loaded whole because they are small, and CSV."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import zlib
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

from costplan.domain.errors import Fault, InputError
from costplan.ingest.head import Container, open_text_bytes, read_head, truncated


def load_documents(path: Path) -> list[Any]:
    """Read every JSON document of a file: one, or several after each other.

    Raises InputError where the text is not JSON or the packed file is cut off.
    """
    try:
        with open_text_bytes(path) as file:
            text = file.read().decode("utf-8-sig")
    except EOFError as error:
        raise truncated(path) from error
    except (OSError, zlib.error, UnicodeDecodeError) as error:
        raise InputError([Fault("broken, or not UTF-8", str(path))]) from error
    decoder = json.JSONDecoder(parse_float=Decimal)
    documents, position = [], 0
    while (position := _skip_blank(text, position)) < len(text):
        try:
            document, position = decoder.raw_decode(text, position)
        except RecursionError as error:
            raise InputError([Fault("nested too deeply to be a log", str(path))]) from error
        except json.JSONDecodeError as error:
            fault = Fault(f"not JSON: {error.msg}", str(path), line=error.lineno)
            raise InputError([fault]) from error
        documents.append(document)
    return documents


def _skip_blank(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def load_items(path: Path, key: str) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of every page: those under the key, of arrays, or themselves."""
    for document in load_documents(path):
        pages = document if isinstance(document, list) else [document]
        for page in pages:
            if isinstance(page, dict) and isinstance(page.get(key), list):
                yield from (item for item in page[key] if isinstance(item, dict))
            elif isinstance(page, dict):
                yield page


def load_csv(path: Path) -> Iterator[dict[str, Any]] | None:
    """Give the rows of a CSV, as consoles export it; None where a report is none.

    Rows go by the names of the columns; empty is None. Reading them raises InputError where the
    file is not UTF-8 or the packed file is cut off.
    """
    head = read_head(path)
    return _load_rows(path, head.delimiter) if head.container is Container.CSV else None


def _load_rows(path: Path, delimiter: str) -> Iterator[dict[str, Any]]:
    try:
        with open_text_bytes(path) as file:
            lines = io.TextIOWrapper(file, "utf-8-sig", newline="")
            for row in csv.DictReader(lines, delimiter=delimiter):
                yield {str(key).strip(): value or None for key, value in row.items() if key}
    except EOFError as error:
        raise truncated(path) from error
    except (OSError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise InputError([Fault("broken, or not UTF-8", str(path))]) from error


def other_labels(item: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """List what else a line is grouped by: two lines that differ in it are no copies.

    Vendors add groups; `known` are the keys that are labels already or amounts.
    """
    return sorted(
        f"{key}={value}"
        for key, value in item.items()
        if key not in known and isinstance(value, str | bool)
    )


def whole(value: object) -> int | None:
    """Read a whole number; null and anything else is None."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(Decimal(str(value)))
    except (InvalidOperation, ValueError, OverflowError):
        return None


def dollars(*values: object) -> Decimal | None:
    """Add amounts exactly; None when none is given."""
    known = [Decimal(str(v)) for v in values if v is not None and not isinstance(v, bool)]
    return sum(known, Decimal(0)) if known else None


@lru_cache(maxsize=10_000)
def instant(value: object) -> dt.datetime | None:
    """Read unix seconds, which may be text, or an ISO time as UTC without zone."""
    if isinstance(value, str) and value.isdecimal() and len(value) > 8:
        value = int(value)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return dt.datetime.fromtimestamp(float(value), dt.UTC).replace(tzinfo=None)
    try:
        moment = dt.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment

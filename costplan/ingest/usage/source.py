"""How the records of a log file are read: SQL over the file, touching only the keys that count."""

from __future__ import annotations

import json
import re

from costplan.ingest.engine import Shape, name, quote, sql_type
from costplan.ingest.head import Container, Head
from costplan.ingest.usage.format import LogFormat
from costplan.ingest.usage.rows import typed_columns

_JSON_FORMATS = {
    Container.JSON_LINES: "newline_delimited",
    Container.JSON_ARRAY: "array",
    Container.JSON_OBJECT: "unstructured",
}
_PLAIN = re.compile(r"VARCHAR|.*INT.*|DOUBLE|FLOAT|DECIMAL.*|TIMESTAMP.*|DATE")
LARGEST_LINE = 1 << 26


def record_source(
    head: Head, log: LogFormat, *, numbered: bool = False, part: str = "", typed: bool = False
) -> str:
    """Write the SQL that yields a file's records with the columns of the format's shape.

    `numbered` adds the position of each record, from 1, which forbids parallel reading.
    `part` is a condition that keeps a part of a Parquet file. `typed` reads the numbers of JSON as
    numbers, twice as fast, and fails on whatever is malformed.
    """
    if head.container in _JSON_FORMATS:
        inner = _json(head, log, numbered, typed)
    elif head.container is Container.PARQUET:
        inner = _parquet(head, log, numbered, part)
    else:
        inner = _csv(head, log, numbered)
    return log.explode.format(source=inner) if log.explode else inner


def wrapped(head: Head, log: LogFormat) -> str:
    """Tell what holds the records inside one object: "[" a list, "{" an object, "" nothing."""
    if not log.wrapper or head.container is Container.JSON_ARRAY:
        return ""
    found = re.match(r'\s*\{[^\[{]*?"' + re.escape(log.wrapper) + r'"\s*:\s*([\[{])', head.text)
    return found.group(1) if found else ""


def _json(head: Head, log: LogFormat, numbered: bool, typed: bool) -> str:
    kept: dict[str, Shape] = {
        key: "VARCHAR" if key in head.text_objects else shape for key, shape in log.shape.items()
    }
    if typed:
        kept |= dict.fromkeys(typed_columns(log), "DOUBLE")
    columns = kept
    holds = wrapped(head, log)
    if holds:
        columns = {log.wrapper: [kept] if holds == "[" else kept}
    listed = ", ".join(f"{name(k)}: {quote(sql_type(v))}" for k, v in columns.items())
    lines = head.container is Container.JSON_LINES
    ignore = lines and not typed
    largest = LARGEST_LINE if lines else max(LARGEST_LINE, 2 * _unpacked_size(head))
    if lines and (typed or head.size < LARGEST_LINE):
        largest = 1 << 24  # the default; a longer line is read when numbers are read as text
    reader = (
        f"read_json({quote(head.address)}, format='{_JSON_FORMATS[head.container]}',"
        f" records=true, columns={{{listed}}}, ignore_errors={str(ignore).lower()},"
        f" compression='{head.json_packing}', maximum_object_size={largest})"
    )
    if holds:
        item = f"unnest({name(log.wrapper)})" if holds == "[" else name(log.wrapper)
        reader = f"(SELECT item.* FROM (SELECT {item} AS item FROM {reader}))"
    as_text = {key for key in log.shape if key in head.text_objects and log.shape[key] != "VARCHAR"}
    return _select(reader, {k: _from_text(name(k), log.shape[k]) for k in as_text}, numbered)


def _unpacked_size(head: Head) -> int:
    return head.size if head.compression == "none" else 20 * head.size


def _select(reader: str, replaced: dict[str, str], numbered: bool) -> str:
    line = "row_number() OVER ()" if numbered else "0"
    star = "*"
    if replaced:
        star += " REPLACE (" + ", ".join(f"{v} AS {name(k)}" for k, v in replaced.items()) + ")"
    return f"SELECT {star}, {line} AS _line FROM {reader}"


def _from_text(column: str, shape: Shape) -> str:
    """Take JSON that is kept as text apart; text that is no JSON is null."""
    sound = f"CASE WHEN json_valid({column}) THEN CAST({column} AS JSON) END"
    if shape == "JSON":
        return sound
    return f"json_transform({sound}, {quote(_structure(shape))})"


def _structure(shape: Shape) -> str:
    return json.dumps(shape)


def csv_columns(head: Head) -> list[str]:
    """List the columns of a CSV with names that are unique."""
    seen: dict[str, int] = {}
    unique = []
    for column in head.columns:
        seen[column] = seen.get(column, 0) + 1
        unique.append(column if seen[column] == 1 else f"{column}_{seen[column]}")
    return unique


def file_source(head: Head, *, numbered: bool) -> str:
    """Write the SQL that yields all columns of a CSV or Parquet file, and the record as `_line`."""
    if head.container is Container.PARQUET:
        return _select(f"read_parquet({quote(str(head.path))})", {}, numbered)
    return _select(_csv_reader(head, csv_columns(head)), {}, numbered)


def _csv(head: Head, log: LogFormat, numbered: bool) -> str:
    columns = csv_columns(head)
    return _project(_csv_reader(head, columns), log, dict.fromkeys(columns, "VARCHAR"), numbered)


def _csv_reader(head: Head, columns: list[str]) -> str:
    listed = ", ".join(f"{name(column)}: 'VARCHAR'" for column in columns)
    return (
        f"read_csv({quote(str(head.path))}, auto_detect=false, header=true, columns={{{listed}}},"
        f" delim={quote(head.delimiter)}, quote='\"', escape='\"', ignore_errors=true,"
        f" store_rejects=true, compression='{head.compression}', max_line_size=16777216)"
    )


def _parquet(head: Head, log: LogFormat, numbered: bool, part: str) -> str:
    reader = f"read_parquet({quote(str(head.path))}"
    reader += f", file_row_number=true) WHERE {part}" if part else ")"
    types = dict(zip(head.columns, head.types, strict=True))
    return _project(reader, log, types, numbered)


def _project(reader: str, log: LogFormat, types: dict[str, str], numbered: bool) -> str:
    line = "row_number() OVER ()" if numbered else "0"
    parts = [
        f"{_column(key, shape, types.get(key))} AS {name(key)}" for key, shape in log.shape.items()
    ]
    return f"SELECT {', '.join(parts)}, {line} AS _line FROM {reader}"


def _column(key: str, shape: Shape, kind: str | None) -> str:
    column = name(key)
    if kind is None:
        return f"CAST(NULL AS {sql_type(shape)})"
    if shape == "VARCHAR":
        return column if _PLAIN.fullmatch(kind) else f"CAST({column} AS VARCHAR)"
    if kind == "VARCHAR":
        return _from_text(column, shape)
    if shape == "JSON":
        return f"to_json({column})"
    if isinstance(shape, list) and kind == sql_type(shape):
        return column
    return f"json_transform(to_json({column}), {quote(_structure(shape))})"

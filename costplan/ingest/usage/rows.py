"""Records of any format brought to one shape and checked: SQL that composes the two steps."""

from __future__ import annotations

from collections.abc import Sequence

from costplan.ingest.engine import name, quote
from costplan.ingest.usage.format import ROW_TYPES, LogFormat
from costplan.ingest.usage.ids import HASH

UNLABELLED = "unlabelled"
"""Class of requests that carry nothing to tell them apart by."""


def row_select(log: LogFormat, records: str, class_key: str, *, typed: bool = False) -> str:
    """Write the SQL that brings records to the columns of `ROW_TYPES`.

    `class_key` is an SQL expression over a record; empty puts everything in one class. `typed` says
    that the reader took numbers as numbers, or refused the file.
    """
    given = dict(log.rows)
    given["class"] = class_key or quote("all")
    given["why"] = _why(log, typed_columns(log) if typed else ())
    given["line"] = "_line"
    given["is_used"] = log.used if log.used != _BY_KIND else f"({given['kind']}) = 'used'"
    parts = [
        f"{given[column]} AS {name(column)}"
        if column in given
        else f"CAST(NULL AS {kind}) AS {name(column)}"
        for column, kind in {**ROW_TYPES, "is_used": "BOOLEAN"}.items()
    ]
    return f"SELECT {', '.join(parts)} FROM ({records})"


def typed_columns(log: LogFormat) -> tuple[str, ...]:
    """List the columns that a reader of JSON may take as numbers."""
    plain = (column.strip('"') for column in log.numeric)
    return tuple(column for column in plain if log.shape.get(column) == "VARCHAR")


def _why(log: LogFormat, typed: Sequence[str]) -> str:
    tests = [f"WHEN NOT COALESCE({log.required}, FALSE) THEN 'not a record of this format'"]
    for column in log.numeric:
        if column.strip('"') in typed:
            continue
        label = column.strip('"').rpartition(".")[2]
        bad = f"{column} IS NOT NULL AND CAST({column} AS VARCHAR) <> ''"
        tests.append(
            f"WHEN {bad} AND TRY_CAST({column} AS DOUBLE) IS NULL"
            f" THEN {quote(label + ' is not a number')}"
        )
    return "CASE " + " ".join(tests) + " END"


_BY_KIND = "kind = 'used'"
_CREDIT = "(usd < 0 AND kind IN ('used', 'cache_hit'))"
_SPAN = "(epoch_us(finish) - epoch_us(start)) / 1e6"

_LONGEST_S = 10**9
_MOST_TOKENS = 10**15

SUSPECT = (
    "input < 0",
    "cached < 0",
    "output < 0",
    "reasoning < 0",
    "n < 0",
    "usd < 0",
    "latency_s < 0",
    f"latency_s > {_LONGEST_S}",
    *(f"{c} > {_MOST_TOKENS}" for c in ("input", "cached", "output", "reasoning")),
    "cached > input",
    "reasoning > output",
    "finish < start",
    "why IS NOT NULL",
)
"""Conditions on trusted rows: where none holds anywhere, checking changes nothing.

Asked one by one, most are answered by the statistics that Parquet keeps of its columns.
"""


def trusted_select(rows: str, *, spans: bool, identity: str = HASH, code: str = "") -> str:
    """Write the SQL that takes rows as they are, for a first pass that looks for `SUSPECT` ones.

    `spans` says that requests have an end, which a latency can be told from. `code` is the column
    with the number of a class, where there is one.
    Without the checks the engine reads only the columns that a count needs.
    """
    latency = f"COALESCE(latency_s, {_SPAN})" if spans else "latency_s"
    return f"""SELECT {identity} AS id, request_id, start, until, class, team, model, setting,
  kind, n, failed, input, cached, output, reasoning, usd,
  {latency} AS latency_s, retries, FALSE AS odd_cached,
  FALSE AS odd_reasoning, FALSE AS odd_clock, odd, why, line, finish,
  is_used{_and(code)}
FROM ({rows})"""


def _and(column: str) -> str:
    return f", {column}" if column else ""


def checked_select(
    rows: str, *, credits: bool = False, identity: str = HASH, code: str = ""
) -> str:
    """Write the SQL that refuses impossible rows and mends contradictory ones.

    Negative counts make a row bad. Cached above input is cut to input; reasoning above output
    becomes unknown; an end before its start leaves the latency unknown. A row of negative dollars
    is a credit: no request, but its dollars count. `credits` leaves such rows what they are, as
    lines of vendors' cost reports are no requests. `identity` is the SQL of a request's hashed id,
    `code` the column with the number of a class, where there is one.
    """
    broken = "why IS NOT NULL"
    negative = "LEAST(input, cached, output, reasoning, n) < 0"
    credit = ""
    if not credits:
        credit = f" WHEN {_CREDIT} THEN 'credit'"
        # A refund may repeat the id of the request that it gives back: it is no copy of it.
        given_back = f"hash(CONCAT('credit', {identity}))"
        identity = (
            f"CASE WHEN {_CREDIT} AND {identity} IS NOT NULL THEN {given_back} ELSE {identity} END"
        )
    large = f"GREATEST(input, cached, output, reasoning) > {_MOST_TOKENS}"
    clock = f"latency_s < 0 OR latency_s > {_LONGEST_S}"
    return f"""SELECT {identity} AS id, start, until,
  COALESCE(class, {quote(UNLABELLED)}) AS class, team, model, setting,
  CASE WHEN {broken} OR {negative} OR {large} THEN 'bad'{credit} ELSE kind END AS kind,
  n, failed, input,
  CASE WHEN cached > input THEN input ELSE cached END AS cached, output,
  CASE WHEN reasoning > output THEN NULL ELSE reasoning END AS reasoning, usd,
  CASE WHEN finish < start AND latency_s IS NULL THEN NULL WHEN {clock} THEN NULL
    WHEN latency_s IS NOT NULL THEN latency_s ELSE {_SPAN} END AS latency_s, retries,
  COALESCE(cached > input, FALSE) AS odd_cached,
  COALESCE(reasoning > output, FALSE) AS odd_reasoning,
  COALESCE(finish < start OR {clock}, FALSE) AS odd_clock, odd,
  COALESCE(why, CASE WHEN {negative} THEN 'a negative amount'
    WHEN {large} THEN 'more tokens than there can be' END) AS why, line{_and(code)}
FROM ({rows})"""

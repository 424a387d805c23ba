"""Lines of vendors' reports in the engine: freed of what was exported twice, and added up."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costplan.ingest.engine import name, quote
from costplan.ingest.usage.format import ROW_TYPES, ReportRow
from costplan.ingest.usage.ids import repeated, sorted_ids, without_duplicates
from costplan.ingest.usage.rows import checked_select
from costplan.ingest.usage.tally import Tally, tally_relation

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NOTHING = "\\N"
_LARGEST = 1 << 62
_EMPTY = "model IS NULL AND COALESCE(n, 0) = 0 AND input IS NULL AND usd IS NULL"


def count_report(
    connection: DuckDBPyConnection, rows: Iterable[Mapping[str, Any]], tables: Sequence[str] = ()
) -> Tally:
    """Count the lines of all reports together: of a bucket exported twice the fullest counts.

    `tables` are lines that are in the engine already.
    """
    _load(connection, rows)
    for table in tables:
        connection.execute(f"INSERT INTO report_rows BY NAME SELECT * FROM {table}")
        connection.execute(f"DROP TABLE {table}")
    checked = checked_select("SELECT * FROM report_rows", credits=True)
    connection.execute(f"CREATE OR REPLACE TABLE part_table AS {checked}")
    ids = sorted_ids(connection, "part_table")
    unique = without_duplicates(connection, "part_table", repeated(ids), ids[:0])
    tally = tally_relation(connection, f"(SELECT * FROM {unique})", one_each=False)
    every = (connection.execute("SELECT count(*) FROM report_rows").fetchone() or (0,))[0]
    empty = f"SELECT count(*) FROM {unique} WHERE kind = 'empty'"
    kept = sum(tally.kinds.values()) + (connection.execute(empty).fetchone() or (0,))[0]
    if every > kept:
        tally.kinds["duplicate"] = every - kept
    connection.execute("DROP TABLE part_table")
    connection.execute("DROP TABLE report_rows")
    return tally


def _load(connection: DuckDBPyConnection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Hand lines over through a file: the engine reads one many times as fast as parameters."""
    columns = ", ".join(f"{name(c)}: {quote(kind)}" for c, kind in ROW_TYPES.items())
    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        for row in rows:
            values = (row.get(column) for column in ROW_TYPES)
            writer.writerow([_NOTHING if value is None else value for value in values])
        file.flush()
        connection.execute(
            f"CREATE OR REPLACE TABLE report_rows AS FROM read_csv({quote(file.name)},"
            f" auto_detect=false, header=false, delim=',', quote='\"', escape='\"',"
            f" nullstr={quote(_NOTHING)}, columns={{{columns}}}, max_line_size=16777216)"
        )


def keep_table(
    connection: DuckDBPyConnection, table: str, select: str, class_key: str, format_name: str
) -> None:
    """Keep the lines that an SQL reads as a table with the columns of a row, and `planned`."""
    label = name("key " + class_key) if class_key else quote("all")
    said = {
        "request_id": f"{quote(format_name + '|')} || request_id",
        "class": label,
        "kind": f"CASE WHEN {_EMPTY} THEN 'empty' ELSE 'used' END",
        **{c: c for c in ("start", "until", "model", "team", "n", "input", "cached", "output")},
        **{c: c for c in ("usd", "why", "line")},
    }
    columns = ", ".join(
        f"CAST({said.get(c, 'NULL')} AS {kind}) AS {name(c)}" for c, kind in ROW_TYPES.items()
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE {table} AS SELECT {columns}, planned FROM ({select})"
    )


def _timeless(row: ReportRow) -> str | None:
    """A bucket is told from others by its time: without one it would hide them."""
    return "no time that can be read" if row.start is None else None


def _kind(row: ReportRow) -> str:
    if row.skipped:
        return "skipped"
    said = row.model or row.n or row.input is not None or row.usd is not None
    return "used" if said else "empty"


def report_values(row: ReportRow, class_key: str, format_name: str) -> dict[str, Any]:
    """Write a line of a report as plain values under the columns of a row."""
    numbers = {
        key: getattr(row, key) for key in ("n", "failed", "input", "cached", "output", "reasoning")
    }
    usd = row.usd if row.usd is None or row.usd.is_finite() else None
    amounts = (*numbers.values(), usd)
    large = any(value is not None and abs(value) > _LARGEST for value in amounts)
    return {
        "request_id": f"{format_name}|{row.request_id}",
        "start": None if row.start is None else row.start.isoformat(sep=" "),
        "until": None if row.until is None else row.until.isoformat(sep=" "),
        "class": row.keys.get(class_key) if class_key else "all",
        "team": row.team,
        "model": row.model,
        "kind": _kind(row),
        **({} if large else numbers),
        "usd": None if usd is None or large else f"{usd:f}",
        "why": "a number too large" if large else row.why or _timeless(row),
    }

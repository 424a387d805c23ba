"""The embedded engine: DuckDB with bounded memory, and SQL text that is safe to join."""

from __future__ import annotations

import os
import secrets
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from costplan.domain.errors import Fault, InputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_MB = 600
"""What DuckDB may hold before it spills to disk."""

Shape = str | Mapping[str, "Shape"] | Sequence["Shape"]
"""Shape of a JSON value: a type name, a dict of keys, or a list of one shape."""


def connect(memory_mb: int = MEMORY_MB) -> DuckDBPyConnection:
    """Open an in-memory database that spills into the temporary folder.

    Raises InputError when duckdb is not installed.
    """
    try:
        import duckdb
    except ImportError as error:
        advice = "install it with: pip install 'costplan[ingest]'"
        raise InputError([Fault("reading logs needs duckdb", advice=advice)]) from error
    connection = duckdb.connect()
    connection.execute(f"SET memory_limit='{memory_mb}MB'")
    # Two runs that spill into one folder would overwrite each other.
    spill = f"{tempfile.gettempdir()}/costplan-spill-{os.getpid()}-{secrets.token_hex(4)}"
    connection.execute(f"SET temp_directory={quote(spill)}")
    # Several queries look at one file.
    connection.execute("SET parquet_metadata_cache=true")
    connection.execute("SET TimeZone='UTC'")
    connection.execute("SET enable_progress_bar=false")
    return connection


def ask(sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
    """Answer a small question: opening a database takes longer than most."""
    with _questions().cursor() as cursor:
        return cursor.execute(sql, values).fetchall()


@cache
def _questions() -> DuckDBPyConnection:
    return connect()


@contextmanager
def hear_interrupts() -> Iterator[None]:
    """Let Ctrl-C end what is done inside: the engine makes an error of its own of it."""
    heard: list[int] = []
    before = signal.getsignal(signal.SIGINT)

    def hear(number: int, frame: object) -> None:
        heard.append(number)
        raise KeyboardInterrupt

    listens = threading.current_thread() is threading.main_thread()
    if not listens or before is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, hear)
    try:
        yield
    except Exception as error:
        if heard:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)


def quote(text: str) -> str:
    """Write text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def name(column: str) -> str:
    """Write a column name as an SQL identifier."""
    return '"' + column.replace('"', '""') + '"'


def sql_type(shape: Shape) -> str:
    """Write a shape as a DuckDB type."""
    if isinstance(shape, str):
        return shape
    if isinstance(shape, Mapping):
        inner = ", ".join(f"{name(k)} {sql_type(v)}" for k, v in shape.items())
        return f"STRUCT({inner})"
    return f"{sql_type(shape[0])}[]"


def number(expression: str) -> str:
    """Read a whole number; anything else is null."""
    return f"TRY_CAST({expression} AS BIGINT)"


def decimal(expression: str) -> str:
    """Read the dollars of one request to 1e-12; anything else, and above 999,999, is null."""
    return f"TRY_CAST(TRY_CAST({expression} AS DOUBLE) AS DECIMAL(18, 12))"


def moment(expression: str) -> str:
    """Read a time as UTC without zone, also from an offset, a zone or a unix time; others are null.

    A unix time is in seconds, milliseconds, microseconds or nanoseconds by its size.
    """
    said = f"CAST({expression} AS VARCHAR)"
    # Times with an offset or the name of a zone are parsed four times as slowly; most have none.
    offset = f"{said} LIKE '%+%' OR {said} LIKE '%-%-%-%' OR {said} LIKE '%:% %'"
    plain = f"suffix({said}, 'Z') OR NOT ({offset})"
    zoned = f"CAST(TRY_CAST({said} AS TIMESTAMPTZ) AS TIMESTAMP)"
    scale = "".join(f" WHEN u < {most} THEN u * {by}" for most, by in _UNIX)
    # What stands in a query twice is computed for every row, and few rows have unix times.
    unix = (
        f"list_transform([TRY_CAST({said} AS DOUBLE)],"
        f" lambda u: CASE WHEN u < 1e8 THEN NULL{scale} END)[1]"
    )
    return (
        f"COALESCE(TRY_CAST(CASE WHEN {plain} THEN {said} END AS TIMESTAMP), {zoned},"
        f" make_timestamp(CAST({unix} AS BIGINT)))"
    )


_UNIX = (("1e11", "1e6"), ("1e14", "1e3"), ("1e17", "1"), ("1e19", "1e-3"))


def timestamp(expression: str) -> str:
    """Read a time of a column that holds times."""
    return f"TRY_CAST({expression} AS TIMESTAMP)"


def text(expression: str) -> str:
    """Read text; empty is null."""
    return f"NULLIF(CAST({expression} AS VARCHAR), '')"

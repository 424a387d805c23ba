"""One part of a log counted: read once, checked, freed of duplicates, added up."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from costplan.domain.errors import Fault, InputError
from costplan.ingest.engine import name, quote
from costplan.ingest.head import Container, Head, open_head, truncated
from costplan.ingest.usage.classes import usual_classes
from costplan.ingest.usage.format import ROW_TYPES, LogFormat
from costplan.ingest.usage.ids import (
    HASH,
    Seen,
    near_parts,
    repeated,
    seen_before,
    sorted_ids,
    without_duplicates,
)
from costplan.ingest.usage.rows import SUSPECT, checked_select, row_select, trusted_select
from costplan.ingest.usage.source import LARGEST_LINE, record_source
from costplan.ingest.usage.tally import (
    MOST_CODED,
    Tally,
    coded_sql,
    lean_rows,
    tally_relation,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SHOWN_BAD = 10
"""Malformed lines that are shown; all are counted."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """One record that could not be used. Its content is never kept."""

    file: str
    """The file."""
    line: int | None
    """Line or, in a JSON array or Parquet, the record; counted from 1."""
    reason: str
    """What is wrong."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one part came to."""

    tally: Tally
    """Sums and histograms."""
    bad: tuple[BadLine, ...]
    """The first malformed records."""
    ids: Any
    """Sorted hashes of the request ids; None when the part has none."""
    saw: tuple[str, ...] = ()
    """Names of the earlier parts that were looked through for its requests."""
    after: tuple[str, ...] = ()
    """Names of those that hold some, which are not counted again."""


@dataclass(frozen=True, slots=True)
class _Unique:
    """A relation in which every request occurs once."""

    relation: str
    ids: Any = None
    copies: int = 0
    saw: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def count_log(
    connection: DuckDBPyConnection,
    head: Head,
    log: LogFormat,
    class_sql: str,
    seen: Seen,
    part: str = "",
    window: str = "",
) -> Counted:
    """Count one part of a log; `window` is an SQL condition of the records that count.

    Raises InputError when the file is cut off or cannot be read at all.
    """
    import duckdb

    rows = _rows(head, log, class_sql, window, part)
    try:
        if _viewable(head, log):
            tally, unique = _count_view(connection, log, seen, rows)
            rejects: list[tuple[int, str]] = []
        else:
            coded = usual_classes(connection, class_sql, MOST_CODED)
            rejects = _stage(connection, head, log, class_sql, window, coded)
            tally, unique = _count_table(connection, log, seen, coded)
    except duckdb.Error as error:
        raise unreadable(head, error) from error
    if unique.copies:
        tally.kinds["duplicate"] = unique.copies
    if rejects:
        tally.kinds["bad"] = tally.kinds.get("bad", 0) + len(rejects)
    bad = _locate(connection, head, log, class_sql, rejects, part) if tally.kinds.get("bad") else []
    connection.execute("DROP VIEW IF EXISTS part_view; DROP TABLE IF EXISTS part_kept")
    return Counted(tally, tuple(bad[:SHOWN_BAD]), unique.ids, unique.saw, unique.after)


def _rows(
    head: Head, log: LogFormat, class_sql: str, window: str, part: str = "", typed: bool = False
) -> str:
    records = record_source(head, log, part=part, typed=typed)
    rows = row_select(log, records, class_sql, typed=typed)
    return f"SELECT * FROM ({rows}) WHERE {window}" if window else rows


def _viewable(head: Head, log: LogFormat) -> bool:
    """Tell whether reading the file again is cheaper than keeping a copy of its rows."""
    return head.container is Container.PARQUET and not log.explode and not log.objects


def _count_view(
    connection: DuckDBPyConnection, log: LogFormat, seen: Seen, rows: str
) -> tuple[Tally, _Unique]:
    """Count rows where they lie: on trust, and again with every check where that was wrong."""
    trusted = trusted_select(rows, spans="finish" in log.rows)
    connection.execute(f"CREATE OR REPLACE VIEW part_view AS {trusted}")
    if any(
        connection.execute(f"SELECT 1 FROM part_view WHERE {condition} LIMIT 1").fetchone()
        for condition in SUSPECT
    ):
        connection.execute(f"CREATE OR REPLACE VIEW part_view AS {checked_select(rows)}")
        unique = _unique(connection, log, seen, "part_view")
        return tally_relation(connection, unique.relation, one_each=log.one_each), unique
    identity = {"value": "hash(request_id)", "which": "request_id <> ''"}
    return _count_trusted(connection, log, seen, identity)


def _count_table(
    connection: DuckDBPyConnection,
    log: LogFormat,
    seen: Seen,
    coded: tuple[str, ...],
) -> tuple[Tally, _Unique]:
    """Count rows that were kept: on trust where none of them needs to be checked."""
    known = _known(log)
    trusted = trusted_select(known, spans="finish" in log.rows, identity="id", code="code")
    connection.execute(f"CREATE OR REPLACE VIEW part_view AS {trusted}")
    suspect = " OR ".join(f"({condition})" for condition in SUSPECT)
    if connection.execute(f"SELECT 1 FROM part_view WHERE {suspect} LIMIT 1").fetchone():
        checked = checked_select(known, identity="id", code="code")
        connection.execute(f"CREATE OR REPLACE VIEW part_view AS {checked}")
        unique = _unique(connection, log, seen, "part_view")
        tally = tally_relation(connection, unique.relation, one_each=log.one_each, coded=coded)
        return tally, unique
    return _count_trusted(connection, log, seen, {"which": "id IS NOT NULL"}, coded)


def _count_trusted(
    connection: DuckDBPyConnection,
    log: LogFormat,
    seen: Seen,
    identity: dict[str, str],
    coded: tuple[str, ...] = (),
) -> tuple[Tally, _Unique]:
    """Count `part_view` and look for duplicates in it at once.

    Counting keeps the engine busy while ids are handed over and sorted outside of it.
    """
    lean = lean_rows(log) if log.one_each else None
    if lean is None or not lean.all_count:
        identity = {}
    count = partial(tally_relation, one_each=log.one_each, used="is_used", lean=lean, coded=coded)
    with connection.cursor() as cursor, ThreadPoolExecutor(1) as thread:
        counted = thread.submit(count, cursor, "part_view")
        try:
            unique = _unique(connection, log, seen, "part_view", identity)
        except BaseException:
            cursor.interrupt()
            raise
        tally = counted.result()
    if unique.copies:
        tally = count(connection, unique.relation)
    return tally, unique


def _stage(
    connection: DuckDBPyConnection,
    head: Head,
    log: LogFormat,
    class_sql: str,
    window: str,
    coded: tuple[str, ...],
) -> list[tuple[int, str]]:
    """Read the file into a table; return the lines that a CSV reader refused."""
    forget_refused(connection)
    if not (
        head.container is Container.JSON_LINES
        and _stage_typed(connection, log, _rows(head, log, class_sql, window, typed=True), coded)
    ):
        _keep(connection, log, _rows(head, log, class_sql, window), coded)
    return refused(connection) if head.container in {Container.CSV, Container.TEXT} else []


def forget_refused(connection: DuckDBPyConnection) -> None:
    """Drop what is known of lines that a CSV reader refused."""
    for table in ("reject_errors", "reject_scans"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")


def refused(connection: DuckDBPyConnection) -> list[tuple[int, str]]:
    """List the lines that a CSV reader refused since its tables of them were dropped."""
    found = connection.execute(
        "SELECT line, min(lower(CAST(error_type AS VARCHAR))) FROM reject_errors"
        " GROUP BY line ORDER BY line"
    ).fetchall()
    return [(int(line), str(reason)) for line, reason in found]


def _stage_typed(
    connection: DuckDBPyConnection, log: LogFormat, rows: str, coded: tuple[str, ...]
) -> bool:
    """Read JSON lines as if nothing in them were malformed; False where something is."""
    import duckdb

    # No count depends on the order of rows, and keeping it costs a fifth.
    connection.execute("SET preserve_insertion_order=false")
    try:
        _keep(connection, log, rows, coded)
    except duckdb.InvalidInputException:
        return False
    finally:
        connection.execute("SET preserve_insertion_order=true")
    return True


def _keep(
    connection: DuckDBPyConnection, log: LogFormat, rows: str, coded: tuple[str, ...]
) -> None:
    """Keep what is counted of rows; the place and the fault of one are looked up when needed.

    What a format never says, or says of every record, takes no room: `_known` puts it back.
    """
    columns = f"{HASH} AS id, class, {coded_sql(coded)} AS code, why IS NOT NULL AS bad"
    columns = ", ".join([columns, *_kept(log)])
    connection.execute("DROP VIEW IF EXISTS part_view")
    connection.execute(f"CREATE OR REPLACE TABLE part_kept AS SELECT {columns} FROM ({rows})")


def _kept(log: LogFormat) -> list[str]:
    kept = [c for c in log.rows if c in ROW_TYPES and c not in {"request_id", "n", "failed"}]
    if log.otherwise:
        kept[kept.index("kind")] = "is_used"
    return kept + [c for c in ("n", "failed") if log.rows.get(c, "0") not in {"0", "1"}]


def _known(log: LogFormat) -> str:
    """Write the SQL of whole rows over those that were kept."""
    fixed = {**dict.fromkeys(ROW_TYPES, "NULL"), **{k: v for k, v in log.rows.items() if v in "01"}}
    constants = "".join(
        f", CAST({fixed[c]} AS {kind}) AS {name(c)}"
        for c, kind in ROW_TYPES.items()
        if c not in {*_kept(log), "class", "why", "kind"}
    )
    kind = "kind = 'used' AS is_used"
    if log.otherwise:
        kind = f"CASE WHEN is_used THEN 'used' ELSE {quote(log.otherwise)} END AS kind"
    return f"SELECT *, CASE WHEN bad THEN '' END AS why, {kind}{constants} FROM part_kept"


def _unique(
    connection: DuckDBPyConnection,
    log: LogFormat,
    seen: Seen,
    relation: str,
    identity: Mapping[str, str] | None = None,
) -> _Unique:
    if "request_id" not in log.rows:
        return _Unique(relation)
    ids = sorted_ids(connection, relation, **(identity or {}))
    inside = repeated(ids)
    before, near = ids[:0], []
    after: tuple[str, ...] = ()
    if seen.parts:
        spans = connection.execute(f"SELECT min(start), max(start) FROM {relation}").fetchone()
        first, last = spans or (None, None)
        near = near_parts(seen.parts, seen.source, first, last)
        before, after = seen_before(ids, near)
    saw = tuple(name for part in near for name in part.names)
    if not len(inside) and not len(before):
        return _Unique(relation, ids, 0, saw)
    unique = without_duplicates(connection, relation, inside, before)
    kept = connection.execute(f"SELECT count(*) FROM {unique}").fetchone()
    every = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return _Unique(unique, ids, (every or (0,))[0] - (kept or (0,))[0], saw, after)


def unreadable(head: Head, error: Exception) -> InputError:
    """Say what is wrong with a file without repeating any of its text."""
    message = str(error)
    if re.search(r"GZIP|ZSTD|zstd|Unexpected end of .*stream|decompress", message):
        return truncated(head.path)
    record = re.search(r"at byte \d+ in (?:record/value|line|record|value) (\d+)", message)
    where = f" at record {record.group(1)}" if record else ""
    advice, line = "", None
    if "maximum_object_size" in message or "Out of Memory" in message:
        where, advice = ": one record is larger than the reader holds", "take that record out"
        line = _long_line(head) if head.container is Container.JSON_LINES else None
    fault = Fault(
        f"not readable as {head.container}{where}", str(head.path), line=line, advice=advice
    )
    return InputError([fault])


def _long_line(head: Head) -> int | None:
    """Find the first line that is longer than the reader takes."""
    number, length = 1, 0
    with open_head(head) as file:
        while block := file.read(1 << 22):
            first, *others = block.split(b"\n")
            length += len(first)
            for part in others:
                if length > LARGEST_LINE:
                    return number
                number, length = number + 1, len(part)
    return number if length > LARGEST_LINE else None


def _locate(
    connection: DuckDBPyConnection,
    head: Head,
    log: LogFormat,
    class_sql: str,
    rejects: list[tuple[int, str]],
    part: str,
) -> list[BadLine]:
    records = record_source(head, log, numbered=True, part=part)
    sql = checked_select(row_select(log, records, class_sql))
    found = connection.execute(
        f"SELECT line, why FROM ({sql}) WHERE kind = 'bad' ORDER BY line LIMIT {SHOWN_BAD}"
    ).fetchall()
    places = [(int(line), str(why)) for line, why in found]
    if head.container is Container.JSON_LINES:
        lines = _lines(head, {ordinal for ordinal, _ in places})
        places = [(lines[o][0], lines[o][1] or why) for o, why in places if o in lines]
    elif head.container is Container.CSV:
        places = [(_csv_line(ordinal, rejects), why) for ordinal, why in places]
    merged = sorted([*places, *rejects])
    return [BadLine(str(head.path), line, why) for line, why in merged[:SHOWN_BAD]]


def _lines(head: Head, ordinals: set[int]) -> dict[int, tuple[int, str]]:
    """Find the lines of records, which the reader counts without blank ones, and what ails them."""
    found: dict[int, tuple[int, str]] = {}
    ordinal = 0
    with open_head(head) as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                ordinal += 1
                if ordinal in ordinals:
                    found[ordinal] = (number, _ailment(line))
                    if len(found) == len(ordinals):
                        break
    return found


def _ailment(line: bytes) -> str:
    """Say why a line is no JSON object; empty where it is one."""
    try:
        found = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return "not UTF-8"
    except RecursionError:
        return "nested too deeply"
    except ValueError:
        return "not JSON"
    return "" if isinstance(found, dict) else "not a JSON object"


def _csv_line(ordinal: int, rejects: list[tuple[int, str]]) -> int:
    line = ordinal + 1
    for rejected, _ in rejects:
        if rejected <= line:
            line += 1
    return line

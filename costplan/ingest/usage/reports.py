"""Reports of vendors in a run: their lines, what can make classes, the days that count."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.ingest.engine import connect, name
from costplan.ingest.head import Container, Head, check_whole
from costplan.ingest.histogram import bucket_of
from costplan.ingest.usage.classes import SAMPLE_RECORDS, Candidate, choose, resolve
from costplan.ingest.usage.format import ReportFormat, ReportRow
from costplan.ingest.usage.reading import Progress, Run, UsageOptions
from costplan.ingest.usage.report_rows import keep_table, report_values
from costplan.ingest.usage.staging import (
    SHOWN_BAD,
    BadLine,
    forget_refused,
    refused,
    unreadable,
)
from costplan.ingest.usage.tally import Tally


def judge_report(head: Head, log: ReportFormat) -> tuple[Candidate, ...]:
    """Measure how each key of a report splits its volume."""
    rows = _sample(head, log)
    every = sum(weight for weight, _ in rows)
    candidates = []
    for key in log.keys:
        volumes: dict[str, int] = {}
        for weight, labels in rows:
            value = labels.get(key)
            if value is not None:
                volumes[value] = volumes.get(value, 0) + weight
        if volumes and every:
            ranked = sorted(volumes, key=lambda value: (-volumes[value], value))
            labelled = sum(volumes.values()) / every
            largest = volumes[ranked[0]] / every
            candidates.append(Candidate(key, len(volumes), labelled, largest, tuple(ranked[:5])))
    return tuple(candidates)


def _sample(head: Head, log: ReportFormat) -> list[tuple[int, Mapping[str, str | None]]]:
    """Read the volume and the labels of the first lines."""
    if log.select is None:
        rows = islice(log.read(head.path), SAMPLE_RECORDS)
        return [(row.n or row.output or 1, row.keys) for row in rows if row.keys]
    labels = ", ".join(name("key " + key) for key in log.keys)
    sql = f"SELECT COALESCE(NULLIF(n, 0), NULLIF(output, 0), 1), {labels} FROM"
    with connect() as connection:
        found = connection.execute(f"{sql} ({log.select(head, SAMPLE_RECORDS)}) WHERE judged")
        return [(row[0], dict(zip(log.keys, row[1:], strict=True))) for row in found.fetchall()]


def read_report(run: Run, head: Head, log: ReportFormat) -> None:
    """Read the lines of a report into a run.

    Raises InputError where the report is not sound or its sums cannot be cut to the days asked for.
    """
    import duckdb

    try:
        if log.name not in run.keys:
            run.candidates[log.name] = judge_report(head, log)
            keys = {c.key: c.key for c in run.candidates[log.name]}
            told = run.options.class_by
            if told:
                run.keys[log.name] = _report_key(told, log, keys, head)
            else:
                run.keys[log.name] = run.state.choice(log.name) or _first_key(run, log)
                run.state.remember_choice(log.name, run.keys[log.name])
        records = _read_table(run, head, log) if log.select else _read_rows(run, head, log)
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        message = f"not a sound {log.name} report: {type(error).__name__}"
        raise InputError([Fault(message, str(head.path))]) from error
    except duckdb.Error as error:
        raise unreadable(head, error) from error
    run.records += records
    elapsed = time.monotonic() - run.began
    run.report(Progress(str(head.path), run.records, elapsed, False))


def _read_rows(run: Run, head: Head, log: ReportFormat) -> int:
    """Read a report in Python."""
    key = run.keys[log.name]
    rows = list(_cut(log.read(head.path), run.options, head.path))
    values = [report_values(row, key, log.name) for row in rows]
    run.reports += values
    for place, line in enumerate(values, start=1):
        if line["why"] is not None and len(run.bad) < SHOWN_BAD:
            since = f", from {line['start']}" if line["start"] else ""
            said = f"line {place} of the report{since}: {line['why']}"
            run.bad.append(BadLine(str(head.path), None, said))
    latency = Tally()
    for row in rows:
        group = (row.keys.get(key) if key else "all") or "unlabelled"
        for seconds, count in row.latency_buckets:
            cell = (group, "latency", bucket_of(seconds * 1000))
            before = latency.cells.get(cell, (0, 0))
            milliseconds = round(seconds * 1000 * count)
            latency.cells[cell] = (before[0] + count, before[1] + milliseconds)
    run.tallies.append(latency)
    return len(rows)


def _read_table(run: Run, head: Head, log: ReportFormat) -> int:
    """Read a report of any length in the engine."""
    check_whole(head.path)
    table = f"report_{len(run.tables)}"
    forget_refused(run.connection)
    sql = log.select(head, 0) if log.select else ""
    keep_table(run.connection, table, sql, run.keys[log.name], log.name)
    is_csv = head.container is not Container.PARQUET
    bad = refused(run.connection) if is_csv else []
    run.tallies.append(Tally(kinds={"bad": len(bad)} if bad else {}))
    planned = f"SELECT line, planned FROM {table} WHERE planned IS NOT NULL ORDER BY line LIMIT 1"
    if found := run.connection.execute(planned).fetchone():
        advice = "give the actual charges alone"
        raise InputError([Fault(found[1], str(head.path), line=found[0] + is_csv, advice=advice)])
    run.connection.execute(f"ALTER TABLE {table} DROP COLUMN planned")
    _cut_table(run, head, table)
    odd = f"SELECT line, why FROM {table} WHERE why IS NOT NULL ORDER BY line LIMIT {SHOWN_BAD}"
    bad += [(line + is_csv, why) for line, why in run.connection.execute(odd).fetchall()]
    run.bad += [BadLine(str(head.path), line, why) for line, why in sorted(bad)[:SHOWN_BAD]]
    run.tables.append(table)
    counted = f"SELECT count(*) FROM {table} WHERE line IS NOT NULL"
    return int((run.connection.execute(counted).fetchone() or (0,))[0]) + len(bad)


def _days(options: UsageOptions) -> tuple[dt.datetime, dt.datetime]:
    first = dt.datetime.combine(options.since or dt.date.min, dt.time())
    last = options.until or dt.date.max - dt.timedelta(days=1)
    return first, dt.datetime.combine(last + dt.timedelta(days=1), dt.time())


def _cut_table(run: Run, head: Head, table: str) -> None:
    """Leave the rows of the days that count, as `_cut` does."""
    if not run.options.window:
        return
    first, after = _days(run.options)
    outside = "start >= ? OR (COALESCE(until, start) <= ? AND start < ?)"
    run.connection.execute(f"DELETE FROM {table} WHERE {outside}", [after, first, first])
    spans = f"SELECT start, COALESCE(until, start) AS finish FROM {table}"
    across = f"{spans} WHERE start < ? OR finish > ? LIMIT 1"
    if found := run.connection.execute(across, [first, after]).fetchone():
        raise _across(found[0], found[1], head.path)


def _across(start: dt.datetime, end: dt.datetime, path: Path) -> InputError:
    said = f"a sum from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} cannot be cut"
    return InputError([Fault(said, str(path), advice="choose days that hold it whole")])


def _cut(rows: Iterable[ReportRow], options: UsageOptions, path: Path) -> Iterator[ReportRow]:
    """Leave the rows of the days that count; a bucket may not reach beyond them."""
    first, after = _days(options)
    for row in rows:
        start, end = row.start, row.until or row.start
        if start is None or end is None:
            yield row
            continue
        if start >= after or (end <= first and start < first):
            continue
        if start < first or end > after:
            raise _across(start, end, path)
        yield row


def _first_key(run: Run, log: ReportFormat) -> str:
    """Take what the other reports of this run use, so that usage and costs meet in one class."""
    vendor = log.name.partition("-")[0]
    for other, key in run.keys.items():
        if other.partition("-")[0] == vendor and key in log.keys:
            return key
    return choose(run.candidates[log.name])


def _report_key(told: str, log: ReportFormat, keys: Mapping[str, str], head: Head) -> str:
    return resolve(told, {**dict.fromkeys(log.keys, ""), **keys}, str(head.path))

"""Read usage logs: find formats and classes, count part by part, sum up."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costplan.domain.errors import Fault, InputError
from costplan.ingest.engine import connect, quote
from costplan.ingest.head import Container, Head, check_whole, read_head
from costplan.ingest.histogram import bucket_of
from costplan.ingest.usage.classes import (
    SAMPLE_RECORDS,
    Candidate,
    choose,
    class_keys,
    judge,
    resolve,
    take_sample,
)
from costplan.ingest.usage.format import LogFormat, ReportFormat, ReportRow, UsageFormat
from costplan.ingest.usage.formats import find_format
from costplan.ingest.usage.ids import Seen
from costplan.ingest.usage.result import UsageResult
from costplan.ingest.usage.source import record_source
from costplan.ingest.usage.staging import (
    BadLine,
    count_log,
    count_report,
    report_values,
)
from costplan.ingest.usage.state import State, file_identity
from costplan.ingest.usage.summing import sum_up
from costplan.ingest.usage.tally import Tally, total
from costplan.ingest.warehouse.counts import NAME, is_counts, read_counts

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

PART_RECORDS = 16_000_000
"""Records of a Parquet file that are counted at once; a stopped run resumes after the last part."""


@dataclass(frozen=True, slots=True)
class UsageOptions:
    """How logs are read."""

    format: str = ""
    """Name of the format; found from the content when empty."""
    class_by: str = ""
    """Key the classes are made by; chosen per format when empty."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Column per meaning of a plain table."""
    max_bad: int = 100
    """Malformed records that are tolerated."""
    state: Path | None = None
    """Folder that keeps what was counted; None keeps nothing."""
    requests: Mapping[str, int] = field(default_factory=dict)
    """Requests per class within the time covered, where the source does not count them."""
    part_records: int = PART_RECORDS
    """Records of a Parquet file that are counted at once."""
    since: dt.date | None = None
    """First day that counts, UTC; None for all."""
    until: dt.date | None = None
    """Last day that counts, UTC; None for all."""

    @property
    def window(self) -> str:
        """SQL condition of the days that count; empty for all. Records without a time stay."""
        parts = []
        if self.since is not None:
            parts.append(f"start >= TIMESTAMP '{self.since}'")
        if self.until is not None:
            parts.append(f"start < TIMESTAMP '{self.until + dt.timedelta(days=1)}'")
        return f"(start IS NULL OR ({' AND '.join(parts)}))" if parts else ""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    file: str
    """File that was just counted, or a part of it."""
    records: int
    """Records counted so far in this run."""
    elapsed_s: float
    """Seconds since the run began."""
    recalled: bool
    """Whether the part came from the state."""


@dataclass(slots=True)
class _Run:
    options: UsageOptions
    state: State
    report: Callable[[Progress], None]
    connection: DuckDBPyConnection
    began: float = field(default_factory=time.monotonic)
    records: int = 0
    tallies: list[Tally] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    bad_count: int = 0
    formats: dict[str, UsageFormat] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    candidates: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)


def read_usage(
    paths: Sequence[Path],
    options: UsageOptions | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    counted: Sequence[tuple[str, Tally]] = (),
) -> UsageResult:
    """Count usage logs and reports of any mixture of formats.

    `counted` adds what a warehouse has counted, with its address.

    Raises InputError when a file cannot be read or recognised, when more records than tolerated
    are malformed, or when nothing can be used.
    """
    options = options or UsageOptions()
    files = list_files(paths) if paths or not counted else []
    state = State(options.state)
    try:
        with connect() as connection:
            run = _Run(options, state, progress, connection)
            for address, tally in counted:
                _take_counts(run, address, tally)
            for path in files:
                _read_file(run, path)
            return _finish(run, [*(address for address, _ in counted), *files])
    finally:
        state.close()


def list_files(paths: Sequence[Path]) -> list[Path]:
    """List files, and what is in folders; InputError where there is none."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(p for p in path.rglob("*") if p.is_file() and p.name[0] != ".")
        else:
            files.append(path)
    if not files:
        raise InputError([Fault("no files to read", str(paths[0]) if paths else "")])
    return list(dict.fromkeys(files))


def _read_file(run: _Run, path: Path) -> None:
    head = read_head(path)
    if is_counts(head) and not run.options.format:
        if run.options.window:
            said = "what a warehouse counted cannot be cut to days"
            raise InputError([Fault(said, str(path), advice="count those days alone")])
        _take_counts(run, str(path), read_counts(path))
        return
    log = find_format(head, run.options.columns, run.options.format)
    run.formats[log.name] = log
    if isinstance(log, ReportFormat):
        _read_report(run, head, log)
        return
    check_whole(path)
    class_sql = _class_sql(run, head, log)
    settings = {
        "file": file_identity(path),
        "format": log.name,
        "class_by": run.keys[log.name],
        "columns": repr(sorted(run.options.columns.items())),
        **({"window": run.options.window} if run.options.window else {}),
    }
    for part in _parts(run, head, log):
        described = {**settings, "part": part}
        saved = run.state.recall(described)
        seen = Seen(run.state.seen, settings["file"])
        if saved is not None:
            bad = [BadLine(*line) for line in saved["bad"]]
            _take(run, path, saved["tally"], bad, recalled=True)
            continue
        counted = count_log(run.connection, head, log, class_sql, seen, part, run.options.window)
        extra = {"bad": [[b.file, b.line, b.reason] for b in counted.bad]}
        run.state.keep(described, counted.tally, counted.ids, extra)
        _take(run, path, counted.tally, list(counted.bad), recalled=False)


def _take(run: _Run, path: Path, tally: Tally, bad: list[BadLine], *, recalled: bool) -> None:
    run.tallies.append(tally)
    run.bad += bad
    run.bad_count += tally.kinds.get("bad", 0)
    run.records += sum(tally.kinds.values())
    _check_bad(run)
    elapsed = time.monotonic() - run.began
    run.report(Progress(str(path), run.records, elapsed, recalled))


def _check_bad(run: _Run) -> None:
    if run.bad_count <= run.options.max_bad:
        return
    faults = [Fault(bad.reason, bad.file, line=bad.line) for bad in run.bad[:10]]
    advice = f"--max-bad {run.bad_count} reads on without them"
    message = f"{run.bad_count} malformed records, more than --max-bad {run.options.max_bad}"
    raise InputError([*faults, Fault(message, advice=advice)])


def _parts(run: _Run, head: Head, log: LogFormat) -> list[str]:
    if head.container is not Container.PARQUET or log.explode:
        return [""]
    sql = f"SELECT sum(num_rows) FROM parquet_file_metadata({quote(str(head.path))})"
    records = (run.connection.execute(sql).fetchone() or (0,))[0] or 0
    size = run.options.part_records
    if records <= size:
        return [""]
    return [
        f"file_row_number >= {start} AND file_row_number < {start + size}"
        for start in range(0, records, size)
    ]


def _class_sql(run: _Run, head: Head, log: LogFormat) -> str:
    """Choose what the classes are made by, once per format, and write it for this file."""
    import duckdb

    records = record_source(head, log)
    chosen = run.keys.get(log.name) or run.state.choice(log.name)
    told = run.options.class_by
    try:
        records = take_sample(run.connection, records)
        keys = class_keys(run.connection, log, records)
        if not told and chosen is None:
            run.candidates[log.name] = judge(run.connection, records, keys)
            chosen = choose(run.candidates[log.name])
            run.state.remember_choice(log.name, chosen)
    except duckdb.Error:
        # Broken files are explained where they are counted.
        keys = dict(log.keys)
    wanted = told or chosen or ""
    if not wanted:
        run.keys.setdefault(log.name, "")
        return ""
    if not told and wanted not in keys:
        run.keys[log.name] = wanted
        return _later_key(log, wanted)
    key = resolve(wanted, keys, str(head.path), log.attribute)
    run.keys[log.name] = key
    return keys.get(key) or log.attribute.format(key=quote(key))


def _later_key(log: LogFormat, key: str) -> str:
    """Write a key that this file's sample does not show; its requests are unlabelled there."""
    if log.attribute:
        return log.attribute.format(key=quote(key))
    return "CAST(NULL AS VARCHAR)"


def preview(paths: Sequence[Path], options: UsageOptions) -> dict[str, tuple[Candidate, ...]]:
    """Judge what could make classes in the first file of each format."""
    found: dict[str, tuple[Candidate, ...]] = {}
    with connect() as connection:
        for path in list_files(paths):
            head = read_head(path)
            log = find_format(head, options.columns, options.format)
            if log.name in found:
                continue
            if isinstance(log, ReportFormat):
                found[log.name] = _judge_report(path, log)
                continue
            records = take_sample(connection, record_source(head, log))
            found[log.name] = judge(connection, records, class_keys(connection, log, records))
    return found


def _judge_report(path: Path, log: ReportFormat) -> tuple[Candidate, ...]:
    rows = [row for row in islice(log.read(path), SAMPLE_RECORDS) if row.keys]
    weights = [row.n or row.output or 1 for row in rows]
    every = sum(weights)
    candidates = []
    for key in log.keys:
        volumes: dict[str, int] = {}
        for row, weight in zip(rows, weights, strict=True):
            value = row.keys.get(key)
            if value is not None:
                volumes[value] = volumes.get(value, 0) + weight
        if volumes and every:
            ranked = sorted(volumes, key=lambda value: (-volumes[value], value))
            labelled = sum(volumes.values()) / every
            largest = volumes[ranked[0]] / every
            candidates.append(Candidate(key, len(volumes), labelled, largest, tuple(ranked[:5])))
    return tuple(candidates)


def _read_report(run: _Run, head: Head, log: ReportFormat) -> None:
    try:
        if log.name not in run.keys:
            run.candidates[log.name] = _judge_report(head.path, log)
            keys = {c.key: c.key for c in run.candidates[log.name]}
            told = run.options.class_by
            if told:
                run.keys[log.name] = _report_key(told, log, keys, head)
            else:
                run.keys[log.name] = run.state.choice(log.name) or _first_key(run, log)
                run.state.remember_choice(log.name, run.keys[log.name])
        rows = list(_cut(log.read(head.path), run.options, head.path))
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        message = f"not a sound {log.name} report: {type(error).__name__}"
        raise InputError([Fault(message, str(head.path))]) from error
    run.reports += [report_values(row, run.keys[log.name], log.name) for row in rows]
    latency = Tally()
    for row in rows:
        group = (row.keys.get(run.keys[log.name]) if run.keys[log.name] else "all") or "unlabelled"
        for seconds, count in row.latency_buckets:
            key = (group, "latency", bucket_of(seconds * 1000))
            before = latency.cells.get(key, (0, 0))
            milliseconds = round(seconds * 1000 * count)
            latency.cells[key] = (before[0] + count, before[1] + milliseconds)
    run.tallies.append(latency)
    run.records += len(rows)
    elapsed = time.monotonic() - run.began
    run.report(Progress(str(head.path), run.records, elapsed, False))


def _cut(rows: Iterable[ReportRow], options: UsageOptions, path: Path) -> Iterator[ReportRow]:
    """Leave the rows of the days that count; a bucket may not reach beyond them."""
    first = dt.datetime.combine(options.since or dt.date.min, dt.time())
    last = options.until or dt.date.max - dt.timedelta(days=1)
    after = dt.datetime.combine(last + dt.timedelta(days=1), dt.time())
    for row in rows:
        start, end = row.start, row.until or row.start
        if start is None or end is None:
            yield row
            continue
        if start >= after or (end <= first and start < first):
            continue
        if start < first or end > after:
            said = f"a sum from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} cannot be cut"
            raise InputError([Fault(said, str(path), advice="choose days that hold it whole")])
        yield row


def _first_key(run: _Run, log: ReportFormat) -> str:
    """Take what the other reports of this run use, so that usage and costs meet in one class."""
    vendor = log.name.partition("-")[0]
    for name, key in run.keys.items():
        if name.partition("-")[0] == vendor and key in log.keys:
            return key
    return choose(run.candidates[log.name])


def _report_key(told: str, log: ReportFormat, keys: Mapping[str, str], head: Head) -> str:
    return resolve(told, {**dict.fromkeys(log.keys, ""), **keys}, str(head.path))


def _take_counts(run: _Run, source: str, tally: Tally) -> None:
    run.formats[WAREHOUSE.name] = WAREHOUSE
    run.keys[WAREHOUSE.name] = "class"
    run.tallies.append(tally)
    run.records += sum(tally.kinds.values())
    run.report(Progress(source, run.records, time.monotonic() - run.began, False))


WAREHOUSE = ReportFormat(
    NAME, is_counts, lambda _: iter(()), ("class",), ("failed",), one_request_rows=True
)


def _finish(run: _Run, files: Sequence[Path | str]) -> UsageResult:
    if {"otel-traces", "otel-metrics"} <= run.formats.keys():
        advice = "give the traces, which also have the sizes of single requests"
        raise InputError([Fault("traces and metrics count the same requests", advice=advice)])
    tally = total(run.tallies)
    if run.reports:
        tally.add(count_report(run.connection, run.reports))
        run.bad_count = tally.kinds.get("bad", 0)
        _check_bad(run)
    return sum_up(
        tally,
        formats=tuple(run.formats.values()),
        files=tuple(map(str, files)),
        class_by=run.keys,
        candidates=run.candidates,
        bad=tuple(run.bad[:10]),
        told_requests=run.options.requests,
    )

"""Read usage logs: find formats and classes, count part by part, sum up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.ingest.engine import connect, quote
from costplan.ingest.head import Container, Head, check_whole, read_head, truncated
from costplan.ingest.spans import read_spans
from costplan.ingest.usage.chunks import chunks, is_large, lines_before
from costplan.ingest.usage.classes import (
    Candidate,
    choose,
    class_keys,
    judge,
    resolve,
    take_sample,
)
from costplan.ingest.usage.files import list_files, recognise_logs
from costplan.ingest.usage.format import LogFormat, ReportFormat, UsageFormat
from costplan.ingest.usage.ids import Seen
from costplan.ingest.usage.reading import Progress, Run, UsageOptions
from costplan.ingest.usage.report_rows import count_report
from costplan.ingest.usage.reports import judge_report, read_report
from costplan.ingest.usage.result import UsageResult
from costplan.ingest.usage.source import record_source
from costplan.ingest.usage.staging import BadLine, count_log
from costplan.ingest.usage.state import State, file_identity
from costplan.ingest.usage.summing import sum_up
from costplan.ingest.usage.tally import Tally, total
from costplan.ingest.warehouse.counts import NAME, is_counts, read_counts

__all__ = ["Progress", "UsageOptions", "list_files", "preview", "read_usage"]


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
    files, notes = recognise_logs(paths, options) if paths or not counted else ({}, [])
    state = State(options.state)
    try:
        with connect() as connection:
            run = Run(options, state, progress, connection)
            for address, tally in counted:
                _take_counts(run, address, tally)
            _read_all(run, files)
            result = _finish(run, [*(address for address, _ in counted), *files])
            return replace(result, warnings=(*notes, *result.warnings))
    finally:
        state.close()


def _read_all(run: Run, files: Mapping[Path, UsageFormat | None]) -> None:
    """Count file after file; a broken one does not keep the faults of the others from showing."""
    faults: list[Fault] = []
    for path, log in files.items():
        try:
            _read_file(run, path, log)
        except TooManyBadError as error:
            raise TooManyBadError([*faults, *error.faults]) from error
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults)


def _read_file(run: Run, path: Path, log: UsageFormat | None) -> None:
    if log is None:
        if run.options.window:
            said = "what a warehouse counted cannot be cut to days"
            raise InputError([Fault(said, str(path), advice="count those days alone")])
        _take_counts(run, str(path), read_counts(path))
        return
    head = read_head(path)
    run.formats[log.name] = log
    if isinstance(log, ReportFormat):
        read_report(run, head, log)
        return
    class_sql = _class_sql(run, head, log)
    settings = {
        "file": file_identity(path),
        "format": log.name,
        "class_by": run.keys[log.name],
        "columns": repr(sorted(run.options.columns.items())),
        **({"window": run.options.window} if run.options.window else {}),
    }
    if is_large(head, log, run.options.chunk_bytes):
        # Gzip is checked where it is unpacked into chunks.
        if head.compression == "zstd":
            check_whole(path)
        _count_chunks(run, head, log, class_sql, settings)
        return
    with ThreadPoolExecutor(1) as thread:
        whole = thread.submit(check_whole, path)
        if run.options.state is not None:
            whole.result()  # a state must hold nothing of a broken file
        for part in _parts(run, head, log):
            try:
                bad, recalled = _count_part(
                    run, head, path, log, class_sql, settings | {"part": part}
                )
            except EOFError as error:  # some engines read what there is of a packed file
                raise truncated(path) from error
            whole.result()
            _take(run, path, bad, recalled=recalled)


def _count_chunks(
    run: Run, head: Head, log: LogFormat, class_sql: str, settings: Mapping[str, str]
) -> None:
    """Count a large file of lines chunk by chunk; what a stopped run had counted is recalled."""
    for chunk in chunks(head, run.options.chunk_bytes):
        if chunk.head.span is not None:
            read_spans(run.connection)
        part = {**settings, "file": chunk.identity, "part": "chunk"}
        try:
            bad, recalled = _count_part(run, chunk.head, head.path, log, class_sql, part)
        except InputError as error:
            raise InputError([replace(f, file=str(head.path)) for f in error.faults]) from error
        before = lines_before(head, chunk) if bad else 0
        placed = [replace(b, file=str(head.path), line=before + (b.line or 0)) for b in bad]
        _take(run, head.path, placed, recalled=recalled)


def _count_part(
    run: Run, head: Head, path: Path, log: LogFormat, class_sql: str, part: dict[str, str]
) -> tuple[list[BadLine], bool]:
    """Count what `head` shows of the file at `path`, or recall it; return what was malformed."""
    source = str(path)
    while run.state.has_seen(part):  # the same content again, under another name
        part["copy"] = str(int(part.get("copy", "0")) + 1)
    saved = run.state.recall(part, source)
    if saved is not None:
        run.tallies.append(saved["tally"])
        return [BadLine(source, line, reason) for line, reason in saved["bad"]], True
    seen = Seen(run.state.seen(), source)
    window = run.options.window
    counted = count_log(
        run.connection,
        head,
        log,
        class_sql,
        seen,
        "" if part["part"] == "chunk" else part["part"],
        window,
    )
    run.state.keep(part, source, counted)
    run.tallies.append(counted.tally)
    return list(counted.bad), False


def _take(run: Run, path: Path, bad: list[BadLine], *, recalled: bool) -> None:
    tally = run.tallies[-1]
    run.bad += bad
    run.bad_count += tally.kinds.get("bad", 0)
    run.records += sum(tally.kinds.values())
    _check_bad(run)
    elapsed = time.monotonic() - run.began
    run.report(Progress(str(path), run.records, elapsed, recalled))


def _check_bad(run: Run) -> None:
    if run.bad_count <= run.options.max_bad:
        return
    faults = [Fault(bad.reason, bad.file, line=bad.line) for bad in run.bad[:10]]
    advice = f"--max-bad {run.bad_count} reads on without them"
    message = f"{run.bad_count} malformed records, more than --max-bad {run.options.max_bad}"
    raise TooManyBadError([*faults, Fault(message, advice=advice)])


class TooManyBadError(InputError):
    """More records are malformed than the caller tolerates."""


def _parts(run: Run, head: Head, log: LogFormat) -> list[str]:
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


def _class_sql(run: Run, head: Head, log: LogFormat) -> str:
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
        for path, log in recognise_logs(paths, options)[0].items():
            if log is None or log.name in found:
                continue
            head = read_head(path)
            if isinstance(log, ReportFormat):
                found[log.name] = judge_report(head, log)
                continue
            records = take_sample(connection, record_source(head, log))
            found[log.name] = judge(connection, records, class_keys(connection, log, records))
    return found


def _take_counts(run: Run, source: str, tally: Tally) -> None:
    run.formats[WAREHOUSE.name] = WAREHOUSE
    run.keys[WAREHOUSE.name] = "class"
    run.tallies.append(tally)
    run.records += sum(tally.kinds.values())
    run.report(Progress(source, run.records, time.monotonic() - run.began, False))


WAREHOUSE = ReportFormat(NAME, is_counts, ("class",), cannot_say=("failed",), one_request_rows=True)


def _finish(run: Run, files: Sequence[Path | str]) -> UsageResult:
    if {"otel-traces", "otel-metrics"} <= run.formats.keys():
        advice = "give the traces, which also have the sizes of single requests"
        raise InputError([Fault("traces and metrics count the same requests", advice=advice)])
    tally = total(run.tallies)
    if run.reports or run.tables:
        tally.add(count_report(run.connection, run.reports, run.tables))
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

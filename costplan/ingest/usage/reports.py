"""Reports of vendors in a run: their lines, what can make classes, the days that count."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.ingest.head import Head
from costplan.ingest.histogram import bucket_of
from costplan.ingest.usage.classes import SAMPLE_RECORDS, Candidate, choose, resolve
from costplan.ingest.usage.format import ReportFormat, ReportRow
from costplan.ingest.usage.reading import Progress, Run, UsageOptions
from costplan.ingest.usage.staging import report_values
from costplan.ingest.usage.tally import Tally


def judge_report(path: Path, log: ReportFormat) -> tuple[Candidate, ...]:
    """Measure how each key of a report splits its volume."""
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


def read_report(run: Run, head: Head, log: ReportFormat) -> None:
    """Read the lines of a report into a run.

    Raises InputError where the report is not sound or its sums cannot be cut to the days asked for.
    """
    try:
        if log.name not in run.keys:
            run.candidates[log.name] = judge_report(head.path, log)
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


def _first_key(run: Run, log: ReportFormat) -> str:
    """Take what the other reports of this run use, so that usage and costs meet in one class."""
    vendor = log.name.partition("-")[0]
    for name, key in run.keys.items():
        if name.partition("-")[0] == vendor and key in log.keys:
            return key
    return choose(run.candidates[log.name])


def _report_key(told: str, log: ReportFormat, keys: Mapping[str, str], head: Head) -> str:
    return resolve(told, {**dict.fromkeys(log.keys, ""), **keys}, str(head.path))

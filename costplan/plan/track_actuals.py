"""What was spent: usage and cost files read into cells of one label, model and setting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from pathlib import Path
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.domain.money import EXACT

if TYPE_CHECKING:
    from costplan.ingest.usage.classes import Candidate
    from costplan.ingest.usage.result import UsageResult
    from costplan.ingest.usage.tally import Counts

_HOUR = dt.timedelta(hours=1)
_DAY = dt.timedelta(days=1)
_SECONDS = 86_400
_TABLE = "table"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How files of actual spend are read."""

    class_by: str = ""
    """Key the labels are made by; the one that names most of the plan when empty."""
    format: str = ""
    """Name of the format; found from the content when empty."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Column per meaning of a plain table."""
    max_bad: int = 100
    """Malformed records that are tolerated."""
    since: dt.date | None = None
    """First day that counts, UTC; the first in the files when None."""
    until: dt.date | None = None
    """Last day that counts, UTC; the last in the files when None."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What one source says of a label, model and setting; unknown is None.

    Tokens are of all the requests: what some of them do not say is taken as in the others.
    """

    source: str
    """Format of the file."""
    label: str
    """What the source tells classes by."""
    model: str | None
    """Model as the source names it."""
    setting: str | None
    """Position of the knob."""
    requests: int | None
    """Successful requests."""
    input_tokens: Decimal | None
    """Input tokens, cached ones included."""
    cached_tokens: Decimal | None
    """Input tokens read from the cache."""
    output_tokens: Decimal | None
    """Output tokens, reasoning included."""
    usd: Decimal | None
    """Stated spend of successful requests."""
    failed_usd: Decimal
    """Stated spend of failed requests."""

    @property
    def has_usage(self) -> bool:
        """Whether it states requests or tokens."""
        return self.requests is not None or self.input_tokens is not None


@dataclass(frozen=True, slots=True)
class Actuals:
    """Everything that was read."""

    cells: tuple[Cell, ...]
    """What was used and spent."""
    files: tuple[str, ...]
    """Files that were read."""
    spans: Mapping[str, tuple[dt.datetime, dt.datetime]]
    """First and last moment of each source, UTC."""
    days: Mapping[dt.date, Decimal]
    """Covered part of every covered day, above 0 to 1."""
    missing_days: tuple[dt.date, ...]
    """Days between that hold no record and are taken as not covered."""
    class_by: Mapping[str, str]
    """Key the labels are made by, of each source; empty where there is none."""
    cannot_say: Mapping[str, tuple[str, ...]]
    """What each source does not carry."""
    notes: tuple[str, ...]
    """What is odd in the files, with its consequence."""


def read_actuals(
    paths: Sequence[Path],
    knows: Callable[[str], bool],
    options: ReadOptions | None = None,
) -> Actuals:
    """Read usage and cost files of any formats.

    `knows` tells whether a label stands for a class of the plan.
    Raises InputError when a file cannot be read or recognised, or nothing in it can be used.
    """
    from costplan.ingest.usage.run import UsageOptions, read_usage

    options = options or ReadOptions()
    results: dict[str, UsageResult] = {}
    keys: dict[str, str] = {}
    by_format, left_out = _sort_files(paths, options)
    for name, files in by_format.items():
        keys[name] = options.class_by or _choose_key(name, files[0], knows, options, keys)
        wanted = UsageOptions(
            format=options.format,
            class_by=keys[name],
            columns=options.columns,
            max_bad=options.max_bad,
            since=options.since,
            until=options.until,
        )
        results[name] = read_usage(files, wanted)
        keys[name] = next(iter(results[name].class_by.values()), "")
    days, missing = _cover(results.values(), options)
    with localcontext(EXACT):
        cells = tuple(cell for name, result in results.items() for cell in _cells(name, result))
    return Actuals(
        cells=cells,
        files=tuple(file for result in results.values() for file in result.files),
        spans={
            name: (result.span.start, result.span.end)
            for name, result in results.items()
            if result.span.start is not None and result.span.end is not None
        },
        days=days,
        missing_days=missing,
        class_by=keys,
        cannot_say={name: result.cannot_say for name, result in results.items()},
        notes=(*left_out, *_notes(results.values())),
    )


def _sort_files(
    paths: Sequence[Path], options: ReadOptions
) -> tuple[dict[str, list[Path]], list[str]]:
    """Sort files by their format: each is read on its own, for their keys differ.

    Gives what of a folder is no log beside it.
    """
    from costplan.ingest.head import read_head
    from costplan.ingest.usage.currency import check_currency
    from costplan.ingest.usage.files import recognise_logs
    from costplan.ingest.usage.run import UsageOptions
    from costplan.ingest.warehouse.counts import NAME

    by_format: dict[str, list[Path]] = {}
    found = UsageOptions(format=options.format, columns=options.columns)
    logs, left_out = recognise_logs(paths, found)
    for path, log in logs.items():
        name = NAME if log is None else log.name
        if name == _TABLE:
            check_currency(read_head(path), thorough=True)
        by_format.setdefault(name, []).append(path)
    return by_format, left_out


def _choose_key(
    name: str,
    file: Path,
    knows: Callable[[str], bool],
    options: ReadOptions,
    taken: Mapping[str, str],
) -> str:
    """Choose the key whose values name most of the plan; empty leaves it to the reader."""
    from costplan.ingest.head import read_head
    from costplan.ingest.usage.classes import choose
    from costplan.ingest.usage.run import UsageOptions, preview
    from costplan.ingest.warehouse.counts import is_counts

    if is_counts(read_head(file)):
        return ""
    found = preview([file], UsageOptions(format=options.format, columns=options.columns))
    candidates = next(iter(found.values()), ())
    # Between equals, ids of deployments tell the model and its setting as well.
    best = max(candidates, key=lambda c: (_score(c, knows), c.key == "model_id"), default=None)
    if best is not None and _score(best, knows) > 0:
        return best.key
    # Usage and costs of one vendor meet in the same labels.
    kin = [key for other, key in taken.items() if other.partition("-")[0] == name.partition("-")[0]]
    return next((c.key for c in candidates if c.key in kin), choose(candidates))


def _score(candidate: Candidate, knows: Callable[[str], bool]) -> float:
    known = sum(knows(example) for example in candidate.examples)
    return candidate.labelled * known / len(candidate.examples) if candidate.examples else 0.0


def _cells(name: str, result: UsageResult) -> Iterable[Cell]:
    for (label, _, model, setting), counts in result.groups.items():
        if not counts.rows and not counts.usd and not counts.failed_usd:
            continue
        yield Cell(
            source=name,
            label=label,
            model=model,
            setting=setting,
            requests=counts.sums["n"] if counts.known.get("n") else None,
            input_tokens=_tokens(counts, "input"),
            cached_tokens=_tokens(counts, "cached"),
            output_tokens=_tokens(counts, "output"),
            usd=counts.usd if counts.known.get("usd") else None,
            failed_usd=counts.failed_usd,
        )


def _tokens(counts: Counts, key: str) -> Decimal | None:
    if not counts.known.get(key):
        return None
    said = Decimal(counts.sums[key])
    weight, requests = counts.weight.get(key, 0), counts.sums.get("n", 0)
    return said * requests / weight if 0 < weight < requests else said


def _notes(results: Iterable[UsageResult]) -> Iterable[str]:
    for result in results:
        yield from result.warnings
        if result.rows.get("bad"):
            yield f"{result.rows['bad']} malformed records are left out"
        if result.totals.cache_hits:
            yield (
                f"{result.totals.cache_hits:,} requests that the gateway's cache answered cost "
                "nothing and are not in the volume"
            )


def _cover(
    results: Iterable[UsageResult], options: ReadOptions
) -> tuple[dict[dt.date, Decimal], tuple[dt.date, ...]]:
    """Find which part of every day is covered by some source; told days are covered whole."""
    days: dict[dt.date, Decimal] = {}
    missing: set[dt.date] = set()
    for result in results:
        span = result.span
        start, end = span.start, span.end
        if options.since is not None:
            start = dt.datetime.combine(options.since, dt.time())
        if options.until is not None:
            end = dt.datetime.combine(options.until, dt.time()) + _DAY
        if start is None or end is None:
            continue
        absent = set(span.missing_days) - _quiet_days(result)
        for day, part in _split_span(start, end).items():
            told = options.since is not None and options.until is not None
            if day in absent and not told:
                missing.add(day)
            elif part > days.get(day, 0):
                days[day] = part
    if not days or sum(days.values()) < Decimal(1) / 24:
        said = "the files cover less than an hour, or do not say when"
        raise InputError([Fault(said, advice="say what they cover: --from DAY --to DAY")])
    return dict(sorted(days.items())), tuple(sorted(missing - days.keys()))


def _quiet_days(result: UsageResult) -> set[dt.date]:
    """List missing days of weekdays that never have requests, as weekends may be: no gap."""
    span = result.span
    if span.start is None or span.end is None or (span.end - span.start).days < 13:
        return set()
    every = {
        span.start.date() + _DAY * n for n in range((span.end.date() - span.start.date()).days + 1)
    }
    busy = {day.weekday() for day in every - set(span.missing_days)}
    return {day for day in span.missing_days if day.weekday() not in busy}


def _split_span(start: dt.datetime, end: dt.datetime) -> dict[dt.date, Decimal]:
    """Give the covered part of each day; within an hour of midnight a day counts whole."""
    days = {}
    day = start.date()
    while (midnight := dt.datetime.combine(day, dt.time())) < end or day == start.date():
        begin, stop = max(start, midnight), min(end, midnight + _DAY)
        begin = midnight if begin - midnight <= _HOUR else begin
        stop = midnight + _DAY if midnight + _DAY - stop <= _HOUR else stop
        days[day] = Decimal(int((stop - begin).total_seconds())) / _SECONDS
        day += _DAY
    return days

"""What a usage format is: how it is recognised and how its records become rows of one shape.

Every row, whatever the source, counts tokens alike: input includes cached, output includes
reasoning, unknown is null.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from costplan.ingest.engine import Shape
from costplan.ingest.head import Head

ROW_TYPES: dict[str, str] = {
    "request_id": "VARCHAR",
    "start": "TIMESTAMP",
    "finish": "TIMESTAMP",
    "until": "TIMESTAMP",
    "class": "VARCHAR",
    "team": "VARCHAR",
    "model": "VARCHAR",
    "setting": "VARCHAR",
    "kind": "VARCHAR",
    "n": "BIGINT",
    "failed": "BIGINT",
    "input": "BIGINT",
    "cached": "BIGINT",
    "output": "BIGINT",
    "reasoning": "BIGINT",
    "usd": "DECIMAL(38, 12)",
    "latency_s": "DOUBLE",
    "retries": "BIGINT",
    "odd": "VARCHAR",
    "why": "VARCHAR",
    "line": "BIGINT",
}
"""Columns every source is brought to. `kind` is used, failed, cache_hit or skipped; `finish` ends
a request, `until` ends a bucket; `why` says what is wrong with a bad row, `odd` what is strange."""

PER_REQUEST: dict[str, str] = {"n": "1", "failed": "0"}
"""A record that stands for one request."""


@dataclass(frozen=True, slots=True)
class LogFormat:
    """A format with a record per request, read by the engine in SQL."""

    name: str
    """Key in the table of formats."""
    recognise: Callable[[Head], bool]
    """Whether a file with this beginning is of this format."""
    shape: Mapping[str, Shape]
    """Columns or keys that are read from a record; nothing else ever leaves the file."""
    required: str
    """SQL condition that every sound record meets."""
    rows: Mapping[str, str]
    """SQL per column of a row; those left out are null."""
    used: str = "kind = 'used'"
    """SQL condition of a successful request, where it can be told faster than by its kind."""
    otherwise: str = ""
    """Kind of every request that is no successful one, where there is only one such kind."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """SQL per key that can stand for the task class, best first."""
    objects: Mapping[str, str] = field(default_factory=dict)
    """SQL per JSON object whose keys can stand for the task class, with a prefix."""
    tags: str = ""
    """SQL of the list of tags; empty when the format has none."""
    attribute: str = ""
    """SQL with a {key} for formats whose records hold free attributes."""
    numeric: tuple[str, ...] = ()
    """Columns of the record that must be numbers where they are given."""
    cannot_say: tuple[str, ...] = ()
    """What no file of this format carries."""
    wrapper: str = ""
    """Key that holds the records when they come inside one object."""
    explode: str = ""
    """SQL over {source} that turns file records into request records."""
    alone: bool = False
    """Whether `explode` looks at one record at a time, so that a file may be cut anywhere."""

    @property
    def one_each(self) -> bool:
        """Whether every record is one request."""
        return self.rows.get("n") == "1"


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One line of a vendor's usage report: sums over a bucket of time."""

    request_id: str
    """Identity of the bucket and its group, so that one exported twice counts once."""
    start: dt.datetime | None
    """Beginning of the bucket, UTC without zone."""
    until: dt.datetime | None
    """End of the bucket, exclusive."""
    keys: Mapping[str, str | None]
    """What the report groups by; each can stand for the task class."""
    model: str | None = None
    """Model as the vendor names it."""
    team: str | None = None
    """Who pays."""
    n: int | None = None
    """Successful requests."""
    failed: int | None = None
    """Failed requests."""
    input: int | None = None
    """Input tokens, cached ones included."""
    cached: int | None = None
    """Input tokens read from the vendor's cache."""
    output: int | None = None
    """Output tokens, reasoning included."""
    reasoning: int | None = None
    """Reasoning tokens."""
    usd: Decimal | None = None
    """Stated spend."""
    why: str | None = None
    """What is wrong with the line."""
    skipped: bool = False
    """Whether the line is about something else than asking a model."""
    latency_buckets: tuple[tuple[float, int], ...] = ()
    """Seconds and requests of a latency histogram."""


@dataclass(frozen=True, slots=True)
class ReportFormat:
    """A format with sums per bucket of time, small enough to be read in Python."""

    name: str
    """Key in the table of formats."""
    recognise: Callable[[Head], bool]
    """Whether a file with this beginning is of this format."""
    keys: tuple[str, ...]
    """What can stand for the task class, best first."""
    read: Callable[[Path], Iterator[ReportRow]] = lambda _: iter(())
    """Read the lines of a report; nothing where `select` does."""
    select: Callable[[Head, int], str] | None = None
    """SQL of the first lines, all with 0, for a format that can be long: columns of a row, a
    "key NAME" for each of `keys`, `judged` where those count, and `planned` why it is no spend."""
    cannot_say: tuple[str, ...] = ()
    """What no file of this format carries."""
    spend_only: bool = False
    """Whether it states dollars and no usage."""
    one_request_rows: bool = False
    """Whether its sums were made of single requests, so that its days have ragged edges."""


UsageFormat = LogFormat | ReportFormat

"""One run over logs: how it reads, how far it is, and what it has counted so far."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costplan.ingest.usage.chunks import CHUNK_BYTES
from costplan.ingest.usage.classes import Candidate
from costplan.ingest.usage.format import UsageFormat
from costplan.ingest.usage.staging import BadLine
from costplan.ingest.usage.state import State
from costplan.ingest.usage.tally import Tally

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
    chunk_bytes: int = CHUNK_BYTES
    """Unpacked bytes of a file of lines that are counted at once."""
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
class Run:
    """What one run has read so far."""

    options: UsageOptions
    state: State
    report: Callable[[Progress], None]
    connection: DuckDBPyConnection
    began: float = field(default_factory=time.monotonic)
    records: int = 0
    tallies: list[Tally] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)
    bad_count: int = 0
    formats: dict[str, UsageFormat] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    candidates: dict[str, tuple[Candidate, ...]] = field(default_factory=dict)

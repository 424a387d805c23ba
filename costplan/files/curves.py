"""Read and write curve tables: measurements, one row each.

The shipped tables, a user's own, and what `probe` and the importers write have the same columns.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from costplan.domain.errors import Fault, InputError
from costplan.domain.measurement import Measurement
from costplan.files.curve_cells import IF_BLANK, READERS

COLUMNS = (
    "source",
    "benchmark",
    "task_kind",
    "model",
    "setting",
    "samples",
    "n_questions",
    "accuracy",
    "accuracy_se",
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "usd",
    "usd_basis",
    "seconds",
    "seconds_basis",
    "date",
    "confidence",
    "note",
    "published_as",
)
"""Columns of a curve table, in the order they are written; a cell may be blank where unknown."""
PERCENTILES = ("p50_s", "p50_low_s", "p50_high_s", "p95_s", "p95_low_s", "p95_high_s")
"""Further columns, written where any row has them."""
REQUIRED = ("benchmark", "model", "setting", "accuracy")
"""Columns that every table has, and that are never blank."""
MAX_BYTES = 20_000_000
"""Size that is refused; the shipped tables together are below 1 MB."""
MAX_FAULTS = 100
"""Faults that are listed per file; the rest are counted."""

Key = tuple[str, str, str, str, int]
"""What one row is about: source, benchmark, model, setting, samples."""


@dataclass(frozen=True, slots=True)
class BenchmarkSummary:
    """What is known of one benchmark in one source."""

    source: str
    """Key of the publication."""
    benchmark: str
    """Benchmark and version."""
    task_kind: str
    """Kind of work the benchmark asks for; empty where no row says."""
    settings: dict[str, tuple[str, ...]]
    """Measured settings of each model for single calls, in the order of the table."""
    rows: int
    """Measurements, votes included."""
    voted: int
    """Measurements of more than one sample."""
    n_questions: int | None
    """Graded questions, the most of any row; None where no row says."""
    with_output_tokens: int
    """Rows that state mean output tokens."""
    with_reasoning_tokens: int
    """Rows that state mean reasoning tokens."""
    with_usd: int
    """Rows that state dollars per question."""
    with_seconds: int
    """Rows that state seconds per question."""

    @property
    def models(self) -> tuple[str, ...]:
        """Models with single calls, sorted."""
        return tuple(sorted(self.settings))


def load_curves(
    paths: Sequence[Path | str], *, benchmarks: Collection[str] | None = None
) -> tuple[Measurement, ...]:
    """Read curve tables, in the order of the paths.

    With benchmarks, rows of other benchmarks are skipped unread. A table without `source` is its
    own source, named after the file. Raises InputError with the faults of all files.
    """
    seen: dict[Key, str] = {}
    faults: list[Fault] = []
    rows: list[Measurement] = []
    for path in paths:
        table = _Table(Path(path))
        text = _read_text(table)
        if text is not None:
            rows += _read_rows(table, text, benchmarks, seen)
        faults += table.all_faults()
    if faults:
        raise InputError(faults)
    return tuple(rows)


def list_benchmarks(measurements: Iterable[Measurement]) -> tuple[BenchmarkSummary, ...]:
    """Summarise each source and benchmark, sorted by task kind, benchmark and source."""
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for row in measurements:
        groups.setdefault((row.source, row.benchmark), []).append(row)
    summaries = [_summarise(rows) for rows in groups.values()]
    return tuple(sorted(summaries, key=lambda s: (s.task_kind, s.benchmark, s.source)))


def write_curves(path: Path, measurements: Iterable[Measurement]) -> None:
    """Write measurements as a curve table; reading it gives the same measurements.

    Line breaks inside a text become spaces.
    """
    rows = list(measurements)
    timed = any(getattr(row, name) is not None for row in rows for name in PERCENTILES)
    columns = (*COLUMNS, *PERCENTILES) if timed else COLUMNS
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_to_cell(getattr(row, name)) for name in columns])


def _summarise(rows: Sequence[Measurement]) -> BenchmarkSummary:
    """Summarise the rows of one source and benchmark."""
    settings: dict[str, list[str]] = {}
    for row in rows:
        if row.samples == 1:
            settings.setdefault(row.model, []).append(row.setting)
    asked = [row.n_questions for row in rows if row.n_questions is not None]
    return BenchmarkSummary(
        source=rows[0].source,
        benchmark=rows[0].benchmark,
        task_kind=next((row.task_kind for row in rows if row.task_kind), ""),
        settings={model: tuple(labels) for model, labels in settings.items()},
        rows=len(rows),
        voted=sum(row.samples > 1 for row in rows),
        n_questions=max(asked, default=None),
        with_output_tokens=sum(row.output_tokens is not None for row in rows),
        with_reasoning_tokens=sum(row.reasoning_tokens is not None for row in rows),
        with_usd=sum(row.usd is not None for row in rows),
        with_seconds=sum(row.seconds is not None for row in rows),
    )


def _to_cell(value: object) -> str:
    """Write one value; unknown is blank, and a number has no exponent."""
    if value is None:
        return ""
    if isinstance(value, str):
        return " ".join(value.splitlines())
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)


@dataclass
class _Table:
    """One file while it is read: its faults, and its lines to show beside them."""

    path: Path
    lines: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    n_faults: int = 0
    first_hidden: int | None = None

    def fault(
        self, message: str, *, line: int | None = None, cell: int | None = None, advice: str = ""
    ) -> None:
        """Note a fault of the file, of a line, or of one cell of a line."""
        self.n_faults += 1
        if self.n_faults > MAX_FAULTS:
            self.first_hidden = self.first_hidden or line
            return
        shown = self.lines[line - 1] if line and line <= len(self.lines) else ""
        column, width = _find_cell(shown, cell) if cell is not None else (None, 1)
        self.faults.append(
            Fault(
                message,
                str(self.path),
                line=line,
                column=column,
                source=shown,
                width=width,
                advice=advice,
            )
        )

    def all_faults(self) -> list[Fault]:
        """Give the faults, and how many are not listed."""
        hidden = self.n_faults - len(self.faults)
        if not hidden:
            return self.faults
        more = f"{hidden} more faults are not listed"
        return [*self.faults, Fault(more, str(self.path), line=self.first_hidden)]


def _find_cell(line: str, index: int) -> tuple[int, int]:
    """Give column, counted from 1, and width of a cell in its line."""
    starts, quoted = [0], False
    for place, char in enumerate(line):
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            starts.append(place + 1)
    if index >= len(starts):
        return len(line) + 1, 1
    end = starts[index + 1] - 1 if index + 1 < len(starts) else len(line)
    return starts[index] + 1, max(1, end - starts[index])


def _read_text(table: _Table) -> str | None:
    """Read a file as text; None, with a fault, when it is none."""
    try:
        if table.path.is_dir():
            table.fault("is a directory, not a curve table", advice="name the .csv files inside it")
            return None
        if table.path.stat().st_size > MAX_BYTES:
            table.fault(f"is larger than {MAX_BYTES // 1_000_000} MB", advice="split the table")
            return None
        raw = table.path.read_bytes()
    except OSError as error:
        table.fault(f"cannot be read: {error.strerror or error}")
        return None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        table.fault("is UTF-16 text", advice="save the table as UTF-8")
        return None
    if b"\0" in raw:
        table.fault("is a binary file, not a curve table")
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        table.fault(
            f"is not UTF-8 text: byte 0x{raw[error.start]:02x} cannot be read",
            line=raw[: error.start].count(b"\n") + 1,
            advice="save the table as UTF-8",
        )
        return None
    if not text.strip():
        table.fault("is empty", advice=f"the first line is {','.join(COLUMNS)}")
        return None
    return text


def _read_rows(
    table: _Table, text: str, benchmarks: Collection[str] | None, seen: dict[Key, str]
) -> list[Measurement]:
    """Read header and rows."""
    table.lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    rows: list[Measurement] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader)]
        if not _header_holds(table, header):
            return rows
        for line, cells in _wanted(table, reader, header, benchmarks):
            row = _read_row(table, line, header, cells)
            if row is not None and _is_new(table, line, row, seen):
                rows.append(row)
    except csv.Error as error:
        table.fault(f"is not a CSV table: {error}", line=reader.line_num or None)
    if benchmarks is None and not rows and not table.n_faults:
        table.fault("has a header but no rows")
    return rows


def _header_holds(table: _Table, header: Sequence[str]) -> bool:
    """Check the column names."""
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        table.fault("columns are not separated by commas", line=1, advice="save it with commas")
        return False
    known = (*COLUMNS, *PERCENTILES)
    absent = [name for name in known if name not in header]
    for index, name in enumerate(header):
        if name not in known:
            near = difflib.get_close_matches(name, absent, 1)
            advice = f"did you mean {near[0]!r}?" if near else "leave the column out"
            table.fault(f"unknown column {name!r}", line=1, cell=index, advice=advice)
        elif name in header[:index]:
            table.fault(f"column {name!r} stands twice", line=1, cell=index)
    for name in REQUIRED:
        if name in absent:
            table.fault(f"column {name!r} is missing", line=1)
    return not table.n_faults


def _wanted(
    table: _Table,
    reader: Iterator[list[str]],
    header: Sequence[str],
    benchmarks: Collection[str] | None,
) -> Iterator[tuple[int, list[str]]]:
    """Give line number and cells of the rows to read."""
    width, at = len(header), header.index("benchmark")
    line = 1
    for cells in reader:
        first, line = line + 1, reader.line_num  # type: ignore[attr-defined]
        if not cells or (len(cells) == 1 and not cells[0].strip()):
            continue
        if len(cells) != width:
            table.fault(f"{len(cells)} cells where the header has {width}", line=first)
        elif benchmarks is None or cells[at].strip() in benchmarks:
            yield first, cells


def _read_row(
    table: _Table, line: int, header: Sequence[str], cells: Sequence[str]
) -> Measurement | None:
    """Read one row; None, with faults, when it cannot stand."""
    before = table.n_faults
    values: dict[str, Any] = {}
    for index, (name, written) in enumerate(zip(header, cells, strict=True)):
        cell = written.strip()
        if not cell:
            if name in REQUIRED:
                advice = IF_BLANK.get(name, "")
                table.fault(f"{name} is blank", line=line, cell=index, advice=advice)
            continue
        try:
            values[name] = READERS[name](cell) if name in READERS else cell
        except ValueError as error:
            said, _, advice = str(error).partition("; ")
            said = f"{name} is {cell[:40]!r}: {said}"
            table.fault(said, line=line, cell=index, advice=advice)
    reasoning, output = values.get("reasoning_tokens"), values.get("output_tokens")
    if reasoning is not None and output is not None and reasoning > output:
        table.fault(
            f"reasoning_tokens {reasoning:g} are more than output_tokens {output:g}",
            line=line,
            cell=header.index("reasoning_tokens"),
            advice="output tokens include the reasoning: add the two",
        )
    if table.n_faults > before:
        return None
    values.setdefault("source", table.path.stem)
    values.setdefault("task_kind", "")
    values.setdefault("n_questions", None)
    return Measurement(**values)


def _is_new(table: _Table, line: int, row: Measurement, seen: dict[Key, str]) -> bool:
    """Refuse a second row about the same thing: which of the two holds is for a person to say."""
    key = (row.source, row.benchmark, row.model, row.setting, row.samples)
    first = seen.setdefault(key, f"{table.path}:{line}")
    if first == f"{table.path}:{line}":
        return True
    table.fault(
        f"{row.model} at {row.setting!r} on {row.benchmark!r} stands already in {first}",
        line=line,
        advice="keep one of the two rows, or give them different sources",
    )
    return False

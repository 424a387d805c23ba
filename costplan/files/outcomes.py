"""Read outcomes.csv: every fault at once, every oddity with its consequence."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import IO

from costplan.domain.errors import Fault, InputError
from costplan.domain.outcomes import (
    COLUMNS,
    KNOWN,
    NUMBER_COLUMNS,
    OPTIONAL_COLUMNS,
    SHARE_COLUMNS,
    TEXT_COLUMNS,
    Note,
    Outcomes,
)
from costplan.files.outcome_rows import count_once, find_contradictions, join_spellings

MAX_BYTES = 1 << 30
"""Uncompressed size that is refused, to keep the reader's memory bounded."""
MAX_FAULTS = 100
"""Faults that are listed per file; the rest are counted."""
MAX_NUMBER = 1e12
"""No count of tokens, dollars or seconds of one answer is larger."""
_CHUNK = 20_000
_FLAGS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
_BLANK_ADVICE = {
    "budget_or_effort": "write 'fixed' for a model without a knob",
    "correct": "score the answer from 0 to 1, or leave the row out",
}


@dataclass
class _Reading:
    """What one file has given so far."""

    file: str
    faults: list[Fault] = field(default_factory=list)
    n_faults: int = 0
    hidden_from: int | None = None
    text: dict[str, list[str]] = field(default_factory=lambda: {c: [] for c in TEXT_COLUMNS})
    numbers: dict[str, list[float]] = field(default_factory=dict)
    backwards: list[int] = field(default_factory=list)

    def fault(
        self, message: str, line: int | None = None, advice: str = "", path: str = ""
    ) -> None:
        self.n_faults += 1
        if self.n_faults <= MAX_FAULTS:
            self.faults.append(Fault(message, self.file, path, line, advice=advice))
        elif self.hidden_from is None:
            self.hidden_from = line

    def all_faults(self) -> list[Fault]:
        hidden = self.n_faults - len(self.faults)
        if not hidden:
            return self.faults
        rest = Fault(f"{hidden} more faults are not listed", self.file, line=self.hidden_from)
        return [*self.faults, rest]


def read_outcomes(*paths: Path | str) -> Outcomes:
    """Read one or several outcome tables (.csv or .csv.gz) into one.

    Raises InputError with the faults of all files. Blank tokens, dollars and seconds stay unknown.
    Rows that are equal in everything count once; rows that answer the same question with the same
    option and sample differently are averaged as repeated samples; spellings of one class, model
    or setting that differ only in case or spaces are joined. Each is noted. Columns named known_*
    say what is known of a question before the call; its rows must agree.
    """
    readings = [_read(Path(path)) for path in paths]
    faults = [fault for reading in readings for fault in reading.all_faults()]
    if faults:
        raise InputError(faults)
    columns: dict[str, list[str] | list[float]] = {}
    for name in TEXT_COLUMNS:
        columns[name] = [v for reading in readings for v in reading.text[name]]
    size = len(columns["task_class"])
    optional = sorted({name for reading in readings for name in reading.numbers} - set(COLUMNS))
    for name in ("sample", *NUMBER_COLUMNS, *optional):
        values: list[float] = []
        for reading in readings:
            blank = [math.nan] * len(reading.text["model"])
            values += reading.numbers.get(name, blank)
        columns[name] = values
    for name in sorted({name for reading in readings for name in reading.text}):
        if name == "answer" or name.startswith(KNOWN):
            given = (r.text.get(name, [""] * len(r.text["model"])) for r in readings)
            columns[name] = [cell for cells in given for cell in cells]
    assert all(len(column) == size for column in columns.values())
    notes = tuple(
        Note(
            "counter-ran-backwards",
            f"{len(reading.backwards)} rows have tokens and dollars below zero (first on line "
            f"{reading.backwards[0]} of {reading.file}); their usage is taken as unknown",
        )
        for reading in readings
        if reading.backwards
    )
    outcomes = replace(Outcomes.of_columns(columns), notes=notes)
    outcomes = join_spellings(outcomes)
    if contradictions := find_contradictions(outcomes, " + ".join(map(str, paths))):
        raise InputError(contradictions)
    return count_once(outcomes)


def _read(path: Path) -> _Reading:
    """Read one file as far as it can be read."""
    reading = _Reading(str(path))
    if path.is_dir():
        reading.fault("is a directory, not a table", advice="name the outcomes.csv inside it")
        return reading
    try:
        with path.open("rb") as raw, _unpacked(raw) as plain:
            _look(plain, reading)
            if not reading.n_faults:
                with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
                    _read_rows(text, reading)
    except UnicodeDecodeError as error:
        reading.fault(
            f"not UTF-8 text: byte 0x{error.object[error.start]:02x} cannot be read",
            advice="save the table as UTF-8",
        )
    except csv.Error as error:
        reading.fault(f"not a CSV table: {error}")
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        reading.fault(f"cannot be read: {reason}")
    return reading


def _unpacked(raw: io.BufferedReader) -> io.BufferedReader | gzip.GzipFile:
    """See through gzip."""
    return gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == b"\x1f\x8b" else raw


def _look(plain: io.BufferedReader | gzip.GzipFile, reading: _Reading) -> None:
    """Look at the first bytes for what is no text table."""
    sample = plain.read(8192)
    plain.seek(0)
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        reading.fault("is UTF-16 text", advice="save the table as UTF-8")
    elif b"\0" in sample:
        reading.fault("is a binary file, not a table")
    elif not sample.strip(b"\xef\xbb\xbf \r\n\t"):
        reading.fault("is empty", advice=f"the first line is {','.join(COLUMNS)}")


def _measured(stream: IO[str], reading: _Reading) -> Iterator[str]:
    """Pass lines on until the file is too large."""
    size = 0
    for line in stream:
        size += len(line)
        if size > MAX_BYTES:
            reading.fault(
                f"is larger than {MAX_BYTES >> 20} MB uncompressed", advice="split the table"
            )
            return
        yield line


def _read_rows(stream: IO[str], reading: _Reading) -> None:
    """Read header and rows."""
    reader = csv.reader(_measured(stream, reading), strict=True)
    header = [name.strip() for name in next(reader)]
    if not _header_holds(header, reading):
        return
    while not reading.n_faults or reading.n_faults < 10 * MAX_FAULTS:
        rows = [(reader.line_num, row) for row in islice(reader, _CHUNK)]
        if not rows:
            break
        _take_chunk(header, rows, reading)
    if not reading.n_faults and not reading.text["model"]:
        reading.fault("has a header but no rows")


def _header_holds(header: Sequence[str], reading: _Reading) -> bool:
    """Check the column names."""
    if len(header) == 1 and any(mark in header[0] for mark in ";\t|"):
        reading.fault("columns are not separated by commas", 1, "save the table with commas")
        return False
    known = (*COLUMNS, *OPTIONAL_COLUMNS)
    missing = [name for name in COLUMNS if name not in header]
    for name in dict.fromkeys(header):
        if name not in known and not (name.startswith(KNOWN) and name != KNOWN):
            near = difflib.get_close_matches(name, missing or OPTIONAL_COLUMNS, 1)
            advice = (
                f"did you mean {near[0]!r}?"
                if near
                else f"leave it out, or call it {KNOWN}... if it is known before the call"
            )
            reading.fault(f"unknown column {name!r}", 1, advice)
        if header.count(name) > 1:
            reading.fault(f"column {name!r} stands {header.count(name)} times", 1)
    for name in missing:
        blank = name not in (*TEXT_COLUMNS, "sample", "correct")
        advice = "add it; its cells may be blank" if blank else ""
        reading.fault(f"column {name!r} is missing", 1, advice)
    return not reading.n_faults


def _take_chunk(
    header: Sequence[str], rows: list[tuple[int, list[str]]], reading: _Reading
) -> None:
    """Check a chunk of rows and keep it."""
    width = len(header)
    good = [(line, row) for line, row in rows if len(row) == width]
    if len(good) != len(rows):
        for line, row in rows:
            if row and len(row) != width:
                reading.fault(f"{len(row)} cells where the header has {width}", line)
    if not good:
        return
    lines = [line for line, _ in good]
    _blank_backwards(header, good, reading)
    for name, cells in zip(header, zip(*(row for _, row in good), strict=True), strict=True):
        if name in TEXT_COLUMNS:
            reading.text[name] += _text_cells(name, cells, lines, reading)
        elif name == "answer" or name.startswith(KNOWN):
            reading.text.setdefault(name, []).extend(cells)
        elif name != "error":
            column = reading.numbers.setdefault(name, [])
            column += _number_cells(name, cells, lines, reading)


def _blank_backwards(
    header: Sequence[str], rows: list[tuple[int, list[str]]], reading: _Reading
) -> None:
    """Blank the usage of rows where tokens and dollars are all below zero.

    Harnesses that log a running total and restart it leave such rows; a single negative amount is
    a fault.
    """
    usage = [header.index(name) for name in ("input_tokens", "output_tokens", "cost_usd")]
    for line, row in rows:
        if row[usage[0]].startswith("-") and all(-MAX_NUMBER < _number(row[i]) < 0 for i in usage):
            reading.backwards.append(line)
            for i in usage:
                row[i] = ""


def _text_cells(
    name: str, cells: Sequence[str], lines: Sequence[int], reading: _Reading
) -> list[str]:
    """Strip text; only a dataset may be blank."""
    values = [cell.strip() for cell in cells]
    if name != "dataset" and "" in values:
        for line, value in zip(lines, values, strict=True):
            if not value:
                reading.fault(f"{name} is blank", line, _BLANK_ADVICE.get(name, ""), name)
    return values


def _number_cells(
    name: str, cells: Sequence[str], lines: Sequence[int], reading: _Reading
) -> list[float]:
    """Read numbers; blank is NaN where it may be unknown."""
    try:
        values = [float(cell) if cell else math.nan for cell in cells]
    except ValueError:
        values = [_number(cell) for cell in cells]
    top = 1.0 if name in SHARE_COLUMNS else MAX_NUMBER
    needed = name in ("correct", "sample")
    for line, cell, value in zip(lines, cells, values, strict=True):
        if 0.0 <= value <= top and "_" not in cell and (name != "sample" or value == int(value)):
            continue
        blank = not cell.strip()
        if blank and not needed:
            continue
        advice = _BLANK_ADVICE.get(name, "") if blank else _expected(name, top)
        problem = "is blank" if blank else f"is {cell.strip()[:40]!r}"
        reading.fault(f"{name} {problem}", line, advice, name)
    return values


def _number(cell: str) -> float:
    """Read one cell; what is no number becomes NaN, which the range check refuses."""
    try:
        return float(cell)
    except ValueError:
        return _FLAGS.get(cell.strip().lower(), math.nan)


def _expected(name: str, top: float) -> str:
    """Say what a column may hold."""
    if name == "sample":
        return "expected 0, 1, 2 ..."
    if top == 1.0:
        return "expected a number from 0 to 1"
    return "expected a number of at least 0, or blank where unknown"

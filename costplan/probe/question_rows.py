"""Files of questions to rows with their lines: CSV, JSON Lines, JSON, and Inspect's datasets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costplan.domain.errors import Fault
from costplan.domain.outcomes import KNOWN
from costplan.files.text_file import read_text

MOST_BYTES = 500_000_000
INSPECT_ONLY = ("sandbox", "files", "setup")
JSON_CELLS = frozenset({"messages", "choices", "grader", "labels", "metadata"})
"""Columns of a CSV file whose cells may be JSON."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file, not yet checked."""

    line: int
    """Line it begins at, from 1."""
    values: Mapping[str, Any]
    """Keys of the project's own format."""


@dataclass(slots=True)
class Reading:
    """A file while it is read; faults are gathered."""

    file: str
    faults: list[Fault]

    def fault(self, line: int, message: str, *, path: str = "", advice: str = "") -> None:
        """Note what is wrong at a line."""
        self.faults.append(Fault(message, file=self.file, line=line, path=path, advice=advice))


def read_rows(path: Path, reading: Reading) -> list[Row]:
    """Read a file by its ending and its first character.

    Raises InputError when it is no text file; every other fault goes into the reading.
    """
    text = read_text(path, most_bytes=MOST_BYTES)
    if path.suffix.lower() in {".csv", ".tsv"}:
        found = _csv_rows(text, "\t" if path.suffix.lower() == ".tsv" else ",", reading)
    elif text.lstrip()[:1] == "[":
        found = _json_rows(text, reading)
    else:
        found = _jsonl_rows(text, reading)
    return [_translated(row, reading) for row in found]


def _csv_rows(text: str, delimiter: str, reading: Reading) -> Iterator[Row]:
    """Read a table whose first line names the columns; an empty cell is an absent key."""
    csv.field_size_limit(MOST_BYTES)
    table = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(table, [])]
        if not header:
            reading.fault(1, "the file is empty", advice="give a header line and rows")
            return
        if len(set(header)) < len(header):
            reading.fault(1, "two columns have the same name")
            return
        begin = table.line_num + 1
        for cells in table:
            line, begin = begin, table.line_num + 1
            if not cells:
                continue
            if len(cells) != len(header):
                message = f"{len(cells)} cells where the header has {len(header)}"
                reading.fault(line, message, advice="quote cells that hold the delimiter")
                continue
            named = zip(header, cells, strict=True)
            yield Row(line, {n: _cell(n, c, line, reading) for n, c in named if c != ""})
    except csv.Error as error:
        reading.fault(table.line_num, f"the table cannot be read: {error}")


def _cell(name: str, cell: str, line: int, reading: Reading) -> object:
    """Read a cell; those that are lists or objects are JSON."""
    if name == "choices" and not cell.lstrip().startswith("["):
        return [choice.strip() for choice in cell.split(",")]
    if name == "target" and cell.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(cell)
        except ValueError:
            return cell  # a text may begin like that
    if name in JSON_CELLS and cell.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(cell)
        except ValueError as error:
            reading.fault(line, f"the cell is no JSON: {error}", path=name)
    return cell


def _json_rows(text: str, reading: Reading) -> Iterator[Row]:
    """Read a JSON array of objects, one after the other, each with its line."""
    decoder, at = json.JSONDecoder(object_pairs_hook=dict), text.index("[") + 1
    line, counted = 1, 0
    while True:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        line += text.count("\n", counted, at)
        counted = at
        if text[at : at + 1] == "]":
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            reading.fault(line, f"not JSON: {getattr(error, 'msg', 'nested too deep')}")
            return
        if isinstance(value, dict):
            yield Row(line, value)
        else:
            reading.fault(line, "an entry is no object with keys and values")


def _jsonl_rows(text: str, reading: Reading) -> Iterator[Row]:
    """Read an object a line; only \\n ends a line, for texts may hold the other separators."""
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            value = json.loads(content)
        except (ValueError, RecursionError) as error:
            message = getattr(error, "msg", "nested too deep")
            reading.fault(line, f"not JSON: {message}", advice="one object a line, or a .csv file")
            continue
        if isinstance(value, dict):
            yield Row(line, value)
        else:
            reading.fault(line, "not an object with keys and values")


def _translated(row: Row, reading: Reading) -> Row:
    """Put a row of an Inspect dataset into our own keys; leave every other row alone."""
    values = row.values
    if "input" not in values or "prompt" in values or "messages" in values:
        return row
    for name in INSPECT_ONLY:
        if values.get(name):
            message = f"'{name}' needs a sandbox, which the probe has not"
            reading.fault(row.line, message, path=name, advice="measure it with Inspect")
    metadata = values.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    task_class = values.get("class", metadata.get("task_class", metadata.get("class")))
    kept = ("id", "target", "choices", "grader", "system", "labels")
    ours = {name: values[name] for name in kept if values.get(name) is not None}
    ours |= {n: v for n, v in {**metadata, **values}.items() if is_known(n)}
    if task_class is not None:
        ours["class"] = task_class
    asked = values["input"]
    if isinstance(asked, list):
        ours["messages"] = [_turn(turn, row.line, reading) for turn in asked]
    else:
        ours["prompt"] = asked
    return Row(row.line, ours)


def is_known(name: str) -> bool:
    """Whether a column says what is known of a question before the call."""
    return name.startswith(KNOWN) and name != KNOWN


def known_cells(row: Row, reading: Reading) -> tuple[tuple[str, str], ...]:
    """Give the columns known_... of a row as the cells of a table, sorted; null is no cell."""
    cells = []
    for name, value in sorted(row.values.items()):
        if not is_known(name) or value is None:
            continue
        if not isinstance(value, str | int | float):
            reading.fault(row.line, f"'{name}' is no text and no number", path=name)
            continue
        cell = (str(value).lower() if isinstance(value, bool) else str(value)).strip()
        if cell:
            cells.append((name, cell))
    return tuple(cells)


def _turn(turn: object, line: int, reading: Reading) -> object:
    """Read a message of Inspect, whose content may be a list of parts."""
    if not isinstance(turn, dict):
        return turn
    content = turn.get("content")
    if isinstance(content, list):
        kinds = {part.get("type") for part in content if isinstance(part, dict)}
        if kinds - {"text"}:
            reading.fault(line, "only texts can be asked, no images or files", path="input")
        texts = [str(part.get("text", "")) for part in content if isinstance(part, dict)]
        content = "\n".join(texts)
    return {"role": turn.get("role"), "content": content}

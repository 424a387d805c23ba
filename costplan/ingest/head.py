"""The first bytes of a log: how it is packed, what it is made of, which keys it carries."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import IO, cast

from costplan.domain.errors import Fault, InputError
from costplan.ingest.spans import Span, address

HEAD_BYTES = 1 << 20
_GZIP, _ZSTD, _PARQUET, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1", b"PK\x03\x04"
_KEY = re.compile(r'(?<!\\)"((?:[^"\\\n]|\\.){1,120})"\s*:')
_TEXT_OBJECT = re.compile(r'(?<!\\)"([A-Za-z_]\w{0,80})"\s*:\s*"[\[{]')


class NotALogError(InputError):
    """A file that is empty, or of no format that is known."""


class Container(StrEnum):
    """What a file is made of, before its format is known."""

    JSON_LINES = "json lines"
    JSON_ARRAY = "json array"
    JSON_OBJECT = "json object"
    CSV = "csv"
    PARQUET = "parquet"
    ZIP = "zip"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Head:
    """What the beginning of a file tells."""

    path: Path
    """The file."""
    container: Container
    """What it is made of."""
    compression: str
    """"none", "gzip" or "zstd"."""
    keys: frozenset[str]
    """Keys of JSON objects at any depth, or column names."""
    columns: tuple[str, ...]
    """Column names in file order; empty for JSON."""
    text_objects: frozenset[str]
    """Keys whose values are JSON kept as text."""
    text: str
    """The first bytes as text; empty for Parquet and ZIP."""
    delimiter: str = ","
    """Field delimiter of a CSV."""
    types: tuple[str, ...] = ()
    """Column types of a Parquet file, beside `columns`."""
    span: tuple[int, int] | None = None
    """First byte and the one after the last, where a part of the file is looked at alone."""

    @property
    def address(self) -> str:
        """What the engine reads it by."""
        return str(self.path) if self.span is None else address(self.path, *self.span)

    @property
    def size(self) -> int:
        """Bytes, as they are packed."""
        return self.path.stat().st_size if self.span is None else self.span[1] - self.span[0]

    @property
    def json_packing(self) -> str:
        """The compression as every version of the engine's JSON reader knows it."""
        return "uncompressed" if self.compression == "none" else self.compression

    def has(self, *keys: str) -> bool:
        """Tell whether all keys occur."""
        return self.keys.issuperset(keys)


def open_head(head: Head) -> IO[bytes]:
    """Open what a head is the beginning of; as `open_text_bytes` otherwise."""
    if head.span is None:
        return open_text_bytes(head.path)
    return io.BufferedReader(Span(head.path, *head.span))


def open_text_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading plain bytes, through gzip or zstd where it is packed.

    Raises InputError when the file cannot be opened or zstd has no reader here.
    """
    packed = compression_of(path)
    if packed == "gzip":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if packed == "zstd":
        try:
            import zstandard
        except ImportError as error:
            raise InputError(
                [Fault("zstd needs the ingest extra", str(path), advice="costplan[ingest]")]
            ) from error
        return io.BufferedReader(cast("io.RawIOBase", zstandard.open(path, "rb")))
    return path.open("rb")


def compression_of(path: Path) -> str:
    """Name the packing of a file by its first bytes: "none", "gzip" or "zstd"."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        reason = error.strerror or "cannot be read"
        raise InputError([Fault(reason, str(path))]) from error
    if magic.startswith(_GZIP):
        return "gzip"
    return "zstd" if magic.startswith(_ZSTD) else "none"


def read_head(path: Path) -> Head:
    """Look at the beginning of a file.

    Raises InputError for a missing, empty, broken or wrongly encoded file.
    """
    try:
        found = path.stat()
    except OSError:
        return _look(path, 0, 0)  # which says why
    return _look(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4)
def _look(path: Path, changed: int, size: int) -> Head:
    """Look once at a file that stays as it is: files are recognised before they are read."""
    packed = compression_of(path)
    raw = _first_bytes(path)
    if not raw:
        raise NotALogError([Fault("the file is empty", str(path))])
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or _is_wide(raw):
        raise InputError(
            [Fault("the file is UTF-16", str(path), advice="convert it to UTF-8 first")]
        )
    if raw.startswith(_PARQUET):
        names, types = _parquet_columns(path)
        return Head(
            path, Container.PARQUET, packed, frozenset(names), names, frozenset(), "", types=types
        )
    if raw.startswith(_ZIP):
        return Head(path, Container.ZIP, packed, frozenset(), (), frozenset(), "")
    return _text_head(path, packed, raw)


def _is_wide(raw: bytes) -> bool:
    """Tell UTF-16 without a mark: every other byte of plain letters is zero."""
    start = raw[:200]
    return any(
        start[odd::2].count(0) > len(start) // 3 > start[1 - odd :: 2].count(0) for odd in (0, 1)
    )


def _first_bytes(path: Path) -> bytes:
    try:
        with open_text_bytes(path) as file:
            return file.read(HEAD_BYTES)
    except EOFError as error:
        raise truncated(path) from error
    except (OSError, zlib.error) as error:
        raise InputError([Fault("cannot be read: broken or cut off", str(path))]) from error


def check_whole(path: Path) -> None:
    """Make sure that a packed file is whole and its checksums hold: not every reader looks.

    Raises InputError when it is cut off or broken.
    """
    packed = compression_of(path)
    if packed == "gzip":
        _check_gzip(path)
    if packed == "zstd":
        _check_zstd(path)


def _check_gzip(path: Path) -> None:
    try:
        with gzip.open(path, "rb") as file:
            while file.read(1 << 20):
                pass
    except EOFError as error:
        raise truncated(path) from error
    except (OSError, zlib.error) as error:
        said = "the packed file is broken; nothing of it was used"
        raise InputError([Fault(said, str(path), advice="fetch it again")]) from error


def _check_zstd(path: Path) -> None:
    import zstandard

    frame = zstandard.ZstdDecompressor().decompressobj()
    inside = False
    try:
        with path.open("rb") as file:
            while data := file.read(1 << 20):
                while data:
                    frame.decompress(data)
                    inside = not frame.eof
                    data = frame.unused_data if frame.eof else b""
                    if frame.eof:
                        frame = zstandard.ZstdDecompressor().decompressobj()
    except zstandard.ZstdError as error:
        raise truncated(path) from error
    if inside:
        raise truncated(path)


def truncated(path: Path) -> InputError:
    """Say that a packed file ends too early."""
    return InputError(
        [
            Fault(
                "the packed file is cut off; nothing of it was used",
                str(path),
                advice="fetch it again, or unpack what there is and give that",
            )
        ]
    )


def _text_head(path: Path, packed: str, raw: bytes) -> Head:
    text = raw.decode("utf-8", errors="replace").lstrip("\ufeff")
    body = text.lstrip()
    if body[:1] in "[{" and body:
        container = Container.JSON_ARRAY if _is_array(body) else _object_or_lines(body, len(raw))
        keys = frozenset(match.group(1) for match in _KEY.finditer(text))
        texts = frozenset(match.group(1) for match in _TEXT_OBJECT.finditer(text))
        return Head(path, container, packed, keys, (), texts, text)
    first = body.partition("\n")[0].rstrip("\r")
    delimiter = max(",;\t|", key=first.count)
    try:
        header = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error:  # no line of names is that long, or ends in the middle
        header = []
    columns = tuple(name.strip() for name in header)
    container = Container.CSV if len(columns) > 1 else Container.TEXT
    return Head(path, container, packed, frozenset(columns), columns, frozenset(), text, delimiter)


def _is_array(body: str) -> bool:
    return body.startswith("[")


def _object_or_lines(body: str, size: int) -> Container:
    """Tell one JSON document from one document a line; a broken first line must not decide."""
    try:
        _, end = json.JSONDecoder().raw_decode(body)
    except (ValueError, RecursionError):
        later = list(_lines(body))[:-1] if size >= HEAD_BYTES else list(_lines(body))
        return Container.JSON_LINES if any(_parses(line) for line in later) else _by_indent(body)
    rest = body[end:].strip()
    if not rest or "\n" in body[:end].strip():
        return Container.JSON_OBJECT
    return Container.JSON_LINES


def _by_indent(body: str) -> Container:
    second = body.partition("\n")[2]
    return Container.JSON_LINES if second.startswith("{") else Container.JSON_OBJECT


def _lines(body: str) -> Iterator[str]:
    return (line for line in body.splitlines() if line.startswith("{"))


def _parses(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict) and len(line) > 2
    except (ValueError, RecursionError):
        return False


def _parquet_columns(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    import duckdb

    from costplan.ingest.engine import ask

    try:
        rows = ask("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)])
    except duckdb.Error as error:
        raise InputError(
            [Fault("not a readable Parquet file: broken or cut off", str(path))]
        ) from error
    return tuple(row[0] for row in rows), tuple(row[1] for row in rows)

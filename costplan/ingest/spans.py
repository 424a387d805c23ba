"""Parts of a file that the engine reads as files of their own, without a copy of them."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PROTOCOL = "costplan-span"
_ADDRESS = re.compile(r"(?:costplan-span://)?(\d+)-(\d+):(.*)", re.DOTALL)


class Span(io.RawIOBase):
    """The bytes of a file from `start` to before `end`, as a file of its own."""

    def __init__(self, path: Path, start: int, end: int) -> None:
        """Open the file."""
        self._file = path.open("rb", buffering=0)
        self._start, self._end = start, end
        self.seek(0)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read from any place."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place and return it."""
        base = {os.SEEK_SET: self._start, os.SEEK_END: self._end}.get(whence, self._file.tell())
        return self._file.seek(base + offset) - self._start

    def read(self, size: int = -1) -> bytes:
        """Read on; empty at the end."""
        left = max(self._end - self._file.tell(), 0)
        return self._file.read(left if size < 0 else min(size, left)) or b""

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read on into a buffer; return how many bytes."""
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def address(path: Path, start: int, end: int) -> str:
    """Write what the engine calls a part of a file."""
    return f"{_PROTOCOL}://{start}-{end}:{path}"


def read_spans(connection: DuckDBPyConnection) -> None:
    """Let the engine read what has an `address`.

    Raises InputError when fsspec is not installed.
    """
    if connection.filesystem_is_registered(_PROTOCOL):
        return
    try:
        from fsspec import AbstractFileSystem  # type: ignore[import-untyped]
    except ImportError as error:
        advice = "install it with: pip install 'costplan[ingest]'"
        raise InputError([Fault("reading large logs needs fsspec", advice=advice)]) from error

    class Spans(AbstractFileSystem):  # type: ignore[misc]
        """Parts of files, under their addresses."""

        protocol = _PROTOCOL
        cachable = False

        def info(self, path: str, **_: object) -> dict[str, object]:
            _file, start, end = _parse(path)
            return {"name": path, "size": end - start, "type": "file"}

        def glob(self, path: str, **_: object) -> list[str]:
            return [path]

        def _open(self, path: str, *_: object, **__: object) -> Span:
            return Span(*_parse(path))

    connection.register_filesystem(Spans())


def _parse(text: str) -> tuple[Path, int, int]:
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise FileNotFoundError(text)
    return Path(found[3]), int(found[1]), int(found[2])

"""Large files of lines cut into chunks: memory stays bounded, and a stopped run goes on inside.

A chunk ends where a record ends, so that chunks counted one by one are the file counted whole. It
is told from others by its content: what was appended to a file is all that is read again. Of lines
that are not packed the engine reads a part where it lies; everything else is copied.
"""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from costplan.domain.errors import Fault, InputError
from costplan.ingest.head import Container, Head, open_head, open_text_bytes, truncated
from costplan.ingest.usage.format import LogFormat

CHUNK_BYTES = 1 << 29
"""Unpacked bytes that are counted at once."""
_BLOCK = 1 << 22
_EDGE = 1 << 16
_WORTH_CUTTING = 4
_PACKED = 8
"""How many times its size a packed log may unpack to, more or less."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of whole records, unpacked."""

    head: Head
    """Where they are, with what the beginning of the whole file tells."""
    identity: str
    """Name of the content."""
    offset: int
    """Unpacked bytes of the whole file before this chunk."""
    file: IO[bytes] | None = None
    """The temporary file that they were copied to, open: where the system can, it has no name
    that could outlive a run."""


def is_large(head: Head, log: LogFormat, chunk_bytes: int = CHUNK_BYTES) -> bool:
    """Tell whether a file is worth cutting: of lines, and longer than some seconds of work."""
    if head.container not in {Container.JSON_LINES, Container.CSV}:
        return False
    if log.explode and not log.alone:
        return False
    size = head.size * (1 if head.compression == "none" else _PACKED)
    return size > _WORTH_CUTTING * chunk_bytes


def chunks(head: Head, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Chunk]:
    """Cut a file into chunks; what was copied is removed when the next is asked for.

    The next chunk is unpacked while one is counted.

    Raises InputError where the packed file is cut off or broken.
    """
    if head.compression == "none" and head.container is Container.JSON_LINES:
        yield from _spans(head, chunk_bytes)
        return
    with (
        tempfile.TemporaryDirectory(prefix="costplan-chunks-") as folder,
        ThreadPoolExecutor(1) as thread,
    ):
        cut = _cut(head, Path(folder), chunk_bytes)
        coming = thread.submit(next, cut, None)
        while (chunk := coming.result()) is not None:
            coming = thread.submit(next, cut, None)
            try:
                yield chunk
            finally:
                if chunk.file is not None:
                    chunk.file.close()


def _open_unnamed(path: Path) -> tuple[IO[bytes], Path]:
    """Open a new file and take its name away; return it with a path that still leads to it.

    A log holds prompts: nothing of one may be left behind, even by a run that is killed.
    """
    file = path.open("w+b")
    unnamed = Path(f"/proc/self/fd/{file.fileno()}")
    if not unnamed.exists():  # no Linux: the folder is removed when the run ends
        return file, path
    path.unlink()
    return file, unnamed


def _spans(head: Head, chunk_bytes: int) -> Iterator[Chunk]:
    """Cut lines that are not packed."""
    size = head.size
    start = 0
    with head.path.open("rb") as file:
        while start < size:
            file.seek(start + chunk_bytes)
            file.readline()
            end = min(file.tell(), size)
            part = replace(head, span=(start, end))
            yield Chunk(part, _identify(part), start)
            start = end


def _cut(head: Head, folder: Path, chunk_bytes: int) -> Iterator[Chunk]:
    csv = head.container is Container.CSV
    try:
        with open_text_bytes(head.path) as file:
            first = file.readline() if csv else b""
            rest, offset = b"", len(first)
            while True:
                out, path = _open_unnamed(folder / f"{offset}")
                out.write(first)
                size, rest = _fill(file, out, rest, chunk_bytes, quoted=csv)
                out.flush()
                if not size:
                    out.close()
                    return
                unpacked = replace(head, path=path, compression="none")
                yield Chunk(unpacked, _identify(unpacked), offset, out)
                offset += size
    except EOFError as error:
        raise truncated(head.path) from error
    except (OSError, zlib.error) as error:
        raise InputError([Fault("cannot be read: broken or cut off", str(head.path))]) from error


def _fill(
    file: IO[bytes], out: IO[bytes], rest: bytes, wanted: int, *, quoted: bool
) -> tuple[int, bytes]:
    """Write at least the wanted bytes up to the end of a record; return what lies beyond it."""
    size, inside = 0, False
    step = min(_BLOCK, wanted)
    block = rest or file.read(step)
    while block:
        end = _last_end(block, inside, quoted) if size + len(block) >= wanted else 0
        if end:
            out.write(block[:end])
            return size + end, block[end:]
        out.write(block)
        size += len(block)
        inside ^= quoted and block.count(b'"') % 2 == 1
        block = file.read(step)
    return size, b""


def _last_end(block: bytes, inside: bool, quoted: bool) -> int:
    """Find the end of the last record that ends in a block; 0 where none does.

    A line break of a CSV ends a record where the quotes before it are even.
    """
    if not quoted:
        return block.rfind(b"\n") + 1
    inside ^= block.count(b'"') % 2 == 1
    end = len(block)
    while (found := block.rfind(b"\n", 0, end)) >= 0:
        inside ^= block.count(b'"', found, end) % 2 == 1
        if not inside:
            return found + 1
        end = found
    return 0


def _identify(part: Head) -> str:
    size = part.size
    digest = hashlib.blake2b(f"chunk {size}".encode(), digest_size=12)
    with open_head(part) as file:
        for start in sorted({0, max(size // 2 - _EDGE, 0), max(size - _EDGE, 0)}):
            file.seek(start)
            digest.update(file.read(_EDGE))
    return digest.hexdigest()


def lines_before(head: Head, chunk: Chunk) -> int:
    """Count the lines of the whole file that come before the first line of a chunk's file."""
    left, lines = chunk.offset, 0
    with open_text_bytes(head.path) as file:
        while left and (block := file.read(min(_BLOCK, left))):
            lines += block.count(b"\n")
            left -= len(block)
    return lines - (1 if head.container is Container.CSV else 0)

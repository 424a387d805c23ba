"""The journal: what was sent and what came back, safe on disk before and after each call."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from costplan import __version__
from costplan.domain.errors import Fault, InputError
from costplan.probe.records import SCHEMA, Tally, read_records

BALLAST_BYTES = 4_000_000
"""Disk space kept back, so that replies to calls under way can be written to a full disk."""


class Journal:
    """An append-only file of JSON lines that one run at a time writes to.

    A line is on disk when append returns; many callers share one sync. It holds no key and, but
    for keep_texts, no text.
    """

    def __init__(
        self, path: Path, *, keep_texts: bool = False, ballast: int = BALLAST_BYTES
    ) -> None:
        """Open or make the file, lock it, and read what it says.

        Raises InputError when another run has it or it is broken.
        """
        self.path = path
        self.keep_texts = keep_texts
        self.full = False
        self.run = secrets.token_hex(4)
        self._number = 0
        self._pending: list[tuple[Mapping[str, Any], asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None
        self._ballast = path.with_name(path.name + ".reserve")
        self._texts = path.with_name(path.name + ".unmarked")
        self._file = _open_locked(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        try:
            self.tally = Tally()
            for _ in read_records(path, self.tally):
                pass
            self._size = os.fstat(self._file).st_size
            self._keep_ballast(ballast)
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        """Write the line of this run, on a line of its own after one that was cut short."""
        if self._size and os.pread(self._file, 1, self._size - 1) != b"\n":
            self._write(b"\n")
        opening = {"k": "open", "schema": SCHEMA, "version": __version__, "run": self.run}
        self._write(_line({**opening, "at": _now(), "keep_texts": self.keep_texts}))
        self.tally.opened += 1

    def __enter__(self) -> Journal:
        """Use it in a with block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Wait for what is being written, give the lock back and drop the ballast."""
        self._thread.shutdown(wait=True)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            with contextlib.suppress(OSError):
                self._ballast.unlink()

    def new_call(self) -> str:
        """Make an identifier that no other call of this journal has."""
        self._number += 1
        return f"{self.run}-{self._number}"

    async def append(self, record: Mapping[str, Any]) -> None:
        """Write a line; it is on disk on return.

        Raises InputError when the disk is full or the file cannot be written; nothing may be
        sent after that.
        """
        if record["k"] == "send" and self.full:
            raise self._no_space("the disk is full; nothing more is sent")
        done = asyncio.get_running_loop().create_future()
        self._pending.append((record, done))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        await done

    async def drain(self) -> None:
        """Wait until everything that was given to append is on disk, a cancelled caller's too."""
        while self._pending or (self._flusher and not self._flusher.done()):
            if self._flusher is None or self._flusher.done():
                self._flusher = asyncio.create_task(self._flush())
            await asyncio.wait([self._flusher])

    async def _flush(self) -> None:
        """Write and sync everything that waits, until nothing does."""
        loop = asyncio.get_running_loop()
        while self._pending:
            batch, self._pending = self._pending, []
            blob = b"".join(_line(record) for record, _ in batch)
            fault: Exception | None = None
            try:
                await loop.run_in_executor(self._thread, self._write, blob)
            except Exception as error:
                fault = error
            for record, done in batch:
                wrong = fault or self._count(record)
                if done.cancelled():
                    continue
                if wrong is None:
                    done.set_result(None)
                else:
                    done.set_exception(wrong)

    def _count(self, record: Mapping[str, Any]) -> Exception | None:
        """Add a written line to the tally; its caller hears what is wrong, and none waits on."""
        try:
            self.tally.take(record)
        except Exception as error:
            return error
        return None

    def _write(self, blob: bytes) -> None:
        """Write and sync; on a full disk, again in the space that was kept back."""
        try:
            self._write_once(blob)
        except OSError as error:
            self.full = True
            with contextlib.suppress(OSError):
                self._ballast.unlink()
            try:
                self._write_once(blob)
            except OSError:
                raise self._no_space(f"cannot be written: {error.strerror}") from None

    def _write_once(self, blob: bytes) -> None:
        view, begin = memoryview(blob), self._size
        try:
            while view:
                view = view[os.write(self._file, view) :]
            os.fsync(self._file)
        except OSError:
            # half a line must not stand before a whole one
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, begin)
            raise
        self._size = begin + len(blob)

    def _keep_ballast(self, size: int) -> None:
        """Take disk space that can be given back."""
        if not size:
            return
        try:
            with self._ballast.open("wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                else:
                    file.write(b"\0" * size)
        except OSError:
            with contextlib.suppress(OSError):
                self._ballast.unlink()
            raise self._no_space(f"there is no space for it: {size:,} bytes are needed") from None

    def _no_space(self, message: str) -> InputError:
        advice = "make space and start again with the same command; nothing paid is lost"
        return InputError([Fault(message, file=str(self.path), advice=advice)])

    def keep_unmarked(self, call: str, text: str) -> None:
        """Put an answer aside, on disk, until a slow grader has marked it."""
        self._texts.mkdir(mode=0o700, exist_ok=True)
        file = self._texts / call
        data = text.encode("utf-8", "surrogatepass")
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        _sync_folder(self._texts)

    def unmarked(self, call: str) -> str | None:
        """Give an answer that was put aside; None when it is not there."""
        try:
            return (self._texts / call).read_bytes().decode("utf-8", "surrogatepass")
        except FileNotFoundError:
            return None

    def drop_unmarked(self, call: str) -> None:
        """Forget an answer that is marked."""
        with contextlib.suppress(FileNotFoundError):
            (self._texts / call).unlink()
        with contextlib.suppress(OSError):
            self._texts.rmdir()  # only when it is empty

    def text(self, call: str) -> str | None:
        """Find the text of a reply, where texts are kept; None where it is not."""
        for _, record in read_records(self.path):
            if record["k"] == "reply" and record["call"] == call:
                found = record.get("text")
                return found if isinstance(found, str) else None
        return None


def _open_locked(path: Path) -> int:
    """Open for appending, and take the lock that one run at a time can have."""
    import fcntl

    fresh = not path.exists()
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"cannot be opened: {error.strerror}"
        raise InputError([Fault(message, file=str(path))]) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        advice = "wait for it, stop it, or name another journal"
        message = "another probe is writing to this journal"
        raise InputError([Fault(message, file=str(path), advice=advice)]) from None
    if fresh:
        _sync_folder(path.parent)
    return file


def _sync_folder(folder: Path) -> None:
    """Make a new name in a folder survive a crash of the machine."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

"""What a run leaves behind, so that the next one reads only what is new."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costplan.domain.errors import Fault, InputError
from costplan.ingest.usage.ids import SeenPart, near_parts, seen_before, together
from costplan.ingest.usage.tally import from_json, to_json

if TYPE_CHECKING:
    from costplan.ingest.usage.ids import Hashes
    from costplan.ingest.usage.staging import Counted

VERSION = 3
_STALE_S = 3600
_MOST_IDS = 1 << 24
"""Ids that are put together at most, so that memory stays bounded."""
_HELD_IDS = 1 << 23
"""Ids that stay in memory at most while others are counted: 64 MB."""
_EDGE_BYTES = 1 << 16


def file_identity(path: Path) -> str:
    """Name a file's content by its size and its first and last bytes; moving it changes nothing."""
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=12)
    with path.open("rb") as file:
        digest.update(file.read(_EDGE_BYTES))
        if size > _EDGE_BYTES:
            file.seek(max(size - _EDGE_BYTES, _EDGE_BYTES))
            digest.update(file.read(_EDGE_BYTES))
    return digest.hexdigest()


class State:
    """A folder with one record per part that was counted, and the ids that part held.

    Without a folder of its own the state lives in a temporary one and ends with the run.
    """

    def __init__(self, folder: Path | None) -> None:
        """Open a folder, making it where it is missing; None for a temporary one."""
        self._scratch = tempfile.TemporaryDirectory(prefix="costplan-ingest-")
        self.kept = folder is not None
        if folder is None:
            folder = Path(self._scratch.name) / "state"
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.close()
            reason = error.strerror or "cannot be made"
            raise InputError([Fault(f"--state: {reason}", str(folder))]) from error
        self._sweep()
        self._seen: list[SeenPart] = []
        self._newest: SeenPart | None = None
        self._files = 0
        self.names: set[str] = set()

    def _sweep(self) -> None:
        """Remove what a killed run was writing; another may be writing there now."""
        for left in self.folder.glob("*.tmp"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE_S:
                    left.unlink()

    def close(self) -> None:
        """Remove what was temporary."""
        self._scratch.cleanup()

    def choice(self, log: str) -> str | None:
        """Recall what the classes of a format were made by; None when nothing was chosen yet."""
        found = self._load(self.folder / "classes.json") or {}
        return found.get(log)

    def remember_choice(self, log: str, key: str) -> None:
        """Keep what the classes of a format are made by."""
        file = self.folder / "classes.json"
        self._save(file, {**(self._load(file) or {}), log: key})

    def has_seen(self, part: Mapping[str, str]) -> bool:
        """Tell whether this run has counted or recalled the part already."""
        return self._record(part).name in self.names

    def recall(self, part: Mapping[str, str], source: str) -> dict[str, Any] | None:
        """Find what was counted for a part; None when it is new, or has to be counted anew.

        It has to where requests were left to another part that is not in this run, or where a
        part of this run that it was not compared with holds some of its requests.
        """
        record = self._record(part)
        saved = self._load(record)
        if saved is None or saved.get("version") != VERSION:
            return None
        if not self.names.issuperset(saved["after"]):
            return None
        tally = from_json(saved["tally"])
        ids = self._ids(part)
        if ids.exists():
            found = SeenPart(ids, (record.name,), source, tally.first, tally.last)
            if self._shares_more(found, saved["saw"]):
                return None
            self._newest = found
        self.names.add(record.name)
        return saved | {"tally": tally}

    def _shares_more(self, part: SeenPart, saw: Sequence[str]) -> bool:
        near = near_parts(self.seen(), part.source, part.first, part.last)
        new = [other for other in near if not set(other.names) <= set(saw)]
        return bool(new) and bool(seen_before(part.load(), new)[1])

    def keep(self, part: Mapping[str, str], source: str, counted: Counted) -> None:
        """Keep what was counted for a part; the record appears whole or not at all."""
        record, tally = self._record(part), counted.tally
        if counted.ids is not None:
            ids = self._save_ids(part, counted.ids) if self.kept else counted.ids
            self._newest = SeenPart(ids, (record.name,), source, tally.first, tally.last)
        self.names.add(record.name)
        if self.kept:
            saved = {
                "version": VERSION,
                "part": dict(part),
                "saw": counted.saw,
                "after": counted.after,
                "bad": [[bad.line, bad.reason] for bad in counted.bad],
                "tally": to_json(tally),
            }
            self._save(record, saved)

    def seen(self) -> list[SeenPart]:
        """List what was counted or recalled, parts of one file together.

        The newest joins the others when they are asked for: after the last part nobody asks.
        """
        part, self._newest = self._newest, None
        if part is None:
            return self._seen
        last = self._seen.pop() if self._seen else None
        if last is not None:
            if last.source == part.source and last.size + part.size <= _MOST_IDS:
                part = together(last, part)
                last.forget(self._scratch.name)
            else:
                self._seen.append(self._away(last))
        self._seen.append(part if part.size <= _HELD_IDS else self._away(part))
        return self._seen

    def _away(self, part: SeenPart) -> SeenPart:
        self._files += 1
        return part.saved(Path(self._scratch.name) / f"{self._files}.npy")

    def _save_ids(self, part: Mapping[str, str], ids: Hashes) -> Path:
        import numpy as np

        file = self._ids(part)
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".tmp", delete=False) as out:
            np.save(out, ids)
        return Path(out.name).replace(file)

    def _record(self, part: Mapping[str, str]) -> Path:
        digest = hashlib.blake2b(json.dumps(dict(part), sort_keys=True).encode(), digest_size=12)
        return self.folder / f"part-{digest.hexdigest()}.json"

    def _ids(self, part: Mapping[str, str]) -> Path:
        return self._record(part).with_suffix(".npy")

    @staticmethod
    def _load(file: Path) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            advice = "remove it; its part is read again"
            raise InputError([Fault("the state is damaged", str(file), advice=advice)]) from error
        return found

    def _save(self, file: Path, value: Mapping[str, Any]) -> None:
        with tempfile.NamedTemporaryFile(
            "w", dir=self.folder, suffix=".tmp", delete=False, encoding="utf-8"
        ) as out:
            json.dump(value, out)
        Path(out.name).replace(file)

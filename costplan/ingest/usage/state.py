"""What a run leaves behind, so that the next one reads only what is new."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costplan.domain.errors import Fault, InputError
from costplan.ingest.usage.ids import SeenPart
from costplan.ingest.usage.tally import Tally, from_json, to_json

if TYPE_CHECKING:
    from costplan.ingest.usage.ids import Hashes

VERSION = 1
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
        self._temporary = None
        if folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="costplan-ingest-")
            folder = Path(self._temporary.name)
        self.kept = self._temporary is None
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or "cannot be made"
            raise InputError([Fault(f"--state: {reason}", str(folder))]) from error
        self.seen: list[SeenPart] = []

    def close(self) -> None:
        """Remove a temporary folder."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def choice(self, log: str) -> str | None:
        """Recall what the classes of a format were made by; None when nothing was chosen yet."""
        found = self._load(self.folder / "classes.json") or {}
        return found.get(log)

    def remember_choice(self, log: str, key: str) -> None:
        """Keep what the classes of a format are made by."""
        file = self.folder / "classes.json"
        self._save(file, {**(self._load(file) or {}), log: key})

    def recall(self, part: Mapping[str, str]) -> dict[str, Any] | None:
        """Find what was counted for a part; None when it is new."""
        saved = self._load(self._record(part))
        if saved is None or saved.get("version") != VERSION:
            return None
        if saved.get("tally") is not None:
            tally = from_json(saved["tally"])
            ids = self._ids(part)
            if ids.exists():
                self.seen.append(SeenPart(ids, part["file"], tally.first, tally.last))
            saved["tally"] = tally
        return saved

    def keep(
        self,
        part: Mapping[str, str],
        tally: Tally | None,
        ids: Hashes | None,
        extra: Mapping[str, Any],
    ) -> None:
        """Keep what was counted for a part; the record appears whole or not at all."""
        if ids is not None and tally is not None:
            import numpy as np

            file = self._ids(part)
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".tmp", delete=False) as out:
                np.save(out, ids)
            Path(out.name).replace(file)
            self.seen.append(SeenPart(file, part["file"], tally.first, tally.last))
        saved = {"version": VERSION, "part": dict(part), **extra}
        saved["tally"] = None if tally is None else to_json(tally)
        if self.kept:
            self._save(self._record(part), saved)

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

"""The files of a run: all looked at before any is counted, so that every fault is said at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.ingest.head import NotALogError, read_head
from costplan.ingest.usage.currency import check_currency
from costplan.ingest.usage.format import LogFormat, UsageFormat
from costplan.ingest.usage.formats import TABLE, find_format
from costplan.ingest.usage.reading import UsageOptions
from costplan.ingest.warehouse.counts import is_counts

_MORE = re.compile(rb'"has_more"\s*:\s*(true|false)')
_END_BYTES = 1 << 16


def list_files(paths: Sequence[Path]) -> list[Path]:
    """List files, and what is in folders; InputError where there is none."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(p for p in path.rglob("*") if p.is_file() and p.name[0] != ".")
        else:
            files.append(path)
    if not files:
        raise InputError([Fault("no files to read", str(paths[0]) if paths else "")])
    return list(dict.fromkeys(files))


def recognise_logs(
    paths: Sequence[Path], options: UsageOptions
) -> tuple[dict[Path, UsageFormat | None], list[str]]:
    """List the logs among files and folders; say what of a folder is none and is left out.

    The format of what a warehouse counted is None. Raises InputError with the faults of all files
    that cannot be opened or recognised.
    """
    named = {path for path in paths if not path.is_dir()}
    logs: dict[Path, UsageFormat | None] = {}
    notes: list[str] = []
    faults: list[Fault] = []
    for path in list_files(paths):
        try:
            head = read_head(path)
            log = None
            if options.format or not is_counts(head):
                log = find_format(head, options.columns, options.format)
                if isinstance(log, LogFormat) and log.name == TABLE and "usd" in log.rows:
                    check_currency(head)
        except NotALogError as error:
            if path in named:
                faults += error.faults
            else:
                notes.append(f"{path} is left out: {error.faults[0].message}")
        except InputError as error:
            faults += error.faults
        else:
            logs[path] = log
    if not logs and not faults:
        faults.append(Fault(f"no log among {len(notes)} files", str(paths[0])))
    if faults:
        raise InputError(faults)
    return logs, [*notes, *_unfinished(list(logs))]


def _unfinished(logs: Sequence[Path]) -> list[str]:
    """Say where every page of a report names a next one, so that the last is not here."""
    pages = {path: more for path in logs if (more := _has_more(path)) is not None}
    if not pages or not all(pages.values()):
        return []
    last = max(pages)
    return [f"{last} says that more pages follow, and no page here is the last: the rest is not in"]


def _has_more(path: Path) -> bool | None:
    """Read the end of a page of JSON; None where it is none, or packed."""
    head = read_head(path)
    if head.compression != "none" or not head.has("has_more"):
        return None
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - _END_BYTES, 0))
        found = _MORE.findall(file.read())
    return found[-1] == b"true" if found else None

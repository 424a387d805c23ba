"""Files that leave the tool: whole or not at all, and never over one that is there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from costplan.domain.errors import Fault, InputError


def check_free(paths: Iterable[Path], *, force: bool) -> None:
    """Refuse places that are taken, all at once, before any work is done.

    Raises InputError for an existing file without `force`, a directory, a place named twice, or a
    folder that is not there.
    """
    faults = []
    seen: set[Path] = set()
    for path in paths:
        if path.is_dir():
            faults.append(_fault(path, "is a directory", "name a file in it"))
        elif path.resolve() in seen:
            faults.append(_fault(path, "is named twice", "give each file a place of its own"))
        elif path.exists() and not path.is_file():
            continue  # a pipe or a device is written to, not overwritten
        elif path.exists() and not force:
            faults.append(_taken(path))
        elif not path.parent.is_dir():
            faults.append(_fault(path, f"there is no folder {path.parent}", "make it first"))
        seen.add(path.resolve())
    if faults:
        raise InputError(faults)


def save(path: Path, content: str | bytes, *, force: bool) -> None:
    """Write a file whole or not at all.

    Raises InputError when the place cannot be written, or is taken and `force` is not given.
    """
    raw = content.encode("utf-8") if isinstance(content, str) else content
    if path.exists() and not path.is_file() and not path.is_dir():
        _write_device(path, raw)
        return
    draft: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=".costplan-", delete=False
        ) as file:
            draft = Path(file.name)
            file.write(raw)
        draft.chmod(0o666 & ~_umask())
        _put(draft, path, force=force)
    except OSError as error:
        raise _cannot(path, error) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _put(draft: Path, path: Path, *, force: bool) -> None:
    if force:
        draft.replace(path)
        return
    try:
        # Unlike a look and a rename, a link fails when the place was taken in between.
        path.hardlink_to(draft)
    except FileExistsError:
        raise InputError([_taken(path)]) from None
    except OSError:
        if path.exists():
            raise InputError([_taken(path)]) from None
        draft.replace(path)


def _write_device(path: Path, raw: bytes) -> None:
    """Write to a pipe or a device such as /dev/stdout, which cannot be put in place."""
    try:
        with path.open("wb") as device:
            device.write(raw)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _cannot(path, error) from error


def _cannot(path: Path, error: OSError) -> InputError:
    reason = error.strerror or str(error)
    return InputError([_fault(path, f"cannot be written: {reason}", "choose another place")])


def _taken(path: Path) -> Fault:
    return _fault(path, "is there already", "choose another name, or overwrite it with --force")


def _fault(path: Path, message: str, advice: str) -> Fault:
    return Fault(message, file=str(path), advice=advice)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

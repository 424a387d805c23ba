"""Text files that people write, read whole: every way in which that fails is a fault."""

from __future__ import annotations

import codecs
import re
import stat
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.files.suggestions import did_you_mean

_UNREADABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_OTHER_ENCODINGS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_SAVE_AS_UTF8 = "save it as UTF-8"


def read_text(path: Path, *, most_bytes: int) -> str:
    """Read a UTF-8 text file, with or without a byte order mark.

    Raises InputError: no such file, a directory, no permission, above `most_bytes`, another
    encoding, or not text at all.
    """
    raw = _read_bytes(path, most_bytes)
    for mark, encoding in _OTHER_ENCODINGS.items():
        if raw.startswith(mark):
            raise _refuse(path, f"is {encoding} text, not UTF-8", _SAVE_AS_UTF8)
    if b"\0" in raw:
        if raw[1:2] == b"\0" or raw[:1] == b"\0":
            raise _refuse(path, "looks like UTF-16 text, or is no text at all", _SAVE_AS_UTF8)
        raise _refuse(path, "is a binary file", "give a text file")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError([_wrong_byte(path, raw, error)]) from None
    strange = _UNREADABLE.search(text)
    if strange:
        raise InputError([_strange_character(path, text, strange.start())])
    return text


def split_lines(text: str) -> list[str]:
    """Split text at the line ends that YAML counts."""
    return _LINE_END.split(text)


def _read_bytes(path: Path, most_bytes: int) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _refuse(path, "is a directory", "name a file in it")
        if not stat.S_ISREG(status.st_mode):
            # A pipe or a device may never end.
            raise _refuse(path, "is not a regular file", "save it to a file and name that")
        if status.st_size > most_bytes:
            raise _too_large(path, status.st_size, most_bytes)
        with path.open("rb") as file:
            raw = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise _refuse(path, "there is no such file", _near_name(path)) from None
    except PermissionError:
        raise _refuse(path, "may not be read", "check its permissions") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _refuse(path, f"cannot be read: {reason}", "") from None
    if len(raw) > most_bytes:
        raise _too_large(path, len(raw), most_bytes)
    return raw


def _refuse(path: Path, message: str, advice: str) -> InputError:
    return InputError([Fault(message, file=str(path), advice=advice)])


def _too_large(path: Path, size: int, most_bytes: int) -> InputError:
    megabytes = -(-size // 1_000_000)
    return _refuse(
        path,
        f"is larger than {most_bytes // 1_000_000} MB: about {megabytes} MB",
        "is it the right file?",
    )


def _near_name(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return "" if path.parent == path else f"there is no folder '{path.parent}' either"
    return did_you_mean(path.name, names)


def _wrong_byte(path: Path, raw: bytes, error: UnicodeDecodeError) -> Fault:
    before = raw[: error.start].decode("utf-8-sig")
    line, column = _place(before)
    start = raw.rfind(b"\n", 0, error.start) + 1
    end = raw.find(b"\n", error.start)
    source = raw[start : end if end >= 0 else len(raw)].decode("utf-8", errors="replace")
    return Fault(
        f"byte 0x{raw[error.start]:02x} is not UTF-8 text",
        file=str(path),
        line=line,
        column=column,
        source=source.rstrip("\r"),
        advice=_SAVE_AS_UTF8,
    )


def _strange_character(path: Path, text: str, at: int) -> Fault:
    line, column = _place(text[:at])
    code = f"U+{ord(text[at]):04X}"
    return Fault(
        f"the control character {code} may not stand in a file of text",
        file=str(path),
        line=line,
        column=column,
        source=split_lines(text)[line - 1],
        advice="remove it",
    )


def _place(before: str) -> tuple[int, int]:
    lines = split_lines(before)
    return len(lines), len(lines[-1]) + 1

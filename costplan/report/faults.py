"""Faults and failures, for people and for machines."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import unicodedata
from collections.abc import Sequence

from costplan.domain.errors import CostplanError, Fault

MOST_SHOWN = 100
"""Faults that people are shown; the rest are counted. Machines get all of them."""
_LONGEST_TEXT = 600
_INDENT = "    "
_TAB = "    "
_ELLIPSIS = "…"
_SMALLEST_WINDOW = 20
_CONSEQUENCE = "nothing was planned"


def write_faults(
    faults: Sequence[Fault], *, as_json: bool = False, consequence: str = _CONSEQUENCE
) -> None:
    """Write faults: for people on standard error, or as JSON on standard output."""
    if as_json:
        sys.stdout.write(faults_as_json(faults))
        return
    width = _terminal_width()
    text = render_faults(
        faults, width=width or 100, wrap=width is not None, consequence=consequence
    )
    _write_error(text)


def write_failure(error: CostplanError, *, as_json: bool = False) -> None:
    """Write a failure that is no fault of the input, the same way as faults."""
    message = str(error) or type(error).__name__
    if as_json:
        sys.stdout.write(faults_as_json([Fault(message)]))
        return
    _write_error(f"{_cut(make_visible(message))}\n")


def faults_as_json(faults: Sequence[Fault]) -> str:
    """Write faults as JSON: {"faults": [{file, line, column, path, message, advice}]}."""
    entries = [
        {
            "file": fault.file or None,
            "line": fault.line,
            "column": fault.column,
            "path": fault.path or None,
            "message": fault.message,
            "advice": fault.advice or None,
        }
        for fault in faults
    ]
    return json.dumps({"faults": entries}, indent=2) + "\n"


def render_faults(
    faults: Sequence[Fault],
    *,
    width: int = 100,
    wrap: bool = False,
    consequence: str = _CONSEQUENCE,
) -> str:
    """Lay faults out for people: place, message, line of the file, caret, advice, and a count.

    `width` is in columns; long lines of the file are cut to it, messages only when `wrap` is set.
    """
    parts = [_render(fault, width, wrap) for fault in faults[:MOST_SHOWN]]
    more = len(faults) - MOST_SHOWN
    if more > 0:
        parts.append(f"{_ELLIPSIS} and {more:,} more\n")
    return "".join(parts) + _count(faults, consequence)


def make_visible(text: str) -> str:
    """Write control characters, and others that have no shape of their own, as escapes."""
    return "".join(_shape(character) for character in text)


def _render(fault: Fault, width: int, wrap: bool) -> str:
    place = ":".join(
        str(part) for part in (fault.file, fault.line, fault.column) if part not in {"", None}
    )
    head = ": ".join(part for part in (fault.path, fault.message) if part)
    lines = [_cut(make_visible(f"{place}  {head}" if place else head))]
    advice = [f"{_INDENT}{_cut(make_visible(fault.advice))}"] if fault.advice else []
    if wrap:
        lines, advice = _wrap(lines, width), _wrap(advice, width)
    if fault.line is not None and fault.source:
        lines += _show_source(fault, width)
    return "\n".join([*lines, *advice]) + "\n"


def _wrap(lines: list[str], width: int) -> list[str]:
    wide = max(width, _SMALLEST_WINDOW)
    return [
        piece
        for line in lines
        for piece in textwrap.wrap(
            line,
            wide,
            subsequent_indent=_INDENT,
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        )
    ]


def _show_source(fault: Fault, width: int) -> list[str]:
    """Show the line of the file, cut around the marked part, and a caret line under it."""
    prefix = f"{fault.line:>5} | "
    room = max(width - len(prefix), _SMALLEST_WINDOW)
    at = max((fault.column or 1) - 1, 0)
    # Far more characters than fit would only be measured to be cut off.
    skipped = max(at - room, 0)
    marks = min(fault.width, room)
    shapes = [_shape(character) for character in fault.source[skipped : at + marks + room]]
    at -= skipped
    cells = [_cells(shape) for shape in shapes]
    start, end = _window(cells, at, room, cut_before=skipped > 0)
    before = _ELLIPSIS if start > 0 or skipped else ""
    cut_after = end < len(shapes) or skipped + len(shapes) < len(fault.source)
    after = _ELLIPSIS if cut_after else ""
    lines = [f"{prefix}{before}{''.join(shapes[start:end])}{after}".rstrip()]
    if fault.column is not None:
        offset = len(prefix) + len(before) + sum(cells[start:at])
        offset += max(at - len(cells), 0)  # a caret may stand past the end of the line
        marked = sum(cells[at : min(at + marks, end)])
        lines.append(f"{' ' * offset}{'^' * max(marked, 1)}")
    return lines


def _window(cells: list[int], at: int, room: int, *, cut_before: bool) -> tuple[int, int]:
    """Choose which characters fit, so that the marked place is among them."""
    start = 0
    room -= 1 if cut_before else 0
    if sum(cells) > room:
        room -= 2
        while start < at and sum(cells[start : at + 1]) > room * 2 // 3:
            start += 1
    end, used = start, 0
    while end < len(cells) and used + cells[end] <= room:
        used += cells[end]
        end += 1
    return start, end


def _shape(character: str) -> str:
    if character == "\t":
        return _TAB
    if character == " " or character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def _cells(shape: str) -> int:
    """Count the terminal columns that a shape takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in shape
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + _ELLIPSIS


def _count(faults: Sequence[Fault], consequence: str) -> str:
    files = list(dict.fromkeys(fault.file for fault in faults if fault.file))
    number = f"{len(faults):,} fault{'' if len(faults) == 1 else 's'}"
    where = ""
    if len(files) == 1:
        where = f" in {_cut(make_visible(files[0]))}"
    elif files:
        where = f" in {len(files):,} files"
    return f"{number}{where}; {consequence}.\n"


def _terminal_width() -> int | None:
    """Give the width of standard error where it is a terminal, else None."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns if sys.stderr.isatty() else None
    except (OSError, ValueError):
        return None


def _write_error(text: str) -> None:
    encoding = sys.stderr.encoding or "ascii"
    sys.stderr.write(text.encode(encoding, errors="backslashreplace").decode(encoding))

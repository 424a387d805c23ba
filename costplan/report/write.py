"""Where a plan goes: a terminal, standard output as JSON, a file."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from costplan.domain.errors import Fault, InputError
from costplan.plan.model import Plan

if TYPE_CHECKING:
    from rich.console import Console


def write_plan(plan: Plan, *, output: Path | None = None, as_json: bool = False) -> None:
    """Save a plan where asked, and print it as JSON or for people."""
    from costplan.plan.saved import dump_plan

    if output is not None:
        save_text(output, dump_plan(plan))
    if as_json:
        sys.stdout.write(dump_plan(plan))
        return
    from costplan.report.terminal import render

    render(plan, open_console())


def dump(content: object) -> str:
    """Write facts as JSON: amounts as decimal strings, dates as ISO text."""
    return json.dumps(content, indent=2, ensure_ascii=False, default=_write_odd) + "\n"


def _write_odd(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


class Trimmed:
    """Text on its way into a pipe or file: no spaces at line ends."""

    def __init__(self, stream: TextIO) -> None:
        """Write on to a stream."""
        self._stream = stream
        self.encoding = stream.encoding
        self._held = ""

    def write(self, text: str) -> int:
        """Hold back spaces until something follows them on their line."""
        whole = self._held + text
        *lines, last = whole.split("\n")
        kept = last.rstrip(" ")
        self._held = last[len(kept) :]
        self._stream.write("".join(f"{line.rstrip(' ')}\n" for line in lines) + kept)
        return len(text)

    def flush(self) -> None:
        """Flush the stream; spaces stay held."""
        self._stream.flush()


def open_console() -> Console:
    """Open standard output for people: the terminal's width, 100 columns in a pipe."""
    from rich.console import Console

    class Terminal(Console):
        """A console whose reader may leave before the end: that is no failure."""

        def on_broken_pipe(self) -> None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(0)

    width = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else 100
    stream = sys.stdout if sys.stdout.isatty() else cast("TextIO", Trimmed(sys.stdout))
    return Terminal(file=stream, width=width, highlight=False, markup=False, emoji=False)


def save_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises InputError when the place cannot be written; an existing file is then left as it was.
    """
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            encoding="utf-8",
            newline="",
            dir=path.parent,
            prefix=f".{path.name}.",
            delete=False,
        ) as draft:
            draft.write(text)
        Path(draft.name).chmod(0o666 & ~_umask())
        Path(draft.name).replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            [Fault(f"cannot be written: {reason}", file=str(path), advice="choose another place")]
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

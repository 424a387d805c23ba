"""Where finance books a plan: a table from task class, team, vendor or model to accounts."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.files.suggestions import did_you_mean
from costplan.files.text_file import read_text

KEYS = ("task_class", "team", "vendor", "model")
"""Columns that say which lines a row is for; empty cells and `*` stand for every line."""
ACCOUNTS = ("entity", "cost_center", "gl_account")
"""Columns that say where those lines are booked; all of them text, leading zeros kept."""
LARGEST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Account:
    """Where a line is booked; texts, never numbers."""

    entity: str = ""
    """Legal entity or company code."""
    cost_center: str = ""
    """Cost centre."""
    gl_account: str = ""
    """General ledger account."""


@dataclass(frozen=True, slots=True)
class Booking:
    """What a line is, as far as booking goes by it."""

    task_class: str
    """The class."""
    team: str
    """Its team; empty without one."""
    vendor: str
    """Who is paid."""
    model: str
    """The model."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the table."""

    patterns: tuple[str, ...]
    """Shell-style pattern for each of KEYS; an empty one matches everything."""
    account: Account
    """Where what matches is booked."""
    line: int
    """Line in the file, counted from 1."""

    def matches(self, booking: Booking) -> bool:
        """Tell whether the row is for a line."""
        facts = (booking.task_class, booking.team, booking.vendor, booking.model)
        return all(
            not pattern or pattern == fact or fnmatchcase(fact, pattern)
            for pattern, fact in zip(self.patterns, facts, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """The table; the first row that matches a line counts."""

    rules: tuple[Rule, ...] = ()
    """Rows in the order of the file."""
    _found: dict[Booking, Account | None] = field(default_factory=dict, compare=False, repr=False)

    def find(self, booking: Booking) -> Account | None:
        """Find where a line is booked; None where no row is for it."""
        if booking not in self._found:
            rule = next((rule for rule in self.rules if rule.matches(booking)), None)
            self._found[booking] = None if rule is None else rule.account
        return self._found[booking]


def read_ledger(path: Path) -> Ledger:
    """Read a table (CSV, comma or semicolon); InputError with every fault."""
    text = read_text(path, most_bytes=LARGEST_BYTES)
    heading = text.partition("\n")[0]
    delimiter = ";" if heading.count(";") > heading.count(",") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        columns = [cell.strip() for cell in next(rows, [])]
        _check_columns(path, columns)
        rules = []
        faults = []
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                said = f"the row has {len(cells)} cells, the heading has {len(columns)}"
                faults.append(Fault(said, file=str(path), line=rows.line_num))
                continue
            rules.append(_rule(dict(zip(columns, cells, strict=True)), rows.line_num))
    except csv.Error as error:
        raise InputError([Fault(str(error), file=str(path), line=rows.line_num)]) from None
    if faults:
        raise InputError(faults)
    return Ledger(tuple(rules))


def _check_columns(path: Path, columns: list[str]) -> None:
    known = KEYS + ACCOUNTS
    faults = [
        Fault(
            f"unknown column {name!r}",
            file=str(path),
            line=1,
            advice=did_you_mean(name, known) or f"columns are {', '.join(known)}",
        )
        for name in columns
        if name not in known
    ]
    faults += [
        Fault(f"column {name!r} comes twice", file=str(path), line=1)
        for name in known
        if columns.count(name) > 1
    ]
    if not faults and not set(columns) & set(ACCOUNTS):
        said = f"no column says where to book: {', '.join(ACCOUNTS)}"
        faults.append(Fault(said, file=str(path), line=1))
    if faults:
        raise InputError(faults)


def _rule(cells: dict[str, str], line: int) -> Rule:
    texts = {name: cell.strip() for name, cell in cells.items()}
    return Rule(
        patterns=tuple("" if texts.get(key, "") == "*" else texts.get(key, "") for key in KEYS),
        account=Account(*(texts.get(name, "") for name in ACCOUNTS)),
        line=line,
    )

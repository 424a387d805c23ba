"""The lines of a journal, and what they say when they are read again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

from costplan.domain.errors import Fault, InputError
from costplan.domain.money import EXACT

SCHEMA = 1
Key = tuple[str, str, str, str, int]
"""Class, question, model, setting, sample."""
NUMBERS = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "reasoning_tokens",
)


@dataclass(slots=True)
class Sent:
    """A call of which no end is written down."""

    key: Key
    role: str
    """"ask", "judge" or "check"."""
    worst_usd: Decimal
    request: str
    """Digest of what goes over the wire."""


@dataclass(slots=True)
class Kept:
    """A paid reply."""

    call: str
    key: Key
    role: str
    request: str
    """Digest of what went over the wire."""
    usd: Decimal
    finish: str
    tokens: tuple[int | None, ...]
    """Input, output, cached input, reasoning; None is unknown."""
    total_s: float
    first_visible_s: float | None
    waited_s: float = 0.0
    """Seconds between the attempts and before them: limits, and what a provider asked to wait."""
    score: float | None = None
    """Mark, 0 to 1; None while there is none."""
    marked: str | None = None
    """Digest of grader and target that gave the mark."""
    note: str = ""
    has_text: bool = False
    """Whether the journal has the answer's text."""


@dataclass(slots=True)
class Tally:
    """Everything a journal says, in the size of its questions, not of its calls."""

    replies: dict[Key, Kept] = field(default_factory=dict)
    """The last usable reply to each question."""
    judged: dict[Key, Kept] = field(default_factory=dict)
    """The last reply of a judge about each question."""
    open: dict[str, Sent] = field(default_factory=dict)
    """Calls without an end, by identifier."""
    calls: int = 0
    """Calls sent."""
    faults: dict[str, int] = field(default_factory=dict)
    """Failed calls by kind."""
    spent_usd: Decimal = Decimal(0)
    """Dollars of replies, and worst cases of failed calls that may be on the bill."""
    uncertain_usd: Decimal = Decimal(0)
    """Part of the spent dollars that may not be on the bill."""
    spent_by_role: dict[str, Decimal] = field(default_factory=dict)
    """Spent dollars of answers ("ask"), of marking them ("judge") and of checks ("check")."""
    opened: int = 0
    """How often the journal was opened."""
    _by_call: dict[str, Key] = field(default_factory=dict)

    @property
    def open_usd(self) -> Decimal:
        """Worst case of the calls without an end."""
        with localcontext(EXACT):
            return sum((sent.worst_usd for sent in self.open.values()), Decimal(0))

    @property
    def committed_usd(self) -> Decimal:
        """Dollars that are spent or may be: never less than the bill."""
        with localcontext(EXACT):
            return self.spent_usd + self.open_usd

    def take(self, record: Mapping[str, Any]) -> None:
        """Add one line. Raises KeyError, ValueError or TypeError for a line that is none."""
        match record["k"]:
            case "open":
                if record["schema"] != SCHEMA:
                    raise ValueError(f"schema {record['schema']} is not {SCHEMA}")
                self.opened += 1
            case "send":
                self._send(record)
            case "reply":
                self._reply(record)
            case "fault":
                self._fault(record)
            case "mark":
                self._mark(record)
            case other:
                raise ValueError(f"unknown kind of line '{other}'")

    def _send(self, record: Mapping[str, Any]) -> None:
        self.calls += 1
        self.open[record["call"]] = Sent(
            _key(record), record["role"], Decimal(record["worst_usd"]), record["request"]
        )

    def _end(self, record: Mapping[str, Any]) -> Sent:
        sent = self.open.pop(record["call"])
        with localcontext(EXACT):
            usd = Decimal(record["usd"])
            self.spent_usd += usd
            self.spent_by_role[sent.role] = self.spent_by_role.get(sent.role, Decimal(0)) + usd
        return sent

    def _reply(self, record: Mapping[str, Any]) -> None:
        sent = self._end(record)
        kept = Kept(
            call=record["call"],
            key=sent.key,
            role=sent.role,
            request=sent.request,
            usd=Decimal(record["usd"]),
            finish=record["finish"],
            tokens=tuple(record[name] for name in NUMBERS),
            total_s=record["total_s"],
            first_visible_s=record.get("first_visible_s"),
            waited_s=record.get("waited_s", 0.0),
            has_text="text" in record,
        )
        _set_mark(kept, record)
        home = {"ask": self.replies, "judge": self.judged}.get(sent.role)
        if home is None:
            return
        old = home.get(sent.key)
        if old is not None:
            self._by_call.pop(old.call, None)
        home[sent.key] = kept
        if sent.role == "ask":
            self._by_call[kept.call] = sent.key

    def _fault(self, record: Mapping[str, Any]) -> None:
        self._end(record)
        with localcontext(EXACT):
            self.uncertain_usd += Decimal(record["usd"])
        self.faults[record["kind"]] = self.faults.get(record["kind"], 0) + 1

    def _mark(self, record: Mapping[str, Any]) -> None:
        key = self._by_call.get(record["call"])
        if key is not None:  # else the reply was replaced by a later one
            _set_mark(self.replies[key], record)


def _set_mark(kept: Kept, record: Mapping[str, Any]) -> None:
    if record.get("marked") is not None:
        kept.score = record["score"]
        kept.marked = record["marked"]
        kept.note = record.get("note", "")


def _key(record: Mapping[str, Any]) -> Key:
    return (
        record["class"],
        record["question"],
        record["model"],
        record["setting"],
        record["sample"],
    )


def read_tally(path: Path) -> Tally:
    """Read a journal. Raises InputError for a line that is broken and was not the last of a run."""
    tally = Tally()
    for _, record in read_records(path, tally):
        del record
    return tally


def read_records(path: Path, tally: Tally | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give each line with its number, and add it to the tally.

    A line that a kill or a full disk cut short is the last of its run; it is passed over, for
    nothing that was not written whole was acted on. Raises InputError for any other broken line.
    """
    tally = tally if tally is not None else Tally()
    torn: int | None = None
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            record = _parse(line)
            if torn is not None and (record is None or record.get("k") != "open"):
                raise _broken(path, torn, "the line is broken")
            torn = None
            if record is None:
                torn = number
                continue
            try:
                tally.take(record)
            except (KeyError, ValueError, TypeError, ArithmeticError) as error:
                raise _broken(path, number, f"the line does not fit: {error!r}") from None
            yield number, record


def _parse(line: bytes) -> dict[str, Any] | None:
    """Read a line; None for one that is cut: no part of an object is an object."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _broken(path: Path, line: int, message: str) -> InputError:
    advice = "the journal was changed by hand or by another program; start a new one"
    return InputError([Fault(message, file=str(path), line=line, advice=advice)])

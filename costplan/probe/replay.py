"""Everything a journal holds, again, without a call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.probe.grade import mark, needs_more
from costplan.probe.questions import Question
from costplan.probe.records import Kept, Tally, read_records
from costplan.providers.fault import CallError, FaultKind
from costplan.providers.reply import Reply
from costplan.providers.request import Request


async def refuse(request: Request) -> Reply:
    """Stand in for a provider where nothing may be sent. Raises CallError."""
    raise CallError(
        FaultKind.BAD_REQUEST, f"'{request.question_id}' is not in the journal; nothing is sent"
    )


@dataclass(frozen=True, slots=True)
class Replay:
    """What a journal says, marked by the questions of today."""

    tally: Tally
    """Counts and money as they stand in the journal."""
    replies: tuple[Kept, ...]
    """Replies with the marks of today."""
    remarked: int
    """Replies whose mark changed with the grader or the target."""
    stale: int
    """Replies that keep a mark of another grader or target, for their text is gone."""
    unknown: int
    """Replies to questions that the file does not have; they are left out."""


def replay(path: Path, questions: Iterable[Question] = ()) -> Replay:
    """Read a journal again; with questions, mark again what they mark otherwise.

    Reading needs no lock. Raises InputError for a journal that is missing or broken.
    """
    if not path.is_file():
        raise InputError([Fault("there is no such journal", file=str(path))])
    tally = Tally()
    texts: dict[str, str] = {}
    wanted = {question.key: question for question in questions}
    for _, record in read_records(path, tally):
        if wanted and record["k"] == "reply" and isinstance(record.get("text"), str):
            texts[record["call"]] = record["text"]
    if not wanted:
        return Replay(tally, tuple(tally.replies.values()), 0, 0, 0)
    replies, remarked, stale, unknown = [], 0, 0, 0
    for key, kept in tally.replies.items():
        question = wanted.get(key[:2])
        if question is None:
            unknown += 1
        elif kept.marked == question.marked_digest:
            replies.append(kept)
        elif kept.call in texts and not needs_more(question.grader):
            found = mark(question, texts[kept.call])
            remarked += found.score != kept.score
            digest = question.marked_digest
            replies.append(replace(kept, score=found.score, marked=digest, note=found.note))
        else:
            stale += 1
            replies.append(kept)
    return Replay(tally, tuple(replies), remarked, stale, unknown)

"""Models that mark answers, checked against the marks of the user's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from costplan.plan.probing_lineup import Lineup, judges_of
from costplan.plan.probing_stage import Name, Stage
from costplan.probe.budget import OutOfMoneyError
from costplan.probe.desk import Desk, request_digest
from costplan.probe.graders import Judge, Label
from costplan.probe.judge import JudgeCheck, check_judge, judge_request
from costplan.probe.pool import work_all
from costplan.probe.questions import Question
from costplan.probe.records import Key, Tally


@dataclass(frozen=True, slots=True)
class JudgeFound:
    """What is known of a judge."""

    labels: int
    """Answers to its questions that the user marked."""
    unasked: int
    """Marked answers that it was not asked about, or not with success."""
    check: JudgeCheck | None
    """How it compares with the user's marks; None where it gave no verdict on any."""
    marks_itself: bool
    """Whether the model also answers the questions that it marks."""
    reason: str = ""
    """Why marked answers went without a verdict, where the run knows."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """An answer that the user marked, for a judge to mark too."""

    question: Question
    judge: Name
    key: Key
    """Key of its call in the journal."""
    label: Label


def list_labels(stage: Stage) -> Iterator[Labelled]:
    """List the answers that the user marked, with the judge of their question."""
    for group in stage.questions.values():
        for question in group:
            grader = question.grader
            if isinstance(grader, Judge):
                for i, label in enumerate(question.labels):
                    key = (*question.key, "(label)", grader.model, i)
                    yield Labelled(question, (grader.model, grader.setting), key, label)


async def ask_judges(
    stage: Stage,
    desk: Desk,
    *,
    workers: int,
    stop: asyncio.Event,
    told: Callable[[int, int], None] = lambda done, whole: None,
) -> dict[Name, str]:
    """Let the judges mark what the user has marked; gives why a judge could not.

    told gets how many of how many are marked. Raises InputError where the journal fails.
    """
    labels = list(list_labels(stage))
    reasons: dict[Name, str] = {}
    done = 0

    async def work(each: Labelled) -> None:
        nonlocal done
        if stop.is_set():
            return
        try:
            mark, reason = await desk.judge(each.question, each.label.answer, each.key)
        except OutOfMoneyError as error:
            mark, reason = None, str(error)
        if mark is None:
            reasons.setdefault(each.judge, reason)
        done += 1
        told(done, len(labels))

    await work_all(desk.journal, labels, work, workers=workers)
    return reasons


def find_judges(
    stage: Stage,
    lineup: Lineup,
    tally: Tally,
    answered: Collection[Key],
    reasons: Mapping[Name, str],
) -> dict[str, JudgeFound]:
    """Say of every judge how its verdicts in the journal compare with the user's marks.

    answered has the keys of the replies that were marked.
    """
    labels = list(list_labels(stage))
    asked = {
        question.key: (question.grader.model, question.grader.setting)
        for group in stage.questions.values()
        for question in group
        if isinstance(question.grader, Judge)
    }
    found = {}
    for name in judges_of(stage):
        mine = [each for each in labels if each.judge == name]
        verdicts = [_verdict(each, lineup, tally) for each in mine]
        pairs = [
            (each.label.score, verdict[0])
            for each, verdict in zip(mine, verdicts, strict=True)
            if verdict
        ]
        found["/".join(name)] = JudgeFound(
            labels=len(mine),
            unasked=len(mine) - len(pairs),
            check=check_judge(pairs, float(stage.case.workload.confidence)),
            marks_itself=any(key[2] == name[0] and asked.get(key[:2]) == name for key in answered),
            reason=reasons.get(name, ""),
        )
    return found


def _verdict(each: Labelled, lineup: Lineup, tally: Tally) -> tuple[float | None] | None:
    """Give a judge's verdict, None inside where it cannot be read; None where it was not asked."""
    if not each.label.answer.strip():
        return (0.0,)
    seat, known = lineup.seats.get(each.judge), tally.judged.get(each.key)
    if seat is None or known is None:
        return None
    request = judge_request(each.question, each.label.answer, seat.template)
    return (known.score,) if known.request == request_digest(request) else None

"""What asking will cost: expected and at worst, per question, with what marks the answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from costplan.domain.money import EXACT
from costplan.plan.probing_judges import list_labels
from costplan.plan.probing_lineup import Lineup, Seat
from costplan.plan.probing_stage import USUAL_OUTPUT, Name, Stage
from costplan.probe.budget import MESSAGE_TOKENS
from costplan.probe.graders import Judge
from costplan.probe.judge import judge_request
from costplan.probe.questions import Question
from costplan.providers.request import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

BYTES_PER_TOKEN = 4
"""Bytes of a prompt per token, as a rule of thumb; the worst case takes one."""
VISIBLE_TOKENS = 300
"""Tokens of an answer that a judge reads, where the workload does not say."""
VERDICT_TOKENS = 200
"""Tokens that a judge is expected to write."""
MOST_BYTES_PER_TOKEN = 8
"""Bytes of an answer per token when what reading it can cost is bounded for a forecast."""


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """Dollars of one question, (C, M), marking included; 0 where the option cannot be asked."""

    usd: Array
    """Expected."""
    worst_usd: tuple[tuple[Decimal, ...], ...]
    """Most that the dearest question can cost."""


@dataclass(frozen=True, slots=True)
class LabelCosts:
    """What it takes to check the judges against the user's marks."""

    calls: int
    usd: Decimal
    """Expected dollars."""
    worst_usd: Decimal


def expect_costs(stage: Stage, lineup: Lineup) -> Costs:
    """Price the questions of each class at each option."""
    import numpy as np

    usd = np.zeros(stage.place.shape)
    worst: list[tuple[Decimal, ...]] = []
    for c, name in enumerate(stage.classes):
        questions = stage.questions[name]
        longest = _longest(questions)
        visible = stage.part(c).task.output_tokens
        seen = Decimal(VISIBLE_TOKENS) if visible is None else visible
        judging = _judging(lineup, questions, seen)
        dearest = []
        for m, key in enumerate(stage.options):
            seat, option = lineup.seats.get(key), stage.option(c, m)
            if seat is None or option is None:
                dearest.append(Decimal(0))
                continue
            made = option.output_tokens if option.output_tokens is not None else USUAL_OUTPUT
            usd[c, m] = float(_expected(seat, questions, made) + judging)
            dearest.append(worst_usd(seat, longest) + _worst_judging(lineup, questions, seat))
        worst.append(tuple(dearest))
    return Costs(usd, tuple(worst))


def _longest(questions: Iterable[Question]) -> Question:
    """Give the question with the longest prompt: no other costs more at any option."""

    def most_tokens(question: Question) -> int:
        texts = len(question.messages) + (question.system is not None)
        return _bytes(question) + MESSAGE_TOKENS * texts

    return max(questions, key=most_tokens)


def _expected(seat: Seat, questions: tuple[Question, ...], output: Decimal) -> Decimal:
    size = sum(_bytes(question) for question in questions)
    mean = Decimal(size) / (BYTES_PER_TOKEN * len(questions))
    made = min(output, Decimal(seat.output_tokens))
    with localcontext(EXACT):
        return seat.tariff.price.usd_per_call(mean, Decimal(0), made)


def _bytes(question: Question) -> int:
    texts = [message.text for message in question.messages]
    if question.system is not None:
        texts.append(question.system)
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def _judging(lineup: Lineup, questions: tuple[Question, ...], visible: Decimal) -> Decimal:
    """Give the expected dollars of having an answer judged, over all questions of a class."""
    usd = Decimal(0)
    answer = "-" * int(visible * BYTES_PER_TOKEN)
    for question in questions:
        seat = _judge_of(lineup, question)
        if seat is not None:
            usd += _verdict_usd(seat, judge_request(question, answer, seat.template))
    return usd / len(questions)


def _verdict_usd(seat: Seat, request: Request) -> Decimal:
    size = sum(len(message.text.encode("utf-8", "surrogatepass")) for message in request.messages)
    asked = Decimal(size + len(request.system or "")) / BYTES_PER_TOKEN
    made = Decimal(min(VERDICT_TOKENS, seat.output_tokens))
    with localcontext(EXACT):
        return seat.tariff.price.usd_per_call(asked, Decimal(0), made)


def _judge_of(lineup: Lineup, question: Question) -> Seat | None:
    grader = question.grader
    if not isinstance(grader, Judge):
        return None
    return lineup.seats.get((grader.model, grader.setting))


def _worst_judging(lineup: Lineup, questions: Iterable[Question], asked: Seat) -> Decimal:
    """Bound what judging the longest answer of an option can cost."""
    by_judge: dict[Name, list[Question]] = {}
    for question in questions:
        seat = _judge_of(lineup, question)
        if seat is not None:
            by_judge.setdefault(seat.name, []).append(question)
    worst = Decimal(0)
    for name, group in by_judge.items():
        seat = lineup.seats[name]
        answer = "-" * (asked.output_tokens * MOST_BYTES_PER_TOKEN)
        request = judge_request(_longest(group), answer, seat.template)
        worst = max(worst, seat.tariff.worst_usd(request, seat.output_tokens))
    return worst


def expect_labels(stage: Stage, lineup: Lineup) -> LabelCosts:
    """Price the check of the judges against the user's marks."""
    calls, usd, worst = 0, Decimal(0), Decimal(0)
    for each in list_labels(stage):
        seat = lineup.seats.get(each.judge)
        if seat is None or not each.label.answer.strip():
            continue
        request = judge_request(each.question, each.label.answer, seat.template)
        calls += 1
        usd += _verdict_usd(seat, request)
        worst += seat.tariff.worst_usd(request, seat.output_tokens)
    return LabelCosts(calls, usd, worst)


def worst_usd(seat: Seat, question: Question) -> Decimal:
    """Give the most that asking a question can cost."""
    return seat.tariff.worst_usd(request_for(seat, question), seat.output_tokens)


def request_for(seat: Seat, question: Question) -> Request:
    """Write the request of a question."""
    return replace(
        seat.template,
        question_id=question.id,
        messages=question.messages,
        system=question.system or seat.template.system,
    )

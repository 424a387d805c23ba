"""What asking will cost: expected and at worst, per question."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from costplan.domain.money import EXACT
from costplan.plan.probing_lineup import Lineup, Seat
from costplan.plan.probing_stage import USUAL_OUTPUT, Stage
from costplan.probe.questions import Question
from costplan.providers.request import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

BYTES_PER_TOKEN = 4
"""Bytes of a prompt per token, as a rule of thumb; the worst case takes one."""


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """Dollars of one question, (C, M); 0 where the option cannot be asked."""

    usd: Array
    """Expected."""
    worst_usd: tuple[tuple[Decimal, ...], ...]
    """Most that the dearest question can cost."""


def expect_costs(stage: Stage, lineup: Lineup) -> Costs:
    """Price the questions of each class at each option."""
    import numpy as np

    usd = np.zeros(stage.place.shape)
    worst: list[tuple[Decimal, ...]] = []
    for c, name in enumerate(stage.classes):
        questions = stage.questions[name]
        dearest = []
        for m, key in enumerate(stage.options):
            seat, option = lineup.seats.get(key), stage.option(c, m)
            if seat is None or option is None:
                dearest.append(Decimal(0))
                continue
            made = option.output_tokens if option.output_tokens is not None else USUAL_OUTPUT
            usd[c, m] = float(_expected(seat, questions, made))
            dearest.append(max(worst_usd(seat, question) for question in questions))
        worst.append(tuple(dearest))
    return Costs(usd, tuple(worst))


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

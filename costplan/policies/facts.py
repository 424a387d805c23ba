"""What a stage does on every question: how often its answer is right and is taken, and its price.

A stage is one call, or a vote whose agreement is the check. Given the question, the draws of
different settings are independent; all that they share is in the question itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.policy import Check
from costplan.policies.ballots import ballot_of
from costplan.policies.points import Points, one_of, slowest_of
from costplan.policies.table import Array, Index, Table
from costplan.policies.voting import rule_of


class NotMeasured(Exception):  # noqa: N818 - it is a finding, and the caller states it as one
    """The outcomes lack what a policy needs; the text says what, in one clause."""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """A stage, question by question; arrays are (Q,)."""

    right: Array
    """Chance that its answer is right."""
    taken_right: Array
    """Chance that it is right and taken."""
    taken_wrong: Array
    """Chance that it is wrong and taken."""
    calls: float
    """Calls it makes."""
    usd: Array
    """Dollars of its calls and of its check; NaN unknown."""
    seconds: tuple[Points, ...] | None
    """Seconds of its calls and of its check, per question; None where unknown."""
    tokens: dict[str, Array]
    """Input, output and reasoning tokens; NaN unknown."""

    @property
    def turned_down(self) -> Array:
        """Chance that the answer is not taken."""
        return np.asarray(np.clip(1 - self.taken_right - self.taken_wrong, 0.0, 1.0))


def observe(table: Table, column: int, questions: Index, check: Check | None) -> Facts:
    """Read what a stage does; without a check every answer is taken."""
    calls = 1
    if check is not None and check.kind == "agreement":
        calls = check.calls or 1
    score = table.score[questions, column]
    right, taken_right, taken_wrong = _judge(table, column, questions, check)
    extra_usd = float(check.usd) if check is not None else 0.0
    tokens = {
        name: calls * getattr(table, name)[questions, column]
        for name in ("input_tokens", "output_tokens", "reasoning_tokens")
    }
    return Facts(
        right=score if right is None else right,
        taken_right=taken_right,
        taken_wrong=taken_wrong,
        calls=calls,
        usd=calls * table.usd[questions, column] + extra_usd,
        seconds=_time(table, column, questions, calls, check),
        tokens=tokens,
    )


def judge_anew(facts: Facts, false_accept: Array | float, false_reject: float) -> Facts:
    """Give the same stage with a verifier of other rates."""
    return replace(
        facts,
        taken_right=facts.right * (1 - false_reject),
        taken_wrong=(1 - facts.right) * false_accept,
    )


def false_accepts(check: Check, score: Array, hardness: Array) -> Array:
    """Spread a verifier's false accepts over questions by their hardness, (Q,).

    logit f_q = c + hardness x z_q, with c such that the mean over wrong answers stays the rate.
    """
    rate = float(check.false_accept or 0)
    tilt = float(check.hardness)
    wrong = 1 - score
    if tilt == 0 or not 0 < rate < 1 or wrong.sum() <= 0:
        return np.full(len(score), rate)
    low, high = -40.0 - abs(tilt) * 10, 40.0 + abs(tilt) * 10
    for _ in range(80):
        middle = 0.5 * (low + high)
        mean = float(wrong @ _sigmoid(middle + tilt * hardness) / wrong.sum())
        low, high = (middle, high) if mean < rate else (low, middle)
    return _sigmoid(0.5 * (low + high) + tilt * hardness)


def _judge(
    table: Table, column: int, questions: Index, check: Check | None
) -> tuple[Array | None, Array, Array]:
    """Give the chances that the answer is right (None: the mean score), right and taken, wrong
    and taken."""
    score = table.score[questions, column]
    if check is None:
        return None, score, 1 - score
    if check.kind == "test":
        return None, score, np.zeros(len(score))
    if check.kind == "agreement":
        return _agree(table, column, questions, check)
    if check.kind == "confidence" or check.measured:
        return _read_verdicts(table, column, questions, check)
    accept = false_accepts(check, score, table.hardness[questions])
    return None, score * (1 - float(check.false_reject or 0)), (1 - score) * accept


def _read_verdicts(
    table: Table, column: int, questions: Index, check: Check
) -> tuple[None, Array, Array]:
    verdict = table.row_accepted
    if check.kind == "confidence":
        known = np.isfinite(table.row_confidence)
        reached = table.row_confidence >= float(check.threshold or 0)
        verdict = np.where(known, reached, np.nan)
    right, wrong = np.empty(len(questions)), np.empty(len(questions))
    for i, question in enumerate(questions.tolist()):
        rows = table.rows(question, column)
        taken, score = verdict[rows], table.row_score[rows]
        right[i], wrong[i] = (taken * score).mean(), (taken * (1 - score)).mean()
    if not np.isfinite(right).all():
        name = "confidence" if check.kind == "confidence" else "accepted"
        raise NotMeasured(f"the outcomes do not say `{name}` for {_named(table, column)}")
    return None, right, wrong


def _agree(table: Table, column: int, questions: Index, check: Check) -> tuple[Array, Array, Array]:
    calls, least = check.calls or 1, check.agree or 1
    if (table.count[questions, column] < calls).any():
        raise NotMeasured(f"agreement of {calls} calls needs as many samples of each question")
    rule = rule_of(calls, None, decided=False, agree=None)
    found = [ballot_of(table, question, column, rule, 1) for question in questions.tolist()]
    taken = [ballot.taken(least) for ballot in found]
    return (
        np.array([ballot.right for ballot in found]),
        np.array([right for right, _ in taken]),
        np.array([wrong for _, wrong in taken]),
    )


def _time(
    table: Table, column: int, questions: Index, calls: int, check: Check | None
) -> tuple[Points, ...] | None:
    more = float(check.latency_s) if check is not None else 0.0
    points = times_of(table, column, questions, calls)
    return None if points is None else tuple(p.after(more) for p in points)


def times_of(
    table: Table, column: int, questions: Sequence[int] | Index, calls: int
) -> tuple[Points, ...] | None:
    """Give the seconds of the slowest of some calls on each question; None where unknown."""
    found = []
    for question in questions:
        seconds = table.row_latency_s[table.rows(int(question), column)]
        seconds = seconds[np.isfinite(seconds)]
        if not len(seconds):
            return None
        found.append(one_of(seconds) if calls == 1 else slowest_of(seconds, calls))
    return tuple(found)


def _named(table: Table, column: int) -> str:
    model, knob = table.settings[column]
    return f"{model}/{knob}" if knob else model


def _sigmoid(x: Array) -> Array:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))

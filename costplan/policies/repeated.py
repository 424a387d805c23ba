"""Votes and best-ofs of one setting, from its recorded samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.figures import write_percent
from costplan.domain.policy import BestOf, Check, Vote
from costplan.domain.recipe import Stage
from costplan.policies.ballots import ballot_of, knows_answers
from costplan.policies.facts import NotMeasured, false_accepts, times_of
from costplan.policies.measured import FEWEST_QUESTIONS, Evidence, Played
from costplan.policies.naming import say_check
from costplan.policies.picking import Pick, Rates, pick_at_once, pick_in_turn
from costplan.policies.points import Points, in_a_row, mix, slowest_of
from costplan.policies.table import Array, Index, Table
from costplan.policies.voting import recorded, rule_of


def play_vote(vote: Vote, evidence: Evidence) -> Played:
    """Play a vote on the questions with at least n samples."""
    table, column = evidence.table, evidence.column(vote.option)
    questions = _questions_of(table, column, vote.n)
    rule = rule_of(vote.n, vote.start, decided=vote.early_stop, agree=vote.agree)
    found = [ballot_of(table, q, column, rule, vote.wrong_answers) for q in questions.tolist()]
    ends = np.array([[b.ends.get(c, 0.0) for c in range(1, vote.n + 1)] for b in found])
    right = np.array([ballot.right for ballot in found])
    notes = []
    if vote.n > 1 and not knows_answers(table, column):
        values = vote.wrong_answers
        said = (
            "agree with each other, the vote's worst case"
            if values == 1
            else (f"fall on {values} equally likely values")
        )
        notes.append(f"the outcomes do not hold the answers: wrong ones are taken to {said}")
    notes += _note_parts(table, column, questions)
    calls = _Calls(ends, right, np.ones(len(questions)), right, rule.start, None)
    return _assemble(table, column, questions, calls, notes)


def play_best_of(best: BestOf, evidence: Evidence) -> Played:
    """Play a best-of on the questions with at least n samples.

    A test picks the best of partial scores.
    """
    table, column = evidence.table, evidence.column(best.option)
    questions = _questions_of(table, column, best.n)
    check = best.check
    if check.measured:
        rates, notes = _measure_rates(table, column, questions)
    else:
        rates, notes = Rates(float(check.false_accept or 0), float(check.false_reject or 0)), []
    accept = false_accepts(check, table.score[questions, column], table.hardness[questions])
    pick = pick_at_once if best.parallel else pick_in_turn
    picks: list[Pick] = []
    for i, question in enumerate(questions.tolist()):
        score = table.row_score[table.rows(question, column)]
        own = (
            rates
            if check.measured or check.kind == "test"
            else Rates(float(accept[i]), rates.false_reject)
        )
        if check.kind == "test" and not _is_graded_whole(score):
            picks.append(_best_part(score, best.n))
            continue
        draws = recorded(float(score.sum()), len(score))
        picks.append(pick(draws, best.n, own, float(check.repeats)))
    if check.kind == "verifier":
        if not check.measured:
            notes.append(f"the error rates of the {say_check(check)} are stated, not measured")
        notes += _note_parts(table, column, questions)
    calls = _Calls(
        ends=np.array([p.ends for p in picks]),
        right=np.array([p.right for p in picks]),
        accepted=np.array([p.accepted for p in picks]),
        both=np.array([p.accepted_right for p in picks]),
        at_once=best.n if best.parallel else 1,
        check=check,
    )
    return _assemble(table, column, questions, calls, notes)


def _questions_of(table: Table, column: int, n: int) -> Index:
    asked = np.flatnonzero(table.count[:, column] > 0)
    enough = np.flatnonzero(table.count[:, column] >= n)
    if len(enough) < max(FEWEST_QUESTIONS, len(asked) / 2):
        raise NotMeasured(
            f"{n} calls need as many samples of each question; {len(enough)} of {len(asked)} "
            "questions have them"
        )
    return enough


def _measure_rates(table: Table, column: int, questions: Index) -> tuple[Rates, list[str]]:
    """Measure a verifier's rates over the labelled samples of a setting."""
    score, taken = (
        np.concatenate([rows[table.rows(q, column)] for q in questions.tolist()])
        for rows in (table.row_score, table.row_accepted)
    )
    if not np.isfinite(taken).all():
        raise NotMeasured("the outcomes do not say `accepted` for all its samples")
    wrong, right = (1 - score).sum(), score.sum()
    if min(wrong, right) < 5:
        raise NotMeasured("too few right or wrong labelled answers to measure the verifier on")
    rates = Rates(
        float((taken * (1 - score)).sum() / wrong), float(((1 - taken) * score).sum() / right)
    )
    return rates, [
        f"verifier measured on {len(score)} labelled answers: takes "
        f"{write_percent(rates.false_accept)} of the wrong, turns down "
        f"{write_percent(rates.false_reject)} of the right ones; its mistakes are "
        "taken as independent from call to call"
    ]


def _is_graded_whole(score: Array) -> bool:
    return bool(((score == 0) | (score == 1)).all())


def _best_part(score: Array, n: int) -> Pick:
    """Give the expected best of n partial scores drawn without replacement."""
    best = slowest_of(score, n).mean
    return Pick(best, 1.0, best, (*[0.0] * (n - 1), 1.0))


def _note_parts(table: Table, column: int, questions: Index) -> list[str]:
    rows = [table.row_score[table.rows(q, column)] for q in questions.tolist()]
    if all(_is_graded_whole(score) for score in rows):
        return []
    return ["partial scores are taken as the chance of a right answer"]


@dataclass(frozen=True, slots=True, eq=False)
class _Calls:
    """What the calls to one setting come to; arrays are (Q,)."""

    ends: Array
    """Chance that they end after 1, 2, ... n calls, (Q, n)."""
    right: Array
    accepted: Array
    both: Array
    at_once: int
    """Calls made at once, before the others follow one by one."""
    check: Check | None


def _assemble(
    table: Table, column: int, questions: Index, done: _Calls, notes: Sequence[str]
) -> Played:
    calls = done.ends @ np.arange(1, done.ends.shape[1] + 1)
    check_usd = 0.0 if done.check is None else float(done.check.usd)
    check_s = 0.0 if done.check is None else float(done.check.latency_s)
    one_usd = table.usd[questions, column] + check_usd
    said = "" if done.check is None else say_check(done.check)
    seconds = _time_calls(table, column, questions, done.ends, done.at_once, check_s)
    return Played(
        columns=[column],
        questions=questions,
        right=done.right,
        accepted=done.accepted,
        accepted_right=done.both,
        usd=calls * one_usd,
        calls=calls,
        stages=(Stage(table.settings[column], float(calls.mean()), said, "", 1.0),),
        paths=[
            (done.ends[:, k], (k + 1) * one_usd, None if seconds is None else seconds[k])
            for k in range(done.ends.shape[1])
        ],
        tokens={
            name: calls * getattr(table, name)[questions, column]
            for name in ("input_tokens", "output_tokens", "reasoning_tokens")
        },
        notes=tuple(notes),
    )


def _time_calls(
    table: Table, column: int, questions: Index, ends: Array, at_once: int, check_s: float
) -> list[Points | None] | None:
    """Give the seconds by calls made: first ones at once, then one after another, with checks.

    None where they are unknown; an entry is None where nothing ends there.
    """
    first = times_of(table, column, questions, at_once)
    each = times_of(table, column, questions, 1)
    if first is None or each is None:
        return None
    parts: list[list[tuple[float, Points]]] = [[] for _ in range(ends.shape[1])]
    for chances, start, one in zip(ends, first, each, strict=True):
        for calls in np.flatnonzero(chances > 0).tolist():
            later = max(calls + 1 - at_once, 0)
            total = in_a_row(start, one, later).after(check_s * (later + 1))
            parts[calls].append((float(chances[calls]), total))
    return [mix(part) for part in parts]

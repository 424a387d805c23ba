"""Votes on recorded samples: by the answers where they are known, else by right and wrong."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.policies.table import Array, Table
from costplan.policies.voting import Ballot, Rule, recorded, vote


def ballot_of(table: Table, question: int, column: int, rule: Rule, wrong_answers: int) -> Ballot:
    """Hold a vote on a question with at least rule.n samples.

    Known answers are replayed from every sample on, in the recorded order and around; of right
    and wrong alone every order is added up, and wrong answers fall on so many values.
    """
    rows = table.rows(question, column)
    answers, score = table.row_answer[rows], table.row_score[rows]
    if np.isfinite(answers).all():
        return replay(answers, score, rule)
    return vote(recorded(float(score.sum()), len(score)), rule, wrong_answers)


def knows_answers(table: Table, column: int) -> bool:
    """Tell whether the answers of a setting are recorded."""
    questions = np.flatnonzero(table.count[:, column] > 0).tolist()
    return all(np.isfinite(table.row_answer[table.rows(q, column)]).all() for q in questions)


def replay(answers: Array, score: Array, rule: Rule) -> Ballot:
    """Replay a vote on answers in their order, starting from each of them in turn."""
    m = len(answers)
    worth = {answer: float(score[answers == answer].mean()) for answer in set(answers.tolist())}
    right = 0.0
    ends: dict[int, float] = {}
    agreed: dict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for start in range(m):
        order = np.roll(answers, -start)[: rule.n].tolist()
        count: Counter[float] = Counter()
        calls = 0
        for calls, answer in enumerate(order, start=1):
            count[answer] += 1
            groups = tuple(sorted(count.values(), reverse=True))
            if rule.stops((groups[0], groups[1:]), calls):
                break
        top = max(count.values())
        leaders = [answer for answer, number in count.items() if number == top]
        won = sum(worth[answer] for answer in leaders) / len(leaders)
        right += won / m
        ends[calls] = ends.get(calls, 0.0) + 1 / m
        agreed[top][0] += won / m
        agreed[top][1] += (1 - won) / m
    return Ballot(right, ends, {size: (r, w) for size, (r, w) in sorted(agreed.items())})

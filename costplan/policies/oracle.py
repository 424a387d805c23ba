"""What no policy can pass: the per-question oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.policies.table import Table


@dataclass(frozen=True, slots=True)
class Oracle:
    """Knows every answer beforehand; over the questions that at least one setting answered."""

    accuracy: float
    """Share right when the best recorded answer to each question is given: the ceiling of every
    policy that gives one of the answers of these settings."""
    single_call: float
    """Share right when each question goes to the one setting that is best at it."""
    usd: float | None
    """Dollars per request when each question goes to the cheapest setting among those that are
    best at it; None where dollars are unknown."""
    n_questions: int
    """Questions counted."""


def find_oracle(table: Table, columns: Sequence[int] | None = None) -> Oracle:
    """Find the ceiling over all settings, or over some columns of the table."""
    chosen = list(range(len(table.settings))) if columns is None else list(columns)
    count = table.count[:, chosen]
    questions = np.flatnonzero((count > 0).any(axis=1))
    asked = count[questions] > 0
    score = np.where(asked, table.score[questions][:, chosen], -1.0)
    usd = np.where(asked, table.usd[questions][:, chosen], np.nan)
    best = score.max(axis=1)
    any_answer = [
        max(float(table.row_score[table.rows(q, c)].max()) for c in chosen if table.count[q, c] > 0)
        for q in questions.tolist()
    ]
    among = np.where(score >= best[:, None] - 1e-12, usd, np.inf)
    cheapest = np.where(np.isfinite(among), among, np.inf).min(axis=1) if len(best) else best
    priced = bool(len(cheapest)) and bool(np.isfinite(cheapest).all())
    return Oracle(
        accuracy=float(np.mean(any_answer)) if any_answer else 0.0,
        single_call=float(best.mean()) if len(best) else 0.0,
        usd=float(cheapest.mean()) if priced else None,
        n_questions=len(questions),
    )

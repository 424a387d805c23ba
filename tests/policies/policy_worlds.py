"""Small outcome tables for the tests of policies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from costplan.domain.outcomes import Outcomes
from costplan.policies.measured import Evidence
from costplan.policies.table import Table, lay_out

SHARED = Path(__file__).parents[3] / "shared" / "data" / "outcomes"


def shared_outcomes(name: str) -> Outcomes:
    """Read a shared table, or skip."""
    from costplan.files.outcomes import read_outcomes

    if not (SHARED / name).exists():
        pytest.skip("shared reference data is not beside the repository")
    return read_outcomes(SHARED / name)


def make_outcomes(
    scores: dict[str, list[list[float]]], usd: dict[str, float] | None = None, **extra
) -> Outcomes:
    """Lay scores per option, question and sample out as outcomes; a call takes 1, 2, ... s."""
    rows: dict[str, list[object]] = {
        key: []
        for key in (
            "dataset", "task_class", "question_id", "model", "budget_or_effort", "sample",
            "correct", "input_tokens", "output_tokens", "cost_usd", "latency_s", *extra,
        )
    }  # fmt: skip
    for option, questions in scores.items():
        model, setting = option.split("/")
        for q, samples in enumerate(questions):
            for s, score in enumerate(samples):
                values = {
                    "dataset": "d", "task_class": "c", "question_id": f"q{q:03}", "model": model,
                    "budget_or_effort": setting, "sample": s, "correct": score,
                    "input_tokens": 100 + q, "output_tokens": 10,
                    "cost_usd": (usd or {}).get(option, 1.0) * (1 + q % 3), "latency_s": 1.0 + s,
                }  # fmt: skip
                values |= {key: column[option][q][s] for key, column in extra.items()}
                for key, value in values.items():
                    rows[key].append(value)
    return Outcomes.of_columns(rows)


def evidence_of(table: Table, **more) -> Evidence:
    """Take a table as evidence under the options' own names."""
    return Evidence(table, {f"{m}/{s}": (m, s) for m, s in table.settings}, **more)


def random_evidence(seed: int, *, settings: int = 3, questions: int = 30, samples: int = 1, **more):
    """Draw right and wrong answers of settings that fail on the same hard questions."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=questions)
    scores = {}
    for m in range(settings):
        chance = 1 / (1 + np.exp(hard - m + rng.normal(scale=0.7, size=questions)))
        drawn = rng.random((questions, samples)) < chance[:, None]
        scores[f"m{m}/x"] = drawn.astype(float).tolist()
    usd = {f"m{m}/x": float(3**m) for m in range(settings)}
    return evidence_of(lay_out(make_outcomes(scores, usd), "c"), **more)


def known_world(
    seed: int, *, questions: int = 300, pull: float = 2.5, column: str = "known_tier"
) -> Outcomes:
    """Two settings; a question's kind is known, and hard for the cheap one by `pull` logits."""
    rng = np.random.default_rng(seed)
    hard = rng.random(questions) < 0.4
    kind = np.where(hard, "deep", "plain")
    rows: dict[str, list[object]] = {key: [] for key in (
        "dataset", "task_class", "question_id", "model", "budget_or_effort", "sample",
        "correct", "input_tokens", "output_tokens", "cost_usd", "latency_s", column,
    )}  # fmt: skip
    for model, skill, slope, usd in (("small", 1.5, pull, 1.0), ("big", 2.0, 0.3, 10.0)):
        right = rng.random(questions) < 1 / (1 + np.exp(-(skill - slope * hard)))
        for q in range(questions):
            values = (
                "d", "c", f"q{q:03}", model, "x", 0, float(right[q]), 100, 10, usd, 1.0, kind[q],
            )  # fmt: skip
            for key, value in zip(rows, values, strict=True):
                rows[key].append(value)
    return Outcomes.of_columns(rows)

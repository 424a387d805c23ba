"""Write outcomes.csv: a made-up evaluation, question by question, to try the workload beside it.

The figures are synthetic and say nothing about the models they name. What is real is their shape:
hard questions are hard for every option, thinking helps on hard questions more than on easy ones,
and tokens are log-normal, so that a few questions cost most of the money.
"""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path
from typing import NamedTuple

SEED = 20_270_101
QUESTIONS = 90
COLUMNS = [
    "dataset",
    "task_class",
    "question_id",
    "model",
    "budget_or_effort",
    "sample",
    "correct",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "latency_s",
    "reasoning_tokens",
]


class Try(NamedTuple):
    """An option of the evaluation."""

    model: str
    effort: str
    skill: float
    """Logit of success on a question of middling difficulty."""
    thinking_tokens: float
    """Mean reasoning tokens on such a question."""
    usd_per_mtok: tuple[float, float]
    """Input and output price."""
    tokens_per_s: float


class Kind(NamedTuple):
    """A class of the evaluation."""

    name: str
    hardness: float
    spread: float
    """How much questions differ, in logits."""
    input_tokens: int
    output_tokens: int
    thinking: float
    """How long the class makes a model think, relative to the others."""


TRIES = (
    Try("gpt-5.6-luna", "none", 0.4, 0, (0.2, 1.2), 240),
    Try("gpt-5.6-luna", "medium", 1.1, 900, (0.2, 1.2), 240),
    Try("gpt-5.6-luna", "high", 1.5, 2_600, (0.2, 1.2), 240),
    Try("gpt-5.6-terra", "low", 1.5, 500, (2, 12), 150),
    Try("gpt-5.6-terra", "high", 2.1, 2_400, (2, 12), 150),
    Try("gpt-5.6-sol", "medium", 2.4, 1_500, (4, 20), 90),
    Try("gpt-5.6-sol", "high", 2.7, 3_800, (4, 20), 90),
)
KINDS = (
    Kind("coverage-questions", 0.2, 1.3, 3_200, 220, 0.6),
    Kind("claims-decisions", 1.6, 1.8, 9_500, 480, 1.5),
)


def answer(kind: Kind, one: Try, question: int, difficulty: float, rng: random.Random) -> list[str]:
    """Answer one question with one option."""
    right = rng.random() < 1 / (1 + math.exp(difficulty - one.skill))
    longer = math.exp(0.25 * (difficulty - kind.hardness))
    thinking = round(one.thinking_tokens * kind.thinking * longer * rng.lognormvariate(-0.18, 0.6))
    sent = round(kind.input_tokens * rng.lognormvariate(-0.02, 0.2))
    shown = round(kind.output_tokens * rng.lognormvariate(-0.045, 0.3))
    usd = (sent * one.usd_per_mtok[0] + (shown + thinking) * one.usd_per_mtok[1]) / 1e6
    seconds = 0.9 + (shown + thinking) / one.tokens_per_s
    return [
        "synthetic",
        kind.name,
        f"q{question:03}",
        one.model,
        one.effort,
        "0",
        str(int(right)),
        str(sent),
        str(shown + thinking),
        f"{usd:.6f}",
        f"{seconds:.2f}",
        str(thinking),
    ]


def make(path: Path) -> None:
    """Write the table; the same bytes every time."""
    rng = random.Random(SEED)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for kind in KINDS:
            for question in range(QUESTIONS):
                difficulty = rng.gauss(kind.hardness, kind.spread)
                for one in TRIES:
                    table.writerow(answer(kind, one, question, difficulty, rng))


if __name__ == "__main__":
    make(Path(__file__).with_name("outcomes.csv"))

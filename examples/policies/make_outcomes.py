"""Write outcomes.csv: a made-up evaluation with samples, answers, verdicts and confidence.

The figures are synthetic and say nothing about the models they name. What is real is their shape:
hard questions are hard for every option, a model asked again errs on the same questions, a verifier
lets wrong answers to hard questions pass more often, and a model is surer where it is right.
"""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path
from typing import NamedTuple

SEED = 20_270_201
QUESTIONS = 100
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
    "answer",
    "accepted",
    "confidence",
]


class Try(NamedTuple):
    """An option of the evaluation."""

    model: str
    effort: str
    samples: int
    skill: float
    """Logit of success on a question of middling difficulty."""
    tokens: float
    """Mean output tokens on such a question."""
    usd_per_mtok: tuple[float, float]
    tokens_per_s: float


class Kind(NamedTuple):
    """A class of the evaluation."""

    name: str
    spread: float
    """How much questions differ, in logits."""
    input_tokens: int


TRIES = (
    Try("gpt-5.6-luna", "none", 5, 0.6, 150, (0.2, 1.2), 240),
    Try("gpt-5.6-luna", "high", 1, 1.5, 2_600, (0.2, 1.2), 240),
    Try("gpt-5.6-terra", "low", 1, 1.7, 700, (2, 12), 150),
    Try("gpt-5.6-sol", "high", 1, 3.0, 3_800, (4, 20), 90),
)
KINDS = (Kind("invoice-fields", 1.2, 1_500), Kind("refund-decisions", 2.0, 2_500))


def answer(kind: Kind, one: Try, question: int, sample: int, rng: random.Random) -> list[str]:
    """Answer one question once; the question's difficulty is drawn from its own seed."""
    own = random.Random(f"{kind.name}/{question}")
    difficulty = own.gauss(0.5, kind.spread)
    taste = random.Random(f"{kind.name}/{question}/{one.model}").gauss(0, 0.8)
    right = rng.random() < 1 / (1 + math.exp(difficulty - one.skill - taste))
    tokens = round(one.tokens * math.exp(0.2 * difficulty) * rng.lognormvariate(-0.1, 0.45))
    sent = round(kind.input_tokens * own.lognormvariate(0.1 * difficulty, 0.3))
    usd = (sent * one.usd_per_mtok[0] + tokens * one.usd_per_mtok[1]) / 1e6
    seconds = 0.6 + tokens / one.tokens_per_s * rng.uniform(0.8, 1.4)
    said = "A" if right else rng.choice("BBC")
    passed = rng.random() < (0.96 if right else 1 / (1 + math.exp(2.2 - 0.5 * difficulty)))
    sure = min(max(rng.gauss(0.86 if right else 0.66, 0.12), 0.0), 1.0)
    return [
        "desk", kind.name, f"{kind.name}-{question:03}", one.model, one.effort, str(sample),
        str(int(right)), str(sent), str(tokens), f"{usd:.6f}", f"{seconds:.2f}", said,
        str(int(passed)), f"{sure:.2f}",
    ]  # fmt: skip


def make(path: Path) -> None:
    """Write the table."""
    rng = random.Random(SEED)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for kind in KINDS:
            for question in range(QUESTIONS):
                for one in TRIES:
                    for sample in range(one.samples):
                        writer.writerow(answer(kind, one, question, sample, rng))


if __name__ == "__main__":
    make(Path(__file__).with_name("outcomes.csv"))

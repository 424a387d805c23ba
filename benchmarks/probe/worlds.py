"""Questions with every option's answer: tables of real outcomes, parts of them, and drawn ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from costplan.domain.outcomes import Outcomes
from costplan.evidence.cells import Answers, collect_answers
from costplan.files.outcomes import read_outcomes

Array = NDArray[np.float64]
Index = NDArray[np.int64]

SHARED = Path(__file__).parents[3] / "shared" / "data" / "outcomes"
LEAST_ANSWERED = 0.97
"""Part of the questions that an option must have answered."""


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What every option answers to every question, and what that costs."""

    name: str
    score: tuple[Array, ...]
    """Scores of each class, (questions, M)."""
    usd: tuple[Array, ...]
    """Dollars of each class, (questions, M)."""

    @property
    def truth(self) -> Array:
        """Mean score over all questions, (C, M)."""
        return np.array([block.mean(0) for block in self.score])

    @property
    def k(self) -> Array:
        """Mean dollars over all questions, (C, M)."""
        return np.array([block.mean(0) for block in self.usd])

    def part(self, options: list[int], called: str = "") -> World:
        """Keep some options."""
        return World(
            f"{self.name}, {len(options)} of {self.score[0].shape[1]}{called}",
            tuple(block[:, options] for block in self.score),
            tuple(block[:, options] for block in self.usd),
        )


def of_outcomes(name: str, table: Outcomes, only: tuple[str, ...] = ()) -> World:
    """Take options that answered nearly all, and questions that all of these answered."""
    answers = collect_answers(table)
    wanted = [c for c, found in enumerate(answers.classes) if not only or found in only]
    score = np.full((len(answers.class_of), len(answers.options)), np.nan)
    usd = score.copy()
    score[answers.question, answers.option] = answers.score
    usd[answers.question, answers.option] = answers.usd
    mine = np.isin(answers.class_of, wanted)
    score, usd, class_of = score[mine], usd[mine], answers.class_of[mine]
    keep = (np.isfinite(score).mean(0) >= LEAST_ANSWERED) & np.isfinite(usd).any(0)
    score, usd = score[:, keep], usd[:, keep]
    whole = np.isfinite(score).all(1)
    score, usd, class_of = score[whole], usd[whole], class_of[whole]
    usd = np.where(np.isfinite(usd), usd, np.nanmean(usd, 0))
    groups = [np.flatnonzero(class_of == c) for c in np.unique(class_of)]
    return World(name, tuple(score[g] for g in groups), tuple(usd[g] for g in groups))


def list_answers(score: Sequence[Array], usd: Sequence[Array]) -> tuple[Answers, Index]:
    """List all answers, and the places of their questions in the class."""
    sizes = [len(block) for block in score]
    options = score[0].shape[1]
    place = np.concatenate([np.repeat(np.arange(size), options) for size in sizes])
    answers = Answers(
        classes=tuple(f"class {c}" for c in range(len(score))),
        options=tuple((f"option {m}", "") for m in range(options)),
        class_of=np.repeat(np.arange(len(sizes)), sizes),
        question=np.repeat(np.arange(sum(sizes)), options),
        option=np.tile(np.arange(options), sum(sizes)),
        score=np.concatenate([block.ravel() for block in score]),
        usd=np.concatenate([block.ravel() for block in usd]),
    )
    return answers, place


def keep_answers(answers: Answers, kept: NDArray[np.bool_]) -> Answers:
    """Keep some answers, (L,)."""
    return replace(
        answers,
        question=answers.question[kept],
        option=answers.option[kept],
        score=answers.score[kept],
        usd=answers.usd[kept],
    )


def shared_worlds() -> list[World]:
    """Read the tables of real outcomes: many options, ten, four, three."""
    votes = read_outcomes(SHARED / "sampling_budgets.csv")
    return [
        of_outcomes("agents", read_outcomes(SHARED / "openhands_index.csv")),
        of_outcomes("arc", read_outcomes(SHARED / "arc_agi1_effort.csv")),
        of_outcomes("votes", votes, ("gsm8k",)),
        of_outcomes("thoughts", votes, ("game24",)),
    ]


def parts(world: World, options: int, count: int, seed: int) -> list[World]:
    """Draw so many sets of options of a world."""
    there = world.score[0].shape[1]
    rng = np.random.default_rng([seed, options])
    if options >= there:
        return [world]
    return [
        world.part(sorted(rng.permutation(there)[:options].tolist()), f", set {number + 1}")
        for number in range(count)
    ]


def drawn_world(seed: int, options: int) -> World:
    """Draw a world: dearer options tend to be better, prices span one to three decades."""
    rng = np.random.default_rng([7, seed, options])
    classes = int(rng.integers(2, 7))
    price = np.sort(rng.uniform(0, rng.uniform(1, 3) * np.log(10), options))
    slope = rng.uniform(0.1, 0.8)
    effect = slope * (price - price.mean()) + rng.normal(0, 0.6, options)
    level = rng.normal(0.5, 1.0, classes)
    score, usd = [], []
    for c in range(classes):
        questions = int(rng.integers(60, 240))
        mean = level[c] + effect + rng.normal(0, 0.35, options)
        hard = rng.normal(0, 1.3, (questions, 1))  # the same questions are hard for all
        p = 1 / (1 + np.exp(-(1.2 * mean + hard)))
        score.append((rng.uniform(size=p.shape) < p).astype(float))
        k = 0.002 * np.exp(price + rng.normal(0, 0.7))
        usd.append(k * np.exp(rng.normal(-0.125, 0.5, p.shape)))
    return World(f"drawn {seed}", tuple(score), tuple(usd))


def rough_world(seed: int, options: int) -> World:
    """Draw a world as agents make them.

    Options come in families, differ little within them, and have skills and prices of their own in
    each class; some classes have few questions; dollars of single questions spread widely, harder
    ones cost more, and a run in fifty is broken.
    """
    rng = np.random.default_rng([11, seed, options])
    classes = int(rng.integers(2, 7))
    families = max(2, options // 4)
    family = rng.integers(0, families, options)
    price = rng.normal(0, 1, families)[family] + rng.normal(0, 0.6, options)
    effect = 0.7 * rng.normal(0, 1, families)[family] + rng.uniform(0, 0.5) * price
    effect = effect + rng.normal(0, 0.25, options)
    level = rng.normal(0.5, 0.8, classes)
    spread, hardness = rng.uniform(0.1, 0.4), rng.uniform(1.0, 2.5)
    squeezed = np.sqrt(1 + np.pi * hardness**2 / 8)  # hardness pulls mean scores towards a half
    score, usd = [], []
    for c in range(classes):
        questions = int(np.exp(rng.uniform(np.log(15), np.log(400))))
        own = spread * (rng.normal(0, 1, families)[family] + rng.normal(0, 1, options))
        own = np.where(rng.uniform(size=options) < 0.02, own - 2.5, own)
        hard = rng.normal(0, hardness, (questions, 1))
        p = 1 / (1 + np.exp(hard - squeezed * (level[c] + effect + own)))
        score.append((rng.uniform(size=p.shape) < p).astype(float))
        k = 0.02 * np.exp(price + rng.normal(0, 0.5) + rng.normal(0, 0.5, options))
        tail = rng.uniform(0.4, 1.1)
        usd.append(k * np.exp(0.4 * hard / hardness + rng.normal(0, tail, p.shape)))
    return World(f"rough {seed}", tuple(score), tuple(usd))

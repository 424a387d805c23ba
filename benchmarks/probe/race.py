"""The schedule against even asking: dollars until the plan is as good."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from benchmarks.probe.worlds import World, keep_answers, list_answers
from costplan.evidence.belief import widening
from costplan.evidence.cells import Answers, Cells, count_cells
from costplan.evidence.estimates import PAIRED
from costplan.evidence.logit import LogitFit, Spreads, fit_logits
from costplan.probe.frontier import expected_accuracy, fill
from costplan.probe.schedule import (
    TOLERANCE,
    Advice,
    Aim,
    Asking,
    Posterior,
    Step,
    advise,
    first_steps,
    foresee,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

LEAST = 15
"""Questions from which a comparison counts."""
MOST = 60
"""Questions of every option up to which even asking is followed."""
START = 4
"""Questions of every option from which both ways are looked at, whatever the rule begins with."""
LEVELS = 18
"""Amounts of dollars at which both ways of asking are looked at; each a sixth above the last."""
SLACK = 0.002
"""Quality below which two plans are not told apart; the same for both ways of asking."""
MOST_ROUNDS = 400
NEVER = 9.99
"""Ratio that stands for a quality that was not reached."""
REFIT = 1.2
"""Growth of the answers after which the spreads of the beliefs are estimated again."""


@dataclass(frozen=True, slots=True)
class Trail:
    """What was asked, question by question, as the probe asks the calls of a round."""

    asked: tuple[Counts, ...]
    """Questions answered, (C, M), each time that a question of a round is through."""
    usd: Array
    """Dollars spent by then."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the rule stopped by itself."""

    settled: bool
    usd: float
    usd_part: float
    """Dollars as a part of asking everything."""
    lost: float
    """Quality that the plan of all answers has more."""


@dataclass(frozen=True, slots=True)
class Race:
    """A world at a ceiling."""

    world: str
    options: int
    fraction: float
    ratios: tuple[float, ...]
    """Dollars of the rule over dollars of even asking, one for each amount of dollars."""
    control: tuple[float, ...]
    """The same of even asking with other questions: what chance alone does."""
    stop: Stop


def pooled(cells: Cells, known: Spreads | None = None) -> Posterior:
    """Estimate with the project's own logit model."""
    return _posterior(cells, _fit(cells, known))


def _fit(cells: Cells, known: Spreads | None = None) -> LogitFit:
    return fit_logits(
        cells.worth, cells.level, cells.phi, paired=PAIRED * cells.together, known=known
    )


def _posterior(cells: Cells, fit: LogitFit) -> Posterior:
    through = fit.loading @ fit.shared @ fit.loading.transpose(0, 2, 1)
    wide = widening(float(np.median(cells.n))) ** 2
    return Posterior(fit.logit, wide * (fit.own + through))


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A world in one order of its questions."""

    world: World
    fraction: float
    answers: Answers
    """All answers; the questions of a class stand in the order of asking."""
    place: NDArray[np.int64]
    """Place of each answer's question in that order, (L,)."""
    dollars: tuple[Array, ...]
    """Running sums in the order of asking, (questions + 1, M)."""
    truth: Array
    """Accuracy by the estimates from all questions, (C, M): a mean of 16 answers is no truth."""
    seed: int

    @staticmethod
    def of(world: World, fraction: float, seed: int) -> Run:
        """Shuffle the questions."""
        rng = np.random.default_rng(seed)
        order = [rng.permutation(len(block)) for block in world.score]
        usd = [block[at] for block, at in zip(world.usd, order, strict=True)]
        score = [block[at] for block, at in zip(world.score, order, strict=True)]
        answers, place = list_answers(score, usd)
        found = pooled(count_cells(answers))
        truth = expected_accuracy(found.logit, found.covariance)
        blank = np.zeros((1, score[0].shape[1]))
        dollars = tuple(np.vstack([blank, block.cumsum(0)]) for block in usd)
        return Run(world, fraction, answers, place, dollars, truth, seed)

    @property
    def weight(self) -> Array:
        """Classes count alike."""
        return np.full(len(self.world.score), 1 / len(self.world.score))

    @property
    def available(self) -> Counts:
        """Questions of each class."""
        return np.array([len(block) for block in self.world.score])

    def ceiling(self) -> float:
        """Take a fraction of the dollars of the best single option."""
        truth, k = self.truth, self.world.k
        best = int((self.weight[:, None] * truth).sum(0).argmax())
        cheapest = float((self.weight * k.min(1)).sum())
        return max(self.fraction * float((self.weight * k[:, best]).sum()), 1.05 * cheapest)

    def quality(self, posterior: Posterior) -> float:
        """Give the true value of the plan made from a posterior, at most the ceiling in truth."""
        mean = expected_accuracy(posterior.logit, posterior.covariance)
        weight = self.weight[:, None]
        may = np.ones(mean.shape, bool)
        plan = fill(weight * mean, weight * self.world.k, may, self.ceiling())
        return float((weight * plan.shares * self.truth).sum())

    def paid(self, asked: Counts) -> float:
        """Give dollars spent."""
        columns = np.arange(asked.shape[1])
        return sum(float(b[asked[c], columns].sum()) for c, b in enumerate(self.dollars))

    def see(self, asked: Counts) -> Cells:
        """Count the answers to the first questions of each cell."""
        there = self.answers
        kept = self.place < asked[there.class_of[there.question], there.option]
        return count_cells(keep_answers(there, kept))


def ask_evenly(run: Run) -> Trail:
    """Ask everything evenly."""
    most = min(int(run.available.max()), MOST)
    columns = np.zeros_like(run.world.k, dtype=np.int64)
    asked = tuple(np.minimum(n, run.available)[:, None] + columns for n in range(1, most + 1))
    return Trail(asked, np.array([run.paid(each) for each in asked]))


@dataclass(slots=True, eq=False)
class Mind:
    """Decides by the rule; spreads move slowly and cost most of a fit, so they are kept a while."""

    run: Run
    rule: Callable
    known: Spreads | None = None
    counted: int = 0

    def advise(self, seen_by: Counts, asked: Counts, seed: int) -> Advice:
        """Say what to ask beyond asked by the answers of seen_by; those between are foreseen."""
        run = self.run
        cells = run.see(seen_by)
        if self.known is None or seen_by.sum() > REFIT * self.counted:
            fit = _fit(cells)
            self.known, self.counted = fit.spreads, int(seen_by.sum())
        else:
            fit = _fit(cells, self.known)
        seen = foresee(_posterior(cells, fit), asked - seen_by)
        may = np.ones(asked.shape, bool)
        aim = Aim(run.weight, run.weight[:, None] * cells.usd, run.ceiling(), may)
        asking = Asking(asked, run.available, cells.usd)
        found: Advice = self.rule(seen, aim, asking, tolerance=0.0, seed=seed)
        return found

    def left(self, advice: Advice) -> float:
        """Give what perfect information would be worth."""
        return float((self.run.weight * advice.evpi).sum())


def ask_by_rule(
    run: Run, limit: float, tolerance: float, rule: Callable = advise, at_once: int = 1
) -> tuple[Trail, Stop]:
    """Ask by the schedule, past its own stop, until so many dollars are spent.

    With two rounds at once a round is decided on before the answers of the last one count, where
    even these are expected to leave the plan unsettled, as `costplan probe` does.
    """
    world, mind = run.world, Mind(run, rule)
    asked = np.zeros(world.k.shape, dtype=np.int64)
    everything = sum(float(block.sum()) for block in world.usd)
    whole = np.repeat(run.available[:, None], asked.shape[1], 1)
    best = run.quality(pooled(run.see(whole)))
    may = np.ones(asked.shape, bool)
    aim = Aim(run.weight, run.weight[:, None] * world.k, run.ceiling(), may)
    reach = _reach(asked, first_steps(aim, Asking(asked, run.available, world.k)))
    stop: Stop | None = None
    trail: list[Counts] = []
    for number in range(MOST_ROUNDS):
        before, asked = asked, reach
        trail += _levels(before, asked)
        seed = 1000 * run.seed + number
        # the first round is waited for: without an answer there is nothing to foresee from
        seen_by = asked if at_once == 1 or number == 0 else before
        advice = mind.advise(seen_by, asked, seed)
        if stop is None and mind.left(advice) < tolerance and seen_by is not asked:
            advice = mind.advise(asked, asked, seed)
        settled, paid = mind.left(advice) < tolerance, run.paid(asked)
        ends = not advice.steps or paid >= limit
        if stop is None and (settled or ends):
            value = run.quality(pooled(run.see(asked)))
            stop = Stop(settled, paid, paid / everything, best - value)
        if ends:
            break
        reach = _reach(asked, advice.steps)
    assert stop is not None
    return Trail(tuple(trail), np.array([run.paid(each) for each in trail])), stop


def _reach(asked: Counts, steps: Sequence[Step]) -> Counts:
    """Say how far the steps go."""
    found = asked.copy()
    for step in steps:
        for m, up_to in step.up_to:
            found[step.class_index, m] = up_to
    return found


def _levels(before: Counts, after: Counts) -> Iterator[Counts]:
    """Cut a round after each of its questions: a probe can end anywhere."""
    moving = after > before
    if moving.any():
        for n in range(int(before[moving].min()) + 1, int(after[moving].max()) + 1):
            yield np.clip(n, before, after)


def follow(run: Run, trail: Trail, grid: Array) -> Array:
    """Give what the plans are truly worth that are made when so many dollars are spent."""
    at = np.maximum(np.searchsorted(trail.usd, grid * (1 + 1e-9), side="right") - 1, 0)
    worth = {}
    for i in np.unique(at):
        worth[int(i)] = run.quality(pooled(run.see(trail.asked[i])))
    return np.array([worth[int(i)] for i in at])


def smooth(found: Sequence[Array]) -> Array:
    """Average what is reached, and take out what noise lowers."""
    return np.asarray(isotonic_regression(np.mean(found, 0)).x)


def dollars_for(grid: Array, reached: Array, quality: float) -> float:
    """Give the dollars at which a quality is first reached; infinite where it is not."""
    at = np.flatnonzero(reached >= quality - 1e-12)
    if not len(at):
        return float("inf")
    i = int(at[0])
    if i == 0 or reached[i] == reached[i - 1]:
        return float(grid[i])
    part = (quality - reached[i - 1]) / (reached[i] - reached[i - 1])
    return float(grid[i - 1] * (grid[i] / grid[i - 1]) ** part)


def compare(grid: Array, even: Array, other: Array, least_usd: float) -> tuple[float, ...]:
    """Give the ratio of dollars for each quality that even asking reaches with enough questions."""
    ratios = {}
    for quality in np.unique(even):
        needed = dollars_for(grid, even, float(quality) - SLACK)
        if needed >= least_usd:
            ratios[needed] = min(dollars_for(grid, other, float(quality) - SLACK) / needed, NEVER)
    return tuple(ratios.values())


def race(
    world: World, fraction: float, reps: int, seed: int, *, tolerance: float = TOLERANCE,
    rule: Callable = advise, at_once: int = 1,
) -> Race:  # fmt: skip
    """Run both ways of asking on the same orders of questions, and even asking on others."""
    # orders of their own for each race: chance must not push all of them the same way
    own = zlib.crc32(f"{world.name} {world.score[0].shape[1]} {fraction}".encode())
    first = [Run.of(world, fraction, _seed(seed, own, rep)) for rep in range(reps)]
    other = [Run.of(world, fraction, _seed(seed, own, reps + rep)) for rep in range(reps)]
    evens = [ask_evenly(run) for run in first]
    again = [ask_evenly(run) for run in other]
    last = min(trail.usd[-1] for trail in (*evens, *again))
    start = max(trail.usd[START - 1] for trail in (*evens, *again))
    grid = np.geomspace(start, last, LEVELS)
    even = smooth([follow(run, trail, grid) for run, trail in zip(first, evens, strict=True)])
    control = smooth([follow(run, trail, grid) for run, trail in zip(other, again, strict=True)])
    ruled = [ask_by_rule(run, last, tolerance, rule, at_once) for run in first]
    by_rule = smooth(
        [follow(run, trail, grid) for run, (trail, _) in zip(first, ruled, strict=True)]
    )
    least = float(np.mean([trail.usd[LEAST - 1] for trail in evens]))
    stops = [stop for _, stop in ruled]
    return Race(
        world.name,
        world.k.shape[1],
        fraction,
        compare(grid, even, by_rule, least),
        compare(grid, even, control, least),
        Stop(
            np.mean([s.settled for s in stops]) > 0.5,
            float(np.mean([s.usd for s in stops])),
            float(np.mean([s.usd_part for s in stops])),
            float(np.mean([s.lost for s in stops])),
        ),
    )


def _seed(*parts: int) -> int:
    return int(np.random.default_rng(parts).integers(2**31))

"""The schedule against even asking: dollars until the plan is as good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from benchmarks.probe.worlds import World
from costplan.evidence.belief import widening
from costplan.evidence.cells import USUAL_PAIRED
from costplan.evidence.estimates import PAIRED
from costplan.evidence.logit import LogitFit, Spreads, fit_logits
from costplan.probe.frontier import expected_accuracy, fill
from costplan.probe.schedule import (
    TOLERANCE,
    Aim,
    Asking,
    Posterior,
    advise,
    first_steps,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

EVEN = (4, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 50, 60)
"""Questions of every option at which even asking is looked at."""
LEAST = 15
"""Questions from which a comparison counts."""
SLACK = 0.002
"""Quality below which two plans are not told apart; the same for both ways of asking."""
MOST_ROUNDS = 400
MOST_COMPARED = 8
"""Qualities compared in a race, about."""
NEVER = 9.99
"""Ratio that stands for a quality that was not reached."""


@dataclass(frozen=True, slots=True)
class Path:
    """What a plan made after so many dollars is truly worth."""

    usd: Array
    quality: Array


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the rule stopped by itself."""

    settled: bool
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
    """Dollars of the rule over dollars of even asking, one for each count of questions."""
    control: tuple[float, ...]
    """The same of even asking with other questions: what chance alone does."""
    stop: Stop


def pooled(asked: Counts, score: Array, known: Spreads | None = None) -> Posterior:
    """Estimate with the project's own logit model."""
    return _posterior(asked, _fit(asked, score, known))


def _fit(asked: Counts, score: Array, known: Spreads | None = None) -> LogitFit:
    return fit_logits(asked.astype(float), score, 1.0, paired=PAIRED * USUAL_PAIRED, known=known)


def _posterior(asked: Counts, fit: LogitFit) -> Posterior:
    through = fit.loading @ fit.shared @ fit.loading.transpose(0, 2, 1)
    wide = widening(float(np.median(asked))) ** 2
    return Posterior(fit.logit, wide * (fit.own + through))


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A world in one order of its questions."""

    world: World
    fraction: float
    seed: int
    order: tuple[NDArray[np.int64], ...]
    scores: tuple[Array, ...]
    """Running sums in the order of asking, (questions + 1, M)."""
    dollars: tuple[Array, ...]
    truth: Array
    """Accuracy by the estimates from all questions, (C, M): a mean of 16 answers is no truth."""

    @staticmethod
    def of(world: World, fraction: float, seed: int) -> Run:
        """Shuffle the questions."""
        rng = np.random.default_rng(seed)
        order = tuple(rng.permutation(len(block)) for block in world.score)

        def sums(values: tuple[Array, ...]) -> tuple[Array, ...]:
            return tuple(
                np.vstack([np.zeros(block.shape[1]), block[order[c]].cumsum(0)])
                for c, block in enumerate(values)
            )

        asked = np.array([[len(block)] * block.shape[1] for block in world.score])
        found = pooled(asked, world.truth)
        truth = expected_accuracy(found.logit, found.covariance)
        return Run(world, fraction, seed, order, sums(world.score), sums(world.usd), truth)

    @property
    def weight(self) -> Array:
        """Classes count alike."""
        return np.full(len(self.world.score), 1 / len(self.world.score))

    @property
    def available(self) -> Counts:
        """Questions of each class."""
        return np.array([len(block) for block in self.world.score])

    def at(self, asked: Counts, sums: tuple[Array, ...]) -> Array:
        """Give the sums over the first questions of each cell."""
        columns = np.arange(asked.shape[1])
        return np.array([block[asked[c], columns] for c, block in enumerate(sums)])

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

    def look(self, asked: Counts) -> tuple[float, Array, Array]:
        """Give dollars spent, mean scores and mean dollars."""
        paid = self.at(asked, self.dollars)
        many = np.maximum(asked, 1)
        return float(paid.sum()), self.at(asked, self.scores) / many, paid / many


def ask_evenly(run: Run, counts: Sequence[int] = EVEN) -> Path:
    """Ask everything evenly."""
    usd, quality = [], []
    for n in counts:
        asked = np.minimum(n, run.available)[:, None] + np.zeros_like(run.world.k, dtype=np.int64)
        spent, score, _ = run.look(asked)
        usd.append(spent)
        quality.append(run.quality(pooled(asked, score)))
    return Path(np.array(usd), np.array(quality))


def ask_by_rule(
    run: Run, limit: float, tolerance: float, rule: Callable = advise
) -> tuple[Path, Stop]:
    """Ask by the schedule, past its own stop, until so many dollars are spent."""
    world = run.world
    asked = np.zeros(world.k.shape, dtype=np.int64)
    may = np.ones(asked.shape, bool)
    everything = sum(float(block.sum()) for block in world.usd)
    whole = np.repeat(run.available[:, None], asked.shape[1], 1)
    best = run.quality(pooled(whole, world.truth))
    aim = Aim(run.weight, run.weight[:, None] * world.k, run.ceiling(), may)
    steps = first_steps(aim, Asking(asked, run.available, world.k))
    usd, quality, stop = [], [], None
    known, counted = None, 0
    for number in range(MOST_ROUNDS):
        for step in steps:
            for m, up_to in step.up_to:
                asked[step.class_index, m] = up_to
        spent, score, k = run.look(asked)
        if known is None or asked.sum() > 1.2 * counted:
            fit = _fit(asked, score)
            known, counted = fit.spreads, int(asked.sum())
        else:  # spreads move slowly, and cost most of a fit
            fit = _fit(asked, score, known)
        posterior = _posterior(asked, fit)
        usd.append(spent)
        quality.append(run.quality(posterior))
        aim = Aim(run.weight, run.weight[:, None] * k, run.ceiling(), may)
        advice = rule(
            posterior,
            aim,
            Asking(asked, run.available, k),
            tolerance=0.0,
            seed=1000 * run.seed + number,
        )
        steps = advice.steps
        settled = float((run.weight * advice.evpi).sum()) < tolerance
        if stop is None and (settled or not steps):
            stop = Stop(settled, spent / everything, best - quality[-1])
        if not steps or spent >= limit:
            break
    if stop is None:
        stop = Stop(False, usd[-1] / everything, best - quality[-1])
    return Path(np.array(usd), np.array(quality)), stop


def mean_path(paths: Sequence[Path]) -> Path:
    """Average what is reached at every amount of dollars, and take out what noise lowers."""
    grid = np.unique(np.concatenate([path.usd for path in paths]))
    grid = grid[grid >= max(path.usd[0] for path in paths)]
    if len(grid) > 160:
        grid = grid[np.linspace(0, len(grid) - 1, 160).astype(int)]
    # linear between rounds, as between the counts of even asking: a round can be cut anywhere
    reached = [np.interp(grid, path.usd, path.quality) for path in paths]
    smooth = isotonic_regression(np.mean(reached, 0)).x
    return Path(grid, np.asarray(smooth))


def dollars_for(path: Path, quality: float) -> float:
    """Give the dollars at which a quality is first reached; infinite where it is not."""
    at = np.flatnonzero(path.quality >= quality - 1e-12)
    if not len(at):
        return float("inf")
    i = int(at[0])
    if i == 0 or path.quality[i] == path.quality[i - 1]:
        return float(path.usd[i])
    part = (quality - path.quality[i - 1]) / (path.quality[i] - path.quality[i - 1])
    return float(path.usd[i - 1] + part * (path.usd[i] - path.usd[i - 1]))


def compare(even: Path, other: Path, least_usd: float) -> tuple[float, ...]:
    """Give the ratio of dollars for each quality that even asking reaches with enough questions."""
    ratios = {}
    for quality in np.unique(even.quality):
        needed = dollars_for(even, float(quality) - SLACK)
        if needed >= least_usd:
            ratios[needed] = min(dollars_for(other, float(quality) - SLACK) / needed, NEVER)
    several = list(ratios.values())
    return tuple(several[:: max(1, len(several) // MOST_COMPARED)])


def race(
    world: World, fraction: float, reps: int, seed: int, *, tolerance: float = TOLERANCE,
    rule: Callable = advise,
) -> Race:  # fmt: skip
    """Run both ways of asking on the same orders of questions, and even asking on others."""
    most = max(len(block) for block in world.score)
    counts = tuple(n for n in EVEN if n <= max(most, LEAST))
    first = [Run.of(world, fraction, seed + rep) for rep in range(reps)]
    other = [Run.of(world, fraction, seed + 5000 + rep) for rep in range(reps)]
    evens = [ask_evenly(run, counts) for run in first]
    even = mean_path(evens)
    control = mean_path([ask_evenly(run, counts) for run in other])
    ruled = [ask_by_rule(run, even.usd[-1], tolerance, rule) for run in first]
    least = float(np.mean([path.usd[counts.index(LEAST)] for path in evens]))
    stops = [stop for _, stop in ruled]
    return Race(
        world.name,
        world.k.shape[1],
        fraction,
        compare(even, mean_path([path for path, _ in ruled]), least),
        compare(even, control, least),
        Stop(
            np.mean([s.settled for s in stops]) > 0.5,
            float(np.mean([s.usd_part for s in stops])),
            float(np.mean([s.lost for s in stops])),
        ),
    )

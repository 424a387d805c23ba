"""The schedule against even asking, on tables of real outcomes.

python simulate_schedule.py --tables TABLE.csv [--reps 8]     # dollars for the same plan quality
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from costplan.evidence.belief import widening
from costplan.evidence.cells import collect_answers
from costplan.evidence.logit import fit_logits
from costplan.files.outcomes import read_outcomes
from costplan.probe.frontier import expected_accuracy, fill
from costplan.probe.schedule import (
    FIRST_QUESTIONS,
    Aim,
    Asking,
    Posterior,
    advise,
    beta_posterior,
    first_steps,
)

SLACK = 0.002
"""Quality below which two plans are not told apart; the same for both ways of asking."""


@dataclass
class World:
    """Scores and dollars of every question and option, and what is true on all of them."""

    score: list
    usd: list
    truth: np.ndarray
    k: np.ndarray
    options: int


def world(path, dataset=None, least=0.97):
    """Read a table: options that answered nearly all, questions that all of them answered."""
    answers = collect_answers(read_outcomes(path))
    questions, options = len(answers.class_of), len(answers.options)
    score = np.full((questions, options), np.nan)
    usd = np.full((questions, options), np.nan)
    score[answers.question, answers.option] = answers.score
    usd[answers.question, answers.option] = answers.usd
    priced = np.isfinite(usd).any(0)
    keep = (np.isfinite(score).mean(0) >= least) & priced
    score, usd = score[:, keep], usd[:, keep]
    whole = np.isfinite(score).all(1)
    score, usd, classes = score[whole], usd[whole], answers.class_of[whole]
    usd = np.where(np.isfinite(usd), usd, np.nanmean(usd, 0))
    groups = [np.flatnonzero(classes == c) for c in np.unique(classes)]
    return World(
        [score[g] for g in groups],
        [usd[g] for g in groups],
        np.array([score[g].mean(0) for g in groups]),
        np.array([usd[g].mean(0) for g in groups]),
        score.shape[1],
    )


def pooled(asked, score):
    """Estimate with the project's own logit model."""
    fit = fit_logits(asked.astype(float), score, np.ones_like(score))
    through = np.einsum("cij,jk,clk->cil", fit.loading, fit.shared, fit.loading)
    wide = widening(float(np.median(asked))) ** 2
    return Posterior(fit.logit, wide * (fit.own + through))


def means(values, order, asked):
    """Give the mean over the first questions of each cell."""
    found = np.zeros(asked.shape)
    for c, block in enumerate(values):
        sums = np.vstack([np.zeros(block.shape[1]), block[order[c]].cumsum(0)])
        found[c] = sums[asked[c], np.arange(asked.shape[1])] / np.maximum(asked[c], 1)
    return found


def quality(w, weight, posterior, k, ceiling):
    """Give the true value of the plan made from a posterior, at most the ceiling in truth."""
    mean = expected_accuracy(posterior.logit, posterior.covariance)
    may = np.ones(mean.shape, bool)
    plan = fill(weight[:, None] * mean, weight[:, None] * k, may, ceiling)
    return float((weight[:, None] * plan.shares * w.truth).sum())


def ceiling_of(w, weight, fraction):
    """Take a fraction of the dollars per question of the best single option."""
    best = int((weight[:, None] * w.truth).sum(0).argmax())
    return fraction * float((weight * w.k[:, best]).sum())


def adaptive(w, weight, fraction, order, estimator, seed, tolerance=0.003, first=FIRST_QUESTIONS):
    """Run the rule; gives (dollars, quality) after each round, and whether it settled."""
    classes = len(w.score)
    available = np.array([len(block) for block in w.score])
    asked = np.zeros((classes, w.options), dtype=np.int64)
    may = np.ones(asked.shape, bool)
    ceiling = ceiling_of(w, weight, fraction)
    spent, path, stop = 0.0, [], None
    everything = sum(float(block.sum()) for block in w.usd)
    steps = first_steps(
        Aim(weight, weight[:, None] * w.k, ceiling, may), Asking(asked, available, w.k), first
    )
    for round_number in range(400):
        for step in steps:
            for m, up_to in step.up_to:
                block = w.usd[step.class_index][order[step.class_index], m]
                spent += float(block[asked[step.class_index, m] : up_to].sum())
                asked[step.class_index, m] = up_to
        k = means(w.usd, order, asked)
        posterior = estimator(asked, means(w.score, order, asked))
        path.append((spent, quality(w, weight, posterior, w.k, ceiling)))
        aim = Aim(weight, weight[:, None] * k, ceiling, may)
        advice = advise(
            posterior, aim, Asking(asked, available, k), tolerance=0.0, seed=seed + round_number
        )
        settled = float((weight * advice.evpi).sum()) < tolerance
        if stop is None and settled:
            stop = (*path[-1], True)
        steps = advice.steps
        if not steps or spent >= everything:
            break
    return path, settled, stop or (*path[-1], False)


def even(w, weight, fraction, order, estimator, counts):
    """Ask everything evenly; gives (dollars, quality) at each count."""
    ceiling = ceiling_of(w, weight, fraction)
    path = []
    for n in counts:
        asked = np.array([[min(n, len(block))] * w.options for block in w.score])
        posterior = estimator(asked, means(w.score, order, asked))
        spent = sum(float(block[order[c]][: asked[c, 0]].sum()) for c, block in enumerate(w.usd))
        path.append((spent, quality(w, weight, posterior, w.k, ceiling)))
    return path


def at(path, dollars):
    """Give the quality that a path has reached with these dollars; worse than any before it."""
    reached = [quality for spent, quality in path if spent <= dollars]
    return reached[-1] if reached else path[0][1] - 1.0


def compare(w, fraction, reps, counts, estimator=pooled, tolerance=0.003, first=FIRST_QUESTIONS):
    """Compare the dollars at which both have the same mean quality.

    Gives one row per quality that even asking needs 15 questions or more for: (questions,
    quality, ratio of the dollars at which both first reach it), and where the rule stops with the
    tolerance: (share of runs that settle, dollars as a part of asking all, quality, quality of
    asking all).
    """
    weight = np.full(len(w.score), 1 / len(w.score))
    paths, stops, evens = [], [], []
    for rep in range(reps):
        rng = np.random.default_rng(rep)
        order = [rng.permutation(len(block)) for block in w.score]
        path, _, stop = adaptive(
            w, weight, fraction, order, estimator, 1000 * rep, tolerance, first
        )
        paths.append(path)
        stops.append(stop)
        evens.append(even(w, weight, fraction, order, estimator, counts))
    table = np.array(evens).mean(0)
    grid = np.unique([spent for path in paths for spent, _ in path])
    curve = np.array([np.mean([at(path, dollars) for path in paths]) for dollars in grid])
    best = np.maximum.accumulate(table[:, 1])
    rows = []
    for target in np.unique(best - SLACK):
        first = int(np.flatnonzero(best >= target)[0])
        if counts[first] < 15:
            continue
        enough = np.flatnonzero(curve >= target)
        needed = float(grid[enough[0]]) if len(enough) else float("inf")
        rows.append((counts[first], target, needed / table[first, 0]))
    everything = sum(float(block.sum()) for block in w.usd)
    stop = np.array([(settled, spent / everything, quality) for spent, quality, settled in stops])
    return rows, (*stop.mean(0), float(table[-1, 1]))


def main():
    """Print the comparison."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", nargs="+", required=True)
    parser.add_argument("--reps", type=int, default=8)
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.15, 0.3, 0.6, 1.0])
    parser.add_argument("--first", type=int, default=FIRST_QUESTIONS)
    parser.add_argument("--beta", action="store_true")
    parser.add_argument("--tolerance", type=float, default=0.003)
    options = parser.parse_args()
    for table in options.tables:
        w = world(table)
        sizes = [len(block) for block in w.score]
        print(table.rsplit("/", 1)[-1], len(w.score), "classes", w.options, "options", sizes)
        counts = [n for n in (6, 10, 15, 20, 26, 34, 45, 60, 80) if n <= max(sizes)]
        for fraction in options.fractions:
            estimator = beta_posterior if options.beta else pooled
            rows, stop = compare(
                w, fraction, options.reps, counts, estimator, options.tolerance, options.first
            )
            told = "  ".join(f"{n}:{q:.3f} x{r:.2f}" for n, q, r in rows)
            print(f"  {fraction:4}  {told}   stop {[round(float(v), 3) for v in stop]}", flush=True)


if __name__ == "__main__":
    main()

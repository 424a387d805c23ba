"""From answers to what is believed of every option: the probe's one interface to the statistics.

Answers are pooled over all asked classes; the published curve that stands for a class is weighed
in, and what nobody measured keeps a wide guess. Arrays are (C, M) in the order of the stage.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from costplan.domain.estimate import Grade
from costplan.plan.probing_stage import Row, Stage
from costplan.probe.schedule import Posterior

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.evidence.belief import Belief
    from costplan.evidence.cells import Cells
    from costplan.evidence.estimates import Estimates
    from costplan.evidence.published import PublishedCurve

    Array = NDArray[np.float64]

UNKNOWN_SD = 1.5
"""Spread, in logits, of an option of which nothing is known."""
EXACT_SD = 1e-4
"""Spread, in logits, of an accuracy that the user states."""
PRIOR_QUESTIONS = 2.0
"""Questions that the dollars expected before any answer are worth."""
TIMED_ANSWERS = 4
"""Answers from which measured seconds replace expected ones."""
EDGE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Believed:
    """What is believed now."""

    posterior: Posterior
    """Logits and their covariances."""
    usd: Array
    """Dollars of a request in the plan, (C, M); infinite where the class has no such option."""
    n: Array
    """Answers behind it, (C, M)."""
    seconds: dict[tuple[int, int], tuple[float, float]]
    """Mean and 95th percentile of the seconds, by class and option, where enough are measured."""


def believe(stage: Stage, rows: Sequence[Row]) -> Believed:
    """Estimate accuracies and dollars from the answers so far."""
    import numpy as np

    shape = stage.place.shape
    logit = np.zeros(shape)
    covariance = np.zeros((*shape, shape[1]))
    whole = [*_not_replaced(stage.old, rows), *rows]
    cells = _count(whole) if whole else None
    estimates: dict[int, Estimates] = {}
    for c, name in enumerate(stage.classes):
        source = _source(stage, c, name, cells, estimates)
        _fill(stage, c, source, logit, covariance)
    usd, n = _dollars(stage, whole, cells)
    return Believed(Posterior(logit, covariance), usd, n, _seconds(stage, whole))


def _not_replaced(old: Sequence[Row], rows: Iterable[Row]) -> list[Row]:
    """Leave out earlier answers to what the probe has asked again."""
    if not old:
        return []
    asked = {(row.task_class, row.question, row.option) for row in rows}
    return [row for row in old if (row.task_class, row.question, row.option) not in asked]


def _count(rows: Sequence[Row]) -> Cells:
    from costplan.domain.outcomes import Outcomes
    from costplan.evidence.cells import collect_answers, count_cells

    table = Outcomes.of_columns(
        {
            "dataset": ["probe"] * len(rows),
            "task_class": [row.task_class for row in rows],
            "question_id": [row.question for row in rows],
            "model": [row.option[0] for row in rows],
            "budget_or_effort": [row.option[1] for row in rows],
            "correct": [row.score for row in rows],
            "cost_usd": [row.usd for row in rows],
        }
    )
    return count_cells(collect_answers(table))


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """Logits and covariance of some options of a class."""

    place: dict[tuple[str, str], int]
    logit: Array
    covariance: Array


def _source(
    stage: Stage, c: int, name: str, cells: Cells | None, estimates: dict[int, Estimates]
) -> _Source | None:
    """Take the answers' estimates where the class has answers, else what stood for it before."""
    import numpy as np

    if cells is not None and name in cells.classes:
        found = _estimate(cells, stage.curves[c], estimates)
        fit, at = found.fit, found.cells.classes.index(name)
        through = fit.loading[at] @ fit.shared @ fit.loading[at].T
        place = {option: i for i, option in enumerate(found.cells.options)}
        return _Source(place, fit.logit[at], found.widen**2 * (fit.own[at] + through))
    curve = stage.curves[c]
    belief: Belief | None = stage.case.beliefs.classes.get(name)
    if curve is not None:
        belief = curve.carry_over([name]).classes[name]
    if belief is None:
        return None
    whole = belief.own + belief.loading @ belief.shared @ belief.loading.T
    return _Source(dict(belief.place), belief.logit, np.asarray(belief.widen**2 * whole))


def _estimate(
    cells: Cells, curve: PublishedCurve | None, estimates: dict[int, Estimates]
) -> Estimates:
    """Estimate the cells once for each curve."""
    from costplan.evidence.combined import estimate_combined
    from costplan.evidence.estimates import estimate_cells
    from costplan.evidence.published import USUAL_TRANSFER

    key = 0 if curve is None else hash((curve.key, curve.options))
    if key not in estimates:
        estimates[key] = (
            estimate_cells(cells)
            if curve is None
            else estimate_combined(cells, curve, USUAL_TRANSFER)
        )
    return estimates[key]


def _fill(stage: Stage, c: int, source: _Source | None, logit: Array, covariance: Array) -> None:
    """Lay a class's source out over the stage's options."""
    import numpy as np

    middle = 0.0 if source is None else float(np.mean(source.logit))
    logit[c] = middle
    covariance[c][np.diag_indices(len(stage.options))] = UNKNOWN_SD**2
    stated = set()
    for m in range(len(stage.options)):
        option = stage.option(c, m)
        if option is not None and option.accuracy.grade is Grade.STATED:
            stated.add(m)
            share = min(max(option.accuracy.mean, EDGE), 1 - EDGE)
            logit[c, m] = math.log(share / (1 - share))
            covariance[c, m, m] = EXACT_SD**2
    if source is None:
        return
    known = [
        (m, source.place[name])
        for m, name in enumerate(stage.options)
        if name in source.place and m not in stated
    ]
    if known:
        to, at = (list(side) for side in zip(*known, strict=True))
        logit[c, to] = source.logit[at]
        covariance[c][np.ix_(to, to)] = source.covariance[np.ix_(at, at)]


def _dollars(stage: Stage, rows: Sequence[Row], cells: Cells | None) -> tuple[Array, Array]:
    """Give what a request would cost in the plan, and the answers behind it.

    Output tokens as measured, priced at the class's own sizes, batch and cache; what was paid
    where the plan has no price per token.
    """
    import numpy as np

    made: dict[tuple[str, tuple[str, str]], list[float]] = {}
    for row in rows:
        if math.isfinite(row.output_tokens):
            made.setdefault((row.task_class, row.option), []).append(row.output_tokens)
    usd = np.full(stage.place.shape, np.inf)
    n = np.zeros(stage.place.shape)
    for c, name in enumerate(stage.classes):
        task = stage.part(c).task
        for m, key in enumerate(stage.options):
            option = stage.option(c, m)
            if option is None:
                continue
            before = float(option.usd_per_request)
            paid, answers = _paid(cells, name, key)
            n[c, m] = answers
            tokens = made.get((name, key))
            if option.price is not None and tokens and option.input_tokens is not None:
                mean = sum(tokens) / len(tokens)
                rates = [float(rate) for rate in option.price.rates()]
                cached = float(task.cached_input_tokens)
                fresh = float(option.input_tokens) - cached
                paid = (fresh * rates[0] + cached * rates[1] + mean * rates[2]) / 1e6
            weight = 0.0 if option.usd_relative_sd >= 1 and answers else PRIOR_QUESTIONS
            if math.isfinite(paid) and answers:
                usd[c, m] = (weight * before + answers * paid) / (weight + answers)
            else:
                usd[c, m] = before
    return usd, n


def _seconds(stage: Stage, rows: Sequence[Row]) -> dict[tuple[int, int], tuple[float, float]]:
    """Give mean and 95th percentile of measured seconds, as the next plan will read them."""
    taken: dict[tuple[int, int], list[float]] = {}
    at = {name: c for c, name in enumerate(stage.classes)}
    column = {name: m for m, name in enumerate(stage.options)}
    for row in rows:
        if row.option in column and math.isfinite(row.latency_s):
            taken.setdefault((at[row.task_class], column[row.option]), []).append(row.latency_s)
    return {
        key: (sum(times) / len(times), sorted(times)[max(math.ceil(0.95 * len(times)) - 1, 0)])
        for key, times in taken.items()
        if len(times) >= TIMED_ANSWERS
    }


def _paid(cells: Cells | None, name: str, key: tuple[str, str]) -> tuple[float, float]:
    """Give the mean dollars of an option's answers, NaN unknown, and how many there are."""
    if cells is None or name not in cells.classes or key not in cells.options:
        return math.nan, 0.0
    c, m = cells.classes.index(name), cells.options.index(key)
    return float(cells.usd[c, m]), float(cells.n[c, m])

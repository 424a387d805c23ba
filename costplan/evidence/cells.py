"""Outcomes and measurements, counted: one cell per class and option.

The question is the unit of evidence: repeated samples of one question are averaged first, and
the variance between questions says how much a cell's mean is worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from costplan.domain.measurement import Measurement
from costplan.domain.outcomes import Note, Outcomes
from costplan.evidence.belief import Option
from costplan.evidence.difficulty import level_class
from costplan.evidence.logistic import Array

Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

PHI_RANGE = (0.02, 1.5)
PHI_PRIOR = 5.0
"""Weight, in questions at p (1 - p) = 1, that pulls a cell's phi to its option's and to all."""
USUAL_RHO = 0.4
"""Correlation of the relative costs of two options on the same question, where unmeasured."""
USUAL_PAIRED = 0.4
"""Correlation of the scores of two options on the same question, where unmeasured."""
CORRELATION_PRIOR = 100.0
"""Pairs of answers' worth of pull to the usual correlations."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Outcomes with the samples of one question and option averaged, in canonical order."""

    classes: tuple[str, ...]
    """Class names, sorted."""
    options: tuple[Option, ...]
    """Model and setting, sorted."""
    class_of: Index
    """Class of each question, (Q,)."""
    question: Index
    """Question of each answer, (L,)."""
    option: Index
    """Option of each answer, (L,)."""
    score: Array
    """Mean score of each answer, 0 to 1, (L,)."""
    usd: Array
    """Mean dollars of each answer over its samples with known cost, (L,); NaN unknown."""
    notes: tuple[Note, ...] = ()
    """What was odd and what was done about it."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Counts and means per class and option; arrays are (C, M), missing cells have n = 0."""

    classes: tuple[str, ...]
    """Class names, sorted."""
    options: tuple[Option, ...]
    """Model and setting, sorted."""
    questions: Array
    """Distinct questions of each class, (C,)."""
    n: Array
    """Questions that the option answered."""
    mean: Array
    """Mean score, 0 where n = 0."""
    level: Array
    """Mean score that the option would have on all questions of the class."""
    worth: Array
    """Answers to questions of its own that would tell as much as the level does."""
    together: Array
    """Part of the variance of a level that the options of the class have in common, 0 to 1."""
    phi: Array
    """Variance of one question's score divided by p (1 - p)."""
    usd: Array
    """Mean dollars per question; NaN unknown."""
    usd_n: Array
    """Questions with known cost."""
    usd_cv2: Array
    """Squared coefficient of variation of the cost between questions; NaN unknown."""
    rho: float = USUAL_RHO
    """Correlation of relative costs of two options on the same question."""
    paired: float = USUAL_PAIRED
    """Correlation of the scores of two options on the same question."""
    notes: tuple[Note, ...] = ()
    """What was odd and what was done about it."""


@dataclass(frozen=True, slots=True, eq=False)
class Usage:
    """Time and tokens per class and option, over rows; arrays are (C, M), NaN unknown."""

    mean_latency_s: Array
    """Mean seconds."""
    p95_latency_s: Array
    """95th percentile of the seconds."""
    input_tokens: Array
    """Mean input tokens."""
    output_tokens: Array
    """Mean output tokens, reasoning included."""
    reasoning_tokens: Array
    """Mean reasoning tokens."""


def collect_answers(outcomes: Outcomes) -> Answers:
    """Average the samples of each question and option; the order of rows changes nothing."""
    settings = len(outcomes.setting.names)
    option_key = outcomes.model.codes * settings + outcomes.setting.codes
    options, option = np.unique(option_key, return_inverse=True)
    question_key = (
        outcomes.dataset.codes * len(outcomes.task_class.names) + outcomes.task_class.codes
    ) * len(outcomes.question.names) + outcomes.question.codes
    questions, question = np.unique(question_key, return_inverse=True)
    classes, class_of = np.unique(
        questions // len(outcomes.question.names) % len(outcomes.task_class.names),
        return_inverse=True,
    )
    key = question * len(options) + option
    order = np.lexsort((outcomes.usd, outcomes.correct, outcomes.sample, key))
    key = key[order]
    starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    score, usd = outcomes.correct[order], outcomes.usd[order]
    size = np.diff(np.r_[starts, len(key)])
    known = np.add.reduceat(np.isfinite(usd).astype(float), starts)
    spent = np.add.reduceat(np.nan_to_num(usd), starts)
    return Answers(
        classes=tuple(outcomes.task_class.names[i] for i in classes),
        options=tuple(
            (outcomes.model.names[i // settings], outcomes.setting.names[i % settings])
            for i in options.tolist()
        ),
        class_of=class_of,
        question=key[starts] // len(options),
        option=key[starts] % len(options),
        score=np.add.reduceat(score, starts) / size,
        usd=np.where(known > 0, spent / np.maximum(known, 1.0), np.nan),
        notes=outcomes.notes,
    )


def count_cells(answers: Answers, keep: Mask | None = None) -> Cells:
    """Count the answers to the kept questions, (Q,), into cells."""
    shape = (len(answers.classes), len(answers.options))
    question, option, score, usd = answers.question, answers.option, answers.score, answers.usd
    class_of = answers.class_of
    if keep is not None:
        rows = keep[question]
        question, option = question[rows], option[rows]
        score, usd = score[rows], usd[rows]
        class_of = class_of[keep]
    cell = answers.class_of[question] * shape[1] + option
    n = _sums(cell, shape)
    mean = _sums(cell, shape, score) / np.maximum(n, 1.0)
    square = _sums(cell, shape, (score - mean.ravel()[cell]) ** 2)
    known = np.isfinite(usd)
    paid, dollars = cell[known], usd[known]
    usd_n = _sums(paid, shape)
    usd_mean = np.where(usd_n > 0, _sums(paid, shape, dollars) / np.maximum(usd_n, 1.0), np.nan)
    centre = usd_mean.ravel()[paid]
    relative = np.where(centre > 0, dollars / np.where(centre > 0, centre, 1.0) - 1.0, 0.0)
    scatter = _sums(paid, shape, relative**2)
    cv2 = np.where(usd_n > 1, scatter / np.maximum(usd_n - 1, 1.0), np.nan)
    phi = _pooled_phi(n * mean * (1 - mean), square)
    paired = _correlation(
        question,
        score - mean.ravel()[cell],
        (square / np.maximum(n - 1, 1)).ravel()[cell],
        USUAL_PAIRED,
    )
    cells = Cells(
        classes=answers.classes,
        options=answers.options,
        questions=np.bincount(class_of, minlength=shape[0]).astype(float),
        n=n,
        mean=mean,
        level=mean,
        worth=n,
        together=np.full(shape, paired),
        phi=phi,
        usd=usd_mean,
        usd_n=usd_n,
        usd_cv2=cv2,
        rho=_correlation(question[known], relative, cv2.ravel()[paid], USUAL_RHO),
        paired=paired,
        notes=answers.notes,
    )
    return _correct(answers, cell, question, score, cells)


def measured_cells(measurements: Sequence[Measurement]) -> Cells:
    """Make the same cells from aggregates whose benchmark is the user's class.

    An unknown number of questions raises ValueError: for published curves see `published`.
    """
    classes = tuple(sorted({m.benchmark for m in measurements}))
    options = tuple(sorted({(m.model, m.setting) for m in measurements}))
    shape = (len(classes), len(options))
    n, right, usd_n, spent = (np.zeros(shape) for _ in range(4))
    for m in sorted(measurements, key=lambda m: (m.benchmark, m.model, m.setting, m.accuracy)):
        if m.n_questions is None:
            raise ValueError(f"{m.model} on {m.benchmark} does not say how many questions")
        at = classes.index(m.benchmark), options.index((m.model, m.setting))
        n[at] += m.n_questions
        right[at] += m.n_questions * m.accuracy
        if m.usd is not None:
            usd_n[at] += m.n_questions
            spent[at] += m.n_questions * float(m.usd)
    mean = right / np.maximum(n, 1.0)
    return Cells(
        classes=classes,
        options=options,
        questions=n.max(axis=1, initial=0.0),
        n=n,
        mean=mean,
        level=mean,
        worth=n,
        together=np.full(shape, USUAL_PAIRED),
        phi=np.ones(shape),
        usd=np.where(usd_n > 0, spent / np.maximum(usd_n, 1.0), np.nan),
        usd_n=usd_n,
        usd_cv2=np.full(shape, np.nan),
    )


def measure_usage(outcomes: Outcomes, answers: Answers) -> Usage:
    """Average time and tokens over the rows of each cell."""
    place = {option: i for i, option in enumerate(answers.options)}
    class_place = {name: i for i, name in enumerate(answers.classes)}
    shape = (len(answers.classes), len(answers.options))
    class_at = np.array([class_place.get(name, 0) for name in outcomes.task_class.names])
    option_at = np.array(
        [
            [place.get((model, setting), 0) for setting in outcomes.setting.names]
            for model in outcomes.model.names
        ]
    )
    option = option_at[outcomes.model.codes, outcomes.setting.codes]
    cell = class_at[outcomes.task_class.codes] * shape[1] + option
    blank = np.full(len(outcomes), np.nan)
    return Usage(
        mean_latency_s=_known_means(cell, shape, outcomes.latency_s),
        p95_latency_s=_percentiles(cell, shape, outcomes.latency_s, 0.95),
        input_tokens=_known_means(cell, shape, outcomes.input_tokens),
        output_tokens=_known_means(cell, shape, outcomes.output_tokens),
        reasoning_tokens=_known_means(cell, shape, outcomes.extra.get("reasoning_tokens", blank)),
    )


def _sums(cell: Index, shape: tuple[int, int], values: Array | None = None) -> Array:
    """Add values up per cell; count without values."""
    total = np.bincount(cell, weights=values, minlength=shape[0] * shape[1])
    return np.asarray(total.reshape(shape), dtype=float)


def _known_means(cell: Index, shape: tuple[int, int], values: Array) -> Array:
    """Average what is known per cell; NaN where nothing is."""
    known = np.isfinite(values)
    order = np.lexsort((values[known], cell[known]))
    at, what = cell[known][order], values[known][order]
    count = _sums(at, shape)
    return np.where(count > 0, _sums(at, shape, what) / np.maximum(count, 1.0), np.nan)


def _percentiles(cell: Index, shape: tuple[int, int], values: Array, share: float) -> Array:
    """Give a percentile of what is known per cell, the smallest value that covers the share."""
    known = np.isfinite(values)
    order = np.lexsort((values[known], cell[known]))
    at, what = cell[known][order], values[known][order]
    count = np.bincount(at, minlength=shape[0] * shape[1])
    first = np.cumsum(count) - count
    pick = first + np.maximum(np.ceil(share * count).astype(np.int64) - 1, 0)
    out = np.full(shape[0] * shape[1], np.nan)
    some = count > 0
    out[some] = what[pick[some]]
    return out.reshape(shape)


def _correct(answers: Answers, cell: Index, question: Index, score: Array, found: Cells) -> Cells:
    """Correct the means of classes whose options did not all answer the same questions."""
    options = len(answers.options)
    level, worth, together = found.mean.copy(), found.n.copy(), found.together.copy()
    partly = ((found.n > 0) & (found.n < found.questions[:, None])).any(1)
    class_of = cell // options
    for c in np.flatnonzero(partly):
        rows = np.flatnonzero(class_of == c)
        # answers stand in the order of their questions
        at = np.cumsum(np.diff(question[rows], prepend=question[rows[0]]) != 0)
        answered = np.zeros((at[-1] + 1, options), dtype=bool)
        scores = np.zeros(answered.shape)
        option = cell[rows] % options
        answered[at, option], scores[at, option] = True, score[rows]
        here = level_class(answered, scores, found.phi[c], found.paired)
        level[c], worth[c], together[c] = here.mean, here.worth, here.together
    return replace(found, level=level, worth=worth, together=together)


def _pooled_phi(expected: Array, square: Array) -> Array:
    """Estimate phi per cell, pulled to its option's and that to the pooled one.

    Exactly 1 wherever all scores are 0 or 1.
    """
    total = (square.sum() + PHI_PRIOR) / (expected.sum() + PHI_PRIOR)
    by_option = (square.sum(0) + PHI_PRIOR * total) / (expected.sum(0) + PHI_PRIOR)
    phi = (square + PHI_PRIOR * by_option) / (expected + PHI_PRIOR)
    return np.asarray(np.clip(phi, *PHI_RANGE))


def _correlation(question: Index, residual: Array, variance: Array, usual: float) -> float:
    """Pool the correlation between options of their residuals on the same question.

    Pairs without spread, as where all are right, say nothing: then the usual value stands.
    """
    together = _pairs(question)
    if together == 0:
        return 0.0
    fine = variance > 1e-12
    question, u = question[fine], residual[fine] / np.sqrt(variance[fine])
    total = np.bincount(question, weights=u)
    square = np.bincount(question, weights=u**2)
    prior = min(together, CORRELATION_PRIOR)
    found = float((total**2 - square).sum()) + prior * usual
    return float(np.clip(found / (_pairs(question) + prior), 0.0, 0.98))


def _pairs(question: Index) -> float:
    """Count ordered pairs of options that answered the same question."""
    count = np.bincount(question).astype(float)
    return float((count * (count - 1)).sum())

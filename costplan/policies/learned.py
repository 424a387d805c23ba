"""Difficulty learned from outcomes: how likely a setting is right, known before the call.

A logistic regression on what is known of a request: the logarithm of its input tokens, its square,
and the dataset it comes from. Every question is placed by a model that has not seen it, so that the
route is judged as it would be served; the model that is given out is fitted on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.figures import write_percent
from costplan.policies.facts import NotMeasured
from costplan.policies.table import Array, Index, Table

FOLDS = 5
FEWEST = 40
"""Questions from which a model is learned."""
LEAST_GAIN = 0.01
"""Part of the log loss of the plain share that a model must save on questions it has not seen."""
EDGE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A difficulty that was learned, and how well it holds on questions not seen."""

    chance: Array
    """Calibrated chance that the setting is right, out of fold, (Q,)."""
    buckets: Index
    """Bucket of each question, 0 the easiest, (Q,)."""
    thresholds: tuple[float, ...]
    """Chance from which a request belongs to a bucket, but the last one."""
    formula: str
    """How to compute the chance of a new request."""
    saved: float
    """Part of the log loss of the plain share that it saves on questions not seen."""
    slope: float
    """Slope of truth on prediction in logits, out of fold, before calibration; 1 is calibrated."""


def learn_difficulty(
    table: Table, column: int, questions: Index, shares: tuple[float, ...]
) -> Learned:
    """Learn how hard questions are for a setting, and bucket them by shares, easiest first.

    NotMeasured when scikit-learn is missing, when there are too few questions, or when what is
    known before the call says nothing of their difficulty.
    """
    if len(questions) < FEWEST:
        raise NotMeasured(f"{len(questions)} questions; a difficulty is learned from {FEWEST}")
    features, names = _features(table, questions)
    score = table.score[questions, column]
    fold = np.arange(len(questions)) % FOLDS
    fold = np.random.default_rng(len(questions)).permutation(fold)
    raw = np.empty(len(questions))
    for one in range(FOLDS):
        seen = fold != one
        model = _fit(features[seen], score[seen])
        raw[~seen] = model.decision_function(features[~seen])
    platt = _fit(raw[:, None], score, strength=1e6)
    chance = platt.predict_proba(raw[:, None])[:, 1]
    base = np.array([score[fold != one].mean() for one in fold])
    plain, told = _log_loss(score, base), _log_loss(score, chance)
    saved = 1 - told / plain if plain > 0 else 0.0
    slope = float(_inner(platt).coef_[0, 0])
    if saved < LEAST_GAIN or slope <= 0:
        raise NotMeasured(
            "input length and dataset say nothing of a question's difficulty: on questions not "
            f"seen the model saves {write_percent(saved)} of the log loss of the plain share"
        )
    # The greatest chances come first; ties keep the order of the questions.
    order = np.argsort(-chance, kind="stable")
    ends = np.round(np.cumsum(shares) * len(order)).astype(np.int64)
    buckets = np.searchsorted(ends, np.argsort(order, kind="stable"), side="right")
    cuts = tuple(float(chance[order[min(max(end, 1), len(order)) - 1]]) for end in ends[:-1])
    whole = _fit(features, score)
    formula = _write(whole, names, slope, float(_inner(platt).intercept_[0]))
    return Learned(chance, np.minimum(buckets, len(shares) - 1), cuts, formula, float(saved), slope)


def _features(table: Table, questions: Index) -> tuple[Array, list[str]]:
    """Lay out what is known before the call, (Q, F)."""
    sent = table.input_tokens[questions]
    known = np.isfinite(sent)
    number = known.sum(axis=1)
    length = np.where(known, sent, 0.0).sum(axis=1) / np.maximum(number, 1)
    columns, names = [], []
    if (number > 0).all():
        log = np.log(np.maximum(length, 1.0))
        columns += [log, log**2]
        names += ["ln(input_tokens)", "ln(input_tokens)^2"]
    sources = [table.questions[q][0] for q in questions.tolist()]
    for source in sorted(set(sources))[1:]:
        columns.append(np.array([float(one == source) for one in sources]))
        names.append(f"[dataset = {source}]")
    if not columns:
        raise NotMeasured("the outcomes know neither input_tokens nor datasets of the questions")
    return np.stack(columns, axis=1), names


def _fit(features: Array, score: Array, strength: float = 1.0) -> Any:  # noqa: ANN401 - no stubs
    """Fit a ridge logistic regression; parts of a score count as right and wrong in part."""
    try:
        linear = import_module("sklearn.linear_model")
        pipeline = import_module("sklearn.pipeline")
        scaling = import_module("sklearn.preprocessing")
    except ImportError as error:
        raise NotMeasured("learning needs scikit-learn: pip install 'costplan[learn]'") from error
    twice = np.concatenate([features, features])
    label = np.r_[np.ones(len(score)), np.zeros(len(score))]
    weight = np.r_[score, 1 - score]
    if weight[: len(score)].sum() <= 0 or weight[len(score) :].sum() <= 0:
        raise NotMeasured("its first setting is always right, or never")
    kept = weight > 0
    model = pipeline.make_pipeline(
        scaling.StandardScaler(), linear.LogisticRegression(C=strength, max_iter=1000)
    )
    model.fit(twice[kept], label[kept], logisticregression__sample_weight=weight[kept])
    return model


def _inner(model: Any) -> Any:  # noqa: ANN401
    """Undo the scaling: the same regression on plain features."""
    scale, inner = model[0], model[1]
    plain = import_module("copy").copy(inner)
    plain.coef_ = inner.coef_ / scale.scale_
    plain.intercept_ = inner.intercept_ - (plain.coef_ * scale.mean_).sum(axis=1)
    return plain


def _write(model: Any, names: list[str], slope: float, shift: float) -> str:  # noqa: ANN401
    plain = _inner(model)
    parts = [f"{shift + slope * float(plain.intercept_[0]):.4g}"]
    parts += [
        f"{'-' if c < 0 else '+'} {abs(c):.4g} {name}"
        for name, c in zip(names, (slope * plain.coef_[0]).tolist(), strict=True)
    ]
    return f"1 / (1 + exp(-({' '.join(parts)})))"


def _log_loss(score: Array, chance: Array) -> float:
    p = np.clip(chance, EDGE, 1 - EDGE)
    return float(-(score * np.log(p) + (1 - score) * np.log(1 - p)).mean())

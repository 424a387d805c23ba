"""Difficulty learned from outcomes: how likely a setting is right, known before the call.

A logistic regression on what is known of a request: the logarithm of its input tokens, its square,
the dataset it comes from, and the columns known_* of the outcomes. Every question is placed by a
model that has not seen it, so that the route is judged as it would be served; the model that is
given out is fitted on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.domain.figures import write_percent
from costplan.policies.facts import NotMeasured
from costplan.policies.known import Feature, list_features
from costplan.policies.table import Array, Index, Table

FOLDS = 5
FEWEST = 40
"""Questions from which a model is learned."""
LEAST_GAIN = 0.01
"""Part of the log loss of the plain share that a model must save on questions it has not seen."""
SHARES_OFF = 0.1
"""How far the formula's own shares of the buckets may be from those asked for."""
EDGE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Formula:
    """A logistic regression on what is known before the call."""

    features: tuple[Feature, ...]
    """What it reads."""
    weights: Array
    """Logits per unit of each."""
    shift: float
    """Logits where all are 0."""

    def chance(self, table: Table, questions: Index) -> Array:
        """Give the chance that the setting is right on some questions, (Q,)."""
        logit = np.full(len(questions), self.shift)
        for feature, weight in zip(self.features, self.weights.tolist(), strict=True):
            logit += weight * feature.read(table, questions)
        return np.asarray(0.5 * (1 + np.tanh(0.5 * logit)))

    def write(self) -> str:
        """Write it in one line."""
        parts = [f"{self.shift:.4g}"]
        parts += [
            f"{'-' if weight < 0 else '+'} {abs(weight):.4g} {feature.name}"
            for feature, weight in zip(self.features, self.weights.tolist(), strict=True)
        ]
        return f"1 / (1 + exp(-({' '.join(parts)})))"


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A difficulty that was learned, and how well it holds on questions not seen."""

    chance: Array
    """Calibrated chance that the setting is right, out of fold, (Q,)."""
    buckets: Index
    """Bucket of each question, 0 the easiest, (Q,)."""
    thresholds: tuple[float, ...]
    """Chance from which a request belongs to a bucket, but the last one."""
    model: Formula
    """How to compute the chance of a new request, fitted on all questions."""
    saved: float
    """Part of the log loss of the plain share that it saves on questions not seen."""
    slope: float
    """Slope of truth on prediction in logits, out of fold, before calibration; 1 is calibrated."""

    @property
    def formula(self) -> str:
        """How to compute the chance of a new request, in one line."""
        return self.model.write()

    def place(self, table: Table, questions: Index) -> Index:
        """Give the buckets of questions as a caller finds them, by the formula, (Q,)."""
        chance = self.model.chance(table, questions)
        below = np.array([chance < cut for cut in self.thresholds])
        return np.asarray(below.sum(axis=0), dtype=np.int64)


def find_difficulty(table: Table, column: int, shares: tuple[float, ...]) -> tuple[Index, Learned]:
    """Learn from the questions that a setting answered, which are given too.

    Tables never change, so that each is learned from once. NotMeasured as `learn_difficulty`.
    """
    found = _find(table, column, shares)
    if isinstance(found, str):
        raise NotMeasured(found)
    return found


@lru_cache(maxsize=16)
def _find(table: Table, column: int, shares: tuple[float, ...]) -> tuple[Index, Learned] | str:
    asked = np.flatnonzero(table.count[:, column] > 0)
    try:
        return asked, learn_difficulty(table, column, asked, shares)
    except NotMeasured as error:
        return str(error)


def learn_difficulty(
    table: Table, column: int, questions: Index, shares: tuple[float, ...]
) -> Learned:
    """Learn how hard questions are for a setting, and bucket them by shares, easiest first.

    NotMeasured when scikit-learn is missing, when there are too few questions, or when what is
    known before the call says nothing of their difficulty.
    """
    if len(questions) < FEWEST:
        raise NotMeasured(f"{len(questions)} questions; a difficulty is learned from {FEWEST}")
    known = list_features(table, questions)
    if not known:
        raise NotMeasured(
            "the outcomes know neither input_tokens nor datasets of the questions, nor known_... "
            "of them, or all are alike"
        )
    features = np.stack([feature.read(table, questions) for feature in known], axis=1)
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
            f"{' and '.join(dict.fromkeys(feature.column for feature in known))} say nothing of a "
            f"question's difficulty: on questions not seen the model saves {write_percent(saved)} "
            "of the log loss of the plain share"
        )
    # The greatest chances come first; ties keep the order of the questions.
    order = np.argsort(-chance, kind="stable")
    ends = np.round(np.cumsum(shares) * len(order)).astype(np.int64)
    buckets = np.searchsorted(ends, np.argsort(order, kind="stable"), side="right")
    cuts = tuple(float(chance[order[min(max(end, 1), len(order)) - 1]]) for end in ends[:-1])
    whole, outer = _inner(_fit(features, score)), _inner(platt)
    shift = float(outer.intercept_[0]) + slope * float(whole.intercept_[0])
    learned = Learned(
        chance,
        np.minimum(buckets, len(shares) - 1),
        cuts,
        Formula(tuple(known), slope * whole.coef_[0], shift),
        float(saved),
        slope,
    )
    _refuse_other_shares(learned, table, questions, shares)
    return learned


def _refuse_other_shares(
    learned: Learned, table: Table, questions: Index, shares: tuple[float, ...]
) -> None:
    """Refuse shares that the formula cannot make: few kinds of requests cut in few places only."""
    placed = learned.place(table, questions)
    made = np.bincount(placed, minlength=len(shares)) / len(questions)
    if np.abs(made - np.array(shares)).max() > SHARES_OFF:
        said = ", ".join(write_percent(share, 0) for share in made.tolist())
        raise NotMeasured(
            f"what is known before the call cuts the requests into {said}, not into these shares"
        )


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
        scaling.StandardScaler(), linear.LogisticRegression(C=strength, solver="newton-cholesky")
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


def _log_loss(score: Array, chance: Array) -> float:
    p = np.clip(chance, EDGE, 1 - EDGE)
    return float(-(score * np.log(p) + (1 - score) * np.log(1 - p)).mean())

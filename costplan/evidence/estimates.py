"""From cells to joint estimates: what each option is worth in each class, and forecasts of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from costplan.domain.estimate import Grade
from costplan.domain.figures import write_percent
from costplan.domain.outcomes import Note, Outcomes
from costplan.evidence.belief import Belief, Beliefs, Forecast, Option, two_sided, widening
from costplan.evidence.cells import Cells, Mask, collect_answers, count_cells
from costplan.evidence.costs import shrunken_cv2
from costplan.evidence.logistic import Array, moments
from costplan.evidence.logit import Anchor, LogitFit, Spreads, fit_logits
from costplan.evidence.tie import place_settings, tie_settings

MIN_QUESTIONS = 4.0
"""Questions that an option needs in a class before a plan may rest on it."""
PAIRED = 0.5
"""Part of the measured correlation between options' scores that is used.

All of it helps where classes are large and shrinks too far where they are small; half is better
on both (measured on three tables with 10, 25 and all questions per class).
"""
TOLD_POINTS = 0.02
"""Accuracy by which a share is corrected for its questions from which this is said."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Joint estimates of all cells; arrays are (C, M) in the order of the cells."""

    cells: Cells
    """What was counted."""
    fit: LogitFit
    """Posterior in logits."""
    mean: Array
    """Expected accuracies, inside (0, 1)."""
    sd: Array
    """Standard deviations of the accuracies, widened."""
    slope: Array
    """Accuracy per logit."""
    widen: float
    """Factor on standard deviations."""
    cv2: Array
    """Squared coefficients of variation of the costs, shrunken."""
    usable: Mask
    """Cells on which a plan may rest: measured often enough, at a known cost."""
    notes: tuple[Note, ...]
    """What was odd and what was done about it."""

    def forecast(
        self,
        shares: Array,
        weights: Array,
        *,
        confidence: float = 0.9,
        minus: Array | None = None,
        future_questions: Array | None = None,
    ) -> Forecast:
        """Forecast sum over classes of weight x share x accuracy; see `Beliefs.forecast`."""
        x = shares if minus is None else shares - minus
        mean = float((weights * (x * self.mean).sum(1)).sum())
        h = x * self.slope
        own = np.einsum("ci,cij,cj->c", h, self.fit.own, h)
        g = np.einsum("c,ci,cij->j", weights, h, self.fit.loading)
        variance = float((weights**2 * own).sum() + g @ self.fit.shared @ g)
        if future_questions is not None:
            # One class at most is mixed, so the batch's noise is taken per share, not squared.
            noise = (np.abs(x) * self.cells.phi * self.mean * (1 - self.mean)).sum(1)
            variance += float((weights**2 * noise / np.maximum(future_questions, 1)).sum())
        sd = self.widen * max(variance, 0.0) ** 0.5
        reach = two_sided(confidence) * sd
        lowest = float((weights * np.minimum(x, 0).sum(1)).sum())
        highest = float((weights * np.maximum(x, 0).sum(1)).sum())
        low = min(max(mean - reach, lowest), mean)
        return Forecast(mean, sd, low, max(min(mean + reach, highest), mean), confidence)

    def beliefs(self) -> Beliefs:
        """Give the same as beliefs per class, for planning together with published curves."""
        return Beliefs(
            {
                name: Belief(
                    options=self.cells.options,
                    logit=self.fit.logit[c],
                    own=self.fit.own[c],
                    loading=self.fit.loading[c],
                    block="outcomes:" + self.cells.classes[0],
                    shared=self.fit.shared,
                    grades=tuple(
                        Grade.MEASURED if n > 0 else Grade.ASSUMED for n in self.cells.n[c]
                    ),
                    n_questions=self.cells.n[c],
                    phi=self.cells.phi[c],
                    widen=self.widen,
                    notes=tuple(n.message for n in self.notes if n.task_class in ("", name)),
                )
                for c, name in enumerate(self.cells.classes)
            }
        )


def estimate_cells(
    cells: Cells,
    anchor: Anchor | None = None,
    known: Spreads | None = None,
    stepped: frozenset[Option] = frozenset(),
) -> Estimates:
    """Estimate all cells jointly from their counts.

    known: spreads to take as they are; stepped: options whose anchor holds the usual steps
    between settings already.
    """
    fit = fit_logits(
        cells.worth,
        cells.level,
        cells.phi,
        paired=PAIRED * cells.together,
        anchor=anchor,
        steps=tie_settings(cells.options, place_settings(cells.options), stepped),
        known=known,
    )
    variance = fit.variance
    mean, spread = moments(fit.logit, variance)
    widen = widening(float(np.median(cells.questions)) if len(cells.questions) else 0.0)
    need = np.minimum(MIN_QUESTIONS, 0.5 * cells.questions)[:, None]
    measured = (cells.n > 0) & (cells.n >= need)
    return Estimates(
        cells=cells,
        fit=fit,
        mean=mean,
        sd=widen * spread,
        slope=spread / np.sqrt(np.maximum(variance, 1e-12)),
        widen=widen,
        cv2=shrunken_cv2(cells),
        usable=measured & np.isfinite(cells.usd),
        notes=(*cells.notes, *_notes(cells, measured)),
    )


def estimate_outcomes(outcomes: Outcomes) -> Estimates:
    """Estimate all classes and options of an outcomes table."""
    return estimate_cells(count_cells(collect_answers(outcomes)))


def _notes(cells: Cells, measured: Mask) -> list[Note]:
    """State the consequences of thin, missing or unpriced cells."""
    notes = []
    for c, name in enumerate(cells.classes):
        if cells.questions[c] < 2:
            notes.append(
                Note(
                    "one-question",
                    f"class {name!r} has one question: its options are estimated from the other "
                    "classes almost alone",
                    name,
                )
            )
        if not (cells.n[c] > 0).any():
            continue
        notes += _corrected(cells, c)
        few = _named(cells.options, ~measured[c] & (cells.n[c] > 0))
        if few:
            notes.append(
                Note("few-questions", f"class {name!r}: too few questions to plan with {few}", name)
            )
        gone = _named(cells.options, cells.n[c] == 0)
        if gone:
            notes.append(Note("unmeasured", f"class {name!r}: no questions for {gone}", name))
        blank = _named(cells.options, measured[c] & ~np.isfinite(cells.usd[c]))
        if blank:
            notes.append(
                Note("unpriced", f"class {name!r}: no cost is known for {blank}; not planned", name)
            )
        part = measured[c] & (cells.usd_n[c] > 0) & (cells.usd_n[c] < 0.95 * cells.n[c])
        if part.any():
            notes.append(
                Note(
                    "blank-costs",
                    f"class {name!r}: more than 5 % of the costs are blank for "
                    f"{_named(cells.options, part)}; their mean is of the known ones",
                    name,
                )
            )
    return notes


def _corrected(cells: Cells, c: int) -> list[Note]:
    """Say where shares are far from what the options would reach on the same questions."""
    moved = np.abs(cells.level[c] - cells.mean[c])
    m = int(moved.argmax())
    if moved[m] < TOLD_POINTS:
        return []
    name = cells.classes[c]
    return [
        Note(
            "different-questions",
            f"class {name!r}: not all options answered the same questions; they are compared on "
            f"those that they share, which moves {_named(cells.options, moved >= moved[m])} from "
            f"{write_percent(cells.mean[c, m])} to {write_percent(cells.level[c, m])}",
            name,
        )
    ]


def _named(options: Sequence[Option], which: Mask) -> str:
    """Name up to three options of those marked."""
    names = [f"{model} {setting}" for (model, setting), m in zip(options, which, strict=True) if m]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more

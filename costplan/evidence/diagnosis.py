"""What looks wrong with a curve: outliers, falling accuracy, ignored knobs, answers cut off.

A finding is a reason to look at the run, not a correction: nothing is left out for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

import numpy as np

from costplan.domain.figures import write_percent, write_unit_usd
from costplan.domain.outcomes import Outcomes
from costplan.evidence.cells import USUAL_PAIRED, Answers, Cells, Mask, Usage
from costplan.evidence.estimates import Estimates
from costplan.evidence.logistic import Array, logit, sigmoid
from costplan.evidence.published import ASSUMED_QUESTIONS
from costplan.evidence.settings import positions

FALL_Z = 2.5
"""Standard errors of a fall from which it is called more than chance: 2 % of flat curves with
three settings are, although the best setting is compared with the worst after it."""
SAME_SPEND = 0.05
"""Relative difference of spend below which a knob is called ignored."""
LESS_SPEND = 0.10
"""Relative fall of spend from which a knob is called reversed."""
TRUNCATED_FROM = 0.01
"""Share of answers cut off that is worth a word."""
PILE_FROM = 0.05
"""Share of answers that end at the very same largest length, from which they look cut off."""
PILE_QUESTIONS = 20
LIMIT_STEPS = (500, 512)
"""Output limits are multiples of one of them."""
OUTLIER_Z = 4.0
OUTLIER_POINTS = 0.15
OUTLIER_TIMES = 5.0
"""How many times more or less than expected a cost must be."""
OUTLIER_CLASSES = 3
"""Classes from which a cell can be told from its option's and its class's level."""
NO_THINKING = frozenset({"none", "off", "disabled"})


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A measured setting of a model."""

    model: str
    """Name of the model."""
    setting: str
    """Position of its knob."""
    accuracy: float
    """Share of right answers as measured."""
    n_questions: float | None = None
    """Questions asked; None where the source does not say."""
    phi: float = 1.0
    """Variance of one question's score divided by p (1 - p)."""
    usd: float | None = None
    """Mean dollars per question."""
    output_tokens: float | None = None
    """Mean output tokens, reasoning included."""
    reasoning_tokens: float | None = None
    """Mean reasoning tokens."""
    cut_off: float = 0.0
    """Share of answers cut off at the output limit."""
    cut_at: float | None = None
    """Tokens at which they end, where that is how it was noticed."""

    @property
    def variance(self) -> float:
        """Sampling variance of the accuracy, with the usual size where it is not stated."""
        n = max(self.n_questions or ASSUMED_QUESTIONS, 1.0)
        p = (self.accuracy * n + 0.5) / (n + 1.0)
        return self.phi * p * (1 - p) / n

    @staticmethod
    def of_cell(
        cells: Cells, usage: Usage, c: int, m: int, cut_off: float, cut_at: float = math.nan
    ) -> CurvePoint:
        """Take a cell, on all questions of its class.

        A setting that met the hard ones alone has not fallen below its neighbour.
        """
        return CurvePoint(
            *cells.options[m],
            accuracy=float(cells.level[c, m]),
            n_questions=float(cells.worth[c, m]),
            phi=float(cells.phi[c, m]),
            usd=_known(cells.usd[c, m]),
            output_tokens=_known(usage.output_tokens[c, m]),
            reasoning_tokens=_known(usage.reasoning_tokens[c, m]),
            cut_off=float(cut_off),
            cut_at=_known(cut_at),
        )


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks wrong with a curve."""

    code: str
    """Kind: "outlier", "falls", "dips", "ignored-knob", "spends-less", "cut-off"."""
    model: str
    """Name of the model."""
    settings: tuple[str, ...]
    """Settings concerned, in order of the knob."""
    message: str
    """What was seen and what follows from it, in one sentence."""


def diagnose(points: Iterable[CurvePoint], paired: float = USUAL_PAIRED) -> list[Finding]:
    """Look along the knob of every model for what should not be.

    paired: correlation of the scores of two settings on one question.
    """
    models: dict[str, list[CurvePoint]] = {}
    for point in points:
        models.setdefault(point.model, []).append(point)
    findings: list[Finding] = []
    for model in sorted(models):
        found = [_cut_off(point) for point in models[model] if point.cut_off >= TRUNCATED_FROM]
        line = along_knob(models[model])
        findings += [*_falls(line, paired), *_spending(line), *found]
    return findings


def along_knob(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    """Sort the settings of one model along its knob; those without an order give none."""
    places = positions([p.setting for p in points], [p.output_tokens for p in points])
    if places is None:
        return []
    order = sorted(range(len(points)), key=lambda i: (places[i], points[i].setting))
    return [points[i] for i in order]


def _falls(line: Sequence[CurvePoint], paired: float) -> list[Finding]:
    """Find the clearest fall from a lower setting to a higher one, and falls within chance."""
    worst: tuple[float, CurvePoint, CurvePoint] | None = None
    for j in range(1, len(line)):
        best = max(line[:j], key=lambda point: point.accuracy)
        fall = best.accuracy - line[j].accuracy
        if fall <= 0:
            continue
        a, b = best.variance, line[j].variance
        z = fall / max((a + b - 2 * paired * (a * b) ** 0.5) ** 0.5, 1e-9)
        if worst is None or z > worst[0]:
            worst = z, best, line[j]
    if worst is None:
        return []
    z, high, low = worst
    said = (
        f"{high.model} falls from {write_percent(high.accuracy)} at {high.setting} to "
        f"{write_percent(low.accuracy)} at {low.setting}"
    )
    if z >= FALL_Z:
        text = f"{said}, more than chance explains: thinking longer does not help it here"
        return [Finding("falls", high.model, (high.setting, low.setting), text)]
    text = f"{said}, which chance may explain: more questions would tell"
    return [Finding("dips", high.model, (high.setting, low.setting), text)]


def _spending(line: Sequence[CurvePoint]) -> list[Finding]:
    """Compare what neighbouring settings spend."""
    findings = []
    for lower, higher in pairwise(line):
        spends = _spends(lower, higher)
        if spends is None:
            continue
        unit, a, b = spends
        both = (lower.setting, higher.setting)
        if a == b == 0:
            if higher.setting.lower() not in NO_THINKING:
                text = f"{lower.model} does not think at all at {both[0]} or {both[1]}"
                findings.append(Finding("ignored-knob", lower.model, both, text))
        elif abs(a - b) < SAME_SPEND * max(a, b):
            text = (
                f"{lower.model} spends the same at {both[0]} and {both[1]} "
                f"({_amounts(a, b, unit)}): the knob seems to be ignored there"
            )
            findings.append(Finding("ignored-knob", lower.model, both, text))
        elif b < (1 - LESS_SPEND) * a:
            text = (
                f"{lower.model} spends less at {both[1]} than at {both[0]} "
                f"({_amounts(b, a, unit)}): the settings may be mixed up"
            )
            findings.append(Finding("spends-less", lower.model, both, text))
    return findings


def _spends(lower: CurvePoint, higher: CurvePoint) -> tuple[str, float, float] | None:
    """Find what both settings tell about their spend, thinking first."""
    for unit, key in (
        ("reasoning tokens", "reasoning_tokens"),
        ("output tokens", "output_tokens"),
        ("dollars", "usd"),
    ):
        a, b = getattr(lower, key), getattr(higher, key)
        if a is not None and b is not None:
            return unit, float(a), float(b)
    return None


def _amounts(a: float, b: float, unit: str) -> str:
    if unit == "dollars":
        return f"{_dollars(a)} and {_dollars(b)}"
    return f"{a:,.0f} and {b:,.0f} {unit}"


def _dollars(usd: float) -> str:
    return write_unit_usd(Decimal(f"{usd:.3g}"))


def _cut_off(point: CurvePoint) -> Finding:
    share = f"{point.cut_off * 100:.0f} %"
    if point.cut_at is None:
        said = f"{share} of the answers of {point.model} at {point.setting} were cut off"
    else:
        said = (
            f"{share} of the answers of {point.model} at {point.setting} end at exactly "
            f"{point.cut_at:,.0f} tokens, as if cut off"
        )
    text = f"{said}: with a larger output limit it may be better and dearer"
    return Finding("cut-off", point.model, (point.setting,), text)


def measure_cut_off(outcomes: Outcomes, answers: Answers) -> tuple[Array, Array]:
    """Give per class and option, (C, M), the share of answers cut off and where they end.

    Rows that say so are counted; without such a column, rows that end at exactly the largest
    length of their cell, where many do. The end is NaN where it is not how it was noticed.
    """
    cell, shape = _cells_of_rows(outcomes, answers)
    share, end = np.zeros(shape[0] * shape[1]), np.full(shape[0] * shape[1], np.nan)
    flags = outcomes.extra.get("truncated")
    if flags is not None and np.isfinite(flags).any():
        known = np.isfinite(flags)
        count = np.bincount(cell[known], minlength=len(share))
        flagged = np.bincount(cell[known], weights=flags[known], minlength=len(share))
        return (flagged / np.maximum(count, 1)).reshape(shape), end.reshape(shape)
    for at in np.unique(cell):
        tokens = outcomes.output_tokens[cell == at]
        tokens = tokens[np.isfinite(tokens)]
        if len(tokens) < PILE_QUESTIONS:
            continue
        top = tokens.max()
        piled = float((tokens == top).mean())
        # Averages that are repeated on every row say nothing about lengths.
        spread = len(np.unique(tokens)) >= 0.3 * (1 - piled) * len(tokens) > 1
        if piled >= PILE_FROM and spread and any(top % step == 0 for step in LIMIT_STEPS):
            share[at], end[at] = piled, top
    return share.reshape(shape), end.reshape(shape)


def measure_flag(outcomes: Outcomes, answers: Answers, column: str) -> Array:
    """Give per class and option, (C, M), the share of answers that a column marks; 0 unknown."""
    cell, shape = _cells_of_rows(outcomes, answers)
    flags = outcomes.extra.get(column)
    if flags is None:
        return np.zeros(shape)
    known = np.isfinite(flags)
    size = shape[0] * shape[1]
    count = np.bincount(cell[known], minlength=size)
    flagged = np.bincount(cell[known], weights=flags[known], minlength=size)
    return np.asarray((flagged / np.maximum(count, 1)).reshape(shape))


def _cells_of_rows(outcomes: Outcomes, answers: Answers) -> tuple[Array, tuple[int, int]]:
    """Give the cell of every row, and the shape of the cells."""
    place = {option: i for i, option in enumerate(answers.options)}
    class_place = {name: i for i, name in enumerate(answers.classes)}
    class_at = np.array([class_place.get(name, 0) for name in outcomes.task_class.names])
    option_at = np.array(
        [
            [place.get((model, setting), 0) for setting in outcomes.setting.names]
            for model in outcomes.model.names
        ]
    )
    shape = len(answers.classes), len(answers.options)
    option = option_at[outcomes.model.codes, outcomes.setting.codes]
    return class_at[outcomes.task_class.codes] * shape[1] + option, shape


def find_outliers(estimates: Estimates, c: int) -> list[Finding]:
    """Name the options of a class that are far from what both suggest: the option, the class.

    Departures are measured in logits against their median size in the whole table and the noise
    of the cell; fewer than three classes or four options cannot tell.
    """
    cells = estimates.cells
    seen = cells.n > 0
    if seen.any(1).sum() < OUTLIER_CLASSES or seen.any(0).sum() < 4 or not seen[c].any():
        return []
    return [*_odd_accuracy(estimates, c, seen), *_odd_cost(estimates, c)]


def _odd_accuracy(estimates: Estimates, c: int, seen: Mask) -> list[Finding]:
    cells = estimates.cells
    raw = logit((cells.worth * cells.level + 0.5) / (cells.worth + 1.0))
    expected, usual = _expect(raw, seen, estimates.fit.effects)
    p = sigmoid(expected)
    noise = cells.phi / (np.maximum(cells.worth, 1.0) * np.maximum(p * (1 - p), 1e-4))
    z = (raw - expected) / np.sqrt(usual**2 + noise)
    far = seen & (np.abs(z) > OUTLIER_Z) & (np.abs(cells.level - p) > OUTLIER_POINTS)
    findings = []
    for m in np.flatnonzero(far[c]):
        model, setting = cells.options[m]
        got, want = cells.level[c, m], p[c, m]
        why = "a failed run or a harness at odds with it" if got < want else "questions it knows"
        text = (
            f"{model} at {setting} is right in {write_percent(got)}, where its other results and "
            f"those of the others suggest {write_percent(want, 0)}: look for {why}"
        )
        findings.append(Finding("outlier", model, (setting,), text))
    return findings


def _odd_cost(estimates: Estimates, c: int) -> list[Finding]:
    cells = estimates.cells
    seen = (cells.n > 0) & (np.nan_to_num(cells.usd) > 0)
    if not seen[c].any():
        return []
    raw = np.log(np.where(seen, cells.usd, 1.0))
    level = np.array(
        [
            np.median(column[ok]) if ok.any() else 0.0
            for column, ok in zip(raw.T, seen.T, strict=True)
        ]
    )
    expected, usual = _expect(raw, seen, level)
    noise = estimates.cv2 / np.maximum(cells.usd_n, 1.0)
    apart = raw - expected
    far = seen & (
        np.abs(apart) > np.maximum(OUTLIER_Z * np.sqrt(usual**2 + noise), np.log(OUTLIER_TIMES))
    )
    findings = []
    for m in np.flatnonzero(far[c]):
        model, setting = cells.options[m]
        got, want = float(np.exp(raw[c, m])), float(np.exp(expected[c, m]))
        why = "a run that never started" if got < want else "retries or a wrong price"
        text = (
            f"{model} at {setting} costs {_dollars(got)} a question, where its other costs and "
            f"those of the others suggest {_dollars(want)}: look for {why}"
        )
        findings.append(Finding("outlier", model, (setting,), text))
    return findings


def _expect(raw: Array, seen: Mask, effects: Array) -> tuple[Array, float]:
    """Expect the option's effect plus the class's median level; also the usual departure."""
    rest = raw - effects
    level = [np.median(row[ok]) if ok.any() else 0.0 for row, ok in zip(rest, seen, strict=True)]
    expected = effects + np.array(level)[:, None]
    return expected, 1.4826 * float(np.median(np.abs((raw - expected)[seen])))

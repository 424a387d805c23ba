"""Published curves carried over to a user's class, with the uncertainty that transfer adds.

For a planner:

    curve = read_curve(measurements)                  # one source, one benchmark -> PublishedCurve
    curve = curve.with_settings([("o3", "medium")])   # optional: interpolate, graded "assumed"
    beliefs = curve.carry_over(["ticket-triage"])     # -> Beliefs, one Belief per class
    belief = beliefs.classes["ticket-triage"]
    belief.estimate(("o3", "high"), confidence=0.9)   # -> Estimate(mean, low, high, grade)
    belief.mean, belief.sd, belief.sd_logit           # arrays in the order of belief.options
    belief.notes                                      # assumptions to show
    Beliefs.join([...]).forecast(shares, weights, confidence=0.9, minus=other_shares)

Transfer in logits: a level common to all options of the class (1.6), a departure per option
(0.45), and 0.3 between neighbouring efforts of one model. The level is common, so differences
between options are more certain than levels. A benchmark of another kind ranks, it does not
forecast: docs/method.md has what was measured, `scripts/build_transfer_figures.py` measures it.
Interpolated efforts err by 0.13 to 0.25 logits, which the bridge covers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from costplan.domain.estimate import Grade
from costplan.domain.measurement import Measurement
from costplan.evidence.belief import WIDEN, Belief, Beliefs, Option
from costplan.evidence.logistic import Array
from costplan.evidence.logit import fit_logits
from costplan.evidence.settings import positions
from costplan.evidence.tie import tie_settings

ASSUMED_QUESTIONS = 100
"""Questions assumed behind a published accuracy whose source does not say."""
BRIDGE_SD = 0.3
"""Spread of a curve around the straight line in logits, per effort step, where interpolated."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """How far a benchmark is from the class it stands for; standard deviations in logits."""

    level: float = 1.6
    """Common to all options of the class."""
    option: float = 0.45
    """Of one option after the common level."""
    step: float = 0.3
    """Of the difference between neighbouring efforts of one model."""

    def covariance(self, options: Sequence[Option], places: Sequence[float | None]) -> Array:
        """Give the covariance of the departures, (M, M).

        Settings of one model are correlated as rho^steps, with rho such that neighbouring efforts
        differ by `step`.
        """
        rho = max(0.0, 1.0 - 0.5 * (self.step / self.option) ** 2) if self.option else 0.0
        models = {model: i for i, model in enumerate(sorted({model for model, _ in options}))}
        model = np.array([models[name] for name, _ in options])
        place = np.array([np.nan if at is None else at for at in places])
        # Settings without an order count as neighbours.
        apart = np.nan_to_num(np.abs(place[:, None] - place), nan=1.0)
        departures = np.where(model[:, None] == model, rho**apart, 0.0)
        np.fill_diagonal(departures, 1.0)
        return np.asarray(self.level**2 + self.option**2 * departures)


USUAL_TRANSFER = Transfer()


@dataclass(frozen=True, slots=True)
class PublishedCurve:
    """The options of one source and benchmark, shrunken, with their joint uncertainty."""

    source: str
    """Key of the publication."""
    benchmark: str
    """Benchmark and version."""
    options: tuple[Option, ...]
    """Model and setting, sorted."""
    logit: Array
    """Accuracies on the benchmark in logits, shrunken, (M,)."""
    mixing: Array
    """Which measured options each option is made of, (M, R); the identity where measured."""
    covariance: Array
    """Covariance of the measured options on the benchmark, (R, R)."""
    bridge: Array
    """Variance added by interpolation, (M,); 0 where measured."""
    places: tuple[float | None, ...]
    """Place of each setting in effort steps along its model's knob; None without an order."""
    n_questions: Array
    """Effective questions behind each option, (M,); 0 where interpolated."""
    output_tokens: tuple[float | None, ...]
    """Mean output tokens of each option as published."""
    notes: tuple[str, ...]
    """Assumptions that a reader must see."""

    @property
    def key(self) -> str:
        """Name of the evidence that classes may share."""
        return f"{self.source}/{self.benchmark}"

    def carry_over(
        self,
        classes: Iterable[str],
        transfer: Transfer | None = USUAL_TRANSFER,
        *,
        widen: float = WIDEN,
    ) -> Beliefs:
        """Believe the curve for these classes, each with a transfer of its own.

        transfer None: the measurements are the classes' own questions, graded "measured".
        """
        grade = Grade.MEASURED if transfer is None else Grade.PUBLISHED
        own = np.diag(self.bridge)
        if transfer is not None:
            own = own + transfer.covariance(self.options, self.places)
        belief = Belief(
            options=self.options,
            logit=self.logit,
            own=own,
            loading=self.mixing,
            block=self.key,
            shared=self.covariance,
            grades=tuple(Grade.ASSUMED if extra > 0 else grade for extra in self.bridge),
            n_questions=self.n_questions,
            phi=np.ones(len(self.options)),
            widen=widen,
            notes=self.notes,
        )
        return Beliefs(dict.fromkeys(classes, belief))

    def with_settings(self, wanted: Iterable[Option]) -> PublishedCurve:
        """Add settings between two measured ones of the same model.

        Raises ValueError for a setting that `can_interpolate` refuses. The logit is linear in
        effort steps; the uncertainty is that of a Brownian bridge.
        """
        curve = self
        for option in sorted(set(wanted) - set(self.options)):
            curve = curve._with_setting(option)
        return curve

    def can_interpolate(self, option: Option) -> bool:
        """Tell whether the setting lies between two measured ones of its model's knob."""
        return self._neighbours(option) is not None

    def _neighbours(self, option: Option) -> tuple[int, int, float, float] | None:
        """Find the measured settings on both sides: indices, fraction of the way, steps apart."""
        model, setting = option
        mine = [
            i for i, (other, _) in enumerate(self.options) if other == model and not self.bridge[i]
        ]
        placed = positions([*(self.options[i][1] for i in mine), setting])
        if placed is None:
            return None
        at = placed.pop()
        below = [(place, i) for place, i in zip(placed, mine, strict=True) if place < at]
        above = [(place, i) for place, i in zip(placed, mine, strict=True) if place > at]
        if not below or not above:
            return None
        (low, i), (high, j) = max(below), min(above)
        return i, j, (at - low) / (high - low), high - low

    def _with_setting(self, option: Option) -> PublishedCurve:
        found = self._neighbours(option)
        if found is None:
            raise ValueError(
                f"{option[0]} at {option[1]!r} is not between measured settings of {self.key}"
            )
        i, j, way, apart = found
        row = (1 - way) * self.mixing[i] + way * self.mixing[j]
        tokens = None
        a, b = self.output_tokens[i], self.output_tokens[j]
        if a and b:
            tokens = float(a ** (1 - way) * b**way)
        note = (
            f"{option[0]} at {option[1]!r} is interpolated between {self.options[i][1]!r} "
            f"and {self.options[j][1]!r} of {self.key}"
        )
        place_i, place_j = self.places[i], self.places[j]
        place = None
        if place_i is not None and place_j is not None:
            place = (1 - way) * place_i + way * place_j
        return replace(
            self,
            options=(*self.options, option),
            logit=np.append(self.logit, (1 - way) * self.logit[i] + way * self.logit[j]),
            mixing=np.vstack([self.mixing, row]),
            bridge=np.append(self.bridge, BRIDGE_SD**2 * apart * way * (1 - way)),
            places=(*self.places, place),
            n_questions=np.append(self.n_questions, 0.0),
            output_tokens=(*self.output_tokens, tokens),
            notes=(*self.notes, note),
        )


def read_curve(
    measurements: Iterable[Measurement], *, assumed_questions: int = ASSUMED_QUESTIONS
) -> PublishedCurve:
    """Shrink the measurements of one source and one benchmark towards each other.

    Raises ValueError when they are of several sources or benchmarks, or there are none. Several
    measurements of one model and setting are pooled by their questions. An unknown number of
    questions is taken as `assumed_questions`, and noted.
    """
    rows = sorted(measurements, key=lambda m: (m.model, m.setting, m.accuracy, m.date))
    keys = {(row.source, row.benchmark) for row in rows}
    if len(keys) != 1:
        raise ValueError(f"measurements of one source and benchmark are needed, not {len(keys)}")
    source, benchmark = keys.pop()
    groups: dict[Option, list[Measurement]] = {}
    for row in rows:
        groups.setdefault((row.model, row.setting), []).append(row)
    options = tuple(groups)
    n = np.zeros(len(options))
    mean = np.zeros(len(options))
    for i, group in enumerate(groups.values()):
        sizes = [_effective_questions(row, assumed_questions) for row in group]
        n[i] = sum(sizes)
        mean[i] = sum(s * row.accuracy for s, row in zip(sizes, group, strict=True)) / n[i]
    tokens = tuple(_mean_tokens(group) for group in groups.values())
    places = _places(options, tokens)
    fit = fit_logits(n[None], mean[None], steps=tie_settings(options, places))
    return PublishedCurve(
        source=source,
        benchmark=benchmark,
        options=options,
        logit=fit.logit[0],
        mixing=np.eye(len(options)),
        covariance=fit.own[0] + fit.loading[0] @ fit.shared @ fit.loading[0].T,
        bridge=np.zeros(len(options)),
        places=places,
        n_questions=n,
        output_tokens=tokens,
        notes=_notes(rows, groups, assumed_questions),
    )


def _effective_questions(row: Measurement, assumed: int) -> float:
    """Give the number of right-or-wrong answers that are as informative as the measurement."""
    stated = float(row.n_questions if row.n_questions is not None else assumed)
    noise = row.accuracy * (1 - row.accuracy)
    if not row.accuracy_se or noise <= 0:
        return stated
    said = noise / row.accuracy_se**2
    if row.n_questions is None:
        return max(said, 1.0)
    # A published error counts repeated samples; beyond these bounds it was rounded or is wrong.
    return float(np.clip(said, stated / 1.5, stated / 0.02))


def _mean_tokens(group: Sequence[Measurement]) -> float | None:
    """Average the output tokens that are known."""
    known = [row.output_tokens for row in group if row.output_tokens is not None]
    return sum(known) / len(known) if known else None


def _places(options: Sequence[Option], tokens: Sequence[float | None]) -> tuple[float | None, ...]:
    """Place the settings of each model along its knob."""
    places: list[float | None] = [None] * len(options)
    for model in {model for model, _ in options}:
        mine = [i for i, (other, _) in enumerate(options) if other == model]
        found = positions([options[i][1] for i in mine], [tokens[i] for i in mine])
        for i, place in zip(mine, found or (), strict=found is not None):
            places[i] = place
    return tuple(places)


def _notes(
    rows: Sequence[Measurement],
    groups: dict[Option, list[Measurement]],
    assumed: int,
) -> tuple[str, ...]:
    """State what was assumed."""
    key = f"{rows[0].source}/{rows[0].benchmark}"
    notes = []
    if any(row.n_questions is None and not row.accuracy_se for row in rows):
        notes.append(f"{key} does not say how many questions; {assumed} are assumed")
    pooled = [f"{m} {s!r}" for (m, s), group in groups.items() if len(group) > 1]
    if pooled:
        notes.append(f"{key} measured {', '.join(pooled)} more than once; the runs are pooled")
    if any(row.confidence != "read" for row in rows):
        notes.append(f"{key}: accuracies were read off a figure")
    return tuple(notes)

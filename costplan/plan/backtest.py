"""Does the forecast hold? Plan on a part of the user's outcomes, judge on the rest, many times."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.domain.outcomes import Note, Outcomes
from costplan.plan.backtest_judged import find_reference, keep_judgeable, note_left_out
from costplan.plan.backtest_split import Split, SplitResult, Trial, draw_splits

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Parts = Iterable[tuple[NDArray[np.bool_], NDArray[np.bool_]]]

CEILINGS = (0.1, 0.25, 0.5, 0.75, 1.0)
SPLITS = 20
KEEP = 0.95


@dataclass(frozen=True, slots=True)
class CeilingResult:
    """What the splits showed at one ceiling; averages over the splits with a plan."""

    fraction: float
    """Ceiling as a fraction of the best single option's cost per question."""
    usd: float
    """Ceiling in dollars per question."""
    planned: int
    """Splits in which a plan meets the ceiling; without any, every average is None."""
    promised: float | None
    """Share of the plans that kept their cost margin; the others warn about the ceiling."""
    forecast: float | None
    """Accuracy as forecast."""
    realised: float | None
    """Accuracy on questions not seen."""
    gap: float | None
    """Forecast minus realised."""
    gap_sd: float | None
    """Standard deviation of the gap between splits."""
    over_mean: float | None
    """Realised cost over the ceiling, as a fraction of it; negative below."""
    over_1pct: float | None
    """Share of the promised plans that cost more than 1 % above the ceiling."""
    over_5pct: float | None
    """Share of the promised plans that cost more than 5 % above the ceiling."""
    covered_80: float | None
    """Share of splits whose 80 % interval holds the realised accuracy."""
    covered_95: float | None
    """Share of splits whose 95 % interval holds the realised accuracy."""
    fell_back: float | None
    """Share of plans that took the class-blind mix."""
    unmargined: float | None
    """Accuracy realised without a cost margin."""
    naive_forecast: float | None
    """Accuracy that planning on raw means forecasts."""
    naive_realised: float | None
    """Accuracy that planning on raw means realises."""
    naive_over_1pct: float | None
    """Share of naive plans that cost more than 1 % above the ceiling."""
    naive_over_5pct: float | None
    """Share of naive plans that cost more than 5 % above the ceiling."""
    best_single: float | None
    """Accuracy of the best single option within the ceiling."""
    class_blind_mix: float | None
    """Accuracy of the best class-blind mix, planned on raw means without a margin."""
    class_blind_mix_with_margin: float | None
    """Accuracy of such a mix that leaves the same room below its ceiling as the plan."""
    hindsight: float | None
    """Accuracy of the best plan for the held-out questions themselves."""
    oracle: float | None
    """Accuracy when every held-out question takes its own best option."""

    @property
    def gain_over_mix(self) -> float | None:
        """Accuracy realised above the class-blind mix."""
        return _minus(self.realised, self.class_blind_mix)

    @property
    def gain_over_careful_mix(self) -> float | None:
        """Accuracy realised above the class-blind mix that keeps its ceiling as the plan does."""
        return _minus(self.realised, self.class_blind_mix_with_margin)

    @property
    def possible_gain_over_mix(self) -> float | None:
        """What knowing the held-out questions' results per class would bring over the mix."""
        return _minus(self.hindsight, self.class_blind_mix)

    @property
    def unmargined_gain_over_mix(self) -> float | None:
        """Accuracy realised without a cost margin above the class-blind mix."""
        return _minus(self.unmargined, self.class_blind_mix)

    @property
    def naive_gap(self) -> float | None:
        """Forecast minus realised of planning on raw means."""
        return _minus(self.naive_forecast, self.naive_realised)


@dataclass(frozen=True, slots=True)
class Summary:
    """The backtest in a line; averages over ceilings with a plan."""

    mean_gap: float | None
    """Mean over ceilings of forecast minus realised."""
    mean_abs_gap: float | None
    """Mean over ceilings of its size."""
    worst_gap: float | None
    """The gap of largest size, with its sign."""
    mean_gain_over_mix: float | None
    """Mean accuracy above the class-blind mix."""
    worst_gain_over_mix: float | None
    """Smallest mean gain at any ceiling."""
    ceilings_held_1pct: float | None
    """Share of promised plans that cost at most 1 % above their ceiling."""
    ceilings_held_5pct: float | None
    """Share of promised plans that cost at most 5 % above their ceiling."""
    covered_80: float | None
    """Share of realised accuracies inside the 80 % interval."""
    covered_95: float | None
    """Share of realised accuracies inside the 95 % interval."""
    naive_mean_gap: float | None
    """Mean gap of planning on raw means."""
    naive_ceilings_held_1pct: float | None
    """Share of naive plans that cost at most 1 % above their ceiling."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """Predicted against realised, over repeated splits of the user's outcomes."""

    dataset: str
    """Names of the datasets, joined by " + "."""
    splits: int
    """Number of splits."""
    seed: int
    """Seed of the splits."""
    folds: int
    """Parts of each split: 2 plans on one half, 5 on four fifths."""
    confidence: float
    """Confidence with which a plan keeps its ceiling."""
    classes: int
    """Task classes judged."""
    options: int
    """Options in the table."""
    questions: int
    """Questions of the judged classes."""
    best_single_option: tuple[str, str] | None
    """Model and setting of the best option that every class has; None without one."""
    ceilings: tuple[CeilingResult, ...]
    """One per ceiling, as asked."""
    summary: Summary
    """All ceilings in a line."""
    money_to_keep_95: float | None
    """Share of the best single option's money that keeps 95 % of its accuracy, as realised."""
    trials: tuple[Trial, ...]
    """Every plan that was judged: the points of a calibration chart."""
    notes: tuple[Note, ...]
    """What was odd or left out."""


def run_backtest(
    outcomes: Outcomes,
    ceilings: Sequence[float] = CEILINGS,
    splits: int = SPLITS,
    seed: int = 0,
    *,
    folds: int = 2,
    questions_per_class: int | None = None,
    confidence: float = 0.9,
    watch: Callable[[Parts], Parts] = lambda parts: parts,
) -> Backtest:
    """Judge forecasts, ceilings and choices on questions that the plans have not seen.

    ceilings: fractions of the cost per question of the best single option that every class has,
    or where there is none, of the best option of each class. The order of rows and the order of
    classes change nothing. watch passes the splits on, to show progress. Raises InputError where
    no class can be judged, ValueError for arguments out of range.
    """
    import numpy as np

    from costplan.evidence.cells import collect_answers, count_cells

    _check_arguments(ceilings, splits, folds, questions_per_class, confidence)
    answers, notes = keep_judgeable(collect_answers(outcomes))
    whole = count_cells(answers)
    weights = whole.questions / whole.questions.sum()
    best, unit = find_reference(whole, weights)
    if unit <= 0:
        raise InputError(
            [Fault("the best option costs nothing: there is no ceiling to plan under")]
        )
    results = [
        _judge_split(Split(answers, planning, held, weights), number, ceilings, unit, confidence)
        for number, (planning, held) in enumerate(
            watch(draw_splits(answers, splits, seed, folds, questions_per_class))
        )
    ]
    judged = [result for result in results if result is not None]
    trials = tuple(trial for result in judged for trial in result.trials)
    rows = tuple(_at_ceiling(fraction, fraction * unit, trials) for fraction in ceilings)
    return Backtest(
        dataset=" + ".join(outcomes.dataset.names),
        splits=splits,
        seed=seed,
        folds=folds,
        confidence=confidence,
        classes=len(answers.classes),
        options=len(answers.options),
        questions=int(np.sum(whole.questions)),
        best_single_option=None if best is None else answers.options[best],
        ceilings=rows,
        summary=_summarise(rows, trials),
        money_to_keep_95=_money_to_keep(judged),
        trials=trials,
        notes=(*answers.notes, *notes, *note_left_out(splits - len(judged), splits)),
    )


def _check_arguments(
    ceilings: Sequence[float],
    splits: int,
    folds: int,
    questions_per_class: int | None,
    confidence: float,
) -> None:
    """Refuse arguments that no backtest can use."""
    if not ceilings or any(not (0 < f < math.inf) for f in ceilings):
        raise ValueError("ceilings must be fractions above 0")
    if not 0.5 < confidence < 1:
        raise ValueError("confidence must lie between 0.5 and 1")
    if splits < 1 or folds < 2 or (questions_per_class is not None and questions_per_class < 1):
        raise ValueError("splits and questions per class must be at least 1, folds at least 2")


def _judge_split(
    split: Split, number: int, ceilings: Sequence[float], unit: float, confidence: float
) -> SplitResult | None:
    """Plan and judge one split at every ceiling; None where a class has nothing to plan with."""
    import numpy as np

    from costplan.evidence.costs import margin_z

    if not split.feasible:
        return None
    asked = float(np.median(split.seen.questions))
    z = margin_z(float(split.usable.sum(1).mean()), confidence, asked)
    trials = [split.trial(number, fraction, fraction * unit, z) for fraction in ceilings]
    accuracy, usd = split.realise(split.single(math.inf))
    return SplitResult(
        trials=tuple(trial for trial in trials if trial is not None),
        best_accuracy=accuracy,
        best_usd=usd,
        curve=split.money_curve(split.by_class.full_usd),
    )


def _at_ceiling(fraction: float, usd: float, trials: Sequence[Trial]) -> CeilingResult:
    """Average the splits at one ceiling."""
    mine = [trial for trial in trials if trial.fraction == fraction]
    kept = [trial for trial in mine if trial.promised]
    gaps = [trial.forecast - trial.realised for trial in mine]
    return CeilingResult(
        fraction=fraction,
        usd=usd,
        planned=len(mine),
        promised=_mean([t.promised for t in mine]),
        forecast=_mean([t.forecast for t in mine]),
        realised=_mean([t.realised for t in mine]),
        gap=_mean(gaps),
        gap_sd=stdev(gaps) if len(gaps) > 1 else None,
        over_mean=_mean([t.over for t in mine]),
        over_1pct=_mean([t.over > 0.01 for t in kept]),
        over_5pct=_mean([t.over > 0.05 for t in kept]),
        covered_80=_mean([t.inside_80 for t in mine]),
        covered_95=_mean([t.inside_95 for t in mine]),
        fell_back=_mean([t.fell_back for t in mine]),
        unmargined=_mean([t.unmargined for t in mine]),
        naive_forecast=_mean([t.naive_forecast for t in mine]),
        naive_realised=_mean([t.naive_realised for t in mine]),
        naive_over_1pct=_mean([t.naive_over > 0.01 for t in mine]),
        naive_over_5pct=_mean([t.naive_over > 0.05 for t in mine]),
        best_single=_mean([t.best_single for t in mine]),
        class_blind_mix=_mean([t.mix for t in mine]),
        class_blind_mix_with_margin=_mean([t.mix_with_margin for t in mine]),
        hindsight=_mean([t.hindsight for t in mine]),
        oracle=_mean([t.oracle for t in mine]),
    )


def _summarise(rows: Sequence[CeilingResult], trials: Sequence[Trial]) -> Summary:
    """Put all ceilings in a line."""
    gaps = [row.gap for row in rows if row.gap is not None]
    gains = [row.gain_over_mix for row in rows if row.gain_over_mix is not None]
    naive = [row.naive_gap for row in rows if row.naive_gap is not None]
    kept = [trial for trial in trials if trial.promised]
    return Summary(
        mean_gap=_mean(gaps),
        mean_abs_gap=_mean([abs(gap) for gap in gaps]),
        worst_gap=max(gaps, key=abs, default=None),
        mean_gain_over_mix=_mean(gains),
        worst_gain_over_mix=min(gains, default=None),
        ceilings_held_1pct=_mean([t.over <= 0.01 for t in kept]),
        ceilings_held_5pct=_mean([t.over <= 0.05 for t in kept]),
        covered_80=_mean([t.inside_80 for t in trials]),
        covered_95=_mean([t.inside_95 for t in trials]),
        naive_mean_gap=_mean(naive),
        naive_ceilings_held_1pct=_mean([t.naive_over <= 0.01 for t in trials]),
    )


def _money_to_keep(results: Sequence[SplitResult]) -> float | None:
    """Find the share of the best single option's money at which 95 % of its accuracy is kept."""
    import numpy as np

    known = [r for r in results if math.isfinite(r.best_accuracy)]
    if not known:
        return None
    target = KEEP * fmean(r.best_accuracy for r in known)
    usd, accuracy = np.mean([r.curve for r in known], axis=0).T
    reached = np.flatnonzero(accuracy >= target)
    if not len(reached):
        return None
    i = int(reached[0])
    spent = float(usd[i])
    if i > 0:
        spent = float(np.interp(target, accuracy[i - 1 : i + 1], usd[i - 1 : i + 1]))
    best_usd = fmean(r.best_usd for r in known)
    return spent / best_usd if best_usd > 0 else None


def _mean(values: Sequence[float]) -> float | None:
    """Average what is known; None where nothing is."""
    known = [float(value) for value in values if not math.isnan(value)]
    return fmean(known) if known else None


def _minus(left: float | None, right: float | None) -> float | None:
    return None if left is None or right is None else left - right

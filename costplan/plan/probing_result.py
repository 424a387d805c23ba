"""What a probe found: every curve with intervals, beside the published one, and what it changes."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import NormalDist
from typing import TYPE_CHECKING

from costplan.domain.figures import write_percent
from costplan.domain.measurement import Measurement
from costplan.plan.probing_judges import JudgeFound
from costplan.plan.probing_plan import Judged, judge
from costplan.plan.probing_run import Live, left_to_gain
from costplan.plan.probing_stage import Name
from costplan.probe.records import Tally
from costplan.probe.results import Point, SameSpend, Span, points, same_spend

if TYPE_CHECKING:
    from costplan.evidence.published import PublishedCurve

FEW_FOR_RANKS = 3
"""Options from which an order is compared."""


@dataclass(frozen=True, slots=True)
class OptionFound:
    """What was measured of an option of a class, and what is believed of it."""

    point: Point
    """What was measured."""
    believed: Span
    """Accuracy that the next plan will believe, with its interval."""
    published: float | None
    """Accuracy as published on the benchmark that stood for the class; None where it has none."""
    plan_usd: float
    """Dollars of a request in the plan, at the class's own sizes, batch and cache."""
    chance: float
    """Chance that it is the best of its class at the plan's price of a dollar."""
    share_before: float
    """Share of the class in the plan before the first answer."""
    share_now: float
    """Share of the class in the plan by what is believed now."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The measured curve beside the published one that stood for the class."""

    benchmark: str
    n: int
    """Options that both have."""
    level: float
    """Mean difference, measured minus published, in accuracy."""
    level_low: float
    """Lower end of the difference's interval, from the chance of the questions asked."""
    level_high: float
    """Upper end of the difference's interval."""
    order: float | None
    """Rank correlation of the two, -1 to 1; None for fewer than three options."""
    inside: int
    """Options whose measured accuracy lies inside the interval that was forecast for it."""


@dataclass(frozen=True, slots=True)
class ClassFound:
    """A class's results."""

    name: str
    questions: int
    """Questions that it has."""
    evidence: str
    """What stood for it before."""
    options: tuple[OptionFound, ...]
    """Options with answers, by model and setting."""
    comparison: Comparison | None
    """None where no published curve stood for the class."""


@dataclass(frozen=True, slots=True)
class Found:
    """All results of a probe."""

    why: str
    """Why it ended: settled, questions, money, stopped, interrupted, replayed."""
    classes: tuple[ClassFound, ...]
    before: Judged | None
    """The plan before the first answer, judged by what is believed now."""
    now: Judged | None
    """The plan by what is believed now."""
    left: float
    """Accuracy, over all that is planned, that knowing everything would still bring at most."""
    sure: float
    """Chance that the option that takes most of a class is its best, at the weakest class."""
    alike: tuple[SameSpend, ...]
    """Neighbouring settings that spend the same."""
    judges: Mapping[str, JudgeFound]
    """How the judges compare with the user's own marks, by judge."""


def gather_found(live: Live, judges: Mapping[str, JudgeFound]) -> Found:
    """Sum a probe up."""
    tally = Tally(replies=dict(live.kept))
    measured = points(tally, float(live.stage.case.workload.confidence))
    alike = same_spend(tally, _settings(live))
    today, before = live.today, live.before
    return Found(
        why=live.why,
        classes=tuple(
            _class_found(live, c, [p for p in measured if p.task_class == name])
            for c, name in enumerate(live.stage.classes)
        ),
        before=judge(today, before.allocation) if today and before else None,
        now=judge(today, today.allocation) if today else None,
        left=left_to_gain(live),
        sure=math.nan if live.advice is None else live.advice.weakest,
        alike=tuple(alike),
        judges=judges,
    )


def _settings(live: Live) -> dict[str, list[str]]:
    """List the settings of every asked model, least thinking first."""
    models = dict.fromkeys(key[2] for key in live.kept)
    return {model: list(live.stage.sources.profiles[model].settings) for model in models}


def _class_found(live: Live, c: int, measured: Sequence[Point]) -> ClassFound:
    stage = live.stage
    name = stage.classes[c]
    order = {key: m for m, key in enumerate(stage.options)}
    found = [
        _option_found(live, c, order[point.option], point)
        for point in measured
        if point.option in order
    ]
    return ClassFound(
        name=name,
        questions=len(stage.questions[name]),
        evidence=stage.part(c).evidence,
        options=tuple(sorted(found, key=lambda each: order[each.point.option])),
        comparison=_compare(live, c, found),
    )


def _option_found(live: Live, c: int, m: int, point: Point) -> OptionFound:
    assert live.believed is not None
    assert live.today is not None
    assert live.before is not None
    z = _z(float(live.stage.case.workload.confidence))
    logit = float(live.believed.posterior.logit[c, m])
    variance = max(float(live.believed.posterior.covariance[c, m, m]), 0.0)
    mean = _sigmoid(logit / math.sqrt(1 + math.pi * variance / 8))
    reach = z * math.sqrt(variance)
    published = _published(live, live.stage.curves[c])
    return OptionFound(
        point=point,
        believed=Span(mean, min(_sigmoid(logit - reach), mean), max(_sigmoid(logit + reach), mean)),
        published=published.get(point.option),
        plan_usd=float(live.believed.usd[c, m]),
        chance=0.0 if live.advice is None else float(live.advice.best_share[c, m]),
        share_before=float(live.before.fill.shares[c, m]),
        share_now=float(live.today.fill.shares[c, m]),
    )


def _published(live: Live, curve: PublishedCurve | None) -> dict[Name, float]:
    """Give the accuracies as they were published, without what is interpolated."""
    if curve is None:
        return {}
    return {
        (row.model, row.setting): row.accuracy
        for row in live.stage.sources.measurements
        if (row.source, row.benchmark, row.samples) == (curve.source, curve.benchmark, 1)
    }


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit > -700 else 0.0


def _compare(live: Live, c: int, found: Sequence[OptionFound]) -> Comparison | None:
    curve = live.stage.curves[c]
    both = [each for each in found if each.published is not None]
    if curve is None or not both:
        return None
    from scipy.stats import spearmanr

    pairs = [(each.point.accuracy.mean, each.published or 0.0) for each in both]
    mine, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    order = None
    if len(both) >= FEW_FOR_RANKS and len(set(mine)) > 1 and len(set(theirs)) > 1:
        order = float(spearmanr(mine, theirs).statistic)
    name = live.stage.classes[c]
    belief = curve.carry_over([name]).classes[name]
    confidence = float(live.stage.case.workload.confidence)
    inside = 0
    for each in both:
        told = belief.estimate(each.point.option, confidence, future_questions=each.point.n)
        inside += told.low <= each.point.accuracy.mean <= told.high
    level = sum(a - b for a, b in pairs) / len(pairs)
    reach = _z(confidence) * _level_sd(live, name, [each.point for each in both])
    return Comparison(curve.key, len(both), level, level - reach, level + reach, order, inside)


def _level_sd(live: Live, name: str, measured: Sequence[Point]) -> float:
    """Give the standard deviation of a mean of accuracies that share their questions.

    The sum over questions of the squared influence of each on the mean, times n / (n - 1).
    """
    points_of = {point.option: point for point in measured}
    influence: dict[str, float] = {}
    for key, kept in live.kept.items():
        point = points_of.get((key[2], key[3]))
        if key[0] == name and point is not None and kept.score is not None:
            part = (kept.score - point.accuracy.mean) / (point.n * len(measured))
            influence[key[1]] = influence.get(key[1], 0.0) + part
    n = len(influence)
    if n < 2:
        return 1.0  # one question bounds nothing
    return math.sqrt(sum(part**2 for part in influence.values()) * n / (n - 1))


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def measurements(live: Live, dataset: str, day: dt.date) -> list[Measurement]:
    """Write what was measured as rows of a curve table; the class is the benchmark."""
    rows = []
    confidence = float(live.stage.case.workload.confidence)
    for point in points(Tally(replies=dict(live.kept)), confidence):
        group = [
            each
            for each in live.kept.values()
            if each.score is not None
            and each.key[0] == point.task_class
            and each.key[2:4] == point.option
        ]
        scores = [each.score or 0.0 for each in group]
        rows.append(
            Measurement(
                source=f"probe-{dataset}",
                benchmark=point.task_class,
                task_kind="own",
                model=point.option[0],
                setting=point.option[1],
                n_questions=point.n,
                accuracy=round(point.accuracy.mean, 9),
                accuracy_se=_standard_error(scores),
                input_tokens=round(point.input_tokens, 3),
                output_tokens=round(point.output_tokens, 3),
                reasoning_tokens=None
                if point.reasoning_tokens is None
                else round(point.reasoning_tokens, 3),
                usd=point.usd.quantize(Decimal("1e-9")),
                usd_basis="paid by the probe",
                seconds=round(sum(each.total_s for each in group) / len(group), 4),
                seconds_basis="measured per attempt, waiting apart; percentiles with"
                f" {confidence * 100:g} % intervals by order statistics",
                date=day.isoformat(),
                note=_remark(point),
                p50_s=round(point.p50_s.mean, 4),
                p50_low_s=_seconds(point.p50_s.low),
                p50_high_s=_seconds(point.p50_s.high),
                p95_s=round(point.p95_s.mean, 4),
                p95_low_s=_seconds(point.p95_s.low),
                p95_high_s=_seconds(point.p95_s.high),
            )
        )
    return rows


def _seconds(bound: float) -> float | None:
    """Give an end of an interval; None where nothing bounds it."""
    return round(bound, 4) if 0 < bound < math.inf else None


def _standard_error(scores: Sequence[float]) -> float | None:
    """Give the standard error of a mean mark; None for a single one."""
    n = len(scores)
    if n < 2:
        return None
    mean = sum(scores) / n
    return round(math.sqrt(sum((score - mean) ** 2 for score in scores) / (n - 1) / n), 9)


def _remark(point: Point) -> str:
    said = []
    if point.truncated:
        said.append(f"{write_percent(point.truncated, 0)} cut off at the cap")
    if point.refused:
        said.append(f"{write_percent(point.refused, 0)} refused")
    return "; ".join(said)

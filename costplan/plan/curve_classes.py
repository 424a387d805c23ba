"""The fitted curves of a workload's classes and of published benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.domain.estimate import Grade
from costplan.domain.measurement import UNSTATED, Measurement
from costplan.domain.option import Option
from costplan.plan.case import Case, ClassCase
from costplan.plan.curve_fit import CurveFit, FitPoint, choose_classes, put_in_order

if TYPE_CHECKING:
    from costplan.evidence.diagnosis import CurvePoint, Finding


def fit_workload(path: Path, names: Sequence[str], confidence: float | None) -> list[CurveFit]:
    """Fit the classes of a workload as its plan does; without names, all that have evidence.

    Raises InputError for a class that the workload does not have, or that states its options.
    """
    from costplan.plan.gather import gather
    from costplan.plan.load import load_sources, override

    workload, sources = load_sources(path)
    if confidence is not None:
        workload = override(workload, {"confidence": Decimal(str(confidence))})
    case = gather(workload, sources)
    parts: dict[str, ClassCase] = {}
    for part in case.classes:
        # Months differ in requests and prices, not in what is believed.
        parts.setdefault(part.task.name, part)
    fits = [
        _fit_part(case, parts[name], sources.measurements, path.parent)
        for name in choose_classes(names, list(parts), str(path))
        if names or parts[name].task.evidence is not None
    ]
    if not fits:
        raise InputError([Fault("no class rests on evidence: all state options", file=str(path))])
    return fits


def _fit_part(
    case: Case, part: ClassCase, measurements: Sequence[Measurement], base: Path
) -> CurveFit:
    task = part.task
    if task.evidence is None:
        raise InputError(
            [Fault(f"class {task.name!r} states its options: there is no curve to fit")]
        )
    # Votes and cascades are made of settings; the curve is of the settings.
    weighed = [
        option
        for option in part.options
        if option.accuracy.grade is not Grade.STATED and option.policy == "single"
    ]
    if task.evidence.outcomes is not None:
        from costplan.plan.curve_outcomes import read_table

        table = read_table(base / task.evidence.outcomes)
        findings = table.diagnose(
            task.evidence.outcomes_class or task.name, {(o.model, o.setting) for o in weighed}
        )
    else:
        used = {(o.source.source, o.source.benchmark, o.model, o.setting) for o in weighed}
        findings = _diagnose_rows(
            [
                row
                for row in measurements
                if row.samples == 1 and (row.source, row.benchmark, row.model, row.setting) in used
            ]
        )
    notes = [note.message for note in case.notes if note.task_class in (task.name, None)]
    return CurveFit(
        name=task.name,
        evidence=part.evidence,
        unit="request",
        confidence=float(case.workload.confidence),
        points=put_in_order(_read_option(option) for option in weighed),
        findings=tuple(findings),
        notes=tuple(dict.fromkeys(notes)),
    )


def _read_option(option: Option) -> FitPoint:
    measured = option.accuracy.grade is not Grade.ASSUMED
    output, reasoning = option.output_tokens, option.reasoning_tokens
    return FitPoint(
        model=option.model,
        setting=option.setting,
        n_questions=option.source.n_questions if measured else 0,
        measured=option.source.accuracy if measured else None,
        fitted=option.accuracy,
        usd=option.usd_per_request,
        output_tokens=None if output is None else float(output),
        reasoning_tokens=None if reasoning is None else float(reasoning),
    )


def fit_benchmark(
    rows: Sequence[Measurement], confidence: float, others: Sequence[str] = ()
) -> CurveFit:
    """Fit a published benchmark for itself: its intervals hold no transfer to a class.

    rows: of one source and benchmark; others: who has it too; as `choose_rows` gives them.
    """
    from costplan.evidence.published import read_curve

    curve = read_curve(rows)
    name = curve.benchmark
    belief = curve.carry_over([name], None).classes[name]
    belief = replace(belief, grades=(Grade.PUBLISHED,) * len(belief.options))
    return CurveFit(
        name=name,
        evidence=f"published by {curve.source}",
        unit="question",
        confidence=confidence,
        points=put_in_order(
            FitPoint(
                model=point.model,
                setting=point.setting,
                n_questions=stated,
                measured=point.accuracy,
                fitted=belief.estimate((point.model, point.setting), confidence),
                usd=None if point.usd is None else Decimal(repr(point.usd)),
                output_tokens=point.output_tokens,
                reasoning_tokens=point.reasoning_tokens,
            )
            for point, stated in _pool_rows(rows)
        ),
        findings=tuple(_diagnose_rows(rows)),
        notes=(*curve.notes, *([f"{', '.join(others)} have it too"] if others else [])),
    )


def choose_rows(
    benchmark: str, source: str | None, workload: Path | None = None
) -> tuple[list[Measurement], list[str]]:
    """Choose one source's rows of a benchmark, the one with most; also name the others.

    A workload brings its own curves. Raises InputError when nobody, or not this source, has the
    benchmark.
    """
    from costplan.files.catalogue import load_catalogue
    from costplan.files.workload import load_workload

    catalogue = load_catalogue()
    if workload is not None:
        _, catalogue = load_workload(workload, catalogue)
    by_source: dict[str, list[Measurement]] = {}
    for row in catalogue.measurements:
        if row.samples == 1 and row.setting != UNSTATED and row.benchmark == benchmark:
            by_source.setdefault(row.source, []).append(row)
    ranked = sorted(by_source, key=lambda name: (-len(by_source[name]), name))
    if not ranked:
        advice = "`costplan curves` lists what there is"
        raise InputError([Fault(f"no curve of benchmark {benchmark!r}", advice=advice)])
    if source is None:
        return by_source[ranked[0]], ranked[1:]
    if source not in by_source:
        advice = f"it is published by {', '.join(ranked)}"
        raise InputError([Fault(f"no curve of benchmark {benchmark!r} by {source}", advice=advice)])
    return by_source[source], []


def _pool_rows(rows: Sequence[Measurement]) -> list[tuple[CurvePoint, int | None]]:
    """Pool the rows of each option; also give the questions as stated.

    The point's questions are effective ones: what a published standard error amounts to.
    """
    from costplan.evidence.diagnosis import CurvePoint
    from costplan.evidence.published import read_curve

    curve = read_curve(rows)
    effective = dict(zip(curve.options, curve.n_questions.tolist(), strict=True))
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for row in rows:
        groups.setdefault((row.model, row.setting), []).append(row)
    pooled = []
    for option, group in sorted(groups.items()):
        sizes = [row.n_questions for row in group if row.n_questions is not None]
        weights = [row.n_questions or 1 for row in group]
        right = sum(w * row.accuracy for w, row in zip(weights, group, strict=True))
        point = CurvePoint(
            *option,
            accuracy=right / sum(weights),
            n_questions=effective[option],
            usd=_mean(None if row.usd is None else float(row.usd) for row in group),
            output_tokens=_mean(row.output_tokens for row in group),
            reasoning_tokens=_mean(row.reasoning_tokens for row in group),
        )
        pooled.append((point, sum(sizes) if len(sizes) == len(group) else None))
    return pooled


def _diagnose_rows(rows: Sequence[Measurement]) -> list[Finding]:
    from costplan.evidence.diagnosis import diagnose

    return diagnose(point for point, _ in _pool_rows(rows)) if rows else []


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None

"""From a workload to a case: every class with the options that its evidence and prices allow."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.domain.estimate import Estimate
from costplan.domain.measurement import Measurement
from costplan.domain.option import Exclusion, Option
from costplan.domain.profile import Profile
from costplan.domain.workload import Evidence, TaskClass, Workload
from costplan.plan.case import Case, ClassCase, Note
from costplan.plan.curve_source import Choice, choose_source, price_drafts
from costplan.plan.hygiene import keep_out
from costplan.plan.market import Market
from costplan.plan.measured import Tables, gather_measured
from costplan.plan.months import Month, end_period, list_months
from costplan.plan.options import state_option
from costplan.plan.policies import add_policies
from costplan.plan.publication import Publication
from costplan.plan.today import keep_today

if TYPE_CHECKING:
    from costplan.evidence.belief import Belief, Beliefs

ACCURACY_PLACES = 9
"""Decimal places to which an estimated accuracy is kept."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a workload is joined with."""

    profiles: Mapping[str, Profile]
    """Models by name."""
    measurements: tuple[Measurement, ...]
    """All curves."""
    base: Path
    """Folder that paths in the workload are relative to."""
    file: str | None = None
    """The workload's file as the user named it."""
    digest: str = ""
    """SHA-256 of what the workload came from."""
    today: dt.date | None = None
    """Day taken where the workload names none; the clock's when absent."""
    last_day: dt.date | None = None
    """Last day of the last month, where there is a horizon."""
    _chosen: dict[str, Choice] = field(default_factory=dict, repr=False, compare=False)
    _read: dict[tuple[str, str], Publication] = field(
        default_factory=dict, repr=False, compare=False
    )

    def read(self, source: str, benchmark: str) -> Publication:
        """Read a publication's run of a benchmark: once for all classes and months."""
        key = source, benchmark
        if key not in self._read:
            wanted = source, benchmark, 1
            rows = [
                row
                for row in self.measurements
                if (row.source, row.benchmark, row.samples) == wanted and row.model in self.profiles
            ]
            self._read[key] = Publication.of(rows, self.measurements, self.profiles)
        return self._read[key]

    def source_of(self, task: TaskClass, evidence: Evidence, market: Market) -> Choice:
        """Choose whose curve a class has: the same in every month. Raises InputError."""
        key = f"{task.name}\n{evidence.source}"
        if key not in self._chosen:
            last_day = max(self.last_day or market.last_day, market.last_day)
            markets = [replace(market, last_day=last_day), market]
            self._chosen[key] = choose_source(task, evidence, markets, self.measurements)
        return self._chosen[key]


def gather(workload: Workload, sources: Sources) -> Case:
    """Join a workload with profiles, prices and curves.

    Raises InputError when a class is left without any option.
    """
    from costplan.evidence.belief import Beliefs

    months: list[Month | None] = [*list_months(workload)] or [None]
    final = months[-1]
    last_day = None if final is None else end_period(final.first_day, "month")
    sources = replace(sources, last_day=last_day, _chosen={}, _read={})
    day = _first_day(workload, sources)
    tables = Tables(sources.base)
    parts: list[Part] = []
    market = Market(
        profiles=sources.profiles,
        day=day,
        last_day=end_period(day, workload.period),
        first_seen=_first_seen(sources.measurements),
        stated=workload.prices,
        hosts=workload.hosts,
        changes=workload.price_changes,
    )
    for month in months:
        market = (
            market
            if month is None
            else market.on(month.first_day, end_period(month.first_day, "month"))
        )
        there = workload if month is None else month.scale(workload)
        gathered = _gather_classes(there, market, tables, sources)
        label = None if month is None else month.label
        parts += [(replace(part, month=label), held, noted) for part, held, noted in gathered]
    _refuse_empty([part for part, _, _ in parts], sources)
    _refuse_vague([part for part, _, _ in parts], sources)
    beliefs: dict[str, Belief] = {}
    for _, belief, _ in parts:
        beliefs |= belief.classes if belief is not None else {}
    notes = [note for _, _, noted in parts for note in noted]
    return Case(
        workload=workload,
        file=sources.file,
        digest=sources.digest,
        starts=day,
        classes=tuple(part for part, _, _ in parts),
        beliefs=Beliefs(beliefs),
        ends={n: p.ends for n, p in sources.profiles.items() if p.ends is not None},
        notes=tuple(dict.fromkeys(notes)),
        own=tables.own(workload.classes),
    )


def _first_seen(measurements: Sequence[Measurement]) -> dict[str, str]:
    seen: dict[str, str] = {}
    for row in measurements:
        if row.date:
            seen[row.model] = min(row.date, seen.get(row.model, row.date))
    return seen


def _first_day(workload: Workload, sources: Sources) -> dt.date:
    months = list_months(workload)
    if months:
        return months[0].first_day
    return workload.starts or sources.today or dt.datetime.now(dt.UTC).date()


Part = tuple[ClassCase, "Beliefs | None", list[Note]]


def _gather_classes(
    workload: Workload, market: Market, tables: Tables, sources: Sources
) -> list[Part]:
    """Gather every class; the faults of all of them come together."""
    parts: list[Part] = []
    faults: list[Fault] = []
    for task in workload.classes:
        try:
            parts.append(_gather_class(task, workload, market, tables, sources))
        except InputError as error:
            faults += (replace(f, file=f.file or sources.file or "") for f in error.faults)
    if faults:
        raise InputError(faults)
    return parts


def _gather_class(
    task: TaskClass, workload: Workload, market: Market, tables: Tables, sources: Sources
) -> Part:
    stated = tuple(state_option(option) for option in task.options)
    evidence = task.evidence
    beliefs: Beliefs | None
    if evidence is None:
        alone = ClassCase(task, stated, (), "stated in the workload")
        return add_policies(alone, workload), None, []
    joint, belief = None, None
    if evidence.outcomes is not None:
        curve = None
        if evidence.benchmark is not None:
            curve = _take(task, evidence, market, sources)[1].curve
        part, measured, notes = gather_measured(task, evidence, market, tables, curve)
        belief = measured.classes[task.name]
        weighed = weigh(part.options, belief, float(workload.confidence))
        part, beliefs = replace(part, options=weighed), measured
        if task.policies:
            joint = tables.join(evidence.outcomes, evidence.outcomes_class or task.name)
    else:
        part, beliefs, notes = _gather_published(task, evidence, workload, market, sources)
    whole = replace(part, options=(*stated, *part.options))
    if task.today is not None:

        def gather_again(free: TaskClass, there: Market) -> Sequence[Option]:
            return _gather_again(free, task, workload, (there, market), tables, sources)

        whole = keep_today(whole, market, gather_again)
    return add_policies(whole, workload, joint, belief), beliefs, notes


def _gather_again(
    free: TaskClass,
    task: TaskClass,
    workload: Workload,
    markets: tuple[Market, Market],
    tables: Tables,
    sources: Sources,
) -> Sequence[Option]:
    """Gather a class that may use other models, on another day, from the evidence it has."""
    there, here = markets
    evidence = task.evidence
    assert evidence is not None
    if evidence.benchmark is not None:
        source, _ = sources.source_of(task, evidence, here)
        evidence = evidence.model_copy(update={"source": source})
    if evidence.outcomes is None:
        return _gather_published(free, evidence, workload, there, sources)[0].options
    curve = None
    if evidence.benchmark is not None:
        curve = _take(free, evidence, there, sources)[1].curve
    part, measured, _ = gather_measured(free, evidence, there, tables, curve)
    return weigh(part.options, measured.classes[task.name], float(workload.confidence))


def _gather_published(
    task: TaskClass, evidence: Evidence, workload: Workload, market: Market, sources: Sources
) -> Part:
    from costplan.evidence.belief import Beliefs

    (source, others), published = _take(task, evidence, market, sources)
    options, exclusions = price_drafts(task, published.drafts, market, published.tokens)
    kept, spoilt, said_odd = keep_out(task, options, published.inspect(options))
    beliefs = Beliefs({task.name: published.belief})
    believed = weigh(kept, published, float(workload.confidence), published.questions)
    notes = [Note("published", note, task.name) for note in published.curve.notes] + said_odd
    if others:
        said = f"{evidence.benchmark} is taken from {source}; {', '.join(others)} have it too"
        notes.append(Note("source_chosen", said, task.name))
    said = f"{evidence.benchmark} ({source})"
    return ClassCase(task, believed, (*exclusions, *spoilt), said), beliefs, notes


def _take(
    task: TaskClass, evidence: Evidence, market: Market, sources: Sources
) -> tuple[Choice, Publication]:
    """Choose a source for the class's benchmark, and read it."""
    choice = sources.source_of(task, evidence, market)
    return choice, sources.read(choice[0], evidence.benchmark or "")


def weigh(
    options: Sequence[Option],
    belief: Belief | Publication,
    confidence: float,
    questions: Mapping[tuple[str, str], int | None] = MappingProxyType({}),
) -> tuple[Option, ...]:
    """Give every option the accuracy that its class's evidence allows."""
    from costplan.evidence.costs import USUAL_CV2
    from costplan.evidence.published import ASSUMED_QUESTIONS

    return tuple(
        replace(
            option,
            accuracy=_round(belief.estimate((option.model, option.setting), confidence)),
            usd_relative_sd=option.usd_relative_sd
            or math.sqrt(
                USUAL_CV2 / (questions.get((option.model, option.setting)) or ASSUMED_QUESTIONS)
            ),
        )
        for option in options
    )


def _round(estimate: Estimate) -> Estimate:
    mean = round(estimate.mean, ACCURACY_PLACES)
    return replace(
        estimate,
        mean=mean,
        low=min(round(estimate.low, ACCURACY_PLACES), mean),
        high=max(round(estimate.high, ACCURACY_PLACES), mean),
    )


def _refuse_vague(parts: Sequence[ClassCase], sources: Sources) -> None:
    """Refuse a `today` that names a model with several settings and none of them."""
    faults = []
    for part in parts:
        today = part.task.today
        if today is None or today.setting is not None:
            continue
        settings = [o.setting for o in part.options if today.model == o.model]
        if len(settings) > 1 and all(o.name != today.model for o in part.options):
            faults.append(
                Fault(
                    f"class {part.task.name!r}: today's setting of {today.model} is missing",
                    file=sources.file or "",
                    advice=f"say which of {', '.join(settings)}: today: {{model: {today.model}, "
                    "setting: ...}",
                )
            )
    if faults:
        raise InputError(faults)


def _refuse_empty(parts: Sequence[ClassCase], sources: Sources) -> None:
    faults = [
        Fault(
            f"class {part.task.name!r} has no option: {_sum_up(part.exclusions)}",
            file=sources.file or "",
            advice="choose another benchmark (`costplan curves`) or allow more models",
        )
        for part in parts
        if not part.options
    ]
    if faults:
        raise InputError(faults)


def _sum_up(exclusions: Sequence[Exclusion]) -> str:
    if not exclusions:
        return "its evidence names no model that has a profile"
    reasons: dict[str, list[str]] = {}
    for exclusion in exclusions:
        reasons.setdefault(exclusion.reason, []).append(exclusion.name)
    said = [
        f"{', '.join(names[:3])}{'…' if len(names) > 3 else ''}: {reason}"
        for reason, names in reasons.items()
    ]
    return "; ".join(said[:4])

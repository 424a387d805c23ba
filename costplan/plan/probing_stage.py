"""What a probe is about: the case that is planned, the questions, and what could be asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.domain.estimate import Estimate, Grade
from costplan.domain.option import Option, Source
from costplan.domain.price import UnknownPriceError
from costplan.domain.profile import Profile
from costplan.domain.workload import TaskClass, Workload
from costplan.plan.case import Case, ClassCase
from costplan.plan.gather import Sources, gather
from costplan.plan.load import load_sources
from costplan.plan.months import list_months
from costplan.probe.questions import Question, read_questions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.evidence.published import PublishedCurve

    Places = NDArray[np.int64]

Name = tuple[str, str]
"""Model and setting."""
UNMEASURED = ("no_curve", "no_tokens", "not_measured", "too_few", "no_dollars")
"""Reasons for which an option is left out of a plan, but can be measured."""
USUAL_OUTPUT = Decimal(1500)
"""Output tokens that are guessed where nobody knows any."""
USUAL_INPUT = Decimal(500)


@dataclass(frozen=True, slots=True)
class Row:
    """One answer that counts: of this probe, or of outcomes that the workload has already."""

    task_class: str
    question: str
    option: Name
    score: float
    usd: float
    """Dollars; NaN unknown."""
    output_tokens: float
    """Output tokens, reasoning included; NaN unknown."""
    latency_s: float
    """Seconds; NaN unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """Everything a probe decides from; arrays are (C, M) over asked classes and their options."""

    case: Case
    """The whole case, with what was never measured as options too."""
    sources: Sources
    """Profiles and measurements."""
    classes: tuple[str, ...]
    """Classes that have questions, in the workload's order."""
    questions: Mapping[str, tuple[Question, ...]]
    """Questions by class, in the order of asking."""
    options: tuple[Name, ...]
    """Every option of these classes."""
    place: Places
    """Index of the option in its class's case; -1 where the class does not have it."""
    curves: tuple[PublishedCurve | None, ...]
    """Published curve that stands for each class."""
    old: tuple[Row, ...]
    """Answers that the workload's own outcomes hold."""
    notes: tuple[str, ...] = ()
    """What a reader must know."""

    def part(self, c: int) -> ClassCase:
        """Give an asked class's case."""
        return next(p for p in self.case.classes if p.task.name == self.classes[c])

    def option(self, c: int, m: int) -> Option | None:
        """Give an option of a class; None where the class does not have it."""
        at = int(self.place[c, m])
        return None if at < 0 else self.part(c).options[at]


def set_stage(path: Path, asked: Path, models: Sequence[str] = ()) -> Stage:
    """Read workload and questions, and join them.

    models are patterns on profile names; only options that match one are asked. Raises InputError
    with every fault of the files, and when a class with questions has nothing that can be asked.
    """
    workload, sources = load_sources(path)
    questions = read_questions(asked, classes=[task.name for task in workload.classes])
    plain, notes = _one_period(workload)
    bare = _without_outcomes(plain)
    case = gather(bare, sources)
    case = replace(case, classes=tuple(_with_unmeasured(p, case, sources) for p in case.classes))
    by_class = _in_asking_order(questions, plain.seed)
    classes = tuple(p.task.name for p in case.classes if p.task.name in by_class)
    options, place = _lay_out(case, classes)
    stage = Stage(
        case=case,
        sources=sources,
        classes=classes,
        questions=by_class,
        options=options,
        place=place,
        curves=tuple(_curve(p, sources) for p in case.classes if p.task.name in by_class),
        old=tuple(_old_rows(plain, sources, by_class)),
        notes=tuple(notes),
    )
    _refuse_empty(stage, models, asked)
    return stage


def can_ask(stage: Stage, models: Sequence[str] = ()) -> NDArray[np.bool_]:
    """Tell which options a call can be made for: those of a profile, (C, M)."""
    import numpy as np

    found = np.zeros(stage.place.shape, bool)
    for c in range(len(stage.classes)):
        for m, (model, setting) in enumerate(stage.options):
            profile = stage.sources.profiles.get(model)
            option = stage.option(c, m)
            found[c, m] = (
                option is not None
                and option.accuracy.grade is not Grade.STATED
                and profile is not None
                and setting in profile.settings
                and (not models or any(fnmatchcase(model, pattern) for pattern in models))
            )
    return found


def _refuse_empty(stage: Stage, models: Sequence[str], asked: Path) -> None:
    able = can_ask(stage, models)
    faults = [
        Fault(
            f"class '{name}' has no option that can be asked",
            file=stage.case.file or "",
            advice="its options must be of models with a profile"
            + (f" that match {', '.join(models)}" if models else ""),
        )
        for c, name in enumerate(stage.classes)
        if not able[c].any()
    ]
    if not stage.classes:
        faults = [Fault("no question is of a class of the workload", file=str(asked))]
    if faults:
        raise InputError(faults)


def _one_period(workload: Workload) -> tuple[Workload, list[str]]:
    """Take the first month of a horizon: what is measured holds for all of them."""
    months = list_months(workload)
    if not months:
        return workload, []
    first = months[0]
    keys = {"horizon": None, "starts": first.first_day}
    plain = first.scale(workload).model_copy(update=keys)
    budget = workload.horizon.budget if workload.horizon else "month"
    if budget == "total" and workload.ceilings.usd is not None:
        share = workload.ceilings.usd / len(months)
        ceilings = plain.ceilings.model_copy(update={"usd": share})
        plain = plain.model_copy(update={"ceilings": ceilings})
    return plain, [f"what to ask is decided by the first month of the horizon, {first.label}"]


def _without_outcomes(workload: Workload) -> Workload:
    """Let the benchmark alone stand for a class that has both, so that every option is there."""

    def bare(task: TaskClass) -> TaskClass:
        evidence = task.evidence
        if evidence is None or evidence.outcomes is None or evidence.benchmark is None:
            return task
        kept = evidence.model_copy(update={"outcomes": None, "outcomes_class": None})
        return task.model_copy(update={"evidence": kept})

    return workload.model_copy(update={"classes": tuple(bare(t) for t in workload.classes)})


def _in_asking_order(questions: Iterable[Question], seed: int) -> dict[str, tuple[Question, ...]]:
    """Shuffle the questions of each class, so that the first few are like the others.

    By digest: a question that is added or taken away leaves the order of the others as it was.
    """
    by_class: dict[str, list[Question]] = {}
    for question in questions:
        by_class.setdefault(question.task_class, []).append(question)

    def key(question: Question) -> str:
        text = f"{seed}\0{question.task_class}\0{question.id}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    return {name: tuple(sorted(group, key=key)) for name, group in by_class.items()}


def _with_unmeasured(part: ClassCase, case: Case, sources: Sources) -> ClassCase:
    """Add options that nobody measured, or whose tokens nobody knows: asking tells both."""
    if part.task.evidence is None:
        return part
    known = {(option.model, option.setting) for option in part.options}
    wanted: dict[Name, None] = {}
    for exclusion in part.exclusions:
        if exclusion.code not in UNMEASURED:
            continue
        model, slash, setting = exclusion.name.rpartition("/")
        if slash and model in sources.profiles:
            wanted[model, setting] = None
        elif exclusion.name in sources.profiles:
            labels = sources.profiles[exclusion.name].settings
            wanted |= {(exclusion.name, label): None for label in labels}
    guesses = [o.output_tokens for o in part.options if o.output_tokens is not None]
    guess = median(guesses) if guesses else USUAL_OUTPUT
    more = [
        option
        for model, setting in wanted
        if (model, setting) not in known
        and (option := _unmeasured(part.task, model, setting, case, sources, guess)) is not None
    ]
    return replace(part, options=(*part.options, *more))


def _unmeasured(
    task: TaskClass, model: str, setting: str, case: Case, sources: Sources, guess: Decimal
) -> Option | None:
    """Make an option of which only the price is known; None where not even that is."""
    from costplan.files.prices import find_price

    profile: Profile = sources.profiles[model]
    if setting not in profile.settings:
        return None
    size = task.input_tokens if task.input_tokens is not None else USUAL_INPUT
    try:
        price = find_price(
            model, profile, as_of=case.starts, batch=task.batch, input_tokens=size,
            host=case.workload.hosts.get(model), stated=case.workload.prices.get(model),
        )  # fmt: skip
    except UnknownPriceError:
        return None
    return Option(
        name=f"{model}/{setting}",
        model=model,
        provider=price.provider,
        setting=setting,
        accuracy=Estimate(0.5, 0.0, 1.0, Grade.ASSUMED),
        usd_per_request=price.usd_per_call(size, task.cached_input_tokens, guess),
        usd_relative_sd=1.0,
        source=Source("", "", None, 0.5),
        input_tokens=size,
        output_tokens=guess,
        price=price,
        notes=("nobody measured it yet",),
    )


def _lay_out(case: Case, classes: Sequence[str]) -> tuple[tuple[Name, ...], Places]:
    """Give every option of the asked classes a column."""
    import numpy as np

    parts = [part for part in case.classes if part.task.name in classes]
    columns: dict[Name, int] = {}
    for part in parts:
        for option in part.options:
            columns.setdefault((option.model, option.setting), len(columns))
    place = np.full((len(parts), len(columns)), -1, dtype=np.int64)
    for c, part in enumerate(parts):
        for i, option in enumerate(part.options):
            m = columns[option.model, option.setting]
            if place[c, m] < 0:  # a stated option of the same name goes first
                place[c, m] = i
    return tuple(columns), place


def _curve(part: ClassCase, sources: Sources) -> PublishedCurve | None:
    """Read the published curve that the class's options come from."""
    from costplan.evidence.published import read_curve

    evidence = part.task.evidence
    if evidence is None or evidence.benchmark is None:
        return None
    keys = {
        (option.source.source, option.source.benchmark)
        for option in part.options
        if option.source.benchmark == evidence.benchmark
    }
    if len(keys) != 1:
        return None
    source, benchmark = keys.pop()
    curve = read_curve(
        row
        for row in sources.measurements
        if (row.source, row.benchmark, row.samples) == (source, benchmark, 1)
        and row.model in sources.profiles
    )
    wanted = [(option.model, option.setting) for option in part.options]
    known = set(curve.options)
    return curve.with_settings(
        name for name in wanted if name not in known and curve.can_interpolate(name)
    )


def _old_rows(
    workload: Workload, sources: Sources, by_class: Mapping[str, object]
) -> Iterable[Row]:
    """Read the answers that the workload's own outcomes hold for the asked classes."""
    from costplan.files.outcomes import read_outcomes

    for task in workload.classes:
        evidence = task.evidence
        if evidence is None or evidence.outcomes is None or task.name not in by_class:
            continue
        table = read_outcomes(sources.base / evidence.outcomes)
        wanted = evidence.outcomes_class or task.name
        columns = zip(
            table.task_class.decode(), table.question.decode(), table.model.decode(),
            table.setting.decode(), table.correct.tolist(), table.usd.tolist(),
            table.output_tokens.tolist(), table.latency_s.tolist(), strict=True,
        )  # fmt: skip
        for name, question, model, setting, *numbers in columns:
            if name == wanted:
                yield Row(task.name, question, (model, setting), *numbers)

"""From own outcomes to the options of a class: measured dollars, measured seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.domain.option import Exclusion, Option, Source
from costplan.domain.outcomes import Outcomes
from costplan.domain.price import Price
from costplan.domain.workload import Evidence, TaskClass
from costplan.plan.case import ClassCase, Note, OwnOutcomes
from costplan.plan.hygiene import inspect_measured, keep_out
from costplan.plan.market import Market
from costplan.plan.options import PENDING, find_barrier, match_model
from costplan.plan.repricing import price_measured
from costplan.plan.tokens import TOKEN, TokenUse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.evidence.belief import Beliefs
    from costplan.evidence.cells import Answers, Cells, Usage
    from costplan.evidence.estimates import Estimates
    from costplan.evidence.published import PublishedCurve
    from costplan.policies.estimate import PolicyEstimate
    from costplan.policies.table import Table as QuestionTable

MIN_QUESTIONS = 4
"""Questions of a class that an option needs, or half of the class's where that is fewer."""
USD_PLACES = 9
"""Decimal places to which measured dollars per request are kept."""
MILLISECOND = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Table:
    """An outcomes file, estimated."""

    estimates: Estimates
    """What is believed about every class and option of the file."""
    usage: Usage
    """Time and tokens per class and option."""
    cells: Cells
    """Counts per class and option."""
    outcomes: Outcomes
    """The file as read."""
    answers: Answers
    """Its samples averaged per question."""
    cut_off: NDArray[np.float64]
    """Share of answers cut off, (C, M)."""
    refused: NDArray[np.float64]
    """Share of answers that are refusals, (C, M)."""


@dataclass(frozen=True, slots=True)
class Joint:
    """Outcomes of a class question by question, and what was found out from them."""

    table: QuestionTable
    """Questions by settings."""
    memo: dict[object, tuple[PolicyEstimate, ...] | str] = field(
        default_factory=dict, repr=False, compare=False
    )
    """Policies that were evaluated: the months of a horizon share them."""


@dataclass(frozen=True, slots=True)
class Tables:
    """Outcomes files of a workload; each is read and estimated once."""

    base: Path
    """Folder that paths in the workload are relative to."""
    _read: dict[str, Table] = field(default_factory=dict, repr=False, compare=False)
    _joint: dict[tuple[str, str], Joint] = field(default_factory=dict, repr=False, compare=False)

    def read(self, path: str) -> Table:
        """Read a file; InputError has all its faults."""
        if path not in self._read:
            from costplan.evidence.cells import collect_answers, count_cells, measure_usage
            from costplan.evidence.diagnosis import measure_cut_off, measure_flag
            from costplan.evidence.estimates import estimate_cells
            from costplan.files.outcomes import read_outcomes

            outcomes = read_outcomes(self.base / path)
            answers = collect_answers(outcomes)
            cells = count_cells(answers)
            estimates = estimate_cells(cells)
            self._read[path] = Table(
                estimates,
                measure_usage(outcomes, answers),
                cells,
                outcomes,
                answers,
                measure_cut_off(outcomes, answers)[0],
                measure_flag(outcomes, answers, "refused"),
            )
        return self._read[path]

    def own(self, classes: Iterable[TaskClass]) -> dict[str, OwnOutcomes]:
        """Give the outcomes behind each class that was read from a file."""
        found = {}
        for task in classes:
            path = None if task.evidence is None else task.evidence.outcomes
            if task.evidence is None or path is None or path not in self._read:
                continue
            table = self._read[path]
            name = task.evidence.outcomes_class or task.name
            found[task.name] = OwnOutcomes(path, name, table.answers, table.estimates.fit.spreads)
        return found

    def join(self, path: str, name: str) -> Joint:
        """Lay the outcomes of a class out question by question; KeyError when it has none."""
        if (path, name) not in self._joint:
            from costplan.policies.table import lay_out

            self._joint[path, name] = Joint(lay_out(self.read(path).outcomes, name))
        return self._joint[path, name]


@dataclass(frozen=True, slots=True)
class _Cell:
    """Where an option of a class stands in a table."""

    table: Table
    c: int
    m: int

    def number(self, values: object) -> float | None:
        """Read a number of the cell; None where it is unknown."""
        found = float(values[self.c, self.m])  # type: ignore[index]
        return found if math.isfinite(found) else None


def gather_measured(
    task: TaskClass,
    evidence: Evidence,
    market: Market,
    tables: Tables,
    curve: PublishedCurve | None = None,
) -> tuple[ClassCase, Beliefs, list[Note]]:
    """Gather the options that an outcomes file measured for a class.

    A published curve of the same models is weighed in where one is given.
    Raises InputError when the file does not know the class.
    """
    from costplan.evidence.belief import Beliefs
    from costplan.evidence.combined import combine_evidence

    path = evidence.outcomes or ""
    table = tables.read(path)
    name = evidence.outcomes_class or task.name
    cells = table.estimates.cells
    if name not in cells.classes:
        known = ", ".join(cells.classes[:8])
        raise InputError(
            [
                Fault(
                    f"class {task.name!r}: {path} has no task_class {name!r}",
                    advice=f"name one of its classes in evidence.outcomes_class: {known}",
                )
            ]
        )
    if evidence.reasoning_scale != 1:
        raise InputError(
            [
                Fault(
                    f"class {task.name!r}: reasoning_scale does not go with own outcomes, "
                    "whose dollars are measured",
                    advice="leave reasoning_scale out",
                )
            ]
        )
    options, exclusions = _read_options(task, path, name, market, table)
    believed = table.estimates.beliefs() if curve is None else combine_evidence(table.cells, curve)
    beliefs = Beliefs({task.name: believed.classes[name]})
    notes = _say_gaps(task, name, table, exclusions)
    if task.input_tokens is not None:
        unused = "input_tokens and output_tokens are not used: own outcomes carry their own"
        notes.append(Note("no_effect", unused, task.name))
    spoilt_shares = table.cut_off, table.refused
    c = cells.classes.index(name)
    odd = inspect_measured(table.estimates, table.usage, spoilt_shares, c, options)
    kept, spoilt, named = keep_out(task, options, odd)
    part = ClassCase(task, kept, (*exclusions, *spoilt), f"{name} ({path})")
    notes += named
    return part, beliefs, notes


def _say_gaps(
    task: TaskClass, name: str, table: Table, exclusions: Sequence[Exclusion]
) -> list[Note]:
    """Say what the file lacks; blank dollars only where tokens at a price do not fill them."""
    notes = [
        Note(
            "outcomes",
            note.message.removeprefix(f"class {task.name!r}: "),
            task.name if note.task_class else None,
        )
        for note in table.estimates.notes
        if note.task_class in ("", name) and note.code != "unpriced"
    ]
    blank = [left.name for left in exclusions if left.code == "no_dollars"]
    if blank:
        more = f" and {len(blank) - 3} more" if len(blank) > 3 else ""
        said = f"no cost is known for {', '.join(blank[:3])}{more}; not planned"
        notes.append(Note("outcomes", said, task.name))
    return notes


def _read_options(
    task: TaskClass, path: str, name: str, market: Market, table: Table
) -> tuple[list[Option], list[Exclusion]]:
    cells = table.estimates.cells
    c = cells.classes.index(name)
    options: list[Option] = []
    exclusions: list[Exclusion] = []
    for m, (model, setting) in enumerate(cells.options):
        made = _read_option(task, path, model, setting, market, _Cell(table, c, m))
        if isinstance(made, Option):
            options.append(made)
        else:
            exclusions.append(made)
    return options, exclusions


def _read_option(
    task: TaskClass, path: str, model: str, setting: str, market: Market, cell: _Cell
) -> Option | Exclusion:
    name = f"{model}/{setting}" if setting else model
    profile = market.profiles.get(model)
    if profile is not None:
        barrier = find_barrier(task, model, market)
        if barrier is not None:
            return replace(barrier, name=name)
    elif not match_model(task.models, model):
        return Exclusion(name, "denied", "the class's models do not allow it")
    estimates, usage = cell.table.estimates, cell.table.usage
    n = int(estimates.cells.n[cell.c, cell.m])
    if n == 0:
        return Exclusion(name, "not_measured", "no question of this class was asked")
    if n < min(MIN_QUESTIONS, 0.5 * float(estimates.cells.questions[cell.c])):
        return Exclusion(name, "too_few", f"only {n} questions of this class were asked")
    cv2 = float(estimates.cv2[cell.c, cell.m])
    known = float(estimates.cells.usd_n[cell.c, cell.m]) or float(n)
    tokens = {
        key: _decimal(cell.number(getattr(usage, key)), TOKEN)
        for key in ("input_tokens", "output_tokens", "reasoning_tokens")
    }
    sent, got = tokens["input_tokens"], tokens["output_tokens"]
    use = None
    if sent is not None and got is not None:
        use = TokenUse(sent, Decimal(0), got, tokens["reasoning_tokens"] or Decimal(0))
    spent = cell.number(estimates.cells.usd)
    usd = None if spent is None else Decimal(repr(round(spent, USD_PLACES)))
    priced = price_measured(model, market, usd, use, batch=task.batch)
    if priced is None:
        return Exclusion(
            name, "no_dollars", f"{path} has neither cost_usd for it nor tokens of a priced model"
        )
    return Option(
        name=name,
        model=model,
        provider=_provider(model, market, priced.price),
        setting=setting,
        accuracy=PENDING,
        usd_per_request=priced.usd,
        usd_relative_sd=math.sqrt(cv2 / known + cv2 / float(task.requests)),
        source=Source(path, task.name, n, float(estimates.cells.mean[cell.c, cell.m])),
        mean_latency_s=_decimal(cell.number(usage.mean_latency_s), MILLISECOND),
        p95_latency_s=_decimal(cell.number(usage.p95_latency_s), MILLISECOND),
        tokens_per_request=None if sent is None or got is None else sent + got,
        price=priced.price,
        notes=(*_list_gaps(cell), *priced.notes),
        input_tokens=sent,
        output_tokens=got,
        reasoning_tokens=tokens["reasoning_tokens"],
    )


def _provider(model: str, market: Market, price: Price | None) -> str:
    if price is not None:
        return price.provider
    return market.profiles[model].provider if model in market.profiles else ""


def _list_gaps(cell: _Cell) -> Iterator[str]:
    cells = cell.table.estimates.cells
    known, asked = cells.usd_n[cell.c, cell.m], cells.n[cell.c, cell.m]
    if 0 < known < asked:
        yield f"dollars of {asked - known:.0f} of {asked:.0f} questions are unknown and left out"


def _decimal(number: float | None, unit: Decimal) -> Decimal | None:
    return None if number is None else Decimal(repr(number)).quantize(unit)

"""Effort hygiene: settings whose measurement looks wrong are named, and kept out of the plan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from costplan.domain.figures import write_percent
from costplan.domain.measurement import Measurement
from costplan.domain.option import Exclusion, Option
from costplan.domain.workload import TaskClass
from costplan.plan.case import Note

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from costplan.evidence.cells import Usage
    from costplan.evidence.diagnosis import CurvePoint, Finding
    from costplan.evidence.estimates import Estimates

    Array = NDArray[np.float64]

SPOILT = 0.10
"""Share of answers cut off or refused from which a setting is kept out."""
SAME_USD = 0.10
"""Relative difference of dollars up to which two settings cost the same."""
BETTER_Z = 2.0
"""Standard errors of a difference from which a setting is called better."""
NAMED = 0.01
"""Share of answers refused that is worth a word."""


@dataclass(frozen=True, slots=True)
class Oddity:
    """A setting that looks wrong."""

    name: str
    """The option: "o1/high"."""
    code: str
    """Kind: "ignored-knob", "falls", "cut-off", "refuses"."""
    message: str
    """What was seen and what follows from it."""
    spoilt: bool
    """Whether it is enough to keep the setting out."""


def inspect_measured(
    estimates: Estimates,
    usage: Usage,
    spoilt: tuple[Array, Array],
    c: int,
    options: Iterable[Option],
) -> list[Oddity]:
    """Look at the settings that a class of an outcomes file measured.

    spoilt: shares of answers cut off and of refusals, (C, M) each. c: place of the class.
    """
    from costplan.evidence.diagnosis import CurvePoint

    wanted = {(option.model, option.setting) for option in options}
    cells = estimates.cells
    cut_off, refusals = spoilt
    points, refused = [], []
    for m, (model, setting) in enumerate(cells.options):
        if (model, setting) not in wanted:
            continue
        points.append(CurvePoint.of_cell(cells, usage, c, m, cut_off[c, m]))
        share = float(refusals[c, m])
        if share >= NAMED:
            name = _name(model, setting)
            said = f"{name} refused {write_percent(share, 0)} of the questions"
            refused.append(Oddity(name, "refuses", said, share >= SPOILT))
    return [*_judge(points, cells.paired), *refused]


def inspect_published(rows: Sequence[Measurement], options: Iterable[Option]) -> list[Oddity]:
    """Look at the settings that a published curve measured."""
    from costplan.evidence.diagnosis import CurvePoint

    wanted = {(option.model, option.setting) for option in options}
    points = [
        CurvePoint(
            row.model,
            row.setting,
            accuracy=row.accuracy,
            n_questions=row.n_questions,
            usd=_known(row.usd),
            output_tokens=row.output_tokens,
            reasoning_tokens=row.reasoning_tokens,
        )
        for row in rows
        if (row.model, row.setting) in wanted
    ]
    return _judge(points)


def keep_out(
    task: TaskClass, options: Sequence[Option], odd: Sequence[Oddity]
) -> tuple[tuple[Option, ...], list[Exclusion], list[Note]]:
    """Leave out the settings that are spoilt, unless the class insists on them or has no others.

    Returns what is left, what was left out, and what its reader must know.
    """
    spoilt: dict[str, str] = {}
    for one in odd:
        insisted = any(fnmatchcase(one.name, pattern) for pattern in task.models.insist)
        if one.spoilt and not insisted:
            spoilt.setdefault(one.name, one.message)
    kept = tuple(option for option in options if option.name not in spoilt)
    if not kept:
        spoilt, kept = {}, tuple(options)
    exclusions = [Exclusion(name, "odd", said) for name, said in spoilt.items()]
    notes = []
    for one in odd:
        fate = "kept out; models.insist keeps it in" if one.name in spoilt else "planned with"
        notes.append(Note("effort", f"{one.message}; {one.name} is {fate}", task.name))
    return kept, exclusions, notes


def _judge(points: Sequence[CurvePoint], paired: float | None = None) -> list[Oddity]:
    from costplan.evidence.cells import USUAL_PAIRED
    from costplan.evidence.diagnosis import diagnose

    place = {(point.model, point.setting): point for point in points}
    correlation = USUAL_PAIRED if paired is None else paired
    found = []
    for finding in diagnose(points, correlation):
        concerned = [place[finding.model, setting] for setting in finding.settings]
        if finding.code == "ignored-knob" and _cost_apart(*concerned):
            continue
        if finding.code in {"ignored-knob", "falls", "cut-off"}:
            found.append(_write(finding, concerned, correlation))
    return found


def _cost_apart(lower: CurvePoint, higher: CurvePoint) -> bool:
    """Tell whether dollars contradict equal token counts."""
    a, b = lower.usd, higher.usd
    return a is not None and b is not None and abs(a - b) > SAME_USD * max(a, b)


def _write(finding: Finding, points: Sequence[CurvePoint], paired: float) -> Oddity:
    """Blame the last setting of a finding: where the knob does nothing, the lower one is kept."""
    last = points[-1]
    spoilt = True
    if finding.code == "cut-off":
        spoilt = last.cut_off >= SPOILT
    elif finding.code == "ignored-knob":
        # As dear but better beyond chance: whatever the count of tokens says, the knob does turn.
        a, b = points[0].variance, last.variance
        error = math.sqrt(max(a + b - 2 * paired * math.sqrt(a * b), 1e-12))
        spoilt = last.accuracy - points[0].accuracy < BETTER_Z * error
    return Oddity(_name(finding.model, last.setting), finding.code, finding.message, spoilt)


def _name(model: str, setting: str) -> str:
    return f"{model}/{setting}" if setting else model


def _known(value: object) -> float | None:
    number = math.nan if value is None else float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None

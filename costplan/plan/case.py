"""The case: workload, profiles and estimates joined; every class with its options."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from costplan.domain.option import Exclusion, Option
from costplan.domain.workload import TaskClass, Workload

if TYPE_CHECKING:
    from costplan.evidence.belief import Beliefs
    from costplan.evidence.cells import Answers
    from costplan.evidence.logit import Spreads


@dataclass(frozen=True, slots=True)
class Note:
    """Something the reader of a plan must know."""

    code: str
    """Kind, for machines."""
    message: str
    """The note in one sentence."""
    task_class: str | None = None
    """Class it is about; None for the whole plan."""


@dataclass(frozen=True, slots=True)
class ClassCase:
    """A task class with everything that may serve it."""

    task: TaskClass
    """The class as the workload states it."""
    options: tuple[Option, ...]
    """What may serve it, in the order of profiles and settings; stated options first."""
    exclusions: tuple[Exclusion, ...]
    """What was left out, and why."""
    evidence: str
    """What stands for its accuracy, in words: "gpqa-diamond (epoch-ai)"."""
    today: Option | None = None
    """What is done today where that is none of the options; None where it is, or is not known."""
    today_note: str = ""
    """Why it is none of them; empty where `today` is None."""
    month: str | None = None
    """Month of a horizon, "2027-01", with the requests of that month; None outside one."""

    @property
    def key(self) -> str:
        """Name that is unique in the case."""
        return self.task.name if self.month is None else f"{self.task.name} {self.month}"


@dataclass(frozen=True, slots=True)
class OwnOutcomes:
    """The outcomes that a class was measured by."""

    file: str
    """The file as the workload names it."""
    name: str
    """The class's name there."""
    answers: Answers
    """All answers of the file."""
    spreads: Spreads
    """How far classes and options of the file lie apart."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that a plan is made from."""

    workload: Workload
    """The workload as read, overrides applied."""
    file: str | None
    """The file as the user named it."""
    digest: str
    """SHA-256 of what the workload came from."""
    starts: dt.date
    """Day whose prices and models are used."""
    classes: tuple[ClassCase, ...]
    """Every class, in the workload's order."""
    beliefs: Beliefs
    """What is believed about accuracies, jointly; classes with stated options only are absent."""
    ends: Mapping[str, dt.date] = field(default_factory=dict)
    """Day on which models end, where one is announced."""
    notes: tuple[Note, ...] = ()
    """What the reader must know."""
    own: Mapping[str, OwnOutcomes] = field(default_factory=dict, repr=False, compare=False)
    """Own outcomes by class, to check the forecast on; classes without any are absent."""


def value_unit(case: Case) -> str:
    """Unit of a case's value: dollars, the user's weights, or right answers ("requests")."""
    tasks = [part.task for part in case.classes]
    if all(task.value_usd is not None for task in tasks):
        return "usd"
    return "weight" if any(task.weight is not None for task in tasks) else "requests"

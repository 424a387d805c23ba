"""Which class of the plan a label of a log stands for, and which model a logged name is."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from costplan.domain.errors import Fault, InputError
from costplan.domain.profile import Profile
from costplan.files.suggestions import did_you_mean
from costplan.files.text_file import read_text
from costplan.ingest.model_names import find_profile, plain_names
from costplan.plan.model import Plan

LARGEST_BYTES = 16 * 1024 * 1024
COLUMNS = ["label", "task_class"]


@dataclass(frozen=True, slots=True)
class Match:
    """What a label stands for."""

    task_class: str | None
    """Class of the plan; None where its spend is left out on purpose."""
    model: str | None = None
    """Model, where the label tells it."""
    setting: str | None = None
    """Setting, where the label tells it."""
    later: bool = False
    """Whether it is a later step of a cascade, whose calls are no further requests."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of a --match file."""

    pattern: str
    """Shell-style pattern of labels."""
    task_class: str | None
    """Class they stand for; None leaves their spend out."""


@dataclass(slots=True)
class Matcher:
    """Matches labels: by the user's rules, else by class, else by the ids a gateway gives back."""

    classes: Sequence[str]
    """Classes of the plan."""
    rules: Sequence[Rule] = ()
    """The user's rules; the first that fits counts."""
    ids: Mapping[str, Match] = field(default_factory=dict)
    """What the ids and names in the plan's gateway configuration stand for."""
    _loose: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        """Index the classes by what their names are without case and signs."""
        self._loose = {}
        for name in dict.fromkeys(self.classes):
            self._loose.setdefault(_squeeze(name), []).append(name)

    def find(self, label: str) -> Match | None:
        """Find what a label stands for; None where nothing fits, or more than one class."""
        for rule in self.rules:
            if rule.pattern == label or fnmatchcase(label, rule.pattern):
                return Match(rule.task_class)
        if label in self._loose.get(_squeeze(label), ()):
            return Match(label)
        if label in self.ids:
            return self.ids[label]
        alike = self._loose.get(_squeeze(label), []) if _squeeze(label) else []
        return Match(alike[0]) if len(alike) == 1 else None

    def knows(self, label: str) -> bool:
        """Tell whether a label stands for something."""
        return self.find(label) is not None


def _squeeze(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def read_rules(path: Path, classes: Sequence[str]) -> tuple[Rule, ...]:
    """Read a --match file: CSV with the columns label and task_class.

    An empty task_class leaves the spend out. InputError with every fault.
    """
    text = read_text(path, most_bytes=LARGEST_BYTES)
    heading = text.partition("\n")[0]
    delimiter = ";" if heading.count(";") > heading.count(",") else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    faults: list[Fault] = []
    rules = []
    try:
        columns = [cell.strip() for cell in next(rows, [])]
        if columns != COLUMNS:
            said = f"the heading must be {','.join(COLUMNS)}, not {','.join(columns)[:100]}"
            raise InputError([Fault(said, file=str(path), line=1)])
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            fault = _check(cells, classes)
            if fault is not None:
                faults.append(Fault(fault[0], file=str(path), line=rows.line_num, advice=fault[1]))
                continue
            rules.append(Rule(cells[0].strip(), cells[1].strip() or None))
    except csv.Error as error:
        raise InputError([Fault(str(error), file=str(path), line=rows.line_num)]) from None
    if faults:
        raise InputError(faults)
    return tuple(rules)


def _check(cells: list[str], classes: Sequence[str]) -> tuple[str, str] | None:
    if len(cells) != len(COLUMNS):
        return f"the row has {len(cells)} cells, the heading has {len(COLUMNS)}", ""
    if not cells[0].strip():
        return "the label is empty", "* stands for every label"
    name = cells[1].strip()
    if name and name not in classes:
        return f"the plan has no class '{name}'", did_you_mean(name, classes)
    return None


@dataclass(slots=True)
class ModelNames:
    """Names of models as the plan has them."""

    plan: Plan
    """The plan."""
    profiles: Mapping[str, Profile]
    """Models that are known, by name."""
    _known: dict[str, str] = field(init=False)
    _found: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index the models of the plan without case."""
        names = [line.model for line in self.plan.lines] + [p.model for p in self.plan.prices]
        self._known = {name.casefold(): name for name in reversed(names)}

    def find(self, logged: str) -> str:
        """Give the plan's name of a logged model, else that of its profile, else as logged."""
        if logged not in self._found:
            named = (self._known.get(name.casefold()) for name in plain_names(logged))
            found = next((name for name in named if name), None)
            profile = find_profile(logged, self.profiles) if found is None else None
            self._found[logged] = found or profile or logged
        return self._found[logged]

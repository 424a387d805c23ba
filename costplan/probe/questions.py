"""The user's questions: what is asked, what is right, and how it is marked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from costplan.domain.errors import InputError
from costplan.files.suggestions import did_you_mean, join_names
from costplan.probe.answers import LETTERS, as_object, letter, number
from costplan.probe.graders import (
    KINDS,
    Choice,
    ClassRule,
    Command,
    JsonFields,
    Judge,
    Label,
    Normalised,
    Numeric,
    QuestionRow,
    Regex,
    Spec,
    short_form,
)
from costplan.probe.question_rows import Reading, Row, is_known, known_cells, read_rows
from costplan.providers.request import Message, Role

R = TypeVar("R", QuestionRow, ClassRule)


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the user, checked."""

    id: str
    """Identifier inside the class."""
    task_class: str
    """Task class it stands for."""
    messages: tuple[Message, ...]
    """What is asked; the last message is the user's."""
    grader: Spec
    """How an answer is marked."""
    target: Any = None
    """What is right, as JSON."""
    choices: tuple[str, ...] = ()
    """Answers to choose from."""
    system: str | None = None
    """System prompt."""
    labels: tuple[Label, ...] = ()
    """Answers that a person has marked."""
    line: int = 0
    """Line of the file."""
    known: tuple[tuple[str, str], ...] = ()
    """Columns known_... of the question with their cells: what is known of it before the call."""

    @property
    def key(self) -> tuple[str, str]:
        """Class and identifier."""
        return (self.task_class, self.id)

    @property
    def targets(self) -> tuple[Any, ...]:
        """Every answer that is right."""
        if self.target is None:
            return ()
        return tuple(self.target) if isinstance(self.target, list) else (self.target,)

    @property
    def asked_digest(self) -> str:
        """Digest of what is asked: a reply is good for a question with the same one."""
        turns = [[str(message.role), message.text] for message in self.messages]
        return digest([self.system, turns])

    @property
    def marked_digest(self) -> str:
        """Digest of how it is marked: a mark is good while this is the same."""
        return digest([self.grader.model_dump(mode="json"), self.target, list(self.choices)])


def digest(value: object) -> str:
    """Shorten JSON to 16 hexadecimal digits that change with it."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_questions(
    path: Path, *, classes: Sequence[str] = (), default_class: str | None = None
) -> tuple[Question, ...]:
    """Read a file of questions in its own order.

    classes, where given, are the only ones allowed; a question without a class goes to
    default_class, or to the only one allowed. Raises InputError with every fault of the file.
    """
    reading = Reading(str(path), [])
    rows = read_rows(path, reading)
    if default_class is None and len(classes) == 1:
        default_class = classes[0]
    rules, plain = _take_rules(rows, reading)
    known: dict[tuple[str, str], int] = {}
    questions = []
    for row in plain:
        question = _question(row, rules, default_class, reading)
        if question is None:
            continue
        if question.key in known:
            first = known[question.key]
            message = f"'{question.id}' of class '{question.task_class}' was asked in line {first}"
            reading.fault(row.line, message, path="id", advice="give it an id of its own")
            continue
        known[question.key] = row.line
        questions.append(question)
    if classes:
        _fault_strange(questions, classes, reading)
    if not plain and not reading.faults:
        reading.fault(1, "the file holds no question")
    if reading.faults:
        raise InputError(reading.faults)
    return tuple(questions)


def _fault_strange(questions: Sequence[Question], classes: Sequence[str], reading: Reading) -> None:
    """Fault each class that the workload lacks once, or all at once where it has none of them."""
    strange: dict[str, list[int]] = {}
    for question in questions:
        if question.task_class and question.task_class not in classes:
            strange.setdefault(question.task_class, []).append(question.line)
    known = f"the workload has {join_names(classes)}"
    advices = {name: did_you_mean(name, classes) for name in strange}
    if len(strange) > 1 and not any(advices.values()) and _count(strange) == len(questions):
        first = min(lines[0] for lines in strange.values())
        message = f"the questions are for {join_names(list(strange))}, none for the workload"
        reading.fault(first, message, path="class", advice=known)
        return
    for name, lines in strange.items():
        message = f"the workload has no class '{name}'"
        if len(lines) > 1:
            message += f", which {len(lines)} questions are for"
        reading.fault(lines[0], message, path="class", advice=advices[name] or known)


def _count(lines: dict[str, list[int]]) -> int:
    return sum(map(len, lines.values()))


def _take_rules(rows: Iterable[Row], reading: Reading) -> tuple[dict[str, ClassRule], list[Row]]:
    """Part the lines that say how a class is marked from the questions."""
    rules: dict[str, ClassRule] = {}
    plain = []
    for row in rows:
        asked = {"prompt", "messages", "id", "target"} & set(row.values)
        if asked or "grader" not in row.values:
            plain.append(row)
            continue
        rule = _checked(row, ClassRule, reading)
        if rule is None:
            continue
        if rule.task_class in rules:
            reading.fault(row.line, f"class '{rule.task_class}' has a rule already", path="class")
        rules[rule.task_class] = rule
    return rules, plain


def _checked(row: Row, model: type[R], reading: Reading) -> R | None:
    """Check a row against its model; every fault goes into the reading."""
    values = {name: value for name, value in row.values.items() if not is_known(name)}
    if "grader" in values:
        values["grader"] = short_form(values["grader"])
    if isinstance(values.get("id"), int) and not isinstance(values.get("id"), bool):
        values["id"] = str(values["id"])
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for found in error.errors(include_url=False, include_input=False):
            _word(found, row.line, model, reading)
    return None


def _word(
    found: ErrorDetails, line: int, model: type[QuestionRow | ClassRule], reading: Reading
) -> None:
    """Word one finding of the checker."""
    steps = [str(step) for step in found["loc"] if step not in KINDS]
    path, kind = ".".join(steps), found["type"]
    if kind == "extra_forbidden":
        names = [field.alias or name for name, field in model.model_fields.items()]
        advice = did_you_mean(steps[-1], names) or f"known: {join_names(names)}"
        reading.fault(line, f"unknown key '{steps[-1]}'", path=path, advice=advice)
    elif kind == "union_tag_invalid":
        advice = f"known: {join_names(KINDS, 'or')}"
        reading.fault(line, "unknown grader", path=path, advice=advice)
    elif kind == "missing":
        reading.fault(line, f"'{steps[-1]}' is missing", path=path)
    else:
        message = str(found["msg"]).removeprefix("Value error, ")
        reading.fault(line, f"{path}: {message[:1].lower()}{message[1:]}", path=path)


def _question(
    row: Row,
    rules: dict[str, ClassRule],
    default_class: str | None,
    reading: Reading,
) -> Question | None:
    """Make a question of a row; None when it has a fault."""
    before = len(reading.faults)
    checked = _checked(row, QuestionRow, reading)
    if checked is None:
        return None
    task_class = checked.task_class or default_class
    if task_class is None:
        advice = "name the task class that the question stands for"
        reading.fault(row.line, "'class' is missing", path="class", advice=advice)
    rule = rules.get(task_class or "")
    system, messages = _messages(checked, row.line, reading)
    grader = checked.grader or (rule.grader if rule else None)
    if grader is None:
        grader = Choice() if checked.choices else Normalised()
    question = Question(
        id=checked.id or f"q-{digest([(str(m.role), m.text) for m in messages])[:12]}",
        task_class=task_class or "",
        messages=messages,
        grader=grader,
        target=checked.target,
        choices=checked.choices or (),
        system=system or (rule.system if rule else None),
        labels=checked.labels,
        line=row.line,
        known=known_cells(row, reading),
    )
    fault = _target_fault(question)
    if fault:
        reading.fault(row.line, fault, path="target")
    return question if len(reading.faults) == before else None


def _messages(
    checked: QuestionRow, line: int, reading: Reading
) -> tuple[str | None, tuple[Message, ...]]:
    """Give system prompt and conversation; choices are appended to the last message."""
    turns = list(checked.messages or ())
    if (checked.prompt is None) == (not turns):
        reading.fault(line, "give one of 'prompt' and 'messages'", path="prompt")
        return checked.system, ()
    system = checked.system
    if turns and turns[0].role == "system":
        if system is not None:
            reading.fault(line, "two system prompts: 'system' and the first message")
        system = turns.pop(0).content
    if any(turn.role == "system" for turn in turns):
        reading.fault(line, "a system prompt may only come first", path="messages")
        return system, ()
    said = [Message(Role(turn.role), turn.content) for turn in turns]
    if checked.prompt is not None:
        said = [Message(Role.USER, checked.prompt)]
    if not said or said[-1].role is not Role.USER:
        reading.fault(line, "the last message must be the user's", path="messages")
        return system, ()
    if checked.choices:
        options = zip(LETTERS, checked.choices, strict=False)
        listed = "\n".join(f"{letter}) {choice}" for letter, choice in options)
        asking = "Answer with the letter of the right choice."
        said[-1] = Message(Role.USER, f"{said[-1].text}\n\n{listed}\n\n{asking}")
    return system, tuple(said)


def _target_fault(question: Question) -> str:
    """Say why the grader cannot use the target; empty when it can."""
    grader, targets = question.grader, question.targets
    if isinstance(grader, Command) or (isinstance(grader, Judge) and grader.rubric):
        return ""
    if isinstance(grader, Regex) and grader.pattern:
        return ""
    if not targets:
        return "'target' is missing: nothing says which answer is right"
    return _misfit(grader, question, targets)


def _misfit(grader: Spec, question: Question, targets: tuple[Any, ...]) -> str:
    """Say which target does not fit the grader; empty when all fit."""
    if isinstance(grader, Numeric):
        bad = [t for t in targets if number(t) is None]
        return f"the target {bad[0]!r} is no number" if bad else ""
    if isinstance(grader, Choice):
        bad = [t for t in targets if letter(t, question.choices) is None]
        return f"the target {bad[0]!r} is none of the choices" if bad else ""
    if isinstance(grader, JsonFields):
        bad = [t for t in targets if not isinstance(as_object(t), dict)]
        return f"the target {bad[0]!r} is no JSON object" if bad else ""
    if isinstance(grader, Regex):
        for pattern in targets:
            try:
                re.compile(str(pattern))
            except re.error as error:
                return f"the target {pattern!r} is no regular expression: {error}"
        return ""
    bad = [t for t in targets if isinstance(t, dict)]
    return "the target is an object; that needs the grader 'json'" if bad else ""

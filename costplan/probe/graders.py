"""How an answer is marked, as a person writes it in a file of questions."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from costplan.domain.outcomes import KNOWN
from costplan.domain.record import Record

Score = Annotated[float, Field(ge=0, le=1)]


class Spec(Record):
    """What every grader has."""

    # a marker or a pattern may begin or end with a space
    model_config = ConfigDict(str_strip_whitespace=False)

    after: Annotated[str, Field(min_length=1)] | None = None
    """Look only at the answer after the last place of this text; at all of it where it is not."""


class Exact(Spec):
    """Right when the answer is the target, spaces around it aside."""

    kind: Literal["exact"] = "exact"
    """Name of the grader."""


class Normalised(Spec):
    """Right when answer and target agree in letters and digits: case, spaces and marks aside."""

    kind: Literal["normalised"] = "normalised"
    """Name of the grader."""


class Numeric(Spec):
    """Right when the last number of the answer is within either tolerance of the target."""

    kind: Literal["numeric"] = "numeric"
    """Name of the grader."""
    abs_tolerance: Annotated[float, Field(ge=0)] = 0.0
    """Greatest distance from the target."""
    rel_tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Greatest distance as a fraction of the target."""


class Choice(Spec):
    """Right when the answer chooses the target's letter."""

    kind: Literal["choice"] = "choice"
    """Name of the grader."""


class Regex(Spec):
    """Right when the pattern is found in the answer."""

    kind: Literal["regex"] = "regex"
    """Name of the grader."""
    pattern: Annotated[str, Field(min_length=1)] | None = None
    """Python regular expression; the target is the pattern when absent."""
    ignore_case: bool = False
    """Whether A is a."""

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise ValueError(f"pattern is no regular expression: {error}") from None
        return self


class JsonFields(Spec):
    """Share of the target's fields that the answer's JSON object has with the same value."""

    kind: Literal["json"] = "json"
    """Name of the grader."""
    fields: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Fields that count, as dotted paths; every top-level field of the target when absent."""
    rel_tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Greatest distance of numbers as a fraction of the target."""
    all_or_nothing: bool = False
    """Whether one wrong field makes the answer wrong."""


class Command(Spec):
    """Right when a command exits with 0; the answer comes on its standard input."""

    kind: Literal["command"] = "command"
    """Name of the grader."""
    run: Annotated[tuple[str, ...], Field(min_length=1)]
    """Program and arguments, run without a shell in the folder of the question file. The
    environment has COSTPLAN_ANSWER (a file), COSTPLAN_TARGET, COSTPLAN_QUESTION_ID and no keys."""
    time_limit_s: Annotated[float, Field(gt=0, le=3600)] = 30.0
    """Seconds after which it is stopped and the answer is wrong."""


class Judge(Spec):
    """Right when a model says so; it is paid like every other call."""

    kind: Literal["judge"] = "judge"
    """Name of the grader."""
    model: Annotated[str, Field(min_length=1)]
    """Profile of the model that judges."""
    setting: Annotated[str, Field(min_length=1)]
    """Position of its knob."""
    rubric: str | None = None
    """What makes an answer right; agreement with the target when absent."""


GraderSpec = Annotated[
    Exact | Normalised | Numeric | Choice | Regex | JsonFields | Command | Judge,
    Field(discriminator="kind"),
]
KINDS: dict[str, type[Spec]] = {
    "exact": Exact,
    "normalised": Normalised,
    "numeric": Numeric,
    "choice": Choice,
    "regex": Regex,
    "json": JsonFields,
    "command": Command,
    "judge": Judge,
}
"""Name to grader."""


def short_form(value: object) -> object:
    """Read "numeric" as {"kind": "numeric"}."""
    return {"kind": value} if isinstance(value, str) else value


class Label(Record):
    """An answer that a person has marked, to check a judge against."""

    model_config = ConfigDict(str_strip_whitespace=False)

    answer: str
    """The answer."""
    score: Score
    """The person's mark, 0 to 1."""


class Turn(Record):
    """One message of a question that is a conversation."""

    model_config = ConfigDict(str_strip_whitespace=False)

    role: Literal["system", "user", "assistant"]
    """Who speaks."""
    content: Annotated[str, Field(min_length=1)]
    """What is said."""


class QuestionRow(Record):
    """One line of a file of questions. Keys known_... beside these, text or numbers, say what is
    known of the question before the call; they go into the outcomes, and routes may go by them."""

    model_config = ConfigDict(
        str_strip_whitespace=False,
        populate_by_name=True,
        json_schema_extra={
            "patternProperties": {f"^{KNOWN}.": {"type": ["string", "number", "boolean", "null"]}}
        },
    )

    id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Identifier inside the class; made from the text when absent."""
    task_class: Annotated[str, Field(min_length=1)] | None = Field(default=None, alias="class")
    """Task class of the workload; may be absent where the workload has one class."""
    prompt: Annotated[str, Field(min_length=1)] | None = None
    """What is asked, when it is one message."""
    messages: Annotated[tuple[Turn, ...], Field(min_length=1)] | None = None
    """What is asked, when it is a conversation; the last message is the user's."""
    system: Annotated[str, Field(min_length=1)] | None = None
    """System prompt."""
    target: Any = None
    """Right answer: text, number, a list of answers that are all right, or a JSON object."""
    choices: Annotated[tuple[str, ...], Field(min_length=2, max_length=26)] | None = None
    """Answers to choose from; they are appended to the prompt as A), B), …"""
    grader: GraderSpec | None = None
    """How the answer is marked, in full or by name alone; `choice` where there are choices, else
    `normalised`."""
    labels: tuple[Label, ...] = ()
    """Answers to this question that a person has marked, to check a judge against."""


class ClassRule(Record):
    """A line without a question that says how the answers of a class are marked."""

    model_config = ConfigDict(str_strip_whitespace=False, populate_by_name=True)

    task_class: Annotated[str, Field(min_length=1)] = Field(alias="class")
    """Task class."""
    grader: GraderSpec
    """Grader of every question of the class that names none."""
    system: Annotated[str, Field(min_length=1)] | None = None
    """System prompt of every question of the class that has none."""

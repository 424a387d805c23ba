"""What evaluation logs give: answers question by question, errors apart, or sums of a whole run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from costplan.domain.measurement import Measurement
from costplan.domain.outcomes import KNOWN
from costplan.ingest.head import Head


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of one model at one setting. Unknown is None, never zero."""

    dataset: str
    """Name of the run's benchmark."""
    task_class: str
    """What a plan allocates to; the benchmark where the log has nothing finer."""
    question: str
    """Identifier inside the class."""
    model: str
    """Model as the log names it."""
    setting: str | None
    """Position of the knob as configured; None where the log does not say."""
    sample: int
    """0, 1, 2 ... where a question was answered several times."""
    correct: float | None
    """Score 0 to 1; None where an error left nothing to grade."""
    input_tokens: float | None = None
    """Input tokens, cached ones included."""
    cached_input_tokens: float | None = None
    """Input tokens read from the vendor's cache."""
    output_tokens: float | None = None
    """Output tokens, reasoning included."""
    reasoning_tokens: float | None = None
    """Reasoning tokens."""
    usd: float | None = None
    """Dollars of the answer."""
    latency_s: float | None = None
    """Seconds of the answer."""
    truncated: bool | None = None
    """Whether a limit cut the answer off."""
    identity: str = ""
    """What tells this answer from one of another run; empty where the log has no such thing."""
    known: tuple[tuple[str, str], ...] = ()
    """What is known of the question before the call: names that begin with "known_", values."""


@dataclass(frozen=True, slots=True)
class Sums:
    """One model at one setting in a source that has no single questions."""

    measurement: Measurement
    """The whole run as one point of a curve."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to know about a file."""

    text: str
    """What it is, with its consequence."""


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that could not be used; its content is not kept."""

    file: str
    """The file."""
    line: int | None
    """Line or record, from 1."""
    reason: str
    """What is wrong."""


Found = Answer | Sums | Remark | BadRecord


@dataclass(frozen=True, slots=True)
class EvalChoice:
    """What a person says about the logs."""

    setting: str = ""
    """Setting of the runs, where the files have none."""
    model: str = ""
    """Model's name, in place of the files'."""
    task_class: str = ""
    """Class of every answer, or "@KEY" of the sample's metadata."""
    scorer: str = ""
    """Score to read where there are several."""


@dataclass(frozen=True, slots=True)
class EvalFormat:
    """One format of evaluation logs."""

    name: str
    """Key in the table of formats."""
    recognise: Callable[[Head], bool]
    """Whether a file with this beginning is of this format."""
    read: Callable[[Path, EvalChoice], Iterator[Found]]
    """Read a file."""
    cannot_say: tuple[str, ...] = ()
    """What no file of this format carries."""


_LONGEST_LABEL = 200
"""Characters of a label; what is longer is a text, which is not copied."""
_EFFORTS = "none|minimal|low|medium|high|xhigh|max"
_IN_NAME = re.compile(
    rf"[\s(_:-]+(?P<effort>{_EFFORTS})\)?$|\((?P<budget>\d+)(?P<kilo>k?) think(?:ing)?[^)]*\)"
    r"|\((?P<off>no think(?:ing)?)\)|\((?P<default>default think(?:ing)?)\)",
    re.I,
)


def setting_in_name(model: str) -> tuple[str, str | None]:
    """Split "gpt-5 (high)" or "opus (32k thinking)" into model and setting; None when it has none.

    A thousand is 1000 tokens; where a file also has the number, the file's number is better.
    """
    found = _IN_NAME.search(model)
    if found is None:
        return model, None
    bare = (model[: found.start()] + model[found.end() :]).strip()
    if found["effort"]:
        return bare, found["effort"].lower()
    if found["off"]:
        return bare, "off"
    if found["default"]:
        return bare, None
    return bare, str(int(found["budget"]) * (1000 if found["kilo"] else 1))


def setting_of(config: Mapping[str, object]) -> str | None:
    """Read the configured setting out of a request's or provider's options."""
    for read in (_effort, _nested, _budget):
        if (found := read(config)) is not None:
            return found
    return None


def _effort(config: Mapping[str, object]) -> str | None:
    for key in ("reasoning_effort", "effort", "reasoningEffort"):
        if isinstance(value := config.get(key), str) and value:
            return value
    return None


def _nested(config: Mapping[str, object]) -> str | None:
    for key in ("reasoning", "thinking", "thinkingConfig", "thinking_config"):
        inner = config.get(key)
        if not isinstance(inner, Mapping):
            continue
        if inner.get("type") == "disabled":
            return "off"
        for name in ("effort", "budget_tokens", "max_tokens", "thinkingBudget", "thinking_budget"):
            if inner.get(name) is not None:
                return str(inner[name])
    return None


def _budget(config: Mapping[str, object]) -> str | None:
    for key in ("reasoning_tokens", "thinking_tokens", "thinking_budget", "budget_tokens"):
        if isinstance(value := config.get(key), int) and not isinstance(value, bool):
            return "off" if value == 0 else str(value)
    return None


def amount(value: object) -> float | None:
    """Read a number of at least 0; anything else is None."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def known_of(*sources: object) -> tuple[tuple[str, str], ...]:
    """Take what is known of a question before the call: text and numbers under `known_...`.

    The first source that has a key is believed.
    """
    found: dict[str, str] = {}
    for source in sources:
        for key, value in source.items() if isinstance(source, Mapping) else ():
            plain = isinstance(value, str | int | float | Decimal) and str(value).strip() != ""
            if str(key).startswith(KNOWN) and plain and len(str(value)) <= _LONGEST_LABEL:
                text = str(int(value)) if isinstance(value, bool) else str(value).strip()
                found.setdefault(str(key), text)
    return tuple(sorted(found.items()))


def class_of(choice: EvalChoice, metadata: object, benchmark: str) -> str:
    """Find the task class of a sample: as told, else its metadata's task_class, else the task."""
    told = choice.task_class
    if told and not told.startswith("@"):
        return told
    key = told[1:] or "task_class"
    if isinstance(metadata, Mapping) and isinstance(metadata.get(key), str | int | float):
        return str(metadata[key])
    return benchmark

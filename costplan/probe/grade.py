"""Marking answers that need nothing but the answer and the target."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from costplan.probe.answers import (
    as_object,
    chosen,
    last_number,
    last_object,
    letter,
    normal_form,
    number,
)
from costplan.probe.graders import (
    Choice,
    Command,
    Exact,
    JsonFields,
    Judge,
    Normalised,
    Numeric,
    Regex,
    Spec,
)
from costplan.probe.questions import Question

PATTERN_S = 1.0
"""Seconds that a user's pattern may take on one answer."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What an answer is worth."""

    score: float
    """0 to 1; parts where the grader gives parts."""
    note: str = ""
    """Why, in a few words without the answer's text: "no number in the answer"."""


def needs_more(grader: Spec) -> bool:
    """Whether a grader needs a process or a paid call."""
    return isinstance(grader, Command | Judge)


def mark(question: Question, answer: str) -> Mark:
    """Mark an answer. Raises TypeError for a grader that needs a process or a paid call."""
    grader = question.grader
    if needs_more(grader):
        raise TypeError(f"{type(grader).__name__} needs more than the answer")
    text = considered(grader, answer)
    if not text.strip():
        return Mark(0.0, "no answer")
    return _mark(grader, question, text)


def _mark(grader: Spec, question: Question, text: str) -> Mark:
    match grader:
        case Exact():
            return _exact(question, text)
        case Normalised():
            return _normalised(question, text)
        case Numeric():
            return _numeric(grader, question, text)
        case Choice():
            return _choice(question, text)
        case Regex():
            return _regex(grader, question, text)
        case JsonFields():
            return _json(grader, question, text)
    raise TypeError(f"no marker for {type(grader).__name__}")


def considered(grader: Spec, answer: str) -> str:
    """Give the part of an answer that is looked at."""
    if grader.after is None:
        return answer
    _, found, after = answer.rpartition(grader.after)
    return after if found else answer


def _exact(question: Question, text: str) -> Mark:
    return Mark(float(any(text.strip() == str(t).strip() for t in question.targets)))


def _normalised(question: Question, text: str) -> Mark:
    answer = normal_form(text)
    for target in question.targets:
        form = normal_form(str(target))
        # a target of marks only would agree with every such answer
        if form == answer if form else text.strip() == str(target).strip():
            return Mark(1.0)
    return Mark(0.0)


def _numeric(grader: Numeric, question: Question, text: str) -> Mark:
    found = last_number(text)
    if found is None:
        return Mark(0.0, "no number in the answer")
    targets = (number(target) for target in question.targets)
    near = any(_near(found, t, grader.abs_tolerance, grader.rel_tolerance) for t in targets)
    return Mark(float(near))


def _near(found: Decimal, target: Decimal | None, absolute: float, relative: float) -> bool:
    """Compare exactly, so that a tolerance of 0.1 lets 1.1 pass for 1.0."""
    if target is None:
        return False
    with localcontext(prec=60):
        reach = max(Decimal(str(absolute)), Decimal(str(relative)) * abs(target))
        return abs(found - target) <= reach


def _choice(question: Question, text: str) -> Mark:
    found = chosen(text, question.choices)
    if found is None:
        return Mark(0.0, "no choice in the answer")
    return Mark(float(any(found == letter(t, question.choices) for t in question.targets)))


def _regex(grader: Regex, question: Question, text: str) -> Mark:
    flags = re.IGNORECASE if grader.ignore_case else re.NOFLAG
    patterns = [grader.pattern] if grader.pattern else [str(t) for t in question.targets]
    try:
        with _time_limit(PATTERN_S):
            return Mark(float(any(re.search(pattern, text, flags) for pattern in patterns)))
    except TimeoutError:
        return Mark(0.0, f"the pattern took longer than {PATTERN_S:g} s")


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError inside the block after these seconds of a pattern that backtracks.

    The pattern engine looks for signals while it matches, and only the main thread gets them;
    elsewhere there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(signum: int, frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _json(grader: JsonFields, question: Question, text: str) -> Mark:
    found = last_object(text)
    if found is None:
        return Mark(0.0, "no JSON object in the answer")
    scores = [_fields(grader, as_object(target), found) for target in question.targets]
    return Mark(max(scores))


def _fields(grader: JsonFields, target: object, found: Mapping[str, Any]) -> float:
    """Share of the fields that agree."""
    if not isinstance(target, Mapping):
        return 0.0
    fields = grader.fields or tuple(target)
    right = sum(
        _same(_at(target, field), _at(found, field), grader.rel_tolerance) for field in fields
    )
    if grader.all_or_nothing:
        return float(right == len(fields))
    return right / len(fields) if fields else float(not found)


_ABSENT = object()


def _at(value: object, path: str) -> object:
    """Give what stands at a dotted path; a key that holds dots goes first."""
    if isinstance(value, Mapping) and path in value:
        return value[path]
    head, dot, rest = path.partition(".")
    if dot and isinstance(value, Mapping) and head in value:
        return _at(value[head], rest)
    return _ABSENT


def _same(target: object, found: object, relative: float) -> bool:
    """Compare JSON values; numbers within the tolerance, texts without the spaces around them."""
    if isinstance(target, bool) or isinstance(found, bool) or target is None:
        return target is found
    if isinstance(target, int | float) and isinstance(found, int | float):
        exact = number(found)
        return exact is not None and _near(exact, number(target), 0.0, relative)
    if isinstance(target, str) and isinstance(found, str):
        return target.strip() == found.strip()
    if isinstance(target, list) and isinstance(found, list):
        pairs = zip(target, found, strict=False)
        return len(target) == len(found) and all(_same(t, f, relative) for t, f in pairs)
    if isinstance(target, Mapping) and isinstance(found, Mapping):
        return target.keys() == found.keys() and all(
            _same(value, found[key], relative) for key, value in target.items()
        )
    return False

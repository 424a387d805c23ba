"""One model at one setting on one class: its share of right answers and what errors may hide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from costplan.domain.figures import write_percent
from costplan.ingest.evals.answers import Answer

MANY_ERRORS = 0.02
"""Share of errors from which on the accuracy is worth a word."""


@dataclass(frozen=True, slots=True)
class OptionSummary:
    """What the answers of one option come to. Unknown is None."""

    dataset: str
    """Benchmark."""
    task_class: str
    """Class."""
    model: str
    """Model."""
    setting: str
    """Setting."""
    questions: int
    """Questions with at least one graded answer."""
    answers: int
    """Graded answers."""
    errors: int
    """Answers that an error left ungraded."""
    accuracy: float
    """Mean over questions of the mean over their answers."""
    accuracy_se: float | None
    """Standard error, clustered by question; None for a single question."""
    accuracy_with_errors_wrong: float
    """The same with every error counted as a wrong answer: the lower end of what is possible."""
    accuracy_with_errors_right: float
    """The same with every error counted as a right answer: the upper end."""
    input_tokens: float | None
    """Mean input tokens of the graded answers that say it."""
    output_tokens: float | None
    """Mean output tokens."""
    reasoning_tokens: float | None
    """Mean reasoning tokens."""
    usd: float | None
    """Mean dollars."""
    latency_s: float | None
    """Mean seconds."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know about the option."""
        share = self.errors / (self.answers + self.errors)
        if share < MANY_ERRORS:
            return ()
        low = write_percent(self.accuracy_with_errors_wrong)
        high = write_percent(self.accuracy_with_errors_right)
        return (
            f"{self.model} {self.setting} on {self.task_class}: {self.errors} of"
            f" {self.answers + self.errors} answers ended in errors and are left out; the accuracy"
            f" {write_percent(self.accuracy)} is of the survivors, with all of them it is between"
            f" {low} and {high}",
        )


def summarise(graded: Sequence[Answer], errors: Sequence[Answer]) -> tuple[OptionSummary, ...]:
    """Summarise every option that has a graded answer, sorted by name."""
    groups: dict[tuple[str, str, str, str], tuple[list[Answer], list[Answer]]] = {}
    for place, answers in ((0, graded), (1, errors)):
        for answer in answers:
            key = (answer.dataset, answer.task_class, answer.model, answer.setting or "")
            groups.setdefault(key, ([], []))[place].append(answer)
    return tuple(
        _summary(key, good, failed) for key, (good, failed) in sorted(groups.items()) if good
    )


def _summary(
    key: tuple[str, str, str, str], good: list[Answer], failed: list[Answer]
) -> OptionSummary:
    means = list(_by_question((a.question, a.correct or 0.0) for a in good).values())
    accuracy = sum(means) / len(means)
    spread = sum((mean - accuracy) ** 2 for mean in means)
    count = len(means)
    scores = [(a.question, a.correct or 0.0) for a in good]
    bounds = []
    for filler in (0.0, 1.0):
        filled = _by_question([*scores, *((a.question, filler) for a in failed)])
        bounds.append(sum(filled.values()) / len(filled))
    return OptionSummary(
        *key,
        questions=count,
        answers=len(good),
        errors=len(failed),
        accuracy=accuracy,
        accuracy_se=(spread / (count - 1) / count) ** 0.5 if count > 1 else None,
        accuracy_with_errors_wrong=bounds[0],
        accuracy_with_errors_right=bounds[1],
        input_tokens=_mean(a.input_tokens for a in good),
        output_tokens=_mean(a.output_tokens for a in good),
        reasoning_tokens=_mean(a.reasoning_tokens for a in good),
        usd=_mean(a.usd for a in good),
        latency_s=_mean(a.latency_s for a in good),
    )


def _by_question(scores: Iterable[tuple[str, float]]) -> dict[str, float]:
    grouped: dict[str, list[float]] = {}
    for question, score in scores:
        grouped.setdefault(question, []).append(score)
    return {question: sum(values) / len(values) for question, values in grouped.items()}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None

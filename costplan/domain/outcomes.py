"""Evidence question by question: who answered what, how well, at what price."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

TEXT_COLUMNS = ("dataset", "task_class", "question_id", "model", "budget_or_effort")
NUMBER_COLUMNS = ("correct", "input_tokens", "output_tokens", "cost_usd", "latency_s")
COLUMNS = (*TEXT_COLUMNS, "sample", *NUMBER_COLUMNS)
OPTIONAL_COLUMNS = (
    "reasoning_tokens", "cached_input_tokens", "truncated", "refused", "error",
    "answer", "accepted", "confidence",
)  # fmt: skip
KNOWN = "known_"
"""How columns begin that say what is known of a question before the call."""
SHARE_COLUMNS = ("correct", "truncated", "refused", "accepted", "confidence")
"""Columns that hold 0 to 1, or yes and no."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something odd in the outcomes, and what was done about it."""

    code: str
    """Short name for machines: "duplicate-rows"."""
    message: str
    """What was found and its consequence, in one sentence."""
    task_class: str = ""
    """The class concerned; empty when it is the whole table."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A text column: its distinct values, sorted, and which one each row has."""

    names: tuple[str, ...]
    """Distinct values in order."""
    codes: Codes
    """Index into names, (rows,)."""

    @staticmethod
    def of(values: Sequence[str]) -> Labels:
        """Encode a column of text."""
        import numpy as np

        names = tuple(sorted(set(values)))
        place = {name: i for i, name in enumerate(names)}
        codes = np.fromiter((place[v] for v in values), dtype=np.int64, count=len(values))
        return Labels(names, codes)

    def decode(self) -> list[str]:
        """Give the column as text again."""
        return [self.names[i] for i in self.codes.tolist()]


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """The eleven-column table: one row per question, option and sample. Blank numbers are NaN."""

    dataset: Labels
    """Short name of the source run; part of a question's identity."""
    task_class: Labels
    """The class a plan allocates to."""
    question: Labels
    """Identifier inside dataset and class."""
    model: Labels
    """Name of the model."""
    setting: Labels
    """Position of the model's knob, the column budget_or_effort."""
    sample: Codes
    """0, 1, 2 ... where an option answered a question several times, (rows,)."""
    correct: Floats
    """Score of the answer, 0 to 1, (rows,)."""
    input_tokens: Floats
    """Input tokens of the row, (rows,); NaN unknown."""
    output_tokens: Floats
    """Output tokens of the row, reasoning included, (rows,); NaN unknown."""
    usd: Floats
    """Dollars of the row, (rows,); NaN unknown."""
    latency_s: Floats
    """Seconds of the row, (rows,); NaN unknown."""
    extra: Mapping[str, Floats] = field(default_factory=dict)
    """Optional columns that hold numbers or flags, each (rows,); NaN unknown."""
    known: Mapping[str, Labels] = field(default_factory=dict)
    """What is known of a question before the call, by the names of their columns; "" unknown."""
    notes: tuple[Note, ...] = ()
    """What was odd in the source and what was done about it."""

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.correct)

    @staticmethod
    def of_columns(columns: Mapping[str, Sequence[object]]) -> Outcomes:
        """Build the table from columns named as in the file; None, "" and NaN are blank.

        Values are trusted; files are checked by `costplan.files.outcomes.read_outcomes`.
        """
        import numpy as np

        size = len(columns["correct"])

        def numbers(name: str) -> Floats:
            if name not in columns:
                return np.full(size, np.nan)
            values = (np.nan if v is None or v == "" else float(v) for v in columns[name])  # type: ignore[arg-type]
            return np.fromiter(values, dtype=np.float64, count=size)

        def text(name: str) -> Labels:
            return Labels.of([str(value) for value in columns.get(name, [""] * size)])

        return Outcomes(
            dataset=text("dataset"),
            task_class=text("task_class"),
            question=text("question_id"),
            model=text("model"),
            setting=text("budget_or_effort"),
            sample=np.nan_to_num(numbers("sample")).astype(np.int64),
            correct=numbers("correct"),
            input_tokens=numbers("input_tokens"),
            output_tokens=numbers("output_tokens"),
            usd=numbers("cost_usd"),
            latency_s=numbers("latency_s"),
            extra={
                k: code_answers(columns[k]) if k == "answer" else numbers(k)
                for k in OPTIONAL_COLUMNS
                if k in columns and k != "error"
            },
            known={
                k: Labels.of(["" if _is_blank(value) else str(value).strip() for value in values])
                for k, values in columns.items()
                if k.startswith(KNOWN)
            },
        )

    def take(self, rows: Codes) -> Outcomes:
        """Keep these rows, by index."""

        def labels(column: Labels) -> Labels:
            return Labels(column.names, column.codes[rows])

        return Outcomes(
            dataset=labels(self.dataset),
            task_class=labels(self.task_class),
            question=labels(self.question),
            model=labels(self.model),
            setting=labels(self.setting),
            sample=self.sample[rows],
            correct=self.correct[rows],
            input_tokens=self.input_tokens[rows],
            output_tokens=self.output_tokens[rows],
            usd=self.usd[rows],
            latency_s=self.latency_s[rows],
            extra={name: values[rows] for name, values in self.extra.items()},
            known={name: labels(column) for name, column in self.known.items()},
            notes=self.notes,
        )

    def to_frame(self) -> pd.DataFrame:
        """Give the table as a data frame with the file's column names."""
        import pandas as pd

        return pd.DataFrame(
            {
                "dataset": self.dataset.decode(),
                "task_class": self.task_class.decode(),
                "question_id": self.question.decode(),
                "model": self.model.decode(),
                "budget_or_effort": self.setting.decode(),
                "sample": self.sample,
                "correct": self.correct,
                "input_tokens": self.input_tokens,
                "output_tokens": self.output_tokens,
                "cost_usd": self.usd,
                "latency_s": self.latency_s,
                **self.extra,
                **{name: column.decode() for name, column in self.known.items()},
            }
        )


def _is_blank(value: object) -> bool:
    # NaN is a blank that went through numbers.
    return value is None or value != value  # noqa: PLR0124


def code_answers(answers: Sequence[object]) -> Floats:
    """Give equal answers equal codes, (rows,); NaN where blank.

    Answers are compared as text without outer spaces and case; numbers by their value.
    """
    import numpy as np

    said = [_plain_answer(answer) for answer in answers]
    labels = Labels.of(said)
    codes = labels.codes.astype(np.float64)
    blank = np.array([not name for name in labels.names], dtype=bool)
    return np.where(blank[labels.codes], np.nan, codes) if said else codes


def _plain_answer(answer: object) -> str:
    text = "" if answer is None else str(answer).strip().casefold()
    try:
        number = float(text)
    except ValueError:
        return text
    # NaN is a blank that went through numbers.
    return "" if math.isnan(number) else repr(number + 0.0)

"""Outcomes of one class as a table of questions by settings, with every sample kept.

A score is taken as the chance that an answer is right: 1 or 0 where it is graded so, a part where
the source scores parts. Blank costs are filled with the setting's mean of the known ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np  # noqa: TID253 - this room is about arrays
from numpy.typing import NDArray  # noqa: TID253

from costplan.domain.outcomes import Outcomes
from costplan.domain.recipe import Setting

Array = NDArray[np.float64]
Index = NDArray[np.int64]
AMOUNTS = ("usd", "latency_s", "input_tokens", "output_tokens", "reasoning_tokens")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """What every setting did on every question of a class; means are (Q, M), NaN unknown."""

    settings: tuple[Setting, ...]
    """Model and knob, sorted."""
    questions: tuple[tuple[str, str], ...]
    """Dataset and id, sorted."""
    count: Index
    """Samples, (Q, M)."""
    score: Array
    """Mean score; NaN where there is no sample."""
    usd: Array
    """Mean dollars; blanks filled where the setting has a known one."""
    latency_s: Array
    """Mean seconds; NaN where unknown."""
    input_tokens: Array
    """Mean input tokens; NaN where unknown."""
    output_tokens: Array
    """Mean output tokens, reasoning included; NaN where unknown."""
    reasoning_tokens: Array
    """Mean reasoning tokens; NaN where unknown."""
    first: Index
    """Place of a cell's first sample in the rows below, (Q, M)."""
    row_score: Array
    """Score of each sample, in the order of question, setting, sample."""
    row_latency_s: Array
    """Seconds of each sample."""
    row_answer: Array
    """Code of the answer that a sample gave; NaN where unknown."""
    row_accepted: Array
    """Verdict of a verifier on each sample, 0 to 1; NaN where unknown."""
    row_confidence: Array
    """Confidence that the model stated, 0 to 1; NaN where unknown."""
    filled_usd: Array
    """Share of a setting's questions whose dollars were blank, (M,)."""
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What is known of each question before the call, by column; "" unknown."""

    @property
    def hardness(self) -> Array:
        """Share of settings that miss each question, standardised to mean 0 and sd 1, (Q,)."""
        missed = 1.0 - np.nanmean(np.where(self.count > 0, self.score, np.nan), axis=1)
        spread = missed.std()
        return np.asarray((missed - missed.mean()) / spread if spread > 0 else missed * 0.0)

    def place(self, setting: Setting) -> int:
        """Give the column of a setting; KeyError when it was not measured."""
        try:
            return self.settings.index(setting)
        except ValueError:
            raise KeyError(setting) from None

    def shared(self, columns: Sequence[int]) -> Index:
        """List the questions that all these settings answered."""
        return np.flatnonzero((self.count[:, list(columns)] > 0).all(axis=1))

    def rows(self, question: int, column: int) -> slice:
        """Give the samples of a cell."""
        start = int(self.first[question, column])
        return slice(start, start + int(self.count[question, column]))

    def take(self, questions: Index) -> Table:
        """Keep these questions."""
        kept = {name: getattr(self, name)[questions] for name in ("count", "score", "first")}
        kept |= {name: getattr(self, name)[questions] for name in AMOUNTS}
        rest = ("row_score", "row_latency_s", "row_answer", "row_accepted", "row_confidence")
        return Table(
            settings=self.settings,
            questions=tuple(self.questions[i] for i in questions.tolist()),
            filled_usd=self.filled_usd,
            known={
                name: tuple(values[i] for i in questions.tolist())
                for name, values in self.known.items()
            },
            **kept,
            **{name: getattr(self, name) for name in rest},
        )


def lay_out(outcomes: Outcomes, task_class: str) -> Table:
    """Lay the outcomes of a class out; KeyError when it has none."""
    if task_class not in outcomes.task_class.names:
        raise KeyError(task_class)
    mine = outcomes.task_class.codes == outcomes.task_class.names.index(task_class)
    part = outcomes.take(np.flatnonzero(mine))
    knobs = len(part.setting.names)
    columns, column = np.unique(part.model.codes * knobs + part.setting.codes, return_inverse=True)
    ids = len(part.question.names)
    names, question = np.unique(part.dataset.codes * ids + part.question.codes, return_inverse=True)
    shape = (len(names), len(columns))
    cell = question * shape[1] + column
    order = np.lexsort((np.arange(len(cell)), part.sample, cell))
    count = np.bincount(cell, minlength=shape[0] * shape[1])
    blank = np.full(len(part), np.nan)
    means = {
        "usd": part.usd,
        "latency_s": part.latency_s,
        "input_tokens": part.input_tokens,
        "output_tokens": part.output_tokens,
        "reasoning_tokens": part.extra.get("reasoning_tokens", blank),
    }
    usd, filled = _fill(_average(cell, shape, part.usd), count.reshape(shape))
    return Table(
        settings=tuple(
            (part.model.names[i // knobs], part.setting.names[i % knobs]) for i in columns.tolist()
        ),
        questions=tuple(
            (part.dataset.names[i // ids], part.question.names[i % ids]) for i in names.tolist()
        ),
        count=count.reshape(shape),
        score=_average(cell, shape, part.correct),
        first=(np.cumsum(count) - count).reshape(shape),
        row_score=part.correct[order],
        row_latency_s=part.latency_s[order],
        row_answer=part.extra.get("answer", blank)[order],
        row_accepted=part.extra.get("accepted", blank)[order],
        row_confidence=part.extra.get("confidence", blank)[order],
        filled_usd=filled,
        known={
            name: _first_known(question, len(names), labels.decode())
            for name, labels in part.known.items()
        },
        **{name: _average(cell, shape, rows) for name, rows in means.items()} | {"usd": usd},
    )


def _first_known(question: Index, size: int, values: Sequence[str]) -> tuple[str, ...]:
    """Take the value that a question's rows give; blank where none does."""
    found = [""] * size
    for q, value in zip(question.tolist(), values, strict=True):
        found[q] = found[q] or value
    return tuple(found)


def _average(cell: Index, shape: tuple[int, int], values: Array) -> Array:
    """Average what is known of each cell; NaN where nothing is."""
    known = np.isfinite(values)
    size = shape[0] * shape[1]
    count = np.bincount(cell[known], minlength=size)
    total = np.bincount(cell[known], weights=values[known], minlength=size)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).reshape(shape)


def _fill(usd: Array, count: Index) -> tuple[Array, Array]:
    """Fill blank dollars with their setting's mean of the known ones."""
    asked, known = count > 0, np.isfinite(usd)
    number = known.sum(axis=0)
    mean = np.where(number > 0, np.nansum(usd, axis=0) / np.maximum(number, 1), np.nan)
    filled = np.where(known, usd, np.where(asked, mean, np.nan))
    blank = (asked & ~known).sum(axis=0) / np.maximum(asked.sum(axis=0), 1)
    return filled, np.asarray(blank)

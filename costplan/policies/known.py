"""What is known of a question before the call: its input tokens, its dataset, columns known_*."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np  # noqa: TID253 - this room is about arrays

from costplan.policies.table import Array, Index, Table

MOST_VALUES = 8
"""Distinct values up to which a column tells kinds apart, though they be numbers."""
MOST_KINDS = 30
"""Values of a column, the most frequent ones, that a model tells apart."""
FEWEST_OF_KIND = 5
"""Questions that a value needs to be told apart from the others when learning."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A number that is known of a question before the call."""

    column: str
    """Where it comes from."""
    value: str | None = None
    """For a column of kinds: 1 where it has this value, else 0."""
    log: bool = False
    """Whether its logarithm is taken: ln(x) of input tokens, ln(1 + x) else."""
    power: int = 1
    """Power of it."""

    @property
    def name(self) -> str:
        """How a formula names it."""
        if self.value is not None:
            return f"[{self.column} = {self.value or 'blank'}]"
        plain = self.column if self.column == "input_tokens" else f"1 + {self.column}"
        name = f"ln({plain})" if self.log else self.column
        return name if self.power == 1 else f"{name}^{self.power}"

    def read(self, table: Table, questions: Index) -> Array:
        """Read it for some questions, (Q,); KeyError where the table does not say it."""
        if self.value is not None:
            texts = read_texts(table, self.column)
            if texts is None:
                raise KeyError(self.column)
            return np.array([float(texts[q] == self.value) for q in questions.tolist()])
        numbers = read_numbers(table, self.column)
        if numbers is None:
            raise KeyError(self.column)
        number = numbers[questions]
        if self.log:
            more = 0.0 if self.column == "input_tokens" else 1.0
            number = np.log(np.maximum(number + more, 1.0))
        return np.asarray(number**self.power)


def list_columns(table: Table) -> list[str]:
    """Name what the table may know of a question before the call."""
    return ["input_tokens", "dataset", *sorted(table.known)]


def read_texts(table: Table, column: str) -> tuple[str, ...] | None:
    """Read a column of kinds, one text a question; None where there is none."""
    if column == "dataset":
        return tuple(source for source, _ in table.questions)
    return table.known.get(column)


def read_numbers(table: Table, column: str) -> Array | None:
    """Read a column of numbers, (Q,); None where one is unknown or no number."""
    if column == "input_tokens":
        numbers = _mean_known(table.input_tokens)
    elif column in table.known:
        try:
            numbers = np.array([float(text or "nan") for text in table.known[column]])
        except ValueError:
            return None
    else:
        return None
    return numbers if np.isfinite(numbers).all() else None


def is_scale(table: Table, column: str) -> bool:
    """Tell a column of many numbers from one of kinds."""
    numbers = read_numbers(table, column)
    return numbers is not None and (
        column == "input_tokens" or len(set(numbers.tolist())) > MOST_VALUES
    )


def list_features(table: Table, questions: Index) -> list[Feature]:
    """List what these questions differ in, for a model of their difficulty."""
    found = []
    for column in list_columns(table):
        if is_scale(table, column):
            numbers = read_numbers(table, column)
            assert numbers is not None
            seen = numbers[questions]
            if len(set(seen.tolist())) > 1:
                log = bool(seen.min() >= 0)
                powers = (1, 2) if column == "input_tokens" else (1,)
                found += [Feature(column, log=log, power=power) for power in powers]
            continue
        texts = read_texts(table, column)
        if texts is None:
            continue
        counts = Counter(texts[q] for q in questions.tolist())
        often = [value for value, n in counts.most_common(MOST_KINDS) if n >= FEWEST_OF_KIND]
        # The most frequent kind is what the others are compared with.
        usual = max(counts, key=lambda value: (counts[value], value))
        found += [Feature(column, value) for value in sorted(often) if value != usual]
    return found


def _mean_known(values: Array) -> Array:
    known = np.isfinite(values)
    number = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)

"""The outcomes table as a value."""

from __future__ import annotations

import math

import numpy as np

from costplan.domain.outcomes import COLUMNS, Labels, Outcomes

COLUMN_VALUES = {
    "task_class": ["b", "a", "b"],
    "question_id": [1, 2, 3],
    "model": ["m", "m", "n"],
    "correct": [1, 0.5, 0],
    "cost_usd": [0.1, None, ""],
    "reasoning_tokens": [5, None, 7],
}


def test_labels_are_sorted_and_decode_to_the_column():
    """Distinct values are in order whatever the order of the rows."""
    labels = Labels.of(["b", "a", "b"])
    assert labels.names == ("a", "b")
    assert labels.decode() == ["b", "a", "b"]


def test_what_is_not_given_is_unknown():
    """Missing columns and blank cells are NaN, never zero."""
    table = Outcomes.of_columns(COLUMN_VALUES)
    assert math.isnan(table.usd[1])
    assert math.isnan(table.usd[2])
    assert np.isnan(table.latency_s).all()
    assert table.extra["reasoning_tokens"][0] == 5


def test_taking_rows_and_frames():
    """Rows can be kept by index; a frame has the file's columns."""
    table = Outcomes.of_columns(COLUMN_VALUES)
    part = table.take(np.array([2, 0]))
    assert part.model.decode() == ["n", "m"]
    assert len(part) == 2
    assert part.to_frame().columns.tolist() == [*COLUMNS, "reasoning_tokens"]
    again = Outcomes.of_columns(part.to_frame().to_dict("list"))
    assert again.to_frame().equals(part.to_frame())

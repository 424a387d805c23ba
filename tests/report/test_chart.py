"""Charts of text end where their points end."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costplan.report.chart import TICK, draw_curve


def axis_of(drawn: str) -> list[float]:
    """Read the marks of the horizontal axis of dollars."""
    marks = drawn.splitlines()[-1].partition("|")[2]
    found = re.findall(r"\$([\d.,]+)([MBT]?)", marks)
    units = {"": 1, "M": 1e6, "B": 1e9, "T": 1e12}
    return [float(number.replace(",", "")) * units[letter] for number, letter in found]


@given(st.integers(100, 10**14), st.integers(60, 140))
def test_the_axis_ends_at_the_first_mark_beyond_the_points(most, width):
    """No mark but the last lies beyond the dearest point, and marks are evenly apart."""
    drawn = draw_curve([(1, 20.0), (most, 60.0)], [], title="t", width=width)
    marks = axis_of(drawn.plain)
    assert marks[0] == 0
    assert marks[-2] < most <= marks[-1] * 1.01
    step = marks[-1] / (len(marks) - 1)
    assert all(abs(b - a - step) <= 0.01 * most for a, b in itertools.pairwise(marks))
    assert max(map(len, drawn.plain.splitlines())) <= width


@pytest.mark.parametrize("most", [29_116, 9_143, 1_832, 61])
def test_a_curve_reaches_the_last_tick(most):
    """The curve ends within the last step of the axis, so that no empty part looks like no gain."""
    drawn = draw_curve([(0, 20.0), (most / 2, 60.0), (most, 60.0)], [], title="t", width=100)
    rows = drawn.plain.splitlines()
    end = max(len(row) for row in rows[2:-2])
    assert len(rows[-1]) - end < 2 * TICK


def test_nothing_but_zero_dollars_is_drawn():
    """A frontier of own options that cost nothing has an axis, too."""
    assert "$0" in draw_curve([(0, 20.0), (0, 60.0)], [], title="t", width=80).plain

"""Places of settings along a knob."""

from __future__ import annotations

import pytest

from costplan.evidence.settings import knob_number, positions


def test_effort_words_are_one_step_apart():
    """Words stand in the order of effort, whatever their case."""
    assert positions(["low", "Medium", "HIGH"]) == [2.0, 3.0, 4.0]


def test_twice_the_tokens_is_one_step():
    """Budgets stand by their logarithm, with zero one step below the smallest."""
    places = positions(["1k", "2000", "off", "8000"])
    assert places is not None
    assert [place - places[0] for place in places] == pytest.approx([0, 1, -1, 3])


def test_mixed_knobs_go_by_their_tokens_or_have_no_order():
    """A word and a number do not compare; measured tokens do."""
    assert positions(["high", "16000"]) is None
    assert positions(["high", "16000"], [1024.0, 4096.0]) == [10.0, 12.0]
    assert positions(["high", "16000"], [1024.0, None]) is None


@pytest.mark.parametrize(
    ("setting", "number"),
    [("16k", 16000), ("16_000", 16000), ("n=4", 4), ("fixed", None), ("on 8k of 16k", None)],
)
def test_the_number_in_a_setting(setting, number):
    """One number is read, none or several are not."""
    assert knob_number(setting) == number

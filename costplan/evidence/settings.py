"""Where the settings of one model's knob stand relative to each other, in effort steps."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

EFFORTS = {
    "none": 0.0,
    "off": 0.0,
    "disabled": 0.0,
    "minimal": 1.0,
    "low": 2.0,
    "medium": 3.0,
    "on": 3.0,
    "enabled": 3.0,
    "high": 4.0,
    "xhigh": 5.0,
    "max": 6.0,
}
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*(k?)\b", re.IGNORECASE)


def knob_number(setting: str) -> float | None:
    """Read the number in a setting: "16000", "16k", "budget=8192", "n=4"; None without one."""
    found = _NUMBER.findall(setting.replace("_", "").replace(",", ""))
    if len(found) != 1:
        return None
    return float(found[0][0]) * (1000.0 if found[0][1] else 1.0)


def positions(
    settings: Sequence[str], output_tokens: Sequence[float | None] | None = None
) -> list[float] | None:
    """Place settings of one model on a line of effort steps; None where they have no order.

    One step is the next effort word or twice the tokens; a knob at zero stands one step below
    the smallest positive one. Words and numbers do not mix: then the measured output tokens
    decide, and without them there is no order.
    """
    words = [EFFORTS.get(setting.strip().lower()) for setting in settings]
    if all(word is not None for word in words):
        return [float(word) for word in words if word is not None]
    numbers = [knob_number(setting) for setting in settings]
    numbers = [
        0.0 if number is None and word == 0.0 else number
        for number, word in zip(numbers, words, strict=True)
    ]
    if all(number is not None for number in numbers):
        return _log_positions([number for number in numbers if number is not None])
    if output_tokens is not None and all(t is not None and t > 0 for t in output_tokens):
        return [math.log2(tokens) for tokens in output_tokens if tokens is not None]
    return None


def _log_positions(numbers: list[float]) -> list[float]:
    """Place numbers by their binary logarithm; zero stands one step below the smallest."""
    positive = [number for number in numbers if number > 0]
    floor = math.log2(min(positive)) - 1.0 if positive else 0.0
    return [math.log2(number) if number > 0 else floor for number in numbers]

"""What a measurement lets us believe."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How good the evidence behind an estimate is, best first."""

    STATED = "stated"
    """The user states the number as exact."""
    MEASURED = "measured"
    """Measured on the user's own questions."""
    PUBLISHED = "published"
    """Published for a benchmark that stands for the class, with transfer uncertainty."""
    ASSUMED = "assumed"
    """Interpolated or pooled: no measurement of this setting."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An accuracy with the interval it deserves."""

    mean: float
    """Expected share of right answers, 0 to 1."""
    low: float
    """Lower end of the interval, 0 to mean."""
    high: float
    """Upper end of the interval, mean to 1."""
    grade: Grade
    """How good the evidence is."""

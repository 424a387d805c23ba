"""What was measured: one row of evidence."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

UNSTATED = "unstated"
"""A setting that no profile has: such a row can be shown, but is no option."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured point of an accuracy-per-budget curve: a model at a setting on a benchmark.

    Only measurements of one source and one benchmark are comparable. Unknown is None, never zero.
    """

    source: str
    """Key of the publication, or the file it was measured into: "epoch-ai"."""
    benchmark: str
    """Benchmark and version, or the user's task class: "gpqa-diamond"."""
    task_kind: str
    """Kind of work the benchmark asks for: "science-mc"."""
    model: str
    """Name of the model's profile: "o3"."""
    setting: str
    """Position of the model's knob as the profile names it: "high", "16000", "fixed"; or
    UNSTATED."""
    n_questions: int | None
    """Graded questions, at least 1; None where the source does not say."""
    accuracy: float
    """Share of right answers, 0 to 1."""
    samples: int = 1
    """Answers drawn per question: 1 is one call, more is a vote or a choice among them."""
    accuracy_se: float | None = None
    """Standard error of the accuracy as published, a fraction."""
    input_tokens: float | None = None
    """Mean input tokens per question, cached ones included."""
    output_tokens: float | None = None
    """Mean output tokens per question, reasoning included."""
    reasoning_tokens: float | None = None
    """Mean reasoning tokens per question, a part of the output tokens."""
    usd: Decimal | None = None
    """Mean dollars per question as published or as computed from tokens."""
    usd_basis: str = ""
    """How the dollars were got: "published" or the prices they were computed from."""
    seconds: float | None = None
    """Mean seconds per question."""
    seconds_basis: str = ""
    """How the seconds were got."""
    date: str = ""
    """ISO date of the run, snapshot or release."""
    confidence: str = "read"
    """How the number was got from the source: "read" or "read-figure"."""
    note: str = ""
    """Scoring rule and warnings of the source."""
    published_as: str = ""
    """Name of the model in the source."""
    p50_s: float | None = None
    """Median seconds of a call."""
    p50_low_s: float | None = None
    """Lower end of the median's interval."""
    p50_high_s: float | None = None
    """Upper end of the median's interval; None where too few calls can bound it."""
    p95_s: float | None = None
    """95th percentile of the seconds of a call."""
    p95_low_s: float | None = None
    """Lower end of the percentile's interval."""
    p95_high_s: float | None = None
    """Upper end of the percentile's interval; None where too few calls can bound it."""

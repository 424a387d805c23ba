"""What a fitted curve is: settings with data and estimates, and what looks odd about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from costplan.domain.errors import Fault, InputError
from costplan.domain.estimate import Estimate

if TYPE_CHECKING:
    from costplan.evidence.diagnosis import Finding


@dataclass(frozen=True, slots=True)
class FitPoint:
    """A setting of a model: what was measured and what it is fitted to be worth."""

    model: str
    """Name of the model."""
    setting: str
    """Position of its knob."""
    n_questions: int | None
    """Questions asked; None where the source does not say, 0 where nobody measured it."""
    measured: float | None
    """Share of right answers as measured; None where nobody did."""
    fitted: Estimate
    """What to believe, with its interval and grade."""
    usd: Decimal | None
    """Dollars per request of the class, or per question of the benchmark."""
    output_tokens: float | None
    """Mean output tokens, reasoning included."""
    reasoning_tokens: float | None
    """Mean reasoning tokens."""


@dataclass(frozen=True, slots=True)
class CurveFit:
    """Everything about the curve of one class or benchmark."""

    name: str
    """The class, or the benchmark."""
    evidence: str
    """What it rests on, in words."""
    unit: str
    """What dollars are per: "request" or "question"."""
    confidence: float
    """Probability with which intervals are meant to hold."""
    points: tuple[FitPoint, ...]
    """Settings of each model along its knob, models in order of name."""
    findings: tuple[Finding, ...]
    """What looks wrong."""
    notes: tuple[str, ...]
    """What was assumed."""


def choose_classes(names: Sequence[str], known: Sequence[str], file: str) -> list[str]:
    """Choose the named classes, all without names; InputError names those that are not there."""
    advice = "it has " + ", ".join(known[:8]) + ("…" if len(known) > 8 else "")
    wrong = [name for name in names if name not in known]
    if wrong:
        raise InputError(Fault(f"no class {name!r}", file=file, advice=advice) for name in wrong)
    return [name for name in known if not names or name in names]


def put_in_order(points: Iterable[FitPoint]) -> tuple[FitPoint, ...]:
    """Sort models by name and the settings of each along its knob."""
    from costplan.evidence.settings import positions

    models: dict[str, list[FitPoint]] = {}
    for point in sorted(points, key=lambda point: (point.model, point.setting)):
        models.setdefault(point.model, []).append(point)
    out: list[FitPoint] = []
    for group in models.values():
        places = positions([p.setting for p in group], [p.output_tokens for p in group])
        places = places or [0.0] * len(group)
        out += [group[i] for i in sorted(range(len(group)), key=places.__getitem__)]
    return tuple(out)

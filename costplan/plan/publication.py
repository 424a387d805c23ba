"""One publication's run of a benchmark, with all that every class and month reads off it alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from costplan.domain.estimate import Estimate
from costplan.domain.measurement import Measurement
from costplan.domain.option import Option
from costplan.domain.profile import Profile
from costplan.plan.hygiene import Oddity, inspect_published
from costplan.plan.options import Draft, draft_options
from costplan.plan.tokens import TokenEvidence

if TYPE_CHECKING:
    from costplan.evidence.belief import Belief
    from costplan.evidence.published import PublishedCurve

Setting = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Publication:
    """What does not depend on the class that takes it, found once."""

    rows: tuple[Measurement, ...]
    """Single calls of known models."""
    drafts: tuple[Draft, ...]
    """Settings that were measured, and those between two that were."""
    tokens: TokenEvidence
    """How long models think on it."""
    curve: PublishedCurve
    """The measured settings, shrunken."""
    belief: Belief
    """What a class may believe that takes it, of every draft."""
    questions: Mapping[Setting, int | None]
    """Graded questions behind each setting."""
    _estimates: dict[tuple[Setting, float], Estimate] = field(default_factory=dict, repr=False)
    _odd: dict[frozenset[Setting], list[Oddity]] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(
        rows: Sequence[Measurement],
        everything: Sequence[Measurement],
        profiles: Mapping[str, Profile],
    ) -> Publication:
        """Read a publication's rows on one benchmark; everything is what tokens are borrowed of."""
        from costplan.evidence.published import read_curve

        drafts = tuple(draft_options(rows, dict(profiles)))
        curve = read_curve(rows)
        between = ((draft.model, draft.setting) for draft in drafts if draft.interpolated)
        return Publication(
            rows=tuple(rows),
            drafts=drafts,
            tokens=TokenEvidence.gather(rows, everything, dict(profiles)),
            curve=curve,
            belief=curve.with_settings(between).carry_over([""]).classes[""],
            questions={(row.model, row.setting): row.n_questions for row in rows},
        )

    def estimate(self, setting: Setting, confidence: float) -> Estimate:
        """Give the accuracy of a setting with its interval, as its class may believe it."""
        key = setting, confidence
        if key not in self._estimates:
            self._estimates[key] = self.belief.estimate(setting, confidence)
        return self._estimates[key]

    def inspect(self, options: Iterable[Option]) -> list[Oddity]:
        """Look at what is odd in the settings that a class could choose."""
        options = list(options)
        key = frozenset((option.model, option.setting) for option in options)
        if key not in self._odd:
            self._odd[key] = inspect_published(self.rows, options)
        return self._odd[key]

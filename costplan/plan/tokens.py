"""How many tokens a class's request takes at a setting, from what a curve measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from costplan.domain.figures import write_percent
from costplan.domain.measurement import Measurement
from costplan.domain.profile import Profile
from costplan.domain.workload import TaskClass

TOKEN = Decimal("0.001")
"""Means of tokens are kept to a thousandth."""
FEWEST_SHARED = 3
"""Options that two benchmarks must share before tokens of one are scaled to the other."""


@dataclass(frozen=True, slots=True)
class TokenUse:
    """Mean tokens of one request, and what was assumed to get them."""

    input: Decimal
    """Input tokens, cached ones included."""
    cached_input: Decimal
    """Input tokens read from the cache."""
    output: Decimal
    """Output tokens, reasoning included."""
    reasoning: Decimal
    """Reasoning tokens."""
    notes: tuple[str, ...] = ()
    """What was assumed."""


def thinks(profile: Profile, setting: str) -> bool:
    """Tell whether the model reasons at a setting."""
    return profile.knob.thinks and setting not in ("off", "none", "0")


@dataclass(frozen=True, slots=True)
class TokenEvidence:
    """What all curves say about tokens; answers for one source and benchmark."""

    rows: tuple[Measurement, ...]
    """Measurements of the class's source and benchmark."""
    elsewhere: tuple[Measurement, ...]
    """Measurements of any source, to borrow from."""
    visible: float
    """Output tokens of an answer without thinking on this benchmark; 0 where nobody measured."""

    @staticmethod
    def gather(
        rows: Sequence[Measurement],
        elsewhere: Iterable[Measurement],
        profiles: dict[str, Profile],
    ) -> TokenEvidence:
        """Gather what is needed; visible tokens are the median over models that did not think."""
        plain = [
            row.output_tokens
            for row in rows
            if row.output_tokens is not None
            and row.model in profiles
            and not thinks(profiles[row.model], row.setting)
        ]
        return TokenEvidence(tuple(rows), tuple(elsewhere), median(plain) if plain else 0.0)

    def reasoning(
        self,
        profile: Profile,
        model: str,
        setting: str,
        row: Measurement | None,
        usd_per_output_token: Decimal,
    ) -> tuple[float, str] | None:
        """Give mean reasoning tokens on this benchmark and what was assumed; None when unknown."""
        if not thinks(profile, setting):
            return 0.0, ""
        measured = None if row is None else self._measured(row)
        if measured is not None:
            return measured
        if row is not None and row.usd is not None and usd_per_output_token > 0:
            tokens = float(row.usd / usd_per_output_token)
            return tokens, "reasoning tokens read off the published dollars, as if all were output"
        return self._borrowed(model, setting) or self._capped(profile, model, setting)

    def _measured(self, row: Measurement) -> tuple[float, str] | None:
        if row.reasoning_tokens is not None:
            return row.reasoning_tokens, ""
        if row.output_tokens is None:
            return None
        beyond = max(0.0, row.output_tokens - self.visible)
        return beyond, "reasoning tokens taken as the output beyond an answer without thinking"

    def _borrowed(self, model: str, setting: str) -> tuple[float, str] | None:
        """Borrow from other benchmarks, each scaled by what both measured of other options."""
        here = {
            (row.model, row.setting): known[0]
            for row in self.rows
            if (known := self._measured(row)) is not None and known[0] > 0
        }
        there: dict[str, dict[tuple[str, str], float]] = {}
        for row in self.elsewhere:
            if row.reasoning_tokens and row.samples == 1:
                place = f"{row.benchmark} ({row.source})"
                there.setdefault(place, {})[row.model, row.setting] = row.reasoning_tokens
        raw: dict[str, float] = {}
        scaled: dict[str, float] = {}
        for place, tokens in sorted(there.items()):
            if (model, setting) not in tokens:
                continue
            raw[place] = tokens[model, setting]
            ratios = [here[key] / tokens[key] for key in here if key in tokens]
            if len(ratios) >= FEWEST_SHARED:
                scaled[place] = raw[place] * median(ratios)
        if not raw:
            return None
        found = scaled or raw
        how = "scaled by options both measured" if scaled else "unscaled"
        names = ", ".join(list(found)[:2])
        return median(found.values()), f"reasoning tokens borrowed from {names}, {how}"

    def _capped(self, profile: Profile, model: str, setting: str) -> tuple[float, str] | None:
        """Take the part of a thinking budget that the model's other budgets used, else all."""
        budget = profile.settings[setting].budget
        if budget is None or budget < 0:
            return None
        used = [
            tokens[0] / size
            for row in self.rows
            if row.model == model and row.setting in profile.settings
            if (size := profile.settings[row.setting].budget) and size > 0
            if (tokens := self._measured(row)) is not None
        ]
        if used:
            part = min(median(used), 1.0)
            return (
                budget * part,
                f"reasoning tokens taken as {write_percent(part, 0)} of the budget, as measured",
            )
        return float(budget), "reasoning tokens taken as the whole thinking budget"


def use_tokens(
    task: TaskClass, reasoning: float, notes: tuple[str, ...], *, scale: Decimal
) -> TokenUse:
    """Apply the class's own sizes; `scale` is applied to reasoning only."""
    if task.input_tokens is None or task.output_tokens is None:
        raise ValueError("the class states no token sizes")
    thinking = (Decimal(str(reasoning)) * scale).quantize(TOKEN)
    return TokenUse(
        input=task.input_tokens,
        cached_input=task.cached_input_tokens,
        output=task.output_tokens + thinking,
        reasoning=thinking,
        notes=notes,
    )


def find_misfit(profile: Profile, setting: str, use: TokenUse) -> tuple[str, str] | None:
    """Say why a request cannot fit the model's limits: a code and a sentence; None when it fits."""
    cap = profile.settings[setting].max_output_tokens
    counted = use.output - (use.reasoning if profile.knob.cap_covers == "visible" else 0)
    if counted > cap:
        return "output_limit", f"{counted:,.0f} output tokens do not fit the cap of {cap:,}"
    if profile.output_limit is not None and use.output > profile.output_limit:
        return (
            "output_limit",
            f"{use.output:,.0f} output tokens exceed the model's {profile.output_limit:,}",
        )
    whole = use.input + use.output
    if profile.context_tokens is not None and whole > profile.context_tokens:
        return "context", f"{whole:,.0f} tokens exceed the context of {profile.context_tokens:,}"
    return None

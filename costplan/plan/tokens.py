"""How many tokens a class's request takes at a setting, from what a curve measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from costplan.domain.measurement import Measurement
from costplan.domain.profile import Profile
from costplan.domain.workload import TaskClass

TOKEN = Decimal("0.001")
"""Means of tokens are kept to a thousandth."""
MILLION = Decimal(1_000_000)


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
        return self._borrowed(model, setting) or self._capped(profile, setting)

    def _measured(self, row: Measurement) -> tuple[float, str] | None:
        if row.reasoning_tokens is not None:
            return row.reasoning_tokens, ""
        if row.output_tokens is None:
            return None
        beyond = max(0.0, row.output_tokens - self.visible)
        return beyond, "reasoning tokens taken as the output beyond an answer without thinking"

    def _borrowed(self, model: str, setting: str) -> tuple[float, str] | None:
        known = [
            (row.benchmark, row.reasoning_tokens)
            for row in self.elsewhere
            if (row.model, row.setting) == (model, setting) and row.reasoning_tokens is not None
        ]
        if not known:
            return None
        names = ", ".join(sorted({benchmark for benchmark, _ in known})[:3])
        return median(tokens for _, tokens in known), f"reasoning tokens borrowed from {names}"

    def _capped(self, profile: Profile, setting: str) -> tuple[float, str] | None:
        budget = profile.settings[setting].budget
        if budget is None or budget < 0:
            return None
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

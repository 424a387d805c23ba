"""From a published curve to the options of a class: price, tokens, latency, limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase

from costplan.domain.estimate import Estimate, Grade
from costplan.domain.measurement import Measurement
from costplan.domain.option import Exclusion, Option, Source
from costplan.domain.price import Price
from costplan.domain.profile import Profile
from costplan.domain.workload import ModelFilter, StatedOption, TaskClass
from costplan.plan.latency import Latency, expect_latency
from costplan.plan.market import Market
from costplan.plan.repricing import reprice
from costplan.plan.tokens import TokenEvidence, TokenUse, find_misfit, use_tokens

ACCURACY_UNIT = 9
"""Decimal places to which an estimated accuracy is kept."""
PENDING = Estimate(0.0, 0.0, 1.0, Grade.ASSUMED)
"""Stands in an option until its class's evidence has been weighed."""


def state_option(stated: StatedOption) -> Option:
    """Take an option as the user states it: exact numbers, no shrinkage, no margin."""
    accuracy = float(stated.accuracy)
    return Option(
        name=stated.name,
        model=stated.model or stated.name,
        provider=stated.provider or "",
        setting=stated.setting or "",
        accuracy=Estimate(accuracy, accuracy, accuracy, Grade.STATED),
        usd_per_request=Decimal(0) if stated.pool else stated.usd_per_request or Decimal(0),
        usd_relative_sd=0.0,
        source=Source("workload", "", None, accuracy),
        mean_latency_s=stated.mean_latency_s,
        p95_latency_s=stated.p95_latency_s,
        tokens_per_request=stated.tokens_per_request,
        pool=stated.pool,
    )


def match_model(models: ModelFilter, name: str) -> bool:
    """Tell whether a class may use a model."""
    allowed = any(fnmatchcase(name, pattern) for pattern in models.allow)
    return allowed and not any(fnmatchcase(name, pattern) for pattern in models.deny)


def find_barrier(task: TaskClass, name: str, market: Market) -> Exclusion | None:
    """Say why a class cannot use a model through the whole period; None when it can.

    A model whose release is not known is not taken to exist before anybody measured it.
    """
    profile, day = market.profiles[name], market.day
    if not match_model(task.models, name):
        return Exclusion(name, "denied", "the class's models do not allow it")
    if profile.released is not None and profile.released > day:
        return Exclusion(name, "not_released", f"released on {profile.released}, after {day}")
    seen = market.first_seen.get(name, "")
    if profile.released is None and seen > day.isoformat():
        return Exclusion(name, "not_released", f"not measured before {seen}, after {day}")
    if profile.ends is not None and profile.ends <= day:
        return Exclusion(name, "ended", f"the vendor stopped answering on {profile.ends}")
    if profile.ends is not None and profile.ends <= market.last_day:
        return Exclusion(name, "ends", f"it ends on {profile.ends}, inside the period")
    return None


@dataclass(frozen=True, slots=True)
class Draft:
    """A measurement on its way to becoming an option."""

    model: str
    """Name of the profile."""
    setting: str
    """Position of the knob."""
    row: Measurement
    """The measurement, or its interpolation."""
    interpolated: bool
    """Whether the setting itself was not measured."""

    @property
    def name(self) -> str:
        """Name of the option."""
        return f"{self.model}/{self.setting}"


def draft_options(rows: Sequence[Measurement], profiles: dict[str, Profile]) -> Iterator[Draft]:
    """Go through what a curve measured and what it brackets, in the order of the profiles."""
    from costplan.plan.interpolation import find_between, interpolate

    for row in rows:
        if row.model in profiles and row.setting in profiles[row.model].settings:
            yield Draft(row.model, row.setting, row, interpolated=False)
    for model, setting in find_between(rows, profiles):
        between = interpolate(rows, model, setting)
        if between is not None:
            yield Draft(model, setting, between, interpolated=True)


def make_option(
    task: TaskClass, draft: Draft, profile: Profile, price: Price, tokens: TokenEvidence
) -> Option | Exclusion:
    """Price a draft at the class's own token sizes; an exclusion says why it cannot be."""
    scale = Decimal(1) if task.evidence is None else task.evidence.reasoning_scale
    stated = {} if task.evidence is None else task.evidence.reasoning_tokens
    if draft.name in stated:
        use = use_tokens(task, float(stated[draft.name]), (), scale=Decimal(1))
    else:
        found = tokens.reasoning(
            profile, draft.model, draft.setting, draft.row, price.output_usd_per_mtok / 1_000_000
        )
        if found is None:
            return Exclusion(
                draft.name,
                "no_tokens",
                "nobody published how many tokens it thinks; give evidence.reasoning_tokens",
            )
        said = [found[1]] if found[1] else []
        if scale != 1 and found[0] > 0:
            said.append(f"thinks {scale.normalize():f} x as long as the benchmark, as you say")
        use = use_tokens(task, found[0], tuple(said), scale=scale)
    misfit = find_misfit(profile, draft.setting, use)
    if misfit is not None:
        return Exclusion(draft.name, *misfit)
    usd = price.usd_per_call(use.input, use.cached_input, use.output)
    latency = _expect_latency(price, profile, use.output, draft.row)
    return _assemble(draft, profile, price, usd=usd, use=use, latency=latency)


def take_as_measured(
    draft: Draft, profile: Profile, market: Market, *, batch: bool
) -> Option | Exclusion:
    """Take the benchmark's own dollars per question: one request is one of its tasks."""
    row = draft.row
    if row.usd is None:
        return Exclusion(
            draft.name,
            "no_dollars",
            "the curve has no dollars per question; give the class input_tokens and output_tokens",
        )
    found = reprice(row, draft.model, market, batch=batch)
    latency = expect_latency(profile, None, row)
    return _assemble(
        draft,
        profile,
        found.price,
        usd=found.usd,
        use=found.use,
        latency=latency,
        notes=found.notes,
    )


def _expect_latency(price: Price, profile: Profile, output: Decimal, row: Measurement) -> Latency:
    if price.batch:
        return Latency(Decimal(0), Decimal(0), "batch: nobody waits, counted as 0 seconds")
    return expect_latency(profile, output, row)


def _assemble(
    draft: Draft,
    profile: Profile,
    price: Price | None,
    *,
    usd: Decimal,
    use: TokenUse | None,
    latency: Latency,
    notes: Sequence[str] = (),
) -> Option:
    row = draft.row
    said = [
        *notes,
        *(use.notes if use else ()),
        latency.note,
        row.note if draft.interpolated else "",
    ]
    split = use is not None and (row.reasoning_tokens is not None or use.reasoning > 0)
    split = split or (use is not None and price is not None and row.output_tokens is None)
    return Option(
        name=draft.name,
        model=draft.model,
        provider=profile.provider if price is None else price.provider,
        setting=draft.setting,
        accuracy=PENDING,
        usd_per_request=usd,
        usd_relative_sd=0.0,
        source=Source(row.source, row.benchmark, row.n_questions, row.accuracy, row.date),
        mean_latency_s=latency.mean_s,
        p95_latency_s=latency.p95_s,
        tokens_per_request=None if use is None else use.input + use.output,
        input_tokens=None if use is None else use.input,
        cached_input_tokens=None if use is None or price is None else use.cached_input,
        output_tokens=None if use is None else use.output,
        reasoning_tokens=use.reasoning if use is not None and split else None,
        price=price,
        notes=tuple(note for note in said if note),
    )

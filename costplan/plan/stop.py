"""The plans beside the plan: at other ceilings, and before it."""

from __future__ import annotations

from typing import Literal

from costplan.plan.part import Amount, ClassName, MonthName, Number, Part, Real


class Pick(Part):
    """What a class does with one option."""

    task_class: ClassName
    """The class."""
    option: str
    """Name of the option."""
    share: Number
    """Share of the class's requests, 0 to 1."""
    usd: Amount
    """Dollars per period, at list price."""
    accuracy: Real
    """Share of right answers that is expected, 0 to 1."""
    month: MonthName | None = None
    """Month of a plan over a horizon, "2027-01"; null where the plan has one period."""


class Stop(Part):
    """The plan of another dollar ceiling: what `costplan optimize --usd` gives there."""

    ceiling_usd: Amount
    """The dollar ceiling."""
    usd: Amount
    """The whole bill of its plan."""
    usd_list: Amount
    """Dollars at list price, without GPUs."""
    value: Number
    """Value that it should bring."""
    accuracy: Real
    """Mean accuracy over all requests."""
    mean_latency_s: Number | None
    """Mean seconds per request; null where unknown."""
    sure: bool
    """Whether the ceiling is kept with the plan's confidence, and not as forecast only."""
    picks: tuple[Pick, ...]
    """All picks of the classes that differ from the stop before; of every class in the first."""


class Before(Part):
    """What the plan replaces: what is done today, or else the best single option."""

    baseline: Literal["today", "best_single"]
    """The baseline it is."""
    picks: tuple[Pick, ...]
    """What every class does in it."""


class ProviderBill(Part):
    """What one provider is paid."""

    provider: str
    """The provider."""
    usd_list: Amount
    """Dollars at list price."""
    usd: Amount
    """Dollars after tiers and commitments."""
    month: MonthName | None = None
    """Month of a plan over a horizon, "2027-01"; null where the plan has one period."""

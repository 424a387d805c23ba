"""What was spent, brought to the classes and models of the plan."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from costplan.domain.errors import Fault, InputError
from costplan.ingest.usage.focus import OTHER_SERVICES, TAX
from costplan.plan.line_price import Tokens
from costplan.plan.track_actuals import Cell
from costplan.plan.track_match import Match, ModelNames
from costplan.plan.track_share import ListPrices, Way
from costplan.plan.track_split import NOTHING, Key, Spent

_ASIDE = {TAX: "a plan is before tax", OTHER_SERVICES: "they are no AI"}
_LABELLED = "the --match file leaves it out"


@dataclass(frozen=True, slots=True)
class Item:
    """A cell with its class and model."""

    cell: Cell
    """What the source says."""
    task_class: str
    """Class of the plan, or the label that names none."""
    planned: bool
    """Whether the plan has the class."""
    model: str | None
    """Model as the plan names it."""
    setting: str | None
    """Position of the knob, where told."""
    later: bool
    """Whether it is a later step of a cascade."""
    stepped: bool = False
    """Whether its label says which step it is."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Spend that counts nowhere."""

    what: str
    """Label, or kind of charge."""
    why: str
    """Why."""
    usd: Decimal
    """Dollars."""


@dataclass(slots=True)
class Found:
    """Every cell, with what it was found to be."""

    items: list[Item] = field(default_factory=list)
    """What counts."""
    aside: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    """Dollars that count nowhere, by what they are and why."""

    def add(self, cell: Cell, match: Match | None, models: ModelNames) -> None:
        """Say what a cell is."""
        if cell.model in _ASIDE or (match is not None and match.task_class is None):
            label = cell.model if cell.model in _ASIDE else cell.label
            key = (label or cell.label, _ASIDE.get(cell.model or "", _LABELLED))
            usd = (cell.usd or Decimal(0)) + cell.failed_usd
            self.aside[key] = self.aside.get(key, Decimal(0)) + usd
            return
        told = match or Match(None)
        model = told.model or (None if cell.model is None else models.find(cell.model))
        self.items.append(
            Item(
                cell=cell,
                task_class=told.task_class or cell.label,
                planned=match is not None,
                model=model,
                setting=told.setting or cell.setting,
                later=told.later,
                stepped=told.later or told.model is not None,
            )
        )

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """List what counts nowhere."""
        return tuple(LeftOut(what, why, usd) for (what, why), usd in self.aside.items())

    def check_once(self, spans: Mapping[str, tuple[dt.datetime, dt.datetime]]) -> None:
        """Make sure that no two sources state the same of one model for the same time.

        `spans` are the first and last moments of the sources. Raises InputError where they do.
        """
        said: dict[tuple[str, str], dict[str, None]] = {}
        for item in self.items:
            for measure, value in (
                ("requests", item.cell.requests),
                ("tokens", item.cell.input_tokens),
                ("spend", item.cell.usd),
            ):
                if value is not None:
                    sources = said.setdefault((item.model or NOTHING, measure), {})
                    sources[item.cell.source] = None
        advice = "give one source of each, or --sum-sources where they saw different requests"
        faults: dict[str, Fault] = {}
        for (model, measure), sources in said.items():
            if _overlap([spans[source] for source in sources if source in spans]):
                names = " and ".join(sources)
                about = model or "unnamed models"
                text = f"{names} both state {measure} of {about}: it would count twice"
                faults.setdefault(names, Fault(text, advice=advice))
        if faults:
            raise InputError(faults.values())


def _overlap(spans: Sequence[tuple[dt.datetime, dt.datetime]]) -> bool:
    """Tell whether any two spans share time."""
    ordered = sorted(spans)
    return any(later[0] < sooner[1] for sooner, later in itertools.pairwise(ordered))


def merge_spent(
    items: Iterable[Item],
    plan: Mapping[Key, Way],
    apart: set[str],
    prices: ListPrices,
) -> tuple[dict[Key, Spent], list[str]]:
    """Add items up by model, and by setting for those models that are told `apart`.

    Gives what was spent by model, and notes on what had to be taken as planned.
    """
    grouped: dict[Key, list[Item]] = {}
    for item in items:
        key = (item.model or NOTHING, item.setting if item.model in apart else None)
        grouped.setdefault(key, []).append(item)
    notes: list[str] = []
    made = {}
    for key, mine in grouped.items():
        tokens = _tokens(mine, plan.get(key), key[0], notes)
        made[key] = Spent(
            requests=_requests(mine),
            later=Decimal(sum(item.cell.requests or 0 for item in mine if item.later)),
            tokens=tokens,
            usd=_spend(mine),
            failed_usd=sum((item.cell.failed_usd for item in mine), Decimal(0)),
            rates=None if key in plan else prices.find(key[0]),
        )
    return made, notes


def _requests(items: Sequence[Item]) -> Decimal | None:
    """Add requests up; None where some that have tokens do not say them."""
    usage = [item for item in items if item.cell.has_usage]
    if not usage or any(item.cell.requests is None for item in usage):
        return None
    return Decimal(sum(item.cell.requests or 0 for item in usage))


def _spend(items: Sequence[Item]) -> Decimal | None:
    """Add spend up; None where no source states any."""
    stated = [item.cell.usd for item in items if item.cell.usd is not None]
    return sum(stated, Decimal(0)) if stated else None


def _tokens(items: Sequence[Item], plan: Way | None, model: str, notes: list[str]) -> Tokens | None:
    """Add tokens up; None where some usage does not tell input and output."""
    cells = [item.cell for item in items if item.cell.has_usage and item.cell.requests != 0]
    if not cells:
        return None
    sent = got = cached = Decimal(0)
    for cell in cells:
        if cell.input_tokens is None and cell.output_tokens is None:
            return None
        # A meter of one kind of token says nothing of the others: they have meters of their own.
        sent += cell.input_tokens or 0
        got += cell.output_tokens or 0
        if cell.cached_tokens is not None:
            cached += cell.cached_tokens
        elif cell.input_tokens and plan is not None and plan.tokens is not None:
            whole = plan.tokens[0] + plan.tokens[1]
            share = plan.tokens[1] / whole if whole else Decimal(0)
            cached += cell.input_tokens * share
            notes.append(f"{model}: cached input is not told and taken in the planned share")
    cached = min(cached, sent)
    return sent - cached, cached, got

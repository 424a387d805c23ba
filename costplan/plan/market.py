"""What can be bought on the day of the plan, and at which price."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from costplan.domain.option import Exclusion
from costplan.domain.price import Price, UnknownPriceError
from costplan.domain.profile import Profile
from costplan.domain.workload import PriceChange, StatedPrice, TaskClass

Key = tuple[str, bool, Decimal]
"""Model, whether in batch, and input tokens of a call."""


@dataclass(frozen=True, slots=True)
class Market:
    """Models and prices of one day; a price that was looked up once is kept."""

    profiles: Mapping[str, Profile]
    """Models by name."""
    day: dt.date
    """First day of the period: its prices and models are used."""
    last_day: dt.date
    """Last day of the period; a model must answer until then."""
    first_seen: Mapping[str, str]
    """ISO date on which each model was first measured."""
    stated: Mapping[str, StatedPrice]
    """Contracted prices per model."""
    hosts: Mapping[str, str]
    """Who serves a model, where that is not its profile's default."""
    changes: tuple[PriceChange, ...] = ()
    """Prices that the user knows to change."""
    _found: dict[Key, Price | Exclusion] = field(default_factory=dict, repr=False, compare=False)

    def states(self, model: str) -> bool:
        """Tell whether the user states a price of a model for this day."""
        return self._stated_price(model) is not None

    def price_of(self, model: str, *, batch: bool) -> Price | None:
        """Find what short calls of a model cost; None when unknown."""
        if model not in self.profiles:
            return None
        key = (model, batch, Decimal(0))
        if key not in self._found:
            self._found[key] = self._look_up(key)
        found = self._found[key]
        return found if isinstance(found, Price) else None

    def list_price_on(self, model: str, day: dt.date) -> Price | None:
        """Find the list price of short calls on another day; None when unknown."""
        from costplan.files.prices import find_price

        try:
            return find_price(
                model, self.profiles[model], as_of=day, batch=False, input_tokens=Decimal(0)
            )
        except UnknownPriceError:
            return None

    def on(self, day: dt.date, last_day: dt.date) -> Market:
        """Move to a later period; prices that do not change until then are kept."""
        kept: dict[Key, Price | Exclusion] = {
            key: replace(price, as_of=day)
            for key, price in self._found.items()
            if isinstance(price, Price) and not self._changes_until(key[0], day)
        }
        return replace(self, day=day, last_day=last_day, _found=kept)

    def _changes_until(self, model: str, day: dt.date) -> bool:
        from costplan.files.prices import days_of_change

        days = days_of_change(self.profiles[model], self.day)
        days += [change.starts for change in self.changes if change.model == model]
        return any(self.day < change <= day for change in days) or model in self.hosts

    def price(self, model: str, task: TaskClass) -> Price | Exclusion:
        """Find what one request of a class costs per token; an exclusion says why it cannot."""
        key = (model, task.batch, task.input_tokens or Decimal(0))
        if key not in self._found:
            self._found[key] = self._look_up(key)
        return self._found[key]

    def _look_up(self, key: Key) -> Price | Exclusion:
        from costplan.files.prices import find_price

        model, batch, input_tokens = key
        try:
            return find_price(
                model,
                self.profiles[model],
                as_of=self.day,
                batch=batch,
                input_tokens=input_tokens,
                host=self.hosts.get(model),
                stated=self._stated_price(model),
            )
        except UnknownPriceError as unknown:
            said = "; ".join(f"{fault.message}. {fault.advice}" for fault in unknown.faults)
            return Exclusion(model, "no_price", said)

    def _stated_price(self, model: str) -> StatedPrice | None:
        """The user's own price on the day: the last change that has begun, else the contract."""
        begun = [c for c in self.changes if c.model == model and c.starts <= self.day]
        if not begun:
            return self.stated.get(model)
        last = max(begun, key=lambda change: change.starts)
        return StatedPrice(
            input_usd_per_mtok=last.input_usd_per_mtok,
            cached_input_usd_per_mtok=last.cached_input_usd_per_mtok,
            output_usd_per_mtok=last.output_usd_per_mtok,
            batch_multiplier=last.batch_multiplier,
            source=f"{last.source}, from {last.starts}",
        )

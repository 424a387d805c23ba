"""What can be bought on the day of the plan, and at which price."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from costplan.domain.option import Exclusion
from costplan.domain.price import Price, UnknownPriceError
from costplan.domain.profile import Profile
from costplan.domain.workload import StatedPrice, TaskClass

Key = tuple[str, bool, Decimal]


@dataclass(frozen=True, slots=True)
class Market:
    """Models and prices of one day; a price that was looked up once is kept."""

    profiles: Mapping[str, Profile]
    """Models by name."""
    day: dt.date
    """Day whose prices and models are used."""
    stated: Mapping[str, StatedPrice]
    """Contracted prices per model."""
    hosts: Mapping[str, str]
    """Who serves a model, where that is not its profile's default."""
    _found: dict[Key, Price | Exclusion] = field(default_factory=dict, repr=False, compare=False)

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
                stated=self.stated.get(model),
            )
        except UnknownPriceError as unknown:
            said = "; ".join(f"{fault.message}. {fault.advice}" for fault in unknown.faults)
            return Exclusion(model, "no_price", said)

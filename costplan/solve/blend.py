"""Options and mixes of two of them, side by side, as the places that a solver may choose among.

A class with an accuracy floor that its mix must reach has its efficient choices at the options that
reach it and at mixes of a weaker and a stronger one that just do. Both are places here, so that
hulls, steps and fills treat them alike; a mix becomes a split of its class in the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from costplan.solve.amounts import Amount
from costplan.solve.decimals import (
    DecimalColumn,
    Floats,
    Ints,
    Units,
    exact_dot,
    from_units,
    products,
)
from costplan.solve.pick import SHARE_PLACES, Pick

WHOLE = 10**SHARE_PLACES
"""A class's shares add up to this many units."""


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """Places, class by class: an option each, or a mix of two options."""

    first: Ints
    """Places of class c are first[c] to first[c + 1], shape (n_classes + 1,)."""
    low: Ints
    """The option, or the weaker one of a mix, shape (n_places,)."""
    high: Ints
    """The option, or the stronger one of a mix, shape (n_places,)."""
    share: Ints
    """What a mix has of the stronger one, in units of 10**-SHARE_PLACES; 0 for an option."""

    def floats(self, values: Floats) -> Floats:
        """Return numbers of the options, shape (n_options,), for the places."""
        found = values[self.low]
        mixed = np.flatnonzero(self.share)
        found[mixed] += self.share[mixed] / WHOLE * (values[self.high[mixed]] - found[mixed])
        return found

    def units_at(self, amount: Amount, c: int, place: int) -> int:
        """Return the exact coefficient of a place of class c, in units of the amount / WHOLE."""
        low, high = (amount.units_at(c, int(at[place])) for at in (self.low, self.high))
        return int(low * WHOLE + (high - low) * int(self.share[place]))

    def total_units(self, amount: Amount, places: Ints) -> int:
        """Add up one place per class, exactly, in units of the amount / WHOLE."""
        mixed = np.flatnonzero(self.share[places])
        at = places[mixed]
        rises = _counted(amount, self.high[at]) - _counted(amount, self.low[at])
        more = exact_dot(products(amount.class_units[mixed], rises), self.share[at])
        return int(amount.total_units(self.low[places]) * WHOLE + more)

    def held(self, amount: Amount, classes: Ints, places: Ints) -> Units:
        """Return the exact coefficients of places, in units of the amount / WHOLE."""
        low, high = _counted(amount, self.low[places]), _counted(amount, self.high[places])
        mixed = low.astype(object) * WHOLE + (high - low).astype(object) * self.share[places]
        return np.asarray(amount.class_units[classes].astype(object) * mixed)

    def change(self, before: Ints, after: Ints) -> tuple[Ints, Ints]:
        """Return the options that steps between places leave, and those that they bring in."""
        old, new = (self.low[before], self.high[before]), (self.high[after], self.low[after])
        gone = [(option != new[0]) & (option != new[1]) for option in old]
        came = [(option != old[0]) & (option != old[1]) for option in new]
        left = np.where(gone[0] | ~gone[1], old[0], old[1])
        return left, np.where(came[0] | ~came[1], new[0], new[1])

    def spread(self, places: Ints) -> tuple[Ints, dict[int, tuple[Pick, ...]]]:
        """Return the main option of each class, and the picks of classes at a mix."""
        share = self.share[places]
        main = np.where(2 * share > WHOLE, self.high[places], self.low[places])
        mixed = np.flatnonzero(share).tolist()
        return main, {c: picks_of(self.shares_of(int(places[c]))) for c in mixed}

    def shares_of(self, place: int) -> dict[int, int]:
        """Return what a place has of its options, in units of 10**-SHARE_PLACES."""
        share = int(self.share[place])
        found = {int(self.low[place]): WHOLE - share, int(self.high[place]): share}
        return found if share else {int(self.low[place]): WHOLE}

    def between(
        self, before: int, after: int, most: int, accuracy: DecimalColumn
    ) -> Iterator[dict[int, int]]:
        """Mix two places of a class, of the second at most a share in units.

        All shares but that of the best option are rounded down, so that the mix is never weaker
        than the exact one. It may weigh a hair more: then the next one is a little nearer to the
        first place.
        """
        back = 0
        while back < most:
            parts: dict[int, int] = {}
            for place, share in ((before, WHOLE - most + back), (after, most - back)):
                for option, units in self.shares_of(place).items():
                    parts[option] = parts.get(option, 0) + share * units
            found = {option: units // WHOLE for option, units in parts.items()}
            best = max(found, key=lambda option: (int(accuracy.units[option]), -option))
            found[best] += WHOLE - sum(found.values())
            yield found
            back = 4 * back or 1


def picks_of(shares: dict[int, int]) -> tuple[Pick, ...]:
    """Return shares in units of 10**-SHARE_PLACES as picks, in option order."""
    return tuple(
        (o, from_units(units, SHARE_PLACES)) for o, units in sorted(shares.items()) if units
    )


def _counted(amount: Amount, options: Ints) -> Units:
    """Return the units of some options, 0 where they do not count."""
    units = amount.option_units[options]
    return units if amount.keep is None else units * amount.keep[options]

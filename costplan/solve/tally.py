"""The picks of a plan as flat arrays, added up exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext

import numpy as np

from costplan.solve.decimals import (
    Bools,
    DecimalColumn,
    Ints,
    Units,
    compact,
    exact_dot,
    from_units,
    products,
    scaled,
)
from costplan.solve.pick import SHARE_PLACES, Pick
from costplan.solve.problem import Problem
from costplan.solve.shared import Counted

RATIO_PLACES = 28
"""Digits of a mean or a share; whether its limit is kept is decided without dividing."""


def ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    """Divide, to RATIO_PLACES digits; None when there is nothing to divide by."""
    if whole == 0:
        return None
    with localcontext() as context:
        context.prec = RATIO_PLACES
        return part / whole


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """The picks as flat arrays: whole classes first, then the parts of split ones."""

    problem: Problem
    classes: Ints
    options: Ints
    shares: Units
    """Shares of the split parts in units of 10**-SHARE_PLACES."""
    n_whole: int
    paid: Bools
    all: Bools

    @classmethod
    def of(cls, problem: Problem, main: Ints, splits: Mapping[int, Sequence[Pick]]) -> Tally:
        """Flatten a plan."""
        whole = np.ones(len(main), dtype=np.bool_)
        whole[list(splits)] = False
        parts = [(c, o, share) for c in sorted(splits) for o, share in splits[c]]
        at = np.flatnonzero(whole)
        classes = np.concatenate([at, np.array([p[0] for p in parts], dtype=np.int64)])
        options = np.concatenate([main[at], np.array([p[1] for p in parts], dtype=np.int64)])
        return cls(
            problem,
            classes,
            options,
            compact([scaled(p[2], SHARE_PLACES) for p in parts]),
            len(at),
            ~problem.in_pool()[options],
            np.ones(len(options), dtype=np.bool_),
        )

    def total(
        self,
        per_class: DecimalColumn,
        per_option: DecimalColumn | None,
        keep: Bools,
        weight: DecimalColumn | None = None,
    ) -> Decimal:
        """Add up class number * option number * share over the parts that count."""
        n = self.n_whole
        at = np.flatnonzero(keep)
        left: Units = per_class.units[self.classes[at]]
        places = per_class.exponent
        if weight is not None:
            left = products(left, weight.units[self.classes[at]])
            places += weight.exponent
        right: Units = np.ones(len(at), dtype=np.int64)
        if per_option is not None:
            right = per_option.units[self.options[at]]
            places += per_option.exponent
        cut = int(np.searchsorted(at, n))
        units = exact_dot(left[:cut], right[:cut]) * 10**SHARE_PLACES
        units += exact_dot(products(left[cut:], right[cut:]), self.shares[at[cut:] - n])
        return from_units(units, places + SHARE_PLACES)

    def total_of(self, counted: Counted) -> Decimal:
        """Add up requests times what a provider or pool has of the options."""
        column, keep = counted
        mine = self.all if keep is None else keep[self.options]
        return self.total(self.problem.requests, column, mine)

    def knows_of(self, counted: Counted) -> bool:
        """Say whether what a provider or pool has of the options is known wherever it counts."""
        column, keep = counted
        return self.knows(column, self.all if keep is None else keep[self.options])

    def knows(self, column: DecimalColumn | None, keep: Bools) -> bool:
        """Say whether a number is known wherever it counts and there are requests."""
        at = np.flatnonzero(keep)
        if column is None:
            return len(at) == 0
        if column.missing is None:
            return True
        gaps = column.missing[self.options[at]]
        return not bool(gaps.any())

    def mean_latency(self, keep: Bools) -> Decimal | None:
        """Return the request-weighted mean latency of the parts, where it is known."""
        column = self.problem.mean_latency_s
        if not self.knows(column, keep):
            return None
        seconds = self.total(self.problem.requests, column, keep)
        return ratio(seconds, self.total(self.problem.requests, None, keep))

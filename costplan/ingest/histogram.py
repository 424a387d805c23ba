"""Log-histograms: counts that add up over days, files and engines; quantiles within 1 %."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

BASE = 1.02
"""Ratio between neighbouring bucket edges."""


def bucket_sql(value: str) -> str:
    """Write the bucket of a value in SQL that every engine understands."""
    return f"FLOOR(LN(GREATEST({value}, 1)) / LN({BASE}))"


def bucket_of(value: float) -> int:
    """Number the bucket of a value; everything up to 1 is in bucket 0."""
    return math.floor(math.log(max(value, 1.0)) / math.log(BASE))


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many requests had which size, by bucket."""

    cells: Mapping[int, tuple[int, int]]
    """Requests and the sum of their values, per bucket."""

    @property
    def count(self) -> int:
        """Requests in all."""
        return sum(count for count, _ in self.cells.values())

    @property
    def mean(self) -> float | None:
        """Exact mean; None when empty."""
        count = self.count
        return sum(total for _, total in self.cells.values()) / count if count else None

    def quantile(self, share: float) -> float | None:
        """Value that a share of the requests stays within, to 1 %; None when empty.

        Linear between neighbouring order statistics; within a bucket, its mean stands for all.
        """
        count = self.count
        if not count:
            return None
        position = share * (count - 1)
        low, high = self._at(math.floor(position)), self._at(math.ceil(position))
        return low + (high - low) * (position - math.floor(position))

    def _at(self, rank: int) -> float:
        seen = 0
        for bucket in sorted(self.cells):
            count, total = self.cells[bucket]
            seen += count
            if rank < seen:
                return total / count
        raise IndexError(rank)


def merged(*histograms: Histogram) -> Histogram:
    """Add histograms up."""
    cells: dict[int, tuple[int, int]] = {}
    for histogram in histograms:
        for bucket, (count, total) in histogram.cells.items():
            before = cells.get(bucket, (0, 0))
            cells[bucket] = (before[0] + count, before[1] + total)
    return Histogram(cells)

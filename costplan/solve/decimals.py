"""Exact decimals in columns: integers and one power of ten, so that sums need no rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Units = NDArray[Any]
"""Integers: int64 where they fit, Python's own in an object array where not."""

INT64_MAX = 2**63 - 1
WIDE = Context(prec=200)
"""Context in which every product and sum of a plan is exact."""


@dataclass(frozen=True, slots=True, eq=False)
class DecimalColumn:
    """Exact decimals: units * 10**-exponent each, some of them perhaps unknown."""

    units: Units
    """Integers, shape (n,); zero where the value is missing."""
    exponent: int
    """Decimal places, not negative."""
    missing: Bools | None = None
    """True where the value is unknown, shape (n,); None when all are known."""

    @classmethod
    def from_decimals(cls, values: Sequence[Decimal | None]) -> DecimalColumn:
        """Keep every digit of finite decimals; None is unknown."""
        places = 0
        for value in values:
            if value is not None:
                if not value.is_finite():
                    raise ValueError(f"{value} is not a finite number")
                places = max(places, -int(value.as_tuple().exponent))
        units = [0 if value is None else scaled(value, places) for value in values]
        gaps = np.fromiter((value is None for value in values), np.bool_, len(units))
        return cls(compact(units), places, gaps if gaps.any() else None)

    @classmethod
    def of_integers(cls, units: Units, exponent: int = 0) -> DecimalColumn:
        """Wrap an int64 array of units, shape (n,)."""
        return cls(np.asarray(units), exponent)

    def __len__(self) -> int:
        return len(self.units)

    @property
    def floats(self) -> Floats:
        """The nearest floats, shape (n,); zero where unknown."""
        return np.asarray(self.units.astype(np.float64) / float(10**self.exponent))

    @property
    def known(self) -> Bools:
        """True where the value is known, shape (n,)."""
        if self.missing is None:
            return np.ones(len(self.units), dtype=np.bool_)
        return ~self.missing

    def part(self, at: slice | Ints) -> DecimalColumn:
        """Return some of the values."""
        missing = None if self.missing is None else self.missing[at]
        return DecimalColumn(self.units[at], self.exponent, missing)

    def at(self, i: int) -> Decimal:
        """Return one value exactly; ValueError when it is unknown."""
        value = self.get(i)
        if value is None:
            raise ValueError(f"value {i} is unknown")
        return value

    def get(self, i: int) -> Decimal | None:
        """Return one value exactly, or None when it is unknown."""
        if self.missing is not None and self.missing[i]:
            return None
        return Decimal(int(self.units[i])).scaleb(-self.exponent, context=WIDE)


def scaled(value: Decimal, places: int) -> int:
    """Return value * 10**places, which must be a whole number."""
    whole = value.scaleb(places, context=WIDE)
    units = int(whole)
    if units != whole:
        raise ValueError(f"{value} has more than {places} decimal places")
    return units


def from_units(units: int, places: int) -> Decimal:
    """Return units * 10**-places exactly, without trailing zeros after the point."""
    if units == 0:
        return Decimal(0)
    while places > 0 and units % 10 == 0:
        units //= 10
        places -= 1
    with localcontext(WIDE):
        return Decimal(units).scaleb(-places)


def compact(units: Sequence[int]) -> Units:
    """Hold integers as int64 where they all fit, else as Python integers."""
    if all(-INT64_MAX <= value <= INT64_MAX for value in units):
        return np.array(units, dtype=np.int64)
    held = np.empty(len(units), dtype=object)
    held[:] = units
    return held


def exact_sum(units: Units) -> int:
    """Add integers without overflow."""
    if units.dtype == object:
        return int(sum(int(value) for value in units))
    low = int((units & 0xFFFFFFFF).sum())
    return (int((units >> 32).sum()) << 32) + low


def exact_dot(left: Units, right: Units) -> int:
    """Add the products of two integer columns without overflow."""
    if len(left) == 0:
        return 0
    if object in {left.dtype, right.dtype}:
        return sum(int(a) * int(b) for a, b in zip(left, right, strict=True))
    most_left = int(np.abs(left).max())
    most_right = int(np.abs(right).max())
    if most_left * most_right <= INT64_MAX:
        return exact_sum(left * right)
    return sum(
        exact_sum(a * b) << (shift_a + shift_b)
        for shift_a, a in limbs(left)
        for shift_b, b in limbs(right)
    )


def limbs(units: Units) -> list[tuple[int, Units]]:
    """Split int64 into a signed upper part and two parts of 21 bits, with their shifts."""
    return [(42, units >> 42), (21, (units >> 21) & 0x1FFFFF), (0, units & 0x1FFFFF)]


def products(left: Units, right: Units) -> Units:
    """Multiply integer columns elementwise, in Python integers where int64 would overflow."""
    if len(left) == 0:
        return left
    held = object not in {left.dtype, right.dtype}
    if held and int(np.abs(left).max()) * int(np.abs(right).max()) <= INT64_MAX:
        return np.asarray(left * right)
    return np.asarray(left.astype(object) * right.astype(object))

"""Exact decimal arithmetic on amounts, and rounding that foots."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, localcontext

CENT = Decimal("0.01")
EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)
"""Context wide enough that products and sums of amounts in a plan are exact."""


def total(amounts: Sequence[Decimal]) -> Decimal:
    """Add amounts exactly."""
    with localcontext(EXACT):
        return sum(amounts, Decimal(0))


def round_to_unit(amount: Decimal, unit: Decimal = CENT) -> Decimal:
    """Round half to even to a multiple of the unit."""
    with localcontext(EXACT):
        return amount.quantize(unit)


def round_to_foot(amounts: Sequence[Decimal], unit: Decimal = CENT) -> list[Decimal]:
    """Round amounts to the unit so that they add up to their rounded total.

    Method of largest remainders: every amount is rounded down, then the units still missing go to
    the largest remainders, the earlier amount first on a tie.
    """
    with localcontext(EXACT):
        floors = [amount.quantize(unit, rounding=ROUND_FLOOR) for amount in amounts]
        missing = int((round_to_unit(total(amounts), unit) - total(floors)) / unit)
        by_remainder = sorted(range(len(amounts)), key=lambda i: (floors[i] - amounts[i], i))
        for i in by_remainder[:missing]:
            floors[i] += unit
        return floors

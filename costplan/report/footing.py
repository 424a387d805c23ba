"""Rounded tables whose rows and columns add up to rounded totals that are given."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal, localcontext

from costplan.domain.money import CENT, EXACT


def round_to_target(
    amounts: Sequence[Decimal], target: Decimal, unit: Decimal = CENT
) -> list[Decimal]:
    """Round amounts to the unit so that they add up to a target that is near their sum.

    Each is rounded down, and the units still missing go to the largest remainders. ValueError for
    amounts without members and a target that is not 0.
    """
    if not amounts:
        if target:
            raise ValueError(f"nothing adds up to {target}")
        return []
    with localcontext(EXACT):
        floors = [amount.quantize(unit, rounding=ROUND_FLOOR) for amount in amounts]
        missing = int((target - sum(floors, Decimal(0))) / unit)
        order = sorted(range(len(amounts)), key=lambda i: (floors[i] - amounts[i], i))
        if missing < 0:
            order.reverse()
        sign = unit if missing > 0 else -unit
        for turn in range(abs(missing)):
            floors[order[turn % len(order)]] += sign
        return floors


def round_table(
    cells: Sequence[Sequence[Decimal]],
    row_totals: Sequence[Decimal],
    column_totals: Sequence[Decimal],
    unit: Decimal = CENT,
) -> list[list[Decimal]]:
    """Round a table so that rows and columns add up to totals that are themselves rounded.

    The row totals and the column totals have the same sum. Units move between two columns of a row
    where rounding bent it least.
    """
    with localcontext(EXACT):
        table = [
            round_to_target(row, total, unit) for row, total in zip(cells, row_totals, strict=True)
        ]
        short = [
            int((total - sum((row[c] for row in table), Decimal(0))) / unit)
            for c, total in enumerate(column_totals)
        ]
        while any(count > 0 for count in short) and any(count < 0 for count in short):
            to, out = short.index(max(short)), short.index(min(short))
            bent = [
                (cells[r][to] - row[to]) - (cells[r][out] - row[out]) for r, row in enumerate(table)
            ]
            order = sorted(range(len(table)), key=lambda r: (-bent[r], r))
            for r in order[: min(short[to], -short[out])]:
                table[r][to] += unit
                table[r][out] -= unit
                short[to] -= 1
                short[out] += 1
        return table

"""From the basis of a linear program to the exact vertex, and to decimal shares inside it."""

from __future__ import annotations

from fractions import Fraction
from heapq import heapify, heappop, heappush

Equation = tuple[dict[int, Fraction], Fraction]
"""Coefficients by unknown, and the right-hand side."""


def solve_exactly(equations: list[Equation]) -> dict[int, Fraction] | None:
    """Solve a sparse linear system in fractions; None when it is singular or contradicts itself.

    Elimination takes the row with the fewest unknowns first, so that systems that fall apart into
    small pieces stay cheap.
    """
    open_rows = {i: (dict(row), rhs) for i, (row, rhs) in enumerate(equations)}
    users: dict[int, set[int]] = {}
    for i, (row, _) in open_rows.items():
        for unknown in row:
            users.setdefault(unknown, set()).add(i)
    solved: list[tuple[int, dict[int, Fraction], Fraction]] = []
    waiting = [(len(row), i) for i, (row, _) in open_rows.items()]
    heapify(waiting)
    while open_rows:
        size, i = heappop(waiting)
        if i not in open_rows or len(open_rows[i][0]) != size:
            continue
        row, rhs = open_rows.pop(i)
        if not row:
            if rhs != 0:
                return None
            continue
        pivot = min(row, key=lambda u: (len(users[u]), u))
        head = row.pop(pivot)
        scaled = {u: v / head for u, v in row.items()}
        value = rhs / head
        solved.append((pivot, scaled, value))
        for u in (pivot, *row):
            users[u].discard(i)
        for k in list(users[pivot]):
            _eliminate(open_rows, users, k, pivot, scaled, value)
            heappush(waiting, (len(open_rows[k][0]), k))
    return _substitute(solved, len(users))


def _eliminate(
    open_rows: dict[int, Equation],
    users: dict[int, set[int]],
    k: int,
    pivot: int,
    scaled: dict[int, Fraction],
    value: Fraction,
) -> None:
    """Subtract a pivot row from row k."""
    row, rhs = open_rows[k]
    factor = row.pop(pivot)
    users[pivot].discard(k)
    for u, v in scaled.items():
        new = row.get(u, Fraction(0)) - factor * v
        if new == 0:
            row.pop(u, None)
            users[u].discard(k)
        else:
            row[u] = new
            users[u].add(k)
    open_rows[k] = (row, rhs - factor * value)


def _substitute(
    solved: list[tuple[int, dict[int, Fraction], Fraction]], n_unknowns: int
) -> dict[int, Fraction] | None:
    """Back-substitute; None when an unknown was left free."""
    values: dict[int, Fraction] = {}
    if len(solved) < n_unknowns:
        return None
    for pivot, row, value in reversed(solved):
        values[pivot] = value - sum((v * values[u] for u, v in row.items()), Fraction(0))
    return values


def decimal_shares(shares: list[Fraction], places: int) -> list[int]:
    """Round parts of 1 to units of 10**-places that add up to exactly 1; negatives become 0.

    The largest part takes what rounding leaves over.
    """
    unit = 10**places
    rounded = [max(0, round(share * unit)) for share in shares]
    largest = max(range(len(shares)), key=lambda i: (rounded[i], -i))
    rounded[largest] += unit - sum(rounded)
    return rounded

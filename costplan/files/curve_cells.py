"""What the cells of a curve table may hold: text in, checked values out.

A reader raises ValueError with "what was expected; what to do" for a cell that it refuses.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from decimal import Decimal, InvalidOperation


def _number(cell: str) -> float:
    """Read a finite number of at least 0."""
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not 0.0 <= number < math.inf or "_" in cell:
        raise ValueError("expected a number of at least 0; leave the cell blank where unknown")
    return number


def _fraction(cell: str) -> float:
    """Read a share from 0 to 1."""
    number = _number(cell.removesuffix("%"))
    if cell.endswith("%") or 1.0 < number <= 100.0:
        raise ValueError(f"expected a share from 0 to 1; write {number / 100:g} for {number:g} %")
    if number > 1.0:
        raise ValueError("expected a share from 0 to 1")
    return number


def _whole(cell: str) -> int:
    """Read a whole number of at least 1."""
    number = _number(cell)
    if number < 1 or number != int(number):
        raise ValueError("expected a whole number of at least 1")
    return int(number)


def _money(cell: str) -> Decimal:
    """Read dollars."""
    _number(cell)
    try:
        return Decimal(cell)
    except InvalidOperation:
        raise ValueError("expected dollars") from None


def _date(cell: str) -> str:
    """Read an ISO date."""
    try:
        return dt.date.fromisoformat(cell).isoformat()
    except ValueError:
        raise ValueError("expected a date; write it as 2026-11-25") from None


READERS: dict[str, Callable[[str], object]] = {
    "samples": _whole,
    "n_questions": _whole,
    "accuracy": _fraction,
    "accuracy_se": _fraction,
    "input_tokens": _number,
    "output_tokens": _number,
    "reasoning_tokens": _number,
    "usd": _money,
    "seconds": _number,
    "date": _date,
    "p50_s": _number,
    "p50_low_s": _number,
    "p50_high_s": _number,
    "p95_s": _number,
    "p95_low_s": _number,
    "p95_high_s": _number,
}
"""Reader of each column that is not plain text."""
IF_BLANK = {"setting": "write 'fixed' for a model without a knob"}
"""What to do about a blank cell in a column that needs one."""

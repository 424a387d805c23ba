"""Number types of the files people write: exact, finite, never text.

The YAML reader hands numbers over as int or Decimal; text, booleans and infinities are refused
here, so that `usd: "40000"` or `requests: yes` is a fault and not a guess.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

LARGEST = Decimal("1e15")
SMALLEST = Decimal("1e-15")
"""Smallest step that an amount may be written in."""
_WIDE = Context(prec=60)


def _read_number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        said = f"{value!r}" if isinstance(value, str | bool) else f"a {type(value).__name__}"
        raise PydanticCustomError("number", "expected a number, found {said}", {"said": said})
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite():
        raise PydanticCustomError(
            "finite", "expected a finite number, found {said}", {"said": str(number)}
        )
    if number.copy_abs() > LARGEST:
        raise PydanticCustomError("largest", "larger than 1e15: check the unit", {})
    if number != number.quantize(SMALLEST, context=_WIDE):
        raise PydanticCustomError("smallest", "written finer than 1e-15: round it", {})
    return number


def _read_whole(value: object) -> int:
    number = _read_number(value)
    if number != number.to_integral_value():
        raise PydanticCustomError(
            "whole", "expected a whole number, found {said}", {"said": str(number)}
        )
    return int(number)


Number = Annotated[Decimal, BeforeValidator(_read_number, json_schema_input_type=float)]
"""Any finite number."""
NotNegative = Annotated[Number, Field(ge=0)]
"""A number of at least 0."""
Positive = Annotated[Number, Field(gt=0)]
"""A number above 0."""
Fraction = Annotated[Number, Field(ge=0, le=1)]
"""A share from 0 to 1."""
Whole = Annotated[int, BeforeValidator(_read_whole, json_schema_input_type=int), Field(ge=0)]
"""A whole number of at least 0."""
WholePositive = Annotated[
    int, BeforeValidator(_read_whole, json_schema_input_type=int), Field(gt=0)
]
"""A whole number of at least 1."""

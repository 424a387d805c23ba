"""What the parts of a plan are made of: names, amounts and numbers as JSON holds them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from costplan.domain.record import Record


class Part(Record):
    """A part of a plan; fields named `task_class` are `class` in JSON."""

    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


MOST_DIGITS = 40
"""Powers of ten, up and down, that a number of a plan may have."""
_SMALLEST, _LARGEST = 1e-40, 1e40
ClassName = Annotated[str, Field(alias="class")]


def _write_number(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _hold(number: Decimal) -> Decimal:
    if not number.is_finite() or (number != 0 and abs(number.adjusted()) > MOST_DIGITS):
        raise ValueError("out of range for a number of a plan")
    return number


def _read_decimal(value: object) -> Decimal:
    # Nearly all numbers of a large plan come this way, so what JSON holds is looked at first.
    kind = type(value)
    if kind is str or kind is int or kind is float:
        try:
            return _hold(Decimal(str(value)))
        except InvalidOperation:
            raise ValueError("is no decimal number") from None
    if isinstance(value, Decimal):
        return _hold(value)
    raise ValueError("a truth value is no number" if kind is bool else "is no number")


def _read_number(value: object) -> Decimal:
    if type(value) is float and (_SMALLEST < value < _LARGEST or _SMALLEST < -value < _LARGEST):
        return Decimal(repr(value))
    return Decimal(repr(float(_read_decimal(value))))


def _read_day(value: str) -> str:
    dt.date.fromisoformat(value)
    return value


def _read_moment(value: str) -> str:
    dt.datetime.fromisoformat(value)
    return value


def _write_amount(amount: Decimal) -> str:
    return f"{amount:f}"


Amount = Annotated[
    Decimal,
    PlainValidator(_read_decimal),
    PlainSerializer(_write_amount, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}),
]
"""Dollars, exact; a decimal string in JSON."""
Number = Annotated[
    Decimal,
    PlainValidator(_read_number),
    PlainSerializer(_write_number, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}),
]
"""A count, share or time, to the digits that a number in JSON keeps."""
Quantity = Annotated[
    Decimal,
    PlainValidator(_read_decimal),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}]}
    ),
]
"""Dollars or another number, as the name beside it says: `write_quantity` writes it."""
Day = Annotated[str, AfterValidator(_read_day)]
"""A day as ISO text."""
Moment = Annotated[str, AfterValidator(_read_moment)]
"""A time as ISO text."""
Real = Annotated[float, Field(ge=-1e40, le=1e40)]
"""A number that is only known approximately."""
MonthName = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
"""A month: "2027-01"."""
Grade = Literal["stated", "measured", "published", "assumed"]


def is_usd(name: str) -> bool:
    """Tell whether a limit of this name is in dollars."""
    return name.endswith("usd")


def hold_quantity(name: str, quantity: Decimal) -> Decimal:
    """Hold dollars exactly, other numbers to the digits that JSON keeps."""
    return quantity if is_usd(name) else Decimal(repr(float(quantity)))


def write_quantity(name: str, quantity: Decimal) -> str | int | float:
    """Write dollars as a decimal string, other numbers as numbers."""
    return _write_amount(quantity) if is_usd(name) else _write_number(quantity)

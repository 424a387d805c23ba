"""What the parts of a plan are made of: names, amounts and numbers as JSON holds them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from costplan.domain.record import Record


class Part(Record):
    """A part of a plan; fields named `task_class` are `class` in JSON."""

    model_config = ConfigDict(
        validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )


ClassName = Annotated[str, Field(alias="class")]


def _write_number(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)


def _read_decimal(value: object) -> object:
    return Decimal(str(value)) if isinstance(value, int | float) else value


def _read_number(value: object) -> object:
    return Decimal(repr(float(value))) if isinstance(value, int | float | Decimal) else value


def _write_amount(amount: Decimal) -> str:
    return f"{amount:f}"


Amount = Annotated[
    Decimal,
    BeforeValidator(_read_decimal),
    PlainSerializer(_write_amount, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}),
]
"""Dollars, exact; a decimal string in JSON."""
Number = Annotated[
    Decimal,
    BeforeValidator(_read_number),
    PlainSerializer(_write_number, return_type=float, when_used="json"),
    WithJsonSchema({"type": "number"}),
]
"""A count, share or time, to the digits that a number in JSON keeps."""
Quantity = Annotated[
    Decimal,
    BeforeValidator(_read_decimal),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}]}
    ),
]
"""Dollars or another number, as the name beside it says: `write_quantity` writes it."""
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

"""Scalars of the YAML 1.2 core schema, with numbers kept exact.

`off`, `yes` and `22:00` are text, `3e-05` is a number. Beyond the core schema, digits may be
grouped by underscores: `40_000`.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_WHOLE = re.compile(rf"[-+]?{_DIGITS}")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_REAL = re.compile(rf"[-+]?(?:\.{_DIGITS}|{_DIGITS}(?:\.(?:{_DIGITS})?)?)(?:[eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)")
_WORDS: dict[str, bool | Decimal | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    ".nan": Decimal("NaN"),
    ".NaN": Decimal("NaN"),
    ".NAN": Decimal("NaN"),
}
_LONGEST_INT = 100
"""Digits beyond which a whole number is kept as Decimal: Python refuses to print longer ints."""

ScalarValue = bool | int | Decimal | str | None


def read_scalar(text: str) -> ScalarValue:
    """Read an unquoted scalar: null, a boolean, an int, an exact Decimal, or else its text."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _WHOLE.fullmatch(text):
        digits = text.replace("_", "")
        return int(digits) if len(digits) <= _LONGEST_INT else Decimal(digits)
    if _REAL.fullmatch(text):
        return _read_real(text.replace("_", ""))
    if _BASED.fullmatch(text):
        return int(text, 0) if len(text) <= _LONGEST_INT else Decimal("1e1000")
    if _INFINITE.fullmatch(text):
        return Decimal("-Infinity") if text[0] == "-" else Decimal("Infinity")
    return text


def _read_real(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        # An exponent too large even for Decimal: far outside every range, on the side it says.
        mantissa, exponent = re.split("[eE]", text)
        return Decimal(mantissa).scaleb(-1000 if exponent.startswith("-") else 1000)

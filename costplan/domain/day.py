"""The day type of the files people write."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError


def _read_day(value: object) -> object:
    # Without this, pydantic reads 2026 as a number of seconds since 1970.
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value.strip())
        except ValueError:
            pass
    said = f"{value!r}" if isinstance(value, str | int) else f"a {type(value).__name__}"
    raise PydanticCustomError(
        "day", "expected a day such as 2026-10-01, found {said}", {"said": said}
    )


Day = Annotated[dt.date, BeforeValidator(_read_day)]
"""A day, written 2026-10-01."""

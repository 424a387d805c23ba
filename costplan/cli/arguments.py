"""Arguments that several commands share."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

WorkloadPath = Annotated[
    Path, typer.Argument(metavar="WORKLOAD", help="Workload file (YAML).", show_default=False)
]
PlanPath = Annotated[
    Path, typer.Argument(metavar="PLAN", help="Saved plan (JSON).", show_default=False)
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output, and nothing else there.")
]


def parse_number(text: str) -> Decimal:
    """Read a number as exactly as it is written; underscores and commas may group digits."""
    try:
        number = Decimal(text.replace("_", "").replace(",", "").removeprefix("$"))
    except InvalidOperation as error:
        raise typer.BadParameter(f"{text!r} is not a number") from error
    if not number.is_finite():
        raise typer.BadParameter(f"{text!r} is not a finite number")
    return number

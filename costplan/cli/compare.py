"""`costplan compare`: two plans side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from costplan.cli.arguments import AsJson, parse_number
from costplan.domain.collection import paused_collection


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="A", help="Saved plan (JSON).", show_default=False)
    ],
    second: Annotated[
        Path, typer.Argument(metavar="B", help="Saved plan to compare with it.", show_default=False)
    ],
    fail_over: Annotated[
        str | None,
        typer.Option(
            metavar="LIMIT",
            help="Leave with exit code 7 when B costs more than A by over this: 10% or 500 "
            "(dollars).",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what changed between two plans in choices, dollars and accuracy, and why."""
    from costplan.domain.errors import CheckError
    from costplan.plan import compare as comparing
    from costplan.plan.saved import read_plan
    from costplan.report.compare import say_excess, write_comparison

    limit = None if fail_over is None else parse_number(fail_over.strip().removesuffix("%"))
    if limit is not None and limit < 0:
        raise typer.BadParameter("--fail-over must not be below 0")
    with paused_collection():
        found = comparing.compare(read_plan(first), read_plan(second))
    write_comparison(found, as_json=as_json)
    if fail_over is not None and limit is not None:
        excess = say_excess(found, limit, percent=fail_over.strip().endswith("%"))
        if excess is not None:
            if as_json:
                # The comparison has standard output to itself.
                typer.echo(excess, err=True)
                raise typer.Exit(CheckError.exit_code)
            raise CheckError(excess)

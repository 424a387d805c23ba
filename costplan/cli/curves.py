"""`costplan curves`: benchmarks that have accuracy-per-budget curves."""

from __future__ import annotations

from typing import Annotated

import typer

from costplan.cli.arguments import AsJson

app = typer.Typer(help="List benchmarks by kind of task, to find one like your class.")


@app.callback(invoke_without_command=True)
def curves(
    context: typer.Context,
    kind: Annotated[str | None, typer.Option(help="Only this kind of task.")] = None,
    model: Annotated[str | None, typer.Option(help="Only benchmarks that have this model.")] = None,
    as_json: AsJson = False,
) -> None:
    """List benchmarks by kind of task, to find one that resembles your class."""
    if context.invoked_subcommand is not None:
        return
    from costplan.files.catalogue import load_catalogue
    from costplan.report.curves import write_benchmarks

    write_benchmarks(load_catalogue(), kind=kind, model=model, as_json=as_json)
